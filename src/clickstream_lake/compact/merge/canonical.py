"""What a row holds, in one form for both formats: equal bytes for equal rows.

It is the row as Parquet stores it under today's catalog, because that is what both formats can
tell: a JSON line keeps how a number or a time was written, a Parquet column does not. So

- a column has its typed value: double, instant in milliseconds, decoded text, whole number;
- a JSON column, and every field that is no column or did not fit one, has its value with sorted
  keys, decoded texts and numbers by their exact decimal value (`1`, `1.0` and `10e-1` are one, no
  double rounds any);
- NULL, `null` and no field at all are the same, but inside of JSON values.

Rows of an older schema are brought into today's first (`conform.py`). There the two formats may
differ in one case: where a double or timestamp column was taken away or retyped in place, Parquet
has lost digits or offsets that the JSON line still has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

import msgspec
import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.coercion import MISMATCH, exact_number, raw_coercion_of

_DIGEST_BYTES: Final = 16


def _number(text: str) -> msgspec.Raw:
    return msgspec.Raw(exact_number(text.encode()))


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_any = msgspec.json.Decoder(float_hook=_number).decode
_objects = msgspec.json.Decoder(dict[str, Any], float_hook=_number).decode
_encode = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Canonical:
    """One row.

    Attributes:
        content: digest of what tells rows apart.
        ignored: digest of what is ignored, if anything is.
        times: UTC milliseconds of the timestamp columns that have any.
    """

    content: str
    ignored: str
    times: Mapping[str, int | None]


def plain_rows(table: pa.Table) -> Iterator[dict[str, Any]]:
    """The rows of a table as `Canon.of_row` takes them: times as UTC milliseconds."""
    for at, kind in enumerate(table.schema.types):
        if pa.types.is_timestamp(kind):
            column = table.column(at).cast(pa.int64())
            table = table.set_column(at, table.schema.names[at], column)
    yield from table.to_pylist()


class Canon:
    """Brings rows into their canonical form, by one catalog."""

    def __init__(self, catalog: Catalog) -> None:
        columns = [column for column in catalog.columns if column.name != EXTRA]
        self._ignored = catalog.dedupe_ignore
        self._coercions = {column.name: raw_coercion_of(column) for column in columns}
        self._doubles = [column.name for column in columns if column.type == "double"]
        self._json = [column.name for column in columns if column.type == "json"]
        self._times = [column.name for column in columns if column.type == "timestamp"]

    def of_row(self, row: dict[str, Any]) -> Canonical:
        """Of a row of a Parquet file in today's schema."""
        extra = row.pop(EXTRA)
        return self._canonical(row, {} if extra is None else _objects(extra))

    def of_line(self, line: bytes) -> Canonical:
        """Of a line of a JSON file in today's schema."""
        fields = _FIELDS.decode(line)
        held = fields.pop(EXTRA, None)
        row: dict[str, Any] = {}
        extra: dict[str, Any] = {}
        for name, raw in fields.items():
            coercion = self._coercions.get(name)
            found = MISMATCH if coercion is None else coercion(bytes(raw))[0]
            if found is MISMATCH:
                extra[name] = _any(raw)
            else:
                row[name] = found
        if held is not None:
            extra |= _objects(held)
        return self._canonical(row, extra)

    def _canonical(self, row: dict[str, Any], extra: dict[str, Any]) -> Canonical:
        for name in self._doubles:
            if (number := row.get(name)) is not None:
                row[name] = number + 0.0  # which takes the sign of a zero
        for name in self._json:
            if (text := row.get(name)) is not None:
                row[name] = _any(text)
        times = {name: row.get(name) for name in self._times}
        row.pop(PROCESSED_TS, None)
        ignored = ""
        if self._ignored:
            ignored = _digest([_taken(row, self._ignored), _taken(extra, self._ignored)])
        return Canonical(_digest([_present(row), _present(extra)]), ignored, times)


def _present(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _taken(fields: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Take some fields out."""
    return _present({name: fields.pop(name) for name in names & fields.keys()})


def _digest(content: object) -> str:
    return blake2b(_encode(content), digest_size=_DIGEST_BYTES).hexdigest()
