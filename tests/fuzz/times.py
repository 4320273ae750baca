"""What `docs/data-rules.md` says of timestamps, for the oracle: by Python's own calendar."""

import re
from datetime import UTC, datetime, time, timedelta
from decimal import Context, Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXACT = Context(prec=10_000)  # more digits than any number here
UNITS = (3_600_000, 60_000, 1_000)


def moment(value: str, *, text: bool) -> tuple[datetime, str]:
    """The instant of a text or number, in milliseconds, and what the JSON line has.

    As the packaged catalog has it: ISO 8601, SQL, and seconds or milliseconds by their size.

    Raises:
        ValueError: it is none.
        OverflowError: it is none, either.
    """
    if text:
        try:
            return instant(value), value
        except (ValueError, OverflowError):
            pass
    if text and re.fullmatch(r"[0-9-]{10} [0-9:]{8}(\.[0-9]{1,9})?", value):
        found = instant(value.replace(" ", "T"))
    elif re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
        # An exponent of many digits is too much for Decimal, and makes as much of a number.
        number = Decimal(re.sub("(?<=[eE])([+-]?)0*[1-9][0-9]{9,}", r"\g<1>999999999", value))
        if not 0 <= number < 10**14:
            raise ValueError(value)
        millis = EXACT.multiply(number, 1000 if number < 10**11 else 1)
        found = EPOCH + timedelta(milliseconds=int(millis))
    else:
        raise ValueError(value)
    return found, found.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant(text: str) -> datetime:
    """An ISO 8601 text as UTC, in milliseconds: what Athena's `from_iso8601_timestamp` takes.

    Raises:
        ValueError: it is none.
        OverflowError: it is not in the years 1 to 9999.
    """
    found = re.fullmatch(r"([^T]*)(T([0-9:.,]*)(Z|[+-].*)?)?", text.upper(), re.DOTALL)
    if found is None or not text.isascii() or not (found[1] or found[3]):
        raise ValueError(text)
    return (day(found[1]) if found[1] else EPOCH) + clock(found[3] or "") - offset(found[4] or "Z")


def day(text: str) -> datetime:
    """A date, of which all but the year may be missing."""
    found = re.fullmatch(r"\+?([0-9]{1,9})(-.*)?", text, re.DOTALL)
    if found is None:
        raise ValueError(text)
    year, rest = int(found[1]), found[2] or ""
    numbers = [int(part) for part in re.findall("[0-9]+", rest)]
    first = datetime(year, 1, 1, tzinfo=UTC)
    if re.fullmatch("-[0-9]{3}", rest):
        of_year = first + timedelta(days=numbers[0] - 1)
        if of_year.year != year:
            raise ValueError(text)
        return of_year
    if re.fullmatch("-W[0-9]{1,2}(-[0-9])?", rest):
        return datetime.fromisocalendar(year, *[*numbers, 1][:2]).replace(tzinfo=UTC)
    if not re.fullmatch("(-[0-9]{1,2}){0,2}", rest):
        raise ValueError(text)
    month, of_month = [*numbers, 1, 1][:2]
    return datetime(year, month, of_month, tzinfo=UTC)


def clock(text: str) -> timedelta:
    """The time of a day; its last part may have a fraction, of which each digit is cut."""
    if not text:
        return timedelta()
    found = re.fullmatch(r"([0-9]{1,2}(?::[0-9]{1,2}){0,2})(?:[.,]([0-9]{1,9}))?", text)
    if found is None:
        raise ValueError(text)
    parts = [int(part) for part in found[1].split(":")]
    time(*parts)
    unit = UNITS[len(parts) - 1]
    tenths = sum(int(digit) * (unit // 10**place) for place, digit in enumerate(found[2] or ""))
    millis = sum(part * unit for part, unit in zip(parts, UNITS, strict=False))
    return timedelta(milliseconds=millis + tenths // 10)


def offset(text: str) -> timedelta:
    """The time that a zone is ahead of UTC."""
    if text == "Z":
        return timedelta()
    found = re.fullmatch(
        "[+-]([0-9]{2})(?:([0-9]{2})(?:000{0,3})?|:([0-9]{2})(?::00(?:[.,]0{1,3})?)?)?", text
    )
    if found is None:
        raise ValueError(text)
    minutes = int(found[2] or found[3] or 0)
    ahead = timedelta(hours=int(found[1]), minutes=minutes)
    if minutes > 59 or ahead > timedelta(hours=14):
        raise ValueError(text)
    return -ahead if text[0] == "-" else ahead
