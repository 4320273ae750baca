"""Values as Athena prints them, in result files and in `GetQueryResults`."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7  # where Java turns to scientific notation
_UNLIMITED = 2**31 - 1
# Precision and scale as Athena's ColumnInfo states them; what is not here has 0 and 0.
_PRECISION = {
    "varchar": _UNLIMITED,
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "varbinary": 1 << 30,
    "string": 0,
}


def column_info(name: str, kind: str) -> dict[str, Any]:
    """Describe a result column as `ResultSetMetadata.ColumnInfo` does."""
    precision, scale = _PRECISION.get(kind, 0), 0
    if kind.startswith("decimal("):
        precision, scale = map(int, kind[len("decimal(") : -1].split(","))
        kind = "decimal"
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind in {"varchar", "char"},
    }


def as_text(table: pa.Table) -> pa.Table:
    """Turn every column into text; NULL stays NULL. Column names are made unique."""
    return pa.table({f"c{i}": _column(column) for i, column in enumerate(table.columns)})


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        text = column.cast(pa.timestamp("ms"), safe=False).cast(pa.string())
        return pc.binary_join_element_wise(text, " UTC", "") if kind.tz else text
    if pa.types.is_nested(kind) or pa.types.is_floating(kind) or pa.types.is_binary(kind):
        values = (None if value is None else _value(value) for value in column.to_pylist())
        return pa.chunked_array([pa.array(values, pa.string())])
    return column.cast(pa.string())


def _value(value: object) -> str:
    """Print one value, nested or not."""
    for kind, show in _SHOW:
        if isinstance(value, kind):
            return show(value)
    if hasattr(value, "isoformat"):
        stamp = pa.chunked_array([[value]])
        return str(_column(stamp)[0].as_py())
    return str(value)


def java_double(value: float) -> str:
    """Print a double as Java does: `1.0E10`, `0.001`, `NaN`, `-Infinity`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        plain = repr(value)
        return format(Decimal(plain), "f") if "e" in plain else plain
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    power = len(digits) + int(exponent) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def _entries(pairs: Sequence[tuple[object, object]]) -> str:
    return "{" + ", ".join(f"{_value(key)}={_value(value)}" for key, value in pairs) + "}"


def _list(value: Sequence[object]) -> str:
    if value and all(isinstance(item, tuple) for item in value):
        return _entries([(item[0], item[1]) for item in value if isinstance(item, tuple)])
    return "[" + ", ".join(map(_value, value)) + "]"


_SHOW: Sequence[tuple[type, Callable[[Any], str]]] = (
    (type(None), lambda _: "null"),
    (bool, lambda value: "true" if value else "false"),
    (float, java_double),
    (bytes, lambda value: " ".join(f"{byte:02x}" for byte in value)),
    (dict, lambda value: _entries(list(value.items()))),
    (list, _list),
)
