"""`clickstream estimate --events-per-second`: a lake's bill, for people and programs."""

import json

import pytest
from typer.testing import CliRunner

from clickstream_lake.cli.errors import UsageError
from clickstream_lake.cli.main import app
from clickstream_lake.operate.costs.bill import bill
from clickstream_lake.operate.costs.traffic import Traffic


def estimate(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["estimate", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_programs_get_every_line_and_all_totals() -> None:
    options = ("--events-per-record", "10", "--buffer-mb", "128", "--hour-partition", "--kms")

    told = json.loads(estimate("--events-per-second", "50", *options, "--json"))

    expected = bill(Traffic(50, events_per_record=10, buffer_mb=128, hour_partition=True, kms=True))
    assert told["dollars"] == pytest.approx(expected.dollars)
    assert sum(line["dollars"] for line in told["lines"]) == pytest.approx(told["dollars"])
    assert sum(told["by_service"].values()) == pytest.approx(told["dollars"])
    assert told["dollars_per_day"] * 30 == pytest.approx(told["dollars"])
    assert told["events"] == 50 * 86_400 * 30
    assert told["region"] == "us-east-1"
    assert set(told["by_service"]) <= set(told["prices_as_of"])


def test_people_get_a_line_per_service_and_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clickstream_lake.console.stdout._width", 200)

    shown = estimate("--events-per-second", "1000")

    for word in ("Firehose", "CloudWatch", "Glue", "SQS", "Lambda", "S3", "Athena", "Scheduler"):
        assert word in shown
    total = bill(Traffic(1000)).dollars
    assert f"{total:,.2f}" in shown
    assert "$ per billion events" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("SELECT 1", "--events-per-second", "1"),
        # 1,000 KiB are the largest record.
        ("--events-per-second", "1", "--event-bytes", "1024", "--events-per-record", "1001"),
    ],
)
def test_what_cannot_be_meant_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        estimate(*arguments)
