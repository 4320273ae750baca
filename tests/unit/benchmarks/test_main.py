import subprocess
import sys
from typing import Any

import pytest

from benchmarks import __main__ as command


def test_without_a_name_all_run_short(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    for name in ("_transform", "_compaction", "_scan"):
        monkeypatch.setattr(command, name, lambda options: asked.append(options) or 0)
    assert command.main([]) == 0
    assert [options.command for options in asked] == ["transform", "compaction", "scan"]
    assert asked[0].events == asked[2].events == 100_000
    assert {options.out.as_posix() for options in asked} == {".benchmarks/short"}


def test_full_runs_all_as_published(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    for name in ("_transform", "_compaction", "_scan"):
        monkeypatch.setattr(command, name, lambda options: asked.append(options) or 1)
    assert command.main(["--full"]) == 1
    assert (asked[0].events, asked[2].events) == (1_000_000, 2_200_000)
    assert asked[2].engine == "trino"
    assert {options.out for options in asked} == {command.RESULTS}
    assert asked[2].docs.as_posix() == "docs/bytes-scanned.md"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["transform", "--scenario", "none"], "no scenario 'none'; there are 'clean'"),
        (["scan", "--target", "aws"], "needs --bucket"),
        (["scan", "--target", "aws", "--bucket", "b"], "points at the sandbox"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4577")
    assert command.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(("answer", "run"), [("y", 1), ("", 0), ("no", 0)])
def test_money_is_spent_only_after_a_yes(
    answer: str, run: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda: answer)
    assert command._asked(0.0321, 96) == bool(run)
    assert "96 queries will be billed about $0.0321" in capsys.readouterr().err


def test_help_names_every_benchmark() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, check=True
    )
    for name in ("transform", "compaction", "scan", "report", "--full"):
        assert name in done.stdout
