"""One event's text, parsed strictly, or the reason why it cannot be published."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
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
_IN_STRING: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'
_STRING: Final = rb'"' + _IN_STRING + rb'"'
# A whole number; one with a fraction or an exponent matches too, but has no group.
_NUMBER: Final = re.compile(
    _STRING + rb"|-?(?:[0-9]++[.eE][0-9.eE+-]*+|(?P<digits>[0-9]{309,}+)|[0-9]++)", re.DOTALL
)
_KEY: Final = re.compile(rb'"(?P<name>' + _IN_STRING + rb')"(?P<colon>[ \t\r\n]*+:)?+', re.DOTALL)
# A string that does not end hides the brackets after it.
_BRACKET: Final = re.compile(rb'"' + _IN_STRING + rb'(?:"|\\?\Z)|[{}\[\]]', re.DOTALL)


class RejectedError(Exception):
    """A text is not published."""

    def __init__(self, reason: LineReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ParsedEvent:
    """One JSON object without duplicate keys, decoded and as it was sent.

    Attributes:
        values: key -> Python value.
        fields: key -> JSON text of that value, in the producer's order.
    """

    values: dict[str, Any]
    fields: dict[str, msgspec.Raw]


def parse_event(text: bytes) -> ParsedEvent:
    """Parse an event that `check_event` has let pass."""
    return ParsedEvent(_parse_values(text), _parse_fields(text))


def check_event(text: bytes, limits: Limits) -> None:
    """Check that a text is an event.

    Args:
        text: at most `limits.max_line_bytes` long, without halves of surrogate pairs.
        limits: depth and number of keys.

    Raises:
        RejectedError: with a `LineReason`.
    """
    if text.count(b"{") + text.count(b"[") > limits.max_depth and depth_of(text) > limits.max_depth:
        raise RejectedError(LineReason.TOO_DEEP)
    try:
        values = _parse_values(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        _explain(text)
    if type(values) is not dict:
        raise RejectedError(LineReason.NOT_OBJECT)
    if len(text) > _OVERFLOWING_DIGITS and _has_overflowing_integer(text):
        raise RejectedError(LineReason.NUMBER_OVERFLOW)
    if text.count(b":") > limits.max_keys and sum(1 for _ in _key_sizes(text)) > limits.max_keys:
        raise RejectedError(LineReason.TOO_MANY_KEYS)
    if len(text) > MAX_KEY_BYTES and any(size > MAX_KEY_BYTES for size in _key_sizes(text)):
        raise RejectedError(LineReason.KEY_TOO_LONG)


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


def _key_sizes(text: bytes) -> Iterator[int]:
    """Bytes of each key as it is written, those of duplicates too."""
    return (
        match.end("name") - match.start("name")
        for match in _KEY.finditer(text)
        if match["colon"] is not None
    )


class _NonFiniteError(Exception):
    """The standard library's parser met NaN or Infinity."""


def _non_finite(_name: str) -> NoReturn:
    raise _NonFiniteError


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
        )
    except _NonFiniteError:
        raise RejectedError(LineReason.NON_FINITE_NUMBER) from None
    except (ValueError, RecursionError):
        raise RejectedError(LineReason.NOT_JSON) from None
    if type(value) is not dict:
        raise RejectedError(LineReason.NOT_OBJECT)
    raise RejectedError(LineReason.NUMBER_OVERFLOW)
