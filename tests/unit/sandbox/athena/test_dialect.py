from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from clickstream_lake.sandbox.athena.dialect import connect
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.errors import QueryError

JSON = """'{"a": {"b": "x", "n": 1.5, "l": [1, 2]}, "t": true, "z": null}'"""
TWICE = """'{"b": 1, "a": [{"c": 3, "c": 4}], "b": "ä"}'"""


@pytest.fixture
def engine(tableless: QueryEngine) -> QueryEngine:
    return tableless


def rows(engine: QueryEngine, sql: str) -> list[tuple[Any, ...]]:
    return engine.execute(sql).rows


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("date_trunc('day', TIMESTAMP '2025-11-26 10:00:00')", datetime(2025, 11, 26)),  # noqa: DTZ001
        ("date_parse('2025-11-26 10:05', '%Y-%m-%d %H:%i')", datetime(2025, 11, 26, 10, 5)),  # noqa: DTZ001
        ("date_format(TIMESTAMP '2025-11-26 10:05:00', '%Y/%m/%d %H:%i')", "2025/11/26 10:05"),
        (
            "format_datetime(TIMESTAMP '2025-11-26 10:05:00', 'yyyy-MM-dd''T''HH:mm')",
            "2025-11-26T10:05",
        ),
        ("to_iso8601(TIMESTAMP '2025-11-26 10:05:00')", "2025-11-26T10:05:00"),
        ("date_diff('day', TIMESTAMP '2025-11-26 23:00:00', TIMESTAMP '2025-11-27 01:00:00')", 0),
        ("date_diff('hour', TIMESTAMP '2025-11-26 23:00:00', TIMESTAMP '2025-11-27 01:00:00')", 2),
        ("date_add('day', -1, DATE '2025-11-26')", date(2025, 11, 25)),
        ("DATE '2025-11-26' - INTERVAL '7' DAY", date(2025, 11, 19)),
        ("from_unixtime(0)", datetime(1970, 1, 1, tzinfo=UTC)),
        # Where only the instant counts, a text may have any offset.
        (
            "CAST(from_iso8601_timestamp('2025-11-26T11:00+02:00') AT TIME ZONE 'UTC' AS varchar)",
            "2025-11-26 09:00:00.000 UTC",
        ),
        (
            "hour(at_timezone(from_iso8601_timestamp('2025-11-26T11:00-03:00'), 'Asia/Tokyo'))",
            23,
        ),
        ("to_unixtime(from_iso8601_timestamp('1970-01-01T02:00:01+02:00'))", 1.0),
        (
            (
                "from_iso8601_timestamp('2025-11-26T11:00+02:00') "
                "= from_iso8601_timestamp('2025-11-26T09:00Z')"
            ),
            True,
        ),
        (
            (
                "from_iso8601_timestamp('2025-11-26T11:00+02:00') BETWEEN "
                "TIMESTAMP '2025-11-26 09:00:00' AND TIMESTAMP '2025-11-26 09:00:00'"
            ),
            True,
        ),
        ("day_of_week(DATE '2025-11-26')", 3),
        ("week(DATE '2025-11-26')", 48),
        ("CAST(TIMESTAMP '2025-11-26 10:00:00.5' AS varchar)", "2025-11-26 10:00:00.5"),
        (f"json_extract_scalar({JSON}, '$.a.b')", "x"),
        (f"json_extract_scalar({JSON}, '$.a.n')", "1.5"),
        (f"json_extract_scalar({JSON}, '$.a')", None),
        (f"json_extract_scalar({JSON}, '$.z')", None),
        (f"json_extract_scalar({JSON}, '$.nope') = 'x'", None),
        (f"json_extract_scalar({JSON}, '$.t')", "true"),
        ("json_extract_scalar('no json', '$.a')", None),
        (f"json_array_length(json_extract({JSON}, '$.a.l'))", 2),
        (f"json_format(json_extract({JSON}, '$.a.l'))", "[1,2]"),
        # Of equal keys json_parse keeps the last; on a text, the first is what is found.
        (f"json_format(json_parse({TWICE}))", '{"a":[{"c":4}],"b":"ä"}'),
        (f"json_extract_scalar(json_parse({TWICE}), '$.b')", "ä"),
        (f"json_extract_scalar({TWICE}, '$.b')", "1"),
        (f"json_extract_scalar(json_parse({TWICE}), '$.a[0].c')", "4"),
        (f"map_keys(CAST(json_parse({TWICE}) AS MAP(VARCHAR, JSON)))", ["a", "b"]),
        (f"cardinality(map_keys(CAST(json_parse({TWICE}) AS MAP(VARCHAR, JSON))))", 2),
        (
            "json_format(json_parse('[1.5, 1e400, -0, 18446744073709551617]'))",
            '[1.5,"Infinity",0,18446744073709551617]',
        ),
        ("json_format(json_parse('null'))", "null"),
        ("json_parse(CAST(NULL AS varchar))", None),
        ("try(json_parse('no json'))", None),
        (f"json_extract_scalar(json_extract({JSON}, '$.a'), '$.b')", "x"),
        ("regexp_extract(split_part('a/b', '/', 3), 'x')", None),
        ("approx_distinct(x)", 2),
        ("approx_percentile(x, 0.5)", 2),
        ("count_if(x > 1)", 1),
        ("array_agg(x)", [1, 2]),
        ("max_by(x, -x)", 1),
        ("try(CAST('x' AS bigint))", None),
        ("try_cast('x' AS double)", None),
        ("try(1 / 0)", None),
        ("7 / 2", 3),
        ("7 / 2.0E0", 3.5),
        ("CAST(1.255 AS decimal(10, 2))", Decimal("1.26")),
        ("element_at(ARRAY[1, 2], 3)", None),
        ("element_at(MAP(ARRAY['a'], ARRAY[1]), 'a')", 1),
        ("cardinality(split('a,b,c', ','))", 3),
        ("split_part('a/b', '/', 2)", "b"),
        ("split_part('a/b', '/', 3)", None),
        ("regexp_extract('abc', '(b)(c)', 2)", "c"),
        ("regexp_extract('abc', 'x')", None),
        ("regexp_replace('a-b-c', '-(.)', '+$1')", "a+b+c"),
        ("regexp_like('/shop/1', '^/shop')", True),
        ("url_extract_host('https://shop.example:8080/a/b?x=1#f')", "shop.example"),
        ("url_extract_path('https://shop.example/a/b?x=1')", "/a/b"),
        ("url_extract_path('/a/b?x=1')", "/a/b"),
        ("url_extract_query('https://shop.example/a?x=1&y=2#f')", "x=1&y=2"),
        ("url_extract_parameter('/a?x=1&y=a%20b', 'y')", "a b"),
        ("url_extract_parameter('/a?x=1', 'z')", None),
        ("if(1 > 2, 'yes', 'no')", "no"),
        ("concat('a', 'b') || 'c'", "abc"),
        ("greatest(1, 3, 2)", 3),
        ("array_join(ARRAY['a', 'b'], '-')", "a-b"),
        ("reduce(ARRAY[1, 2, 3], 0, (s, x) -> s + x, s -> s)", 6),
        ("transform(ARRAY[1, 2], x -> x * 2)", [2, 4]),
        ("to_unixtime(TIMESTAMP '1970-01-01 00:00:01')", 1.0),
        ("strpos('hello', 'l')", 3),
        ("bool_or(x > 1)", True),
        ("sum(x) FILTER (WHERE x > 1)", 2),
    ],
)
def test_trino_functions_answer_as_trino_does(
    engine: QueryEngine, expression: str, value: object
) -> None:
    aggregate = any(name in expression for name in ("x)", "x >", "(x", "approx", "max_by"))
    source = " FROM (VALUES 1, 2) AS v(x)" if aggregate and "-> " not in expression else ""
    assert rows(engine, f"SELECT {expression}{source}")[0][0] == value


