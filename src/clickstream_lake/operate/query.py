"""Run one statement through the Athena API, in AWS or the sandbox, and collect the answer."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.catalog import RETIRED

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0
_ALL_COLUMNS: Final = re.compile(r"(?:\bselect|\bdistinct|,|\.)\s*\*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement came to.

    Attributes:
        columns: names; `types` are Athena's names of their types.
        rows: text as Athena prints it; None for NULL.
        bytes_scanned: what Athena charges for.
        milliseconds: the engine's time.
        more: there were more rows than asked for.
    """

    columns: list[str]
    types: list[str]
    rows: list[list[str | None]]
    bytes_scanned: int
    milliseconds: int
    more: bool


def run(
    client: "AthenaClient",
    sql: str,
    *,
    database: str,
    workgroup: str,
    limit: int | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Answer:
    """Start the statement, wait for its end, and fetch up to `limit` rows.

    Raises:
        ToolkitError: it failed or was cancelled; the message has Athena's reason.
    """
    execution = execute(client, sql, database=database, workgroup=workgroup, pause=pause)
    statistics = execution["Statistics"]
    columns, types, rows, more = _results(
        client, execution["QueryExecutionId"], execution["StatementType"], limit
    )
    return Answer(
        columns=columns,
        types=types,
        rows=rows,
        bytes_scanned=statistics.get("DataScannedInBytes", 0),
        milliseconds=statistics.get("EngineExecutionTimeInMillis", 0),
        more=more,
    )


def names_all(sql: str) -> bool:
    """Whether a statement asks for all columns of a table, whichever they are."""
    return _ALL_COLUMNS.search(sql) is not None


def without_retired(answer: Answer, sql: str, tables: list[dict[str, Any]]) -> Answer:
    """An answer without the columns that take no values any more.

    One that the statement names stays, and so does one that is in use in another table.

    Args:
        answer: to the statement.
        sql: a statement that asks for all columns.
        tables: those of the database, as Glue has them.
    """
    columns = [
        each for table in tables for each in table.get("StorageDescriptor", {}).get("Columns", [])
    ]
    retired = {c["Name"] for c in columns if c.get("Comment", "").startswith(f"{RETIRED} ")}
    in_use = {c["Name"] for c in columns if not c.get("Comment", "").startswith(f"{RETIRED} ")}
    hidden = retired - in_use - set(re.findall(r"\w+", sql.lower()))
    kept = [place for place, name in enumerate(answer.columns) if name not in hidden]
    return replace(
        answer,
        columns=[answer.columns[place] for place in kept],
        types=[answer.types[place] for place in kept],
        rows=[[row[place] for place in kept] for row in answer.rows],
    )


def execute(
    client: "AthenaClient",
    sql: str,
    *,
    database: str,
    workgroup: str,
    output: str | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> "QueryExecutionTypeDef":
    """Start the statement and wait for its end.

    Args:
        client: Athena's client.
        sql: one statement.
        database: the one with its tables.
        workgroup: where it runs.
        output: where its result goes, `s3://...`; None if the workgroup says it.
        pause: called with the seconds to wait before asking again.

    Raises:
        ToolkitError: it failed or was cancelled; the message has Athena's reason.
    """
    query_id = client.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": database},
        WorkGroup=workgroup,
        ResultConfiguration={"OutputLocation": output} if output else {},
    )["QueryExecutionId"]
    wait = _FIRST_PAUSE_SECONDS
    while True:
        execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        state = execution["Status"]["State"]
        if state not in {"QUEUED", "RUNNING"}:
            break
        pause(wait)
        wait = min(wait * 1.5, _LONGEST_PAUSE_SECONDS)
    if state != "SUCCEEDED":
        reason = execution["Status"].get("StateChangeReason", "no reason given")
        raise ToolkitError(f"the query {state.lower()}: {reason}")
    return execution


def _results(
    client: "AthenaClient", query_id: str, kind: str, limit: int | None
) -> tuple[list[str], list[str], list[list[str | None]], bool]:
    columns: list[str] = []
    types: list[str] = []
    rows: list[list[str | None]] = []
    # Only a query's answer has the column names as its first row.
    skip = 1 if kind == "DML" else 0
    for page in client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id):
        result = page["ResultSet"]
        infos = result["ResultSetMetadata"]["ColumnInfo"]
        columns, types = [info["Name"] for info in infos], [info["Type"] for info in infos]
        for row in result["Rows"]:
            if skip:
                skip -= 1
                continue
            if limit is not None and len(rows) == limit:
                return columns, types, rows, True
            rows.append([datum.get("VarCharValue") for datum in row["Data"]])
    return columns, types, rows, False
