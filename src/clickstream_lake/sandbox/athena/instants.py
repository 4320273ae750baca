"""Trino's `from_iso8601_timestamp` and `from_iso8601_date` for DuckDB.

Trino reads with Joda-Time's `ISODateTimeFormat.dateTimeParser()`, in the session's time zone, which
is UTC. Some texts that a cast of DuckDB takes fail a query there, and the other way round.
"""

import re
from datetime import date
from typing import TYPE_CHECKING, Final

import pyarrow as pa
from duckdb.func import FunctionNullHandling, PythonUDFType

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    import duckdb

_PATTERN: Final = re.compile(
    r"""
    (?P<date> (?P<year> [+-]?\d{1,9} )
      (?: -W (?P<week> \d\d? ) (?: - (?P<weekday> \d ) )?
        | - (?P<ordinal> \d{3} )
        | - (?P<month> \d\d? ) (?: - (?P<day> \d\d? ) )?
      )?
    )?
    (?: T
      (?P<time> \d\d? (?: : \d\d? ){0,2} )? (?P<fraction> (?<=\d) [.,] \d{1,9} )?
      (?P<zone> Z | [+-] \d\d (?: : \d\d (?: : \d\d (?: [.,] \d{1,3} )? )?
                                | \d\d (?: \d\d \d{0,3} )? )? )?
    )?
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
_UNITS: Final = (3_600_000, 60_000, 1_000)
_UNIX_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAYS_OF_400_YEARS: Final = 146_097
# Trino packs milliseconds into 52 bits, beside a zone of whole minutes up to 14 hours.
_MOST_MILLIS: Final = 2**51
_WIDEST_OFFSET: Final = 14 * 3_600_000
# Forms that nearly all texts have, with a time of day in them: DuckDB's cast is faster, and agrees.
_PLAIN: Final = (
    "[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]{1,6})?"
    "(?:Z|[+-](?:0[0-9]|1[0-3]):[0-5][0-9])"
)
MACROS: Final = (
    f"""trino_from_iso8601_timestamp(s) AS coalesce(
        CASE WHEN regexp_full_match(s, '{_PLAIN}')
        THEN date_trunc('millisecond', TRY_CAST(s AS TIMESTAMPTZ)) END,
        joda_instant(s))""",
    "trino_from_iso8601_date(s) AS joda_date(s)",
)


def register(database: "duckdb.DuckDBPyConnection") -> None:
    """Define the functions that the macros call."""
    for name, function, kind in [
        ("joda_instant", _instants, "TIMESTAMPTZ"),
        ("joda_date", _dates, "DATE"),
    ]:
        database.create_function(
            name,
            function,
            ["VARCHAR"],
            kind,
            type=PythonUDFType.ARROW,
            null_handling=FunctionNullHandling.SPECIAL,
        )


def _instants(texts: "pa.ChunkedArray") -> pa.Array:
    micros = [None if text is None else 1_000 * joda_millis(text) for text in texts.to_pylist()]
    return pa.array(micros, pa.timestamp("us", tz="UTC"))


def _dates(texts: "pa.ChunkedArray") -> pa.Array:
    days = [None if text is None else _joda_days(text) for text in texts.to_pylist()]
    return pa.array(days, pa.int32()).cast(pa.date32())


def _joda_days(text: str) -> int:
    match = _PATTERN.fullmatch(text)
    days = _days(match) if match and match["date"] == text else None
    if days is None:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{text}"')
    return days


def joda_millis(text: str) -> int:
    """Milliseconds since 1970 of a text.

    Raises:
        QueryError: the function fails the query.
    """
    match = _PATTERN.fullmatch(text)
    if match is None or not (match["date"] or match["time"]):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{text}"')
    days = _days(match) if match["date"] else 0
    time, offset = _time(match), _offset(match["zone"] or "Z")
    if days is None or time is None or offset is None:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f'Cannot parse "{text}"')
    millis = days * 24 * _UNITS[0] + time - offset
    if not -_MOST_MILLIS <= millis < _MOST_MILLIS:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Millis overflow: {millis}")
    if abs(offset) > _WIDEST_OFFSET or offset % _UNITS[1]:
        raise QueryError("NOT_SUPPORTED", f"Time zone not supported: {match['zone']}")
    return millis


def _days(match: re.Match[str]) -> int | None:
    """Days since 1970 of the date, which may be in any year, or None if there is no such day."""
    # The calendar repeats itself, weeks included; Python's has four digits.
    cycles, year = divmod(int(match["year"]) - 400, 400)
    year += 400
    try:
        if match["week"]:
            found = date.fromisocalendar(year, int(match["week"]), int(match["weekday"] or 1))
        else:
            found = date(year, int(match["month"] or 1), int(match["day"] or 1))
    except ValueError:
        return None
    days = found.toordinal() - _UNIX_EPOCH + cycles * _DAYS_OF_400_YEARS
    if match["ordinal"]:
        days += int(match["ordinal"]) - 1
        length = date(year + 1, 1, 1).toordinal() - date(year, 1, 1).toordinal()
        return days if 1 <= int(match["ordinal"]) <= length else None
    return days


def _time(match: re.Match[str]) -> int | None:
    """Milliseconds of the day; the last part may have a fraction."""
    parts = [int(part) for part in (match["time"] or "0").split(":")]
    if parts[0] > 23 or max(parts[1:], default=0) > 59:  # noqa: PLR2004 - of a day
        return None
    millis = sum(part * unit for part, unit in zip(parts, _UNITS, strict=False))
    # Joda-Time adds up tenths of a millisecond, and cuts what each digit gives.
    unit, tenths = _UNITS[len(parts) - 1], 0
    for digit in (match["fraction"] or " ")[1:]:
        tenths += int(digit) * unit
        unit //= 10
    return millis + tenths // 10


def _offset(zone: str) -> int | None:
    """Milliseconds that a zone is ahead of UTC."""
    digits = re.sub(r"\D", "", zone)
    hours, minutes, seconds = (int(digits[at : at + 2] or 0) for at in (0, 2, 4))
    if hours > 23 or minutes > 59 or seconds > 59:  # noqa: PLR2004 - the same
        return None
    millis = sum(map(int.__mul__, (hours, minutes, seconds), _UNITS))
    millis += int(digits[6:].ljust(3, "0"))
    return -millis if zone.startswith("-") else millis
