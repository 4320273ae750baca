"""Trino's SQL in DuckDB: what sqlglot translates, and what has to be fixed afterwards.

Approximate functions are computed exactly, so that equal data gives equal answers in any layout.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import ClassVar

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel, ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from clickstream_lake.sandbox.athena.translate.runtime import database
from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError, not_supported

# Functions that differ from DuckDB's of the same meaning, or that DuckDB lacks.
_MACROS = (
    """loose_json_extract_scalar(j, p) AS CASE WHEN json_valid(j)
       AND json_type(j, p) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(j, p) END""",
    "loose_json_parse(j) AS trino_parse_json(j)",
    "loose_json_extract(j, p) AS CASE WHEN json_valid(j) THEN json_extract(j, p) END",
    """loose_regexp_extract(s, p, g) AS
       CASE WHEN regexp_matches(s, p) THEN regexp_extract(s, p, g) END""",
    """loose_split_part(s, d, n) AS
       CASE WHEN n <= len(string_split(s, d)) THEN split_part(s, d, n) END""",
    "to_iso8601(t) AS strftime(t::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%gZ')",
    "url_extract_protocol(u) AS nullif(regexp_extract(u, '^([^:/?#]+):', 1), '')",
    """url_extract_host(u) AS
       nullif(regexp_extract(u, '^[^:/?#]+://(?:[^@/?#]*@)?([^:/?#]*)', 1), '')""",
    """url_extract_port(u) AS
       TRY_CAST(regexp_extract(u, '^[^:/?#]+://[^:/?#]*:([0-9]+)', 1) AS BIGINT)""",
    "url_extract_path(u) AS regexp_extract(u, '^(?:[^:/?#]+://[^/?#]*)?([^?#]*)', 1)",
    "url_extract_query(u) AS nullif(regexp_extract(u, '[?]([^#]*)', 1), '')",
    "url_extract_fragment(u) AS nullif(regexp_extract(u, '#(.*)$', 1), '')",
    """url_extract_parameter(u, n) AS
       CASE WHEN regexp_matches(u, '[?&]' || regexp_escape(n) || '(=|&|#|$)')
       THEN url_decode(regexp_extract(u, '[?&]' || regexp_escape(n) || '=([^&#]*)', 1)) END""",
    "every(x) AS bool_and(x)",
    "map_agg(k, v) AS map(list(k), list(v))",
    "geometric_mean(x) AS geomean(x)",
    "array_max(a) AS list_max(a)",
    "array_min(a) AS list_min(a)",
    "array_average(a) AS list_avg(a)",
    "array_sum(a) AS list_sum(a)",
    "arrays_overlap(a, b) AS list_has_any(a, b)",
    "array_intersect(a, b) AS list_intersect(a, b)",
    "array_union(a, b) AS list_distinct(list_concat(a, b))",
    "regexp_split(s, p) AS string_split_regex(s, p)",
    "regexp_count(s, p) AS len(regexp_extract_all(s, p))",
    "is_nan(x) AS isnan(x)",
    "is_infinite(x) AS isinf(x)",
    "last_day_of_month(d) AS last_day(d)",
    "infinity() AS 'Infinity'::DOUBLE",
    "nan() AS 'NaN'::DOUBLE",
)
# Joda-Time letters of format_datetime and parse_datetime, as strftime spells them.
_JODA = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "ss": "%S",
    "SSS": "%g", "EEEE": "%A", "EEE": "%a", "E": "%a", "a": "%p", "DDD": "%j", "Z": "%z",
    "ww": "%V", "xxxx": "%G",
}  # fmt: skip
_JODA_TOKEN = re.compile(r"'([^']*)'|([A-Za-z])\2*|[^A-Za-z']+")
# What DuckDB says where Trino says something else.
_FAILURES = (
    (r"UDF: QueryError: ([A-Z_]+): (.*)", None),
    (r"Division by zero", ("DIVISION_BY_ZERO", "Division by zero")),
    (
        r"must appear in the GROUP BY|must be part of the GROUP BY",
        (
            "EXPRESSION_NOT_AGGREGATE",
            "An output must be an aggregate expression or appear in GROUP BY clause",
        ),
    ),
    (
        r"aggregate function calls cannot (?:be nested|contain)",
        ("NESTED_AGGREGATION", "Cannot nest aggregations"),
    ),
    (
        r"More than one row returned by a subquery",
        ("SUBQUERY_MULTIPLE_ROWS", "Scalar sub-query has returned multiple rows"),
    ),
    (
        r"window functions are not allowed in window|cannot contain window functions",
        ("NESTED_WINDOW", "Cannot nest window functions"),
    ),
    (
        r"^Out of Range Error|^Conversion Error.*out of range",
        ("NUMERIC_VALUE_OUT_OF_RANGE", "A number is out of range"),
    ),
    (r"^Conversion Error", ("INVALID_CAST_ARGUMENT", "A value cannot be cast")),
    (r"INTERRUPT", ("USER_CANCELED", "Query was canceled")),
)


class _Athena(Trino):
    """Trino's grammar, with functions under their own names, and subscripts as written."""

    INDEX_OFFSET = 0

    class Parser(Trino.Parser):  # type: ignore[valid-type, misc]  # sqlglot's own way
        FUNCTIONS: ClassVar[dict[str, object]] = {}
        FUNCTION_PARSERS: ClassVar = {
            name: parser
            for name, parser in Trino.Parser.FUNCTION_PARSERS.items()
            if name
            not in {
                "CEIL",
                "FLOOR",
                "CHAR",
                "CHR",
                "DECODE",
                "ARG_MAX",
                "ARG_MIN",
                "MAX_BY",
                "MIN_BY",
                "INITCAP",
                "CONVERT",
                "STRING_AGG",
            }
        }
        TYPE_LITERAL_PARSERS: ClassVar = {
            **Trino.Parser.TYPE_LITERAL_PARSERS,
            exp.DataType.Type.DECIMAL: lambda _, this, __: _decimal_literal(this),
        }


