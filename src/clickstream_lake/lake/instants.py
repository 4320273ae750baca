"""Texts and numbers that say an instant -> milliseconds since 1970-01-01T00:00:00Z, and back.

The grammars are the lake's own, so that no Python and no library changes what a column takes. ISO
8601 is what Athena's `from_iso8601_timestamp` takes, which is what Joda-Time takes. The kernel's
`native/instant.c` says the same in C.
"""

import calendar
import re
from datetime import date
from typing import Final

from clickstream_lake.lake.catalog import TimeFormat

_EPOCH: Final = date(1970, 1, 1).toordinal()
_HOUR: Final = 3_600_000
_MINUTE: Final = 60_000
_SECOND: Final = 1_000
_DAY: Final = 24 * _HOUR
_FIRST: Final = (date.min.toordinal() - _EPOCH) * _DAY
_LAST: Final = (date.max.toordinal() - _EPOCH + 1) * _DAY - 1
# Trino's zones end at 14 hours: https://trino.io/docs/current/language/types.html
_WIDEST_OFFSET: Final = 14 * _HOUR

# Joda-Time's ISODateTimeFormat.dateTimeParser(). A zone of Trino has no seconds, so those of an
# offset are zero.
_ISO: Final = re.compile(
    r"""
    (?P<date> (?P<year> [+-]?\d{1,9} )
       (?: -[Ww] (?P<week> \d\d? ) (?: - (?P<weekday> \d ) )?
         | - (?P<ordinal> \d{3} )
         | - (?P<month> \d\d? ) (?: - (?P<day> \d\d? ) )? )? )?
    (?P<time> [Tt]
       (?: (?P<hour> \d\d? )
           (?: [.,] (?P<of_hour> \d{1,9} )
             | : (?P<minute> \d\d? )
               (?: [.,] (?P<of_minute> \d{1,9} )
                 | : (?P<second> \d\d? ) (?: [.,] (?P<of_second> \d{1,9} ) )? )? )? )?
       (?: [Zz]
         | (?P<sign> [+-] ) (?P<hours> \d\d )
           (?: : (?P<minutes> \d\d ) (?: :00 (?: [.,]0{1,3} )? )?
             | (?P<digits> \d\d ) (?: 000{0,3} )? )? )? )?
    """,
    re.ASCII | re.VERBOSE,
)
# A text with a blank instead of `T`, in UTC.
_SQL: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?", re.ASCII)
_NUMBER: Final = re.compile(r"(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?)0*(\d+))?", re.ASCII)
# An exponent of more digits moves the point out of any text.
_MOST_EXPONENT_DIGITS: Final = 10
# A number of more digits before its point is no millisecond of the years 1 to 9999.
_MOST_DIGITS: Final = 15
# The power of ten that makes milliseconds of a unit.
_POWERS: Final[dict[TimeFormat, int]] = {
    "epoch_s": 3,
    "epoch_ms": 0,
    "epoch_us": -3,
    "epoch_ns": -6,
}
# Without a unit, a number is seconds below 10^11, milliseconds below 10^14.
_MOST_SECONDS_DIGITS: Final = 11
_MOST_MILLISECONDS_DIGITS: Final = 14


def instant_of(
    formats: tuple[TimeFormat, ...], text: str, *, is_text: bool
) -> tuple[int, bool] | None:
    """The instant that a JSON text or number says in one of some formats, or None.

    What is finer than a millisecond is cut, toward the past. Day and instant lie in the years 1 to
    9999.

    Args:
        formats: what may be meant. A text that is ISO 8601 and a number is ISO 8601 (a year).
        text: the decoded text, or the number as it was sent.
        is_text: whether it was a text.

    Returns:
        UTC milliseconds, and whether the JSON line keeps the text as it was sent.
    """
    if is_text:
        if "iso" in formats and (millis := _iso(text)) is not None:
            return millis, True
        if "sql" in formats and (millis := _sql(text)) is not None:
            return millis, False
    for name in formats:
        if name not in {"iso", "sql"}:
            return None if (millis := _epoch(name, text)) is None else (millis, False)
    return None


