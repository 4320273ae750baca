"""When EventBridge Scheduler's expressions are due: `rate(…)`, `cron(…)` and `at(…)`.

Pure functions. A schedule is asked whether it was due between two instants.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """An expression that EventBridge Scheduler would refuse, or that the sandbox does not know."""


def due(expression: str, after: datetime, until: datetime, zone: str = "UTC") -> bool:
    """Whether a schedule falls due after `after` and not after `until`.

    A rate is counted from the epoch, so that it needs no memory.

    Raises:
        ScheduleError: for an expression of another form.
    """
    if found := _RATE.fullmatch(expression):
        period = timedelta(**{f"{found[2]}s": int(found[1])}).total_seconds()
        return after.timestamp() // period != until.timestamp() // period
    if found := _AT.fullmatch(expression):
        return after < datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(zone)) <= until
    if found := _CRON.fullmatch(expression):
        fields = found.groups()
        moment = (after.astimezone(UTC) + _MINUTE).replace(second=0, microsecond=0)
        while moment <= until:
            if _matches(fields, moment.astimezone(ZoneInfo(zone))):
                return True
            moment += _MINUTE
        return False
    raise ScheduleError(f"{expression!r} is no rate(…), cron(…) or at(…) that the sandbox knows")


def _matches(fields: tuple[str, ...], moment: datetime) -> bool:
    minute, hour, day, month, weekday, year = fields
    return (
        moment.minute in _values(minute, 0, 59)
        and moment.hour in _values(hour, 0, 23)
        and moment.day in _values(day, 1, 31)
        and moment.month in _values(month, 1, 12, _MONTHS)
        and moment.isoweekday() % 7 + 1 in _values(weekday, 1, 7, _WEEKDAYS)
        and moment.year in _values(year, 1970, 2199)
    )


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """The numbers that a field of a cron expression stands for."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in {"*", "?"}:
            first, last = low, high
        else:
            bounds = [_number(text, names) for text in span.split("-")]
            first, last = bounds[0], (high if step and len(bounds) == 1 else bounds[-1])
        if not (low <= first <= high and low <= last <= high):
            raise ScheduleError(
                f"{field!r} is no field from {low} to {high} that the sandbox knows"
            )
        values.update(range(first, last + 1, int(step or 1)))
    return values


def _number(text: str, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not text.isdecimal():
        raise ScheduleError(f"{text!r} is no number that the sandbox knows")
    return int(text)
