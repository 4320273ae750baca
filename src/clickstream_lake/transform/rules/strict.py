"""One event's text, parsed strictly, or the reason why it cannot be published."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final, NoReturn

import msgspec

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.reasons import LineReason

_parse_values = msgspec.json.Decoder().decode
_parse_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

MAX_KEY_BYTES: Final = 10_000
"""Longest key, in bytes as written. Jackson, in Trino and Spark, fails a query at 50,000."""

# The largest double is 1.8e308, so a number with fewer digits is always finite.
_OVERFLOWING_DIGITS: Final = 309
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
# A whole number; one with a fraction or an exponent matches too, but has no group.
_NUMBER: Final = re.compile(
    _STRING + rb"|-?(?:[0-9]++[.eE][0-9.eE+-]*+|(?P<digits>[0-9]{309,}+)|[0-9]++)", re.DOTALL
)
_STRINGS: Final = re.compile(_STRING, re.DOTALL)
_COLON: Final = re.compile(rb"[ \t\r\n]*+:")
_BRACKET: Final = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)


class RejectedError(Exception):
    """A text is not published."""

    def __init__(self, reason: LineReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """One JSON object, decoded and as it was sent.

    Attributes:
        values: key -> Python value; the last one of duplicate keys.
        fields: key -> JSON text of that value, in the producer's order.
    """

    values: dict[str, Any]
    fields: dict[str, msgspec.Raw]


def parse_event(text: bytes, limits: Limits) -> ParsedEvent:
    """Parse one event.

    Args:
        text: one JSON value without white space around it, at most `limits.max_line_bytes` long.
        limits: depth and number of keys.

    Raises:
        RejectedError: with a `LineReason`.
    """
    if text.count(b"{") + text.count(b"[") > limits.max_depth and depth_of(text) > limits.max_depth:
        raise RejectedError(LineReason.TOO_DEEP)
    try:
        values = _parse_values(text)
        if type(values) is not dict:
            raise RejectedError(LineReason.NOT_OBJECT)
        fields = _parse_fields(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _explain(text)
    if len(text) > _OVERFLOWING_DIGITS and _has_overflowing_integer(text):
        raise RejectedError(LineReason.NUMBER_OVERFLOW)
    if text.count(b":") > limits.max_keys and _count_keys(values) > limits.max_keys:
        raise RejectedError(LineReason.TOO_MANY_KEYS)
    if len(text) > MAX_KEY_BYTES and _has_long_key(text):
        raise RejectedError(LineReason.KEY_TOO_LONG)
    return ParsedEvent(values, fields)


def depth_of(text: bytes) -> int:
    """Deepest nesting of a JSON text, well-formed or not; `{}` has depth 1."""
    depth = deepest = 0
    for match in _BRACKET.finditer(text):
        token = match[0]
        if token in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif token in b"}]":
            depth -= 1
    return deepest


def _has_overflowing_integer(text: bytes) -> bool:
    """Tell whether a whole number, exact in Python, would be infinite as a double."""
    if not _may_have_long_number(text):
        return False
    return any(
        match["digits"] and float(match["digits"][: _OVERFLOWING_DIGITS + 1]) == float("inf")
        for match in _NUMBER.finditer(text)
    )


_DIGITS_TO_ZERO: Final = bytes.maketrans(b"123456789", b"0" * 9)


def _may_have_long_number(text: bytes) -> bool:
    return b"0" * _OVERFLOWING_DIGITS in text.translate(_DIGITS_TO_ZERO)


def _has_long_key(text: bytes) -> bool:
    """Look in the text, which also shows the keys of duplicates."""
    return any(
        match.end() - match.start() - 2 > MAX_KEY_BYTES and _COLON.match(text, match.end())
        for match in _STRINGS.finditer(text)
    )


def _count_keys(values: Any) -> int:  # noqa: ANN401 - any JSON value
    count, stack = 0, [values]
    while stack:
        value = stack.pop()
        if type(value) is dict:
            count += len(value)
            stack.extend(value.values())
        elif type(value) is list:
            stack.extend(value)
    return count


class _NonFiniteError(Exception):
    """The standard library's parser met NaN or Infinity."""


def _non_finite(_name: str) -> NoReturn:
    raise _NonFiniteError


class _Pairs(list[tuple[str, object]]):
    """A JSON object with all its keys, in order."""


def _explain(text: bytes) -> NoReturn:
    """Find out why a text could not be parsed.

    Raises:
        RejectedError: always.
    """
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise RejectedError(LineReason.INVALID_UTF8) from None
    try:
        # Numbers stay text: here it only matters whether they are well-formed.
        value = json.loads(
            decoded,
            parse_int=len,
            parse_float=len,
            parse_constant=_non_finite,
            object_pairs_hook=_Pairs,  # duplicate keys count too
        )
    except _NonFiniteError:
        raise RejectedError(LineReason.NON_FINITE_NUMBER) from None
    except (ValueError, RecursionError):
        raise RejectedError(LineReason.NOT_JSON) from None
    if type(value) is not _Pairs:
        raise RejectedError(LineReason.NOT_OBJECT)
    if any(_is_lone_surrogate(part) for part in _texts(value)):
        raise RejectedError(LineReason.LONE_SURROGATE)
    raise RejectedError(LineReason.NUMBER_OVERFLOW)


def _texts(value: object) -> Iterator[str]:
    stack: list[object] = [value]
    while stack:
        item = stack.pop()
        if type(item) is str:
            yield item
        else:
            stack.extend(_children(item))


def _children(value: object) -> Iterable[object]:
    if isinstance(value, _Pairs):
        return chain.from_iterable(value)
    return value if isinstance(value, list) else ()


def _is_lone_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
