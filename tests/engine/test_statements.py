# ruff: noqa: S608, ISC004 - long statements for tables of their own
"""Athena's statements that are no plain SELECT, on both engines, through Athena's API."""

import gzip
import io
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from clickstream_lake.engine.client import Client
    from clickstream_lake.sandbox.clients import Clients

EVENTS = "s3://lake/events/"
Rows = list[tuple[str | None, ...]]


@dataclass
class Athena:
    """Statements in, rows as Athena prints them out."""

    sandbox: Sandbox
    engine: str
    trino: "Client | None" = None
    count: int = 0

    def run(self, sql: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - boto3's own
        client = self.sandbox.clients.athena
        context = {"Database": "web"}
        started = client.start_query_execution(
            QueryString=sql, QueryExecutionContext=context, WorkGroup="clickstream", **options
        )["QueryExecutionId"]
        while True:
            found = client.get_query_execution(QueryExecutionId=started)["QueryExecution"]
            if found["Status"]["State"] not in {"QUEUED", "RUNNING"}:
                return dict(found)
            time.sleep(0.02)

    def rows(self, sql: str, **options: Any) -> Rows:  # noqa: ANN401 - boto3's own
        done = self.run(sql, **options)
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        results = self.sandbox.clients.athena.get_query_results(
            QueryExecutionId=done["QueryExecutionId"]
        )["ResultSet"]
        rows = [tuple(one.get("VarCharValue") for one in row["Data"]) for row in results["Rows"]]
        header = done["StatementType"] == "DML"
        return rows[1:] if header else rows

    def failure(self, sql: str) -> str:
        done = self.run(sql)
        assert done["Status"]["State"] == "FAILED"
        return str(done["Status"]["StateChangeReason"])

    def fresh(self, what: str = "t") -> str:
        """Give a name that no other test has."""
        self.count += 1
        return f"{what}_{self.count}"

    def made(self, sql: str) -> list[str]:
        """Run a statement that writes, and give the files that its manifest names."""
        done = self.run(sql)
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        text = self.read(done["Statistics"]["DataManifestLocation"]).decode()
        return text.split("\n") if text else []

    def read(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.sandbox.clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def partitions(self, table: str) -> Rows:
        return self.rows(f"SHOW PARTITIONS {table}")


def _provision(clients: "Clients") -> Resources:
    clients.s3.create_bucket(Bucket="lake")
    clients.glue.create_database(DatabaseInput={"Name": "web"})
    rows = [
        {"id": 1, "kind": "click", "price": None},
        {"id": 2, "kind": "click", "price": 2.5},
        {"id": 3, "kind": "purchase", "price": 10.0},
    ]
    for day in ("26", "27"):
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        clients.s3.put_object(Bucket="lake", Key=f"events/day={day}/a.json", Body=body)
    clients.athena.create_work_group(
        Name="clickstream",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}},
    )
    return Resources(bucket="lake", database="web", workgroup="clickstream")


@pytest.fixture(
    scope="module", params=["embedded", pytest.param("trino", marks=pytest.mark.engine)]
)
def athena(request: pytest.FixtureRequest) -> Iterator[Athena]:
    options: dict[str, Any] = {}
    if request.param == "trino":
        engine = request.getfixturevalue("engine")
        options = {"athena": engine.client, "port": engine.port, "directory": engine.directory}
    with Sandbox(provision=_provision, **options) as sandbox:
        found = Athena(sandbox, request.param, options.get("athena"))
        found.rows(
            "CREATE EXTERNAL TABLE events (id bigint, kind string, price double) "
            "PARTITIONED BY (day string) "
            "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' "
            f"LOCATION '{EVENTS}'"
        )
        found.rows("MSCK REPAIR TABLE events")
        yield found


def test_ddl_and_repair_make_tables_that_the_engine_reads(athena: Athena) -> None:
    assert athena.partitions("events") == [("day=26",), ("day=27",)]
    assert athena.rows("SELECT day, sum(price) FROM events GROUP BY day ORDER BY 1") == [
        ("26", "12.5"),
        ("27", "12.5"),
    ]
    table = athena.fresh()
    athena.rows(
        f"CREATE EXTERNAL TABLE `{table}` (id int, kind string) PARTITIONED BY (d int) "
        "ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe' LOCATION 's3://lake/none/'"
    )
    athena.rows(f"ALTER TABLE {table} ADD PARTITION (d=26) LOCATION '{EVENTS}day=26/'")
    assert athena.rows(f"SELECT max(id), max(d) FROM {table}") == [("3", "26")]
    athena.rows(f"ALTER TABLE {table} DROP PARTITION (d=26)")
    assert athena.rows(f"SELECT count(*) FROM {table}") == [("0",)]
    athena.rows(f"DROP TABLE {table}")
    assert "Table not found" in athena.failure(f"SHOW PARTITIONS {table}")