def _decimal_literal(literal: exp.Expr) -> exp.Expr:
    """Give `DECIMAL '1.20'` the digits that it is written with."""
    whole, _, fraction = literal.name.lstrip("+-").partition(".")
    digits = max(1, len(whole.lstrip("0") + fraction))
    return exp.cast(literal, f"DECIMAL({digits}, {len(fraction)})")


_UNTYPED = _Athena()


def parse(sql: str) -> exp.Expr:
    """Parse one statement of Trino's SQL; functions keep the names that they are called by.

    Raises:
        QueryError: it does not parse, or is more than one.
    """
    try:
        _check_tokens(sql)
        statements = [tree for tree in sqlglot.parse(sql, read=_UNTYPED) if tree is not None]
    except (ParseError, TokenError) as error:
        raise QueryError("SYNTAX_ERROR", _first_line(error)) from error
    if not statements:
        raise QueryError("SYNTAX_ERROR", "the statement is empty")
    if len(statements) > 1:
        raise QueryError("INVALID_INPUT", "Only one sql statement is allowed")
    return statements[0]


def typed(tree: exp.Expr) -> exp.Expr:
    """Give a copy of a parsed tree in which sqlglot knows the functions' meaning."""

    def known(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Anonymous) or any(
            isinstance(one, (exp.Order, exp.Lambda)) for one in node.expressions
        ):
            return node
        try:
            return exp.func(node.name, *node.expressions, dialect="trino")
        except (ValueError, ParseError):  # it is called in a way that sqlglot does not know
            return node

    return tree.copy().transform(known)


_FOREIGN_TOKENS = {
    TokenType.DCOLON, TokenType.QUALIFY, TokenType.ILIKE, TokenType.DSTAR, TokenType.AMP,
    TokenType.CARET, TokenType.DIV,
}  # fmt: skip


def _check_tokens(sql: str) -> None:
    """Refuse what sqlglot takes in any dialect, and Trino in none."""
    tokens = _UNTYPED.tokenize(sql)
    before = None
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.token_type == TokenType.STAR and following is not None:
            _check_star(following)
        if token.token_type == TokenType.INTERVAL and following is not None:
            _check_interval(following)
        if token.token_type == TokenType.EQ and token.text == "==":
            raise QueryError(
                "SYNTAX_ERROR", f"line {token.line}:{token.col - 1}: mismatched input '='"
            )
        opens = before is None or before.token_type in _BEFORE_A_VALUE
        if token.token_type in _FOREIGN_TOKENS or (
            token.token_type == TokenType.L_BRACKET and opens
        ):
            column = token.col - (token.end - token.start)
            raise QueryError(
                "SYNTAX_ERROR", f"line {token.line}:{column}: mismatched input '{token.text}'"
            )
        before = token


def _check_star(following: Token) -> None:
    """Refuse `* EXCLUDE (…)` and the like."""
    if following.text.upper() in {"EXCLUDE", "REPLACE", "RENAME"}:
        raise QueryError("SYNTAX_ERROR", f"mismatched input '{following.text}'")


def _check_interval(amount: Token) -> None:
    """Refuse `INTERVAL 1 DAY` and `INTERVAL '1 day'`, which sqlglot takes."""
    if amount.token_type == TokenType.NUMBER:
        raise QueryError("SYNTAX_ERROR", f"mismatched input '{amount.text}'. Expecting: <string>")
    if amount.token_type == TokenType.STRING and re.search(r"[A-Za-z]", amount.text):
        raise QueryError("TYPE_NOT_FOUND", "Unknown type: interval")


_BEFORE_A_VALUE = {
    TokenType.SELECT, TokenType.COMMA, TokenType.L_PAREN, TokenType.EQ, TokenType.WHERE,
    TokenType.PLUS, TokenType.DASH, TokenType.L_BRACKET,
}  # fmt: skip


def connect() -> duckdb.DuckDBPyConnection:
    """Open a connection with Trino's functions, Athena's time zone, and no tables.

    What is registered on it belongs to it alone, until it is closed.
    """
    return _database().cursor()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    opened = database()
    for macro in _MACROS:
        opened.execute(f"CREATE MACRO {macro}")
    return opened


