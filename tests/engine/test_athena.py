"""The Athena API answered by a Trino, as boto3 sees it."""

import csv
import io
import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.conftest import Engine

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients

pytestmark = pytest.mark.engine

JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
FORMAT = "org.apache.hadoop.mapred.TextInputFormat"
OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
ROWS = 2500
_ENDLESS = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a, UNNEST(sequence(1, 10000)) b"
ENDLESS = f"{_ENDLESS}, UNNEST(sequence(1, 10000)) c"


def provision(clients: "Clients") -> Resources:
    s3, glue = clients.s3, clients.glue
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "web"})
    storage: Any = {
        "Columns": [
            {"Name": name, "Type": kind}
            for name, kind in (("id", "bigint"), ("kind", "string"), ("price", "double"))
        ],
        "Location": "s3://lake/events/",
        "InputFormat": FORMAT,
        "OutputFormat": OUTPUT,
        "SerdeInfo": {"SerializationLibrary": JSON_SERDE},
    }
    glue.create_table(
        DatabaseName="web",
        TableInput={
            "Name": "events",
            "TableType": "EXTERNAL_TABLE",
            "PartitionKeys": [{"Name": "day", "Type": "string"}],
            "StorageDescriptor": storage,
        },
    )
    for day in ("26", "27"):
        place = {**storage, "Location": f"s3://lake/events/day={day}/"}
        glue.create_partition(
            DatabaseName="web",
            TableName="events",
            PartitionInput={"Values": [day], "StorageDescriptor": place},
        )
    rows = [{"id": i, "kind": f'say "{i % 3}"', "price": i / 4} for i in range(ROWS)]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    s3.put_object(Bucket="lake", Key="events/day=26/a.json", Body=body)
    s3.put_object(Bucket="lake", Key="events/day=27/b.json", Body=b'{"id": -1}\n')
    return Resources(bucket="lake", database="web", workgroup="primary")


class Athena:
    """A client that waits for its queries."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.client = sandbox.clients.athena
        self._s3 = sandbox.clients.s3

    def start(self, sql: str, **more: Any) -> str:  # noqa: ANN401 - the API's own
        return self.client.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": "web"},
            ResultConfiguration={"OutputLocation": "s3://lake/results/"},
            **more,
        )["QueryExecutionId"]

    def get(self, name: str) -> Any:  # noqa: ANN401 - the API's own
        return self.client.get_query_execution(QueryExecutionId=name)["QueryExecution"]

    def wait(self, name: str) -> Any:  # noqa: ANN401 - the API's own
        while (found := self.get(name))["Status"]["State"] in {"QUEUED", "RUNNING"}:
            time.sleep(0.05)
        return found

    def run(self, sql: str, **more: Any) -> Any:  # noqa: ANN401 - the API's own
        done = self.wait(self.start(sql, **more))
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        return done

    def fail(self, sql: str) -> Any:  # noqa: ANN401 - the API's own
        done = self.wait(self.start(sql))
        assert done["Status"]["State"] == "FAILED"
        return done["Status"]

    def rows(self, sql: str, **more: Any) -> list[list[str | None]]:  # noqa: ANN401 - the API's own
        """The rows of the first page, without the header of a query's."""
        done = self.run(sql, **more)
        page = self.client.get_query_results(QueryExecutionId=done["QueryExecutionId"])
        rows = [
            [cell.get("VarCharValue") for cell in row["Data"]] for row in page["ResultSet"]["Rows"]
        ]
        return rows[1:] if done["StatementType"] == "DML" else rows

    def file(self, done: Any) -> str:  # noqa: ANN401 - the API's own
        location = done["ResultConfiguration"]["OutputLocation"]
        key = location.removeprefix("s3://lake/")
        return self._s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()


@pytest.fixture(scope="module")
def sandbox(engine: Engine) -> Iterator[Sandbox]:
    with Sandbox(
        provision=provision, port=engine.port, directory=engine.directory, athena=engine.client
    ) as running:
        yield running


