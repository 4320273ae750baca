import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from clickstream_lake import __version__
from clickstream_lake.cli.main import COMMANDS, load, main
from clickstream_lake.sandbox.resources import Credentials
from tests.unit.cli.conftest import Run

MODULE = import_module("clickstream_lake.cli.main")
HEAVY = ("boto3", "botocore", "pyarrow", "numpy", "duckdb", "moto", "sqlglot", "rich")


def hide(directory: Path, *names: str) -> None:
    """Make modules of these names that say they are not there."""
    for name in names:
        text = f'raise ModuleNotFoundError("No module named {name!r}", name={name!r})'
        (directory / f"{name}.py").write_text(text)


def loaded(clickstream: Run, *arguments: str, **more: str) -> set[str]:
    """What a run of the command has loaded of libraries; every command loads Rich."""
    done = clickstream(*arguments, PYTHONPROFILEIMPORTTIME="1", **more)
    names = set(re.findall(r"\| +(\S+)$", done.stderr.decode(), flags=re.MULTILINE))
    assert "clickstream_lake.cli.main" in names
    return names & {*HEAVY, "clickstream_lake.sandbox"}


@pytest.mark.parametrize("option", ["--help", "--version", "--show-completion=bash"])
def test_help_version_and_completion_load_no_command_and_no_library(
    clickstream: Run, option: str
) -> None:
    assert loaded(clickstream, *option.split("=")) == set()


def test_completing_a_command_loads_none(clickstream: Run) -> None:
    asked = {"_CLICKSTREAM_COMPLETE": "complete_bash", "COMP_CWORD": "1"}

    assert loaded(clickstream, COMP_WORDS="clickstream tr", **asked) == set()
    assert clickstream(COMP_WORDS="clickstream tr", **asked).stdout == b"transform\n"


def test_completing_an_option_loads_one_command_and_no_library(clickstream: Run) -> None:
    asked = {"_CLICKSTREAM_COMPLETE": "complete_bash", "COMP_CWORD": "2"}
    words = "clickstream compact --dry"

    assert clickstream(COMP_WORDS=words, **asked).stdout == b"--dry-run\n"
    assert loaded(clickstream, COMP_WORDS=words, **asked) & set(HEAVY) == {"rich"}


def test_no_command_loads_a_library_for_its_help() -> None:
    code = (
        "import sys; from clickstream_lake.cli.main import COMMANDS, load; "
        f"[load(name) for name in COMMANDS]; print({set(HEAVY)} & set(sys.modules))"
    )

    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "{'rich'}\n"


def test_a_local_transform_loads_no_aws_and_needs_no_numpy(
    clickstream: Run, tmp_path: Path
) -> None:
    clickstream("generate", "events.json", "--count", "10")
    hide(tmp_path, "numpy")

    found = loaded(clickstream, "transform", "events.json", PYTHONPATH=str(tmp_path))

    assert found & set(HEAVY) == {"pyarrow", "numpy", "rich"}
    assert (tmp_path / "lake/processed/parquet").is_dir()


@pytest.mark.parametrize(("name", "text"), COMMANDS.items())
def test_the_table_of_commands_says_what_their_help_says(name: str, text: str) -> None:
    assert load(name).help.split("\n\n")[0].replace("\n", " ") == text


def test_the_version_is_that_of_the_package(clickstream: Run) -> None:
    assert clickstream("--version").stdout.decode() == f"clickstream {__version__}\n"


@pytest.mark.parametrize("words", [("--show-completion", "bash"), ("--show-completion=bash",)])
def test_completion_names_the_command_however_it_was_started(
    clickstream: Run, words: tuple[str, ...]
) -> None:
    script = clickstream(*words).stdout.decode()

    assert "_CLICKSTREAM_COMPLETE=complete_bash" in script
    assert re.search(r"^complete .* clickstream$", script, flags=re.MULTILINE)


@pytest.mark.parametrize("shell", ["bash", "fish", "pwsh", "zsh"])
def test_completion_is_that_of_the_shell_that_is_named(clickstream: Run, shell: str) -> None:
    # Whatever shell has started this, if one has.
    script = clickstream("--show-completion", shell).stdout.decode()

    assert f"complete_{'powershell' if shell == 'pwsh' else shell}" in script


def test_completion_of_no_known_shell_is_wrong_usage(clickstream: Run) -> None:
    done = clickstream("--show-completion=tcl")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"'tcl' is not one of" in done.stderr


def test_an_unknown_command_is_wrong_usage(clickstream: Run) -> None:
    done = clickstream("transfrom")

    assert (done.returncode, done.stdout) == (2, b"")
    assert b"No such command 'transfrom'" in done.stderr


def test_an_unforeseen_error_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(MODULE, "app", broken)

    with pytest.raises(ZeroDivisionError):
        main()


def test_ctrl_c_ends_with_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "app", interrupted)

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 130


@pytest.mark.parametrize("wrong", [(), ("x.json", "--stream", "s")])
def test_wrong_usage_is_one_line_and_status_2(clickstream: Run, wrong: tuple[str, ...]) -> None:
    done = clickstream("generate", *wrong)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"Error: give either a file to write or --stream\n"


def test_without_a_sandbox_a_query_says_how_to_get_one(clickstream: Run) -> None:
    # Port 9 is discard: nobody listens there.
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    printed = Credentials.random().environment()

    done = clickstream("query", "SELECT 1", **nobody, **printed)

    assert (done.returncode, done.stdout) == (1, b"")
    assert b"sandbox up` still running" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_an_endpoint_alone_is_no_sandbox_s_variables(clickstream: Run) -> None:
    done = clickstream("query", "SELECT 1", AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert done.returncode == 1
    assert b"set all the variables that it prints" in done.stderr


def test_a_profile_that_is_not_there_is_one_line(clickstream: Run) -> None:
    done = clickstream("query", "SELECT 1", "--profile", "nobody")

    assert done.returncode == 1
    assert done.stderr == b"Error: The config profile (nobody) could not be found\n"


def test_a_region_is_the_one_that_is_asked(clickstream: Run) -> None:
    done = clickstream("query", "SELECT 1", "--region", "xx-nowhere-1")

    # Without it, the missing region would be the complaint.
    assert b"Unable to locate credentials" in done.stderr


@pytest.mark.parametrize("arguments", [("demo",), ("sandbox", "up"), ("estimate", "SELECT 1")])
def test_without_the_extra_one_line_says_what_to_install(
    clickstream: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    hide(tmp_path, "duckdb", "moto", "sqlglot")

    done = clickstream(*arguments, PYTHONPATH=str(tmp_path))

    assert done.returncode == 1
    (line,) = [line for line in done.stderr.decode().splitlines() if "…" not in line]
    assert line.startswith("Error: the local AWS needs the module ")
    assert line.endswith("pip install 'clickstream-lake[sandbox]'")


def test_the_entry_point_of_the_wheel_is_the_same_function() -> None:
    assert import_module("clickstream_lake.cli").main is main