def test_window_functions_with_and_unnest_work_together(engine: QueryEngine) -> None:
    sql = """
        WITH v(session, step) AS (VALUES ('a', 1), ('a', 2), ('b', 1)),
             ranked AS (
                 SELECT session, step,
                        row_number() OVER (PARTITION BY session ORDER BY step DESC) AS place
                 FROM v)
        SELECT session, step, u.n FROM ranked CROSS JOIN UNNEST(ARRAY[10]) AS u(n)
        WHERE place = 1 ORDER BY session"""
    assert rows(engine, sql) == [("a", 2, 10), ("b", 1, 10)]


def test_a_date_pattern_beyond_translation_is_refused(engine: QueryEngine) -> None:
    with pytest.raises(QueryError, match="date pattern letters GGG"):
        rows(engine, "SELECT format_datetime(now(), 'GGG')")


def test_sums_stay_bigint(engine: QueryEngine) -> None:
    result = engine.execute("SELECT SUM(x) AS s FROM (VALUES 1, 2) AS v(x)")
    assert (result.types, result.rows) == (["bigint"], [(3,)])


@pytest.mark.parametrize(
    "reading", ["read_text('/etc/hosts')", "read_csv('/etc/hosts')", "glob('/*')"]
)
def test_no_file_of_this_machine_can_be_read(reading: str) -> None:
    with connect() as connection, pytest.raises(duckdb.PermissionException):
        connection.sql(f"SELECT * FROM {reading}").fetchall()  # noqa: S608 - our own text