def to_duckdb(tree: exp.Expr) -> str:
    """Translate a parsed statement, with types annotated where they are known."""
    return tree.copy().transform(_mend).sql(dialect="duckdb", unsupported_level=ErrorLevel.IGNORE)


def explain_failure(error: duckdb.Error) -> QueryError:
    """Turn DuckDB's failure into Trino's; what it has no words for, is not supported here."""
    text = str(error)
    for form, answer in _FAILURES:
        match = re.search(form, text, re.DOTALL)
        if match:
            return QueryError(*(answer or (match[1], match[2].strip())))
    return unsupported("Something in this statement")


def _mend(node: exp.Expr) -> exp.Expr:
    mend = _MENDERS.get(type(node))
    return mend(node) if mend else node


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    # What takes a node's place is not looked into again, so what is in it is mended here.
    mended = [argument.transform(_mend) for argument in arguments]
    return exp.Anonymous(this=name, expressions=mended)


def _approx_percentile(node: exp.Expr) -> exp.Expr:
    return _call("QUANTILE_DISC", node.this, node.args["quantile"])


def _date_diff(node: exp.Expr) -> exp.Expr:
    """Count whole units, as Trino does, and not the boundaries between them."""
    unit = exp.Literal.string(node.text("unit") or "day")
    return _call("DATE_SUB", unit, node.args["expression"], node.this)


def _regexp_extract(node: exp.Expr) -> exp.Expr:
    group = node.args.get("group") or exp.Literal.number(0)
    return _call("loose_regexp_extract", node.this, node.args["expression"], group)


def _regexp_replace(node: exp.Expr) -> exp.Expr:
    """Replace every match, with `$1` for a group."""
    replacement = node.args.get("replacement") or exp.Literal.string("")
    if isinstance(replacement, exp.Literal):
        text = re.sub(r"\$(\d)", r"\\\1", replacement.name)
        replacement = exp.Literal.string(text)
    every = exp.Literal.string("g")
    return _call("REGEXP_REPLACE", node.this, node.args["expression"], replacement, every)


def _cast(node: exp.Expr) -> exp.Expr:
    """Show milliseconds when a timestamp turns into text, as Trino does."""
    to, of = node.args["to"], node.this.type
    if of is not None and of.is_type("TIMESTAMP") and to.is_type(*exp.DataType.TEXT_TYPES):
        return _call("STRFTIME", node.this, exp.Literal.string("%Y-%m-%d %H:%M:%S.%g"))
    return node


def _date_arithmetic(node: exp.Expr) -> exp.Expr:
    """Keep a date a date: DuckDB answers `date + interval` with a timestamp."""
    of = node.this.type
    if of is None or not of.is_type("DATE"):
        return node
    if not isinstance(node, exp.DateAdd) and not isinstance(node.expression, exp.Interval):
        return node
    if isinstance(node.parent, exp.Cast) and node.parent.to.is_type("DATE"):
        return node
    return exp.cast(exp.paren(node, copy=False), "DATE", copy=False)


def _anonymous(node: exp.Expr) -> exp.Expr:
    name = node.name.lower()
    if name in {"format_datetime", "parse_datetime"} and len(node.expressions) > 1:
        pattern = node.expressions[1]
        if not isinstance(pattern, exp.Literal):
            raise not_supported(f"{name} with a pattern that is not a constant")
        function = "STRFTIME" if name == "format_datetime" else "STRPTIME"
        return _call(function, node.expressions[0], exp.Literal.string(_joda(pattern.name)))
    return node


def _joda(pattern: str) -> str:
    def token(match: re.Match[str]) -> str:
        text = match.group(0)
        if match.group(2):
            if text not in _JODA:
                raise not_supported(f"the date pattern letters {text}")
            return _JODA[text]
        return (match.group(1) or "'") if text.startswith("'") else text.replace("%", "%%")

    return _JODA_TOKEN.sub(token, pattern)


_MENDERS: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.JSONExtractScalar: lambda n: _call("loose_json_extract_scalar", n.this, n.expression),
    exp.ParseJSON: lambda n: _call("loose_json_parse", n.this),
    exp.JSONExtract: lambda n: _call("loose_json_extract", n.this, n.expression),
    exp.FromISO8601Timestamp: lambda n: _call("trino_from_iso8601_timestamp", n.this),
    exp.FromISO8601Date: lambda n: _call("trino_from_iso8601_date", n.this),
    exp.ApproxDistinct: lambda n: exp.Count(this=exp.Distinct(expressions=[n.this])),
    exp.ApproxQuantile: _approx_percentile,
    exp.SplitPart: lambda n: _call(
        "loose_split_part", n.this, n.args["delimiter"], n.args["part_index"]
    ),
    exp.DateDiff: _date_diff,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpReplace: _regexp_replace,
    exp.Cast: _cast,
    exp.DateAdd: _date_arithmetic,
    exp.Add: _date_arithmetic,
    exp.Sub: _date_arithmetic,
    exp.Anonymous: _anonymous,
}


def _first_line(error: Exception) -> str:
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    return text.split("\n", maxsplit=1)[0]
