"""Structured logs and metrics of both functions. Keys and counts only, never a payload."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE: Final = "Clickstream"


class Telemetry:
    """What one function reports about itself.

    Attributes:
        logger: writes one JSON object per line.
    """

    def __init__(self, function: str, environ: Mapping[str, str]) -> None:
        """Name the function as its environment does: it tells the lakes of an account apart."""
        self._service = environ.get("POWERTOOLS_SERVICE_NAME") or function
        self.logger = Logger(service=self._service, log_uncaught_exceptions=False)
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
