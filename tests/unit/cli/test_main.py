import subprocess
import sys

import pytest

from clickstream_lake.cli import main

HEAVY = ("duckdb", "moto", "sqlglot", "matplotlib", "pandas")


def test_the_command_line_loads_no_sandbox_and_no_engine_before_they_are_needed() -> None:
    code = f"import clickstream_lake.cli, sys; print([m for m in {HEAVY} if m in sys.modules])"

    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert done.stdout == "[]\n"


def test_a_known_error_is_one_line_without_a_traceback_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["clickstream", "generate"])

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 1
    assert capsys.readouterr().err == "Error: give either a file to write or --stream\n"


def test_without_a_sandbox_a_query_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["clickstream", "query", "SELECT 1"])
    # Port 9 is discard: nobody listens there.
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")

    with pytest.raises(SystemExit) as caught:
        main()

    assert caught.value.code == 1
    assert "Is `clickstream sandbox up` still running" in capsys.readouterr().err
