"""The data rules, one event at a time: what the kernel has to give, and what works without one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.coercion import MISMATCH, Coercion, coercion_of, compact
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.read.lines import split_texts
from clickstream_lake.transform.rules.reasons import LineReason
from clickstream_lake.transform.rules.scrub import Scrubber, repair_halves
from clickstream_lake.transform.rules.strict import (
    ParsedEvent,
    RejectedError,
    check_event,
    parse_event,
)

_encode = msgspec.json.encode
_NULL: Final = b"null"
# More than the keys of any sane catalog and its producers; unknown keys can fill it only once.
_KNOWN_KEYS: Final = 4_096
# A part ends at this many bytes: small events take far more memory than their text.
_PART_BYTES: Final = 128 * 1024


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides how events come out: the same for every event of one raw object.

    Attributes:
        catalog: columns and PII keys.
        limits: the limits of one event.
        processed_ts: UTC milliseconds.
        processed_ts_text: the same instant as ISO-8601 text.
        partition_keys: names that would be read as a partition column.
        check: raises once there is no more time; asked for each event where there is no kernel.
    """

    catalog: Catalog
    limits: Limits
    processed_ts: int
    processed_ts_text: str
    partition_keys: tuple[str, ...]
    check: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """Which text of a raw object was not published, and why; never the text itself.

    Attributes:
        line_number: counted from 1.
        byte_offset: where the text starts in the decompressed object.
        events: how many events it may hold at most; None if that is not known.
    """

    line_number: int
    byte_offset: int
    reason: LineReason
    events: int | None


MOST_REJECTS: Final = 1_000
"""Rejected texts of a raw object that are named one by one; what comes after them is tallied."""


@dataclass(slots=True)
class Tally:
    """Texts that were rejected for one reason, of which the first and the last are named.

    Attributes:
        texts: how many there are.
        events: how many events they may hold at most; None if that is not known.
    """

    first: RejectedLine
    last: RejectedLine
    texts: int = 1
    events: int | None = 1

    def add(self, more: "Tally") -> None:
        """Take in texts that come later."""
        self.last = more.last
        self.texts += more.texts
        known = self.events is not None and more.events is not None
        self.events = (self.events or 0) + (more.events or 0) if known else None


@dataclass(slots=True)
class Enriched:
    """What became of some consecutive lines.

    Attributes:
        json: the published events as NDJSON, whole lines with their newlines, in the order sent.
        batches: the same events as Parquet rows, in the same order.
        lines: line ends.
        blank: lines with nothing but separators.
        rejects: texts that were not published, in the order sent.
        tallies: texts further on that were not published either, by reason.
        mismatched: column -> values that did not fit it.
        repaired: halves of surrogate pairs in published events.
    """

    json: list[bytes | memoryview] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    lines: int = 0
    blank: int = 0
    rejects: list[RejectedLine] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    mismatched: dict[str, int] = field(default_factory=dict)
    repaired: int = 0


Event = tuple[bytes, list[Any]]
"""A published event: its JSON line, and its cells in the order of the catalog's Parquet columns."""


