"""Trino's types: how they are spelt, which turn into which by themselves, and DuckDB's for them.

Intervals are numbers in DuckDB: of months, and of milliseconds. A `timestamp with time zone` has
its zone in the type, because DuckDB keeps none with the value: two zones in one column are refused.
"""

import re
from dataclasses import dataclass
from typing import Any, Final

from sqlglot import exp

from clickstream_lake.sandbox.errors import QueryError


@dataclass(frozen=True, slots=True)
class Type:
    """A type; `args` are numbers, types, or pairs of a field's name and type.

    Attributes:
        zone: of a `timestamp with time zone`, the zone in which it is shown.
    """

    name: str
    args: tuple[Any, ...] = ()
    zone: str | None = None

    def __str__(self) -> str:
        match self.name:
            case "row":
                fields = (f"{_quoted(name)} {of}" if name else str(of) for name, of in self.args)
                return f"row({', '.join(fields)})"
            case "timestamp with time zone":
                return f"timestamp({self.args[0]}) with time zone"
            case "varchar" if self.args == (ANY_LENGTH,):
                return "varchar"
        inside = (
            ", ".join(map(str, self.args))
            if self.name in _NESTED
            else ",".join(map(str, self.args))
        )
        return f"{self.name}({inside})" if self.args else self.name


_NESTED: Final = {"array", "map", "function"}
ANY_LENGTH: Final = -1  # a varchar whose length Trino knows, and this translation does not
UNKNOWN: Final = Type("unknown")
BOOLEAN: Final = Type("boolean")
TINYINT: Final = Type("tinyint")
SMALLINT: Final = Type("smallint")
INTEGER: Final = Type("integer")
BIGINT: Final = Type("bigint")
REAL: Final = Type("real")
DOUBLE: Final = Type("double")
VARCHAR: Final = Type("varchar")
VARBINARY: Final = Type("varbinary")
DATE: Final = Type("date")
JSON: Final = Type("json")
DAY_TO_SECOND: Final = Type("interval day to second")
YEAR_TO_MONTH: Final = Type("interval year to month")
INTEGERS: Final = ("tinyint", "smallint", "integer", "bigint")
NUMBERS: Final = (*INTEGERS, "decimal", "real", "double")
_DIGITS: Final = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_UNBOUNDED: Final = 2**31
MOST_DIGITS: Final = 38
_MICROS: Final = 6


def array(of: Type) -> Type:
    """Make an array's type."""
    return Type("array", (of,))


def decimal(precision: int, scale: int) -> Type:
    """Make a decimal's type."""
    return Type("decimal", (precision, scale))


def timestamp(precision: int = 3) -> Type:
    """Make the type of a timestamp without zone."""
    return Type("timestamp", (precision,))


def zoned(precision: int = 3, zone: str = "UTC") -> Type:
    """Make the type of a timestamp in a zone."""
    return Type("timestamp with time zone", (precision,), zone)


def unsupported(what: str) -> QueryError:
    """Say that the statement may be right, but not here."""
    return QueryError(
        "NOT_SUPPORTED", f"{what} is not supported by the embedded engine: use --athena trino"
    )


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_][a-z0-9_]*", name) else f'"{name}"'


_SCALARS: Final = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double": "DOUBLE",
    "varchar": "VARCHAR",
    "char": "VARCHAR",
    "json": "VARCHAR",
    "varbinary": "BLOB",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamp with time zone": "TIMESTAMPTZ",
    "interval day to second": "BIGINT",
    "interval year to month": "INTEGER",
    "unknown": "INTEGER",
}


def field_names(of: Type) -> list[str]:
    """Name the fields of a row as DuckDB's struct has them: by name, or by place."""
    return [f"f{index}" for index in range(len(of.args))]


def duckdb_type(of: Type) -> str:
    """Spell the DuckDB type that holds a type's values."""
    match of.name:
        case "decimal":
            return f"DECIMAL({of.args[0]},{of.args[1]})"
        case "array":
            return f"{duckdb_type(of.args[0])}[]"
        case "map":
            return f"MAP({duckdb_type(of.args[0])}, {duckdb_type(of.args[1])})"
        case "row":
            fields = zip(field_names(of), of.args, strict=True)
            return f"STRUCT({', '.join(f'{n} {duckdb_type(t)}' for n, (_, t) in fields)})"
    if of.name in _SCALARS and not (of.args and "time" in of.name and of.args[0] > _MICROS):
        return _SCALARS[of.name]
    raise unsupported(f"The type {of}")


_NAMES: Final = {
    exp.DataType.Type.INT: "integer",
    exp.DataType.Type.FLOAT: "real",
    exp.DataType.Type.TEXT: "varchar",
}


