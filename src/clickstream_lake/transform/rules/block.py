"""A block of lines through the kernel, and line by line what that declines."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from clickstream_lake.transform.read.lines import Block
from clickstream_lake.transform.rules.enrich import EnrichedLines, Enricher, RejectedLine
from clickstream_lake.transform.rules.kernel import Kernel, ScannedPart
from clickstream_lake.transform.rules.rules import Rules


@dataclass(slots=True)
class EnrichedPart:
    """What became of some lines in a row.

    Attributes:
        json: the published events as NDJSON, each line with its newline, in the order sent; good
            until the next part is asked for.
        batches: the same events as Parquet rows, in the same order.
        mismatched: column -> values that did not fit it.
    """

    json: list[bytes | memoryview] = field(default_factory=list)
    batches: list[pa.RecordBatch] = field(default_factory=list)
    blank: int = 0
    rejects: list[RejectedLine] = field(default_factory=list)
    mismatched: dict[str, int] = field(default_factory=dict)


class BlockEnricher:
    """Applies the data rules to blocks."""

    def __init__(self, rules: Rules) -> None:
        """Start at the first line of a raw object."""
        self._line = 1  # number of the line that comes next
        self._schema = rules.catalog.arrow_schema()
        self._enricher = Enricher(rules)
        self._kernel = Kernel(rules)

    def enrich(self, block: Block) -> Iterator[EnrichedPart]:
        """Enrich every line of a block; blocks are to come in the order of the raw object."""
        self._line += block.passed
        if block.too_long:
            rejected = RejectedLine(self._line, block.offset, "line_too_long")
            yield EnrichedPart(rejects=[rejected])
            return
        for part in self._kernel.scan(block.data):
            yield self._with_declined(part, block)
            self._line += part.lines

    def _with_declined(self, part: ScannedPart, block: Block) -> EnrichedPart:
        """What the kernel took, and between it the lines that it declined."""
        done = EnrichedPart(blank=part.blank)
        taken = _Taken(part, done)
        others = EnrichedLines(rejects=done.rejects, mismatched=done.mismatched)
        for line in part.declined:
            if line.row > taken.rows and others.rows:
                self._add(others, done)
            text = block.data[line.start : line.end]
            before = len(others.rows)
            self._enricher.line(text, self._line + line.line, block.offset + line.start, others)
            if len(others.rows) > before:
                taken.upto(line.row, line.json)
        self._add(others, done)
        taken.upto(0 if part.batch is None else part.batch.num_rows, len(part.json))
        done.blank += others.blank
        return done

    def _add(self, lines: EnrichedLines, done: EnrichedPart) -> None:
        """Move what was enriched line by line to the end of what is done."""
        if lines.rows:
            done.json.append(b"".join(lines.json))
            done.batches.append(self._batch(lines.rows))
            lines.json.clear()
            lines.rows.clear()

    def _batch(self, rows: list[list[Any]]) -> pa.RecordBatch:
        arrays = [
            pa.array(column, type=kind.type)
            for column, kind in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)


class _Taken:
    """Hands on what the kernel took, piece by piece."""

    def __init__(self, part: ScannedPart, done: EnrichedPart) -> None:
        self._part = part
        self._done = done
        self.rows = self._json = 0

    def upto(self, rows: int, json: int) -> None:
        """Hand on everything before a row, and before its JSON line."""
        if self._part.batch is not None and rows > self.rows:
            self._done.json.append(self._part.json[self._json : json])
            self._done.batches.append(self._part.batch.slice(self.rows, rows - self.rows))
            self.rows, self._json = rows, json