class Enricher:
    """Applies the catalog to events: drops PII, adds `processed_ts`, types the columns."""

    def __init__(self, rules: Rules) -> None:
        """Prepare what is the same for every event."""
        catalog = rules.catalog
        self._catalog = catalog
        self._limits = rules.limits
        self._check = rules.check
        self._schema = catalog.arrow_schema()
        self._partition_keys = rules.partition_keys
        columns = catalog.tables["parquet"].columns
        self._width = len(columns)
        index = {column.name: position for position, column in enumerate(columns)}
        self._extra_index = index[EXTRA]
        self._processed_index = index[PROCESSED_TS]
        self._processed_ts = rules.processed_ts
        self._tail = b',"%s":"%s"}\n' % (PROCESSED_TS.encode(), rules.processed_ts_text.encode())
        self._columns: dict[str, tuple[int, bool, Coercion]] = {
            column.name: (index[column.name], column.type == "string", coercion_of(column))
            for column in columns
            if column.name not in {EXTRA, PROCESSED_TS}
        }
        self._scrubber = Scrubber(catalog, max_depth=rules.limits.max_depth)
        self._prefixes = {name: b',"%s":' % name.encode() for name in self._columns}

    def scan(self, data: bytes, line: int, offset: int) -> Iterator[Enriched]:
        """Enrich the lines of a block; the last one may lack its end.

        Args:
            data: the block.
            line: number of its first line, counted from 1.
            offset: where it starts in the decompressed object.
        """
        start = 0
        while start < len(data):
            first, done, events = start, Enriched(), list[Event]()
            while start < len(data) and start - first < _PART_BYTES:
                end = data.find(b"\n", start)
                done.lines += end >= 0
                text = data[start:end] if end >= 0 else data[start:]
                events += self.line(text, line, offset + start, done)
                start += len(text) + 1
                line += 1
            if events:
                done.json.append(b"".join(line for line, _ in events))
                done.batches.append(self.batch(events))
            yield done

    def line(self, line: bytes, number: int, offset: int, done: Enriched) -> list[Event]:
        """Enrich one line, without its newline.

        Args:
            line: any bytes.
            number: of the line, counted from 1.
            offset: where it starts in the decompressed object.
            done: takes the account of what is not published.

        Returns:
            Its events, which the caller publishes in order.
        """
        texts = split_texts(line)
        done.blank += not texts
        events = []
        for part in texts:
            text = line[part.start : part.end]
            try:
                events.append(self._event(text, done))
            except RejectedError as rejected:
                held = 1 if part.whole else max(1, text.count(b"{"))
                place = offset + part.start
                done.rejects.append(RejectedLine(number, place, rejected.reason, held))
        return events

    def batch(self, events: list[Event]) -> pa.RecordBatch:
        """The Parquet rows of some events, at least one."""
        rows = (row for _, row in events)
        arrays = [
            pa.array(column, type=kind.type)
            for column, kind in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _event(self, text: bytes, done: Enriched) -> Event:
        """Enrich the text of one event.

        Raises:
            RejectedError: it is not published.
        """
        self._check()
        if len(text) > self._limits.max_line_bytes:
            raise RejectedError(LineReason.LINE_TOO_LONG)
        text, halves = repair_halves(text)
        check_event(text, self._limits)
        # Hadoop's readers would end a line at a carriage return, which no string can hold.
        plain = self._scrubber.scrub(text).replace(b"\r", b"")
        event = self._apply(parse_event(plain), done.mismatched)
        done.repaired += halves
        return event

    def _apply(self, event: ParsedEvent, mismatched: dict[str, int]) -> Event:
        """Type the columns of one event: its JSON line and its Parquet row."""
        columns, prefixes, values = self._columns, self._prefixes, event.values
        row: list[Any] = [None] * self._width
        parts: list[bytes | msgspec.Raw] = []
        moved: list[bytes | msgspec.Raw] = []  # into `extra` of both formats
        undeclared: list[bytes] = []  # into `extra` of Parquet only
        for key, raw in event.fields.items():
            known = columns.get(key)
            if known is not None:
                index, is_string, coercion = known
                value = values[key]
                if value is None or (is_string and type(value) is str):
                    row[index] = value
                    parts += (prefixes[key], raw)
                    continue
                cell, text = coercion(value, bytes(raw))
                if cell is not MISMATCH:
                    row[index] = cell
                    parts += (prefixes[key], text)
                    continue
                mismatched[key] = mismatched.get(key, 0) + 1
                parts += (prefixes[key], _NULL)
            elif not self._catalog.taken_for_column(key, self._partition_keys):
                prefix = self._prefix(key)
                parts += (prefix, raw)
                undeclared += (prefix, compact(bytes(raw)))
                continue
            prefix = self._prefix(key)
            moved += (prefix, raw)
            undeclared += (prefix, compact(bytes(raw)))
        if undeclared:
            row[self._extra_index] = (b"{" + b"".join(undeclared)[1:] + b"}").decode()
        if moved:
            parts += (b',"extra":{', b"".join(moved)[1:], b"}")
        row[self._processed_index] = self._processed_ts
        parts.append(self._tail)
        return b"{" + b"".join(parts)[1:], row

    def _prefix(self, key: str) -> bytes:
        """`,"key":`, escaped as JSON."""
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = b"," + _encode(key) + b":"
            if len(self._prefixes) < _KNOWN_KEYS:
                self._prefixes[key] = prefix
        return prefix
