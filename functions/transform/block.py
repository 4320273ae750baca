"""A block of lines through the fast path where it is proven, and line by line where it is not."""

from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from functions.lake.config import Limits
from functions.lake.schema import Catalog
from functions.transform.enrich import EnrichedLines, Enricher, RejectedLine
from functions.transform.fast import FastPath
from functions.transform.lines import Block

# A run of plain lines that is declined as a whole is halved down to this many, which then go line
# by line: one odd line costs its neighbours little.
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
    """Neighbouring lines that take the same way."""

    lines: list[bytes]
    number: int
    offset: int


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
        proven = self._fast.enrich(data)
        if proven is not None:
            json, batch = proven
            return EnrichedBlock(json, [batch])
        return self._line_by_line(data, block)

    def _line_by_line(self, data: bytes, block: Block) -> EnrichedBlock:
        """Plain lines in runs, the others one at a time, all in their order."""
        done = EnrichedBlock()
        parts: list[bytes] = []
        lines = data.split(b"\n")[:-1]
        number, offset, start = block.line_number, block.offset, 0
        plain = [self._fast.may_take(line) for line in lines]
        while start < len(lines):
            end = start + 1
            while end < len(lines) and plain[end] == plain[start]:
                end += 1
            run = _Run(lines[start:end], number, offset)
            if plain[start]:
                self._plain_run(run, done, parts)
            else:
                self._odd_run(run, done, parts)
            offset += sum(map(len, run.lines)) + len(run.lines)
            number += len(run.lines)
            start = end
        done.json = b"".join(parts)
        return done

    def _plain_run(self, run: _Run, done: EnrichedBlock, parts: list[bytes]) -> None:
        proven = self._fast.enrich(b"\n".join(run.lines) + b"\n")
        if proven is not None:
            parts.append(proven[0])
            done.batches.append(proven[1])
        elif len(run.lines) <= _SMALLEST_RUN:
            self._odd_run(run, done, parts)
        else:
            middle = len(run.lines) // 2
            first, second = run.lines[:middle], run.lines[middle:]
            self._plain_run(_Run(first, run.number, run.offset), done, parts)
            behind = run.offset + sum(map(len, first)) + len(first)
            self._plain_run(_Run(second, run.number + middle, behind), done, parts)

    def _odd_run(self, run: _Run, done: EnrichedBlock, parts: list[bytes]) -> None:
        odd = EnrichedLines()
        offset = run.offset
        for number, line in enumerate(run.lines, run.number):
            self._enricher.line(line, number, offset, odd)
            offset += len(line) + 1
        parts += odd.json
        if odd.rows:
            done.batches.append(self._batch(odd.rows))
        done.blank += odd.blank
        done.rejects += odd.rejects
        for column, count in odd.mismatched.items():
            done.mismatched[column] = done.mismatched.get(column, 0) + count

    def _batch(self, rows: list[list[Any]]) -> pa.RecordBatch:
        arrays = [
            pa.array(column, type=kind.type)
            for column, kind in zip(zip(*rows, strict=True), self._schema, strict=True)
        ]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)