def write_instant(millis: int) -> str:
    """The ISO 8601 text of an instant in the years 1 to 9999: `2025-11-26T10:00:00.000Z`."""
    days, rest = divmod(millis, _DAY)
    seconds, fraction = divmod(rest, _SECOND)
    minutes, second = divmod(seconds, 60)
    day = date.fromordinal(_EPOCH + days).isoformat()
    return f"{day}T{minutes // 60:02}:{minutes % 60:02}:{second:02}.{fraction:03}Z"


def _iso(text: str) -> int | None:
    match = _ISO.fullmatch(text)
    if match is None or not (match["date"] or match["hour"]):
        return None
    day = _day(match) if match["date"] else _EPOCH
    time = _time(match)
    if day is None or time is None:
        return None
    offset = int(match["hours"] or 0) * _HOUR
    minutes = int(match["minutes"] or match["digits"] or 0)
    offset += minutes * _MINUTE
    if minutes > 59 or offset > _WIDEST_OFFSET:  # noqa: PLR2004 - minutes of an hour
        return None
    millis = (day - _EPOCH) * _DAY + time - (-offset if match["sign"] == "-" else offset)
    return millis if _FIRST <= millis <= _LAST else None


def _day(match: re.Match[str]) -> int | None:
    """The ordinal of a date; of a year or month alone its first day."""
    year = int(match["year"])
    try:
        if week := match["week"]:
            return date.fromisocalendar(year, int(week), int(match["weekday"] or 1)).toordinal()
        if ordinal := match["ordinal"]:
            day = date(year, 1, 1).toordinal() + int(ordinal) - 1
            return day if 1 <= int(ordinal) <= 365 + calendar.isleap(year) else None
        return date(year, int(match["month"] or 1), int(match["day"] or 1)).toordinal()
    except (ValueError, OverflowError):  # the 30th of February, the 53rd week, the year 0
        return None


def _time(match: re.Match[str]) -> int | None:
    """Milliseconds of a day."""
    hour, minute, second = (int(match[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 23 or minute > 59 or second > 59:  # noqa: PLR2004 - of a day
        return None
    return (
        hour * _HOUR
        + minute * _MINUTE
        + second * _SECOND
        + _cut(match["of_hour"], _HOUR)
        + _cut(match["of_minute"], _MINUTE)
        + _cut(match["of_second"], _SECOND)
    )


def _cut(fraction: str | None, unit: int) -> int:
    """Whole milliseconds of a fraction of a unit, as Joda-Time adds them up: each digit is cut."""
    tenths = 0
    for digit in fraction or "":
        tenths += int(digit) * unit
        unit //= 10
    return tenths // 10


def _sql(text: str) -> int | None:
    return _iso(text.replace(" ", "T")) if _SQL.fullmatch(text) else None


def _epoch(name: TimeFormat, text: str) -> int | None:
    """Decided on the digits as they are written: a double would round them."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    minus, whole, fraction, sign, exponent = match.groups(default="")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 0
    power = 10**_MOST_EXPONENT_DIGITS
    if len(exponent) <= _MOST_EXPONENT_DIGITS:
        power = int(exponent or 0)
    # The number is 0.digits times 10 to the power of `point`.
    point = len(digits) - len(fraction) + (-power if sign == "-" else power)
    if name == "auto_epoch":
        if minus or point > _MOST_MILLISECONDS_DIGITS:
            return None
        name = "epoch_s" if point <= _MOST_SECONDS_DIGITS else "epoch_ms"
    point += _POWERS[name]
    if point > _MOST_DIGITS:
        return None
    kept = max(point, 0)
    millis = int(digits[:kept].ljust(kept, "0") or 0)
    if minus:
        millis = -millis - bool(digits[kept:].strip("0"))
    return millis if _FIRST <= millis <= _LAST else None
