import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from clickstream_lake.lake.events import parse_objects_of_body
from clickstream_lake.operate.replay import (
    RawObject,
    ReplayError,
    notification,
    raw_objects,
    replay,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "Iterator[SQSClient]":
    with mock_aws():
        yield boto3.client("sqs", region_name="us-east-1")


class Refusing:
    """Refuses every second message of a batch as often as it is told to."""

    def __init__(self, sqs: "SQSClient", times: int) -> None:
        self.sqs, self.times = sqs, times

    def send_message_batch(self, **request: Any) -> Any:  # noqa: ANN401 - boto3's answer
        if not self.times:
            return self.sqs.send_message_batch(**request)
        self.times -= 1
        taken = [entry for n, entry in enumerate(request["Entries"]) if n % 2 == 0]
        refused = [entry for n, entry in enumerate(request["Entries"]) if n % 2]
        self.sqs.send_message_batch(QueueUrl=request["QueueUrl"], Entries=taken)
        return {"Failed": [{"Id": entry["Id"]} for entry in refused]}


def keys_queued(sqs: "SQSClient", url: str) -> list[str]:
    keys = []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for message in found:
            keys += [ref.key for ref in parse_objects_of_body(message["Body"])]
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return sorted(keys)


@pytest.mark.parametrize("key", ["raw/day=26/a b+c.gz", "raw/day=26/ä%3D.gz"])
def test_the_transform_reads_the_key_that_was_meant(key: str) -> None:
    (ref,) = parse_objects_of_body(notification("lake", RawObject(key, 1)))
    assert (ref.bucket, ref.key) == ("lake", key)


def test_the_message_has_s3s_shape() -> None:
    (record,) = json.loads(notification("lake", RawObject("raw/year=2025/x.gz", 7)))["Records"]
    assert record["eventSource"] == "aws:s3"
    assert record["s3"]["object"] == {"key": "raw/year%3D2025/x.gz", "size": 7}


def test_only_gzip_objects_under_the_prefix_are_found() -> None:
    with mock_aws():
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket="lake")
        for key in ("raw/day=26/a.gz", "raw/day=26/b.txt", "raw/day=27/c.gz"):
            s3.put_object(Bucket="lake", Key=key, Body=b"12")
        assert list(raw_objects(s3, "lake", "raw/day=26/")) == [RawObject("raw/day=26/a.gz", 2)]


def test_every_object_is_queued_once(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    objects = [RawObject(f"raw/{number:02}.gz", 1) for number in range(23)]
    told: list[int] = []
    assert replay(sqs, url, "lake", iter(objects), sent=told.append) == 23
    assert told == [10, 10, 3]
    assert keys_queued(sqs, url) == [raw.key for raw in objects]


def test_what_sqs_refuses_is_sent_again_and_nothing_else(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    objects = [RawObject(f"raw/{number}.gz", 1) for number in range(8)]
    refusing: Any = Refusing(sqs, times=3)
    replay(refusing, url, "lake", objects)
    assert keys_queued(sqs, url) == [raw.key for raw in objects]


class RefusingEverything:
    """An SQS that never takes anything."""

    @staticmethod
    def send_message_batch(**request: Any) -> Any:  # noqa: ANN401 - boto3's answer
        return {"Failed": [{"Id": entry["Id"]} for entry in request["Entries"]]}


def test_what_sqs_refuses_for_ever_is_an_error() -> None:
    refusing: Any = RefusingEverything()
    with pytest.raises(ReplayError, match="refused 2 messages 5 times; replay once more"):
        replay(refusing, "url", "lake", [RawObject("raw/1.gz", 1), RawObject("raw/2.gz", 1)])
