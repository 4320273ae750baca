"""What translated statements call: macros, and functions in Python where DuckDB has no equal."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

import duckdb
from duckdb.func import FunctionNullHandling

from clickstream_lake.sandbox.athena import instants
from clickstream_lake.sandbox.athena.translate import (
    json_functions,
    regexps,
    strings,
    time_functions,
)
from clickstream_lake.sandbox.athena.translate.printing import java_double, real_text
from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type
from clickstream_lake.sandbox.errors import QueryError

_MACROS: Final = (
    "trino_round(x) AS CASE WHEN x >= 0 THEN floor(x) + CASE WHEN x - floor(x) >= 0.5e0 THEN 1 ELSE 0 END ELSE ceil(x) - CASE WHEN ceil(x) - x >= 0.5e0 THEN 1 ELSE 0 END END",
    "trino_digits(d) AS CAST(replace(CAST(d AS VARCHAR), '.', '') AS HUGEINT)",
    "trino_floor_div(a, b) AS CAST(floor(a / CAST(b AS DOUBLE)) AS BIGINT)",
    """trino_quotient(a, b) AS (a // b) + CASE WHEN 2 * abs(a % b) >= abs(b)
       THEN CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE 0 END""",
    """trino_first_pairs(e) AS list_filter(e, lambda p, i:
       len(list_filter(e[1:i - 1], lambda q: q.k = p.k)) = 0)""",
    "trino_real_of(s) AS CAST(s AS FLOAT)",
    "trino_double_of(s) AS CAST(s AS DOUBLE)",
    "trino_asin(x) AS CASE WHEN abs(x) <= 1 THEN asin(x) WHEN x IS NOT NULL THEN CAST('NaN' AS DOUBLE) END",
    "trino_acos(x) AS CASE WHEN abs(x) <= 1 THEN acos(x) WHEN x IS NOT NULL THEN CAST('NaN' AS DOUBLE) END",
    """trino_first_of_keys(e) AS CASE
       WHEN len(list_distinct(list_transform(e, lambda p: p.k))) = len(e)
       THEN MAP(list_transform(e, lambda p: p.k), list_transform(e, lambda p: p.v))
       ELSE MAP(list_transform(trino_first_pairs(e), lambda p: p.k),
         list_transform(trino_first_pairs(e), lambda p: p.v)) END""",
    """trino_number_max(a) AS coalesce(list_max(list_filter(a, lambda trino_y: NOT isnan(trino_y))), a[1])""",
    """trino_at_share(a, share) AS a[CAST(least(floor(share * len(a)), len(a) - 1) AS BIGINT) + 1]""",
    "trino_has_null(a) AS len(list_filter(a, lambda trino_y: trino_y IS NULL)) > 0",
    """trino_overlap(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL WHEN list_has_any(a, b) THEN true
       WHEN len(a) = 0 OR len(b) = 0 THEN false WHEN trino_has_null(a) OR trino_has_null(b) THEN NULL
       ELSE false END""",
    """trino_from_iso8601_utc(s) AS CASE WHEN s IS NULL OR regexp_matches(s, '(?i)(z|[+-]00:?(00)?)$')
       OR NOT regexp_matches(s, '(?i)t.*[+-][^+-]*$') THEN trino_from_iso8601_timestamp(s)
       ELSE CAST(trino_fail(CASE WHEN trino_from_iso8601_timestamp(s) IS NOT NULL THEN
         'NOT_SUPPORTED: A time zone other than UTC in ' || s ||
         ' is not supported by the embedded engine: use --athena trino' END) AS TIMESTAMPTZ) END""",
    """trino_substr(s, f, n) AS CASE WHEN n IS NULL THEN NULL WHEN f = 0 OR n <= 0 OR f < -length(s) THEN ''
       ELSE substr(s, f, CAST(least(n, 4294967295) AS BIGINT)) END""",
    """trino_substr_from(s, f) AS CASE WHEN f = 0 OR f < -length(s) THEN '' ELSE substr(s, f) END""",
    """trino_contains(a, x) AS CASE WHEN a IS NULL OR x IS NULL THEN NULL WHEN list_contains(a, x)
       THEN true WHEN len(list_filter(a, lambda trino_y: trino_y IS NULL)) > 0 THEN NULL ELSE false END""",
    """trino_any(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, true) THEN true
       WHEN len(list_filter(a, lambda trino_y: trino_y IS NULL)) > 0 THEN NULL ELSE false END""",
    """trino_all(a) AS CASE WHEN a IS NULL THEN NULL WHEN list_contains(a, false) THEN false
       WHEN len(list_filter(a, lambda trino_y: trino_y IS NULL)) > 0 THEN NULL ELSE true END""",
    """trino_extreme(a, best) AS CASE WHEN len(list_filter(a, lambda trino_y: trino_y IS NULL)) > 0 THEN NULL
       ELSE best END""",
    """trino_same_array(a, b) AS CASE WHEN a IS NULL OR b IS NULL THEN NULL
       WHEN len(a) <> len(b) THEN false
       ELSE trino_all(list_transform(a, lambda x, i: x = b[i])) END""",
    """trino_distinct(a) AS list_transform(list_filter(list_transform(a, lambda x, i: {'x': x, 'i': i}),
       lambda p: len(list_filter(a[1:p.i - 1], lambda trino_y: trino_y IS NOT DISTINCT FROM p.x)) = 0),
       lambda p: p.x)""",
    """trino_holds(a, x) AS len(list_filter(a, lambda trino_y: trino_y IS NOT DISTINCT FROM x)) > 0""",
    """trino_slice(a, f, n) AS CASE WHEN f IS NULL OR n IS NULL THEN NULL WHEN f > len(a) OR f < -len(a) THEN a[1:0]
       WHEN f > 0 THEN a[f:least(f + n - 1, len(a))]
       ELSE a[len(a) + f + 1:least(len(a) + f + n, len(a))] END""",
    "trino_millis(t) AS epoch_ms(t)",
    """trino_json_scalar(j, p, trino_path) AS CASE json_type(CASE WHEN json_valid(j) THEN j END, p)
       WHEN 'VARCHAR' THEN json_extract_string(j, p) WHEN 'OBJECT' THEN NULL WHEN 'ARRAY' THEN NULL
       WHEN 'NULL' THEN NULL WHEN 'BOOLEAN' THEN json_extract_string(j, p)
       ELSE trino_json_extract_scalar_of(j, trino_path) END""",
)
_PYTHON: Final[tuple[tuple[str, Callable[..., Any], list[str], str], ...]] = (
    ("trino_double_text", java_double, ["DOUBLE"], "VARCHAR"),
    ("trino_real_text", real_text, ["FLOAT"], "VARCHAR"),
    (
        "trino_json_extract_scalar_of",
        json_functions.extract_scalar,
        ["VARCHAR", "VARCHAR"],
        "VARCHAR",
    ),
    ("trino_json_extract_of", json_functions.extract, ["VARCHAR", "VARCHAR"], "VARCHAR"),
    ("trino_json_size", json_functions.size, ["VARCHAR", "VARCHAR"], "BIGINT"),
    ("trino_json_array_length", json_functions.array_length, ["VARCHAR"], "BIGINT"),
    ("trino_json_array_get", json_functions.array_get, ["VARCHAR", "BIGINT"], "VARCHAR"),
    ("trino_json_array_contains", json_functions.array_contains, ["VARCHAR"] * 3, "BOOLEAN"),
    ("trino_json_scalar_kind", json_functions.is_scalar, ["VARCHAR"], "BOOLEAN"),
    ("trino_parse_json", json_functions.parse, ["VARCHAR"], "VARCHAR"),
    *regexps.FUNCTIONS,
    *strings.FUNCTIONS,
    *time_functions.FUNCTIONS,
)
_lock = threading.Lock()
_made: set[str] = set()
_listening: list[list[QueryError]] = []


def _fail(reason: str) -> str:
    code, _, message = reason.partition(": ")
    raise QueryError(code, message)


@contextmanager
def unswallowed() -> Iterator[None]:
    """Let no TRY make a NULL of a row that is not supported here: the statement is refused.

    DuckDB does not say for which statement it calls a function. So a statement with TRY is also
    refused if another one, at the same time, meets such a row.

    Raises:
        QueryError: what was not supported, at the end.
    """
    refused: list[QueryError] = []
    _listening.append(refused)
    try:
        yield
    finally:
        # By identity: two lists that are empty are equal.
        _listening[:] = [one for one in _listening if one is not refused]
    if refused:
        raise refused[0]


def _telling(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that tells all who listen what it does not support."""

    def told(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except QueryError as error:
            if error.code == "NOT_SUPPORTED":
                for refused in _listening:
                    refused.append(error)
            raise

    return told


@cache
def database() -> duckdb.DuckDBPyConnection:
    """Define Trino's functions once per process: each takes DuckDB a millisecond."""
    # Tables come from Python; no statement has anything to read from this machine's files.
    opened = duckdb.connect(
        config={"autoload_known_extensions": False, "enable_external_access": False}
    )
    opened.execute("SET GLOBAL TimeZone = 'UTC'")
    _define(opened, "trino_fail", _fail, ["VARCHAR"], "VARCHAR")
    for name, function, arguments, returns in _PYTHON:
        _define(opened, name, function, arguments, returns)
    instants.register(opened)
    for macro in (*_MACROS, *strings.MACROS, *time_functions.MACROS, *instants.MACROS):
        opened.execute(f"CREATE MACRO {macro}")
    return opened


def _define(
    opened: duckdb.DuckDBPyConnection,
    name: str,
    function: Callable[..., Any],
    arguments: list[Any],
    returns: str,
) -> None:
    opened.create_function(
        name,
        _NULL_SAFE[len(arguments)](_telling(function)),
        arguments,
        returns,
        null_handling=FunctionNullHandling.SPECIAL,
    )


# DuckDB looks at a function's parameters. A NULL among the arguments is the answer.
_NULL_SAFE: Final[dict[int, Callable[[Callable[..., Any]], Callable[..., Any]]]] = {
    1: lambda f: lambda a: None if a is None else f(a),
    2: lambda f: lambda a, b: None if a is None or b is None else f(a, b),
    3: lambda f: lambda a, b, c: None if a is None or b is None or c is None else f(a, b, c),
}


def json_reader(target: Type) -> str:
    """Name the function that casts JSON to a type, and define it where it is new."""
    name = f"trino_json_as_{_word(target)}"
    _once(name, json_functions.reader(target), ["VARCHAR"], duckdb_type(target))
    return name


def json_writer(source: Type) -> str:
    """Name the function that casts a type to JSON, and define it where it is new."""
    name = f"trino_json_of_{_word(source)}"
    _once(name, json_functions.writer(source), [duckdb_type(source)], "VARCHAR")
    return name


def _word(of: Type) -> str:
    return "".join(letter if letter.isalnum() else f"_{ord(letter):x}" for letter in str(of))


def _once(name: str, function: Callable[..., Any], arguments: list[str], returns: str) -> None:
    with _lock:
        if name not in _made:
            _define(database(), name, function, arguments, returns)
            _made.add(name)
