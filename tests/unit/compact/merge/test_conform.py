import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_lake.compact.merge.conform import LineConformer
from clickstream_lake.compact.merge.merging import Input, MergeCounters
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog import Catalog, Column
from clickstream_lake.lake.quality import Quality

Write = Callable[..., Path]
Newer = Callable[..., Catalog]


def conform(path: Path, catalog: Catalog) -> tuple[list[dict[str, Any]], MergeCounters]:
    result = merge_parquet([Input(path)], path.parent, catalog=catalog)
    (file,) = result.files
    table = pq.ParquetFile(file.path).read().select(catalog.arrow_schema().names)
    assert table.schema.equals(catalog.arrow_schema())
    rows = sorted(table.to_pylist(), key=lambda row: str(row["event_id"]))
    return rows, result.counters


def test_a_field_in_extra_moves_into_its_column_once_that_is_declared(
    write: Write, newer: Newer
) -> None:
    path = write([{"event_id": "1", "extra": '{"campaign":"spring","other":[1, 2]}'}])
    (row,), counters = conform(path, newer(campaign="string"))
    assert (row["campaign"], row["extra"]) == ("spring", '{"other":[1, 2]}')
    assert (counters.lifted, counters.returned) == (1, 0)


def test_extra_is_null_again_when_nothing_is_left_in_it(write: Write, newer: Newer) -> None:
    path = write([{"event_id": "1", "extra": '{"campaign":"spring"}'}])
    (row,), _ = conform(path, newer(campaign="string"))
    assert row["extra"] is None


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("bigint", "7", 7),
        ("bigint", "7.0", 7),
        ("double", "7", 7.0),
        ("boolean", "true", True),
        ("timestamp", '"2025-11-26T12:00:00+02:00"', datetime(2025, 11, 26, 10, tzinfo=UTC)),
        ("string", '"x\\u00e4"', "xä"),
        ("string", "1.50", "1.50"),
        ("json", '{"a": 1}', '{"a":1}'),
        ("json", '"text"', '"text"'),
    ],
)
def test_a_lifted_value_has_the_columns_type(
    write: Write, newer: Newer, kind: str, text: str, value: object
) -> None:
    path = write([{"event_id": "1", "extra": f'{{"fresh":{text}}}'}])
    (row,), _ = conform(path, newer(fresh=kind))
    assert (row["fresh"], row["extra"]) == (value, None)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("bigint", "5.5"), ("bigint", "9223372036854775808"), ("double", '"a"'), ("boolean", "1")],
)
def test_a_value_that_does_not_fit_stays_in_extra(
    write: Write, newer: Newer, kind: str, text: str
) -> None:
    extra = f'{{"fresh":{text}}}'
    (row,), counters = conform(write([{"event_id": "1", "extra": extra}]), newer(fresh=kind))
    assert (row["fresh"], row["extra"], counters.lifted) == (None, extra, 0)


def test_a_json_null_leaves_extra_and_is_null_in_the_column(write: Write, newer: Newer) -> None:
    path = write([{"event_id": "1", "extra": '{"fresh":null}'}])
    (row,), counters = conform(path, newer(fresh="bigint"))
    assert (row["fresh"], row["extra"], counters.lifted) == (None, None, 1)


def test_a_key_that_differs_in_case_stays_in_extra(write: Write, newer: Newer) -> None:
    path = write([{"event_id": "1", "extra": '{"Fresh":1}'}])
    (row,), _ = conform(path, newer(fresh="bigint"))
    assert (row["fresh"], row["extra"]) == (None, '{"Fresh":1}')


def test_a_missing_column_is_null(write: Write, newer: Newer) -> None:
    (row,), _ = conform(write([{"event_id": "1"}]), newer(fresh="timestamp"))
    assert row["fresh"] is None


def test_columns_that_are_gone_go_back_into_extra(write: Write, newer: Newer) -> None:
    path = write(
        [
            {"event_id": "1", "quantity": 3, "country": 'a"b', "extra": '{"z":1}'},
            {"event_id": "2", "properties": '{"deep":[1]}', "price": 1.5},
            {"event_id": "3"},
        ]
    )
    catalog = newer(gone=["quantity", "country", "properties", "price"])
    rows, counters = conform(path, catalog)
    assert [row["extra"] for row in rows] == [
        '{"z":1,"country":"a\\"b","quantity":3}',
        '{"price":1.5,"properties":{"deep":[1]}}',
        None,
    ]
    assert counters.returned == 4


