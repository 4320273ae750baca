# ruff: noqa: S608 - queries of the test's own columns
"""Columns that are added, retired or renamed at their source, as both engines read them."""

import json
import re
from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import pytest

from clickstream_lake.engine.errors import StatementError
from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.catalog import ColumnType
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.undeclared import Kind
from clickstream_lake.operate.evolution import FAIL
from clickstream_lake.operate.query import run
from tests.engine.conftest import NewLake
from tests.engine.eras import DAY, NEXT_DAY, TABLES, Document, Era, changed

pytestmark = pytest.mark.engine

BEFORE = load_catalog()
TYPES: Final[tuple[ColumnType, ...]] = ("string", "bigint", "double", "boolean", "timestamp")
VALUES: Final[dict[Kind, Any]] = {
    "null": None,
    "boolean": True,
    "whole": 7,
    "number": 10**20,
    "iso": "2025-11-26T10:00:00Z",
    "sql": "2025-11-26 10:00:00",
    "text": "A",
    "object": {"code": "A"},
    "array": ["A"],
}
DOUBLE: Final = re.compile(r"-?[0-9]+(\.[0-9]+([eE]\+?[0-9]+)?|[eE]\+?[0-9]+)")
DAYS: Final = {
    kind: Partition.parse(f"year=2025/month=11/day={number:02}")
    for number, kind in enumerate(VALUES, 1)
}


def embedded(era: Era, sql: str) -> list[list[Any]]:
    """What the sandbox's own engine answers."""
    answer = run(
        era.clients.athena,
        sql.format_map(TABLES),
        database=era.database,
        workgroup="clickstream",
        pause=lambda _: None,
    )
    return [list(row) for row in answer.rows]


def as_text(value: Any) -> str | None:  # noqa: ANN401 - an engine's
    """One way of writing a value: doubles have several."""
    if value is None or not DOUBLE.fullmatch(str(value)):
        return value if value is None else str(value)
    return str(float(value))


def told(era: Era, columns: str) -> list[list[Any]]:
    """Rows by the first column, as texts, which engines and tables have to agree on."""
    answers = []
    for fmt in FORMATS:
        sql = f"SELECT {columns} FROM {TABLES[fmt]} ORDER BY 1"
        answers += [
            [[as_text(value) for value in row] for row in ask(sql)]
            for ask in (era.ask, partial(embedded, era))
        ]
    assert all(answer == answers[0] for answer in answers), answers
    return answers[0]


def fails(era: Era, sql: str) -> Iterator[bool]:
    """Whether a query fails, in either engine."""
    for ask in (era.ask, partial(embedded, era)):
        try:
            ask(sql)
        except (StatementError, ToolkitError):
            yield True
        else:
            yield False


def with_columns(*entries: Document) -> Any:  # noqa: ANN401 - a change of a document
    """Columns in the middle of the file."""

    def change(document: Document) -> None:
        document["columns"][2:2] = [{"added": "2025-11-27", **entry} for entry in entries]

    return changed(change)


def follow(era: Era) -> int:
    """A tick, whose work is done at once; how many partitions were behind."""
    return era.operations().plan().behind


def test_old_rows_are_null_and_fail_no_query_whatever_was_sent_until_they_follow(
    new_lake: NewLake,
) -> None:
    before = new_lake(BEFORE)
    for kind, value in VALUES.items():
        fields = {f"field_{each}": value for each in TYPES}
        before.land("old", {"event_id": kind, **fields}, partition=DAYS[kind])
    after = before.deploy(
        with_columns(
            *({"name": f"new_{each}", "type": each, "from": [f"field_{each}"]} for each in TYPES)
        )
    )
    new = {"field_string": "B", "field_bigint": 8, "field_double": 1.5, "field_boolean": False}
    after.land("new", {"event_id": "new", **new}, partition=DAYS["text"])
    columns = "event_id, new_string, new_bigint, new_double"
    rows = [[kind, None, None, None] for kind in sorted([*VALUES, "new"])]
    rows[[row[0] for row in rows].index("new")] = ["new", "B", "8", "1.5"]
    assert told(after, columns) == rows

    assert follow(after) == 2 * len(DAYS)
    shown = {row[0]: row[1:] for row in told(after, columns)}
    assert shown["new"] == ["B", "8", "1.5"]
    assert shown["whole"] == ["7", "7", "7.0"]
    assert shown["text"] == ["A", None, None]
    assert shown["object"] == ['{"code":"A"}', None, None]
    assert follow(after) == 0


