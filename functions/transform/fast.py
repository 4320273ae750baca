r"""The data rules for whole blocks at once, where they can be proven to hold.

One strict, typed parse of the block (msgspec) shows that its events' columns have values of their
types; the Parquet columns come from what it decoded. The JSON lines do, too, if the block is
*canonical*: writing the decoded events again gives its very bytes. Then what was decoded is all
there is in it, one event a line, no key twice or hidden behind escapes, and every field keeps its
text and its place when it is written once more without PII. Only values that the parse passes over
still have to be looked at: see `NestedTexts`.

A block that is not canonical has its JSON lines cut out of its own bytes: see `Splicer` for what
has to be shown then.

Whatever is not shown is declined, and goes through `functions.transform.enrich`. Tests hold the
two together over hostile input.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import pyarrow as pa

from functions.lake.config import Limits
from functions.lake.schema import PROCESSED_TS, Catalog
from functions.transform.columns import Columns
from functions.transform.declined import Declined
from functions.transform.nested import NestedTexts
from functions.transform.refused import PARSE_ERRORS, Parsed, line_of, parse_around
from functions.transform.shape import ABSENT, ABSENT_RAW, Shape, Shapes
from functions.transform.splice import Splicer

_write = msgspec.json.Encoder().encode_lines
_parse_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode_lines
# After blocks that were not canonical, so many at most are not tried: it costs a twentieth.
_MOST_SKIPPED: Final = 64
# Each round leaves out all lines that one kind of check is against.
_MOST_ROUNDS: Final = 3
# Where one line was refused more will be.
_CAREFUL_BLOCKS: Final = 16


@dataclass(frozen=True, slots=True)
class FastLines:
    """What became of some lines.

    Attributes:
        json: JSON lines, each with its newline, in the order of the lines.
        batch: their Parquet rows.
        odd: indexes of the lines that were left out.
    """

    json: bytes
    batch: pa.RecordBatch
    odd: tuple[int, ...] = ()


class FastPath:
    """Enriches blocks in which every line is proven to be plain."""

    def __init__(
        self,
        catalog: Catalog,
        limits: Limits,
        *,
        processed_ts: int,
        processed_ts_text: str,
        partition_keys: tuple[str, ...],
    ) -> None:
        """Prepare what is the same for every block.

        Args:
            catalog: columns and PII keys.
            limits: what one event may ask for.
            processed_ts: UTC milliseconds.
            processed_ts_text: the same instant as ISO-8601 text.
            partition_keys: names that would be read as a partition column.
        """
        self._limits = limits
        self._shapes = Shapes(catalog, partition_keys)
        self._nested = NestedTexts(catalog, limits)
        self._columns = Columns(catalog, self._nested, processed_ts=processed_ts)
        self._splicer = Splicer(catalog, processed_ts_text)
        self._stamp = msgspec.Raw(f'"{processed_ts_text}"'.encode())
        self._skip = self._skipped = 0
        self._careful = 0

    def enrich(self, lines: bytes) -> FastLines:
        """Enrich whole lines, each with its newline, but for odd ones among them.

        Raises:
            Declined: something about them was not shown.
        """
        if len(lines) > self._limits.max_line_bytes:
            raise Declined
        try:
            return self._enrich(self._parse_around(lines))
        except PARSE_ERRORS:
            raise Declined from None

    def _enrich(self, parsed: Parsed, rounds: int = _MOST_ROUNDS) -> FastLines:
        if not parsed.values:
            raise Declined(parsed.refused)
        lines = parsed.lines
        canonical = self._is_canonical(lines, parsed.values)
        while not canonical and self._learns_order(lines, parsed.values):
            parsed = replace(parsed, values=self._parse(lines))
            canonical = _write(parsed.values) == lines
        events, shape = parsed.values, self._shapes.now
        columns = zip(*map(msgspec.structs.astuple, events), strict=True)
        values = dict(zip(shape.keys, columns, strict=True))
        json = None if canonical else self._splicer.enrich(lines, len(events), shape, values)
        # What is written again may have line ends in values that the parse passed over, but then
        # these are declined. So each line is one event, unless something is declined.
        try:
            extras = self._extras(lines, shape, values, canonical=canonical)
            batch = self._columns.batch(values, extras, len(shape.keys))
        except Declined as declined:
            if not declined.places or not rounds or lines.count(b"\n") != len(events):
                raise Declined from None
            return self._enrich(parsed.without(declined.places), rounds - 1)
        return FastLines(json or self._written(events, shape), batch, parsed.refused)

    def _parse_around(self, lines: bytes) -> Parsed:
        """The events; for some time after a line was refused, in small chunks."""
        if not self._careful:
            try:
                return Parsed(self._parse(lines), lines)
            except PARSE_ERRORS:
                self._careful = _CAREFUL_BLOCKS
        self._careful -= 1
        shape = self._shapes.now
        parsed = parse_around(self._parse, lines)
        if parsed.refused:
            self._careful = _CAREFUL_BLOCKS
        if self._shapes.now is not shape:  # the first of the events know less than the last
            return Parsed(self._parse(parsed.lines), parsed.lines, parsed.refused)
        return parsed

    def _parse(self, lines: bytes) -> list[Any]:
        """The events; fields that are not declared are learnt."""
        while True:
            try:
                return self._shapes.now.parse(lines)
            except msgspec.ValidationError as error:
                if "unknown field" not in str(error):
                    raise
                line = line_of(error, lines)
                if line is None or not self._shapes.learn(line):
                    raise

    def _is_canonical(self, lines: bytes, events: list[Any]) -> bool:
        if self._skip:
            self._skip -= 1
            return False
        if _write(events) == lines:
            self._skipped = 0
            return True
        return False

    def _learns_order(self, lines: bytes, events: list[Any]) -> bool:
        """Learn from the first line that is not as it would be written; whether that helps."""
        if self._skip:
            return False
        written = _write(events).split(b"\n")
        for line, other in zip(lines.split(b"\n"), written, strict=False):
            if line != other:
                if len(line) == len(other) and self._shapes.learn(line):
                    return True
                break
        self._skip = self._skipped = min(2 * self._skipped + 1, _MOST_SKIPPED)
        return False

    def _written(self, events: list[Any], shape: Shape) -> bytes:
        """The events without PII, and with `processed_ts`."""
        stamp = self._stamp
        if shape.pii == ("pii0",):
            for event in events:
                event.processed_ts = stamp
                event.pii0 = ABSENT
        else:
            for event in events:
                event.processed_ts = stamp
                for name in shape.pii:
                    setattr(event, name, ABSENT)
        return _write(events)

    def _extras(
        self, lines: bytes, shape: Shape, values: Mapping[str, Sequence[Any]], *, canonical: bool
    ) -> list[str | None] | None:
        """The column `extra` of the fields that are not declared, in the order they were sent."""
        sent = {
            key: [place for place, value in enumerate(values[key]) if value is not ABSENT_RAW]
            for key in shape.undeclared
        }
        places = sorted({place for some in sent.values() for place in some})
        if not places:
            return None
        prefixes = {key: msgspec.json.encode(key) + b":" for key, some in sent.items() if some}
        events: Iterable[Iterable[tuple[str, Any]]]
        if canonical:
            events = ([(key, values[key][place]) for key in prefixes] for place in places)
        else:
            fields = _parse_fields(lines)
            events = (fields[place].items() for place in places)
        sent_texts = [
            b"{%s}"
            % b",".join(
                [
                    prefixes[key] + value
                    for key, value in event
                    if value is not ABSENT_RAW and key in prefixes
                ]
            )
            for event in events
        ]
        try:
            texts = self._nested.compact_texts(sent_texts)
        except Declined as declined:
            raise Declined(tuple(places[place] for place in declined.places)) from None
        extras: list[str | None] = [None] * len(values[PROCESSED_TS])
        for place, text in zip(places, texts, strict=True):
            extras[place] = text
        return extras
