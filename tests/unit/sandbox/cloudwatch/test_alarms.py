"""Alarms against the tables of "Configuring how CloudWatch alarms treat missing data"."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.sandbox.cloudwatch.alarms import Definition, DefinitionError, State
from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
# What an alarm was before, which `ignore` may keep: a state that no other rule would give.
BEFORE: State = "INSUFFICIENT_DATA"
ALL_OK, ALL_ALARM = ("OK",) * 4, ("ALARM",) * 4


def alarm(**more: object) -> dict[str, Any]:
    return {
        "AlarmName": "tried",
        "Namespace": "Own",
        "MetricName": "Load",
        "Dimensions": [{"Name": "service", "Value": "s"}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 3,
        "Threshold": 5.0,
        "ComparisonOperator": "GreaterThanThreshold",
    } | more


def read(text: str) -> list[float | None]:
    """Data points as the guide draws them: 0 is well, X breaches, - is missing."""
    return [{"0": 1.0, "X": 9.0, "-": None}[point] for point in text.split()]


@pytest.mark.parametrize(
    ("points", "to_alarm", "states"),
    [
        ("0 - X - X", 3, ALL_OK),
        ("0 - - - -", 3, ALL_OK),
        ("- - - - -", 3, ("INSUFFICIENT_DATA", BEFORE, "ALARM", "OK")),
        ("0 X X - X", 3, ALL_ALARM),
        ("- - X - -", 3, ("ALARM", BEFORE, "ALARM", "OK")),
        ("0 - X - X", 2, ALL_ALARM),
        ("0 0 X 0 X", 2, ALL_ALARM),
        ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
        ("- - - X -", 2, ("ALARM", BEFORE, "ALARM", "OK")),
        # The guide's text: not yet, because the next data point may be well.
        ("- - - - X", 3, ("OK", BEFORE, "ALARM", "OK")),
        ("- - - X -", 3, ("OK", BEFORE, "ALARM", "OK")),
        ("- - - X 0", 3, ("OK", "OK", "OK", "OK")),
        ("X X X 0 0", 3, ALL_OK),
        ("0 0 X X X", 3, ALL_ALARM),
    ],
)
def test_a_state_is_what_the_guides_tables_say(
    points: str, to_alarm: int, states: tuple[State, ...]
) -> None:
    judged = tuple(
        Definition.of(alarm(DatapointsToAlarm=to_alarm, TreatMissingData=treatment)).judge(
            read(points), BEFORE
        )
        for treatment in TREATMENTS
    )
    assert judged == states


@pytest.mark.parametrize(
    ("operator", "breaching"),
    [
        ("GreaterThanThreshold", [False, False, True]),
        ("GreaterThanOrEqualToThreshold", [False, True, True]),
        ("LessThanThreshold", [True, False, False]),
        ("LessThanOrEqualToThreshold", [True, True, False]),
    ],
)
def test_a_value_is_compared_as_the_operator_says(operator: str, breaching: list[bool]) -> None:
    definition = Definition.of(alarm(ComparisonOperator=operator, EvaluationPeriods=1))
    states = [definition.judge([value], "OK") for value in (4.0, 5.0, 6.0)]
    assert states == ["ALARM" if each else "OK" for each in breaching]


def test_all_periods_have_to_breach_unless_it_says_fewer() -> None:
    assert Definition.of(alarm()).to_alarm == 3
    assert Definition.of(alarm(DatapointsToAlarm=1)).to_alarm == 1
    assert Definition.of(alarm()).missing == "missing"


def test_it_sees_two_periods_more_than_it_judges_by() -> None:
    metrics = Metrics()
    metric = Metric.of("Own", "Load", {"service": "s"})
    for minute, value in enumerate((9, 8, 1, 1, 1, 1, 1)):
        metrics.add(metric, value, NOON + timedelta(minutes=minute))
    points = Definition.of(alarm()).points(metrics, NOON.timestamp() + 5 * 60)
    assert points == [9, 8, 1, 1, 1]


def test_an_expression_is_judged_by_the_metrics_that_it_names() -> None:
    metrics = Metrics()
    for name, value in (("Bad", 3), ("All", 30)):
        metrics.add(Metric.of("Own", name, {}), value, NOON)

    def query(id_: str, name: str) -> dict[str, Any]:
        metric = {"Namespace": "Own", "MetricName": name, "Dimensions": []}
        stat = {"Metric": metric, "Period": 300, "Stat": "Sum"}
        return {"Id": id_, "MetricStat": stat, "ReturnData": False}

    ratio = {"Id": "ratio", "Expression": "100 * bad / lines", "ReturnData": True}
    definition = Definition.of(
        {
            "AlarmName": "ratio",
            "Metrics": [ratio, query("bad", "Bad"), query("lines", "All")],
            "EvaluationPeriods": 1,
            "Threshold": 5.0,
            "ComparisonOperator": "GreaterThanThreshold",
        }
    )
    points = definition.points(metrics, NOON.timestamp() + 60)
    assert points == [None, None, 10]
    assert definition.judge(points, "OK") == "ALARM"
    assert definition.reason(points) == (
        "alarm if 1 of 1 data points > 5 (periods of 300 s); seen, the oldest first: none, none, 10"
    )


@pytest.mark.parametrize(
    "more",
    [
        {"Period": 10},
        {"Period": None},
        {"Statistic": None, "ExtendedStatistic": "p99"},
        {"ComparisonOperator": "GreaterThanUpperThreshold"},
        {"Threshold": None},
        {"Metrics": [{"Id": "a", "Expression": "b"}, {"Id": "c", "Expression": "d"}]},
    ],
)
def test_an_alarm_of_another_kind_is_not_guessed(more: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="tried"):
        Definition.of(alarm(**more))


@pytest.mark.parametrize("more", [{"Statistic": "p99"}])
def test_a_statistic_of_another_kind_is_not_guessed(more: dict[str, Any]) -> None:
    metrics = Metrics()
    metrics.add(Metric.of("Own", "Load", {"service": "s"}), 1, NOON)
    with pytest.raises(DefinitionError, match="p99"):
        Definition.of(alarm(**more)).points(metrics, NOON.timestamp() + 60)
