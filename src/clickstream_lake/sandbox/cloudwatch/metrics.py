"""What was measured, minute by minute, and the statistics of it."""

import threading
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: namespace, name and exactly these dimensions make it."""

    namespace: str
    name: str
    dimensions: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "Metric":
        """The metric with these dimensions."""
        return cls(namespace, name, frozenset(dimensions.items()))


@dataclass(slots=True)
class Values:
    """Values that were put together: how many, their sum, the smallest and the largest."""

    count: float = 0.0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def take(self, other: "Values") -> None:
        """Add others to these."""
        self.count += other.count
        self.total += other.total
        self.least = min(self.least, other.least)
        self.most = max(self.most, other.most)

    def statistic(self, name: str) -> float:
        """One of CloudWatch's statistics.

        Raises:
            KeyError: it is none that the sandbox knows, such as a percentile.
        """
        return {
            "SampleCount": self.count,
            "Sum": self.total,
            "Minimum": self.least,
            "Maximum": self.most,
            "Average": self.total / self.count,
        }[name]


class Metrics:
    """Everything that was measured; may be used from any thread.

    A minute is the smallest thing it knows, as with CloudWatch's usual metrics.
    """

    def __init__(self) -> None:
        self._minutes: dict[Metric, dict[int, Values]] = defaultdict(dict)
        self._lock = threading.Lock()

    def add(self, metric: Metric, value: float, at: datetime) -> None:
        """Put one value to those of its minute."""
        self.take(metric, Values(1, value, value, value), at)

    def take(self, metric: Metric, values: Values, at: datetime) -> None:
        """Put several values, of which only the sums are known, to those of their minute."""
        minute = int(at.timestamp()) // MINUTE
        with self._lock:
            self._minutes[metric].setdefault(minute, Values()).take(values)

    def known(self) -> list[Metric]:
        """Every metric that has a value."""
        with self._lock:
            return list(self._minutes)

    def between(self, metric: Metric, start: float, end: float) -> Values | None:
        """What was measured in the minutes that began in a time, or None if nothing was.

        Args:
            metric: the metric.
            start: seconds since the epoch, from which on a minute counts.
            end: likewise, from which on none counts any more.
        """
        with self._lock:
            minutes = self._minutes.get(metric, {})
            asked = range(-int(-start // MINUTE), -int(-end // MINUTE))
            found = [minutes[minute] for minute in asked if minute in minutes]
            if not found:
                return None
            return Values(
                sum([each.count for each in found]),
                sum([each.total for each in found]),
                min([each.least for each in found]),
                max([each.most for each in found]),
            )

    def series(
        self, metric: Metric, statistic: str, period: int, end: float, points: int
    ) -> list[float | None]:
        """The last data points before an instant, the oldest first; None where there is none.

        Args:
            metric: the metric.
            statistic: of the values of each period.
            period: seconds, a multiple of 60.
            end: seconds since the epoch, where the last period ends; the minute that has begun
                belongs to it.
            points: how many.

        Raises:
            KeyError: the statistic is none that the sandbox knows.
        """
        ends = (end - number * period for number in reversed(range(points)))
        found = (self.between(metric, each - period, each) for each in ends)
        return [values.statistic(statistic) if values else None for values in found]
