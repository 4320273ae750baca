"""A block of lines through the fast path where it is proven, and line by line where it is not."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, Final

import pyarrow as pa

from functions.lake.config import Limits
from functions.lake.schema import Catalog
from functions.transform.declined import Declined
from functions.transform.enrich import EnrichedLines, Enricher, RejectedLine
from functions.transform.fast import FastLines, FastPath
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


@dataclass(frozen=True, slots=True)
class _Run:
    """Published events that came back together.

    Attributes:
        places: index in the block of the line that each is from, ascending.
        json: their JSON lines.
        batch: their Parquet rows.
    """

    places: Sequence[int]
    json: bytes
    batch: pa.RecordBatch

    def cut_before(self, places: Iterable[int]) -> list["_Run"]:
        """Cut so that no event from one of `places` would have to stand inside a run."""
        cuts = sorted({bisect_left(self.places, place) for place in places} - {0})
        runs, start, position = [], 0, 0
        for stop in [*cuts, len(self.places)]:
            if stop > start:
                end = self._after_lines(position, stop - start)
                rows = self.batch.slice(start, stop - start)
                runs.append(_Run(self.places[start:stop], self.json[position:end], rows))
                start, position = stop, end
        return runs

    def _after_lines(self, position: int, count: int) -> int:
        if count == len(self.places):
            return len(self.json)
        for _ in range(count):
            position = self.json.index(b"\n", position) + 1
        return position


def _spans(data: bytes, places: Iterable[int]) -> Iterator[tuple[int, int, int]]:
    """(place, start, end) of some lines, in their order; the newline stands at the end."""
    number = start = 0
    for place in places:
        while number < place:
            start = data.index(b"\n", start) + 1
            number += 1
        yield place, start, data.index(b"\n", start)


def _run(done: FastLines, places: Sequence[int]) -> _Run:
    """What the fast path made of the lines at some places."""
    odd = set(done.odd)
    taken = [place for number, place in enumerate(places) if number not in odd] if odd else places
    return _Run(taken, done.json, done.batch)


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
        self._line = 1  # number of the line that comes next
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
        """Enrich every line of a block; blocks are to come in the order of the raw object."""
        self._line += block.passed
        if block.too_long:
            return EnrichedBlock(rejects=[RejectedLine(self._line, block.offset, "line_too_long")])
        if not block.data:
            return EnrichedBlock()
        ended = block.data.endswith(b"\n")
        data = block.data if ended else block.data + b"\n"
        try:
            done = self._fast.enrich(data)
        except Declined as declined:
            mixed = self._slowly(data, declined.places, block.offset)
            self._line += block.data.count(b"\n")
            return mixed
        # Each line is one event, as was shown, or was left out.
        count = done.batch.num_rows + len(done.odd)
        if not done.odd:
            enriched = EnrichedBlock(done.json, [done.batch])
        else:
            spans = list(_spans(data, done.odd))
            enriched = self._in_order(
                [_run(done, range(count))],
                {place: data[start:end] for place, start, end in spans},
                {place: block.offset + start for place, start, _ in spans},
            )
        self._line += count if ended else count - 1
        return enriched

    def _slowly(self, data: bytes, odd: Sequence[int], offset: int) -> EnrichedBlock:
        """Enrich lines that were declined, plain ones among them together."""
        lines = data.split(b"\n")[:-1]
        runs: list[_Run] = []
        others = sorted(self._without(lines, range(len(lines)), odd, runs))
        starts = list(accumulate((len(line) + 1 for line in lines), initial=offset))
        return self._in_order(
            runs,
            {place: lines[place] for place in others},
            {place: starts[place] for place in others},
        )

    def _in_order(
        self, runs: list[_Run], lines: dict[int, bytes], starts: dict[int, int]
    ) -> EnrichedBlock:
        """Enrich odd lines one at a time, and put all in the order they were sent.

        Args:
            runs: of the other lines.
            lines: place in the block -> line without its newline.
            starts: place in the block -> offset in the decompressed object.
        """
        done, published = self._one_by_one(lines, starts)
        firsts = [run.places[0] for run in published]
        runs = [piece for run in runs for piece in run.cut_before(firsts)] + published
        runs.sort(key=lambda run: run.places[0])
        done.json = b"".join([run.json for run in runs])
        done.batches = [run.batch for run in runs]
        return done

    def _without(
        self, lines: list[bytes], places: Sequence[int], odd: Sequence[int], runs: list[_Run]
    ) -> list[int]:
        """Enrich lines that were declined because of odd ones among them.

        Args:
            lines: of the block.
            places: of those that were declined.
            odd: which of `places`, counted from 0; if that is not known, they are halved.
            runs: takes what was enriched.

        Returns:
            The places of lines that have to go one by one.
        """
        if not odd:
            middle = len(places) // 2
            first = self._plain(lines, places[:middle], runs)
            return first + self._plain(lines, places[middle:], runs)
        wrong = set(odd)
        plain = [place for number, place in enumerate(places) if number not in wrong]
        return [*(places[number] for number in odd), *self._plain(lines, plain, runs)]

    def _plain(self, lines: list[bytes], places: Sequence[int], runs: list[_Run]) -> list[int]:
        """Enrich lines that look plain; the places of those that are not, after all."""
        if len(places) < _SMALLEST_RUN:
            return list(places)
        try:
            done = self._fast.enrich(b"\n".join([*(lines[place] for place in places), b""]))
        except Declined as declined:
            return self._without(lines, places, declined.places, runs)
        runs.append(_run(done, places))
        return [places[number] for number in done.odd]

    def _one_by_one(
        self, lines: dict[int, bytes], starts: dict[int, int]
    ) -> tuple[EnrichedBlock, list[_Run]]:
        """Enrich lines one at a time: the account of them, and a run for each event."""
        enriched = EnrichedLines()
        from_: list[int] = []
        for place, line in lines.items():
            before = len(enriched.rows)
            self._enricher.line(line, self._line + place, starts[place], enriched)
            from_ += [place] * (len(enriched.rows) - before)
        done = EnrichedBlock(
            blank=enriched.blank, rejects=enriched.rejects, mismatched=enriched.mismatched
        )
        if not enriched.rows:
            return done, []
        batch = self._batch(enriched.rows)
        return done, [
            _Run([place], line, batch.slice(number, 1))
            for number, (place, line) in enumerate(zip(from_, enriched.json, strict=True))
        ]

    def _batch(self, rows: list[list[Any]]) -> pa.RecordBatch:
        arrays = [
            pa.array(column, type=kind.type)
            for column, kind in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
