import gzip
import io
import json
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from clickstream_lake.sandbox.athena.statements.layout import CODECS
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from conftest import Lake

ELSEWHERE = "is not supported by the embedded engine: use --athena trino"
VALUES = (
    "SELECT 1 AS i, 'x' AS s, 2.5e0 AS d, true AS b, DATE '2025-01-02' AS day, "
    "TIMESTAMP '2025-01-02 03:04:05.678' AS t, "
    "CAST('1.5' AS decimal(3, 2)) AS m, CAST(NULL AS bigint) AS n"
)


def written(lake: "Lake", sql: str) -> list[bytes]:
    files = lake.engine.execute(sql, "web").written
    assert files is not None
    keys = [file.removeprefix("s3://lake/") for file in files]
    return [lake.s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in keys]


def unload(options: str, query: str = VALUES, place: str = "u") -> str:
    return f"UNLOAD ({query}) TO 's3://lake/{place}/' WITH ({options})"


@pytest.mark.parametrize("codec", CODECS["PARQUET"])
def test_parquet_in_every_codec(lake: "Lake", codec: str) -> None:
    (body,) = written(lake, unload(f"format = 'PARQUET', compression = '{codec}'"))
    file = pq.ParquetFile(io.BytesIO(body))
    stored = file.metadata.row_group(0).column(0).compression
    assert stored == {"NONE": "UNCOMPRESSED"}.get(codec, codec)
    assert file.read().to_pylist()[0]["s"] == "x"


@pytest.mark.parametrize("codec", CODECS["ORC"])
def test_orc_in_every_codec(lake: "Lake", codec: str) -> None:
    (body,) = written(lake, unload(f"format = 'ORC', compression = '{codec}'"))
    assert orc.ORCFile(io.BytesIO(body)).read().to_pylist()[0]["i"] == 1


def test_json_as_hives_serde_reads_it(lake: "Lake") -> None:
    nested = "ARRAY[1, 2] AS a, MAP(ARRAY['k'], ARRAY[1]) AS p, CAST(ROW(1) AS ROW(x integer)) AS r"
    (body,) = written(lake, unload("format = 'JSON'", f"{VALUES}, {nested}"))
    assert json.loads(gzip.decompress(body)) == {
        "i": 1,
        "s": "x",
        "d": 2.5,
        "b": True,
        "day": "2025-01-02",
        "t": "2025-01-02 03:04:05.678",
        "m": 1.5,
        "n": None,
        "a": [1, 2],
        "p": {"k": 1},
        "r": {"x": 1},
    }


def test_text_with_hives_delimiter_and_null_or_ones_own(lake: "Lake") -> None:
    (body,) = written(lake, unload("format = 'TEXTFILE', compression = 'NONE'"))
    assert body == (
        b"1\x01x\x012.5\x01true\x012025-01-02\x012025-01-02 03:04:05.678\x011.50\x01\\N\n"
    )
    (body,) = written(lake, unload("format = 'TEXTFILE', field_delimiter = ','", place="v"))
    assert gzip.decompress(body).startswith(b"1,x,2.5,true,")


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (unload("format = 'AVRO'"), "writing AVRO"),
        (unload("format = 'JSON', compression = 'ZSTD'"), "ZSTD of JSON files"),
        (unload("format = 'TEXTFILE'", "SELECT ARRAY[1] AS a"), "in a text"),
        (
            f"CREATE TABLE c WITH (bucketed_by = ARRAY['i'], bucket_count = 2) AS {VALUES}",
            "bucketed",
        ),
        (f"CREATE TABLE c WITH (table_type = 'ICEBERG') AS {VALUES}", "Iceberg"),
        ("DELETE FROM c", "DELETE"),
        ("OPTIMIZE c REWRITE DATA USING BIN_PACK", "OPTIMIZE"),
        ("VACUUM c", "VACUUM"),
        ("ALTER TABLE c RENAME TO d", "RENAME"),
    ],
)
def test_what_it_cannot_do_names_the_engine_that_can(lake: "Lake", sql: str, what: str) -> None:
    with pytest.raises(QueryError, match=f"NOT_SUPPORTED: .*{what}.*{ELSEWHERE}"):
        lake.engine.execute(sql, "web", new_table="s3://lake/new/")


def test_partition_values_are_spelt_in_paths_as_hive_does(lake: "Lake") -> None:
    lake.rows(
        "CREATE TABLE c WITH (external_location = 's3://lake/c/', "
        "partitioned_by = ARRAY['k', 'd']) "
        "AS SELECT * FROM (VALUES (1, 'a/b=c %', DATE '2025-01-02'), (2, NULL, NULL)) AS t(i, k, d)"
    )
    keys = [one["Key"] for one in lake.s3.list_objects_v2(Bucket="lake", Prefix="c/")["Contents"]]
    assert sorted(key.rsplit("/", 1)[0] for key in keys) == [
        "c/k=__HIVE_DEFAULT_PARTITION__/d=__HIVE_DEFAULT_PARTITION__",
        "c/k=a%2Fb%3Dc %25/d=2025-01-02",
    ]
    assert lake.rows("SELECT i, k, CAST(d AS varchar) FROM c ORDER BY i") == [
        (1, "a/b=c %", "2025-01-02"),
        (2, None, None),
    ]
    before = lake.rows("SHOW PARTITIONS c")
    assert lake.rows("MSCK REPAIR TABLE c") == []
    assert lake.rows("SHOW PARTITIONS c") == before


