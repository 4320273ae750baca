"""Where the JSON values of a line begin and end, without judging them.

Each is parsed by itself later on: here it only matters that a cut never goes through one.
"""

import re
from dataclasses import dataclass
from typing import Final

WHITESPACE: Final = b" \t\r\n"
"""What JSON takes for white space; Python's own `strip()` takes more."""

_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING_OR_BRACKET: Final = re.compile(rb'"' + _IN_STRING + rb'"|["{}\[\]]', re.DOTALL)
_REST_OF_STRING: Final = re.compile(_IN_STRING, re.DOTALL)


def _nested(depth: int) -> bytes:
    """Pattern of an object or array nested at most so deep; brackets of both kinds are alike."""
    inside = rb'[^"{}\[\]]++|"' + _IN_STRING + rb'"'
    if depth > 1:
        inside += b"|" + _nested(depth - 1)
    return rb"[{\[](?:" + inside + rb")*+[}\]]"


# Deeper ones are rare, and counted bracket by bracket.
_SHALLOW: Final = re.compile(_nested(4), re.DOTALL)
_QUOTE_OR_BRACKET: Final = re.compile(rb'["{}\[\]]')
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+-]*+")
_STRING_OR_NAME: Final = re.compile(
    rb'"' + _IN_STRING + rb'"|true|false|null|NaN|-?Infinity', re.DOTALL
)


def split_values(line: bytes) -> list[tuple[int, bytes]]:
    """Cut a line into its JSON values, from the left: `{"a":1} {"b":2}` has two.

    Returns:
        (offset in the line, text) of each. What does not start like a value, or does not end, is
        one last text with everything behind it; each text still has to be parsed.
    """
    values: list[tuple[int, bytes]] = []
    position = after_space(line, 0, len(line))
    while position < len(line):
        end = value_end(line, position, len(line), ended=True)
        assert end is not None, "on a whole line every value ends"  # noqa: S101 - for the type
        values.append((position, line[position:end].rstrip(WHITESPACE)))
        position = after_space(line, end, len(line))
    return values


def after_space(data: bytes, start: int, end: int) -> int:
    """The first position from `start` that holds no white space."""
    found = _SPACE.match(data, start, end)
    return found.end() if found else start


def value_end(data: bytes, start: int, end: int, *, ended: bool) -> int | None:
    """Where the value that starts at `start` ends.

    Args:
        data: holds a line or a part of one.
        start: no white space stands here.
        end: where the line ends, or what is known of it so far.
        ended: which of the two.

    Returns:
        None where that depends on what is still to come.
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
class Skipper:
    """Passes over one value, however long, as `value_end` would; keeps nothing of it."""

    depth: int = 0
    in_string: bool = False
    escaped: bool = False
    started: bool = False
    number: bool = False
    to_line_end: bool = False

    def skip(self, data: bytes, start: int, end: int) -> tuple[int, bool]:
        """Go on from `start`.

        Returns:
            (position behind what was passed over, whether the value ended there).
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
