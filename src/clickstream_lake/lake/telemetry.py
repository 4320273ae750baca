"""Structured logs and metrics of both functions. Keys and counts only, never a payload."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE: Final = "Clickstream"
MOST_LINE_BYTES: Final = 200_000
"""A longer line is shortened. Lambda cuts what is over 256 KiB in pieces that are no JSON each:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html"""
_MOST_ENTRIES: Final = 1_024


def to_line(entry: Mapping[str, Any]) -> str:
    """Write a log entry as one line of JSON that CloudWatch keeps whole, whatever its lists hold.

    Lists and texts of an entry that is too long lose their ends, and say how much is missing.
    """
    line, most = _dump(entry), _MOST_ENTRIES
    while len(line) > MOST_LINE_BYTES and most:
        line = _dump(_shortened(entry, most))
        most //= 2
    return line.decode()


def _shortened(value: Any, most: int) -> Any:  # noqa: ANN401 - whatever is logged
    """The value with at most so many entries of each list, and 64 times as many letters a text."""
    if isinstance(value, Mapping):
        return {name: _shortened(each, most) for name, each in value.items()}
    if isinstance(value, list | tuple):
        kept = [_shortened(each, most) for each in value[:most]]
        return [*kept, f"... {len(value) - most} more"] if len(value) > most else kept
    if isinstance(value, str) and len(value) > most * 64:
        return f"{value[: most * 64]}... {len(value) - most * 64} letters more"
    return value


def _dump(entry: Mapping[str, Any]) -> bytes:
    line = json.dumps(entry, default=str, separators=(",", ":"), ensure_ascii=False)
    return line.encode(errors="backslashreplace")  # as JSON escapes half a letter, too


class Telemetry:
    """What one function reports about itself.

    Attributes:
        logger: writes one JSON object per line.
    """

    def __init__(self, function: str, environ: Mapping[str, str]) -> None:
        """Name the function as its environment does: it tells the lakes of an account apart."""
        self._service = environ.get("POWERTOOLS_SERVICE_NAME") or function
        self.logger = Logger(
            service=self._service, log_uncaught_exceptions=False, json_serializer=to_line
        )
        # Not powertools' usual Metrics, which all instances in a process share.
        self._metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """Write the counts when the invocation ends, even if it failed."""
        try:
            yield
        finally:
            if self._metrics.metric_set:
                self._metrics.flush_metrics()

    def count(self, name: str, value: float) -> None:
        """Count something."""
        self._metrics.add_metric(name, MetricUnit.Count, value)

    def bytes(self, name: str, value: float) -> None:
        """Measure something in bytes."""
        self._metrics.add_metric(name, MetricUnit.Bytes, value)

    def seconds(self, name: str, value: float) -> None:
        """Measure something in seconds."""
        self._metrics.add_metric(name, MetricUnit.Seconds, value)

    def milliseconds(self, name: str, seconds: float) -> None:
        """Measure something in milliseconds; it is given in seconds."""
        self._metrics.add_metric(name, MetricUnit.Milliseconds, seconds * 1_000)

    def count_by(self, name: str, dimension: str, counts: Mapping[str, int]) -> None:
        """Count one metric once for each value of a dimension."""
        for value, count in counts.items():
            with single_metric(
                name=name,
                unit=MetricUnit.Count,
                value=count,
                namespace=NAMESPACE,
                default_dimensions={"service": self._service},
            ) as metric:
                metric.add_dimension(name=dimension, value=value)