@pytest.mark.parametrize(
    "expression",
    [
        "try(from_iso8601_timestamp(at))",
        "coalesce(try(from_iso8601_timestamp(at)), TIMESTAMP '1970-01-01 00:00:00 UTC')",
        "TRY_CAST(far AS timestamp)",
        "TRY_CAST('-' || far AS timestamp)",
        "TRY_CAST(far AS date)",
        "TRY_CAST(fine AS timestamp)",
        "try(CAST(CAST(fine AS timestamp) AS date))",
    ],
)
def test_no_try_makes_a_null_of_what_is_refused_for_a_row(
    engine: QueryEngine, expression: str
) -> None:
    values = """
        (VALUES ('2025-11-26T10:00:00Z', '2025-11-26', '2025-11-26 10:00:00'),
                ('2025-11-26T10:00:00+02:00', '12025-11-26', '2025-11-26 10:00:00.1234567'))
        AS t (at, far, fine)"""
    with pytest.raises(QueryError, match="use --athena trino"):
        engine.execute(f"SELECT {expression} FROM {values}")  # noqa: S608 - a constant
    assert len(engine.execute(f"SELECT {expression} FROM {values} LIMIT 0").rows) == 0  # noqa: S608 - a constant


def test_try_still_makes_a_null_of_what_fails_in_trino(engine: QueryEngine) -> None:
    found = rows(
        engine, "SELECT try(from_iso8601_timestamp('no time')), TRY_CAST('x' AS timestamp)"
    )
    assert found == [(None, None)]


@pytest.mark.parametrize(
    "ends",
    [
        "x, 9000000000000000000",
        "x, -9000000000000000000",
        "-9000000000000000000 * x, 9000000000000000000",
        "x, 9000000000000000000, 7",
        "DATE '0001-01-01', DATE '9999-12-31'",
        "TIMESTAMP '0001-01-01 00:00:00', TIMESTAMP '9999-12-31 00:00:00', INTERVAL '1' SECOND",
    ],
)
def test_a_sequence_that_is_too_long_is_not_even_begun(engine: QueryEngine, ends: str) -> None:
    with pytest.raises(QueryError, match="must not have more than 10000 entries"):
        engine.execute(f"SELECT cardinality(sequence({ends})) FROM (VALUES 1) AS t (x)")  # noqa: S608 - a constant


def test_a_sequence_may_have_ten_thousand_entries(engine: QueryEngine) -> None:
    sql = """
        SELECT cardinality(sequence(x, 10000)), cardinality(sequence(10000, x)),
               cardinality(sequence(x, 9223372036854775807, 922337203685478))
        FROM (VALUES 1) AS t (x)"""
    assert rows(engine, sql) == [(10_000, 10_000, 10_000)]


@pytest.mark.parametrize(
    "ends", ["x, NULL", "NULL, x", "x, x, CAST(NULL AS bigint)", "CAST(NULL AS date), d"]
)
def test_a_sequence_without_an_end_is_null(engine: QueryEngine, ends: str) -> None:
    values = "(VALUES (1, DATE '2025-11-26')) AS t (x, d)"
    assert rows(engine, f"SELECT sequence({ends}) FROM {values}") == [(None,)]  # noqa: S608 - a constant


@pytest.mark.parametrize("function", ["lpad", "rpad"])
def test_no_text_is_padded_until_memory_ends(engine: QueryEngine, function: str) -> None:
    with pytest.raises(QueryError, match="use --athena trino"):
        engine.execute(f"SELECT {function}('a', 2000000000, 'b')")
