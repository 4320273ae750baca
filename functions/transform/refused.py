"""Parsing whole blocks around the lines that a parser refuses, from where it says it stopped."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

PARSE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for texts it does not take."""

_Parse = Callable[[bytes], list[Any]]
_EVENT: Final = re.compile(r"`\$\[(\d+)\]")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")


# Some thirty lines: what stands before a refused one is parsed again.
_CHUNK_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a parser took of some lines.

    Attributes:
        values: of the lines it took.
        lines: those lines, each with its newline.
        refused: indexes of the others.
    """

    values: list[Any]
    lines: bytes
    refused: tuple[int, ...] = ()


def parse_around(parse: _Parse, lines: bytes) -> Parsed:
    """Parse what can be parsed of some lines.

    Args:
        parse: lines, each with its newline, -> a list of values; refuses all if it refuses one.
        lines: each with its newline.

    Raises:
        msgspec.MsgspecError, UnicodeDecodeError, RecursionError: it cannot be told which line was
            refused.
    """
    values: list[Any] = []
    taken: list[bytes] = []
    odd: list[int] = []
    start = first = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + _CHUNK_BYTES) + 1 or _end(lines, start) + 1
        chunk = lines[start:end]
        try:
            values += parse(chunk)
        except PARSE_ERRORS as error:
            places = refused(parse, chunk, error)
            if not places:
                raise
            odd += [first + place for place in places]
            chunk = without(chunk, places)
            values += parse(chunk)
        taken.append(chunk)
        first += lines.count(b"\n", start, end)
        start = end
    return Parsed(values, b"".join(taken), tuple(odd))


def without(lines: bytes, places: Sequence[int]) -> bytes:
    """The lines but those of some indexes."""
    split = lines.split(b"\n")
    for place in sorted(places, reverse=True):
        del split[place]
    return b"\n".join(split)


def line_of(error: msgspec.ValidationError, lines: bytes) -> bytes | None:
    """The line of the event that does not fit, if each line before it is one event."""
    found = _EVENT.search(str(error))
    start = None if found is None else _after_lines(lines, 0, int(found[1]))
    return None if start is None else lines[start : _end(lines, start)]


def refused(parse: _Parse, lines: bytes, error: Exception) -> tuple[int, ...]:
    """Indexes of lines that `parse` refuses: it stops at one, is asked again behind it, and so on.

    Ends early where it cannot be told which line it was; each index given was tried by itself.

    Args:
        parse: lines, each with its newline, -> a list of values.
        lines: what it refused.
        error: what it said of them.
    """
    found: list[int] = []
    first = offset = 0  # of the lines it was asked for last
    while True:
        guesses = _guesses(error, lines, offset)
        start = next((at for at in guesses if _fails(parse, lines[at : _end(lines, at)])), None)
        if start is None:
            break
        found.append(first + lines.count(b"\n", offset, start))
        first, offset = found[-1] + 1, _end(lines, start) + 1
        try:
            parse(lines[offset:])
            break
        except PARSE_ERRORS as next_error:
            error = next_error
    return tuple(found)


def _guesses(error: Exception, lines: bytes, offset: int) -> list[int]:
    """Where the line may start that the error is from; `offset` is where the parser started."""
    event = _EVENT.search(str(error))
    if event is not None:
        start = _after_lines(lines, offset, int(event[1]))
        return [] if start is None else [start]
    byte = _BYTE.search(str(error))
    if byte is not None:
        start = lines.rfind(b"\n", offset, offset + int(byte[1])) + 1 or offset
        if start == offset:
            return [start]
        # A line that lacks its end is missed at the start of the next one.
        return [start, lines.rfind(b"\n", offset, start - 1) + 1 or offset]
    try:
        lines[offset:].decode()
    except UnicodeDecodeError as invalid:
        return [lines.rfind(b"\n", offset, offset + invalid.start) + 1 or offset]
    return []


def _after_lines(lines: bytes, offset: int, count: int) -> int | None:
    """Where the line starts that stands `count` lines behind the one at `offset`."""
    for _ in range(count):
        offset = lines.find(b"\n", offset) + 1
        if not offset:
            return None
    return offset if offset < len(lines) else None


def _end(lines: bytes, start: int) -> int:
    end = lines.find(b"\n", start)
    return len(lines) if end < 0 else end


def _fails(parse: _Parse, line: bytes) -> bool:
    try:
        parse(line)
    except PARSE_ERRORS:
        return True
    return False
