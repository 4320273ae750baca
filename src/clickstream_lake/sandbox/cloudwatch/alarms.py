"""When an alarm rings, by the rules of "Using Amazon CloudWatch alarms" in AWS's user guide.

An alarm is looked at each minute, over periods that end then. It sees a few more periods than it
judges by, and fills in what is missing only where those do not hold enough data points.
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from clickstream_lake.sandbox.cloudwatch.expressions import (
    ExpressionError,
    Point,
    Series,
    compute,
)
from clickstream_lake.sandbox.cloudwatch.metrics import MINUTE, Metric, Metrics

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]

# AWS says only that it depends; in the guide's examples three periods are judged, and five seen.
_FURTHER_PERIODS: Final = 2
_OPERATORS: Final[dict[str, tuple[str, Callable[[float, float], bool]]]] = {
    "GreaterThanThreshold": (">", operator.gt),
    "GreaterThanOrEqualToThreshold": (">=", operator.ge),
    "LessThanThreshold": ("<", operator.lt),
    "LessThanOrEqualToThreshold": ("<=", operator.le),
}


class DefinitionError(ValueError):
    """An alarm that the sandbox cannot judge."""


@dataclass(frozen=True, slots=True)
class Query:
    """One metric or expression that an alarm looks at; exactly one of the two is set."""

    id: str
    metric: Metric | None = None
    statistic: str = ""
    expression: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """What CloudWatch knows of an alarm.

    Attributes:
        result: id of the query whose value is compared.
        period: seconds.
        periods: how many are judged; `to_alarm` of them have to breach.
        missing: how a missing data point counts, in CloudWatch's word.
    """

    name: str
    queries: tuple[Query, ...]
    result: str
    sign: str
    breaches: Callable[[float, float], bool]
    threshold: float
    period: int
    periods: int
    to_alarm: int
    missing: str

    @classmethod
    def of(cls, alarm: Mapping[str, Any]) -> "Definition":
        """Read it from the API's own form, of PutMetricAlarm or DescribeAlarms.

        Raises:
            DefinitionError: it is of a kind that the sandbox does not know.
        """
        name = alarm["AlarmName"]
        queries, result, period = _queries(alarm)
        if period is None or period < MINUTE or period % MINUTE:
            raise DefinitionError(f"{name}: a period of {period} s is none that the sandbox knows")
        compare = _OPERATORS.get(alarm.get("ComparisonOperator", ""))
        if compare is None or alarm.get("Threshold") is None:
            raise DefinitionError(f"{name}: the sandbox compares with a fixed threshold only")
        periods = int(alarm["EvaluationPeriods"])
        return cls(
            name=name,
            queries=queries,
            result=result,
            sign=compare[0],
            breaches=compare[1],
            threshold=float(alarm["Threshold"]),
            period=period,
            periods=periods,
            to_alarm=int(alarm.get("DatapointsToAlarm") or periods),
            missing=alarm.get("TreatMissingData") or "missing",
        )

    def points(self, metrics: Metrics, now: float) -> Series:
        """The data points that the alarm sees at an instant, the oldest first.

        Raises:
            DefinitionError: a statistic or an expression is none that the sandbox knows.
        """
        count = self.periods + _FURTHER_PERIODS
        series: dict[str, Series] = {}
        try:
            for query in self.queries:
                if query.metric is not None:
                    series[query.id] = metrics.series(
                        query.metric, query.statistic, self.period, now, count
                    )
            for query in self.queries:
                if query.expression:
                    series[query.id] = compute(query.expression, series, count)
        except (ExpressionError, KeyError) as error:
            raise DefinitionError(f"{self.name}: {error}") from None
        return series[self.result]

    def judge(self, points: Sequence[Point], state: State) -> State:
        """The state that data points make of an alarm that was in `state`."""
        real = [point for point in points if point is not None][-self.periods :]
        breaching = sum(self.breaches(point, self.threshold) for point in real)
        lacking = self.periods - len(real)
        if lacking and self.missing == "breaching":
            breaching += lacking
        if breaching >= self.to_alarm:
            return "ALARM"
        if lacking == 0 or self.missing in {"breaching", "notBreaching"}:
            return "OK"
        if self.missing == "ignore":
            return state if breaching == len(real) else "OK"
        if not real:
            return "INSUFFICIENT_DATA"
        return "ALARM" if self._is_long_ago(points, breaching, len(real)) else "OK"

    def _is_long_ago(self, points: Sequence[Point], breaching: int, real: int) -> bool:
        """Whether all there is breaches, and began as long ago as an alarm takes."""
        oldest = next(number for number, point in enumerate(points) if point is not None)
        return breaching == real and len(points) - oldest >= self.to_alarm

    def reason(self, points: Sequence[Point]) -> str:
        """What was seen, in a sentence."""
        seen = ", ".join("none" if point is None else f"{point:g}" for point in points)
        return (
            f"alarm if {self.to_alarm} of {self.periods} data points {self.sign} "
            f"{self.threshold:g} "
            f"(periods of {self.period} s); seen, the oldest first: {seen}"
        )


def _queries(alarm: Mapping[str, Any]) -> tuple[tuple[Query, ...], str, int | None]:
    """What an alarm looks at, the id of what is compared, and the period."""
    if not alarm.get("Metrics"):
        if not alarm.get("Statistic"):
            raise DefinitionError(f"{alarm['AlarmName']}: the sandbox knows no percentiles")
        return (Query("it", read_metric(alarm), alarm["Statistic"]),), "it", alarm.get("Period")
    results = [each["Id"] for each in alarm["Metrics"] if each.get("ReturnData", True)]
    periods = set(_periods(alarm["Metrics"]))
    if len(results) != 1 or len(periods) != 1:
        raise DefinitionError(f"{alarm['AlarmName']}: it needs one result, and one period for all")
    return tuple(map(_query, alarm["Metrics"])), results[0], periods.pop()


def _periods(queries: Sequence[Mapping[str, Any]]) -> Iterator[int]:
    for query in queries:
        period = (query.get("MetricStat") or query).get("Period")
        if period:
            yield int(period)


def _query(each: Mapping[str, Any]) -> Query:
    measured = each.get("MetricStat")
    if measured:
        return Query(each["Id"], read_metric(measured["Metric"]), measured["Stat"])
    return Query(each["Id"], expression=each["Expression"])


def read_metric(metric: Mapping[str, Any]) -> Metric:
    """A metric in the API's own form."""
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions") or ()}
    return Metric.of(metric["Namespace"], metric["MetricName"], dimensions)