def test_a_column_that_went_and_came_back_has_its_values_again(
    write: Write, newer: Newer, catalog: Catalog, tmp_path: Path
) -> None:
    rows = [
        {
            "event_id": "1",
            "quantity": 3,
            "properties": '{"a":[1]}',
            "event_ts": datetime(2025, 1, 1, 0, 0, 0, 7000, tzinfo=UTC),
        }
    ]
    path = write(rows)
    without = newer(gone=["quantity", "properties", "event_ts"])
    away = merge_parquet([Input(path)], tmp_path, catalog=without, stem="away")
    back, _ = conform(away.files[0].path, catalog)
    assert back == pq.read_table(path).to_pylist()


def test_a_retyped_column_keeps_what_fits_and_returns_the_rest(write: Write, newer: Newer) -> None:
    path = write([{"event_id": "1", "price": 5.0}, {"event_id": "2", "price": 5.5}])
    rows, counters = conform(path, newer(price="bigint"))
    assert [(row["price"], row["extra"]) for row in rows] == [(5, None), (None, '{"price":5.5}')]
    assert counters.returned == 1


def test_a_value_that_did_not_fit_is_lifted_when_the_type_becomes_wider(
    write: Write, newer: Newer
) -> None:
    path = write([{"event_id": "1", "extra": '{"quantity":5.5}'}, {"event_id": "2", "quantity": 5}])
    rows, _ = conform(path, newer(quantity="double"))
    assert [(row["quantity"], row["extra"]) for row in rows] == [(5.5, None), (5.0, None)]


def test_text_that_becomes_json_is_quoted_and_json_that_becomes_text_is_not(
    write: Write, newer: Newer
) -> None:
    path = write([{"event_id": "1", "country": "DE", "properties": '"text"'}])
    (row,), _ = conform(path, newer(country="json", properties="string"))
    assert (row["country"], row["properties"]) == ('"DE"', "text")


def test_columns_in_another_order_or_width_are_normalised(write: Write, catalog: Catalog) -> None:
    schema = pa.schema(
        [
            ("quantity", pa.int32()),
            ("event_ts", pa.timestamp("us")),
            ("price", pa.float32()),
            ("event_id", pa.large_string()),
        ]
    )
    moment = datetime(2025, 1, 1, 0, 0, 0, 7999)  # noqa: DTZ001 - the old column had no zone
    path = write([{"event_id": "1", "quantity": 3, "price": 0.5, "event_ts": moment}], schema)
    (row,), counters = conform(path, catalog)
    assert (row["quantity"], row["price"], row["extra"]) == (3, 0.5, None)
    assert row["event_ts"] == datetime(2025, 1, 1, 0, 0, 0, 7000, tzinfo=UTC)
    assert counters.returned == 0


def test_an_extra_that_is_no_json_object_stops_the_merge(write: Write, newer: Newer) -> None:
    with pytest.raises(ValueError, match="not a JSON object"):
        conform(write([{"event_id": "1", "extra": "[1]"}]), newer(fresh="bigint"))


def test_what_a_column_takes_by_now_moves_into_it(
    write: Write, newer: Newer, catalog: Catalog
) -> None:
    """Times as numbers, which an older catalog did not take: not if a value is there already."""
    path = write(
        [
            {"event_id": "1", "extra": '{"event_ts":1764151200.5}'},
            {"event_id": "2", "extra": '{"event_ts":-1,"a":2}', "price": 2.5},
            {"event_id": "3", "event_ts": 0, "extra": '{"event_ts":1764151200}'},
            {"event_id": "4", "event_ts": 1764151200123},
        ]
    )
    rows, counters = conform(path, newer())
    assert [row["extra"] for row in rows] == [
        None, '{"event_ts":-1,"a":2}', '{"event_ts":1764151200}', None,
    ]  # fmt: skip
    times = [None if row["event_ts"] is None else row["event_ts"].timestamp() for row in rows]
    assert times == [1764151200.5, None, 0, 1764151200.123]
    assert (rows[1]["price"], counters.lifted, counters.returned) == (2.5, 1, 0)
    same, counters = conform(path, catalog)
    assert (same[0]["event_ts"], same[0]["extra"]) == (None, '{"event_ts":1764151200.5}')
    assert counters.lifted == 0


def ruled(catalog: Catalog, name: str, quality: Quality) -> Catalog:
    """The next version of a catalog, with other rules of one column."""
    columns = tuple(
        replace(column, quality=quality) if column.name == name else column
        for column in catalog.columns
    )
    tables = {
        fmt: replace(
            table, columns=tuple(c for c in columns if c.name in {k.name for k in table.columns})
        )
        for fmt, table in catalog.tables.items()
        if fmt != "rejects"
    }
    return replace(
        catalog,
        columns=columns,
        tables={**catalog.tables, **tables},
        content=catalog.content + b"\n",
    )


