"""Trino's grammar, as sqlglot parses it, and a DuckDB that has Trino's functions."""

import re
from typing import ClassVar

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from clickstream_lake.sandbox.athena.translate.runtime import database
from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError

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

    What is registered on it belongs to it alone, until it is closed; it has one time of now.
    """
    opened = database().cursor()
    opened.execute("SET VARIABLE trino_now = now()")
    return opened


def explain_failure(error: duckdb.Error) -> QueryError:
    """Turn DuckDB's failure into Trino's; what it has no words for, is not supported here."""
    text = str(error)
    for form, answer in _FAILURES:
        match = re.search(form, text, re.DOTALL)
        if match:
            return QueryError(*(answer or (match[1], match[2].strip())))
    return unsupported("Something in this statement")


def _first_line(error: Exception) -> str:
    text = re.sub(r"\x1b\[\d+m", "", str(error))
    return text.split("\n", maxsplit=1)[0]