def test_views_nested_ones_too(athena: Athena) -> None:
    first, second = athena.fresh("v"), athena.fresh("v")
    athena.rows(f"CREATE VIEW {first} AS SELECT kind, count(*) AS n FROM events GROUP BY kind")
    athena.rows(f"CREATE OR REPLACE VIEW {second} AS SELECT upper(kind) AS k, n FROM {first}")
    assert athena.rows(f'SELECT v.k, v.n FROM "web"."{second}" v WHERE n > 2 ORDER BY 1') == [
        ("CLICK", "4")
    ]
    assert (first,) in athena.rows("SHOW VIEWS")
    assert athena.rows(f"SHOW CREATE VIEW {second}")[1:] == [
        (f"SELECT upper(kind) AS k, n FROM {first}",)
    ]
    assert athena.rows(f"DESCRIBE {first}")[0][:2] == ("kind", "string")
    assert athena.rows(
        f"SELECT table_type FROM information_schema.tables WHERE table_name = '{first}'"
    ) in ([("VIEW",)], [("BASE TABLE",)])
    assert "ALREADY_EXISTS" in athena.failure(f"CREATE VIEW {first} AS SELECT 1 AS a")
    athena.rows(f"DROP VIEW {first}")
    assert "NOT_FOUND" in athena.failure(f"SELECT * FROM {first}")


@pytest.mark.parametrize("fmt", ["PARQUET", "ORC", "JSON", "TEXTFILE"])
def test_a_table_of_a_querys_rows(athena: Athena, fmt: str) -> None:
    table = athena.fresh("ctas")
    place = f"s3://lake/{table}/"
    files = athena.made(
        f"CREATE TABLE {table} WITH (format = '{fmt}', external_location = '{place}') AS "
        "SELECT id, kind, price, DATE '2025-11-26' AS d, "
        "TIMESTAMP '2025-11-26 01:02:03.456' AS t FROM events WHERE day = '26'"
    )
    assert files
    assert all(file.startswith(place) for file in files)
    assert athena.rows(f"SHOW COLUMNS IN {table}") == [
        ("id",),
        ("kind",),
        ("price",),
        ("d",),
        ("t",),
    ]
    if fmt in {"PARQUET", "JSON"} or athena.engine == "trino":
        assert athena.rows(f"SELECT * FROM {table} WHERE id = 3") == [
            ("3", "purchase", "10.0", "2025-11-26", "2025-11-26 01:02:03.456")
        ]
    else:
        refusal = athena.failure(f"SELECT * FROM {table}")
        assert refusal.endswith("is not supported by the embedded engine: use --athena trino")
    athena.rows(f"DROP TABLE {table}")
    assert athena.read(files[0])  # the data stay


def test_a_partitioned_table_grows_by_insert(athena: Athena) -> None:
    table = athena.fresh("part")
    athena.made(
        f"CREATE TABLE {table} WITH (write_compression = 'SNAPPY', "
        f"external_location = 's3://lake/{table}/', partitioned_by = ARRAY['kind', 'day']) AS "
        "SELECT id, price, kind, day FROM events WHERE day = '26'"
    )
    assert athena.partitions(table) == [("kind=click/day=26",), ("kind=purchase/day=26",)]
    files = athena.made(
        f"INSERT INTO {table} SELECT id, price, 'a/b=c', day FROM events WHERE day = '27'"
    )
    assert len(files) == 1
    athena.made(f"INSERT INTO {table} (kind, day, id) VALUES ('click', '26', 9)")
    assert len(athena.partitions(table)) == 3
    assert athena.rows(
        f"SELECT kind, count(*), count(price), max(id) FROM {table} GROUP BY kind ORDER BY 1"
    ) == [("a/b=c", "3", "2", "3"), ("click", "3", "1", "9"), ("purchase", "1", "1", "3")]
    assert athena.rows(f"SELECT * FROM \"{table}$partitions\" WHERE day = '27'") == [
        ("a/b=c", "27")
    ]
    assert "TYPE_MISMATCH" in athena.failure(f"INSERT INTO {table} SELECT 'x', 'y', 'z', 'd'")
    nothing = athena.fresh("none")
    sql = f"CREATE TABLE {nothing} AS SELECT id, kind FROM events WITH NO DATA"
    assert athena.made(sql) == []
    assert athena.rows(f"SELECT count(*) FROM {nothing}") == [("0",)]


