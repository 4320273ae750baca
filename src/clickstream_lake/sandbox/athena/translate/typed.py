"""A piece of translated SQL with its type, and the few words that all translations share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from clickstream_lake.sandbox.athena.translate.types import Type, duckdb_type

NOW: Final = "getvariable('trino_now')"  # a query has one, from its plan to its last row


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression in DuckDB's SQL.

    Attributes:
        sql: one operand: it needs no more brackets.
        type: Trino's.
        literal: the value of a constant text or number, else None.
    """

    sql: str
    type: Type
    literal: str | int | None = None


@dataclass(frozen=True, slots=True)
class Lambda:
    """A lambda that waits for the types of its parameters."""

    bind: Callable[[Sequence[Type], Sequence[str] | None], tuple[str, Typed]]
    parameters: int
    depth: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function whose arguments have the types that its signature wants."""

    name: str
    arguments: Sequence[Typed]
    lambdas: Sequence[Lambda]
    returns: Type
    bindings: dict[str, Any]


def quoted(name: str) -> str:
    """Quote an identifier."""
    escaped = name.replace('"', '""')
    return f'"{escaped}"'


def text(value: str) -> str:
    """Quote a text."""
    escaped = value.replace("'", "''")
    return f"'{escaped}'"


def fail(code: str, message: str, of: Type) -> str:
    """Give an expression of a type that fails the query in Trino's words.

    Args:
        code: Trino's name of the error.
        message: SQL of the text.
        of: the type that the expression is to have.
    """
    return f"CAST(trino_fail({text(code)} || ': ' || {message}) AS {duckdb_type(of)})"


def null(of: Type) -> str:
    """Give a NULL of a type."""
    return f"CAST(NULL AS {duckdb_type(of)})"


def scaled(digits: str, scale: int) -> str:
    """Give the decimal that has the digits of a whole number, the last `scale` of them a fraction."""
    whole = f"CAST({digits} AS DECIMAL(38,0))"
    return (
        f"({whole} * CAST('{10**-scale:.{scale}f}' AS DECIMAL({scale + 1},{scale})))"
        if scale
        else whole
    )
