"""Trino's functions over dates and times that DuckDB answers otherwise, or not at all."""

import math
import re
from datetime import date, datetime
from typing import Final
from zoneinfo import available_timezones

from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError

_DATE: Final = re.compile(r"\s*([+-]?\d{1,6})-(\d{1,2})-(\d{1,2})\s*", re.ASCII)
# Years that a datetime cannot have: with a sign, of five digits, or none.
_FAR: Final = re.compile(r"(?:[+-]\d+|\d{5,}|0000)-\d\d?-\d\d?(?:[ T].*)?")
_TIMESTAMP: Final = re.compile(
    r"\s*(\d{4})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,12}))?)?)?\s*",
    re.ASCII,
)
_ZONED: Final = re.compile(
    r"\d{4}-\d\d?-\d\d?(?: \d\d?:\d\d?(?::\d\d?(?:\.\d+)?)?)?[ ]?(\S*)", re.ASCII
)
_LEAST_YEAR, _MOST_YEAR = 1, 9999


def known_zone(name: str) -> str:
    """Check the name of a time zone, and give it as it is shown.

    Raises:
        QueryError: there is no such zone, or it is an offset.
    """
    if name in {"UTC", "Z"}:
        return "UTC"
    if re.fullmatch(r"[+-]\d\d:?\d\d|GMT.*|UT[C]?[+-].*", name):
        raise unsupported(f"The time zone {name}")
    if "/" in name and name in available_timezones() and not name.startswith("Etc/"):
        return name
    if name in available_timezones():
        raise unsupported(f"The time zone {name}")
    raise QueryError("INVALID_FUNCTION_ARGUMENT", f"'{name}' is not a valid time zone")


def _date(text: str) -> date:
    match = _DATE.fullmatch(text)
    try:
        if match:
            year = int(match[1])
            if _LEAST_YEAR <= year <= _MOST_YEAR:
                return date(year, int(match[2]), int(match[3]))
            raise unsupported(f"The year of {text}")
    except ValueError:
        pass
    raise QueryError("INVALID_CAST_ARGUMENT", f"Value cannot be cast to date: {text}")


def _timestamp(text: str) -> datetime:
    match = _TIMESTAMP.fullmatch(text)
    try:
        if match and len(match[7] or "") <= 6:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
            micros = int((match[7] or "").ljust(6, "0"))
            return datetime(year, month, day, hour, minute, second, micros)  # noqa: DTZ001 - has none
    except ValueError:
        pass
    if (match and match[7]) or _ZONED.fullmatch(text) or _FAR.fullmatch(text):
        raise unsupported(f"A cast of '{text}' to timestamp")
    raise QueryError("INVALID_CAST_ARGUMENT", f"Value cannot be cast to timestamp: {text}")


def _human(seconds: float) -> str:
    if not math.isfinite(seconds):
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid argument found: {seconds}")
    # More than a `long` has is its most, as in Java.
    rest = min(abs(int(seconds + (0.5 if seconds >= 0 else -0.5))), 2**63 - 1)
    parts = []
    for word, size in (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count} {word}{'s' if count != 1 else ''}")
    if rest or not parts:
        parts.append(f"{rest} second{'s' if rest != 1 else ''}")
    return ", ".join(parts)


