"""The data rules, one event at a time: what the kernel has to give, and what works without one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog, Column
from clickstream_lake.lake.coercion import MISMATCH, Coercion, coercion_of, compact
from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.quality import Breach, Check
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
PART_BYTES: Final = 128 * 1024
"""A part ends at this many bytes: small events take far more memory than their text."""


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
        """Take in more texts, from wherever."""
        self.first = min(self.first, more.first, key=_place)
        self.last = max(self.last, more.last, key=_place)
        self.texts += more.texts
        known = self.events is not None and more.events is not None
        self.events = (self.events or 0) + (more.events or 0) if known else None


def _place(reject: RejectedLine) -> int:
    return reject.byte_offset


@dataclass(slots=True)
class Enriched:
    """What became of some consecutive lines.

    Attributes:
        json: the published events as NDJSON, whole lines with their newlines, in the order sent.
        batches: the same events as rows of the catalog's columns, in the same order.
        lines: line ends.
        blank: lines with nothing but separators.
        rejects: texts that were not published, in the order sent.
        tallies: texts further on that were not published either, by reason.
        mismatched: column -> values that did not fit it, or lack where it is required.
        breaches: column -> rule -> events that broke it, rejected ones included.
        repaired: halves of surrogate pairs in published events.
    """

    json: list[bytes | memoryview] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    lines: int = 0
    blank: int = 0
    rejects: list[RejectedLine] = field(default_factory=list)
    tallies: list[Tally] = field(default_factory=list)
    mismatched: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, dict[Breach, int]] = field(default_factory=dict)
    repaired: int = 0

    def breach(self, column: str, breach: Breach) -> None:
        """Count an event that broke a column's rule."""
        of_column = self.breaches.setdefault(column, {})
        of_column[breach] = of_column.get(breach, 0) + 1


class _Known:
    """A column, with what is asked for each value of it."""

    __slots__ = (
        "check",
        "coercion",
        "index",
        "is_string",
        "name",
        "prefix",
        "rejects",
        "required",
        "sources",
    )

    def __init__(self, index: int, column: Column) -> None:
        self.index = index
        self.name = column.name
        self.prefix = b',"%s":' % column.name.encode()
        self.sources = column.sources
        self.is_string = column.type == "string"
        self.coercion: Coercion = coercion_of(column)
        self.check: Check | None = column.quality.check()
        self.rejects = column.quality.rejects
        self.required = column.quality.required

    def take(self, value: Any, raw: msgspec.Raw) -> tuple[Any, bytes | msgspec.Raw, Breach | None]:  # noqa: ANN401 - any JSON value
        """What a value becomes in the column and the JSON line, or MISMATCH; the rule it breaks."""
        cell: Any = value
        text: bytes | msgspec.Raw = raw
        if value is not None and not (self.is_string and type(value) is str):
            cell, text = self.coercion(value, bytes(raw))
        if self.check is None or cell is None or cell is MISMATCH:
            return cell, text, None
        breach = self.check(cell)
        return cell if breach is None else MISMATCH, text, breach


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
        columns = catalog.typed_columns
        self._width = len(columns)
        index = {column.name: position for position, column in enumerate(columns)}
        self._extra_index = index[EXTRA]
        self._processed_index = index[PROCESSED_TS]
        self._processed_ts = rules.processed_ts
        self._tail = b',"%s":"%s"}\n' % (PROCESSED_TS.encode(), rules.processed_ts_text.encode())
        # What is sent under the name of a retired column goes where a lake's own name goes; so does
        # one of a column whose values come under other names alone.
        self._columns: dict[str, _Known] = {
            column.name: _Known(index[column.name], column)
            for column in columns
            if column.name not in {EXTRA, PROCESSED_TS} and not column.retired
        }
        self._senders = {
            source: known
            for name, known in self._columns.items()
            for source in known.sources or (name,)
        }
        self._choosing = [known for known in self._columns.values() if len(known.sources) > 1]
        self._required = {n: known for n, known in self._columns.items() if known.required}
        self._scrubber = Scrubber(catalog, max_depth=rules.limits.max_depth)
        self._prefixes: dict[str, bytes] = {}

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
            while start < len(data) and start - first < PART_BYTES:
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
        event = self._apply(parse_event(plain), done)
        done.repaired += halves
        return event

    def _apply(self, event: ParsedEvent, done: Enriched) -> Event:
        """Type the columns of one event: its JSON line and its Parquet row.

        Raises:
            RejectedError: a column's rules do.
        """
        senders, values = self._senders, event.values
        passed_over = self._passed_over(values) if self._choosing else ()
        row: list[Any] = [None] * self._width
        parts: list[bytes | msgspec.Raw] = []
        moved: list[bytes | msgspec.Raw] = []  # into `extra` of both formats
        undeclared: list[bytes] = []  # into `extra` of Parquet only
        unfit: dict[str, Breach | None] = {}  # columns whose values move, or lack
        for key, raw in event.fields.items():
            known = senders.get(key)
            if known is not None and key not in passed_over:
                cell, text, breach = known.take(values[key], raw)
                if cell is not MISMATCH:
                    row[known.index] = cell
                    parts += (known.prefix, text)
                    continue
                unfit[known.name] = breach
                parts += (known.prefix, _NULL)
            elif known is None and not self._catalog.taken_for_column(key, self._partition_keys):
                prefix = self._prefix(key)
                parts += (prefix, raw)
                undeclared += (prefix, compact(bytes(raw)))
                continue
            prefix = self._prefix(key)
            moved += (prefix, raw)
            undeclared += (prefix, compact(bytes(raw)))
        self._account(row, unfit, done)
        if undeclared:
            row[self._extra_index] = (b"{" + b"".join(undeclared)[1:] + b"}").decode()
        if moved:
            parts += (b',"extra":{', b"".join(moved)[1:], b"}")
        row[self._processed_index] = self._processed_ts
        parts.append(self._tail)
        return b"{" + b"".join(parts)[1:], row

    def _passed_over(self, values: Mapping[str, Any]) -> set[str]:
        """The fields that do not count because a column has its value from another one.

        Of a column's sources the first counts that has a value.
        """
        found: set[str] = set()
        for known in self._choosing:
            sent = [source for source in known.sources if source in values]
            with_value = [source for source in sent if values[source] is not None]
            chosen = (with_value or sent)[:1]
            found.update(source for source in sent if source not in chosen)
        return found

    def _account(self, row: list[Any], unfit: dict[str, Breach | None], done: Enriched) -> None:
        """Count the columns without a value that fits, and those that lack but are required.

        Raises:
            RejectedError: the rules of one of them reject the event.
        """
        for name, breach in unfit.items():
            if breach is not None and self._columns[name].rejects:
                done.breach(name, breach)
                raise RejectedError(LineReason(breach))
        for name, known in self._required.items():
            if row[known.index] is not None:
                continue
            if known.rejects:
                done.breach(name, Breach.MISSING_REQUIRED)
                raise RejectedError(LineReason.MISSING_REQUIRED)
            unfit.setdefault(name, Breach.MISSING_REQUIRED)
        for name, breach in unfit.items():
            done.mismatched[name] = done.mismatched.get(name, 0) + 1
            if breach is not None:
                done.breach(name, breach)

    def _prefix(self, key: str) -> bytes:
        """`,"key":`, escaped as JSON."""
        prefix = self._prefixes.get(key)
        if prefix is None:
            prefix = b"," + _encode(key) + b":"
            if len(self._prefixes) < _KNOWN_KEYS:
                self._prefixes[key] = prefix
        return prefix