def test_insert_tells_how_many_rows_it_wrote(athena: Athena) -> None:
    table = athena.fresh("counted")
    athena.made(f"CREATE TABLE {table} AS SELECT id FROM events")
    done = athena.run(f"INSERT INTO {table} SELECT id FROM events WHERE day = '26'")
    client = athena.sandbox.clients.athena
    results = client.get_query_results(QueryExecutionId=done["QueryExecutionId"])
    assert (results["UpdateCount"], done["SubstatementType"]) == (3, "INSERT")


def test_unload_writes_files_and_their_manifest(athena: Athena) -> None:
    query = "SELECT id, kind, day FROM events WHERE day = '26'"

    def unloaded(name: str, options: str) -> list[str]:
        place = f"s3://lake/unload/{name}/"
        files = athena.made(f"UNLOAD ({query}) TO '{place}' WITH ({options})")
        assert files
        assert all(file.startswith(place) for file in files)
        assert "HIVE_PATH_ALREADY_EXISTS" in athena.failure(
            f"UNLOAD ({query}) TO '{place}' WITH (format = 'ORC')"
        )
        return files

    parts = unloaded(
        "p", "format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['day']"
    )
    assert all("/day=26/" in file for file in parts)
    held = pq.ParquetFile(io.BytesIO(athena.read(parts[0])))
    assert held.schema_arrow.names == ["id", "kind"]
    assert held.metadata.row_group(0).column(0).compression == "SNAPPY"
    held_orc = orc.ORCFile(io.BytesIO(athena.read(unloaded("o", "format = 'ORC'")[0]))).read()
    assert held_orc.num_rows == 3
    text = b"".join(
        gzip.decompress(athena.read(one))
        for one in unloaded("t", "format = 'TEXTFILE', field_delimiter = '|'")
    )
    assert sorted(text.decode().splitlines()) == ["1|click|26", "2|click|26", "3|purchase|26"]
    lines = gzip.decompress(athena.read(unloaded("j", "format = 'JSON'")[0])).splitlines()
    assert sorted(json.loads(line)["id"] for line in lines) == [1, 2, 3]
    assert not [name for (name,) in athena.rows("SHOW TABLES") if str(name).startswith("unload")]


def test_hidden_columns(athena: Athena) -> None:
    assert athena.rows(
        'SELECT DISTINCT "$path", "$file_size" > 0, "$partition" FROM events WHERE day = \'27\''
    ) == [(f"{EVENTS}day=27/a.json", "true", "day=27")]
    stamp = "\"$file_modified_time\" > TIMESTAMP '2020-01-01 00:00:00 UTC'"
    assert athena.rows(f"SELECT count(*) FROM events WHERE {stamp}") == [("6",)]
    assert athena.rows("SELECT * FROM events WHERE id = 3 AND day = '26'") == [
        ("3", "purchase", "10.0", "26")
    ]
    assert athena.rows('SELECT day FROM "events$partitions" ORDER BY 1') == [("26",), ("27",)]


def test_information_schema(athena: Athena) -> None:
    assert athena.rows(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_schema = 'web' AND table_name = 'events' ORDER BY ordinal_position"
    ) == [("id", "bigint"), ("kind", "varchar"), ("price", "double"), ("day", "varchar")]
    assert ("web",) in athena.rows("SELECT schema_name FROM information_schema.schemata")


def test_prepared_statements_of_sql_and_of_the_api_are_the_same(athena: Athena) -> None:
    athena.rows("PREPARE by_kind FROM SELECT count(*) FROM events WHERE kind = ? AND id > ?")
    assert athena.rows("EXECUTE by_kind USING 'click', 1") == [("2",)]
    assert athena.rows("EXECUTE by_kind", ExecutionParameters=["'purchase'", "1"]) == [("2",)]
    client = athena.sandbox.clients.athena
    kept = client.get_prepared_statement(StatementName="by_kind", WorkGroup="clickstream")
    assert "kind = ?" in kept["PreparedStatement"]["QueryStatement"]
    client.create_prepared_statement(
        StatementName="FromApi", WorkGroup="clickstream", QueryStatement="SELECT 1 + ?"
    )
    assert athena.rows("EXECUTE FromApi USING 2") == [("3",)]
    athena.rows("DEALLOCATE PREPARE by_kind")
    assert "Prepared statement not found" in athena.failure("EXECUTE by_kind USING 'x', 1")


