from datetime import UTC, datetime, timedelta

import pytest

from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics, Values

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
ERRORS = Metric.of("AWS/Lambda", "Errors", {"FunctionName": "f"})


def measured(*values: tuple[float, float]) -> Metrics:
    """Values of one metric, each so many seconds after noon."""
    metrics = Metrics()
    for seconds, value in values:
        metrics.add(ERRORS, value, NOON + timedelta(seconds=seconds))
    return metrics


@pytest.mark.parametrize(
    ("statistic", "value"),
    [("Sum", 9), ("Average", 3), ("Minimum", 1), ("Maximum", 6), ("SampleCount", 3)],
)
def test_a_statistic_is_of_all_values_of_a_period(statistic: str, value: float) -> None:
    metrics = measured((0, 1), (61, 2), (299, 6), (300, 100))
    end = NOON.timestamp() + 300
    assert metrics.series(ERRORS, statistic, 300, end, 1) == [value]


def test_a_period_without_a_value_has_no_data_point() -> None:
    metrics = measured((0, 1), (150, 2))
    end = NOON.timestamp() + 240
    assert metrics.series(ERRORS, "Sum", 60, end, 5) == [None, 1, None, 2, None]


def test_periods_end_with_the_minute_that_is_asked_for() -> None:
    """The window slides: an alarm is judged each minute, not once a period."""
    metrics = measured((0, 1))
    sums = [
        metrics.series(ERRORS, "Sum", 300, NOON.timestamp() + 60 * minute, 1)[0]
        for minute in range(7)
    ]
    assert sums == [None, 1, 1, 1, 1, 1, None]


@pytest.mark.parametrize(
    "other",
    [
        Metric.of("AWS/SQS", "Errors", {"FunctionName": "f"}),
        Metric.of("AWS/Lambda", "Throttles", {"FunctionName": "f"}),
        Metric.of("AWS/Lambda", "Errors", {"FunctionName": "g"}),
        Metric.of("AWS/Lambda", "Errors", {}),
        Metric.of("AWS/Lambda", "Errors", {"FunctionName": "f", "Resource": "f"}),
    ],
)
def test_namespace_name_and_every_dimension_make_a_metric(other: Metric) -> None:
    metrics = measured((0, 1))
    assert metrics.series(other, "Sum", 60, NOON.timestamp() + 60, 1) == [None]
    assert metrics.known() == [ERRORS]


def test_sums_of_several_values_count_as_they_are() -> None:
    metrics = measured((0, 10))
    metrics.take(ERRORS, Values(4, 8, 1, 5), NOON)
    found = metrics.between(ERRORS, NOON.timestamp(), NOON.timestamp() + 60)
    assert found == Values(5, 18, 1, 10)


def test_a_percentile_is_not_guessed() -> None:
    with pytest.raises(KeyError):
        measured((0, 1)).series(ERRORS, "p99", 60, NOON.timestamp() + 60, 1)