def _interval(millis: int) -> str:
    sign, rest = ("-" if millis < 0 else ""), abs(millis)
    days, rest = divmod(rest, 86_400_000)
    hours, rest = divmod(rest, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    seconds, millis = divmod(rest, 1000)
    return f"{sign}{days} {hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}"


def _months(months: int) -> str:
    years, rest = divmod(abs(months), 12)
    return f"{'-' if months < 0 else ''}{years}-{rest}"


_FORMAT: Final = {
    "%a": "%a", "%b": "%b", "%c": "%-m", "%d": "%d", "%e": "%-d", "%f": "%g000", "%H": "%H",
    "%h": "%I", "%I": "%I", "%i": "%M", "%j": "%j", "%k": "%-H", "%l": "%-I", "%M": "%B",
    "%m": "%m", "%p": "%p", "%r": "%I:%M:%S %p", "%S": "%S", "%s": "%S", "%T": "%H:%M:%S",
    "%v": "%V", "%W": "%A", "%Y": "%Y", "%y": "%y", "%%": "%%",
}  # fmt: skip
_JODA: Final = {
    "yyyy": "%Y", "YYYY": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dd": "%d",
    "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S",
    "s": "%-S", "SSS": "%g", "EEEE": "%A", "EEE": "%a", "E": "%a", "a": "%p", "DDD": "%j",
    "ww": "%V", "xxxx": "%G", "e": "%u",
}  # fmt: skip
_JODA_TOKEN: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


def mysql_format(pattern: str) -> str:
    """Spell a pattern of `date_format` for strftime."""
    if not pattern:
        raise unsupported("An empty date pattern")

    def token(match: re.Match[str]) -> str:
        if match[0] not in _FORMAT:
            if match[0][1:].isalpha() and match[0] not in {
                "%D",
                "%U",
                "%u",
                "%V",
                "%w",
                "%X",
                "%x",
            }:
                return match[0][1:]
            raise unsupported(f"The date pattern {match[0]}")
        return _FORMAT[match[0]]

    return re.sub("%.?", token, pattern, flags=re.DOTALL)


def joda_format(pattern: str) -> str:
    """Spell a pattern of `format_datetime` for strftime."""

    def token(match: re.Match[str]) -> str:
        if match[2]:
            if match[0] not in _JODA:
                raise unsupported(f"The date pattern letters {match[0]}")
            return _JODA[match[0]]
        plain = (match[1] or "").replace("''", "'") or "'" if match[0].startswith("'") else match[0]
        return plain.replace("%", "%%")

    if not pattern:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", "Invalid pattern specification")
    return _JODA_TOKEN.sub(token, pattern)


# Fields that a pattern may parse: a form of their texts, and their parts of a timestamp.
_PARSED: Final = {
    "%Y": (r"(?P<year>[+-]?\d{1,4})"),
    "%m": (r"(?P<month>\d{1,2})"), "%-m": (r"(?P<month>\d{1,2})"),
    "%d": (r"(?P<day>\d{1,2})"), "%-d": (r"(?P<day>\d{1,2})"),
    "%H": (r"(?P<hour>\d{1,2})"), "%-H": (r"(?P<hour>\d{1,2})"),
    "%M": (r"(?P<minute>\d{1,2})"), "%-M": (r"(?P<minute>\d{1,2})"),
    "%S": (r"(?P<second>\d{1,2})"), "%-S": (r"(?P<second>\d{1,2})"),
    "%g": (r"(?P<micro>\d{1,6})"),
    "%T": "",
}  # fmt: skip
_FIELD: Final = re.compile(r"%-?[A-Za-z%]")


def parser(pattern: str) -> str:
    """Turn a pattern for strftime into a regular expression that takes what Joda-Time parses."""
    if not pattern:
        raise unsupported("Parsing with an empty date pattern")
    pattern = pattern.replace("%g000", "%g").replace("%H:%M:%S %p", "%r")
    form, at = "", 0
    for match in _FIELD.finditer(pattern):
        form += re.escape(pattern[at : match.start()])
        at = match.end()
        if match[0] == "%%":
            form += "%"
        elif match[0] not in _PARSED or _PARSED[match[0]].split(">")[0] + ">" in form:
            raise unsupported(f"Parsing with the date pattern {match[0]}")
        else:
            form += _PARSED[match[0]]
    return form + re.escape(pattern[at:])


def _parsed(text: str, form: str) -> datetime:
    match = re.fullmatch(form, text, re.ASCII | re.DOTALL)
    if match is None:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f'Invalid format: "{text}"')
    parts = match.groupdict()
    micros = (parts.get("micro") or parts.get("milli") or "").ljust(6, "0")
    year = int(parts.get("year") or 1970)
    if not _LEAST_YEAR <= year <= _MOST_YEAR:
        raise unsupported(f"The year of {text}")
    try:
        return datetime(  # noqa: DTZ001 - has none
            year,
            int(parts.get("month") or 1),
            int(parts.get("day") or 1),
            int(parts.get("hour") or 0),
            int(parts.get("minute") or 0),
            int(parts.get("second") or 0),
            int(micros) // 1000 * 1000,
        )
    except ValueError:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f'Cannot parse "{text}"') from None


FUNCTIONS: Final = (
    ("trino_date", _date, ["VARCHAR"], "DATE"),
    ("trino_timestamp", _timestamp, ["VARCHAR"], "TIMESTAMP"),
    ("trino_human_seconds", _human, ["DOUBLE"], "VARCHAR"),
    ("trino_months_text", _months, ["INTEGER"], "VARCHAR"),
    ("trino_interval_text", _interval, ["BIGINT"], "VARCHAR"),
    ("trino_parse_time", _parsed, ["VARCHAR", "VARCHAR"], "TIMESTAMP"),
)
# Whole units between two timestamps, as Joda-Time counts them.
MACROS: Final = (
    "trino_months_up(a, b) AS date_diff('month', a, b) - CASE WHEN a + to_months(CAST(date_diff('month', a, b) AS INTEGER)) > b THEN 1 ELSE 0 END",
    """trino_months(a, b) AS CASE WHEN b >= a THEN trino_months_up(a, b) ELSE -trino_months_up(b, a) END""",
    "trino_units(a, b, n) AS CAST((epoch_ms(b) - epoch_ms(a)) // CAST(n AS BIGINT) AS BIGINT)",
)
