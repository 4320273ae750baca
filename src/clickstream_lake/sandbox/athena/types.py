"""One column type in four languages: Glue's, Arrow's, Trino's and the one a result set shows."""

from __future__ import annotations

import re

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from clickstream_lake.sandbox.athena.errors import not_supported

_ARROW_SCALARS = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_TRINO_SCALARS = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary"}
_SIZED_TEXT = re.compile(r"(?:var)?char\(\d+\)")
_DECIMAL = re.compile(r"decimal(?:\((\d+),\s*(\d+)\))?")
_NESTED = ("array<", "map<", "struct<")


def is_nested(glue_type: str) -> bool:
    """Tell arrays, maps and structs from scalars."""
    return glue_type.lower().startswith(_NESTED)


def arrow_type(glue_type: str) -> pa.DataType:
    """Give the Arrow type that holds a scalar Glue column.

    Raises:
        QueryError: the type is nested, or none that Athena knows.
    """
    name = glue_type.lower().strip()
    if name in _ARROW_SCALARS:
        return _ARROW_SCALARS[name]
    if _SIZED_TEXT.fullmatch(name):
        return pa.string()
    if decimal := _DECIMAL.fullmatch(name):
        precision, scale = decimal.groups(default="")
        return pa.decimal128(int(precision or 10), int(scale or 0))
    raise not_supported(f"column type {glue_type} is not supported by the local engine")


def trino_type(glue_type: str) -> str:
    """Spell a Glue type as Trino does, for name resolution and type checks."""
    name = glue_type.lower().strip()
    if not is_nested(name):
        return _TRINO_SCALARS.get(name, name)
    try:
        return exp.DataType.build(name, dialect="hive").sql(dialect="trino")
    except SqlglotError as error:
        raise not_supported(f"column type {glue_type} is not understood") from error


_RESULT_TYPES = (
    (pa.types.is_string, "varchar"),
    (pa.types.is_large_string, "varchar"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "float"),
    (pa.types.is_floating, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_binary, "varbinary"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "row"),
    (pa.types.is_nested, "array"),
)


def result_type(arrow: pa.DataType) -> str:
    """Name a result column's type as `ColumnInfo.Type` does."""
    if pa.types.is_timestamp(arrow):
        return "timestamp with time zone" if arrow.tz else "timestamp"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    for matches, name in _RESULT_TYPES:
        if matches(arrow):
            return name
    return "varchar"
