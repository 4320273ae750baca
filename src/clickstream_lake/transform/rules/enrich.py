"""The data rules, one event at a time: right for any input.

It takes what `clickstream_lake.transform.rules.kernel` declines.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.coercion import COERCIONS, MISMATCH, Coercion, compact
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.read.lines import WHITESPACE, split_values
from clickstream_lake.transform.rules.reasons import LineReason
from clickstream_lake.transform.rules.strict import ParsedEvent, RejectedError, parse_event

_encode = msgspec.json.encode
# Numbers with a fraction or exponent keep the text they were sent with.
_decode_exact = msgspec.json.Decoder(float_hook=lambda text: msgspec.Raw(text.encode())).decode
_NULL: Final = b"null"
_CONTAINERS: Final = frozenset({dict, list})
# A letter, digit or mark of a name, spelt as an escape, which could hide a name. Names consist of
# letters, digits and `_ . $ -`; the Kelvin sign is a k in lower case. After an escaped backslash a
# `u` is just a letter.
_ESCAPED_NAME: Final = re.compile(
    rb"(?<!\\)(?:\\\\)*\\u(?:00(?:2[4dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])|212[aA])"
)
# More than the keys of any sane catalog and its producers; unknown keys can fill it only once.
_KNOWN_KEYS: Final = 4_096


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides how events come out: the same for every event of one raw object.

    Attributes:
        catalog: columns and PII keys.
        limits: the limits of one event.
        processed_ts: UTC milliseconds.
        processed_ts_text: the same instant as ISO-8601 text.
        partition_keys: names that would be read as a partition column.
        check: raises once there is no more time; asked for each event.
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
    """

    line_number: int
    byte_offset: int
    reason: LineReason


@dataclass(slots=True)
class Enriched:
    """What became of some consecutive lines.

    Attributes:
        json: the published events as NDJSON, whole lines with their newlines, in the order sent.
        batches: the same events as Parquet rows, in the same order.
        mismatched: column -> values that did not fit it.
    """

    json: list[bytes | memoryview] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    blank: int = 0
    rejects: list[RejectedLine] = field(default_factory=list)
    mismatched: dict[str, int] = field(default_factory=dict)


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
            column.name: (index[column.name], column.type == "string", COERCIONS[column.type])
            for column in columns
            if column.name not in {EXTRA, PROCESSED_TS}
        }
        self._pii_needles = tuple(b'"%s"' % key.encode() for key in sorted(catalog.pii_keys))
        self._prefixes = {name: b',"%s":' % name.encode() for name in self._columns}

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
        text = line.strip(WHITESPACE)
        if not text:
            done.blank += 1
            return []
        start = offset + len(line) - len(line.lstrip(WHITESPACE))
        try:
            return [self._event(text, done)]
        except RejectedError as rejected:
            values = split_values(text)
            if len(values) == 1:
                done.rejects.append(RejectedLine(number, start, rejected.reason))
                return []
        events = []
        for position, value in values:
            try:
                events.append(self._event(value, done))
            except RejectedError as rejected:
                done.rejects.append(RejectedLine(number, start + position, rejected.reason))
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
        event = parse_event(text, self._limits)
        self._rewrite_nested(event)
        return self._apply(event, done.mismatched)

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
            elif self._catalog.is_pii(key):
                continue
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

    def _rewrite_nested(self, event: ParsedEvent) -> None:
        """Rewrite objects and arrays that cannot stay as they were sent.

        If they may hold a PII key, they are encoded again without it, even if the decoded value
        shows none: the text may hold one under a duplicate key. A carriage return between tokens
        is removed, because Hadoop's readers would end the line there.
        """
        for key, value in event.values.items():
            if type(value) in _CONTAINERS:
                text = bytes(event.fields[key])
                if self._may_hold_pii(text):
                    text = _encode(self._strip(_decode_exact(text)))
                elif b"\r" in text:
                    text = compact(text)
                else:
                    continue
                event.fields[key] = msgspec.Raw(text)

    def _may_hold_pii(self, text: bytes) -> bool:
        """Whether a text may hold a PII key: plainly, with escapes, or in odd letters.

        Lower case changes some letters outside ASCII into ASCII ones (the Kelvin sign into k).
        """
        if b"\\u" in text and _ESCAPED_NAME.search(text):
            return True
        lowered = text.lower() if text.isascii() else text.decode().lower().encode()
        return any(needle in lowered for needle in self._pii_needles)

    def _strip(self, value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if type(value) is dict:
            return {
                key: self._strip(item)
                for key, item in value.items()
                if not self._catalog.is_pii(key)
            }
        if type(value) is list:
            return [self._strip(item) for item in value]
        return value
