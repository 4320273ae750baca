import os
import subprocess
import sys
from pathlib import Path

from tests.skips import ALLOWED, Skip, allowed

ROOT = Path(__file__).parents[1]
PLUGIN = "from tests import skips\n\n\ndef pytest_configure(config):\n    skips.register(config)\n"
SKIPPED = """import pytest

@pytest.mark.parametrize("number", [1, 2])
def test_that_is_skipped(number):
    pytest.skip("there is no moon")

@pytest.mark.xfail(reason="it does", strict=True)
def test_that_fails_as_expected():
    assert False

def test_that_runs():
    pass
"""


def check(directory: Path, *options: str, last: bool = False) -> subprocess.CompletedProcess[str]:
    (directory / "conftest.py").write_text(PLUGIN)
    (directory / "test_it.py").write_text(SKIPPED)
    (directory / "test_module.py").write_text("import pytest\npytest.importorskip('no_such')\n")
    # A conftest that concerns some tests alone has pytest look for plugins in a set.
    (directory / "apart").mkdir(exist_ok=True)
    (directory / "apart" / "conftest.py").touch()
    (directory / "apart" / "test_apart.py").write_text("def test_apart_that_runs():\n    pass\n")
    environment = {key: value for key, value in os.environ.items() if "SKIPS" not in key}
    environment |= {"CLICKSTREAM_SKIPS": str(directory / "skips.txt"), "PYTHONPATH": str(ROOT)}
    environment |= {"CLICKSTREAM_SKIPS_LAST": "1"} if last else {}
    return subprocess.run(  # noqa: S603 - this interpreter's own pytest
        [
            *(sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", f"--rootdir={directory}"),
            *("-p", "no:randomly", "-p", "no:cacheprovider", *options, str(directory)),
        ],
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_skips_of_all_runs_are_listed_and_one_that_is_not_allowed_fails_the_last(
    tmp_path: Path,
) -> None:
    first = check(tmp_path, "-k", "1", "-n", "2")
    last = check(tmp_path, "-k", "2 or runs or fails", last=True)

    assert first.returncode == 0, first.stdout
    assert "whole check" not in first.stdout
    assert last.returncode == 1, last.stdout
    assert "3 tests were skipped in the whole check" in last.stdout
    for test in ("test_it.py::test_that_is_skipped[1]", "test_it.py::test_that_is_skipped[2]"):
        assert f"NOT ALLOWED {test}: there is no moon" in last.stdout
    assert "NOT ALLOWED test_module.py: could not import 'no_such'" in last.stdout
    assert "passed" in last.stdout.splitlines()[-1]


def test_a_run_that_skips_nothing_passes_as_the_last(tmp_path: Path) -> None:
    done = check(tmp_path, "-k", "runs", "--ignore", str(tmp_path / "test_module.py"), last=True)

    assert done.returncode == 0, done.stdout
    assert "0 tests were skipped in the whole check" in done.stdout


def test_a_line_allows_one_reason_of_the_tests_that_it_names() -> None:
    lines = ["# why", "", "tests/a.py::test_moon(*): there is no *"]

    assert allowed(Skip("tests/a.py::test_moon[full]", "there is no moon"), lines)
    assert not allowed(Skip("tests/a.py::test_moon[full]", "too tired"), lines)
    assert not allowed(Skip("tests/b.py::test_moon[full]", "there is no moon"), lines)


def test_every_line_of_the_committed_list_reads_as_a_rule_about_files_that_exist() -> None:
    rules = [line for line in ALLOWED.read_text().splitlines() if line and line[0] != "#"]

    for rule in rules:
        test, _, reason = rule.partition(": ")
        assert reason.strip("* "), rule
        assert list(ROOT.glob(test.split("::")[0])), rule
