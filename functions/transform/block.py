"""A block of lines through the fast path where it is proven, and line by line where it is not."""

from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa

from functions.lake.config import Limits
from functions.lake.schema import Catalog
from functions.transform.declined import Declined
from functions.transform.enrich import EnrichedLines, Enricher, RejectedLine
from functions.transform.fast import FastPath
from functions.transform.lines import Block

# Lines that look plain but are declined together are halved down to this many, which then go one
# by one: an odd line costs its neighbours little.
_SMALLEST_RUN: Final = 32


@dataclass(slots=True)
class EnrichedBlock:
    """What became of one block.

    Attributes:
        json: the published events as NDJSON, each line with its newline, in the order sent.
        batches: the same events as Parquet rows, in the same order.
        mismatched: column -> values that did not fit it.
    """

    json: bytes = b""
    batches: list[pa.RecordBatch] = field(default_factory=list)
    blank: int = 0
    rejects: list[RejectedLine] = field(default_factory=list)
    mismatched: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class _Mixed:
    """What became of the lines of a block that took different ways, in the order they came back.

    Attributes:
        places: index in the block of the line that each published event is from.
        json: its JSON line, with the newline.
        batches: its Parquet row.
    """

    places: list[int] = field(default_factory=list)
    json: list[bytes] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)

    def in_order(self) -> tuple[bytes, list[pa.RecordBatch]]:
        """The events in the order they were sent."""
        if not self.places:
            return b"", []
        order = sorted(range(len(self.places)), key=self.places.__getitem__)
        batch = pa.concat_batches(self.batches).take(pa.array(order))
        return b"".join([self.json[place] for place in order]), [batch]


class BlockEnricher:
    """Applies the data rules to blocks, the fastest proven way."""

    def __init__(
        self,
        catalog: Catalog,
        limits: Limits,
        *,
        processed_ts: int,
        processed_ts_text: str,
        partition_keys: tuple[str, ...],
    ) -> None:
        """Take what `Enricher` takes."""
        self._schema = catalog.arrow_schema()
        self._enricher = Enricher(
            catalog,
            limits,
            processed_ts=processed_ts,
            processed_ts_text=processed_ts_text,
            partition_keys=partition_keys,
        )
        self._fast = FastPath(
            catalog,
            limits,
            processed_ts=processed_ts,
            processed_ts_text=processed_ts_text,
            partition_keys=partition_keys,
        )

    def enrich(self, block: Block) -> EnrichedBlock:
        """Enrich every line of a block."""
        if block.too_long:
            reject = RejectedLine(block.line_number, block.offset, "line_too_long")
            return EnrichedBlock(rejects=[reject])
        if not block.data:
            return EnrichedBlock()
        data = block.data if block.data.endswith(b"\n") else block.data + b"\n"
        try:
            json, batch = self._fast.enrich(data)
        except Declined:
            return self._mixed(data, block)
        return EnrichedBlock(json, [batch])

    def _mixed(self, data: bytes, block: Block) -> EnrichedBlock:
        """Plain lines together, the others one at a time, all back in their order."""
        done, mixed = EnrichedBlock(), _Mixed()
        lines = data.split(b"\n")[:-1]
        odd = self._fast.refused(data, lines)
        plain = sorted(set(range(len(lines))).difference(odd))
        odd += self._plain(lines, plain, mixed)
        self._odd(lines, sorted(odd), block, done, mixed)
        done.json, done.batches = mixed.in_order()
        return done

    def _plain(self, lines: list[bytes], places: list[int], mixed: _Mixed) -> list[int]:
        """Enrich lines that look plain; the places of those that are not, after all."""
        if len(places) < _SMALLEST_RUN:
            return places
        try:
            json, batch = self._fast.enrich(b"".join([lines[place] + b"\n" for place in places]))
        except Declined as declined:
            if declined.places:
                odd = {places[place] for place in declined.places}
                rest = [place for place in places if place not in odd]
                return [*odd, *self._plain(lines, rest, mixed)]
            middle = len(places) // 2
            first = self._plain(lines, places[:middle], mixed)
            return first + self._plain(lines, places[middle:], mixed)
        mixed.places += places
        mixed.json += json.splitlines(keepends=True)
        mixed.batches.append(batch)
        return []

    def _odd(
        self, lines: list[bytes], odd: list[int], block: Block, done: EnrichedBlock, mixed: _Mixed
    ) -> None:
        """Enrich lines one at a time."""
        enriched = EnrichedLines()
        offsets = list(accumulate((len(line) + 1 for line in lines), initial=block.offset))
        for place in odd:
            before = len(enriched.rows)
            self._enricher.line(lines[place], block.line_number + place, offsets[place], enriched)
            mixed.places += [place] * (len(enriched.rows) - before)
        mixed.json += enriched.json
        if enriched.rows:
            mixed.batches.append(self._batch(enriched.rows))
        done.blank, done.rejects = enriched.blank, enriched.rejects
        done.mismatched = enriched.mismatched

    def _batch(self, rows: list[list[Any]]) -> pa.RecordBatch:
        arrays = [
            pa.array(column, type=kind.type)
            for column, kind in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
