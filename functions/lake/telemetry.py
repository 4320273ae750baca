"""Structured logs and metrics of both functions. Keys and counts only, never a payload."""

import os
from collections.abc import Mapping
from typing import Final

from aws_lambda_powertools import Logger, Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

NAMESPACE: Final = "Clickstream"


def service_name(function: str) -> str:
    """What logs and metrics call a function: lakes and streams of one account differ by it."""
    return os.environ.get("POWERTOOLS_SERVICE_NAME") or function


def make_logger(service: str) -> Logger:
    """A logger that writes one JSON object per line."""
    return Logger(service=service_name(service), log_uncaught_exceptions=False)


def make_metrics(service: str) -> Metrics:
    """Metrics in CloudWatch's embedded format, sent with the logs."""
    return Metrics(namespace=NAMESPACE, service=service_name(service))


def flush(metrics: Metrics) -> None:
    """Write what was counted; nothing where nothing was."""
    if metrics.metric_set:
        metrics.flush_metrics()


def count_by(name: str, dimension: str, counts: Mapping[str, int], service: str) -> None:
    """Count one metric by the values of one dimension."""
    for value, count in counts.items():
        with single_metric(
            name=name,
            unit=MetricUnit.Count,
            value=count,
            namespace=NAMESPACE,
            default_dimensions={"service": service_name(service)},
        ) as metric:
            metric.add_dimension(name=dimension, value=value)