def test_a_value_that_a_rule_moved_comes_back_once_the_rule_allows_it(
    write: Write, catalog: Catalog
) -> None:
    rows = [
        {"event_id": "1", "extra": '{"country":"DE","price":5}'},
        {"event_id": "2", "extra": '{"country":"DEU","price":50}'},
    ]
    path = write(rows)
    found, counters = conform(path, ruled(catalog, "country", Quality(max_length=2)))
    assert [(row["country"], row["extra"]) for row in found] == [
        ("DE", None),
        (None, '{"country":"DEU"}'),
    ]
    assert counters.lifted == 3
    lines = LineConformer(ruled(catalog, "country", Quality(max_length=2)))
    assert lines.line(b'{"country":null,"extra":{"country":"DE"}}') == b'{"country":"DE"}'
    stays = b'{"country":null,"extra":{"country":"DEU"}}'
    assert lines.line(stays) == stays


def test_a_rule_that_is_new_takes_nothing_out_of_stored_rows(
    write: Write, catalog: Catalog
) -> None:
    path = write([{"event_id": "1", "country": "DEU"}])
    (row,), counters = conform(path, ruled(catalog, "country", Quality(max_length=2)))
    assert (row["country"], counters.returned) == ("DEU", 0)
    line = b'{"country":"DEU"}'
    assert LineConformer(ruled(catalog, "country", Quality(max_length=2))).line(line) == line


def retired(catalog: Catalog, name: str) -> Catalog:
    columns = tuple(
        replace(column, retired="2025-11-27") if column.name == name else column
        for column in catalog.columns
    )
    tables = {
        fmt: replace(
            table, columns=tuple(c for c in columns if c.name in {d.name for d in table.columns})
        )
        for fmt, table in catalog.tables.items()
        if fmt != "rejects"
    }
    return replace(catalog, content=b"retired", columns=columns, tables=tables)


def test_a_retired_column_keeps_old_values_and_gets_none_that_came_since(
    write: Write, catalog: Catalog
) -> None:
    path = write(
        [
            {"event_id": "1", "price": 2.5},
            {"event_id": "2", "extra": '{"price":3.5,"quantity":4}'},
        ]
    )
    rows, _ = conform(path, retired(catalog, "price"))
    assert [(row["price"], row["extra"]) for row in rows] == [(2.5, None), (None, '{"price":3.5}')]
    lines = LineConformer(retired(catalog, "price"))
    assert lines.line(b'{"event_id":"1","price":2.5}') == b'{"event_id":"1","price":2.5}'
    since = b'{"event_id":"2","extra":{"price":3.5}}'
    assert lines.line(since) == since


def from_fields(catalog: Catalog, name: str, *sources: str) -> Catalog:
    def of(columns: tuple[Column, ...]) -> tuple[Column, ...]:
        return tuple(replace(c, sources=sources) if c.name == name else c for c in columns)

    tables = {fmt: replace(t, columns=of(t.columns)) for fmt, t in catalog.tables.items()}
    return replace(catalog, content=b"renamed", columns=of(catalog.columns), tables=tables)


@pytest.mark.parametrize(
    ("sent", "price", "left"),
    [
        ({"unit_price": 2.5}, 2.5, {}),
        ({"cost": 3.5, "unit_price": 2.5}, 2.5, {"cost": 3.5}),
        ({"unit_price": None, "cost": 3.5}, 3.5, {}),
        ({"unit_price": "x", "cost": 3.5}, None, {"unit_price": "x", "cost": 3.5}),
        ({"other": 1}, None, {"other": 1}),
    ],
)
def test_fields_of_before_a_rename_move_into_the_column_alike(
    write: Write, catalog: Catalog, sent: dict[str, Any], price: float | None, left: dict[str, Any]
) -> None:
    newer = from_fields(catalog, "price", "unit_price", "price", "cost")
    path = write([{"event_id": "1", "extra": json.dumps(sent)}])
    (row,), _ = conform(path, newer)
    assert (row["price"], json.loads(row["extra"] or "{}")) == (price, left)
    # As fields that were no columns, and as those that had moved into extra.
    for line in ({"event_id": "1", **sent}, {"event_id": "1", "extra": sent}):
        lines = LineConformer(newer)
        found = json.loads(lines.line(json.dumps(line).encode()))
        assert found.pop("price", None) == price
        held = found.pop("extra", {})
        assert found.pop("event_id") == "1"
        assert held | found == left


def test_a_value_that_a_column_has_stays_whatever_else_was_sent(
    write: Write, catalog: Catalog
) -> None:
    newer = from_fields(catalog, "price", "unit_price")
    path = write([{"event_id": "1", "price": 1.5, "extra": '{"unit_price":2.5}'}])
    (row,), _ = conform(path, newer)
    assert (row["price"], row["extra"]) == (1.5, '{"unit_price":2.5}')
    line = b'{"event_id":"1","price":1.5,"unit_price":2.5}'
    assert LineConformer(newer).line(line) == line
