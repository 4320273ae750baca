"""What the tables look like on terminals of 80 and of 140 columns."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from rich.table import Table

from clickstream_lake import console
from clickstream_lake.compact.operations import PlannedPartition
from clickstream_lake.operate.audit import Breach, Verdict
from clickstream_lake.operate.audit.judge import Kind
from clickstream_lake.operate.query import Answer
from clickstream_lake.transform.core import Stats

audit, compact, query, transform = (
    import_module(f"clickstream_lake.cli.{name}")
    for name in ("audit", "compact", "query", "transform")
)
DAY = "year=2025/month=11/day=26"
RAW = f"raw/{DAY}/clickstream-events-1-2025-11-26-10-00-00-0f9e44ff-1a7b-4ab0-96ed.gz"


def shown(
    table: Table, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> str:
    monkeypatch.setattr(console.stdout, "_width", width)
    console.print_table(table)
    text = capsys.readouterr().out
    assert [line for line in text.splitlines() if len(line) > width] == []
    return text


def audited() -> Table:
    return audit._verdict_table([Verdict(DAY, 1_234_567, 123_456_789, 1_234, 12, ())])


def breached() -> Table:
    detail = "queries read it, but no transform wrote it"
    return audit._breach_table([Breach(Kind.MISSING_PARTITION, DAY, "parquet", RAW, detail)])


def planned() -> Table:
    reason = "12,345 small files of 123456789 bytes"
    plan = PlannedPartition("parquet", DAY, True, reason, 12_345, 10**9, 1, 12, 0, False, 1.0)
    return compact._plan_table((plan,))


def transformed() -> Table:
    stats = Stats(
        lines=1_234_567,
        published=1_234_000,
        rejected={"non_finite_number": 17, "lone_surrogate": 550},
        bytes_stored={"json": 10**9, "parquet": 10**8},
    )
    return transform._table([(Path(RAW), stats)])


@pytest.mark.parametrize("width", [80, 140])
@pytest.mark.parametrize("make", [audited, breached, planned, transformed])
def test_no_word_of_a_header_is_cut(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make: Callable[[], Table],
    width: int,
) -> None:
    monkeypatch.setattr(console.stdout, "_width", width)
    table = make()
    text = shown(table, monkeypatch, capsys, width)

    words = {word for column in table.columns for word in str(column.header).split()}
    assert {word for word in words if not re.search(rf"\b{re.escape(word)}\b", text)} == set()
    assert "…" not in text


def test_on_80_columns_a_partition_is_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = audit._verdict_table([Verdict(DAY, 1_234, 12_345_678, 1_234, 12, ())])

    assert DAY in shown(quiet, monkeypatch, capsys, 80)


def answer(columns: int) -> Answer:
    names = [f"column_{number}" for number in range(columns)]
    return Answer(names, ["varchar"] * columns, [["[red]x"] * columns] * 2, 0, 0, more=False)


def test_an_answer_with_too_many_columns_becomes_lines_of_name_and_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = shown(query._table(answer(8), 80), monkeypatch, capsys, 80)
    narrow = shown(query._table(answer(7), 80), monkeypatch, capsys, 80)

    # A line for each of 8 columns of 2 rows, instead of one line for each row.
    assert (wide.count("column_3"), narrow.count("column_3")) == (2, 1)
    assert "[red]x" in wide
    assert "[red]x" in narrow
