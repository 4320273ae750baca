r"""Decompressed pieces -> blocks of whole lines, with the place of each in the raw object.

Lines end at `\n` only. By default Firehose puts no delimiter between records, so a long line may
hold any number of JSON values in a row: it is cut between them. Each value is parsed later: here it
only matters that no cut goes through one. Where pieces begin and end changes how lines are grouped
into blocks, and nothing else.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

WHITESPACE: Final = b" \t\r\n"
"""What counts as white space in JSON; Python's own `strip()` removes more."""
BOM: Final = b"\xef\xbb\xbf"
MOST_VALUES: Final = 4_096
"""Most values in a block that was cut from a long line."""
_LONG_LINE_BYTES: Final = 64 * 1024

_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING_OR_BRACKET: Final = re.compile(rb'"' + _IN_STRING + rb'"|["{}\[\]]', re.DOTALL)
_REST_OF_STRING: Final = re.compile(_IN_STRING, re.DOTALL)


def _nested(depth: int) -> bytes:
    """Pattern of an object or array of at most this depth; both kinds of brackets count alike."""
    inside = rb'[^"{}\[\]]++|"' + _IN_STRING + rb'"'
    if depth > 1:
        inside += b"|" + _nested(depth - 1)
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# Deeper ones are rare; their brackets are counted one by one.
_SHALLOW: Final = re.compile(_nested(4), re.DOTALL)
_QUOTE_OR_BRACKET: Final = re.compile(rb'["{}\[\]]')
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+-]*+")
_STRING_OR_NAME: Final = re.compile(
    rb'"' + _IN_STRING + rb'"|true|false|null|NaN|-?Infinity', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    r"""Some whole lines, or some whole values of a long one.

    Attributes:
        data: the bytes; every line but perhaps the last ends in `\n`.
        offset: where they start in the decompressed object, in bytes.
        passed: line ends between the previous block and this one, which are in neither. Line
            numbers follow from these; counting all lines here costs 3 % of the whole transform.
        too_long: the block is the start of one event over the limit, and must be rejected; the
            rest of that event is skipped.
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
        self._passed = 0  # line ends that are in no block
        self._started = False
        self._cut = False  # values of that line have been given out already
        self._look_again = 0  # size at which another look at an unfinished value pays off
        self._skipper: _Skipper | None = None  # inside an event that is over the limit

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
        """Whether to cut the line that has not ended yet."""
        return self._cut or len(self._data) - self._position > self._long

    def _block(self, start: int, end: int, *, too_long: bool = False) -> Block:
        passed, self._passed = self._passed, 0
        return Block(self._data[start:end], self._offset + start, passed, too_long=too_long)

    def _lines(self, end: int) -> Iterator[Block]:
        """Yield all lines up to `end`, where the last of them ends."""
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
        """Yield the whole values of a line that ends, for good or for now, at `end`.

        Afterwards an unfinished value, if there is one, starts at `self._position`.
        """
        if not ended and end - self._position < self._look_again:
            return
        self._look_again = 0
        start = position = self._after_skipped(self._position, end, ended=ended)
        count = 0
        while position < end:
            stop = _value_end(self._data, position, end, ended=ended)
            if (end if stop is None else stop) - position > self._max:
                if count:
                    yield self._block(start, position)
                yield self._block(position, end if stop is None else stop, too_long=True)
                self._cut, count = True, 0
                self._skipper = _Skipper()
                start = position = self._after_skipped(position, end, ended=ended)
                continue
            if stop is None:
                self._look_again = min(2 * (end - position), self._max + 1)
                break
            count += 1
            position = _after_space(self._data, stop, end)
            if count == MOST_VALUES or position - start > self._long:
                yield self._block(start, position)
                self._cut, count, start = True, 0, position
        if count:
            yield self._block(start, position)
            self._cut = True
        if position == end and not self._cut:  # nothing but white space: one byte of it stays
            position -= 1
            if ended:
                yield self._block(position, end)
        self._position = position

    def _after_skipped(self, position: int, end: int, *, ended: bool) -> int:
        """Skip the rest of an event that is over the limit, and the space after it."""
        if self._skipper is not None:
            position, done = self._skipper.skip(self._data, position, end)
            if done or ended:
                self._skipper = None
        return _after_space(self._data, position, end)


def split_values(line: bytes) -> list[tuple[int, bytes]]:
    """Cut a line into its JSON values, from the left: `{"a":1} {"b":2}` has two.

    Returns:
        (offset in the line, text) of each. What does not start like a value, or does not end, is
        one last text with everything after it; each text still has to be parsed.
    """
    values: list[tuple[int, bytes]] = []
    position = _after_space(line, 0, len(line))
    while position < len(line):
        end = _value_end(line, position, len(line), ended=True)
        assert end is not None, "on a whole line every value ends"  # noqa: S101 - for the type
        values.append((position, line[position:end].rstrip(WHITESPACE)))
        position = _after_space(line, end, len(line))
    return values


def _after_space(data: bytes, start: int, end: int) -> int:
    """The first position from `start` on that is not white space."""
    found = _SPACE.match(data, start, end)
    return found.end() if found else start


def _value_end(data: bytes, start: int, end: int, *, ended: bool) -> int | None:
    """Where the value that starts at `start` ends.

    Args:
        data: holds a line or a part of one.
        start: this position is not white space.
        end: where the line ends, or where the known part of it ends.
        ended: whether `end` is the end of the line.

    Returns:
        None if that depends on what is still to come.
    """
    undecided = end if ended else None
    if data[start] in b"{[":
        shallow = _SHALLOW.match(data, start, end)
        if shallow:
            return shallow.end()
        depth = 0
        for match in _STRING_OR_BRACKET.finditer(data, start, end):
            token = match[0]
            if token in b"{[":
                depth += 1
            elif token in b"}]":
                depth -= 1
                if depth == 0:
                    return match.end()
            elif token == b'"':  # a string that does not end here
                return undecided
        return undecided
    number = _NUMBER.match(data, start, end)
    if number:
        return number.end() if number.end() < end else undecided
    scalar = _STRING_OR_NAME.match(data, start, end)
    return scalar.end() if scalar else undecided


@dataclass(slots=True)
class _Skipper:
    """Skips one value of any length, as `_value_end` would; keeps nothing of it."""

    depth: int = 0
    in_string: bool = False
    escaped: bool = False
    started: bool = False
    number: bool = False
    to_line_end: bool = False

    def skip(self, data: bytes, start: int, end: int) -> tuple[int, bool]:
        """Continue from `start`.

        Returns:
            (position after what was skipped, whether the value ended there).
        """
        if not self.started:
            self._start(data, start, end)
        if self.to_line_end:
            return end, False
        if self.number:
            while start < end and data[start] in b"0123456789.eE+-":
                start += 1
            return start, start < end
        return self._structure(data, start, end)

    def _start(self, data: bytes, start: int, end: int) -> None:
        self.started = True
        if data[start] not in b'{["':
            self.number = _NUMBER.match(data, start, end) is not None
            self.to_line_end = not self.number

    def _structure(self, data: bytes, start: int, end: int) -> tuple[int, bool]:
        position = start
        while position < end:
            if self.in_string:
                position = self._string(data, position, end)
            else:
                found = _QUOTE_OR_BRACKET.search(data, position, end)
                if found is None:
                    break
                position = found.end()
                self._token(found[0])
            if self._is_over():
                return position, True
        return end, False

    def _string(self, data: bytes, position: int, end: int) -> int:
        if self.escaped:
            self.escaped = False
            position += 1
        found = _REST_OF_STRING.match(data, position, end)
        position = found.end() if found else position
        if position < end:  # a quote, or a backslash that is the last byte so far
            self.escaped = data[position] == ord("\\")
            self.in_string = self.escaped
            position += 1
        return position

    def _token(self, token: bytes) -> None:
        if token == b'"':
            self.in_string = True
        else:
            self.depth += 1 if token in b"{[" else -1

    def _is_over(self) -> bool:
        return self.depth == 0 and not self.in_string
