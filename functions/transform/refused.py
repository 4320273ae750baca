"""Parsing whole blocks around the lines that a parser refuses, from where it says it stopped."""

import re
from collections.abc import Callable, Collection, Iterable
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

    def without(self, places: Collection[int]) -> "Parsed":
        """Refuse some more, given as indexes of `values`; each line has to be one of these."""
        more = set(places)
        kept = [place for place in range(len(self.values)) if place not in more]
        lines = self.lines.split(b"\n")
        refused, others = set(self.refused), range(len(self.values) + len(self.refused))
        before = [place for place in others if place not in refused]
        return Parsed(
            [self.values[place] for place in kept],
            b"\n".join([*(lines[place] for place in kept), b""]),
            tuple(sorted([*refused, *(before[place] for place in more)])),
        )


def parse_around(parse: _Parse, lines: bytes) -> Parsed:
    """Parse what can be parsed of some lines, each of which holds one value or is refused.

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
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + _CHUNK_BYTES) + 1 or _end(lines, start)
        try:
            values += parse(lines[start:end])
        except PARSE_ERRORS as error:
            stop = _refused(parse, lines[start:end], error)
            if stop is None:
                raise
            # What stands before it was not given out, so it is parsed once more.
            end = start + stop
            values += parse(lines[start:end])
            odd.append(len(values) + len(odd))
            taken.append(lines[start:end])
            start = _end(lines, end)
        else:
            taken.append(lines[start:end])
            start = end
    return Parsed(values, b"".join(taken), tuple(odd))


def line_of(error: msgspec.ValidationError, lines: bytes) -> bytes | None:
    """The line of the event that does not fit, if each line before it is one event."""
    found = _EVENT.search(str(error))
    start = None if found is None else _after_lines(lines, 0, int(found[1]))
    return None if start is None else lines[start : _end(lines, start)]


def _refused(parse: _Parse, lines: bytes, error: Exception) -> int | None:
    """Where the line starts that `parse` refused; it was tried by itself."""
    starts = (at for at in _guesses(error, lines) if at < len(lines))
    return next((at for at in starts if _fails(parse, lines[at : _end(lines, at)])), None)


def _guesses(error: Exception, lines: bytes) -> Iterable[int]:
    event = _EVENT.search(str(error))
    if event is not None:
        start = _after_lines(lines, 0, int(event[1]))
        return () if start is None else (start,)
    byte = _BYTE.search(str(error))
    if byte is not None:
        start = lines.rfind(b"\n", 0, int(byte[1])) + 1
        # A line that lacks its end is missed at the start of the next one.
        return (start, lines.rfind(b"\n", 0, max(start - 1, 0)) + 1)
    return (0, *(found.end() for found in re.finditer(b"\n", lines)))


def _after_lines(lines: bytes, offset: int, count: int) -> int | None:
    """Where the line starts that stands `count` lines behind the one at `offset`."""
    for _ in range(count):
        offset = lines.find(b"\n", offset) + 1
        if not offset:
            return None
    return offset if offset < len(lines) else None


def _end(lines: bytes, start: int) -> int:
    """Where the line ends that starts there, its newline included."""
    return lines.find(b"\n", start) + 1 or len(lines)


def _fails(parse: _Parse, line: bytes) -> bool:
    try:
        parse(line)
    except PARSE_ERRORS:
        return True
    return False
