"""What de-duplication reads of each format: a row's key and times, and its whole content."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.compact.merge.conform import Conformer
from clickstream_lake.compact.merge.json_lines import JsonLines
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS
from clickstream_lake.lake.coercion import MISMATCH, coerce

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.layout import Format

READ_ROWS: Final = 65_536

KeyReader = Callable[[Input, "Catalog"], Iterator[pa.Table]]
"""Tables of a file's rows, in order: key (text), event time and processed_ts (UTC milliseconds)."""

_KEYS: Final = pa.schema(
    [("key", pa.string()), ("event_time", pa.int64()), (PROCESSED_TS, pa.int64())]
)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_canonical = msgspec.json.Encoder(order="deterministic").encode


def parquet_keys(entry: Input, catalog: "Catalog") -> Iterator[pa.Table]:
    """Keys of a Parquet file; columns that it lacks are lifted out of its `extra`."""
    wanted = [str(catalog.dedupe_on), catalog.event_time, PROCESSED_TS]
    for table in _conformed(entry, catalog, wanted):
        columns = [_column(table, name) for name in wanted]
        yield pa.table(
            [columns[0].cast(pa.string()), *(column.cast(pa.int64()) for column in columns[1:])],
            schema=_KEYS,
        )


def json_keys(entry: Input, catalog: "Catalog") -> Iterator[pa.Table]:
    """Keys of a JSON file."""
    kinds = {column.name: column.type for column in catalog.columns}
    names = [str(catalog.dedupe_on), catalog.event_time, PROCESSED_TS]

    def value(fields: dict[str, msgspec.Raw], name: str) -> Any:  # noqa: ANN401 - by its column
        raw = fields.get(name)
        if raw is None or name not in kinds:
            return None
        found, _ = coerce(kinds[name], bytes(raw))
        return None if found is MISMATCH else found

    with entry.open() as stream:
        for text in JsonLines(stream):
            rows = [_FIELDS.decode(line) for line in text.split(b"\n")[:-1]]
            columns = [[value(row, name) for row in rows] for name in names]
            columns[0] = [None if key is None else _key_text(key) for key in columns[0]]
            yield pa.table(columns, schema=_KEYS)


class Content:
    """Whole rows in a form that both formats share, so that they can be compared."""

    def __init__(self, fmt: "Format", inputs: Sequence[Input], catalog: "Catalog") -> None:
        """Take the inputs that rows will be asked of."""
        self._fmt = fmt
        self._inputs = inputs
        self._catalog = catalog
        self._kinds = {c.name: c.type for c in catalog.columns if c.name != EXTRA}

    def of(self, file: int, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The content of some rows of a file, row numbers ascending."""
        read = self._json if self._fmt == "json" else self._parquet
        yield from read(self._inputs[file], rows)

    def _parquet(self, entry: Input, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        first = at = 0
        for table in _conformed(entry, self._catalog, None):
            end = first + len(table)
            until = at
            while until < len(rows) and rows[until] < end:
                until += 1
            picked = table.take(pa.array([row - first for row in rows[at:until]], pa.int64()))
            times = [n for n, kind in self._kinds.items() if kind == "timestamp"]
            for name in times:
                column = picked.schema.get_field_index(name)
                picked = picked.set_column(column, name, picked.column(name).cast(pa.int64()))
            for row, values in zip(rows[at:until], picked.to_pylist(), strict=True):
                extra = values.pop(EXTRA)
                yield row, _text(values, {} if extra is None else _ANY.decode(extra))
            first, at = end, until

    def _json(self, entry: Input, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        wanted = set(rows)
        first = 0
        with entry.open() as stream:
            for text in JsonLines(stream):
                lines = text.split(b"\n")[:-1]
                for row, line in enumerate(lines, first):
                    if row in wanted:
                        yield row, self._line(line)
                first += len(lines)

    def _line(self, line: bytes) -> bytes:
        fields = _FIELDS.decode(line)
        extra = _ANY.decode(fields.pop(EXTRA, b"{}"))
        values: dict[str, Any] = {}
        for name, raw in fields.items():
            kind = self._kinds.get(name)
            found = MISMATCH if kind is None else coerce(kind, bytes(raw))[0]
            if found is MISMATCH:
                extra[name] = _ANY.decode(raw)
            else:
                values[name] = found
        return _text(values, extra)


def _text(values: dict[str, Any], extra: object) -> bytes:
    return _canonical([{k: v for k, v in values.items() if v is not None}, extra])


def _key_text(key: object) -> str:
    """What Arrow's cast to text makes of it."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(len(table))])


def _conformed(entry: Input, catalog: "Catalog", names: Sequence[str] | None) -> Iterator[pa.Table]:
    """The rows of a Parquet file in today's schema; only some columns where that is enough."""
    with entry.open() as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
        conformer = Conformer(catalog, file.schema_arrow)
        columns = list(dict.fromkeys(names)) if names and conformer.is_aligned else None
        for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False):
            table = pa.Table.from_batches([batch])
            yield table if columns else conformer.apply(table)