@pytest.fixture(scope="module")
def athena(sandbox: Sandbox) -> Athena:
    return Athena(sandbox)


def test_a_result_file_is_as_athena_writes_it(athena: Athena) -> None:
    done = athena.run(
        "SELECT id, kind, price, CAST(NULL AS varchar) AS nothing, '' AS empty,"
        " from_iso8601_timestamp('2025-11-26T01:02:03Z') AS at, X'68656c' AS bytes,"
        " DECIMAL '1.50' AS d, ARRAY[1, 2], MAP(ARRAY['a'], ARRAY[1]),"
        " CAST(ROW(1, 2) AS ROW(x integer, y integer)),"
        " CAST('{\"a\":1}' AS json), 1e10 FROM events WHERE id = 7"
    )
    assert athena.file(done) == (
        '"id","kind","price","nothing","empty","at","bytes","d",'
        '"_col8","_col9","_col10","_col11","_col12"\n'
        '"7","say ""1""","1.75",,"","2025-11-26 01:02:03.000 UTC","68 65 6c","1.50",'
        '"[1, 2]","{a=1}","{x=1, y=2}","""{\\""a\\"":1}""","1.0E10"\n'
    )


def test_columns_are_described_as_athena_does(athena: Athena) -> None:
    done = athena.run(
        "SELECT id, kind, price, real '1', DECIMAL '1.50', now(), ARRAY[1], NULL, x'00',"
        " current_date FROM events LIMIT 1"
    )
    page = athena.client.get_query_results(QueryExecutionId=done["QueryExecutionId"])
    described = page["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [(one["Name"], one["Type"], one["Precision"], one["Scale"]) for one in described] == [
        ("id", "bigint", 19, 0),
        ("kind", "varchar", 2147483647, 0),
        ("price", "double", 17, 0),
        ("_col3", "float", 17, 0),
        ("_col4", "decimal", 3, 2),
        ("_col5", "timestamp with time zone", 3, 0),
        ("_col6", "array", 0, 0),
        ("_col7", "unknown", 0, 0),
        ("_col8", "varbinary", 1073741824, 0),
        ("_col9", "date", 0, 0),
    ]


def test_what_was_scanned_is_what_the_engine_read(athena: Athena, sandbox: Sandbox) -> None:
    size = sandbox.clients.s3.head_object(Bucket="lake", Key="events/day=26/a.json")[
        "ContentLength"
    ]
    done = athena.run("SELECT count(*) FROM events WHERE day = '26'")
    assert done["Statistics"]["DataScannedInBytes"] == size
    assert athena.run("SELECT 1")["Statistics"]["DataScannedInBytes"] == 0


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT nothing FROM events",
            "COLUMN_NOT_FOUND: line 1:8: Column 'nothing' cannot be resolved",
        ),
        (
            "SELECT 1 FROM nowhere",
            "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.web.nowhere' does not exist",
        ),
        ("SELECT CAST('x' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast 'x' to INT"),
        ("SELECT 1 / 0", "DIVISION_BY_ZERO: Division by zero"),
    ],
)
def test_an_error_is_the_users_in_athenas_words(athena: Athena, sql: str, reason: str) -> None:
    status = athena.fail(sql)
    assert status["StateChangeReason"] == reason
    assert status["AthenaError"]["ErrorCategory"] == 2


def test_broken_data_are_not_the_users_fault(athena: Athena, sandbox: Sandbox) -> None:
    sandbox.clients.s3.put_object(Bucket="lake", Key="events/day=27/broken.json", Body=b'{"id":\n')
    try:
        status = athena.fail("SELECT sum(id) FROM events WHERE day = '27'")
    finally:
        sandbox.clients.s3.delete_object(Bucket="lake", Key="events/day=27/broken.json")
    assert status["StateChangeReason"].startswith("HIVE_CURSOR_ERROR: ")
    assert status["AthenaError"]["ErrorCategory"] == 1


