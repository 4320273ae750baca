"""What the estimate reckons with is what the code does and the benchmarks measured."""

from pathlib import Path

import msgspec
import pytest

from clickstream_lake.operate.costs.measured import Calls, Measured, measured
from dev.costs.calls import Counted, count
from dev.costs.figures import figures
from dev.costs.page import PAGES, updated

HINT = "run `python -m dev.costs`, and look at what it changes"


@pytest.fixture(scope="module")
def counted() -> Counted:
    return count()


@pytest.fixture(scope="module")
def now(counted: Counted) -> Measured:
    return figures(counted)


def test_each_step_makes_as_many_calls_as_the_estimate_counts(counted: Counted) -> None:
    for field in msgspec.structs.fields(type(counted.steps)):
        assert getattr(counted.steps, field.name) == getattr(measured().calls, field.name), (
            f"{field.name}: {HINT}"
        )


def test_the_figures_are_those_of_the_benchmarks(now: Measured) -> None:
    # What is logged holds times, whose length differs.
    same = msgspec.structs.replace(now, log_bytes=measured().log_bytes)
    assert same == measured(), HINT
    for step, size in measured().log_bytes.items():
        assert now.log_bytes[step] == pytest.approx(size, abs=200), f"{step}: {HINT}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_the_tables_of_today(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == updated(page), HINT


def test_no_call_changes_a_table_and_no_version_of_one_piles_up(counted: Counted) -> None:
    changes = {"glue:UpdateTable", "glue:CreateTable", "glue:BatchCreatePartition"}
    assert changes.isdisjoint(counted.operations)
    assert counted.operations["glue:UpdatePartition"] > 0, "or nothing was compacted"
    assert set(counted.versions.values()) == {1}


def test_a_transform_asks_sqs_once_and_a_merge_twice_for_each_format() -> None:
    calls = measured().calls
    assert calls_of(calls.after, "sqs:") == 1
    # One message sent by the plan and deleted by the function, for each of the two formats.
    assert calls_of(calls.merge, "sqs:") == 4
    assert calls_of(calls.merge_file, "s3:") == 2, "each landing file is fetched once, no more"


def calls_of(calls: Calls, service: str) -> float:
    return sum(times for name, times in calls.items() if name.startswith(service))


def test_an_unknown_call_has_no_column_to_hide_in(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = msgspec.structs.replace(measured().calls, first={"s3:GetObjectTagging": 1.0})
    other = msgspec.structs.replace(measured(), calls=calls)
    monkeypatch.setattr("dev.costs.page.measured", lambda: other)
    with pytest.raises(ValueError, match="GetObjectTagging"):
        updated(next(iter(PAGES)))