def test_a_hundred_partitions_are_enough(lake: "Lake") -> None:
    sql = (
        "CREATE TABLE c WITH (external_location = 's3://lake/c/', partitioned_by = ARRAY['k']) AS "
        "SELECT 1 AS i, k FROM UNNEST(sequence(1, {})) AS t(k)"
    )
    with pytest.raises(QueryError, match="HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100"):
        lake.rows(sql.format(101))
    assert lake.rows("SHOW TABLES") == []


def test_an_insert_goes_where_a_partition_is(events: "Lake") -> None:
    events.rows("ALTER TABLE events_parquet PARTITION (year='2025', month='11', day='26') "
                "SET LOCATION 's3://lake/moved/'")  # fmt: skip
    files = events.engine.execute(
        "INSERT INTO events_parquet (event_id, year, month, day) VALUES "
        "('a', '2025', '11', '26'), ('b', '2025', '12', '01')",
        "web",
    ).written
    assert files is not None
    assert sorted(file.rsplit("/", 1)[0] for file in files) == [
        "s3://lake/events_parquet/year=2025/month=12/day=01",
        "s3://lake/moved",
    ]
    assert events.rows(
        "SELECT event_id FROM events_parquet WHERE day IN ('26', '01') ORDER BY 1"
    ) == [
        ("a",),
        ("b",),
    ]


@pytest.mark.parametrize(
    ("sql", "error"),
    [
        ("INSERT INTO t SELECT 1", "TYPE_MISMATCH"),
        ("INSERT INTO t SELECT 'x', 'y', '1', '2', '3'", "TYPE_MISMATCH"),
        ("INSERT INTO t (price) SELECT 'x'", "TYPE_MISMATCH.*double.*varchar"),
        ("INSERT INTO t (quantity) SELECT 1.5e0", "TYPE_MISMATCH"),
        ("INSERT INTO t (nope) SELECT 1", "COLUMN_NOT_FOUND"),
        ("INSERT INTO t (price, PRICE) SELECT 1, 2", "DUPLICATE_COLUMN_NAME"),
        ("INSERT INTO nope SELECT 1", "TABLE_NOT_FOUND"),
        ("INSERT INTO v SELECT 1", "Inserting into views is not supported"),
    ],
)
def test_rows_that_do_not_fit_are_refused(lake: "Lake", sql: str, error: str) -> None:
    columns = {"event_id": "string", "price": "double", "quantity": "bigint"}
    lake.table("t", columns, serde=lake.parquet_serde)
    lake.rows("CREATE VIEW v AS SELECT 1 AS a")
    with pytest.raises(QueryError, match=error):
        lake.rows(sql)


def test_narrow_numbers_widen_and_wide_ones_do_not_narrow(lake: "Lake") -> None:
    lake.table("t", {"q": "bigint", "p": "double", "i": "int"}, serde=lake.parquet_serde)
    lake.rows("INSERT INTO t SELECT CAST(1 AS smallint), 2, 3")
    assert lake.rows("SELECT q, p, i FROM t") == [(1, 2.0, 3)]
    with pytest.raises(QueryError, match="TYPE_MISMATCH"):
        lake.rows("INSERT INTO t (i) SELECT CAST(1 AS bigint)")


def test_a_table_that_fails_leaves_nothing(lake: "Lake") -> None:
    for query in ("SELECT 1 AS a, now() AS t", "SELECT 1/0 AS a", "SELECT 1"):
        with pytest.raises(QueryError):
            lake.engine.execute(f"CREATE TABLE c AS {query}", "web", new_table="s3://lake/n/")
    assert lake.rows("SHOW TABLES") == []
    assert "Contents" not in lake.s3.list_objects_v2(Bucket="lake")


def test_if_not_exists_leaves_the_table_that_is_there(events: "Lake") -> None:
    sql = "CREATE TABLE IF NOT EXISTS events AS SELECT 1 AS a"
    assert events.engine.execute(sql, "web", new_table="s3://lake/n/").written == ()
    assert len(events.rows("SHOW COLUMNS IN events")) > 1


def test_an_insert_is_estimated_and_billed_as_its_query(events: "Lake") -> None:
    sql = "SELECT event_id, event_type FROM events"
    made = events.engine.execute(f"CREATE TABLE c AS {sql}", "web", new_table="s3://lake/n/")
    assert made.bytes_scanned == events.scanned(sql) > 0
    assert events.engine.estimate(f"INSERT INTO c {sql}", "web").bytes_scanned == made.bytes_scanned
