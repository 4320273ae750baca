"""The fast path: what the native kernel takes from a block, and which lines it leaves.

The kernel (`native/kernel.c`) scans a block once and writes JSON lines and the buffers of the
Parquet columns, without an object per value. It takes only lines that it can prove to be plain, and
gives exactly the bytes and values that `enrich.py` gives for them. Tests compare the two on
hostile input.
"""

import ctypes
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, TIME_FORMATS
from clickstream_lake.transform.rules.enrich import Rules
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.strict import MAX_KEY_BYTES

# The same numbers as in native/kernel.h.
_KINDS: Final = {"string": 0, "json": 1, "double": 2, "bigint": 3, "boolean": 4, "timestamp": 5}
_EXTRA, _PROCESSED = 6, 7
_DROPPED, _UNDECLARED, _REFUSED = -1, -2, -3
_MOST_ROWS: Final = 8_192
_MOST_STAMP_BYTES: Final = 64
_INSTANT_BYTES: Final = 26

# More than the keys of any sane catalog and its producers; unknown keys can fill it only once.
_MOST_KEYS: Final = 4_096

# Without a kernel, a part ends at this many bytes: small events take far more memory than their
# text.
_PART_BYTES: Final = 128 * 1024


class KernelError(RuntimeError):
    """The kernel could not allocate memory."""


@dataclass(frozen=True, slots=True)
class DeclinedLine:
    """A line that the kernel leaves to others, from its first odd event on.

    Attributes:
        start: where that event starts in the block, in bytes.
        end: where the line ends, without its line end.
        line: line ends of this part before it.
        row: events of this part before it.
        json: bytes of this part's JSON lines before it.
    """

    start: int
    end: int
    line: int
    row: int
    json: int


@dataclass(frozen=True, slots=True)
class ScannedPart:
    """What became of some consecutive lines.

    Attributes:
        json: JSON lines of the events that were taken; valid until the next part is asked for.
        batch: their Parquet rows, in the same order; None if there are none.
        declined: the lines that were not taken.
        blank: lines of white space.
        lines: line ends.
    """

    json: memoryview
    batch: pa.RecordBatch | None
    declined: tuple[DeclinedLine, ...]
    blank: int
    lines: int


def scanner(rules: Rules) -> Callable[[bytes], Iterator[ScannedPart]]:
    """Scans the blocks of one raw object: the kernel, or a stand-in that declines everything.

    Raises:
        KernelError: there is no memory.
    """
    return decline_all if library.missing() else Kernel(rules).scan


def decline_all(data: bytes) -> Iterator[ScannedPart]:
    """Leave every line of a block to others, as a kernel may; the last one may lack its end."""
    start = 0
    while start < len(data):
        first = start
        declined: list[DeclinedLine] = []
        while start < len(data) and start - first < _PART_BYTES:
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            declined.append(DeclinedLine(start, end, line=len(declined), row=0, json=0))
            start = end + 1
        lines = len(declined) - (start > len(data))
        yield ScannedPart(memoryview(b""), None, tuple(declined), blank=0, lines=lines)


