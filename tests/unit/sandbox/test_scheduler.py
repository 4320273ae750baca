from datetime import UTC, datetime, timedelta

import pytest

from clickstream_lake.sandbox.scheduler import ScheduleError, due

# A Wednesday.
NOON = datetime(2025, 11, 26, 12, 0, tzinfo=UTC)


def is_due_at(expression: str, moment: datetime, zone: str = "UTC") -> bool:
    return due(expression, moment - timedelta(seconds=1), moment, zone)


@pytest.mark.parametrize("expression", ["rate(1 hour)", "rate(15 minutes)", "rate(1 minute)"])
def test_a_rate_is_due_once_per_period(expression: str) -> None:
    assert is_due_at(expression, NOON)
    assert not is_due_at(expression, NOON + timedelta(seconds=30))


def test_a_rate_that_was_missed_is_due() -> None:
    assert due("rate(1 day)", NOON - timedelta(days=3), NOON)


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 12 * * ? *)",
        "cron(0/15 * * * ? *)",
        "cron(0 10-12 * * ? *)",
        "cron(0 12 26 NOV ? 2025)",
        "cron(0 12 ? * WED *)",
        "cron(0 12 ? * MON-FRI *)",
        "cron(0,30 */4 * * ? *)",
    ],
)
def test_a_cron_expression_is_due_at_its_minute_only(expression: str) -> None:
    assert is_due_at(expression, NOON)
    assert not is_due_at(expression, NOON + timedelta(minutes=1))


@pytest.mark.parametrize(
    "expression", ["cron(0 13 * * ? *)", "cron(0 12 ? * SUN *)", "cron(0 12 27 * ? *)"]
)
def test_a_cron_expression_of_another_time_is_not_due(expression: str) -> None:
    assert not is_due_at(expression, NOON)


def test_a_cron_expression_follows_its_time_zone() -> None:
    assert is_due_at("cron(0 13 * * ? *)", NOON, "Europe/Berlin")


def test_an_instant_is_due_once() -> None:
    assert is_due_at("at(2025-11-26T12:00:00)", NOON)
    assert not is_due_at("at(2025-11-26T12:00:00)", NOON + timedelta(seconds=2))


@pytest.mark.parametrize(
    "expression", ["hourly", "rate(1 fortnight)", "cron(99 * * * ? *)", "cron(L * * * ? *)"]
)
def test_another_expression_is_an_error(expression: str) -> None:
    with pytest.raises(ScheduleError):
        is_due_at(expression, NOON)
