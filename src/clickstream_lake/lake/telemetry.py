"""Structured logs and metrics of both functions. Keys and counts only, never a payload."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from aws_lambda_powertools import Logger, single_metric
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE: Final = "Clickstream"


class Telemetry:
    """What one function says of itself.

    Attributes:
        logger: writes one JSON object per line.
    """

    def __init__(self, function: str, environ: Mapping[str, str]) -> None:
        """Name the function as its environment does: lakes of one account differ by it."""
        self._service = environ.get("POWERTOOLS_SERVICE_NAME") or function
        self.logger = Logger(service=self._service, log_uncaught_exceptions=False)
        # Not powertools' usual Metrics, which all instances in a process share.
        self._metrics = EphemeralMetrics(namespace=NAMESPACE, service=self._service)

    @contextmanager
    def invocation(self) -> Iterator[None]:
        """Write what was counted once the invocation is over, whatever came of it."""
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
        """Measure something given in seconds, in milliseconds."""
        self._metrics.add_metric(name, MetricUnit.Milliseconds, seconds * 1_000)

    def count_by(self, name: str, dimension: str, counts: Mapping[str, int]) -> None:
        """Count one metric by the values of one dimension."""
        for value, count in counts.items():
            with single_metric(
                name=name,
                unit=MetricUnit.Count,
                value=count,
                namespace=NAMESPACE,
                default_dimensions={"service": self._service},
            ) as metric:
                metric.add_dimension(name=dimension, value=value)
