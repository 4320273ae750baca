r"""Decompressed pieces -> blocks of whole lines; a line -> its texts, which may be events each.

Lines end at `\n` only. By default Firehose puts no delimiter between records, so a line may hold
any number of texts in a row, with separators between them or none. A long line is cut between
texts. Each text is parsed later: here it only matters where it starts and ends. Where pieces begin
and end changes nothing.
"""

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

BOM: Final = b"\xef\xbb\xbf"
MOST_JOINED: Final = 1_024
"""Most texts that are looked at together, because commas join them."""
_LONG_LINE_BYTES: Final = 64 * 1024

# What may stand between events: white space, commas, the record separator of RFC 7464, padding, the
# byte order marks of writers that put one before each record, and escapes that were meant to be
# line ends.
_SEPARATOR: Final = rb"(?:[ \t\r,\x1e\0]|\xef\xbb\xbf|\\[nrt])"
_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING: Final = rb'"' + _IN_STRING + rb'"'


def _nested(depth: int) -> bytes:
    """Pattern of an object or array of at most this depth; both kinds of brackets count alike."""
    inside = rb'[^"{}\[\]]++|' + _STRING
    if depth > 1:
        inside += b"|" + _nested(depth - 1)
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# Deeper ones are rare; their brackets are counted one by one.
_SHALLOW_NESTED: Final = _nested(4)
_OPENER: Final = rb"(?!\{\\)(?=[{\[])"
_SHALLOW: Final = re.compile(_SHALLOW_NESTED, re.DOTALL)
_SEPARATORS: Final = re.compile(_SEPARATOR + rb"*+")
_SHALLOW_TEXTS: Final = re.compile(
    rb"(?:" + _SEPARATOR + rb"*+" + _OPENER + _SHALLOW_NESTED + rb")*+", re.DOTALL
)
# Garbage up to a bracket that decides something, without the separators before that.
_GARBAGE: Final = re.compile(
    rb"(?:" + _SEPARATOR + rb"*+(?:" + _STRING
    + rb"|:(?:" + _SEPARATOR + rb"*+" + _OPENER + _SHALLOW_NESTED + rb")?+"
    + rb'|(?:[^ \t\r,\x1e\0\xef\\":{}\[\]]|\xef(?!\xbb\xbf)|\\(?![nrt]))++))*+',
    re.DOTALL,
)  # fmt: skip
_STRING_OR_BRACKET: Final = re.compile(_STRING + rb'|["{}\[\]]', re.DOTALL)
_QUOTE_OR_BRACKET: Final = re.compile(rb'["{}\[\]]')
_REST_OF_STRING: Final = re.compile(_IN_STRING, re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    r"""Some whole lines, or some whole texts of a long one.

    Attributes:
        data: the bytes; every line but perhaps the last ends in `\n`.
        offset: where they start in the decompressed object, in bytes.
        passed: line ends between the previous block and this one, which are in neither. Line
            numbers follow from these; counting all lines here costs 3 % of the whole transform.
        too_long: the block is the start of one text over the limit, and must be rejected; the
            rest of that text is skipped.
    """

    data: bytes
    offset: int
    passed: int
    too_long: bool = False


@dataclass(frozen=True, slots=True)
class Text:
    """A part of a line that is published or rejected as one.

    Attributes:
        start: where it starts in the line; `end` likewise.
        whole: it starts with a brace and ends where that closes.
    """

    start: int
    end: int
    whole: bool


class Finder(Protocol):
    """Finds the ends of texts: this module, or one that does it faster."""

    def bracket_end(self, data: bytes, start: int, end: int) -> int | None:
        """Where the bracket at `start` is closed; None if that is not before `end`."""

    def pass_texts(  # noqa: PLR0917 - positions
        self, data: bytes, start: int, position: int, end: int, most: int, longest: int
    ) -> int:
        """Pass over texts of a long line that end for good.

        Args:
            data: holds what is known of the line.
            start: of the block that they will be in.
            position: of the first text.
            end: of what is known.
            most: bytes of a block, after which it stops in front of an object or array that no
                comma joins to the text before it.
            longest: bytes of a text, of the separators behind one, and of what is in a block after
                `most`; it stops before a longer text, and where the others are longer.

        Returns:
            Where the last text ends that it passed over; `position` if there is none.
        """


def blocks(
    pieces: Iterable[bytes], max_line_bytes: int, finder: Finder | None = None
) -> Iterator[Block]:
    """Cut a stream into blocks.

    Memory is bounded by the largest piece plus `max_line_bytes`.

    Args:
        pieces: the stream.
        max_line_bytes: limit of one text.
        finder: what finds the ends of texts; this module if None.
    """
    splitter = _Splitter(max_line_bytes, finder or sys.modules[__name__])
    for piece in pieces:
        yield from splitter.feed(piece)
    yield from splitter.finish()


def split_texts(line: bytes) -> list[Text]:
    """Cut a line into its texts, from the left: `{"a":1} {"b":2}` has two.

    An object or array reaches to the bracket that closes it, whatever is inside, or else to the end
    of the line. What is neither, *garbage*, reaches to the next object or array that is no part of
    it, because no colon stands before it. If garbage closes a bracket that nothing opened, or opens
    a string that does not end, then what stands before it is a part of it: the text right before
    it, and those that commas join to that. So no part of a broken event is taken for an event.
    """
    texts: list[Text] = []
    joined = 0  # the first of those that a comma joins to the last
    position = 0
    while (start := after_separators(line, position, len(line))) < len(line):
        comma = b"," in line[position:start]
        if is_opener(line, start):
            end = bracket_end(line, start, len(line))
            torn = False
            text = Text(start, end or len(line), end is not None and line[start] == ord("{"))
        else:
            garbage = garbage_end(line, start, len(line))
            torn = garbage.torn
            text = Text(start, garbage.end, whole=False)
        if torn and texts:
            text = Text(texts[joined].start, text.end, whole=False)
            del texts[joined:]
        elif not comma or len(texts) - joined >= MOST_JOINED:
            joined = len(texts)
        texts.append(text)
        position = text.end
    return texts


def after_separators(data: bytes, start: int, end: int) -> int:
    """The first position from `start` on that no separator takes."""
    found = _SEPARATORS.match(data, start, end)
    return found.end() if found else start


def is_opener(data: bytes, start: int) -> bool:
    r"""Whether an object or array starts there; `{\` is the inside of a string without its end."""
    return data[start] in b"{[" and data[start : start + 2] != b"{\\"


def bracket_end(data: bytes, start: int, end: int) -> int | None:
    """Where the bracket at `start` is closed; None if that is not before `end`."""
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
            return None
    return None


def pass_texts(data: bytes, start: int, position: int, end: int, most: int, _longest: int) -> int:
    """Pass over shallow objects and arrays that are within a block."""
    end = min(end, start + most)
    run = _SHALLOW_TEXTS.match(data, position, end) if position < end else None
    return run.end() if run else position


@dataclass(frozen=True, slots=True)
class Garbage:
    """Where some garbage ends.

    Attributes:
        end: without the separators after it.
        seen: how far it was looked at, to the next text or to the end of what is known.
        torn: it shows that it is a part of something that started before it.
        decided: whatever follows what is known, it ends there.
    """

    end: int
    seen: int
    torn: bool
    decided: bool


def garbage_end(data: bytes, start: int, end: int) -> Garbage:
    """Find the end of garbage that starts at `start`, which no separator takes."""
    position = start
    while True:
        found = _GARBAGE.match(data, position, end)
        last = found.end() if found else position
        position = after_separators(data, last, end)
        if position == end:
            return Garbage(last, end, torn=False, decided=False)
        if data[position] in b"}]":
            return Garbage(position + 1, position + 1, torn=True, decided=True)
        if data[position] == ord('"'):  # of a string that does not end
            return Garbage(end, end, torn=True, decided=False)
        torn = not is_opener(data, position)
        if not torn and data[last - 1 : last] != b":":
            return Garbage(last, position, torn=False, decided=position + 1 < end)
        closed = bracket_end(data, position, end)
        if closed is None or torn:
            stop = closed or end
            return Garbage(stop, stop, torn=True, decided=closed is not None)
        position = closed


class _Splitter:
    """Keeps the unfinished line between pieces."""

    def __init__(self, max_line_bytes: int, finder: Finder) -> None:
        self._max = max_line_bytes
        self._finder = finder
        self._long = min(_LONG_LINE_BYTES, max_line_bytes)
        self._data = b""
        self._offset = 0  # of self._data in the decompressed object
        self._position = 0  # in self._data: everything before it is done with
        self._passed = 0  # line ends that are in no block
        self._cut = False  # texts of that line have been given out already
        self._dropped = False  # separators that it starts with have been dropped
        self._look_again = 0  # size at which another look at an unfinished text pays off
        self._skipper: _Skipper | None = None  # inside a text that is over the limit

    def feed(self, piece: bytes) -> Iterator[Block]:
        end = piece.rfind(b"\n") + 1
        if end:
            self._append(memoryview(piece)[:end])  # so these lines are copied once
            yield from self._lines(len(self._data))
            piece = piece[end:]
        self._append(piece)
        if self._is_long():
            yield from self._texts(len(self._data), ended=False)

    def finish(self) -> Iterator[Block]:
        if self._is_long():
            yield from self._texts(len(self._data), ended=True)
        elif self._position < len(self._data):
            yield self._block(self._position, len(self._data))
        elif self._dropped:
            yield self._blank()

    def _append(self, more: bytes | memoryview) -> None:
        self._offset += self._position
        self._data = self._data[self._position :] + more
        self._position = 0

    def _is_long(self) -> bool:
        """Whether to cut the line that has not ended yet."""
        return self._cut or len(self._data) - self._position > self._long

    def _block(self, start: int, end: int, *, too_long: bool = False) -> Block:
        passed, self._passed = self._passed, 0
        return Block(self._data[start:end], self._offset + start, passed, too_long=too_long)

    def _blank(self) -> Block:
        """A blank line in place of a long one."""
        passed, self._passed = self._passed, 0
        return Block(b"\r", self._offset, passed)

    def _lines(self, end: int) -> Iterator[Block]:
        """Yield all lines up to `end`, where the last of them ends."""
        while self._position < end:
            short = self._position if self._cut else self._short_lines(end)
            if short > self._position:
                yield self._block(self._position, short)
                self._position = short
                self._dropped = False
                continue
            newline = self._data.index(b"\n", self._position)
            yield from self._texts(newline, ended=True)
            self._position = newline + 1
            self._passed += 1
            self._cut = self._dropped = False

    def _short_lines(self, end: int) -> int:
        """Where the last line before the first long one ends."""
        position = self._position
        while position < end:
            found = self._data.rfind(b"\n", position, position + self._long + 1) + 1
            if not found:
                break
            position = found
        return position

    def _texts(self, end: int, *, ended: bool) -> Iterator[Block]:  # noqa: C901 - one walk
        """Yield the whole texts of a line that ends, for good or for now, at `end`.

        Blocks end where they would if all of the line were known, so that pieces decide nothing.
        Afterwards what has not been given out starts at `self._position`.
        """
        if not ended and end - self._position < self._look_again:
            return
        self._look_again = 0
        start = position = self._after_skipped(self._position, end, ended=ended)
        any_text = False
        while position < end:
            stop = self._finder.pass_texts(self._data, start, position, end, self._long, self._max)
            if stop > position:
                seen, decided = position, True
            else:
                stop, seen, decided = self._text_end(position, end)
            if seen - position > self._max:
                if any_text:
                    yield self._block(start, position)
                yield self._block(position, stop, too_long=True)
                self._cut, any_text = True, False
                self._skipper = _Skipper(to_line_end=not is_opener(self._data, position))
                start = position = self._after_skipped(position, end, ended=ended)
                continue
            if not (decided or ended):
                self._look_again = position - start + min(2 * (end - position), self._max + 1)
                break
            any_text = True
            position = after_separators(self._data, stop, end)
            # What comes next may turn out to be a part of the texts before it, and so may what
            # commas join to that.
            apart = b"," not in self._data[stop:position]
            next_starts = apart and position + 1 < end and is_opener(self._data, position)
            # So a run that is no longer than the longest text is in one block.
            full = position - start > self._long + (0 if next_starts else self._max)
            if full or position - stop > self._max:
                yield self._block(start, stop)
                self._cut, any_text, start = True, False, position
        if ended and any_text:
            yield self._block(start, end)
        elif ended and not self._cut:  # nothing but separators, which may be many
            yield self._blank()
        elif not ended and end - start > self._long:  # texts that another look will pass over again
            self._look_again = max(self._look_again, min(2 * (end - start), self._long + self._max))
        self._dropped = not (ended or self._cut) and (self._dropped or start > self._position)
        self._position = start

    def _text_end(self, start: int, end: int) -> tuple[int, int, bool]:
        """Where the text at `start` ends, how far it was looked at, whether that is for good."""
        if not is_opener(self._data, start):
            garbage = garbage_end(self._data, start, end)
            return garbage.end, garbage.seen, garbage.decided
        closed = self._finder.bracket_end(self._data, start, end)
        return (closed, closed, True) if closed else (end, end, False)

    def _after_skipped(self, position: int, end: int, *, ended: bool) -> int:
        """Skip the rest of a text that is over the limit, and the separators after it."""
        if self._skipper is not None:
            position, done = self._skipper.skip(self._data, position, end)
            if done or ended:
                self._skipper = None
            else:
                return position
        return after_separators(self._data, position, end)


@dataclass(slots=True)
class _Skipper:
    """Skips one text of any length; keeps nothing of it."""

    to_line_end: bool
    depth: int = 0
    in_string: bool = False
    escaped: bool = False

    def skip(self, data: bytes, start: int, end: int) -> tuple[int, bool]:
        """Continue from `start`.

        Returns:
            (position after what was skipped, whether the text ended there).
        """
        position = end if self.to_line_end else start
        while position < end:
            if self.in_string:
                position = self._string(data, position, end)
            else:
                found = _QUOTE_OR_BRACKET.search(data, position, end)
                if found is None:
                    break
                position = found.end()
                self._token(found[0])
                if self.depth == 0:
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
