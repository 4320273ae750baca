"""Trino's operators over typed operands."""

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.casts import cast, coerce
from clickstream_lake.sandbox.athena.translate.typed import Typed, fail, scaled
from clickstream_lake.sandbox.athena.translate.types import (
    DAY_TO_SECOND,
    MOST_DIGITS,
    YEAR_TO_MONTH,
    Type,
    decimal,
    duckdb_type,
    unsupported,
)
from clickstream_lake.sandbox.errors import QueryError

_ORDERED = (
    *types.NUMBERS,
    "varchar",
    "char",
    "varbinary",
    "boolean",
    "date",
    "time",
    "timestamp",
    "timestamp with time zone",
    "interval day to second",
    "interval year to month",
    "unknown",
)
_BINARY = ("real", "double")
_DAY = 86_400_000


def mismatch(left: Type, operator: str, right: Type) -> QueryError:
    """Say that an operator does not take these types."""
    return QueryError("TYPE_MISMATCH", f"Cannot apply operator: {left} {operator} {right}")


def arithmetic(operator: str, left: Typed, right: Typed) -> Typed:
    """Translate `left + right` and the like."""
    if operator in "+-":
        found = _with_times(operator, left, right)
        if found:
            return found
    if "interval" in left.type.name or "interval" in right.type.name:
        return _scaled(operator, left, right)
    both = types.common(left.type, right.type)
    if "unknown" in {left.type.name, right.type.name} and (
        both is None or operator not in "+-" or both.name not in types.NUMBERS
    ):
        raise unsupported(f"{left.type} {operator} {right.type}")
    if both is None or both.name not in types.NUMBERS:
        raise mismatch(left.type, operator, right.type)
    if both.name == "decimal":
        return _decimals(operator, left, right)
    a, b = coerce(left, both).sql, coerce(right, both).sql
    if operator == "/" and both.name in types.INTEGERS:
        return Typed(f"({a} // {b})", both)
    return Typed(f"({a} {operator} {b})", both)


def _decimals(operator: str, left: Typed, right: Typed) -> Typed:
    """Compute with decimals, whose digits Trino counts by rules of its own."""
    (p1, s1), (p2, s2) = (_decimal(one.type).args for one in (left, right))
    a = cast(left, decimal(p1, s1)).sql
    b = cast(right, decimal(p2, s2)).sql
    whole, scale = max(p1 - s1, p2 - s2), max(s1, s2)
    match operator:
        case "+" | "-":
            result = decimal(min(MOST_DIGITS, whole + scale + 1), scale)
            wide = duckdb_type(result)
            sql = f"(CAST({a} AS {wide}) {operator} CAST({b} AS {wide}))"
        case "*":
            if s1 + s2 > MOST_DIGITS:
                raise unsupported("A product of decimals with that many digits")
            result = decimal(min(MOST_DIGITS, p1 + p2), s1 + s2)
            sql = f"({a} * {b})"
        case "/":
            result = decimal(min(MOST_DIGITS, p1 + s2 + max(0, s2 - s1)), scale)
            shift = scale - s1 + s2
            if p1 + shift > MOST_DIGITS:
                raise unsupported("A quotient of decimals with that many digits")
            sql = _quotient(_unscaled(a, s1), _unscaled(b, s2), shift, scale)
        case _:
            result = decimal(min(p2 - s2, p1 - s1) + scale, scale)
            same = f"DECIMAL({MOST_DIGITS},{scale})"
            if max(p1 - s1, p2 - s2) + scale > MOST_DIGITS:
                raise unsupported("A remainder of decimals with that many digits")
            digits = [_unscaled(f"CAST({one} AS {same})", scale) for one in (a, b)]
            sql = scaled(f"({digits[0]} % {digits[1]})", scale)
    return Typed(f"CAST({sql} AS {duckdb_type(result)})", result)


def _decimal(of: Type) -> Type:
    return types.as_decimal(of) or decimal(1, 0)


def _unscaled(sql: str, scale: int) -> str:
    """Give a decimal's digits as a whole number."""
    return f"trino_digits({sql})" if scale else f"CAST({sql} AS HUGEINT)"


def _quotient(a: str, b: str, shift: int, scale: int) -> str:
    return scaled(f"trino_quotient({a} * CAST({10**shift} AS HUGEINT), {b})", scale)


def _with_times(operator: str, left: Typed, right: Typed) -> Typed | None:
    """Add intervals to dates and timestamps, or subtract two of these."""
    a, b = left.type.name, right.type.name
    if operator == "+" and "interval" in a and "interval" not in b:
        return _with_times(operator, right, left)
    temporal = ("date", "timestamp", "timestamp with time zone", "time")
    if a not in temporal:
        return None
    if "interval" in b:
        return _moved(operator, left, right)
    if b in temporal and operator == "-":
        return _difference(left, right)
    raise mismatch(left.type, operator, right.type)