def test_explain(athena: Athena) -> None:
    plan = athena.run("EXPLAIN SELECT id FROM events WHERE day = '26'")
    assert (plan["StatementType"], plan["SubstatementType"]) == ("UTILITY", "EXPLAIN")
    lines = athena.rows("EXPLAIN SELECT id FROM events WHERE day = '26'")
    assert len(lines) > 3
    assert any("events" in str(line) for line in lines)
    assert athena.rows("EXPLAIN ANALYZE SELECT id FROM events")
    assert athena.rows("EXPLAIN (TYPE VALIDATE) SELECT id FROM events") == [("true",)]
    assert "COLUMN_NOT_FOUND" in athena.failure("EXPLAIN SELECT nope FROM events")


def test_values_and_table(athena: Athena) -> None:
    assert athena.rows("VALUES (1, 'a'), (2, 'b')") == [("1", "a"), ("2", "b")]
    assert len(athena.rows("TABLE events")) == 6


def test_iceberg_and_buckets(athena: Athena) -> None:
    bucketed, iceberg = athena.fresh("bucketed"), athena.fresh("iceberg")
    statements = [
        f"CREATE TABLE {bucketed} WITH (bucketed_by = ARRAY['kind'], bucket_count = 2) AS "
        "SELECT id, kind FROM events",
        f"CREATE TABLE {iceberg} WITH (table_type = 'ICEBERG', is_external = false, "
        f"location = 's3://lake/{iceberg}/', partitioning = ARRAY['kind', 'bucket(id, 4)']) AS "
        "SELECT id, kind FROM events",
        f"INSERT INTO {iceberg} VALUES (4, 'view')",
        f"DELETE FROM {iceberg} WHERE kind = 'click'",
        f"UPDATE {iceberg} SET kind = 'look' WHERE id = 4",
        f"MERGE INTO {iceberg} t USING (VALUES 4, 5) AS s(id) ON t.id = s.id "
        "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.id, 'new')",
        f"ALTER TABLE {iceberg} ADD COLUMNS (note string)",
        f"ALTER TABLE {iceberg} CHANGE COLUMN note remark string",
        f"OPTIMIZE {iceberg} REWRITE DATA USING BIN_PACK WHERE kind = 'new'",
        f"VACUUM {iceberg}",
    ]
    if athena.engine == "embedded":
        for sql in (*statements[:2], *statements[3:6], *statements[8:]):
            refusal = athena.failure(sql)
            assert refusal.startswith("NOT_SUPPORTED: ")
            assert refusal.endswith("is not supported by the embedded engine: use --athena trino")
        return
    for sql in statements:
        athena.rows(sql)
    raw = athena.sandbox.clients.glue.get_table(DatabaseName="web", Name=bucketed)["Table"]
    assert raw["StorageDescriptor"]["NumberOfBuckets"] == 2
    assert athena.rows(f"SELECT id, kind, remark FROM {iceberg} ORDER BY id") == [
        ("3", "purchase", None),
        ("3", "purchase", None),
        ("5", "new", None),
    ]
    athena.rows(f"ALTER TABLE {iceberg} RENAME TO web.{iceberg}_new")
    athena.rows(f"DROP TABLE {iceberg}_new")
    declared = athena.fresh("declared")
    athena.rows(
        f"CREATE TABLE {declared} (id int, ts timestamp) PARTITIONED BY (bucket(4, id), day(ts)) "
        f"LOCATION 's3://lake/{declared}/' TBLPROPERTIES ('table_type' = 'ICEBERG')"
    )
    athena.rows(f"INSERT INTO {declared} VALUES (1, TIMESTAMP '2025-11-26 00:00:00')")
    assert athena.rows(f"SELECT id FROM {declared}") == [("1",)]


def test_either_engine_reads_the_others_views(athena: Athena) -> None:
    client = athena.trino
    if client is None:
        return  # there is no other engine
    embedded = athena.sandbox.engine
    theirs, ours = athena.fresh("theirs"), athena.fresh("ours")
    client.run(
        f"CREATE VIEW web.{theirs} AS SELECT kind, array_agg(id) AS ids, count(*) AS n "
        "FROM web.events GROUP BY kind"
    )
    assert embedded.execute(f"SELECT n FROM {theirs} ORDER BY n", "web").rows == [(2,), (4,)]
    embedded.execute(f"CREATE VIEW {ours} AS SELECT kind, n * 2 AS m FROM {theirs}", "web")
    answer = client.run(f"SELECT m FROM {ours} ORDER BY m", schema="web")
    assert answer.rows == [[4], [8]]
