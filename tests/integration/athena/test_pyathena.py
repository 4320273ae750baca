from typing import TYPE_CHECKING, Any

import pytest
from pyathena import connect
from pyathena.error import OperationalError
from pyathena.pandas.cursor import PandasCursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyathena.connection import Connection


@pytest.fixture
def connection(environment: None) -> "Iterator[Connection[Any]]":
    del environment
    with connect(
        work_group="clickstream",
        schema_name="web",
        poll_interval=0.02,
    ) as opened:
        yield opened


def test_a_cursor_fetches_typed_rows(connection: "Connection[Any]") -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, kind, price FROM events WHERE id < %(most)d ORDER BY id", {"most": 2}
        )
        assert cursor.fetchall() == [(0, None, 0.0), (1, 'say "1"', 0.25)]
        assert [column[:2] for column in cursor.description] == [
            ("id", "bigint"),
            ("kind", "varchar"),
            ("price", "double"),
        ]
        assert cursor.data_scanned_in_bytes > 0


def test_a_failed_query_raises_with_the_reason(connection: "Connection[Any]") -> None:
    with connection.cursor() as cursor, pytest.raises(OperationalError, match="TABLE_NOT_FOUND"):
        cursor.execute("SELECT 1 FROM nope")


def test_shows_tables(connection: "Connection[Any]") -> None:
    with connection.cursor() as cursor:
        assert cursor.execute("SHOW TABLES").fetchall() == [("events",), ("events_parquet",)]


def test_reads_the_csv_result_into_pandas(connection: "Connection[Any]") -> None:
    with connection.cursor(PandasCursor) as cursor:
        frame = cursor.execute(
            "SELECT kind, SUM(price) AS total FROM events_parquet GROUP BY kind ORDER BY 2 LIMIT 2"
        ).as_pandas()
    assert list(frame.columns) == ["kind", "total"]
    assert len(frame) == 2
