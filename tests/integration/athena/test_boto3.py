import csv
import io
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client


def run(athena: "AthenaClient", sql: str, **options: object) -> dict[str, Any]:
    options = {"WorkGroup": "clickstream", **options}
    started = athena.start_query_execution(
        QueryString=sql, QueryExecutionContext={"Database": "web"}, **options
    )
    while True:
        execution = athena.get_query_execution(QueryExecutionId=started["QueryExecutionId"])
        if execution["QueryExecution"]["Status"]["State"] not in {"QUEUED", "RUNNING"}:
            return execution["QueryExecution"]
        time.sleep(0.02)


def test_runs_a_query_and_counts_what_it_scanned(athena: "AthenaClient", s3: "S3Client") -> None:
    done = run(
        athena,
        "SELECT kind, COUNT(*) AS n FROM events WHERE day = '26' GROUP BY kind ORDER BY n, kind",
    )
    assert done["Status"]["State"] == "SUCCEEDED"
    assert done["StatementType"] == "DML"
    size = s3.head_object(Bucket="lake", Key="events/day=26/a.json")["ContentLength"]
    assert done["Statistics"]["DataScannedInBytes"] == size
    assert done["Statistics"]["EngineExecutionTimeInMillis"] >= 0
    result = athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]
    assert [datum["VarCharValue"] for datum in result["Rows"][0]["Data"]] == ["kind", "n"]
    assert result["Rows"][1]["Data"] == [{}, {"VarCharValue": "250"}]
    types = [(c["Name"], c["Type"]) for c in result["ResultSetMetadata"]["ColumnInfo"]]
    assert types == [("kind", "varchar"), ("n", "bigint")]


def test_pages_through_a_large_result(athena: "AthenaClient") -> None:
    done = run(athena, "SELECT id FROM events_parquet ORDER BY id")
    paginator = athena.get_paginator("get_query_results")
    pages = list(paginator.paginate(QueryExecutionId=done["QueryExecutionId"]))
    rows = [row["Data"][0]["VarCharValue"] for page in pages for row in page["ResultSet"]["Rows"]]
    assert rows == ["id", *map(str, range(2500))]
    sizes = [len(page["ResultSet"]["Rows"]) for page in pages]
    assert sizes == [1000, 1000, 501]


def test_writes_the_result_as_csv_where_the_workgroup_says(
    athena: "AthenaClient", s3: "S3Client"
) -> None:
    asked = {"OutputLocation": "s3://lake/not-here/"}
    done = run(
        athena,
        "SELECT id, kind, price FROM events WHERE day = '26' AND id < 3 ORDER BY id",
        ResultConfiguration=asked,
    )
    location = done["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://lake/athena-results/{done['QueryExecutionId']}.csv"
    body = s3.get_object(Bucket="lake", Key=location.removeprefix("s3://lake/"))["Body"].read()
    assert body.decode().splitlines()[:2] == ['"id","kind","price"', '"0",,"0.0"']
    assert list(csv.reader(io.StringIO(body.decode())))[2] == ["1", 'say "1"', "0.25"]


def test_a_request_names_the_output_where_the_workgroup_leaves_it_open(
    athena: "AthenaClient",
) -> None:
    options = {"WorkGroup": "primary"}
    with pytest.raises(athena.exceptions.InvalidRequestException, match="No output location"):
        run(athena, "SELECT 1", **options)
    done = run(
        athena, "SELECT 1", ResultConfiguration={"OutputLocation": "s3://lake/own"}, **options
    )
    assert done["ResultConfiguration"]["OutputLocation"].startswith("s3://lake/own/")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE VIEW v AS SELECT 1", "COLUMN_NAME_NOT_SPECIFIED"),
        ("SELECT nope FROM events", "COLUMN_NOT_FOUND"),
        ("SELEC 1", "SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'"),
        ("SELECT (1 FROM events", "SYNTAX_ERROR"),
    ],
)
def test_a_statement_that_cannot_run_fails_with_a_reason(
    athena: "AthenaClient", sql: str, reason: str
) -> None:
    done = run(athena, sql)
    assert done["Status"]["State"] == "FAILED"
    assert done["Status"]["StateChangeReason"].startswith(reason)
    assert done["Status"]["AthenaError"]["ErrorCategory"] == 2
    with pytest.raises(athena.exceptions.InvalidRequestException, match="FAILED"):
        athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])


def test_an_output_that_cannot_be_written_fails_the_query(athena: "AthenaClient") -> None:
    options = {"WorkGroup": "primary", "ResultConfiguration": {"OutputLocation": "s3://gone/"}}
    assert (
        "INVALID_OUTPUT_LOCATION"
        in run(athena, "SELECT 1", **options)["Status"]["StateChangeReason"]
    )


def test_show_and_repair_answer_without_a_header(athena: "AthenaClient") -> None:
    done = run(athena, "MSCK REPAIR TABLE events")
    assert done["StatementType"] == "DDL"
    assert done["Statistics"]["DataScannedInBytes"] == 0
    done = run(athena, "SHOW PARTITIONS events")
    assert done["ResultConfiguration"]["OutputLocation"].endswith(".txt")
    result = athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]
    assert [row["Data"][0]["VarCharValue"] for row in result["Rows"]] == ["day=26", "day=27"]
    done = run(athena, "SELECT id FROM events WHERE day = '27'")
    result = athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]
    assert result["Rows"][1]["Data"] == [{"VarCharValue": "-1"}]


