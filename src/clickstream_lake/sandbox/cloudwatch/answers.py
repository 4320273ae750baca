"""What was measured, as CloudWatch's API answers it in place of moto's.

moto keeps what clients put as a list of single values, mixes up metrics of one name, and knows no
metric math.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch

from moto.cloudwatch.models import (
    CloudWatchBackend,
    MetricAggregatedDatum,
    MetricDatum,
    MetricDatumBase,
)

from clickstream_lake.sandbox.cloudwatch.alarms import read_metric
from clickstream_lake.sandbox.cloudwatch.expressions import (
    ExpressionError,
    Point,
    Series,
    compute,
)
from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics, Values
from clickstream_lake.sandbox.errors import ApiError


@contextmanager
def answering(metrics: Metrics) -> Iterator[None]:
    """Have moto's API answer by these metrics, and put there what clients measure."""
    replaced: dict[str, Callable[..., Any]] = {
        "put_metric_data": _putting(CloudWatchBackend.put_metric_data, metrics),
        "get_metric_data": lambda _, *args, **named: _data(metrics, *args, **named),
        "get_metric_statistics": lambda _, *args, **named: _statistics(metrics, *args, **named),
        "get_all_metrics": lambda _: [_as_moto_has_it(metric) for metric in metrics.known()],
    }
    with ExitStack() as stack:
        for name, method in replaced.items():
            stack.enter_context(patch.object(CloudWatchBackend, name, method))
        yield


def _putting(put: Callable[..., None], metrics: Metrics) -> Callable[..., None]:
    def putting(backend: CloudWatchBackend, namespace: str, metric_data: Any) -> None:  # noqa: ANN401 - passes moto's own types through
        put(backend, namespace, metric_data)  # which checks it
        for datum in backend.metric_data:
            at = datum.timestamp
            metrics.take(
                Metric.of(
                    datum.namespace,
                    datum.name,
                    {str(each.name): str(each.value) for each in datum.dimensions},
                ),
                _values(datum),
                at if at.tzinfo else at.replace(tzinfo=UTC),
            )
        backend.metric_data.clear()

    return putting


def _values(datum: Any) -> Values:  # noqa: ANN401 - either of moto's two kinds
    if isinstance(datum, MetricAggregatedDatum):
        return Values(datum.sample_count, datum.sum, datum.min, datum.max)
    return Values(1, datum.value, datum.value, datum.value)


def _as_moto_has_it(metric: Metric) -> MetricDatumBase:
    dimensions = [{"Name": name, "Value": value} for name, value in sorted(metric.dimensions)]
    return MetricDatum(metric.namespace, metric.name, 0, dimensions, None)


def _data(
    metrics: Metrics,
    queries: Sequence[Mapping[str, Any]],
    start_time: datetime,
    end_time: datetime,
    scan_by: str,
) -> list[dict[str, Any]]:
    """GetMetricData."""
    period = _one_period(queries)
    starts = _starts(start_time, end_time, period)
    series: dict[str, Series] = {}
    answers = []
    # Expressions may name metrics that stand behind them.
    for query in sorted(queries, key=lambda query: "Expression" in query):
        points = _points(metrics, query, starts, period, series)
        series[query["Id"]] = points
        if not query.get("ReturnData", True):
            continue
        found = [(at, point) for at, point in zip(starts, points, strict=True) if point is not None]
        found.sort(reverse=scan_by == "TimestampDescending")
        answers.append(
            {
                "id": query["Id"],
                "label": query.get("Label") or query["Id"],
                "timestamps": [_instant(at) for at, _ in found],
                "values": [point for _, point in found],
                "status_code": "Complete",
            }
        )
    return answers


def _one_period(queries: Sequence[Mapping[str, Any]]) -> int:
    periods = {int(query["MetricStat"]["Period"]) for query in queries if "MetricStat" in query}
    if len(periods) != 1:
        raise _refused("the sandbox answers queries with one period for all of their metrics")
    return periods.pop()


def _points(
    metrics: Metrics,
    query: Mapping[str, Any],
    starts: Sequence[int],
    period: int,
    series: Mapping[str, Series],
) -> Series:
    try:
        if "Expression" in query:
            return compute(query["Expression"], series, len(starts))
        measured = query["MetricStat"]
        metric = read_metric(measured["Metric"])
        return [_point(metrics, metric, measured["Stat"], at, period) for at in starts]
    except ExpressionError as error:
        raise _refused(str(error)) from None
    except KeyError as error:
        raise _refused(f"the sandbox knows no statistic {error}") from None


def _point(metrics: Metrics, metric: Metric, statistic: str, start: int, period: int) -> Point:
    values = metrics.between(metric, start, start + period)
    return values.statistic(statistic) if values else None


@dataclass(frozen=True, slots=True)
class _Datapoint:
    """What moto makes the XML of a statistic of."""

    timestamp: datetime
    unit: None
    sample_count: float | None
    sum: float | None
    minimum: float | None
    maximum: float | None
    average: float | None


_NAMES = {
    "SampleCount": "sample_count",
    "Sum": "sum",
    "Minimum": "minimum",
    "Maximum": "maximum",
    "Average": "average",
}


def _statistics(  # noqa: PLR0917 - as moto calls it
    metrics: Metrics,
    namespace: str,
    metric_name: str,
    start_time: datetime,
    end_time: datetime,
    period: int,
    stats: Sequence[str],
    dimensions: Sequence[Mapping[str, str]],
    unit: str | None = None,
) -> list[_Datapoint]:
    """GetMetricStatistics."""
    del unit  # metrics have none here
    if unknown := set(stats) - set(_NAMES):
        raise _refused(f"the sandbox knows no statistic {', '.join(sorted(unknown))}")
    metric = read_metric(
        {"Namespace": namespace, "MetricName": metric_name, "Dimensions": dimensions}
    )
    datapoints = []
    for at in _starts(start_time, end_time, period):
        values = metrics.between(metric, at, at + period)
        if values is not None:
            asked = {
                name: values.statistic(stat) if stat in stats else None
                for stat, name in _NAMES.items()
            }
            datapoints.append(_Datapoint(timestamp=_instant(at), unit=None, **asked))
    return datapoints


def _starts(start: datetime, end: datetime, period: int) -> list[int]:
    """Where the periods of a time begin, in seconds since the epoch: at multiples, as in AWS."""
    first = int(_utc(start).timestamp()) // period * period
    return list(range(first, int(_utc(end).timestamp()), period))


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _refused(reason: str) -> ApiError:
    return ApiError("InvalidParameterValue", reason)
