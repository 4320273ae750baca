# ruff: noqa: S608, ANN401 - queries of the test's own columns, whose values have any type
"""Partitions of before a schema change, as the engine reads them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from clickstream_lake.engine.errors import StatementError
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Partition, Slot
from tests.engine.conftest import NewLake
from tests.engine.eras import DAY, NEXT_DAY, TABLES, Document, Era, Rows, changed

pytestmark = pytest.mark.engine

BEFORE = load_catalog()
Change = Callable[[Document], None]


def column(name: str, kind: str) -> Document:
    return {"name": name, "type": kind, "comment": ""}


def added(name: str, kind: str, at: int | None = None) -> Change:
    """A column at a place, or at the end."""

    def change(document: Document) -> None:
        columns = document["columns"]
        columns.insert(len(columns) if at is None else at, column(name, kind))

    return change


def retyped(name: str, kind: str) -> Change:
    def change(document: Document) -> None:
        for entry in document["columns"]:
            if entry["name"] == name:
                entry["type"] = kind
                entry.pop("url", None)
                entry.pop("time_formats", None)

    return change


def renamed(name: str, to: str) -> Change:
    def change(document: Document) -> None:
        for entry in document["columns"]:
            if entry["name"] == name:
                entry["name"] = to

    return change


def removed(name: str) -> Change:
    def change(document: Document) -> None:
        document["columns"] = [each for each in document["columns"] if each["name"] != name]

    return change


def moved_first(name: str) -> Change:
    def change(document: Document) -> None:
        document["columns"].sort(key=lambda entry: entry["name"] != name)

    return change


def in_both(era: Era, *columns: str) -> Rows:
    """Rows by the first column, which both tables have to agree on."""
    sql = f"SELECT {', '.join(columns)} FROM {{}} ORDER BY 1"
    one, other = (era.ask(sql.format(TABLES[fmt])) for fmt in FORMATS)
    assert one == other
    return one


def fails(era: Era, sql: str) -> bool:
    try:
        era.ask(sql)
    except StatementError:
        return True
    return False


@pytest.mark.parametrize("at", [None, 0, 4], ids=["end", "start", "middle"])
def test_an_added_column_is_null_in_parquet_until_compaction_and_as_it_was_sent_in_json(
    new_lake: NewLake, at: int | None
) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", "coupon": "A", "country": "DE"})
    after = before.deploy(changed(added("coupon", "string", at)))
    after.land("new", {"event_id": "2", "coupon": "B", "country": "AT"})
    after.land("next", {"event_id": "3", "coupon": "C", "country": "CH"}, partition=NEXT_DAY)

    sql = "SELECT event_id, coupon, country FROM {} ORDER BY 1"
    whole = [["1", "A", "DE"], ["2", "B", "AT"], ["3", "C", "CH"]]
    # Its partition is older than the column, but the second file has it.
    assert after.ask(sql.format(TABLES["parquet"])) == [["1", None, "DE"], *whole[1:]]
    assert after.ask(sql.format(TABLES["json"])) == whole
    after.compact()
    assert in_both(after, "event_id", "coupon", "country") == whole


MISFITS: list[tuple[str, Any]] = [
    ("string", {"code": "X"}),
    ("string", ["X"]),
    ("timestamp", {"at": 1}),
    ("bigint", "7"),
    ("bigint", 10**20),
    ("bigint", True),
    ("double", "7.5"),
    ("double", [1]),
    ("boolean", {}),
]


def test_a_new_column_fails_json_queries_that_read_it_over_old_misfits_until_compaction(
    new_lake: NewLake,
) -> None:
    names = [f"field{number}" for number in range(len(MISFITS))]
    days = [Partition.parse(f"year=2025/month=11/day={n + 1:02}") for n in range(len(MISFITS))]
    before = new_lake(BEFORE)
    for name, day, (_, value) in zip(names, days, MISFITS, strict=True):
        before.land("old", {"event_id": name, name: value}, partition=day)
    kinds = [kind for kind, _ in MISFITS]
    after = before.deploy(changed(*map(added, names, kinds)))

    for name, day in zip(names, days, strict=True):
        where = f"WHERE day = '{day.values[-1]}'"
        assert fails(after, f"SELECT {name} FROM {{json}} {where}")
        assert after.ask(f"SELECT {name} FROM {{parquet}} {where}") == [[None]]
        assert after.ask(f"SELECT event_id FROM {{json}} {where}") == [[name]]
        after.compact(day)
    rows = in_both(after, "event_id", *names)
    assert [[text for text in row[1:] if text is not None] for row in rows] == [
        ['{"code":"X"}'], ['["X"]'], [], [], [], [], [], [], []
    ]  # fmt: skip


def test_a_partitions_columns_change_at_the_swap_and_not_when_it_is_announced(
    new_lake: NewLake,
) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", "quantity": 7})
    after = before.deploy(changed(retyped("quantity", "string")))
    seen: list[Rows] = []

    def look() -> datetime:
        """Asked for the time between the announcement and the swap, among others."""
        for fmt in FORMATS:
            state = after.lake.state(Slot(fmt, DAY))
            if state is not None and state.next_location:
                seen.append(after.ask(f"SELECT quantity FROM {TABLES[fmt]}"))
        return datetime.now(UTC)

    after.compact(now=look)

    assert seen == [[["7"]], [["7"]]]
    assert in_both(after, "event_id", "quantity") == [["1", "7"]]


@pytest.mark.parametrize(
    ("name", "kind", "sent", "shown"),
    [
        ("quantity", "double", 7, 7.0),
        ("quantity", "string", 7, "7"),
        ("price", "string", 2.5, "2.5"),
        ("country", "bigint", "49", 49),
        ("country", "double", "4.5", 4.5),
    ],
)
def test_a_column_of_another_type_is_cast_while_all_files_of_the_partition_are_old(
    new_lake: NewLake, name: str, kind: str, sent: Any, shown: Any
) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", name: sent})
    after = before.deploy(changed(retyped(name, kind)))
    after.land("new", {"event_id": "2", name: sent}, partition=NEXT_DAY)

    assert in_both(after, "event_id", name)[0] == ["1", shown]


@pytest.mark.parametrize(
    ("name", "kind", "old", "new"),
    [
        ("quantity", "double", 7, 7.5),
        ("quantity", "string", 7, "x"),
        ("price", "string", 2.5, "x"),
        ("price", "bigint", 2.0, 3),
        ("quantity", "boolean", 1, True),
        ("country", "boolean", "DE", True),
        ("event_ts", "bigint", "2025-11-26T10:00:00Z", 5),
    ],
)
def test_new_files_of_another_type_fail_queries_of_the_column_until_compaction(
    new_lake: NewLake, name: str, kind: str, old: Any, new: Any
) -> None:
    before = new_lake(BEFORE)
    before.land("old", {"event_id": "1", name: old})
    after = before.deploy(changed(retyped(name, kind)))
    after.land("new", {"event_id": "2", name: new})

    assert fails(after, f"SELECT {name} FROM {{parquet}}")
    assert after.ask("SELECT count(*), count(event_id) FROM {parquet}") == [[2, 2]]
    assert after.ask("SELECT count(*), count(event_id) FROM {json}") == [[2, 2]]
    after.compact()
    assert in_both(after, "event_id", name)[1] == ["2", new]


def test_columns_that_are_renamed_removed_or_moved_are_found_by_their_names(
    new_lake: NewLake,
) -> None:
    before = new_lake(BEFORE)
    event = {"quantity": 1, "country": "DE", "referrer": "/r", "device_type": "tablet"}
    before.land("old", {"event_id": "1", "units": 7, **event})
    after = before.deploy(
        changed(renamed("quantity", "units"), removed("referrer"), moved_first("country"))
    )
    after.land("new", {"event_id": "2", "units": 8, **event})

    columns = "event_id, country, device_type, units"
    assert after.ask(f"SELECT {columns} FROM {{parquet}} ORDER BY 1") == [
        ["1", "DE", "tablet", None],
        ["2", "DE", "tablet", 8],
    ]
    whole = [["1", "DE", "tablet", 7], ["2", "DE", "tablet", 8]]
    assert after.ask(f"SELECT {columns} FROM {{json}} ORDER BY 1") == whole
    after.compact()
    assert in_both(after, *columns.split(", ")) == whole
    for (extra,) in after.ask("SELECT extra FROM {parquet}"):
        assert json.loads(extra) == {"quantity": 1, "referrer": "/r"}


def test_rejects_of_before_and_after_a_change_of_their_columns_are_read_together(
    new_lake: NewLake,
) -> None:
    def change(document: Document) -> None:
        columns = document["reject_columns"]
        columns.insert(2, column("hint", "string"))
        columns.append(column("weight", "double"))
        columns[:] = [
            {**each, "type": "double"} if each["name"] == "line_number" else each
            for each in columns
        ]

    before = new_lake(BEFORE)
    before.land("old", "not JSON")
    after = before.deploy(changed(change))
    after.land("new", "not JSON")
    after.land("next", "not JSON", partition=NEXT_DAY)

    assert (
        after.ask("SELECT reason, hint, weight, line_number, texts FROM {rejects}")
        == [["not_json", None, None, 1.0, 1]] * 3
    )
    assert len(after.ask("SELECT * FROM {rejects}")) == 3
