"""The embedded engine against Trino's recorded answers."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from clickstream_lake.engine.client import Client
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.athena.results import as_text
from clickstream_lake.sandbox.errors import QueryError
from dev.sql_page import answered
from tests.conftest import Engine
from tests.corpus.engine.answers import (
    FOLDER,
    REFUSED,
    Answer,
    alike,
    of_embedded,
    of_trino,
    same_type,
)
from tests.corpus.engine.kinds import by_function, showing, wanted
from tests.corpus.engine.lake import DATABASE, build

# Both fail, or Trino alone gives a NULL: what the error is called here differs.
_OTHER_ERRORS = {
    "from_unixtime(1764151506.5e0, 'Nowhere/City')",
    "from_unixtime(0, 'bad')",
    "from_unixtime(NULL, 'Nowhere/City')",
    "reduce(ARRAY[1.5,2.5], 0.0, (s, x) -> s + x, s -> s)",
    "date_trunc('minute', CAST(NULL AS date))",
    "date_trunc('decade', CAST(NULL AS date))",
    "left('abc', 2)",
    "BIGINT '9223372036854775807' * INTERVAL '90' MINUTE",
    "date '2025-13-01'",
    "concat()",
    "concat(CAST(NULL AS array(bigint)))",
    "date_add('hello', CAST(NULL AS bigint), DATE '2025-11-26')",
    "date_add('hello', BIGINT '7', CAST(NULL AS date))",
    "date_diff('hello', CAST(NULL AS date), DATE '2025-11-26')",
    "date_diff('hello', DATE '2025-11-26', CAST(NULL AS date))",
}
_STEP = 120  # of the expressions that are asked again of a Trino: one of so many


def _recorded(name: str) -> list[Any]:
    return [json.loads(line) for line in (FOLDER / name).read_text("utf-8").splitlines()]


EXPRESSIONS: dict[str, Answer] = {
    sql: (of, value) for sql, of, value in _recorded("expressions.ndjson")
}
QUERIES: list[Any] = _recorded("queries.ndjson")


def differences(
    expected: dict[str, Answer], found: dict[str, Answer]
) -> list[tuple[str, Answer, Answer]]:
    """What is neither the same nor refused."""
    return [
        (sql, theirs, ours)
        for sql, theirs in expected.items()
        if (ours := found[sql]) != ("!", REFUSED)
        and not (sql in _OTHER_ERRORS and ours[0] == "!")
        and not (
            ours == theirs
            if "!" in (ours[0], theirs[0])
            else same_type(ours[0], theirs[0]) and alike(ours[1], theirs[1])
        )
    ]


def test_of_each_function_a_value_a_null_an_edge_and_an_error_are_right() -> None:
    found: dict[str, Answer] = {}
    index = by_function(EXPRESSIONS)
    open_ = {pair: showing(*pair, index, EXPRESSIONS) for pair in wanted(answered())}
    missing: list[tuple[str, str]] = []
    while open_:
        tried = {pair: next(cases, None) for pair, cases in open_.items()}
        missing += [pair for pair, sql in tried.items() if sql is None]
        new = [sql for sql in {*tried.values()} - found.keys() if sql is not None]
        failing = [sql for sql in new if EXPRESSIONS[sql][0] == "!"]
        found |= of_embedded([sql for sql in new if EXPRESSIONS[sql][0] != "!"])
        found |= of_embedded(failing, at_once=1)  # each would fail those beside it
        open_ = {
            pair: open_[pair]
            for pair, sql in tried.items()
            if sql is not None and found[sql] == ("!", REFUSED)
        }
    assert not missing
    assert not differences({sql: EXPRESSIONS[sql] for sql in found}, found)


@pytest.mark.slow
def test_all_expressions_are_right_or_refused() -> None:
    assert not differences(EXPRESSIONS, of_embedded(list(EXPRESSIONS)))


@pytest.mark.engine
def test_recorded_answers_are_still_what_trino_says(engine: Engine) -> None:
    some = list(EXPRESSIONS)[::_STEP]
    answers = _of(engine.client, some)
    assert [sql for sql in some if tuple(EXPRESSIONS[sql]) != answers[sql]] == []


def _of(client: Client, some: list[str]) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    for start in range(0, len(some), 24):
        found |= of_trino(client, some[start : start + 24])
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryEngine]:
    with mock_aws():
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        s3, glue = session.client("s3"), session.client("glue")
        s3.create_bucket(Bucket="lake")
        build(s3, glue, "lake")
        cache = tmp_path_factory.mktemp("cache")
        engine = QueryEngine(s3=s3, glue=glue, cache_dir=cache)
        yield engine
        engine.close()


@pytest.mark.parametrize(("sql", "expected"), QUERIES, ids=range(len(QUERIES)))
def test_a_query_is_right_or_refused(lake: QueryEngine, sql: str, expected: dict[str, Any]) -> None:
    try:
        found = lake.execute(sql, DATABASE)
    except QueryError as error:
        assert error.code in {REFUSED, expected.get("error")}, sql  # noqa: PT017 - it may answer
        return
    assert "error" not in expected, sql
    assert found.types == expected["types"]
    rows = [list(row.values()) for row in as_text(found.table).to_pylist()]
    assert len(rows) == len(expected["rows"])
    for ours, theirs in zip(rows, expected["rows"], strict=True):
        assert all(map(alike, ours, theirs)), (ours, theirs)
