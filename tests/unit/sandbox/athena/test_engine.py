# ruff: noqa: S608 - tests write statements for a table name of their own

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake

JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
BOTH = pytest.mark.parametrize("table", ["events", "events_parquet"])


@BOTH
def test_counts_by_type_alike_in_both_formats(events: "Lake", table: str) -> None:
    result = events.engine.execute(
        f"SELECT event_type, COUNT(*) FROM {table} WHERE year='2025' AND month='11' AND day='26' "
        "GROUP BY event_type ORDER BY 2 DESC",
        "web",
    )
    assert result.columns == ["event_type", "_col1"]
    assert result.types == ["varchar", "bigint"]
    assert result.rows == [("click", 2), ("purchase", 1)]


@BOTH
def test_reads_only_the_partitions_that_the_where_clause_leaves(events: "Lake", table: str) -> None:
    whole = events.scanned(f"SELECT event_id FROM {table}")
    half = events.scanned(f"SELECT event_id FROM {table} WHERE day = '27'")
    assert half * 2 == whole
    assert events.scanned(f"SELECT event_id FROM {table} WHERE day > '27'") == 0
    expression = "CAST(concat(year, '-', month, '-', day) AS date) >= DATE '2025-11-27'"
    assert events.scanned(f"SELECT event_id FROM {table} WHERE {expression}") == half


@BOTH
def test_pushes_partition_predicates_through_subqueries_and_with(
    events: "Lake", table: str
) -> None:
    half = events.scanned(f"SELECT event_id FROM {table} WHERE day = '27'")
    sql = f"WITH e AS (SELECT * FROM {table}), f AS (SELECT day AS d, event_id FROM e)"
    assert events.scanned(f"{sql} SELECT event_id FROM f WHERE d = '27'") == half
    twice = f"{sql} SELECT a.event_id FROM f a JOIN f b ON a.event_id = b.event_id"
    assert events.scanned(f"{twice} WHERE a.d = '27' AND b.d = '27'") == 2 * half


@BOTH
def test_an_outer_join_keeps_the_rows_that_it_must_keep(events: "Lake", table: str) -> None:
    sql = (
        f"SELECT a.event_id, b.event_id FROM {table} a LEFT JOIN {table} b "
        "ON a.event_id = b.event_id AND b.day = '26' WHERE b.day IS NULL ORDER BY 1"
    )
    assert events.rows(sql) == [("27-0", None), ("27-1", None), ("27-2", None)]


def test_reads_partitions_where_glue_says_they_are_and_nowhere_else(events: "Lake") -> None:
    events.put_json("elsewhere/deep/er/b.json", {"event_id": "moved"})
    events.put_json("events/year=2025/month=11/day=28/a.json", {"event_id": "unregistered"})
    events.glue.update_partition(
        DatabaseName="web",
        TableName="events",
        PartitionValueList=["2025", "11", "27"],
        PartitionInput={
            "Values": ["2025", "11", "27"],
            "StorageDescriptor": {"Location": "s3://lake/elsewhere"},
        },
    )
    assert events.rows("SELECT event_id FROM events WHERE day >= '27'") == [("moved",)]


def test_ignores_hidden_files(events: "Lake") -> None:
    before = events.rows("SELECT COUNT(*) FROM events")
    for name in ("_manifest.json", ".tmp.json"):
        events.put(f"events/year=2025/month=11/day=26/{name}", b"not json\n")
    assert events.rows("SELECT COUNT(*) FROM events") == before


def test_text_is_billed_by_whole_compressed_files(lake: "Lake") -> None:
    lake.table("t", {"a": "string", "b": "string"})
    size = lake.put_json("t/x.json.gz", *({"a": "x", "b": "y" * 100} for _ in range(1000)))
    size += lake.put_json("t/y.json", {"a": "z"})
    result = lake.engine.execute("SELECT a, COUNT(*) FROM t GROUP BY a ORDER BY a", "web")
    assert result.rows == [("x", 1000), ("z", 1)]
    assert result.bytes_scanned == size
    assert result.billed_bytes == 10 << 20


def test_a_parquet_column_missing_in_a_file_is_null(lake: "Lake") -> None:
    lake.table("t", {"a": "string", "b": "double"}, serde=lake.parquet_serde)
    lake.put_parquet("t/old.parquet", pa.table({"a": ["old"]}))
    lake.put_parquet("t/new.parquet", pa.table({"A": ["new"], "b": [1.5]}))
    assert lake.rows("SELECT a, b FROM t ORDER BY a") == [("new", 1.5), ("old", None)]
    assert lake.rows("SELECT a FROM t WHERE b IS NULL") == [("old",)]