def of_sqlglot(kind: exp.Expr) -> Type:
    """Read a type that was parsed; precisions that are not written are Trino's defaults."""
    if not isinstance(kind, exp.DataType):
        raise unsupported(f"The type {kind.sql(dialect='trino')}")
    spelt = kind.this
    numbers = [
        int(part.this.name)
        for part in kind.expressions
        if isinstance(part, exp.DataTypeParam) and part.this.name.isdigit()
    ]
    match spelt.name:
        case "ARRAY" | "LIST":
            return array(of_sqlglot(kind.expressions[0]))
        case "MAP":
            return Type("map", tuple(map(of_sqlglot, kind.expressions)))
        case "STRUCT":
            return Type("row", tuple(map(_field, kind.expressions)))
        case "DECIMAL":
            return decimal(*(numbers + [38, 0][len(numbers) :])[:2])
        case "TIMESTAMP":
            return timestamp(*(numbers or [3]))
        case "TIMESTAMPTZ":
            return zoned((numbers or [3])[0])
        case "TIME":
            return Type("time", tuple(numbers or [3]))
        case "VARCHAR":
            return Type("varchar", tuple(numbers))
        case "CHAR":
            return Type("char", tuple(numbers or [1]))
        case "INTERVAL":
            raise unsupported("A cast to an interval")
    name = _NAMES.get(spelt, spelt.name.lower())
    known = {*_SCALARS} - {"unknown"}
    if name not in known:
        if spelt.name in {"USERDEFINED", "UNKNOWN", "UINT", "BLOB", "UBIGINT", "HUGEINT", "INT128"}:
            raise QueryError("TYPE_NOT_FOUND", f"Unknown type: {kind.sql(dialect='trino')}")
        raise unsupported(f"The type {kind.sql(dialect='trino')}")
    return Type(name)


def _field(part: exp.Expr) -> tuple[str | None, Type]:
    if isinstance(part, exp.ColumnDef):
        return part.name.lower(), of_sqlglot(part.args["kind"])
    return None, of_sqlglot(part)


def of_name(text: str) -> Type:
    """Read a scalar type as Trino spells it, such as `decimal(10,2)` or `varchar`."""
    match = re.fullmatch(r"([a-z ]+?)(?:\((\d+)(?:,\s*(\d+))?\))?( with time zone)?", text)
    if match is None:
        raise unsupported(f"The type {text}")
    name = match[1] + (match[4] or "")
    args = tuple(int(part) for part in (match[2], match[3]) if part)
    if name == "timestamp with time zone":
        return zoned(args[0] if args else 3)
    if name in {"timestamp", "time"} and not args:
        args = (3,)
    return Type(name, args)


def as_decimal(of: Type) -> Type | None:
    """Give the decimal that holds every value of an integer type or a decimal."""
    if of.name == "decimal":
        return of
    return decimal(_DIGITS[of.name], 0) if of.name in _DIGITS else None


def can_coerce(source: Type, target: Type) -> bool:
    """Tell whether values of one type are taken as another without a cast."""
    return source == target or common(source, target) == target


def common(left: Type, right: Type) -> Type | None:
    """Find the type to which both are taken by themselves."""
    if left == right or right.name == "unknown":
        return left
    if left.name == "unknown":
        return right
    if left.name == right.name:
        return _same_kind(left, right)
    for one, other in ((left, right), (right, left)):
        found = _wider(one, other)
        if found:
            return found
    return None


def _same_kind(left: Type, right: Type) -> Type | None:
    match left.name:
        case "decimal":
            whole = max(left.args[0] - left.args[1], right.args[0] - right.args[1])
            scale = max(left.args[1], right.args[1])
            return decimal(min(MOST_DIGITS, whole + scale), scale)
        case "varchar":
            if ANY_LENGTH in (*left.args, *right.args):
                return Type("varchar", (ANY_LENGTH,)) if left.args and right.args else VARCHAR
            longest = max((of.args or (_UNBOUNDED,))[0] for of in (left, right))
            return VARCHAR if longest == _UNBOUNDED else Type("varchar", (longest,))
        case "char":
            return max(left, right, key=lambda of: of.args)
        case "timestamp" | "time":
            return max(left, right, key=lambda of: of.args)
        case "timestamp with time zone":
            zone = left.zone if left.zone == right.zone else None
            return Type(left.name, max(left.args, right.args), zone)
        case "array" | "map" if len(left.args) == len(right.args):
            parts = [common(a, b) for a, b in zip(left.args, right.args, strict=True)]
            return None if None in parts else Type(left.name, tuple(parts))
        case "row" if len(left.args) == len(right.args):
            fields = []
            for (name, a), (other, b) in zip(left.args, right.args, strict=True):
                fields.append((name if name == other else None, common(a, b)))
            return None if any(of is None for _, of in fields) else Type("row", tuple(fields))
    return None


def _wider(one: Type, other: Type) -> Type | None:
    """Give `other`, or a type like it, if `one` is taken as it."""
    if one.name in INTEGERS and other.name in INTEGERS:
        return max(one, other, key=lambda of: INTEGERS.index(of.name))
    if one.name in INTEGERS and other.name == "decimal":
        own = as_decimal(one)
        return _same_kind(own, other) if own else None
    if one.name in (*INTEGERS, "decimal") and other.name in {"real", "double"}:
        return other
    if (one.name, other.name) == ("real", "double"):
        return DOUBLE
    if one.name == "date" and other.name.startswith("timestamp"):
        return other
    if (one.name, other.name) == ("timestamp", "timestamp with time zone"):
        if other.zone not in {"UTC", None}:
            return Type(other.name, max(one.args, other.args), None)
        return Type(other.name, max(one.args, other.args), other.zone)
    if one.name == "varchar" and other.name in {"jsonpath", "joniregexp", "codepoints"}:
        return other
    if (one.name, other.name) == ("char", "varchar"):
        return None
    return None
