"""Which lines a parser of whole blocks refuses, from where it says that it stopped."""

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any, Final

import msgspec

PARSE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for texts it does not take."""

_Parse = Callable[[bytes | memoryview], list[Any]]
_EVENT: Final = re.compile(r"`\$\[(\d+)\]")
_BYTE: Final = re.compile(r"\(byte (\d+)\)")


def line_of(error: msgspec.ValidationError, lines: bytes | memoryview) -> bytes | None:
    """The line of the event that does not fit, if each line before it is one event."""
    found = _EVENT.search(str(error))
    if found is None:
        return None
    split = bytes(lines).split(b"\n", int(found[1]) + 1)
    return split[int(found[1])] if len(split) > int(found[1]) else None


def refused(parse: _Parse, data: bytes, lines: Sequence[bytes]) -> list[int]:
    """Indexes of lines that `parse` refuses: it stops at one, is asked again behind it, and so on.

    Ends early where it cannot be told which line it was; each index given was tried by itself.

    Args:
        parse: lines, each with its newline, -> a list of values.
        data: all lines, each with its newline.
        lines: the same, each without.
    """
    starts = list(accumulate((len(line) + 1 for line in lines), initial=0))
    view = memoryview(data)
    found: list[int] = []
    first = 0
    while first < len(lines):
        try:
            parse(view[starts[first] :])
            break
        except PARSE_ERRORS as error:
            guesses = _guesses(error, view[starts[first] :], first, starts)
        place = next(
            (n for n in guesses if first <= n < len(lines) and _fails(parse, lines[n])), None
        )
        if place is None:
            break
        found.append(place)
        first = place + 1
    return found


def _guesses(
    error: Exception, rest: memoryview, first: int, starts: Sequence[int]
) -> tuple[int, ...]:
    """Where the error may be from; `rest` starts with line `first`."""
    event = _EVENT.search(str(error))
    if event is not None:
        return (first + int(event[1]),)
    byte = _BYTE.search(str(error))
    if byte is not None:
        # A line that lacks its end is missed at the start of the next one.
        line = bisect_right(starts, starts[first] + int(byte[1])) - 1
        return (line, line - 1)
    try:
        str(rest, "utf-8")
    except UnicodeDecodeError as invalid:
        return (bisect_right(starts, starts[first] + invalid.start) - 1,)
    return ()


def _fails(parse: _Parse, line: bytes) -> bool:
    try:
        parse(line)
    except PARSE_ERRORS:
        return True
    return False
