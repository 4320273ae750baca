"""JSON lines as the Hive JsonSerDe reads them in Athena: by the declared columns only.

The SerDe ignores the case of keys, reads `_colN` as column N, lets the last of several equal keys
win, reads numbers and booleans as text in a string column and cuts the fraction off in
an integer one. It fails the whole query on a line that is not a JSON object, on an object or array
where a scalar is declared and on text in a number column. Lines end at LF, CR or both.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec
import pyarrow as pa

from clickstream_lake.sandbox.athena.tables import arrow_type, is_nested, trino_type
from clickstream_lake.sandbox.errors import QueryError, bad_data, not_supported

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clickstream_lake.sandbox.athena.tables import Column

_BATCH_LINES = 50_000
_MAX_KNOWN_KEYS = 10_000  # hostile input must not grow the set of classified keys forever
_ORDINAL_KEY = re.compile(r"_col([0-9]+)")
_BOM = b"\xef\xbb\xbf"

Row = dict[str, Any]


class JsonReader:
    """Turns JSON lines into Arrow columns; one reader serves all files of one scan."""

    def __init__(self, columns: "Sequence[Column]") -> None:
        """Read just these columns.

        Raises:
            QueryError: a column has a type that this reader has no decoder for.
        """
        for column in columns:
            if is_nested(column.type):
                raise not_supported(f"column {column.name} of type {column.type} in a JSON table")
        self._columns = columns
        self._schema = pa.schema([(column.name, arrow_type(column.type)) for column in columns])
        self._by_name = {column.name: column for column in columns}
        self._by_ordinal = {column.ordinal: column for column in columns}
        self._plain: set[str] = set(self._by_name)
        self._decode = msgspec.json.Decoder().decode

    def read(self, data: bytes, origin: str) -> pa.Table:
        """Read one uncompressed file.

        Args:
            data: the whole file.
            origin: its URI, for messages.

        Raises:
            QueryError: a line that also fails the query in Athena.
        """
        lines = data.removeprefix(_BOM).splitlines()
        batches = [
            self._batch(lines[start : start + _BATCH_LINES], start, origin)
            for start in range(0, len(lines), _BATCH_LINES)
        ]
        if not self._columns:
            return _rows_without_columns(len(lines))
        return pa.Table.from_batches(batches, schema=self._schema)

    def _batch(self, lines: list[bytes], first: int, origin: str) -> pa.RecordBatch:
        rows = self._rows(lines, first, origin)
        arrays = [self._array(column, rows, lines, first, origin) for column in self._columns]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _rows(self, lines: list[bytes], first: int, origin: str) -> list[Row]:
        """Decode a batch in one go; unusual lines are decoded again one by one."""
        try:
            rows: list[Row] = list(map(self._decode, lines))
        except (msgspec.DecodeError, RecursionError):
            return [self._row(line, first + index, origin) for index, line in enumerate(lines)]
        are_plain = self._plain.issuperset
        for index, row in enumerate(rows):
            if type(row) is not dict or not are_plain(row):
                rows[index] = self._row(lines[index], first + index, origin)
        return rows

    def _row(self, line: bytes, number: int, origin: str) -> Row:
        """Decode one line: fast if its keys are plain, exactly if they might not be."""
        try:
            row = self._decode(line)
        except (msgspec.DecodeError, RecursionError):
            return self._exact(line, number, origin)
        if type(row) is dict and (self._plain.issuperset(row) or self._are_plain(row)):
            return row
        return self._exact(line, number, origin)

    def _are_plain(self, row: Row) -> bool:
        """Classify new keys: is each a column as declared, or not a column at all?"""
        for key in row.keys() - self._plain:
            if key.lower() in self._by_name or _ORDINAL_KEY.fullmatch(key):
                return False
            if len(self._plain) < _MAX_KNOWN_KEYS:
                self._plain.add(key)
        return True

    def _array(
        self, column: "Column", rows: list[Row], lines: list[bytes], first: int, origin: str
    ) -> pa.Array:
        """Pick one column out of a batch, and make odd values fit by the SerDe's rules."""
        arrow = arrow_type(column.type)
        values = [row.get(column.name) for row in rows]
        if set(map(type, values)) <= _ARROW_READY[_family(column)]:
            try:
                return pa.array(values, arrow)
            except OverflowError:
                pass  # an integer beyond 64 bits: the exact way names its line
        ready = _ALWAYS_READY[_family(column)]
        for index, value in enumerate(values):
            if type(value) not in ready:
                values[index] = self._exact(lines[index], first + index, origin).get(column.name)
        return pa.array(values, arrow)

    def _exact(self, line: bytes, number: int, origin: str) -> Row:
        """Decode one line token by token, as the SerDe does."""
        try:
            return self._take(_parse(line))
        except (ValueError, RecursionError, ArithmeticError) as error:
            raise bad_data(f"{origin}, line {number + 1}: Invalid JSON: {error}") from error

    def _take(self, parsed: object) -> Row:
        if not isinstance(parsed, _Object):
            raise ValueError("start of object expected")  # noqa: TRY004 - bad data, not a bug
        row: Row = {}
        for key, value in parsed.pairs:
            column = self._by_name.get(key.lower())
            if column is None and (match := _ORDINAL_KEY.fullmatch(key)):
                column = self._by_ordinal.get(int(match.group(1)))
                if column is None:
                    raise ValueError(f"the key {key} names no column that the query reads")
            if column is not None:
                row[column.name] = _scalar(value, column)
        return row


