"""A real Trino over a sandbox: what it is configured to do, and how it is asked."""

import threading
from collections.abc import Iterator

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.engine.errors import StatementError
from tests.conftest import Engine

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module", autouse=True)
def sandbox(engine: Engine) -> Iterator[None]:
    with lake_sandbox(
        provision=by_catalog(LakeSettings()),
        port=engine.port,
        directory=engine.directory,
        handlers={},
    ):
        yield


def test_it_sees_the_lakes_tables_by_athenas_name_of_the_catalog(engine: Engine) -> None:
    answer = engine.client.run("SHOW TABLES FROM awsdatacatalog.clickstream")
    assert [name for (name,) in answer.rows] == [
        "clickstream_events",
        "clickstream_events_parquet",
        "clickstream_rejects",
    ]


def test_an_answer_has_trinos_types_and_raw_values(engine: Engine) -> None:
    answer = engine.client.run(
        "SELECT 1 AS a, DECIMAL '1.50' AS b, TIMESTAMP '2025-11-26 01:02:03.456' AS c, nan() AS d,"
        " CAST(ROW(1, 'x') AS ROW(n integer, t varchar)) AS e, MAP(ARRAY['k'], ARRAY[NULL]) AS f"
    )
    assert [column.name for column in answer.columns] == ["a", "b", "c", "d", "e", "f"]
    assert [column.type for column in answer.columns] == [
        "integer",
        "decimal(3, 2)",
        "timestamp(3)",
        "double",
        "row(n integer, t varchar)",
        "map(varchar(1), unknown)",
    ]
    assert answer.rows == [[1, "1.50", "2025-11-26 01:02:03.456", "NaN", [1, "x"], {"k": None}]]


def test_times_without_a_zone_are_utc_whatever_the_machine_says(engine: Engine) -> None:
    answer = engine.client.run("SELECT current_timezone(), CAST(date '2025-11-26' AS timestamp)")
    assert answer.rows[0][0] == "UTC"


def test_an_error_has_its_name_kind_and_place(engine: Engine) -> None:
    with pytest.raises(StatementError) as caught:
        engine.client.run("SELECT 1,\n  nothing")
    error = caught.value
    assert (error.name, error.kind) == ("COLUMN_NOT_FOUND", "USER_ERROR")
    assert (error.line, error.column) == (2, 3)
    assert error.message == "line 2:3: Column 'nothing' cannot be resolved"


def test_a_statement_is_cancelled_in_the_engine_while_it_runs(engine: Engine) -> None:
    endless = "SELECT count(*) FROM UNNEST(sequence(1, 10000)) a, UNNEST(sequence(1, 10000)) b"
    endless += ", UNNEST(sequence(1, 10000)) c"
    statement = engine.client.statement(endless)
    caught: list[StatementError] = []

    def run() -> None:
        try:
            statement.run()
        except StatementError as error:
            caught.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while not running(engine, endless):
        assert thread.is_alive()
    statement.cancel()
    thread.join()
    assert [error.name for error in caught] == ["USER_CANCELED"]
    assert not running(engine, endless)


def test_a_statement_that_was_cancelled_before_it_began_does_not_run(engine: Engine) -> None:
    statement = engine.client.statement("SELECT 1")
    statement.cancel()
    with pytest.raises(StatementError, match="USER_CANCELED"):
        statement.run()


def running(engine: Engine, sql: str) -> bool:
    answer = engine.client.run("SELECT query FROM system.runtime.queries WHERE state = 'RUNNING'")
    return [sql] in answer.rows