class Kernel:
    """Scans the blocks of one raw object."""

    def __init__(self, rules: Rules) -> None:
        """Prepare what is the same for every block.

        Raises:
            KernelError: there is no memory.
        """
        catalog, limits = rules.catalog, rules.limits
        self._catalog = catalog
        self._partition_keys = rules.partition_keys
        self._schema = catalog.arrow_schema()
        self._columns = {name: index for index, name in enumerate(self._schema.names)}
        own = {EXTRA: _EXTRA, PROCESSED_TS: _PROCESSED}
        columns = catalog.tables["parquet"].columns
        kinds = bytes(own.get(column.name, _KINDS[column.type]) for column in columns)
        timestamps = kinds.count(_KINDS["timestamp"])
        self._most_added = _MOST_STAMP_BYTES + _INSTANT_BYTES * timestamps
        self._native = library.load()
        formats = bytes(
            sum(1 << TIME_FORMATS.index(name) for name in column.time_formats) for column in columns
        )
        self._kernel = self._native.kernel_new(len(kinds), kinds, formats, _MOST_KEYS)
        if not self._kernel:
            raise KernelError("no memory for the kernel's tables")
        weakref.finalize(self, self._native.kernel_free, self._kernel)
        self._native.kernel_limit(
            self._kernel,
            limits.max_line_bytes,
            limits.max_depth,
            limits.max_keys,
            MAX_KEY_BYTES,
        )
        tail = b',"%s":"%s"}\n' % (PROCESSED_TS.encode(), rules.processed_ts_text.encode())
        names = [key.encode() for key in sorted(catalog.pii_keys)]
        if not self._native.kernel_stamp(
            self._kernel, rules.processed_ts, tail, len(tail)
        ) or not self._native.kernel_names(
            self._kernel, len(names), b"".join(names), bytes(map(len, names))
        ):
            raise KernelError("no memory for the names of PII keys")
        self._scanned: Any = self._native.kernel_scanned(self._kernel).contents
        self._declined: Any = self._native.kernel_declined(self._kernel)
        self._unknown: Any = self._native.kernel_unknown(self._kernel)
        self._layouts: Any = self._native.kernel_layouts(self._kernel)
        self._json = bytearray()
        self._json_at: Any = None
        self._knows_all = False
        for name in self._columns:
            self._learn(name.encode())

    def scan(self, data: bytes) -> Iterator[ScannedPart]:
        """Scan the lines of a block; the last one may lack its end.

        Raises:
            KernelError: there is no memory.
        """
        room = len(data) + len(data) // 2 + self._most_added * _MOST_ROWS
        if len(self._json) < room:
            self._json_at = None  # which would forbid the change
            self._json = bytearray(room)
            self._json_at = (ctypes.c_char * room).from_buffer(self._json)
        scanned, position = self._scanned, 0
        while position < len(data):
            if not self._native.kernel_scan(
                self._kernel, data, len(data), position, self._json_at, self._knows_all
            ):
                raise KernelError(f"no memory for a block of {len(data):,} bytes")
            for key in self._unknown[: scanned.unknown]:
                self._learn(data[key.start : key.end])
            before, position = position, scanned.consumed
            if position > before:
                yield self._part()

    def _part(self) -> ScannedPart:
        scanned = self._scanned
        return ScannedPart(
            memoryview(self._json)[: scanned.json],
            self._batch(scanned.rows, scanned.arrow) if scanned.rows else None,
            tuple(
                DeclinedLine(found.start, found.end, found.line, found.row, found.json)
                for found in self._declined[: scanned.declined]
            ),
            scanned.blank,
            scanned.lines,
        )

    def _batch(self, rows: int, size: int) -> pa.RecordBatch:
        memory = pa.allocate_buffer(size)
        self._native.kernel_fill(self._kernel, memory.address)
        arrays = []
        for field, layout in zip(self._schema, self._layouts[: len(self._schema)], strict=True):
            starts, sizes, nulls = layout.start, layout.size, layout.nulls
            buffers = [memory.slice(starts[0], sizes[0]) if nulls else None]
            buffers.append(memory.slice(starts[1], sizes[1]))
            if pa.types.is_string(field.type):
                buffers.append(memory.slice(starts[2], sizes[2]))
            arrays.append(pa.Array.from_buffers(field.type, rows, buffers, nulls))
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _learn(self, key: bytes) -> None:
        """Tell the kernel what becomes of fields with a key; it knows the key from then on."""
        known = self._native.kernel_learn(
            self._kernel, b'"%s"' % key, len(key) + 2, self._fate(key.decode())
        )
        self._knows_all = not known

    def _fate(self, key: str) -> int:
        if self._catalog.is_pii(key):
            return _DROPPED
        if key in {EXTRA, PROCESSED_TS}:
            return _REFUSED
        column = self._columns.get(key)
        if column is not None:
            return column
        if self._catalog.taken_for_column(key, self._partition_keys):
            return _REFUSED
        return _UNDECLARED
