r"""Decompressed pieces -> blocks of whole lines, with the place of each in the raw object.

Lines end at `\n` only. A line that is longer than one event may be is looked into: Firehose puts
no delimiter between records by itself, so it may be any number of JSON values in a row, and is
then cut between them.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

BOM: Final = b"\xef\xbb\xbf"
WHITESPACE: Final = b" \t\r\n"
"""What JSON takes for white space; Python's own `strip()` takes more."""

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}\[\]]|"', re.DOTALL)
_SPACE: Final = re.compile(rb"[ \t\r\n]*")
_SCALAR: Final = re.compile(
    rb'"(?:[^"\\]|\\.)*+"|-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    r"""Some whole lines, or a cut of a long one.

    Attributes:
        data: the bytes; every line but perhaps the last ends in `\n`.
        offset: where they start in the decompressed object, in bytes.
        line_number: of the first line, counted from 1.
        too_long: the block is the start of one event over the limit, and is to be rejected; the
            rest of that line is passed over.
    """

    data: bytes
    offset: int
    line_number: int
    too_long: bool = False


def blocks(pieces: Iterable[bytes], max_line_bytes: int) -> Iterator[Block]:
    """Cut a stream into blocks of whole lines.

    A block is about as large as a piece; memory is bounded by the largest piece plus
    `max_line_bytes`.
    """
    splitter = _Splitter(max_line_bytes)
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()


class _Splitter:
    """Keeps the unfinished line between pieces."""

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._rest = bytearray()
        self._offset = 0  # of self._rest in the decompressed object
        self._line = 1  # number of the line that self._rest belongs to
        self._passing_over = False  # the rest of a line that was rejected as too long
        self._cut = False  # values of the current line have been given out already
        self._started = False

    def feed(self, piece: bytes) -> Iterator[Block]:
        self._rest += piece
        if not self._started:
            if len(self._rest) < len(BOM) and BOM.startswith(bytes(self._rest)):
                return
            self._start()
        if self._passing_over and not self._pass_over():
            return
        end = self._rest.rfind(b"\n") + 1
        if end:
            yield from self._lines(end)
        while len(self._rest) > self._max and not self._passing_over:
            yield self._long_line(bytes(self._rest))

    def finish(self) -> Iterator[Block]:
        if not self._started:
            self._start()
        if self._rest and not self._passing_over and not self._is_remainder(bytes(self._rest)):
            yield Block(bytes(self._rest), self._offset, self._line)

    def _start(self) -> None:
        self._started = True
        if self._rest.startswith(BOM):
            self._drop(len(BOM))

    def _lines(self, end: int) -> Iterator[Block]:
        """Give out the lines up to `end`, of which only the first can be a remainder."""
        data = bytes(self._rest[:end])
        if self._cut:
            self._cut = False
            first = data.index(b"\n") + 1
            if self._is_blank(data[:first]):
                data = data[first:]
                self._drop(first)
                self._line += 1
        if data:
            yield Block(data, self._offset, self._line)
            self._drop(len(data))
            self._line += data.count(b"\n")

    def _long_line(self, data: bytes) -> Block:
        """Cut the values off a line that is over the limit, or reject it."""
        end = values_end(data)
        block = Block(data[:end] or data, self._offset, self._line, too_long=not end)
        self._drop(len(block.data))
        self._cut = True
        self._passing_over = block.too_long
        return block

    def _pass_over(self) -> bool:
        """Drop the rest of a rejected line; False while it has not ended."""
        end = self._rest.find(b"\n") + 1
        self._drop(end or len(self._rest))
        if end:
            self._passing_over = self._cut = False
            self._line += 1
        return bool(end)

    def _is_remainder(self, data: bytes) -> bool:
        return self._cut and self._is_blank(data)

    @staticmethod
    def _is_blank(data: bytes) -> bool:
        return not data.strip(WHITESPACE)

    def _drop(self, count: int) -> None:
        del self._rest[:count]
        self._offset += count


def values_end(data: bytes) -> int:
    """Where the last whole object or array of a row of JSON values ends; 0 if there is none."""
    depth = end = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        token = match[0]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                end = match.end()
            elif depth < 0:
                return end
        elif token == b'"':  # a string that does not end here
            return end
    return end


def split_values(line: bytes) -> list[tuple[int, bytes]]:
    """Cut a line into its JSON values, from the left: `{"a":1} {"b":2}` has two.

    Returns:
        (offset in the line, text) of each. What does not start like a value is one last text with
        everything behind it; each text still has to be parsed.
    """
    values: list[tuple[int, bytes]] = []
    position = _after_space(line, 0)
    while position < len(line):
        end = _value_end(line, position)
        values.append((position, line[position:end].rstrip(WHITESPACE)))
        position = _after_space(line, end)
    return values


def _after_space(line: bytes, position: int) -> int:
    found = _SPACE.match(line, position)
    return found.end() if found else position


def _value_end(line: bytes, start: int) -> int:
    """End of the value that starts at `start`; the end of the line if it has none."""
    if line[start] not in b"{[":
        scalar = _SCALAR.match(line, start)
        return scalar.end() if scalar else len(line)
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(line, start):
        token = match[0]
        if token in b"{[":
            depth += 1
        elif token in b"}]":
            depth -= 1
            if depth == 0:
                return match.end()
        elif token == b'"':
            break
    return len(line)
