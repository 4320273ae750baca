# ruff: noqa: S608 - tests write statements for tables of their own

from typing import TYPE_CHECKING

import pytest

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake


def test_partitions_of_a_table_are_rows_with_their_types(events: "Lake") -> None:
    assert events.rows('SELECT * FROM "events$partitions" ORDER BY day') == [
        ("2025", "11", "26"),
        ("2025", "11", "27"),
    ]
    assert events.rows('SELECT max(p.day) FROM web."events$partitions" AS p') == [("27",)]
    events.rows(
        "CREATE EXTERNAL TABLE t (a int) PARTITIONED BY (n int, d date) LOCATION 's3://lake/t/'"
    )
    events.rows(
        "ALTER TABLE t ADD PARTITION (n=9, d='2025-01-02') PARTITION (n=10, d='2025-01-03')"
    )
    assert events.rows('SELECT max(n), CAST(min(d) AS varchar) FROM "t$partitions"') == [
        (10, "2025-01-02")
    ]


def test_metadata_is_free(events: "Lake") -> None:
    for sql in (
        'SELECT * FROM "events$partitions"',
        "SELECT * FROM information_schema.tables",
    ):
        result = events.engine.execute(sql, "web")
        assert (result.bytes_scanned, result.billed_bytes) == (0, 0)
        assert events.engine.estimate(sql, "web").billed_bytes == 0


def test_information_schema_tells_of_tables_views_and_columns(events: "Lake") -> None:
    events.rows("CREATE VIEW v AS SELECT event_type, ARRAY[price] AS p FROM events")
    in_web = "WHERE table_schema = 'web'"
    assert events.rows(
        f"SELECT table_name, table_type FROM information_schema.tables {in_web} ORDER BY 1"
    ) == [("events", "BASE TABLE"), ("events_parquet", "BASE TABLE"), ("v", "VIEW")]
    assert events.rows(
        "SELECT column_name, ordinal_position, data_type, is_nullable, extra_info "
        f"FROM information_schema.columns {in_web} AND table_name = 'events_parquet' "
        "AND ordinal_position > 3 ORDER BY 2"
    )[:3] == [
        ("quantity", 4, "bigint", "YES", None),
        ("event_ts", 5, "timestamp(3)", "YES", None),
        ("year", 6, "varchar", "YES", "partition key"),
    ]
    assert events.rows(
        f"SELECT data_type FROM information_schema.columns {in_web} AND column_name = 'p'"
    ) == [("array(double)",)]
    assert events.rows("SELECT view_definition FROM information_schema.views") == [
        ("SELECT event_type, ARRAY[price] AS p FROM events",)
    ]
    assert ("web",) in events.rows("SELECT schema_name FROM information_schema.schemata")
    joined = (
        "SELECT count(*) FROM information_schema.tables t JOIN information_schema.columns c "
        "ON t.table_name = c.table_name WHERE t.table_schema = 'web' AND c.table_schema = 'web'"
    )
    assert events.rows(joined) == [(18,)]


@pytest.mark.parametrize(
    "table", ["information_schema.nope", '"nope$partitions"', '"t$partitions"']
)
def test_there_are_no_others(lake: "Lake", table: str) -> None:
    lake.table("t", {"a": "string"})
    with pytest.raises(QueryError, match="TABLE_NOT_FOUND"):
        lake.rows(f"SELECT * FROM {table}")


def test_hidden_columns_show_where_a_row_comes_from(events: "Lake") -> None:
    size = events.put_json("events/year=2025/month=11/day=27/b.json", {"event_id": "new"})
    assert events.rows(
        'SELECT "$path", "$file_size", "$partition" FROM events WHERE event_id = \'new\''
    ) == [("s3://lake/events/year=2025/month=11/day=27/b.json", size, "year=2025/month=11/day=27")]
    (stamp,) = events.rows('SELECT max("$file_modified_time") FROM events_parquet')[0]
    assert stamp.tzinfo is not None
    assert (
        events.rows('SELECT "$path", count(*) FROM events GROUP BY "$path" ORDER BY 2')[0][1] == 1
    )


def test_a_star_does_not_show_what_is_hidden(events: "Lake") -> None:
    plain = events.engine.execute("SELECT * FROM events", "web").columns
    sql = "SELECT * FROM events WHERE \"$path\" LIKE '%day=26%'"
    result = events.engine.execute(sql, "web")
    assert result.columns == plain
    assert len(result.rows) == 3
    events.table("flat", {"a": "string"})
    with pytest.raises(QueryError, match="COLUMN_NOT_FOUND"):
        events.rows('SELECT "$partition" FROM flat')