@dataclass(frozen=True)
class _Object:
    pairs: list[tuple[str, object]]


@dataclass(frozen=True)
class _Number:
    text: str


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a JSON number")


_EXACT = json.JSONDecoder(
    object_pairs_hook=_Object,
    parse_int=_Number,
    parse_float=_Number,
    parse_constant=_refuse_constant,
)


def _parse(line: bytes) -> object:
    """Parse the first JSON value of a line; what follows it is not looked at."""
    text = line.decode("utf-8").strip(" \t")
    value, _ = _EXACT.raw_decode(text)
    return value


def _scalar(value: object, column: "Column") -> Any:  # noqa: ANN401 - the value of any column type
    if value is None:
        return None
    if isinstance(value, (_Object, list)):
        raise ValueError(  # noqa: TRY004 - bad data, not a bug
            f"column {column.name}: {trino_type(column.type)} value must be a scalar json value"
        )
    try:
        return _CONVERTERS[_family(column)](value, column)
    except (InvalidOperation, ValueError) as error:
        raise ValueError(
            f"column {column.name}: {_text(value)!r} is not of type {trino_type(column.type)}"
        ) from error


def _text(value: object) -> str:
    """Spell a token as it stands in the line; a lone surrogate turns into `?`, as in Java."""
    if isinstance(value, _Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).encode("utf-8", "replace").decode("utf-8")


def _digits(value: object) -> str:
    if not isinstance(value, _Number):
        raise ValueError("not a number")  # noqa: TRY004 - bad data, not a bug
    return value.text


def _integer(value: object, column: "Column") -> int:
    number = int(Decimal(_digits(value)))
    bits = arrow_type(column.type).bit_width
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise ValueError("out of range")
    return number


def _floating(digits: str) -> float:
    """Read a number; without fraction and exponent it is a whole one first, which has no -0."""
    return 0.0 if digits == "-0" else float(digits)


def _timestamp(value: object, _column: "Column") -> datetime:
    """Parse `yyyy-MM-dd HH:mm:ss[.fff]`: the SerDe takes no ISO 8601 in a timestamp column."""
    text = _text(value)
    if "T" in text:
        raise ValueError("not in the format yyyy-MM-dd HH:mm:ss")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _decimal(value: object, column: "Column") -> Decimal:
    scale = Decimal(1).scaleb(-arrow_type(column.type).scale)
    return Decimal(_text(value)).quantize(scale)


_CONVERTERS: "dict[str, Callable[[object, Column], Any]]" = {
    "text": lambda value, _column: _text(value),
    "integer": _integer,
    "floating": lambda value, _column: _floating(_digits(value)),
    "boolean": lambda value, _column: _text(value).lower() == "true",
    "timestamp": _timestamp,
    "date": lambda value, _column: date.fromisoformat(_text(value)),
    "decimal": _decimal,
    "binary": lambda value, _column: _text(value).encode(),
}
# Python types of a quickly decoded column that Arrow may take as they are, if there is no other
# type among its values; and those that are right whatever else the column holds.
_NULL = type(None)
_ARROW_READY: dict[str, set[type]] = {
    "text": {str, _NULL},
    "bigint": {int, _NULL},
    "floating": {float, _NULL},
    "boolean": {bool, _NULL},
}
_ALWAYS_READY: dict[str, set[type]] = {**_ARROW_READY, "bigint": {_NULL}}
for _family_name in ("integer", "timestamp", "date", "decimal", "binary"):
    _ARROW_READY[_family_name] = _ALWAYS_READY[_family_name] = {_NULL}
_CONVERTERS["bigint"] = _integer


def _family(column: "Column") -> str:
    arrow = arrow_type(column.type)
    if pa.types.is_string(arrow):
        return "text"
    if pa.types.is_int64(arrow):
        return "bigint"
    for matches, family in _FAMILIES:
        if matches(arrow):
            return family
    raise QueryError("GENERIC_INTERNAL_ERROR", f"no decoder for {column.type}", user=False)


_FAMILIES = (
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "floating"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_date, "date"),
    (pa.types.is_decimal, "decimal"),
    (pa.types.is_binary, "binary"),
)


def _rows_without_columns(count: int) -> pa.Table:
    """Keep the number of rows where a query reads no column, as `COUNT(*)` does."""
    return pa.table({"": pa.nulls(count)}).select([])
