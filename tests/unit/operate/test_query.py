from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self, cast

import pytest

from clickstream_lake.errors import ToolkitError
from clickstream_lake.operate.query import Answer, names_all, run, without_retired


def row(*cells: str | None) -> dict[str, Any]:
    return {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in cells]}


@dataclass
class FakeAthena:
    """Answers one query: states in turn, then rows page by page, as Athena pages them."""

    pages: list[list[dict[str, Any]]] = field(default_factory=list)
    states: list[str] = field(default_factory=lambda: ["QUEUED", "RUNNING", "SUCCEEDED"])
    kind: str = "DML"
    reason: str = ""

    def start_query_execution(self, **request: object) -> dict[str, str]:
        assert request["QueryExecutionContext"] == {"Database": "lake"}
        assert request["WorkGroup"] == "group"
        return {"QueryExecutionId": "q"}

    def get_query_execution(self, **_: object) -> dict[str, Any]:
        status = {"State": self.states.pop(0), "StateChangeReason": self.reason}
        statistics = {"DataScannedInBytes": 12, "EngineExecutionTimeInMillis": 3}
        return {
            "QueryExecution": {
                "Status": status,
                "Statistics": statistics,
                "StatementType": self.kind,
                "QueryExecutionId": "q",
            }
        }

    def get_paginator(self, name: str) -> Self:
        assert name == "get_query_results"
        return self

    def paginate(self, **_: object) -> Iterator[dict[str, Any]]:
        infos = [{"Name": "kind", "Type": "varchar"}, {"Name": "n", "Type": "bigint"}]
        for rows in self.pages:
            yield {"ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": infos}}}


def answer(athena: FakeAthena, limit: int | None = None) -> Answer:
    return run(
        cast("Any", athena),
        "SELECT 1",
        database="lake",
        workgroup="group",
        limit=limit,
        pause=lambda _: None,
    )


def test_rows_of_all_pages_come_without_the_row_of_names() -> None:
    athena = FakeAthena([[row("kind", "n"), row("click", "2")], [row(None, "3")]])

    found = answer(athena)

    assert found.columns == ["kind", "n"]
    assert found.types == ["varchar", "bigint"]
    assert found.rows == [["click", "2"], [None, "3"]]
    assert (found.bytes_scanned, found.milliseconds, found.more) == (12, 3, False)


def test_a_limit_stops_and_says_that_there_was_more() -> None:
    rows = [row("kind", "n"), *(row("click", str(number)) for number in range(5))]

    assert answer(FakeAthena([rows]), limit=2).more
    assert not answer(FakeAthena([rows]), limit=5).more


def test_a_statement_that_is_no_query_has_no_row_of_names() -> None:
    found = answer(FakeAthena([[row("year=2025", "1")]], kind="UTILITY"))

    assert found.rows == [["year=2025", "1"]]


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED"])
def test_a_query_that_fails_says_why(state: str) -> None:
    athena = FakeAthena(states=["RUNNING", state], reason="no such column")

    with pytest.raises(ToolkitError, match=f"the query {state.lower()}: no such column"):
        answer(athena)


def test_a_retired_column_is_not_among_all_of_them() -> None:
    retired = {"Name": "price", "Comment": "Retired 2026-11-27: Unit price"}
    columns = [{"Name": "event_id"}, retired, {"Name": "country", "Comment": "Where"}]
    tables = [{"StorageDescriptor": {"Columns": columns}}]
    answer = Answer(
        columns=["event_id", "price", "country"],
        types=["varchar", "double", "varchar"],
        rows=[["1", None, "DE"]],
        bytes_scanned=0,
        milliseconds=0,
        more=False,
    )
    shown = without_retired(answer, "SELECT * FROM events", tables)
    assert (shown.columns, shown.rows) == (["event_id", "country"], [["1", "DE"]])
    named = without_retired(answer, "SELECT *, price FROM events", tables)
    assert named == answer
    used = [*tables, {"StorageDescriptor": {"Columns": [{"Name": "price"}]}}]
    assert without_retired(answer, "SELECT * FROM orders", used) == answer


@pytest.mark.parametrize(
    ("sql", "all_of_them"),
    [
        ("SELECT * FROM t", True),
        ("select DISTINCT\n* from t", True),
        ("SELECT t.* FROM t", True),
        ("SELECT 1, * FROM t", True),
        ("SELECT COUNT(*) FROM t", False),
        ("SELECT a * b FROM t", False),
    ],
)
def test_a_statement_that_asks_for_all_columns_is_known(sql: str, *, all_of_them: bool) -> None:
    assert names_all(sql) == all_of_them