def test_the_same_token_starts_one_execution(athena: "AthenaClient") -> None:
    token = "x" * 40
    options = {"QueryString": "SELECT 1", "ClientRequestToken": token, "WorkGroup": "clickstream"}
    first = athena.start_query_execution(**options)["QueryExecutionId"]
    assert athena.start_query_execution(**options)["QueryExecutionId"] == first


def test_fills_in_execution_parameters(athena: "AthenaClient") -> None:
    done = run(
        athena,
        "SELECT COUNT(*) FROM events_parquet WHERE id < ? AND kind = ?",
        ExecutionParameters=["10", "'say \"1\"'"],
    )
    rows = athena.get_query_results(QueryExecutionId=done["QueryExecutionId"])["ResultSet"]["Rows"]
    assert rows[1]["Data"] == [{"VarCharValue": "3"}]
    with pytest.raises(athena.exceptions.InvalidRequestException, match="expected 1 but found 2"):
        run(athena, "SELECT ?", ExecutionParameters=["1", "2"])


def test_lists_stops_and_batches_executions(athena: "AthenaClient") -> None:
    first = run(athena, "SELECT 1")["QueryExecutionId"]
    second = run(athena, "SELECT 2")["QueryExecutionId"]
    listed = athena.list_query_executions(WorkGroup="clickstream", MaxResults=1)
    assert listed["QueryExecutionIds"] == [second]
    following = athena.list_query_executions(
        WorkGroup="clickstream", MaxResults=1, NextToken=listed["NextToken"]
    )
    assert following["QueryExecutionIds"] == [first]
    athena.stop_query_execution(QueryExecutionId=first)
    batch = athena.batch_get_query_execution(QueryExecutionIds=[first, "nope"])
    assert [one["Status"]["State"] for one in batch["QueryExecutions"]] == ["SUCCEEDED"]
    assert batch["UnprocessedQueryExecutionIds"][0]["QueryExecutionId"] == "nope"


def test_refuses_what_it_does_not_know(athena: "AthenaClient") -> None:
    refused = athena.exceptions.InvalidRequestException
    with pytest.raises(refused, match="nope was not found"):
        athena.get_query_execution(QueryExecutionId="nope")
    with pytest.raises(refused, match="WorkGroup nope is not found"):
        run(athena, "SELECT 1", WorkGroup="nope")
    assert athena.get_work_group(WorkGroup="clickstream")["WorkGroup"]["Name"] == "clickstream"


def test_creates_a_table_from_a_query_and_lists_its_files(
    athena: "AthenaClient", s3: "S3Client"
) -> None:
    done = run(
        athena,
        """CREATE TABLE "web"."kinds" WITH (external_location = 's3://lake/made/kinds/',
           format = 'PARQUET', write_compression = 'SNAPPY')
           AS SELECT kind, COUNT(*) AS n, MAX(price) AS price FROM events_parquet GROUP BY kind""",
    )
    assert (done["Status"]["State"], done["StatementType"]) == ("SUCCEEDED", "DDL")
    manifest = done["Statistics"]["DataManifestLocation"].removeprefix("s3://lake/")
    listed = s3.get_object(Bucket="lake", Key=manifest)["Body"].read().decode()
    assert listed.startswith("s3://lake/made/kinds/")
    counted = run(athena, "SELECT SUM(n) AS n, MAX(price) AS price FROM kinds")
    result = athena.get_query_results(QueryExecutionId=counted["QueryExecutionId"])["ResultSet"]
    assert result["Rows"][1]["Data"] == [{"VarCharValue": "2500"}, {"VarCharValue": "624.75"}]


def test_a_new_table_goes_under_the_results_unless_told_otherwise(
    athena: "AthenaClient", s3: "S3Client"
) -> None:
    done = run(athena, "CREATE TABLE placed AS SELECT 1 AS x")
    manifest = done["Statistics"]["DataManifestLocation"].removeprefix("s3://lake/")
    listed = s3.get_object(Bucket="lake", Key=manifest)["Body"].read().decode()
    assert listed.startswith(f"s3://lake/athena-results/tables/{done['QueryExecutionId']}/")


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("CREATE TABLE events WITH ({}) AS SELECT 1 AS x", "TABLE_ALREADY_EXISTS"),
        ("CREATE TABLE t WITH ({}) AS SELECT 1", "COLUMN_NAME_NOT_SPECIFIED"),
        ("CREATE TABLE t WITH ({}) AS SELECT 1 AS x, 2 AS x", "DUPLICATE_COLUMN_NAME"),
        ("CREATE TABLE t WITH ({}) AS SELECT now() AS x", "NOT_SUPPORTED: Unsupported Hive type"),
        ("CREATE TABLE t WITH ({}, format = 'AVRO') AS SELECT 1 AS x", "NOT_SUPPORTED: writing"),
        ("CREATE TABLE t WITH ({}, frob = 1) AS SELECT 1 AS x", "INVALID_TABLE_PROPERTY"),
        (
            "CREATE TABLE t WITH ({}, partitioned_by = ARRAY['x']) AS SELECT 1 AS x",
            "INVALID_TABLE_PROPERTY: Table contains only partition columns",
        ),
        (
            "CREATE TABLE t WITH (external_location = 's3://lake/events') AS SELECT 1 AS x",
            "HIVE_PATH_ALREADY_EXISTS",
        ),
    ],
)
def test_refuses_tables_that_it_cannot_create(
    athena: "AthenaClient", sql: str, reason: str
) -> None:
    statement = sql.format("external_location = 's3://lake/free/'")
    assert run(athena, statement)["Status"]["StateChangeReason"].startswith(reason)
