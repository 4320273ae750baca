"""When the generated events happen: instants as integers, warped to the hours of a day."""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from itertools import accumulate

# Visits started in each hour of the day, UTC, relative to each other.
_HOURLY = (6, 4, 3, 2, 2, 3, 5, 8, 11, 13, 14, 14, 15, 14, 13, 13, 14, 16, 19, 22, 23, 20, 15, 10)
_HOUR_STARTS = tuple(accumulate(_HOURLY, initial=0))

_DAY_MS = 86_400_000

_TWO = tuple(f"{n:02d}" for n in range(60))
_MINUTES = tuple(f"{n // 60:02d}:{n % 60:02d}" for n in range(1440))


class Calendar:
    """Turns positions in the span (0 to 1) into instants, and instants into text."""

    def __init__(self, start: datetime, days: float) -> None:
        """Cover `days` from `start`, which is UTC when it has no offset."""
        zoned = start if start.tzinfo else start.replace(tzinfo=UTC)
        self._midnight = zoned.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        self._first = int((zoned - self._midnight) / timedelta(milliseconds=1))
        self._span = int(days * _DAY_MS)
        self.last = self._first + self._span - 1
        self._dates: dict[int, str] = {}

    def at(self, position: float) -> int:
        """Milliseconds since the midnight before the start, warped to the hours of the day."""
        instant = self._first + int(position * self._span)
        day, within = divmod(instant, _DAY_MS)
        if self._span >= _DAY_MS:
            within = _busy_time(within / _DAY_MS)
        return min(max(day * _DAY_MS + within, self._first), self.last)

    def moment(self, instant: int) -> datetime:
        """The instant as a datetime, UTC."""
        return self._midnight + timedelta(milliseconds=instant)

    def text(self, instant: int) -> str:
        """ISO-8601 with milliseconds and `Z`."""
        day, within = divmod(instant, _DAY_MS)
        date = self._dates.get(day)
        if date is None:
            date = self._dates[day] = (self._midnight + timedelta(days=day)).strftime("%Y-%m-%dT")
        minute, rest = divmod(within, 60_000)
        second, milli = divmod(rest, 1000)
        return f"{date}{_MINUTES[minute]}:{_TWO[second]}.{milli:03d}Z"


def _busy_time(share: float) -> int:
    """The time of day (ms) before which `share` of a day's visits have started."""
    target = share * _HOUR_STARTS[-1]
    hour = min(bisect_right(_HOUR_STARTS, target) - 1, 23)
    return int((hour + (target - _HOUR_STARTS[hour]) / _HOURLY[hour]) * 3_600_000)
