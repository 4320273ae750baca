import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from clickstream_lake.demo.report import Report, Scan, show

SMALL = Scan(files=35, bytes=1_000_000, one_column=1_000_000, everything=1_000_000)
REPORT = Report(
    sent=10,
    resent=0,
    raw_objects=2,
    kind="event_type",
    counts={"JSON": {"click": 6, "search": 2}, "Parquet": {"click": 6, "search": 2}},
    rejected={"not_json": 2},
    small={"JSON": SMALL, "Parquet": replace(SMALL, one_column=10_000)},
    compacted={"JSON": replace(SMALL, files=1), "Parquet": replace(SMALL, one_column=1_000)},
    directory=Path("demo"),
    one_column_sql="SELECT …",
    alarms={"lake-queue-age": "OK", "lake-deadline": "INSUFFICIENT_DATA"},
)


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=160)
    show(report, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_it_says_which_alarms_ring() -> None:
    assert "None of 2 alarms rings." in shown(REPORT)
    rings = replace(REPORT, alarms=REPORT.alarms | {"lake-queue-age": "ALARM"})
    assert rings.ringing == ["lake-queue-age"]
    assert "Alarms ring: lake-queue-age" in shown(rings)


def test_it_adds_up_when_both_tables_agree_and_nothing_is_missing() -> None:
    assert REPORT.adds_up
    assert "Nothing lost, nothing doubled: 10 sent = 8 in JSON, 8 in Parquet + 2 rejected" in shown(
        REPORT
    )


@pytest.mark.parametrize(
    "report",
    [
        replace(REPORT, sent=11),
        replace(REPORT, rejected={}),
        replace(REPORT, counts=REPORT.counts | {"Parquet": {"click": 7, "search": 1}}),
        replace(REPORT, counts=REPORT.counts | {"Parquet": {"click": 6}}),
    ],
)
def test_it_does_not_add_up_when_rows_are_missing_or_differ(report: Report) -> None:
    assert not report.adds_up
    assert "The counts do not add up" in shown(report)


def test_everything_promised_is_shown() -> None:
    text = shown(REPORT)

    for promised in (
        "click",
        "35",
        "JSON : this",
        "1,000",
        "merged",
        "not_json",
        "demo/bucket/raw/",
        "logs",
    ):
        assert promised in text


def test_the_command_that_goes_on_can_be_copied_whatever_its_length() -> None:
    text = shown(replace(REPORT, directory=Path("d" * 300)))

    assert text.splitlines()[-1].endswith(f"clickstream sandbox up --dir {'d' * 300}")


def test_without_compaction_nothing_is_called_merged() -> None:
    text = shown(replace(REPORT, compacted=REPORT.small))

    assert "merged" not in text
    assert "Too few small files" in text
