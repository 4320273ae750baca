"""One stream, several families of events: each event is taken by the catalog of its family.

Families are numbered. What is no event is of number 0, the stream's own family, and so are events
that no route names. How it is says `_ByLine`, event by event. The kernel (`native/route.c`) needs
one look at most lines. It leaves it to the kernels of the families to find out what is an event,
and what turns out to be none is given back to the own family.
"""

import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from clickstream_lake.transform.read.lines import Block, Text, split_texts
from clickstream_lake.transform.rules.enrich import (
    PART_BYTES,
    Enriched,
    Enricher,
    Event,
    RejectedLine,
    Rules,
)
from clickstream_lake.transform.rules.kernel import Kernel, KernelError
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.reasons import OF_A_CATALOG, LineReason
from clickstream_lake.transform.rules.scrub import repair_halves

_fields: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_text: Final = msgspec.json.Decoder(str).decode

Done = tuple[int, Enriched]
"""Some lines of a family, and its number."""


class RoutedEnricher:
    """Applies the data rules to blocks, each event by the catalog of its family."""

    def __init__(self, rules: Sequence[Rules], key: str, numbers: Mapping[str, int]) -> None:
        """Start at the first line of a raw object.

        Args:
            rules: of each family by its number, which differ in their catalogs.
            key: the top-level key that tells families apart, of ASCII letters and the like.
            numbers: value of the key -> number of its family, from 1 on.

        Raises:
            KernelError: there is no memory.
        """
        self._line = 1  # number of the line that comes next
        by = _ByLine if library.missing() else _ByKernel
        self._families: _ByLine | _ByKernel = by(rules, key, numbers)

    def enrich(self, block: Block) -> Iterator[Done]:
        """Enrich every line of a block; blocks must come in the order of the raw object.

        Yields:
            Parts of the lines, each with the number of its family; the JSON of each is valid until
            the next part is asked for. What the own family rejects comes last.
        """
        self._line += block.passed
        if block.too_long:
            reason = LineReason.LINE_TOO_LONG
            yield 0, Enriched(rejects=[RejectedLine(self._line, block.offset, reason, events=None)])
            return
        own = Enriched()
        for number, done in self._families.scan(block.data, self._line, block.offset):
            _give_back(done, own, everything=number == 0)
            yield number, done
        own.rejects.sort(key=lambda reject: reject.byte_offset)
        yield 0, own
        self._line += self._families.lines


def _give_back(done: Enriched, own: Enriched, *, everything: bool) -> None:
    """Move rejected texts to the own family: those that are no events, or everything."""

    def goes(reason: LineReason) -> bool:
        return everything or reason not in OF_A_CATALOG

    own.rejects += [reject for reject in done.rejects if goes(reject.reason)]
    own.tallies += [tally for tally in done.tallies if goes(tally.first.reason)]
    done.rejects = [reject for reject in done.rejects if not goes(reject.reason)]
    done.tallies = [tally for tally in done.tallies if not goes(tally.first.reason)]


class _ByLine:
    """Event by event: what the kernel has to give.

    Attributes:
        lines: line ends in the block that was scanned last.
    """

    def __init__(self, rules: Sequence[Rules], key: str, numbers: Mapping[str, int]) -> None:
        self._enrichers = [Enricher(each) for each in rules]
        self._key = key
        self._numbers = numbers
        self.lines = 0

    def scan(self, data: bytes, line: int, offset: int) -> Iterator[Done]:
        self.lines = start = 0
        while start < len(data):
            first = start
            done = [Enriched() for _ in self._enrichers]
            events: list[list[Event]] = [[] for _ in self._enrichers]
            while start < len(data) and start - first < PART_BYTES:
                end = data.find(b"\n", start)
                text = data[start:end] if end >= 0 else data[start:]
                for piece, at, number in self._pieces(text):
                    enricher = self._enrichers[number]
                    events[number] += enricher.line(
                        piece, line + self.lines, offset + start + at, done[number]
                    )
                start += len(text) + 1
                self.lines += end >= 0
            for number, enricher in enumerate(self._enrichers):
                if events[number]:
                    done[number].json.append(b"".join(line for line, _ in events[number]))
                    done[number].batches.append(enricher.batch(events[number]))
                yield number, done[number]

    def _pieces(self, line: bytes) -> Iterator[tuple[bytes, int, int]]:
        """A line, or each text of one that has those of several families: text, place, family."""
        texts = split_texts(line)
        numbers = [self._number(line, text) for text in texts]
        if len(set(numbers)) <= 1:
            yield line, 0, numbers[0] if numbers else 0
            return
        for text, number in zip(texts, numbers, strict=True):
            yield line[text.start : text.end], text.start, number

    def _number(self, line: bytes, text: Text) -> int:
        """The number of an event's family; 0 for what is none."""
        if not text.whole:
            return 0
        try:
            fields = _fields(repair_halves(line[text.start : text.end])[0])
            value = _text(fields[self._key]) if self._key in fields else ""
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return 0  # no event, or one with another kind of value
        return self._numbers.get(value, 0)


class _ByKernel:
    """The same by the kernel."""

    def __init__(self, rules: Sequence[Rules], key: str, numbers: Mapping[str, int]) -> None:
        self._kernels = [Kernel(each) for each in rules]
        self._native = library.load()
        quoted = b'"%s"' % key.encode()
        self._router = self._native.router_new(quoted, len(quoted), len(rules))
        if not self._router:
            raise KernelError("no memory for a router")
        weakref.finalize(self, self._native.router_free, self._router)
        for kind, number in numbers.items():
            text = kind.encode()
            if not self._native.router_value(self._router, text, len(text), number):
                raise KernelError("no memory for the routes")

    @property
    def lines(self) -> int:
        return int(self._native.router_lines(self._router))

    def scan(self, data: bytes, line: int, offset: int) -> Iterator[Done]:
        parts = self._native.router_split(self._router, data, len(data))
        if not parts:
            raise KernelError(f"no memory for a block of {len(data):,} bytes")
        for number, kernel in enumerate(self._kernels):
            part = parts[number]
            if part.count:
                for done in kernel.scan_part(part, line, offset):
                    _place(done, part, len(data), offset)
                    yield number, done


def _place(done: Enriched, part: Any, size: int, offset: int) -> None:  # noqa: ANN401 - of ctypes
    """Say where in the raw object texts are that were copied behind a block of this size."""

    def placed(reject: RejectedLine) -> RejectedLine:
        at = reject.byte_offset - offset
        if at < size:
            return reject
        run = next(run for run in part.runs[: part.count] if run.start <= at < run.end)
        return replace(reject, byte_offset=offset + run.from_ + at - run.start)

    done.rejects = [placed(reject) for reject in done.rejects]
    for tally in done.tallies:
        tally.first, tally.last = placed(tally.first), placed(tally.last)