def _moved(operator: str, left: Typed, right: Typed) -> Typed:
    sign = "-" if operator == "-" else ""
    if left.type.name == "time":
        raise unsupported("Arithmetic with a time of day")
    months = right.type == YEAR_TO_MONTH
    if left.type.name == "date":
        if months:
            return Typed(f"CAST({left.sql} + to_months({sign}{right.sql}) AS DATE)", left.type)
        bad = fail(
            "INVALID_FUNCTION_ARGUMENT",
            "'Cannot add hour, minutes or seconds to a date'",
            left.type,
        )
        return Typed(
            f"(CASE WHEN {right.sql} % {_DAY} <> 0 THEN {bad} ELSE "
            f"CAST({left.sql} {operator} CAST({right.sql} // {_DAY} AS INTEGER) AS DATE) END)",
            left.type,
        )
    precision = left.type.args[0] if months else max(3, left.type.args[0])
    of = Type(left.type.name, (precision,), left.type.zone)
    if months:
        if left.type.zone not in {None, "UTC"}:
            raise unsupported("Months added in a time zone other than UTC")
        return Typed(f"({left.sql} + to_months({sign}{right.sql}))", of)
    return Typed(f"({left.sql} {operator} to_milliseconds({right.sql}))", of)


def _difference(left: Typed, right: Typed) -> Typed:
    both = types.common(left.type, right.type)
    if both is None or both.name == "time":
        raise mismatch(left.type, "-", right.type)
    if both.name == "date":
        return Typed(f"(CAST({left.sql} - {right.sql} AS BIGINT) * {_DAY})", DAY_TO_SECOND)
    a, b = coerce(left, both).sql, coerce(right, both).sql
    return Typed(
        f"CAST(trino_floor_div(epoch_us({a}) - epoch_us({b}), 1000) AS BIGINT)", DAY_TO_SECOND
    )


def _scaled(operator: str, left: Typed, right: Typed) -> Typed:
    if operator in "+-" and left.type == right.type:
        return Typed(f"({left.sql} {operator} {right.sql})", left.type)
    if operator == "*" and left.type.name in types.INTEGERS:
        left, right = right, left
    if operator == "*" and left.type in (DAY_TO_SECOND, YEAR_TO_MONTH):
        if right.type.name in types.INTEGERS:
            return Typed(f"({left.sql} * {right.sql})", left.type)
        raise unsupported("An interval times a fraction")
    if operator in "*/" or "unknown" in {left.type.name, right.type.name}:
        raise unsupported(f"{left.type} {operator} {right.type}")
    raise mismatch(left.type, operator, right.type)


def negated(value: Typed) -> Typed:
    """Translate `-value`."""
    if value.type.name == "unknown":
        raise unsupported("-NULL")
    if value.type.name not in (*types.NUMBERS, DAY_TO_SECOND.name, YEAR_TO_MONTH.name):
        raise QueryError("TYPE_MISMATCH", f"Cannot negate {value.type}")
    literal = -value.literal if isinstance(value.literal, int) else None
    return Typed(f"(-{value.sql})", value.type, literal)


def comparable(left: Typed, operator: str, right: Typed) -> tuple[Typed, Typed, Type]:
    """Bring two operands to the type in which they are compared."""
    both = types.common(left.type, right.type)
    if both is None:
        raise mismatch(left.type, operator, right.type)
    if operator not in {"=", "<>", "IS DISTINCT FROM"} and not _has_order(both):
        raise mismatch(left.type, operator, right.type)
    if both.name in {"json", "map"} or "function" in both.name:
        raise unsupported(f"A comparison of {both}")
    return coerce(left, both), coerce(right, both), both


def _has_order(of: Type) -> bool:
    if of.name == "array":
        return _has_order(of.args[0])
    if of.name == "row":
        return all(_has_order(part) for _, part in of.args)
    return of.name in _ORDERED


def comparison(operator: str, left: Typed, right: Typed) -> Typed:
    """Translate `left = right` and the like; NaN is equal to nothing."""
    a, b, both = comparable(left, operator, right)
    if both.name in {"array", "row"}:
        return Typed(_nested(operator, a, b), types.BOOLEAN)
    plain = f"({a.sql} {operator} {b.sql})"
    if both.name not in _BINARY:
        return Typed(plain, types.BOOLEAN)
    if operator in {"=", "<>"}:
        if a.literal is not None or b.literal is not None:
            return Typed(plain, types.BOOLEAN)
        equal = f"({a.sql} = {b.sql})"
        sql = f"(CASE WHEN {equal} THEN NOT isnan({a.sql}) ELSE {equal} END)"
        return Typed(sql if operator == "=" else f"(NOT {sql})", types.BOOLEAN)
    greater = a if operator in {">", ">="} else b
    if greater.literal is not None:
        return Typed(plain, types.BOOLEAN)
    return Typed(
        f"(CASE WHEN {plain} THEN NOT isnan({greater.sql}) ELSE {plain} END)", types.BOOLEAN
    )


def _nested(operator: str, a: Typed, b: Typed) -> str:
    if operator not in {"=", "<>"}:
        raise unsupported(f"{a.type} {operator} {b.type}")
    inner = a.type.args[0] if a.type.name == "array" else None
    if inner is not None and inner.name not in {"array", "row", *_BINARY}:
        equal = f"trino_same_array({a.sql}, {b.sql})"
        return equal if operator == "=" else f"(NOT {equal})"
    raise unsupported(f"A comparison of {a.type}")
