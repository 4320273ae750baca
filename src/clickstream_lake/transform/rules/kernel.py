"""The data rules over whole blocks: the native kernel.

The kernel (`native/kernel.c`) scans a block once and writes JSON lines and the buffers of the
Parquet columns, without an object per value. It gives exactly the bytes, values and rejects that
`enrich.py` gives. Tests compare the two on hostile input.
"""

import ctypes
import math
import mmap
import os
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, TIME_FORMATS, Column
from clickstream_lake.lake.coercion import INT64_MAX, INT64_MIN
from clickstream_lake.lake.names import fold_name
from clickstream_lake.lake.patterns import Automaton, automaton_of
from clickstream_lake.lake.quality import MOST_LENGTH, NO_RULES, Breach
from clickstream_lake.transform.rules.enrich import (
    Enriched,
    RejectedLine,
    Rules,
    Tally,
)
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.scrub import url_names
from clickstream_lake.transform.rules.strict import MAX_KEY_BYTES

# The same numbers as in native/kernel.h.
_KINDS: Final = {"string": 0, "json": 1, "double": 2, "bigint": 3, "boolean": 4, "timestamp": 5}
_EXTRA, _PROCESSED = 6, 7
_UNDECLARED, _DROPPED, _REFUSED = -1, -2, -3
# Why a cell has no value: its type, or a rule.
_BREACHES: Final = (None, *Breach)
_MOST_ROWS: Final = 8_192 + 1_024 + 1
_MOST_STAMP_BYTES: Final = 64
# A field of six bytes may become a time of 26.
_MOST_GROWTH: Final = 6

# More than the keys of any sane catalog; when there are more, those of producers are forgotten.
_MOST_KEYS: Final = 4_096


