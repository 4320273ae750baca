"""What a JSON value becomes in a column of each type.

One rule set for the transform and for compaction, which lifts fields out of `extra` once the
catalog declares them.
"""

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from clickstream_lake.lake.catalog import Column, ColumnType, TimeFormat
from clickstream_lake.lake.instants import instant_of, write_instant

MISMATCH: Final = object()
"""The value does not fit its column: it becomes NULL there and moves into `extra`."""

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
_MOST_DIGITS: Final = 19  # of 64 bits
_NUMBER: Final = re.compile(rb"(-?)([0-9]++)(?:\.([0-9]++))?(?:[eE]([+-]?[0-9]++))?")

_NUMBERS: Final = frozenset({int, float})
_STRING_OR_SPACE: Final = re.compile(rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")|[ \t\r\n]++', re.DOTALL)

_encode = msgspec.json.encode
_decode = msgspec.json.decode


def compact(raw: bytes) -> bytes:
    """A JSON text without white space between its tokens; the rest stays as it was sent."""
    if not any(space in raw for space in (b" ", b"\t", b"\n", b"\r")):
        return raw
    return _STRING_OR_SPACE.sub(rb"\1", raw)


# A coercion takes the decoded value and its raw JSON text. It returns what the Parquet column
# holds and what the JSON line holds; the first is MISMATCH where the value does not fit. NULL
# never gets here.
Coerced = tuple[Any, bytes]
Coercion = Callable[[Any, bytes], Coerced]


def _string(value: object, raw: bytes) -> Coerced:
    if type(value) is str:
        return value, raw
    text = compact(raw).decode()
    return text, _encode(text)


def whole_number(raw: bytes) -> int | None:
    """A JSON number that is whole and within 64 bits, by its digits; None for any other.

    A double could not tell: it holds 4503599627370497.3 as 4503599627370497.25, and
    9007199254740993 as ...992.
    """
    match = _NUMBER.fullmatch(raw)
    if match is None:
        return None
    sign, whole, fraction, exponent = match.groups(b"")
    digits = (whole + fraction).lstrip(b"0")
    significant = digits.rstrip(b"0")
    if not significant:
        return 0
    zeros = len(digits) - len(significant) - len(fraction) + _bounded(exponent or b"0")
    if zeros < 0 or len(significant) + zeros > _MOST_DIGITS:
        return None
    value = int(sign + significant) * 10**zeros
    return value if INT64_MIN <= value <= INT64_MAX else None


def exact_number(raw: bytes) -> bytes:
    """A JSON number in the one form that all numbers of its exact value have."""
    match = _NUMBER.fullmatch(raw)
    if match is None:
        raise ValueError("this is not a JSON number")
    sign, whole, fraction, exponent = match.groups(b"")
    digits = (whole + fraction).lstrip(b"0")
    significant = digits.rstrip(b"0")
    if not significant:
        return b"0"
    zeros = len(digits) - len(significant) - len(fraction) + _bounded(exponent or b"0")
    return sign + significant + (b"0" * zeros if zeros >= 0 else b"e%d" % zeros)


def _bounded(exponent: bytes) -> int:
    """An exponent; one of many digits is as good as any large one: no number is as long."""
    digits = exponent.lstrip(b"+-").lstrip(b"0")
    size = int(digits or b"0") if len(digits) < _MOST_DIGITS else 10**_MOST_DIGITS
    return -size if exponent.startswith(b"-") else size


def _bigint(value: object, raw: bytes) -> Coerced:
    whole = whole_number(raw) if type(value) in {int, float} else None
    # Plain digits: the JSON SerDe reads any other form by way of a double.
    return (MISMATCH, raw) if whole is None else (whole, b"%d" % whole)


def _double(value: object, raw: bytes) -> Coerced:
    if type(value) is float:
        return value, raw
    if type(value) is int:
        try:
            # A whole number has no negative zero; some readers of `-0` see one.
            return float(value), raw if raw != b"-0" else b"0"
        except OverflowError:
            pass
    return MISMATCH, raw


def _boolean(value: object, raw: bytes) -> Coerced:
    return (value, raw) if type(value) is bool else (MISMATCH, raw)


def _timestamp(formats: tuple[TimeFormat, ...]) -> Coercion:
    def coercion(value: object, raw: bytes) -> Coerced:
        if type(value) is str:
            found = instant_of(formats, value, is_text=True)
        elif type(value) in _NUMBERS:
            found = instant_of(formats, raw.decode(), is_text=False)
        else:
            found = None
        if found is None:
            return MISMATCH, raw
        millis, as_sent = found
        return millis, raw if as_sent else b'"%s"' % write_instant(millis).encode()

    return coercion


def _json(_value: object, raw: bytes) -> Coerced:
    return compact(raw).decode(), raw


_COERCIONS: Final[dict[ColumnType, Coercion]] = {
    "string": _string,
    "bigint": _bigint,
    "double": _double,
    "boolean": _boolean,
    "json": _json,
}


def coercion_of(column: Column) -> Coercion:
    """What becomes of the values of a column."""
    if column.type == "timestamp":
        return _timestamp(column.time_formats)
    return _COERCIONS[column.type]


RawCoercion = Callable[[bytes], Coerced]


def raw_coercion_of(column: Column) -> RawCoercion:
    """What becomes of the raw JSON values of a column, by its type.

    Its answers are the value for the Parquet column (None for JSON null, `MISMATCH` where it does
    not fit; timestamps as UTC milliseconds) and the raw JSON for the JSON line.
    """
    coercion = coercion_of(column)

    def of_raw(raw: bytes) -> Coerced:
        value = _decode(raw)
        return (None, raw) if value is None else coercion(value, raw)

    return of_raw


def judged_coercion_of(column: Column) -> RawCoercion:
    """The same, and `MISMATCH` also where a value breaks a rule of the column."""
    coercion, check = raw_coercion_of(column), column.quality.check()

    def of_raw(raw: bytes) -> Coerced:
        found, text = coercion(raw)
        if check is None or found is None or found is MISMATCH or check(found) is None:
            return found, text
        return MISMATCH, raw

    return of_raw
