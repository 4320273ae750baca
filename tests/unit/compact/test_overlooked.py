"""The scheduled audit of the raw zone: what it finds, and when it queues that."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from clickstream_lake.compact.overlooked import Auditor
from clickstream_lake.lake.layout import Layout, Partition
from clickstream_lake.lake.requeue import TransformQueue
from tests.protocol.clients import OPTIONS
from tests.protocol.lake import BUCKET, LakeUnderTest

NOW = datetime.now(UTC) + timedelta(hours=3)


def day(back: int) -> Partition:
    return Partition.parse(f"{NOW - timedelta(days=back):year=%Y/month=%m/day=%d}")


class Stream:
    """A lake in moto, with its transform queue and the dead letters of that."""

    def __init__(self, lake: LakeUnderTest) -> None:
        self.lake = lake
        self.sqs: Any = boto3.client("sqs", **OPTIONS)
        self.dead = self.sqs.create_queue(QueueName="transform-dead")["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.dead, AttributeNames=["QueueArn"])
        redrive = {"deadLetterTargetArn": arn["Attributes"]["QueueArn"], "maxReceiveCount": 1}
        self.url = self.sqs.create_queue(
            QueueName="transform", Attributes={"RedrivePolicy": json.dumps(redrive)}
        )["QueueUrl"]
        self.queue = TransformQueue(self.sqs, self.url, BUCKET)

    def auditor(self, **options: Any) -> Auditor:  # noqa: ANN401 - any of its fields
        given = {"lookback_days": 3, "grace": timedelta(hours=2), "now": lambda: NOW} | options
        return Auditor(self.lake, given.pop("queue", self.queue), **given)

    def put_raw(self, *names: str, back: int = 0) -> None:
        for name in names:
            self.lake.put_raw(name, partition=day(back))

    def age(self, name: str, back: int, by: timedelta) -> None:
        """Have it written so long ago."""
        kept = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[BUCKET].keys
        kept[f"raw/{day(back).path}/{name}.gz"].last_modified -= by

    def queued(self) -> int:
        asked = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])
        return int(asked["Attributes"]["ApproximateNumberOfMessages"])

    def kill(self, messages: int) -> None:
        """Make dead letters of messages that wait."""
        for message in self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=messages)[
            "Messages"
        ]:
            self.sqs.send_message(QueueUrl=self.dead, MessageBody=message["Body"])
            self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])


@pytest.fixture
def stream(moto_lake: LakeUnderTest) -> Stream:
    return Stream(moto_lake)


def test_what_was_overlooked_is_queued_oldest_day_first(stream: Stream) -> None:
    stream.put_raw("old", back=3)
    stream.put_raw("new")
    report = stream.auditor().audit(dry_run=False)
    assert [key.rpartition("/")[2] for key in report.keys] == ["old.gz", "new.gz"]
    assert (report.objects, report.untaken, report.requeued, report.complete) == (2, 2, 2, True)
    assert stream.queued() == 2


def test_only_the_look_back_window_is_listed_in_one_go(stream: Stream) -> None:
    stream.put_raw("too-old", back=4)
    stream.put_raw("taken", "overlooked")
    source = stream.lake.layout.source(f"raw/{day(0).path}/taken.gz")
    stream.lake.publish("json", source)
    stream.lake.publish("parquet", source)
    listed: list[dict[str, str]] = []
    stream.lake.s3.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: listed.append(params)
    )
    report = stream.auditor(lookback_days=3).audit(dry_run=False)
    assert (report.objects, report.untaken) == (2, 1)
    assert [(each["Prefix"], each["StartAfter"]) for each in listed if "StartAfter" in each] == [
        ("raw/", f"raw/{day(3).path}")
    ]


def test_a_lake_by_other_keys_is_looked_through_by_their_dates(stream: Stream) -> None:
    keys = ("tenant", "year", "month", "day")
    stream.lake.layout = Layout(partition_keys=keys)
    for back in (0, 4):
        stream.lake.put_raw("x", partition=Partition.parse(f"tenant=a/{day(back).path}"))
    report = stream.auditor().audit(dry_run=True)
    assert (report.objects, report.keys) == (1, (f"raw/tenant=a/{day(0).path}/x.gz",))


def test_hours_lie_within_their_day(stream: Stream) -> None:
    stream.lake.layout = Layout(partition_keys=("year", "month", "day", "hour"))
    for hour in ("00", "23"):
        stream.lake.put_raw("x", partition=Partition.parse(f"{day(1).path}/hour={hour}"))
    assert stream.auditor().audit(dry_run=True).untaken == 2


def test_what_is_under_way_is_not_found(stream: Stream) -> None:
    stream.put_raw("a")
    assert stream.auditor(grace=timedelta(hours=4)).audit(dry_run=False).untaken == 0


def test_a_dry_run_and_a_lake_without_queue_only_count(stream: Stream) -> None:
    stream.put_raw("a")
    for options, dry_run in (({}, True), ({"queue": None}, False)):
        report = stream.auditor(**options).audit(dry_run=dry_run)
        assert (report.untaken, report.requeued) == (1, 0)
    assert stream.queued() == 0


def test_what_may_be_among_waiting_messages_is_not_queued_twice(stream: Stream) -> None:
    stream.put_raw(*"abcd")
    stream.auditor().audit(dry_run=False)
    again = stream.auditor().audit(dry_run=False)
    assert (again.untaken, again.waiting, again.requeued) == (4, 4, 0)
    assert stream.queued() == 4


def test_a_dead_letter_does_not_come_back_every_hour(stream: Stream) -> None:
    stream.put_raw(*"ab")
    stream.auditor().audit(dry_run=False)
    stream.kill(2)
    again = stream.auditor().audit(dry_run=False)
    assert (again.untaken, again.waiting, again.dead, again.requeued) == (2, 0, 2, 0)


def test_a_stream_that_never_rests_hides_nothing(stream: Stream) -> None:
    """Messages wait, and one is worked on: they are of what landed since."""
    stream.put_raw("overlooked", back=1)
    stream.put_raw(*"abcdef")
    stream.queue.send(f"raw/{day(0).path}/{name}.gz" for name in "abcdef")
    stream.sqs.receive_message(QueueUrl=stream.url)
    stream.age("overlooked", back=1, by=timedelta(hours=3))
    for waiting, requeued in ((6, 1), (7, 0)):
        report = stream.auditor(now=lambda: datetime.now(UTC)).audit(dry_run=False)
        assert (report.untaken, report.coming) == (1, 6)
        assert (report.waiting, report.requeued) == (waiting, requeued)


def test_a_lag_is_not_made_worse_though_sqs_counts_about(stream: Stream) -> None:
    stream.put_raw(*(f"n{number}" for number in range(30)))
    stream.queue.send(f"raw/{day(0).path}/n{number}.gz" for number in range(16))
    assert stream.auditor().audit(dry_run=False).requeued == 0


@pytest.mark.parametrize("backlog", [0, 1, 5, 40])
def test_however_often_it_ticks_nothing_waits_more_than_twice(stream: Stream, backlog: int) -> None:
    """The queue stands still, and a part of what lands is never announced."""
    names = [f"n{number:02}" for number in range(8)]
    stream.put_raw(*names)
    stream.queue.send(f"raw/{day(0).path}/{name}.gz" for name in (names * 5)[:backlog])
    for _ in range(6):
        stream.auditor().audit(dry_run=False)
    assert backlog <= stream.queued() <= max(backlog, 2 * len(names))


def test_a_damaged_partition_holds_up_no_other(stream: Stream) -> None:
    stream.put_raw("a")
    stream.put_raw("b", back=1)
    lost = f"s3://{BUCKET}/processed/json/compacted/{day(0).path}/gone/"
    stream.lake.partitions.create("clickstream_events", day(0), lost)
    report = stream.auditor().audit(dry_run=False)
    assert report.keys == (f"raw/{day(1).path}/b.gz",)
    assert [text.split(":")[0] for text in report.failed] == [day(0).path]


def test_it_ends_when_its_time_is_over(stream: Stream) -> None:
    stream.put_raw("a")
    stream.put_raw("b", back=1)
    asked = iter([False, True])
    report = stream.auditor().audit(dry_run=False, out_of_time=lambda: next(asked))
    assert (report.objects, report.requeued, report.complete) == (1, 1, False)


def test_a_report_has_an_end(stream: Stream) -> None:
    stream.put_raw(*(f"n{number}" for number in range(101)))
    report = stream.auditor().audit(dry_run=False)
    assert (report.untaken, report.requeued, len(report.keys)) == (101, 101, 100)