def test_a_parquet_type_that_the_declared_one_cannot_hold_fails_the_query(lake: "Lake") -> None:
    lake.table("t", {"a": "string"}, serde=lake.parquet_serde)
    lake.put_parquet("t/x.parquet", pa.table({"a": [1]}))
    with pytest.raises(QueryError, match=r"HIVE_BAD_DATA.*a's type int64.*type varchar"):
        lake.rows("SELECT a FROM t")


def test_a_self_join_sees_each_row(events: "Lake") -> None:
    sql = "SELECT COUNT(*) FROM events a JOIN events_parquet b ON a.event_id = b.event_id"
    assert events.rows(sql) == [(6,)]
    sql = (
        "SELECT COUNT(*) FROM events a JOIN events_parquet b ON a.event_id = b.event_id "
        "AND from_iso8601_timestamp(a.event_ts) = b.event_ts"
    )
    assert events.rows(sql) == [(6,)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT nope FROM events", "COLUMN_NOT_FOUND: line 1:8: Column 'nope'"),
        ("SELECT 1 FROM nope", "TABLE_NOT_FOUND: Table 'awsdatacatalog.web.nope' does not exist"),
        ("SELECT FROM WHERE", "SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "INVALID_INPUT: Only one sql statement"),
        ("", "SYNTAX_ERROR"),
        ("DROP VIEW events", "TABLE_NOT_FOUND: line 1:1: View 'awsdatacatalog.web.events'"),
        ("INSERT INTO events SELECT 1", "TYPE_MISMATCH: .*mismatched column types"),
        ("SELECT * FROM events WHERE year = 2025", "TYPE_MISMATCH.*varchar = integer"),
        ("SELECT * FROM events_parquet WHERE event_ts > '2025'", "TYPE_MISMATCH"),
        ("SELECT no_such_function(event_id) FROM events", "FUNCTION_NOT_FOUND"),
        ("SELECT CAST(event_id AS bigint) FROM events", "INVALID_CAST_ARGUMENT"),
        ("SELECT event_type AS t, COUNT(*) FROM events GROUP BY t", "COLUMN_NOT_FOUND"),
    ],
)
def test_says_why_a_statement_fails(events: "Lake", sql: str, reason: str) -> None:
    with pytest.raises(QueryError, match=reason):
        events.rows(sql)


def test_estimates_what_a_query_then_scans(events: "Lake") -> None:
    for sql in (
        "SELECT COUNT(*) FROM events",
        "SELECT COUNT(*) FROM events_parquet",
        "SELECT * FROM events_parquet WHERE quantity > 2",
        "SELECT a.price FROM events a JOIN events_parquet b ON a.event_id = b.event_id",
    ):
        assert events.engine.estimate(sql, "web").bytes_scanned == events.scanned(sql)
    assert events.engine.estimate("SHOW TABLES", "web").billed_bytes == 0


def test_a_query_without_tables_is_answered(lake: "Lake") -> None:
    result = lake.engine.execute("SELECT 1 AS one, 'x', ARRAY[1,2]")
    assert result.rows == [(1, "x", [1, 2])]
    assert result.columns == ["one", "_col1", "_col2"]
    assert result.types == ["integer", "varchar", "array"]


def test_a_file_that_goes_away_while_the_query_runs_fails_it(events: "Lake") -> None:
    storage = events.engine._storage
    listed = list(storage.list("s3://lake/events/"))
    events.s3.delete_object(Bucket="lake", Key=listed[0].key)
    with pytest.raises(QueryError, match="HIVE_CANNOT_OPEN_SPLIT"):
        storage.read(listed[0])
    events.put(listed[1].key, b"{}\n")
    with pytest.raises(QueryError, match="changed while the query ran"):
        storage.read(listed[1])


@BOTH
def test_a_joined_column_belongs_to_no_table_and_comes_first(events: "Lake", table: str) -> None:
    using = f"FROM {table} a JOIN events_parquet b USING (event_id) WHERE a.day = '26'"
    assert events.rows(f"SELECT event_id {using} AND b.price > 5") == [("26-2",)]
    nested = f"SELECT (SELECT max(c.price) FROM events c WHERE c.event_id = A.event_id) {using}"
    for sql in (f"SELECT A.event_id {using}", f"SELECT b.event_id {using}", nested):
        with pytest.raises(QueryError, match=r"COLUMN_NOT_FOUND: .*event_id' cannot be resolved"):
            events.rows(sql)
    with pytest.raises(QueryError, match="use --athena trino"):
        events.rows(f"SELECT a.* {using}")
    assert events.engine.execute(f"SELECT * {using}", "web").columns[0] == "event_id"


