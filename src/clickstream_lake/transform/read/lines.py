r"""Decompressed pieces -> blocks of whole lines, with the place of each in the raw object.

Lines end at `\n` only. Firehose puts no delimiter between records by itself, so a long line may be
any number of JSON values in a row: it is cut between them. Where pieces begin and end changes how
lines are grouped into blocks, and nothing else.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from clickstream_lake.transform.read.values import (
    WHITESPACE,
    Skipper,
    after_space,
    split_values,
    value_end,
)

__all__ = ["BOM", "MOST_VALUES", "WHITESPACE", "Block", "blocks", "split_values"]

BOM: Final = b"\xef\xbb\xbf"
MOST_VALUES: Final = 4_096
"""Most values of a block that was cut off a long line."""
_LONG_LINE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Block:
    r"""Some whole lines, or some whole values of a long one.

    Attributes:
        data: the bytes; every line but perhaps the last ends in `\n`.
        offset: where they start in the decompressed object, in bytes.
        passed: ends of lines between the block before and this one, which are in neither. Line
            numbers follow from these; counting all lines here costs 3 % of the whole transform.
        too_long: the block is the start of one event over the limit, and is to be rejected; the
            rest of that event is passed over.
    """

    data: bytes
    offset: int
    passed: int
    too_long: bool = False


def blocks(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[Block]:
    """Cut a stream into blocks.

    Memory is bounded by the largest piece plus `max_line_bytes`.
    """
    splitter = _Splitter(max_line_bytes)
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()


class _Splitter:
    """Keeps the unfinished line between pieces."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._long = min(_LONG_LINE_BYTES, max_line_bytes)
        self._data = b""
        self._offset = 0  # of self._data in the decompressed object
        self._position = 0  # in self._data: everything before it is done with
        self._passed = 0  # ends of lines that no block has
        self._started = False
        self._cut = False  # values of that line have been given out already
        self._look_again = 0  # from so many bytes on another look at an unfinished value pays
        self._skipper: Skipper | None = None  # stands in an event that is over the limit

    def feed(self, piece: bytes) -> Iterator[Block]:
        end = piece.rfind(b"\n") + 1
        if self._started and end:
            self._append(memoryview(piece)[:end])  # so these lines are copied once
            yield from self._lines(len(self._data))
            piece = piece[end:]
        self._append(piece)
        if not self._started:
            if len(self._data) < len(BOM) and BOM.startswith(self._data):
                return
            self._start()
            yield from self._lines(self._data.rfind(b"\n") + 1)
        if self._is_long():
            yield from self._values(len(self._data), ended=False)

    def finish(self) -> Iterator[Block]:
        if not self._started:
            self._start()
        if self._is_long():
            yield from self._values(len(self._data), ended=True)
        elif self._position < len(self._data):
            yield self._block(self._position, len(self._data))

    def _append(self, more: bytes | memoryview) -> None:
        self._offset += self._position
        self._data = self._data[self._position :] + more
        self._position = 0

    def _start(self) -> None:
        self._started = True
        if self._data.startswith(BOM):
            self._position = len(BOM)

    def _is_long(self) -> bool:
        """Whether the line that has not ended yet is to be cut."""
        return self._cut or len(self._data) - self._position > self._long

    def _block(self, start: int, end: int, *, too_long: bool = False) -> Block:
        passed, self._passed = self._passed, 0
        return Block(self._data[start:end], self._offset + start, passed, too_long=too_long)

    def _lines(self, end: int) -> Iterator[Block]:
        """Give out all lines up to `end`, where the last of them ends."""
        while self._position < end:
            short = self._position if self._cut else self._short_lines(end)
            if short > self._position:
                yield self._block(self._position, short)
                self._position = short
                continue
            newline = self._data.index(b"\n", self._position)
            yield from self._values(newline, ended=True)
            self._position = newline + 1
            self._passed += 1
            self._cut = False

    def _short_lines(self, end: int) -> int:
        """Where the last line before the first long one ends."""
        position = self._position
        while position < end:
            found = self._data.rfind(b"\n", position, position + self._long + 1) + 1
            if not found:
                break
            position = found
        return position

    def _values(self, end: int, *, ended: bool) -> Iterator[Block]:
        """Give out the whole values of a line that ends, for good or for now, at `end`.

        Afterwards an unfinished value, if there is one, stands at `self._position`.
        """
        if not ended and end - self._position < self._look_again:
            return
        self._look_again = 0
        start = position = self._after_skipped(self._position, end, ended=ended)
        count = 0
        while position < end:
            stop = value_end(self._data, position, end, ended=ended)
            if (end if stop is None else stop) - position > self._max:
                if count:
                    yield self._block(start, position)
                yield self._block(position, end if stop is None else stop, too_long=True)
                self._cut, count = True, 0
                self._skipper = Skipper()
                start = position = self._after_skipped(position, end, ended=ended)
                continue
            if stop is None:
                self._look_again = min(2 * (end - position), self._max + 1)
                break
            count += 1
            position = after_space(self._data, stop, end)
            if count == MOST_VALUES or position - start > self._long:
                yield self._block(start, position)
                self._cut, count, start = True, 0, position
        if count:
            yield self._block(start, position)
            self._cut = True
        if position == end and not self._cut:  # nothing but white space: of that a byte stays
            position -= 1
            if ended:
                yield self._block(position, end)
        self._position = position

    def _after_skipped(self, position: int, end: int, *, ended: bool) -> int:
        """Pass over what is left of an event that is over the limit, and the space behind it."""
        if self._skipper is not None:
            position, done = self._skipper.skip(self._data, position, end)
            if done or ended:
                self._skipper = None
        return after_space(self._data, position, end)
