"""Log lines of both functions stay whole JSON, however long a report is."""

import json
from typing import Any

import pytest

from clickstream_lake.lake.telemetry import MOST_LINE_BYTES, Telemetry, to_line

LONG: dict[str, Any] = {
    "many entries": [{"partition": f"year=2025/{n}", "kept": ["a"] * 3} for n in range(20_000)],
    "long lists in many": [{"kept": [f"key-{n}" for n in range(900)]} for _ in range(900)],
    "texts": ["x" * 5_000] * 900,
    "one text": "ü" * MOST_LINE_BYTES,
    "a tuple": tuple(range(100_000)),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_entry_is_a_line_that_stays_whole(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Telemetry(name, {}).logger.warning("cleaned up", extra={"report": LONG[name]})
    (line,) = capsys.readouterr().out.splitlines()
    assert len(line.encode()) <= MOST_LINE_BYTES
    entry = json.loads(line)
    assert (entry["level"], entry["message"], entry["service"]) == ("WARNING", "cleaned up", name)
    assert " more" in line


def test_what_is_missing_is_counted() -> None:
    report = json.loads(to_line({"partitions": list(range(1_000_000))}))["partitions"]
    told = int(report[-1].split()[1])
    assert report[:-1] == list(range(1_000_000 - told))


def test_an_entry_that_fits_is_written_whole() -> None:
    entry = {"kept": [f"key-{n}" for n in range(9_000)], "left": 1}
    assert json.loads(to_line(entry)) == entry


def test_half_a_letter_of_a_key_is_written_as_json_has_it() -> None:
    entry = {"key": "raw/\ud800.gz", "other": "ü\U0001f600"}
    line = to_line(entry)
    assert json.loads(line.encode()) == entry
    assert "ü\U0001f600" in line