class KernelError(RuntimeError):
    """The kernel could not allocate memory."""


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
        columns = catalog.typed_columns
        kinds = bytes(own.get(column.name, _KINDS[column.type]) for column in columns)
        self._native = library.load()
        formats = bytes(
            sum(1 << TIME_FORMATS.index(name) for name in column.time_formats) for column in columns
        )
        seed = int.from_bytes(os.urandom(8))
        self._kernel = self._native.kernel_new(len(kinds), kinds, formats, _MOST_KEYS, seed)
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
        # An ASCII name can only be that of an ASCII key; Python is asked about all other names.
        pii = [key.encode() for key in sorted(catalog.pii_names) if key.isascii()]
        taken = [*self._columns, *rules.partition_keys]
        taken = [name.encode() for name in dict.fromkeys([*taken, EXTRA, PROCESSED_TS])]
        self._ask = library.Ask(self._answer)
        if not (
            self._native.kernel_stamp(self._kernel, rules.processed_ts, tail, len(tail))
            and self._native.kernel_names(
                self._kernel,
                len(pii),
                b"".join(pii),
                bytes(map(len, pii)),
                bytes(map(self._folded, range(128))),
                self._ask,
            )
            and self._native.kernel_taken(
                self._kernel, len(taken), b"".join(taken), bytes(map(len, taken))
            )
        ):
            raise KernelError("no memory for the names of fields")
        self._native.kernel_texts(
            self._kernel, catalog.scrub_text, bytes(column.url for column in columns)
        )
        self._ruled = [n for n, column in enumerate(columns) if column.quality != NO_RULES]
        self._rules = [_NativeRules(n, columns[n]) for n in self._ruled]
        structs = [rules_of.struct for rules_of in self._rules]
        array = (library.Rules * len(structs))(*structs)
        if not self._native.kernel_rules(self._kernel, len(array), array):
            raise KernelError("no memory for the rules of columns")
        self._scanned: Any = self._native.kernel_scanned(self._kernel).contents
        self._rejects: Any = self._native.kernel_rejects(self._kernel)
        self._mismatched: Any = self._native.kernel_mismatched(self._kernel)
        self._breaches: Any = self._native.kernel_breaches(self._kernel)
        self._layouts: Any = self._native.kernel_layouts(self._kernel)
        self._json: bytearray | mmap.mmap = bytearray()
        self._json_at: Any = None
        self._longer = 0  # bytes that a JSON line may have more, because columns have longer names
        self._learn_names(columns)

    def _learn_names(self, columns: Sequence[Column]) -> None:
        """Have the kernel know the names under which values of columns come, and the lake's own.

        Raises:
            KernelError: there is no memory.
        """
        native, kernel = self._native, self._kernel
        # A name of a column that has its values from others may be one of these others.
        from_others = {source for column in columns for source in column.sources}
        urls = url_names(columns)
        for index, column in enumerate(columns):
            name = b'"%s"' % column.name.encode()
            refused = column.retired or column.sources or column.name in {EXTRA, PROCESSED_TS}
            fate = _REFUSED if refused else index
            known = column.name in from_others or native.kernel_learn(
                kernel, name, len(name), fate, column.name in urls
            )
            for source in column.sources:
                key = b'"%s"' % source.encode()
                known &= native.kernel_source(
                    kernel, key, len(key), index, source in urls, name, len(name)
                )
                self._longer += max(0, len(name) - len(key))
            if not known:
                raise KernelError("no memory for the names of columns")

    def scan(self, data: bytes, line: int, offset: int) -> Iterator[Enriched]:
        """Enrich the lines of a block; the last one may lack its end.

        Args:
            data: the block.
            line: number of its first line, counted from 1.
            offset: where it starts in the decompressed object.

        Raises:
            KernelError: there is no memory.
        """
        self._make_room(len(data))
        scanned, position = self._scanned, 0
        while position < len(data):
            if not self._native.kernel_scan(self._kernel, data, len(data), position, self._json_at):
                raise KernelError(f"no memory for a block of {len(data):,} bytes")
            position = scanned.consumed
            done = self._done(line, offset)
            line += done.lines
            yield done

    def scan_part(self, part: library.RoutedPart, line: int, offset: int) -> Iterator[Enriched]:
        """Enrich what a block has of one family.

        Args:
            part: some lines of the block, and texts of others that are copied behind it.
            line: number of the block's first line, counted from 1.
            offset: where the block starts in the decompressed object.

        Yields:
            The lines part by part, without their number.

        Raises:
            KernelError: there is no memory.
        """
        self._make_room(part.size)
        done = 1
        new = True
        while done == 1:
            done = self._native.kernel_scan_part(
                self._kernel, ctypes.byref(part), new, self._json_at
            )
            if not done:
                raise KernelError(f"no memory for {part.size:,} bytes of a block")
            new = False
            yield self._done(line, offset)

    def _make_room(self, size: int) -> None:
        """Have room for the JSON lines of so many bytes."""
        room = _MOST_GROWTH * size + (_MOST_STAMP_BYTES + self._longer) * _MOST_ROWS
        if len(self._json) < room:
            self._json_at = None  # which would forbid the change
            # Most of it is never touched: nothing clears it.
            self._json = mmap.mmap(-1, room)
            self._json_at = (ctypes.c_char * room).from_buffer(self._json)

    def _done(self, line: int, offset: int) -> Enriched:
        scanned = self._scanned
        done = Enriched(lines=scanned.lines, blank=scanned.blank, repaired=scanned.repaired)
        if scanned.rows:
            done.json.append(memoryview(self._json)[: scanned.json])
            done.batches.append(self._batch(scanned.rows, scanned.arrow))
        for found in self._rejects[: scanned.rejects]:
            reason = library.REASONS[found.reason]
            done.rejects.append(
                RejectedLine(line + found.line, offset + found.offset, reason, found.events)
            )
        for reason, found in zip(library.REASONS, scanned.tallies, strict=True):
            if found.texts:
                first = RejectedLine(line + found.first_line, offset + found.first, reason, None)
                last = RejectedLine(line + found.last_line, offset + found.last, reason, None)
                done.tallies.append(Tally(first, last, found.texts, found.events))
        if scanned.mismatches:
            counts = zip(self._columns, self._mismatched[: len(self._columns)], strict=True)
            done.mismatched = {name: count for name, count in counts if count}
        if self._ruled:
            self._count_breaches(done)
        return done

    def _count_breaches(self, done: Enriched) -> None:
        names = tuple(self._columns)
        for index in self._ruled:
            start = index * len(_BREACHES)
            counts = self._breaches[start : start + len(_BREACHES)]
            for breach, count in zip(_BREACHES, counts, strict=True):
                if breach is not None and count:
                    done.breaches.setdefault(names[index], {})[breach] = count

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

    def _folded(self, code: int) -> int:
        """An ASCII character as PII keys are compared; 0 if it does not count."""
        if not self._catalog.fold_names:
            return ord(chr(code).lower()) or 0xFF  # which no ASCII key holds
        return ord(fold_name(chr(code)) or "\0")

    def _answer(self, address: int, size: int) -> int:
        """What becomes of a field with a name outside ASCII."""
        name = ctypes.string_at(address, size).decode(errors="replace")
        if self._catalog.is_pii(name):
            return _DROPPED
        taken = self._catalog.taken_for_column(name, self._partition_keys)
        return _REFUSED if taken else _UNDECLARED


class _NativeRules:
    """The rules of a column as the kernel takes them; it reads them for as long as it lives."""

    def __init__(self, number: int, column: Column) -> None:
        quality = column.quality
        self._kept: list[Any] = []
        self.struct = library.Rules(
            least=_cell(column, quality.least, -math.inf, INT64_MIN),
            most=_cell(column, quality.most, math.inf, INT64_MAX),
            max_length=quality.max_length or MOST_LENGTH,
            column=number,
            required=quality.required,
            rejects=quality.rejects,
        )
        if quality.words is not None:
            self.struct.texts = self._automaton(quality.words)
        elif quality.enum is not None:
            cells = [_cell(column, value) for value in quality.enum]
            self._kept.append((library.Cell * len(cells))(*cells))
            self.struct.numbers = ctypes.addressof(self._kept[-1])
            self.struct.number_count = len(cells)
        if quality.pattern is not None:
            self.struct.pattern = self._automaton(automaton_of(quality.pattern))

    def _automaton(self, automaton: Automaton) -> library.Automaton:
        steps = (ctypes.c_uint32 * len(automaton.steps))(*automaton.steps)
        self._kept += [steps, automaton.kinds]
        return library.Automaton(
            ctypes.addressof(steps), automaton.kinds, automaton.start, automaton.first_end
        )


def _cell(
    column: Column,
    value: object,
    of_doubles: float = 0.0,
    of_others: int = 0,
) -> library.Cell:
    """A number of the column's type; without a value one of these."""
    if column.type == "double":
        return library.Cell(number=of_doubles if value is None else value)
    return library.Cell(whole=of_others if value is None else value)
