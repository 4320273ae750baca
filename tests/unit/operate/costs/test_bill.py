"""Bills by hand: each line against the prices and counts that it comes from."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.operate.costs.bill import Bill, Line, bill
from clickstream_lake.operate.costs.measured import measured
from clickstream_lake.operate.costs.traffic import Deployment, Traffic

TERRAFORM = Path(__file__).parents[4] / "terraform"
MONTH = 30 * 86_400


def line(found: Bill, step: str, what: str) -> Line:
    (only,) = [line for line in found.lines if (line.step, line.what) == (step, what)]
    return only


def test_firehose_rounds_each_record_up_to_5_kb() -> None:
    one = bill(Traffic(10, event_bytes=500))
    ten = bill(Traffic(10, event_bytes=500, events_per_record=10))
    eleven = bill(Traffic(10, event_bytes=500, events_per_record=11))

    records = 10 * MONTH
    assert one.by("service")["Firehose"] == pytest.approx(records * 5120 / 2**30 * 0.029)
    assert ten.by("service")["Firehose"] == pytest.approx(records / 10 * 5120 / 2**30 * 0.029)
    # 11 x 500 bytes do not fit into one step.
    assert eleven.by("service")["Firehose"] == pytest.approx(records / 11 * 10240 / 2**30 * 0.029)


@pytest.mark.parametrize(
    ("traffic", "objects"),
    [
        (Traffic(10), 288),  # the interval comes first
        (Traffic(10, buffer_seconds=60), 1440),
        (Traffic(10_000, event_bytes=1024, buffer_mb=10, buffer_seconds=900), 86_400 / 1.024),
        (Traffic(0.001), 86.4),  # an event an object
    ],
)
def test_a_buffer_ends_by_size_or_time(traffic: Traffic, objects: float) -> None:
    assert traffic.objects_per_day == pytest.approx(objects)
    assert traffic.events_per_object == pytest.approx(traffic.events / 30 / objects)


def test_requests_follow_the_counted_calls_and_the_objects() -> None:
    traffic, calls = Traffic(10, hour_partition=True, buffer_seconds=900), measured().calls

    found = bill(traffic)

    # Four objects an hour; within the hour that a new partition lasts, nothing is compacted yet.
    glue = {step: glue_calls(getattr(calls, step)) for step in ("first", "before")}
    expected = 24 * 30 * (glue["first"] + 3 * glue["before"])
    assert line(found, "transform", "catalog requests").count == pytest.approx(expected)


def glue_calls(calls: dict[str, float]) -> float:
    return sum(count for name, count in calls.items() if name.startswith("glue:"))


def test_more_objects_cost_more_requests_and_no_more_computing() -> None:
    small, large = (bill(Traffic(10_000, buffer_mb=mb, buffer_seconds=900)) for mb in (5, 64))

    def dollars(found: Bill, what: str) -> float:
        return line(found, "transform", what).dollars

    assert dollars(small, "GET, HEAD") == pytest.approx(
        dollars(large, "GET, HEAD") * 64 / 5, rel=0.05
    )
    assert dollars(small, "computing") == pytest.approx(dollars(large, "computing"))


def test_every_landing_file_of_a_busy_day_is_merged_once_more_than_it_is_read() -> None:
    for rate in (5, 100, 2_000, 50_000):
        traffic = Traffic(rate)
        for fmt in FORMATS:
            done = traffic.merging[fmt]
            assert done.landing_files == pytest.approx(traffic.objects_per_day, rel=0.05), rate
            assert done.events >= traffic.events / 30 * 0.95
            assert done.bytes_read > done.bytes_written * 0.5


def test_a_quiet_stream_is_merged_seldom() -> None:
    assert Traffic(0.0001).merging["json"].merges <= 1


def test_what_a_day_makes_does_not_depend_on_how_closely_it_is_followed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    traffic = Traffic(20_000, buffer_mb=5)
    bundled = traffic.merging["json"]
    monkeypatch.setattr("clickstream_lake.operate.costs.traffic._MOST_FILES", 10**9)
    closely = replace(traffic).merging["json"]

    assert bundled.landing_files == pytest.approx(closely.landing_files, rel=0.01)
    assert bundled.bytes_read == pytest.approx(closely.bytes_read, rel=0.05)
    assert bundled.merges == closely.merges


def test_raw_objects_get_cheap_after_a_month_unless_they_are_small() -> None:
    large, small = (bill(Traffic(rate, months=12)) for rate in (1_000, 0.1))

    cold = line(large, "store", "raw objects after 30 days")
    warm = line(large, "store", "raw objects")
    assert cold.count == pytest.approx(11 * warm.count)
    assert cold.dollars < 11 * warm.dollars / 5
    assert [each for each in small.lines if each.what == cold.what] == []


def test_a_key_costs_only_where_there_is_one() -> None:
    assert "KMS" not in bill(Traffic(10)).by("service")
    assert bill(Traffic(10, kms=True)).by("service")["KMS"] > 1.0


def test_an_idle_lake_has_its_standing_costs() -> None:
    found = bill(Traffic(0.001, queries_per_day=0))
    assert found.by("step")["wait"] == pytest.approx(648_000 * 0.9e-6)
    assert found.by("step")["watch"] > 0.3 * sum(measured().metrics.values())


def test_totals_are_those_of_the_lines() -> None:
    found = bill(Traffic(100))
    assert sum(found.by("step").values()) == pytest.approx(found.dollars)
    assert sum(found.by("service").values()) == pytest.approx(found.dollars)
    assert found.per_day(found.dollars) == pytest.approx(found.dollars / 30)
    assert found.per_billion(found.dollars) * 100 * MONTH / 1e9 == pytest.approx(found.dollars)


def test_the_deployment_is_terraforms_default() -> None:
    text = "".join(file.read_text() for file in TERRAFORM.glob("variables*.tf"))
    found = re.findall(
        r'^variable "(\w+)" {$.*?^  default +=[ ](.+?)$', text, re.MULTILINE | re.DOTALL
    )
    defaults = dict(found)
    ours = Deployment()
    for name in ours.__slots__:
        if name in defaults:
            assert str(getattr(ours, name)) == defaults[name], name
    assert {"plans_a_day", "cleanups_a_day", "audits_a_day"} == set(ours.__slots__) - set(defaults)
    assert defaults["compact_schedule"] == defaults["audit_schedule"] == '"rate(1 hour)"'
    assert defaults["cleanup_schedule"] == '"rate(6 hours)"'
    assert (defaults["firehose_buffer_mb"], defaults["firehose_buffer_seconds"]) == ("64", "300")
    settings = CompactSettings()
    assert defaults["compact_target_file_mb"] == str(settings.target_file_bytes // 2**20)
    assert defaults["compact_min_files"] == str(settings.min_files)
