import gzip
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clickstream_lake.cli import app
from clickstream_lake.cli.errors import UsageError
from clickstream_lake.generate import generate_events

START = datetime(2025, 11, 26, tzinfo=UTC)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["generate", *arguments], catch_exceptions=False)


def test_a_file_holds_what_the_library_generates(tmp_path: Path) -> None:
    file = tmp_path / "new" / "events.json"

    result = run(
        str(file), "--count", "700", "--seed", "9", "--start", "2025-11-26", "--malformed", "0.1"
    )

    assert result.exit_code == 0
    assert file.read_bytes() == b"".join(generate_events(9, 700, START, malformed=0.1))


def test_a_gz_file_is_gzipped(tmp_path: Path) -> None:
    file = tmp_path / "events.gz"

    result = run(str(file), "--count", "10", "--start", "2025-11-26", "--undeclared")

    assert result.exit_code == 0
    expected = b"".join(generate_events(1, 10, START, undeclared=True))
    assert gzip.decompress(file.read_bytes()) == expected


def test_the_start_may_have_a_time(tmp_path: Path) -> None:
    file = tmp_path / "events.json"

    run(str(file), "--count", "1", "--start", "2025-11-26T10:00:00", "--days", "0.001")

    assert b'"event_ts":"2025-11-26T10:0' in file.read_bytes()


@pytest.mark.parametrize("arguments", [(), ("x.json", "--stream", "s")])
def test_one_place_to_write_to_is_needed(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="either a file to write or --stream"):
        run(*arguments)


def test_a_share_over_one_is_refused() -> None:
    assert run("x.json", "--malformed", "2").exit_code == 2