def test_what_fails_in_json_under_a_columns_own_name_is_what_diff_refuses(
    new_lake: NewLake,
) -> None:
    before = new_lake(BEFORE)
    for kind, value in VALUES.items():
        fields = {f"own_{each}": value for each in TYPES}
        before.land("old", {"event_id": kind, **fields}, partition=DAYS[kind])
    after = before.deploy(with_columns(*({"name": f"own_{t}", "type": t} for t in TYPES)))
    seen = {}
    for kind, day in DAYS.items():
        where = f"WHERE day = '{day.values[-1]}'"
        for each in TYPES:
            assert after.ask(f"SELECT own_{each} FROM {{parquet}} {where}") == [[None]]
            answers = tuple(fails(after, f"SELECT own_{each} FROM {{json}} {where}"))
            seen[each, kind] = answers
    expected = {(t, k): (k in FAIL[t],) * 2 for t in TYPES for k in VALUES}
    assert {at: seen[at] for at in seen if seen[at] != expected[at]} == {}
    follow(after)
    told(after, "event_id, " + ", ".join(f"own_{each}" for each in TYPES[:3]))


def test_new_rows_of_an_older_partition_show_their_values_after_the_next_tick(
    new_lake: NewLake,
) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", "coupon": 1})
    after = before.deploy(with_columns({"name": "coupon", "type": "bigint"}))
    after.land("new", {"event_id": "2", "coupon": 2})
    after.land("next", {"event_id": "3", "coupon": 3}, partition=NEXT_DAY)
    for fmt in FORMATS:
        # Athena goes by these where it reads JSON: a partition that is new has them at once.
        columns = [after.lake.state(Slot(fmt, day)) for day in (DAY, NEXT_DAY)]
        assert [state and "coupon" in dict(state.columns) for state in columns] == [False, True]
        # In the middle of the file, at the end of the table.
        names = [name for name, *_ in after.ask(f"SHOW COLUMNS FROM {TABLES[fmt]}")]
        assert names[-4:] == ["coupon", "year", "month", "day"]
    follow(after)
    assert told(after, "event_id, coupon") == [["1", "1"], ["2", "2"], ["3", "3"]]
    for fmt in FORMATS:
        state = after.lake.state(Slot(fmt, DAY))
        assert state is not None
        assert state.columns == after.catalog.tables[fmt].declared


def test_a_retired_column_keeps_old_values_and_its_place(new_lake: NewLake) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", "price": 2.5})

    def retire(document: Document) -> None:
        price = next(entry for entry in document["columns"] if entry["name"] == "price")
        price["retired"] = "2025-11-27"

    after = before.deploy(changed(retire))
    after.land("new", {"event_id": "2", "price": 3.5})
    rows = [["1", "2.5"], ["2", None]]
    assert told(after, "event_id, price") == rows
    after.compact()
    assert told(after, "event_id, price") == rows
    assert [json.loads(text or "{}") for (text,) in after.ask(
        "SELECT extra FROM {parquet} ORDER BY event_id"
    )] == [{}, {"price": 3.5}]  # fmt: skip
    for fmt in FORMATS:
        comments = {row[0]: row[3] for row in after.ask(f"SHOW COLUMNS FROM {TABLES[fmt]}")}
        assert comments["price"].startswith("Retired 2025-11-27: ")


def test_a_field_that_producers_rename_goes_on_in_its_column(new_lake: NewLake) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", "price": 1.5}, {"event_id": "2", "unit_price": 2.5})

    def rename(document: Document) -> None:
        price = next(entry for entry in document["columns"] if entry["name"] == "price")
        price["from"] = ["unit_price", "price"]

    after = before.deploy(changed(rename))
    after.land("new", {"event_id": "3", "unit_price": 3.5}, {"event_id": "4", "price": 4.5})
    new = [["3", "3.5"], ["4", "4.5"]]
    assert told(after, "event_id, price") == [["1", "1.5"], ["2", None], *new]
    after.compact()
    assert told(after, "event_id, price") == [["1", "1.5"], ["2", "2.5"], *new]
