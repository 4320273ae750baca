from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.queue import CompactQueue, parse_message
from clickstream_lake.lake.layout import Partition
from tests.protocol.fakes import FakeSqs
from tests.protocol.lake import DAY, LakeUnderTest

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
YESTERDAY = Partition.parse("year=2025/month=11/day=25")
LONG_AGO = Partition.parse("year=2025/month=01/day=01")


@pytest.fixture
def lake(memory_lake: LakeUnderTest) -> LakeUnderTest:
    """Three landing files in each of three partitions."""
    memory_lake.s3.now = lambda: NOON
    for day in (LONG_AGO, DAY, YESTERDAY):
        for name in "abc":
            source = memory_lake.put_raw(name, partition=day)
            memory_lake.publish("json", source, [f"{name}-{day.path}"])
    return memory_lake


def operating(lake: LakeUnderTest, **options: Any) -> tuple[Operations, FakeSqs]:  # noqa: ANN401 - LakeUnderTest.operations'
    sqs: Any = FakeSqs()
    defaults: dict[str, Any] = {"now": lambda: NOON, "min_files": 3, "lookback_days": 3}
    return lake.operations(**{**defaults, "queue": CompactQueue(sqs, "url"), **options}), sqs


def queued(sqs: FakeSqs) -> list[str]:
    return [parse_message(sent["MessageBody"]).partition for sent in sqs.messages]


def test_a_tick_queues_recent_partitions_newest_first(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake)
    report = operations.plan()
    assert queued(sqs) == [DAY.path, YESTERDAY.path]
    assert [entry.queued for entry in report.partitions] == [True, True]
    assert report.left == 0


def test_a_retried_tick_queues_nothing_twice(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake)
    operations.plan()
    operations.plan()
    assert len(sqs.messages) == 2


def test_a_request_may_name_partitions_and_formats(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake)
    report = operations.plan(partitions=[LONG_AGO], formats=["json"])
    assert queued(sqs) == [LONG_AGO.path]
    assert (report.partitions[0].landing_files, report.partitions[0].expected_files) == (3, 1)


def test_a_partition_that_is_not_registered_is_left_out(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake)
    assert operations.plan(partitions=[DAY], formats=["parquet"]).partitions == ()


def test_force_travels_with_the_message(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake, min_files=100)
    assert not operations.plan().partitions[0].queued
    operations.plan(force=True)
    assert parse_message(sqs.messages[0]["MessageBody"]).force


def test_a_dry_run_queues_nothing(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake)
    assert operations.plan(dry_run=True).partitions[0].queued
    assert sqs.messages == []


def test_without_a_queue_partitions_are_compacted_on_the_spot(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake, queue=None)
    report = operations.plan()
    assert [result.outcome for result in report.results] == ["compacted", "compacted"]
    assert len(lake.visible("json")) == 3


def test_out_of_time_leaves_the_rest_for_the_next_tick(lake: LakeUnderTest) -> None:
    operations, sqs = operating(lake)
    clock = iter([False, True])
    report = operations.plan(out_of_time=lambda: next(clock))
    assert queued(sqs) == [DAY.path]
    assert report.left == 1


def test_late_landing_files_of_a_compacted_partition_are_found(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake, queue=None)
    operations.plan()
    for name in "xyz":
        lake.publish("json", lake.put_raw(name), [name])
    planned = operations.plan(dry_run=True).partitions[0]
    assert (planned.queued, planned.reason, planned.merged_files) == (True, "3 landing files", 1)


def test_the_lag_is_that_of_partitions_worth_compacting(lake: LakeUnderTest) -> None:
    later = {"now": lambda: NOON + timedelta(hours=2)}
    assert operating(lake, **later)[0].plan(dry_run=True).oldest_waiting_seconds == 7200
    idle = operating(lake, **later, min_files=100)[0]
    assert idle.plan(dry_run=True).oldest_waiting_seconds == 0


def test_clean_up_covers_recent_partitions_and_those_compacted_lately(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake, queue=None)
    operations.plan(partitions=[LONG_AGO])
    due, _ = operating(lake, now=lambda: NOON + timedelta(days=2))
    report = due.clean_up(dry_run=False)
    told = {result.partition: result.outcome for result in report.partitions}
    assert told == {LONG_AGO.path: "cleaned", DAY.path: "nothing", YESTERDAY.path: "nothing"}


def test_clean_up_leaves_alone_what_was_cleaned_up_long_ago(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake, queue=None)
    operations.plan(partitions=[LONG_AGO])
    due, _ = operating(lake, now=lambda: NOON + timedelta(days=90))
    assert due.clean_up(dry_run=False).partitions == ()


def test_clean_up_may_be_told_which_partitions(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake)
    report = operations.clean_up(partitions=[LONG_AGO], formats=["json"], dry_run=True)
    assert [result.partition for result in report.partitions] == [LONG_AGO.path]
    assert report.dry_run


def test_clean_up_out_of_time_tells_what_is_left(lake: LakeUnderTest) -> None:
    operations, _ = operating(lake)
    assert operations.clean_up(dry_run=True, out_of_time=lambda: True).left == 2
