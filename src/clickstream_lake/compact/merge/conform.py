"""Bring rows of an older schema into today's schema, in Parquet and in JSON.

A key of `extra` that is now a column moves into that column, by the transform's coercions;
a value of a column that is gone, or that no longer fits, moves back into `extra`.

In JSON whole queries depend on it: the Hive SerDe fails on a value that does not fit its column. So
when a table declares a column that an older line did not know, the line's field has to fit, or it
goes into the `extra` object.

Rules of columns judge events when they come: a stored value stays in its column, whatever rule is
added later. What a rule has put into `extra` is lifted only once today's rules allow it.

A column that is retired keeps the values that it has, and gets none that came since.
"""

from typing import Any, Final

import msgspec
import pyarrow as pa

from clickstream_lake.lake.catalog import (
    CATALOG_KEY,
    EXTRA,
    JSON_COLUMNS_KEY,
    PROCESSED_TS,
    Catalog,
    Column,
)
from clickstream_lake.lake.coercion import MISMATCH, judged_coercion_of, raw_coercion_of

_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.json.encode


class Conformer:
    """Conforms the rows of one Parquet file, batch by batch.

    Attributes:
        lifted: values moved out of `extra` so far.
        returned: values moved into `extra` so far.
        is_aligned: the file already has the catalog's columns, and is by it, so no value moves.
    """

    def __init__(self, catalog: "Catalog", found: pa.Schema, written_by: str = "") -> None:
        """Compare a file's schema with the catalog's, ignoring dictionary types.

        Args:
            catalog: today's.
            found: the file's schema.
            written_by: SHA-256 of the file's catalog, if it does not say so itself.
        """
        self.lifted = 0
        self.returned = 0
        self._columns = {column.name: column for column in catalog.columns}
        self._typed = {column.name: raw_coercion_of(column) for column in catalog.columns}
        self._wanted = catalog.arrow_schema()
        self._json = _json_columns(found)
        self._loosened: list[str] = []
        kept = [name for name in self._wanted.names if name in found.names]
        self._gone = [name for name in found.names if name not in self._wanted.names]
        self._retyped = [name for name in kept if self._is_retyped(name, found.field(name).type)]
        self._fresh = [name for name in self._wanted.names if name not in found.names]
        if (_catalog_of(found) or written_by) != catalog.sha256:
            # Of the same type, but it may take more than it did: by its rules, or a timestamp in
            # more formats.
            self._loosened = [
                name
                for name in kept
                if name not in self._retyped
                and name not in {EXTRA, PROCESSED_TS}
                and self._columns[name].type != "json"
                and not self._columns[name].retired
            ]
        self._judged = self._typed | {
            name: judged_coercion_of(self._columns[name]) for name in self._loosened
        }
        self.is_aligned = not (self._fresh or self._retyped or self._gone or self._loosened)

    def apply(self, table: pa.Table) -> pa.Table:
        """The same rows with the catalog's columns, in its order.

        String columns that arrive dictionary-encoded stay so.
        """
        columns = {} if self.is_aligned else self._rewritten(table)
        return pa.table(
            {
                field.name: columns[field.name]
                if field.name in columns
                else _cast(table.column(field.name), field.type)
                for field in self._wanted
            }
        )

    def _is_retyped(self, name: str, found: pa.DataType) -> bool:
        if not _same_family(_plain(found), self._wanted.field(name).type):
            return True
        json_now = self._columns[name].type == "json"
        return (
            self._json is not None
            and pa.types.is_string(_plain(found))
            and (json_now != (name in self._json))
        )

    def _rewritten(self, table: pa.Table) -> dict[str, pa.Array]:
        """The columns whose values change, including `extra`."""
        extras: list[str | None] = (
            table.column(EXTRA).to_pylist() if EXTRA in table.column_names else [None] * len(table)
        )
        going = {name: self._raw_values(table, name) for name in self._gone + self._retyped}
        coming: dict[str, list[Any]] = {
            name: [None] * len(table) for name in self._fresh + self._retyped if name != EXTRA
        }
        for name in self._loosened:
            keys = [f'"{source}":' for source in _sources(self._columns[name])]
            if any(text is not None and any(key in text for key in keys) for text in extras):
                coming[name] = self._values(table, name)
        for row, text in enumerate(extras):
            moving = {name: raw for name, raws in going.items() if (raw := raws[row]) is not None}
            if moving or text is not None:
                extras[row] = self._move(row, text, moving, coming)
        columns = {
            name: pa.array(values, type=self._wanted.field(name).type)
            for name, values in coming.items()
        }
        columns[EXTRA] = pa.array(extras, type=pa.string())
        return columns

    def _move(
        self, row: int, text: str | None, moving: dict[str, bytes], coming: dict[str, list[Any]]
    ) -> str | None:
        """Move one row's values between columns and `extra`; returns the new `extra`."""
        fields = _fields(text) if text is not None else {}
        before = (self.lifted, self.returned)
        for name, values in coming.items():
            if values[row] is None and name in moving:
                value, _ = self._typed[name](bytes(moving[name]))
                if value is not MISMATCH:
                    values[row] = value
                    del moving[name]
            if values[row] is None:
                values[row] = self._lift(name, fields)
        fields.update({name: msgspec.Raw(raw) for name, raw in moving.items()})
        self.returned += len(moving)
        if before == (self.lifted, self.returned):
            return text
        return _encode(fields).decode() if fields else None

    def _lift(self, name: str, fields: dict[str, Any]) -> Any:  # noqa: ANN401 - by the column's type
        """Take a column's value out of `extra`: of its sources the first counts that has one."""
        for source in _sources(self._columns[name]):
            if source not in fields:
                continue
            value, _ = self._judged[name](bytes(fields[source]))
            if value is MISMATCH:
                break
            del fields[source]
            self.lifted += 1
            if value is not None:
                return value
        return None

    def _values(self, table: pa.Table, name: str) -> list[Any]:
        """A column's values as its coercion would give them."""
        field = self._wanted.field(name)
        column = _cast(table.column(name), field.type)
        if pa.types.is_timestamp(field.type):
            column = column.cast(pa.int64())
        return list(column.to_pylist())

    def _raw_values(self, table: pa.Table, name: str) -> list[bytes | None]:
        """A column's values as the JSON text that `extra` would hold."""
        column = table.column(name)
        kind = _plain(column.type)
        if pa.types.is_timestamp(kind):
            column = column.cast(pa.timestamp("ms", tz="UTC"), safe=False)
        as_is = self._json is not None and name in self._json
        return [
            None if value is None else value.encode() if as_is else _encode(value)
            for value in column.to_pylist()
        ]


