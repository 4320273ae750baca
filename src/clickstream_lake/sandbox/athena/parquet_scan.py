"""Parquet files as Athena reads them: the footer, then only the chunks it needs."""

import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.sandbox.athena.parquet_format import RowGroup, row_groups
from clickstream_lake.sandbox.athena.tables import arrow_type, is_nested, trino_type
from clickstream_lake.sandbox.errors import bad_data

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.storage import DataFile
    from clickstream_lake.sandbox.athena.tables import Column

_TAIL_BYTES = 8  # the footer's length and the magic number
_FIRST_READ_BYTES = 64 << 10  # most footers of landing files fit into one read of this size
_MAGIC = b"PAR1"


@dataclass(frozen=True)
class Footer:
    """A file's metadata: as pyarrow reads it, and its bytes."""

    metadata: pq.FileMetaData
    body: bytes

    @property
    def row_groups(self) -> list[RowGroup]:
        """The row groups, with all that pyarrow does not show."""
        return row_groups(self.body)


def read_footer(file: "DataFile", read: Callable[[int, int], bytes]) -> Footer:
    """Read a file's footer.

    Raises:
        QueryError: the file is not a Parquet file.
    """
    start = max(0, file.size - _FIRST_READ_BYTES)
    tail = read(start, file.size)
    if len(tail) < _TAIL_BYTES + len(_MAGIC) or tail[-len(_MAGIC) :] != _MAGIC:
        raise bad_data(f"{file.uri} is not a valid Parquet file")
    length = int.from_bytes(tail[-_TAIL_BYTES : -len(_MAGIC)], "little") + _TAIL_BYTES
    if length > file.size:
        raise bad_data(f"{file.uri} is not a valid Parquet file: its footer is cut off")
    if length > len(tail):
        tail = read(file.size - length, file.size)
    try:
        # A reader of metadata alone looks at nothing before the footer.
        metadata = pq.read_metadata(pa.BufferReader(_MAGIC + tail[-length:]))
    except (pa.ArrowException, OSError) as error:
        raise bad_data(f"{file.uri} has no readable Parquet footer: {error}") from error
    return Footer(metadata, tail[-length:-_TAIL_BYTES])


def chunk_ranges(
    metadata: pq.FileMetaData, row_groups: Iterable[int], columns: Iterable[str]
) -> list[tuple[int, int]]:
    """List the byte ranges [start, end) of the chunks that hold these columns, in file order.

    Column names match without regard to case; a column that the file lacks costs nothing.
    """
    wanted = {name.lower() for name in columns}
    ranges = []
    for index in row_groups:
        group = metadata.row_group(index)
        for position in range(group.num_columns):
            chunk = group.column(position)
            if chunk.path_in_schema.split(".", 1)[0].lower() in wanted:
                start = chunk.data_page_offset
                if chunk.dictionary_page_offset is not None:
                    start = min(start, chunk.dictionary_page_offset)
                ranges.append((start, start + chunk.total_compressed_size))
    return sorted(ranges)


def read_columns(
    file: "DataFile",
    metadata: pq.FileMetaData,
    row_groups: Sequence[int],
    columns: "Sequence[Column]",
    read: Callable[[int, int], bytes],
) -> pa.Table:
    """Read the columns of some row groups; a column that the file lacks is NULL.

    Raises:
        QueryError: a column of the file has a type that the declared one cannot hold.
    """
    rows = sum(metadata.row_group(index).num_rows for index in row_groups)
    physical = {name.lower(): name for name in metadata.schema.to_arrow_schema().names}
    present = [physical[column.name] for column in columns if column.name in physical]
    ranges = chunk_ranges(metadata, row_groups, present)
    if not present:
        stored = pa.table({"": pa.nulls(rows)})
    else:
        source = _Segments(file.size, joined(ranges), read)
        with pq.ParquetFile(source, metadata=metadata, pre_buffer=False) as reader:
            stored = reader.read_row_groups(list(row_groups), columns=present)
    arrays = {
        column.name: _declared(stored[physical[column.name]], column, file)
        if column.name in physical
        else pa.nulls(rows, _type_of_absent(column))
        for column in columns
    }
    return pa.table(arrays) if arrays else stored.select([])


def _type_of_absent(column: "Column") -> pa.DataType:
    return pa.null() if is_nested(column.type) else arrow_type(column.type)


def _declared(values: pa.ChunkedArray, column: "Column", file: "DataFile") -> pa.ChunkedArray:
    if is_nested(column.type):
        return values
    target = arrow_type(column.type)
    stored = values.type.value_type if pa.types.is_dictionary(values.type) else values.type
    if _kind(stored) != _kind(target):
        raise bad_data(
            f"Field {column.name}'s type {stored} in parquet file {file.uri} is incompatible with "
            f"type {trino_type(column.type)} defined in table schema"
        )
    try:
        return values.cast(target)
    except pa.ArrowInvalid as error:
        raise bad_data(f"{file.uri}, column {column.name}: {error}") from error


_KINDS = (
    ("text", lambda t: pa.types.is_string(t) or pa.types.is_large_string(t)),
    ("integer", pa.types.is_integer),
    ("floating", pa.types.is_floating),
    ("boolean", pa.types.is_boolean),
    ("timestamp", pa.types.is_timestamp),
    ("date", pa.types.is_date),
    ("decimal", pa.types.is_decimal),
    ("binary", lambda t: pa.types.is_binary(t) or pa.types.is_large_binary(t)),
)


def _kind(arrow: pa.DataType) -> str:
    return next((name for name, matches in _KINDS if matches(arrow)), str(arrow))


def joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that touch, so that neighbouring columns cost one request."""
    runs: list[tuple[int, int]] = []
    for start, end in ranges:
        if runs and start <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return runs


class _Segments(io.RawIOBase):
    """A file with only some of its ranges; reading elsewhere is an error."""

    def __init__(
        self, size: int, ranges: Sequence[tuple[int, int]], read: Callable[[int, int], bytes]
    ) -> None:
        super().__init__()
        self._size = size
        self._segments = [(start, read(start, end)) for start, end in ranges]
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        at = self._position
        end = self._size if size is None or size < 0 else min(at + size, self._size)
        for start, body in self._segments:
            if start <= at and end <= start + len(body):
                self._position = end
                return body[at - start : end - start]
        raise OSError(f"read of bytes {at} to {end}, which the query was not to need")
