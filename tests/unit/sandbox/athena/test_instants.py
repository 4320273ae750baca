from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pytest

from clickstream_lake.sandbox.athena.dialect import connect
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.errors import QueryError
from tests.corpus.instants import joda_instants

if TYPE_CHECKING:
    from collections.abc import Iterator

JODA = joda_instants()


@pytest.fixture
def texts() -> "Iterator[duckdb.DuckDBPyConnection]":
    with connect() as connection:
        connection.register("texts", pa.table({"text": list(JODA)}))
        yield connection


def test_every_text_has_the_engines_answer(texts: duckdb.DuckDBPyConnection) -> None:
    found = texts.execute(
        "SELECT text, epoch_ms(TRY(trino_from_iso8601_timestamp(text))) FROM texts"
    )
    assert dict(found.fetchall()) == JODA


def test_every_date_has_the_engines_answer(texts: duckdb.DuckDBPyConnection) -> None:
    """Joda-Time's parser of dates is the part of the other one before the T."""
    found = texts.execute(
        "SELECT text, epoch_ms(TRY(trino_from_iso8601_date(text))::TIMESTAMP) FROM texts "
        "WHERE text[:4] BETWEEN '0001' AND '9999' AND text NOT SIMILAR TO '[0-9]{5,}.*'"
    ).fetchall()
    assert len(found) > 300
    assert dict(found) == {text: None if "T" in text.upper() else JODA[text] for text, _ in found}


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("2025-11-26 10:00:00", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "2025-11-26 10:00:00"'),
        ("a\n\n\"b'", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "a\n\n"b\'"'),
        ("2025-02-29", 'INVALID_FUNCTION_ARGUMENT: Cannot parse "2025-02-29"'),
        ("2025-11-26T24:00Z", 'INVALID_FUNCTION_ARGUMENT: Cannot parse "2025-11-26T24:00Z"'),
        ("99999-01-01", "INVALID_FUNCTION_ARGUMENT: Millis overflow: 3093496444800000"),
        ("2025-11-26T10:00+14:01", "NOT_SUPPORTED: Time zone not supported: +14:01"),
        ("2025-11-26T10:00-02:00:30", "NOT_SUPPORTED: Time zone not supported: -02:00:30"),
    ],
)
def test_a_query_fails_as_in_the_engine(tableless: QueryEngine, text: str, failure: str) -> None:
    quoted = text.replace("'", "''")
    with pytest.raises(QueryError) as caught:
        tableless.execute(f"SELECT from_iso8601_timestamp('{quoted}')")
    assert str(caught.value) == failure
    tried = tableless.execute(f"SELECT try(from_iso8601_timestamp('{quoted}'))")
    assert tried.rows == [(None,)]


@pytest.mark.parametrize("text", ["2025-11-26 ", "2025-02-29", "2025-11-26T", "2025-11-26T10:00Z"])
def test_a_date_with_a_time_is_no_date(tableless: QueryEngine, text: str) -> None:
    with pytest.raises(QueryError, match="INVALID_FUNCTION_ARGUMENT: Invalid format"):
        tableless.execute(f"SELECT from_iso8601_date('{text}')")


def test_null_is_null_and_the_type_is_the_engines(tableless: QueryEngine) -> None:
    result = tableless.execute(
        "SELECT from_iso8601_timestamp(CAST(NULL AS varchar)), from_iso8601_date(NULL), "
        "from_iso8601_timestamp('2025-W48-3T10'), from_iso8601_date('2025-330'), "
        "from_iso8601_timestamp('1969-12-31T23:59:59.9999Z')"
    )
    assert result.rows == [
        (
            None,
            None,
            datetime(2025, 11, 26, 10, tzinfo=UTC),
            date(2025, 11, 26),
            datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
        )
    ]
    assert result.types[2:4] == ["timestamp with time zone", "date"]
