import json
import re
import sys
from pathlib import Path

import pytest

from clickstream_lake.console import command_name, examples, print_json, progress, size


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1_023, "1,023 B"),
        (1_024, "1.0 KiB"),
        (145.4 * 1024**2, "145.4 MiB"),
        (3 * 1024**3, "3.0 GiB"),
        (5_000 * 1024**4, "5,000.0 TiB"),
    ],
)
def test_sizes_are_for_people(count: float, text: str) -> None:
    assert size(count) == text


def test_examples_stay_one_a_line() -> None:
    # A paragraph that starts with a backspace keeps its lines in click's help.
    assert examples("a --b", "c") == "Examples:\n\n\b\n  $ a --b\n  $ c"


def test_json_is_printed_as_it_is_whatever_the_terminal(
    capfdbinary: pytest.CaptureFixture[bytes],
) -> None:
    print_json({"wide": "x" * 300, "text": "[red]é\udc80"}, indent=None)

    assert json.loads(capfdbinary.readouterr().out) == {
        "wide": "x" * 300,
        "text": "[red]é\udc80",
    }


def test_the_command_is_named_as_it_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    binaries = tmp_path / ".venv" / "bin"
    binaries.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(binaries / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert command_name() == f"{binaries}/python -m clickstream_lake"

    (binaries / "clickstream").touch(mode=0o755)
    assert command_name() == f"{binaries}/clickstream"

    monkeypatch.chdir(tmp_path)
    assert command_name() == ".venv/bin/clickstream"

    monkeypatch.setenv("PATH", str(binaries))
    assert command_name() == "clickstream"


def test_another_clickstream_on_the_path_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "clickstream").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "ours" / "python"))
    monkeypatch.setenv("PATH", str(tmp_path / "theirs"))

    assert command_name() == f"{tmp_path}/ours/clickstream"


def test_without_a_terminal_steps_are_lines_as_they_happen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress(lines=True) as steps:
        first = steps.add_task("[one]", total=1_000, note="")
        assert capsys.readouterr().err == "[one] …\n"
        steps.advance(first, 400)
        assert capsys.readouterr().err == ""
        steps.advance(first, 600)
        assert re.fullmatch(r"\[one\]: 1,000, \d+\.\d s\n", capsys.readouterr().err)
        second = steps.add_task("two", total=None, note="starting")
        steps.update(second, total=1, completed=1, note="at [x]")
        assert re.fullmatch(r"two …\ntwo: at \[x\], \d\.\d s\n", capsys.readouterr().err)


def test_without_a_terminal_there_are_no_bars(capsys: pytest.CaptureFixture[str]) -> None:
    with progress() as bars:
        bars.advance(bars.add_task("one", total=1, note=""))

    assert capsys.readouterr().err == ""