def test_a_stopped_query_is_cancelled_in_the_engine(athena: Athena, engine: Engine) -> None:
    name = athena.start(ENDLESS)
    while not running(engine):
        assert athena.get(name)["Status"]["State"] in {"QUEUED", "RUNNING"}
    athena.client.stop_query_execution(QueryExecutionId=name)
    assert athena.get(name)["Status"]["State"] == "CANCELLED"
    deadline = time.monotonic() + 30
    while running(engine):
        assert time.monotonic() < deadline


def running(engine: Engine) -> bool:
    states = "SELECT query FROM system.runtime.queries WHERE state = 'RUNNING'"
    return [ENDLESS] in engine.client.run(states).rows


def test_fifty_queries_at_once_are_all_answered_rightly(athena: Athena) -> None:
    started = {
        number: athena.start(f"SELECT count(*), {number} FROM events WHERE id >= {number}")  # noqa: S608 - numbers
        for number in range(50)
    }
    for number, name in started.items():
        done = athena.wait(name)
        assert done["Status"]["State"] == "SUCCEEDED", done["Status"]
        (_, row) = csv.reader(io.StringIO(athena.file(done)))
        assert row == [str(ROWS - number), str(number)]


def test_parameters_take_their_places(athena: Athena) -> None:
    rows = athena.rows(
        "SELECT id, kind FROM events WHERE kind = ? AND id < ?",
        ExecutionParameters=["'say \"1\"'", "5"],
    )
    assert sorted(rows) == [["1", 'say "1"'], ["4", 'say "1"']]


def test_a_result_of_several_pages_is_whole(athena: Athena) -> None:
    done = athena.run("SELECT id FROM events WHERE day = '26'")
    pages = athena.client.get_paginator("get_query_results").paginate(
        QueryExecutionId=done["QueryExecutionId"]
    )
    cells = [
        row["Data"][0].get("VarCharValue") for page in pages for row in page["ResultSet"]["Rows"]
    ]
    assert cells[0] == "id"
    assert sorted(map(int, cells[1:])) == list(range(ROWS))


@pytest.mark.parametrize(
    "sql",
    [
        "EXPLAIN SELECT count(*) FROM events",
        "EXPLAIN (TYPE IO, FORMAT JSON) SELECT count(*) FROM events",
        "EXPLAIN ANALYZE SELECT count(*) FROM events",
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'web'",
        "SHOW CATALOGS",
        "SHOW CREATE SCHEMA web",
        "SHOW FUNCTIONS LIKE 'regexp%'",
        "SHOW SESSION LIKE '%join%'",
        "SHOW STATS FOR events",
        "SHOW STATS FOR (SELECT * FROM events WHERE day = '26');",
    ],
)
def test_what_only_the_engine_knows_is_answered_by_it(athena: Athena, sql: str) -> None:
    assert athena.rows(sql)


def test_hidden_columns_and_tables_tell_of_files_and_partitions(athena: Athena) -> None:
    assert athena.rows(
        'SELECT DISTINCT "$path", "$partition", "$file_size" FROM events WHERE id = -1'
    ) == [["s3://lake/events/day=27/b.json", "day=27", "11"]]
    assert athena.rows('SELECT "$file_modified_time" < now() FROM events WHERE id = -1') == [
        ["true"]
    ]
    assert athena.rows('SELECT * FROM "events$partitions" ORDER BY 1') == [["26"], ["27"]]


def test_a_final_semicolon_and_comments_are_taken(athena: Athena) -> None:
    assert athena.rows("-- how many\nSELECT count(*) /* all */ FROM events ; ") == [[str(ROWS + 1)]]


def test_a_table_is_found_by_its_catalogs_name(athena: Athena) -> None:
    assert athena.rows("SELECT count(*) FROM awsdatacatalog.web.events WHERE id = -1") == [["1"]]
    assert athena.rows('SELECT count(*) FROM "AwsDataCatalog"."web"."events" WHERE id = -1') == [
        ["1"]
    ]