def _sources(column: Column) -> tuple[str, ...]:
    return column.sources or (column.name,)


def _fields(text: str) -> dict[str, Any]:
    try:
        return _FIELDS.decode(text)
    except msgspec.DecodeError as error:
        raise ValueError(f"column {EXTRA!r} holds a text that is not a JSON object") from error


def _json_columns(schema: pa.Schema) -> frozenset[str] | None:
    names = (schema.metadata or {}).get(JSON_COLUMNS_KEY)
    return None if names is None else frozenset(names.decode().split(",")) - {""}


def _catalog_of(schema: pa.Schema) -> str:
    name: bytes = (schema.metadata or {}).get(CATALOG_KEY, b"")
    return name.decode()


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _same_family(found: pa.DataType, wanted: pa.DataType) -> bool:
    """Tell whether a plain cast keeps every value: the same type in another width or unit."""
    if found == wanted:
        return True
    if pa.types.is_integer(wanted):
        return bool(pa.types.is_integer(found)) and found != pa.uint64()
    for family in (pa.types.is_floating, pa.types.is_timestamp, _is_text):
        if family(wanted):
            return bool(family(found))
    return False


def _is_text(kind: pa.DataType) -> bool:
    return kind in (pa.string(), pa.large_string(), pa.string_view())


def _cast(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    found = column.type
    if found == wanted or (pa.types.is_dictionary(found) and found.value_type == wanted):
        return column
    # Unsafe in one way only: a finer timestamp is cut to milliseconds.
    return column.cast(wanted, safe=False)


class LineConformer:
    """Conforms JSON lines one by one.

    Attributes:
        lifted: values moved out of `extra` so far.
        returned: values moved into `extra` so far.
    """

    def __init__(self, catalog: Catalog) -> None:
        self.lifted = 0
        self.returned = 0
        self._catalog = catalog
        columns = [column for column in catalog.columns if column.name != EXTRA]
        self._typed = {column.name: raw_coercion_of(column) for column in columns}
        self._judged = {
            column.name: judged_coercion_of(column) for column in columns if not column.retired
        }
        self._sources = {c.name: _sources(c) for c in columns if not c.retired}
        self._senders = {s: name for name, sources in self._sources.items() for s in sources}
        # Fields that no column was called like: where a producer sent them, nobody moved them.
        self._undeclared = self._senders.keys() - self._typed.keys()

    def line(self, line: bytes) -> bytes:
        """Conform one line, without its end; a line that already fits keeps its bytes.

        Raises:
            ValueError: the line is not a JSON object.
        """
        try:
            fields = _FIELDS.decode(line)
            held = _FIELDS.decode(fields.get(EXTRA, b"{}"))
        except msgspec.DecodeError as error:
            raise ValueError("a published JSON line is not a JSON object") from error
        before = (self.lifted, self.returned)
        coerced = self._settle(fields, held)
        self._lift(fields, held)
        if not coerced and before == (self.lifted, self.returned):
            return line
        fields.pop(EXTRA, None)
        if held:
            fields[EXTRA] = msgspec.Raw(_encode(held))
        return _encode(fields)

    def _settle(self, fields: dict[str, msgspec.Raw], held: dict[str, msgspec.Raw]) -> bool:
        """Make every field fit its column or move it into `held`; tell if any was rewritten."""
        rewritten = False
        for name, raw in list(fields.items()):
            if name == EXTRA:
                continue
            coercion = self._typed.get(name)
            if coercion is not None:
                value, text = coercion(bytes(raw))
                if value is not MISMATCH:
                    if text != bytes(raw):
                        fields[name] = msgspec.Raw(text)
                        rewritten = True
                    continue
            elif not self._catalog.taken_for_column(name, self._catalog.partition_keys):
                continue
            held[name] = fields.pop(name)
            self.returned += 1
        return rewritten

    def _lift(self, fields: dict[str, msgspec.Raw], held: dict[str, msgspec.Raw]) -> None:
        """Move what now fits its column out of `held`, and from under other names."""
        sent = [*held, *(self._undeclared & fields.keys())]
        for name in dict.fromkeys(self._senders[each] for each in sent if each in self._senders):
            if name in fields and bytes(fields[name]) != b"null":
                continue
            for source in self._sources[name]:
                holder = fields if source in self._undeclared and source in fields else held
                if source not in holder:
                    continue
                value, text = self._judged[name](bytes(holder[source]))
                if value is MISMATCH:
                    break
                del holder[source]
                fields[name] = msgspec.Raw(text)
                self.lifted += 1
                if value is not None:
                    break
