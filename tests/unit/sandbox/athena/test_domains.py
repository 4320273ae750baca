import duckdb
import pytest
from sqlglot import exp

from clickstream_lake.sandbox.athena.dialect import connect, parse
from clickstream_lake.sandbox.athena.domains import Domain, Span, domains, in_order
from clickstream_lake.sandbox.athena.parquet_format import Statistics
from clickstream_lake.sandbox.athena.translate import translate

TYPES = {"n": "bigint", "at": "timestamp", "word": "string", "price": "double", "ok": "boolean"}
DAY = 86_400_000_000
NOV_26 = 20_418 * DAY  # days since 1970


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return connect()


def condition(where: str) -> exp.Expr:
    tree: exp.Expr = parse(f"SELECT 1 WHERE {where}").args["where"].this
    return tree


def found(connection: duckdb.DuckDBPyConnection, *where: str) -> dict[str, Domain] | None:
    def constant(node: exp.Expr) -> object:
        if node.find(exp.Query):
            raise ValueError("no constant")
        sql = translate(exp.select(node.copy()), {}).sql
        (row,) = connection.execute(sql).fetchall()
        return row[0]

    return domains([condition(one) for one in where], TYPES, constant)


def one(*spans: Span, null: bool = False) -> Domain:
    return Domain(spans, null)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n = 7", {"n": one(Span(7, 7))}),
        ("7 > n", {"n": one(Span(None, 7, before_high=True))}),
        ("NOT n < 7", {"n": one(Span(7, None))}),
        ("n <> 7", {"n": one(Span(None, 7, before_high=True), Span(7, None, past_low=True))}),
        ("n IN (1, 3)", {"n": one(Span(1, 1), Span(3, 3))}),
        ("n BETWEEN 1 AND 3 AND n > 2", {"n": one(Span(2, 3, past_low=True))}),
        ("n = 1 OR n = 3", {"n": one(Span(1, 1), Span(3, 3))}),
        ("n = 1 OR word = 'x'", {}),
        ("(n = 1 AND word = 'x') OR n = 2", {"n": one(Span(1, 1), Span(2, 2))}),
        ("n + 1 = 7", {}),
        ("word = 'é'", {"word": one(Span("é".encode(), "é".encode()))}),
        ("word LIKE 'ab%'", {"word": one(Span(b"ab", b"ac", before_high=True))}),
        ("word LIKE '%b'", {}),
        ("word LIKE 'ab'", {"word": one(Span(b"ab", b"ab"))}),
        ("word NOT LIKE 'ab%'", {}),
        ("word IS NULL", {"word": one(null=True)}),
        ("word IS NOT NULL", {"word": one(Span())}),
        ("ok", {"ok": one(Span(True, True))}),
        ("NOT ok", {"ok": one(Span(False, False))}),
        ("price > 2.5", {"price": one(Span(2.5, None, past_low=True))}),
        ("price = nan()", {}),
        ("date(at) = DATE '2025-11-26'", {"at": one(Span(NOV_26, NOV_26 + DAY, False, True))}),
        ("CAST(at AS date) > DATE '2025-11-25'", {"at": one(Span(NOV_26, None))}),
        ("date_trunc('day', at) < TIMESTAMP '2025-11-25 01:00:00'",
         {"at": one(Span(None, NOV_26, before_high=True))}),
        ("date_trunc('day', at) = TIMESTAMP '2025-11-25 01:00:00'", None),
        ("year(at) = 2025", {"at": one(Span(20_089 * DAY, 20_454 * DAY, False, True))}),
        ("date_trunc('hour', at) >= TIMESTAMP '2025-11-25 23:00:00'",
         {"at": one(Span(NOV_26 - DAY // 24, None))}),
        ("date_trunc('month', at) < TIMESTAMP '2025-11-01 00:00:00'",
         {"at": one(Span(None, NOV_26 - 25 * DAY, before_high=True))}),
        ("date_trunc('month', at) <= DATE '2025-11-26'",
         {"at": one(Span(None, NOV_26 + 5 * DAY, before_high=True))}),
        ("date(at) <= DATE '9999-12-31'", {}),  # no timestamp is after it
        ("hour(at) = 3", {}),
        ("at >= TIMESTAMP '2025-11-25 23:00:00' + INTERVAL '1' HOUR", {"at": one(Span(NOV_26))}),
        ("n = (SELECT 1)", {}),
        ("n = NULL", None),
        ("n > 3 AND n < 3", None),
        ("n = 1 AND (word = 'x' OR false)", {"n": one(Span(1, 1)), "word": one(Span(b"x", b"x"))}),
    ],
)  # fmt: skip
def test_a_condition_gives_each_column_its_values(
    connection: duckdb.DuckDBPyConnection, where: str, expected: dict[str, Domain] | None
) -> None:
    assert found(connection, where) == expected


@pytest.mark.parametrize(
    ("domain", "known", "overlaps", "covers"),
    [
        (one(Span(3, 5)), Statistics(5, 9, 0), True, False),
        (one(Span(3, 5, before_high=True)), Statistics(5, 9, 0), False, False),
        (one(Span(3, 5)), Statistics(3, 4, 0), True, True),
        (one(Span(3, 5)), Statistics(3, 4, 1), True, False),
        (one(Span(3, 5), null=True), Statistics(8, 9, 1), True, False),
        (one(Span(3, 5)), Statistics(None, None, 10), False, False),
        (one(null=True), Statistics(None, None, 10), True, True),
        (one(null=True), Statistics(3, 4, 0), False, False),
        (one(Span()), Statistics(None, None, 0), True, True),
        (one(Span(3, 5)), None, True, False),
    ],
)
def test_statistics_of_ten_values_overlap_a_domain_or_lie_in_it(
    domain: Domain, known: Statistics | None, *, overlaps: bool, covers: bool
) -> None:
    assert domain.overlaps(known, 10) == overlaps
    assert domain.covers(known, 10) == covers


def test_conditions_on_one_column_come_first_by_its_name(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    written = ["length(word) > 3", "word LIKE 'a%'", "word = 'x'", "n = 1 OR ok", "at IS NULL"]
    trees = [condition(where) for where in written]

    def constant(node: exp.Expr) -> object:
        sql = translate(exp.select(node.copy()), {}).sql
        return connection.execute(sql).fetchall()[0][0]

    ordered = [tree.sql(dialect="trino") for tree in in_order(trees, TYPES, constant)]
    assert ordered == [
        "at IS NULL",
        "word = 'x'",
        "LENGTH(word) > 3",
        "word LIKE 'a%'",
        "n = 1 OR ok",
    ]