def test_a_name_that_two_tables_have_is_ambiguous(events: "Lake") -> None:
    for output in ("event_id", "count(event_id)"):
        sql = f"SELECT 1,\n  {output} FROM events a JOIN events_parquet b ON a.day = b.day"
        with pytest.raises(QueryError, match=r"AMBIGUOUS_NAME: line 2:\d+: Column 'event_id' is"):
            events.rows(sql)


@pytest.fixture
def keyed(lake: "Lake") -> "Lake":
    """A table with a partition for each kind of value that a typed key can have."""
    lake.glue.create_table(
        DatabaseName="web",
        TableInput={
            "Name": "keyed",
            "PartitionKeys": [{"Name": "n", "Type": "int"}, {"Name": "d", "Type": "date"}],
            "StorageDescriptor": {
                "Columns": [{"Name": "id", "Type": "string"}],
                "Location": "s3://lake/keyed/",
                "SerdeInfo": {"SerializationLibrary": JSON_SERDE},
            },
        },
    )
    none = "__HIVE_DEFAULT_PARTITION__"
    values = [["5", "2025-01-31"], ["05", "2025-02-01"], ["-3", none], [none, "2025-12-31"]]
    for place, one in enumerate([*values, ["120", "2024-02-29"]]):
        lake.partition("keyed", one, f"keyed/{place}/")
        lake.put_json(f"keyed/{place}/a.json", {"id": f"p{place}"})
    return lake


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("n = 5", "01"),
        ("n < 7", "012"),  # as texts, 120 is below 7
        ("n IS NULL", "3"),
        ("n IS NOT NULL", "0124"),
        ("NOT (n = 5)", "24"),
        ("d IS NULL OR n = 120", "24"),
        ("d > DATE '2025-01-31'", "13"),
        ("day(d) = 31 AND month(d) = 1", "0"),
        ("date_add('month', 1, d) = DATE '2025-02-28'", "0"),
        ("date_format(d, '%Y-%m') = '2025-02'", "1"),
        ("CAST(n AS varchar) = '5'", "01"),
        ("n % 2 = 1", "01"),
        ("n / 2 = 2", "01"),
        ("coalesce(n, 7) = 7", "3"),
        ("id = 'p1' OR n = 120", "01234"),
        ("NOT (id = 'p1' OR n = 120)", "012"),
        ("n IN (5, NULL)", "01"),
        ("length(id) / n > 0", "01234"),
        ("5 / (n + 3) = 0", None),  # fails for one partition
        ("count_if(n = 5) > 0", None),
        ("random() < 2 AND n = 120", "4"),
    ],
)
def test_partitions_are_chosen_by_typed_values_as_rows_are(
    keyed: "Lake", condition: str, kept: str | None
) -> None:
    # A condition does not get past a window function.
    rows = "SELECT id, n, d, row_number() OVER () AS r FROM keyed"
    plain = f"SELECT id FROM ({rows}) WHERE {condition}"
    if kept is None:
        for sql in (f"SELECT id FROM keyed WHERE {condition}", plain):
            with pytest.raises(QueryError):
                keyed.rows(sql)
        return
    (scan,) = keyed.engine.estimate(f"SELECT id FROM keyed WHERE {condition}", "web").scans
    assert "".join(sorted(file.file.key.split("/")[1] for file in scan.files)) == kept
    pruned = keyed.rows(f"SELECT id FROM keyed WHERE {condition} ORDER BY id")
    assert pruned == keyed.rows(f"{plain} ORDER BY id")


def test_a_key_that_is_no_value_of_its_type_fails_the_query(keyed: "Lake") -> None:
    keyed.partition("keyed", ["many", "2025-01-01"], "keyed/9/")
    for sql in ("SELECT id FROM keyed WHERE n = 5", "SELECT n FROM keyed"):
        keyed.put_json("keyed/9/a.json", {"id": "p9"})
        with pytest.raises(QueryError, match="HIVE_INVALID_PARTITION_VALUE"):
            keyed.rows(sql)
