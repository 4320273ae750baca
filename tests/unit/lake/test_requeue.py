import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from clickstream_lake.lake.errors import RequeueError
from clickstream_lake.lake.events import parse_objects_of_body
from clickstream_lake.lake.requeue import TransformQueue, notification

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
    (ref,) = parse_objects_of_body(notification("lake", key))
    assert (ref.bucket, ref.key) == ("lake", key)


def test_the_message_has_s3s_shape() -> None:
    (record,) = json.loads(notification("lake", "raw/year=2025/x.gz"))["Records"]
    assert record["eventSource"] == "aws:s3"
    assert record["s3"]["object"] == {"key": "raw/year%3D2025/x.gz"}


def test_every_object_is_queued_once(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    keys = [f"raw/{number:02}.gz" for number in range(23)]
    told: list[int] = []
    assert TransformQueue(sqs, url, "lake").send(iter(keys), sent=told.append) == 23
    assert told == [10, 10, 3]
    assert keys_queued(sqs, url) == keys


def test_what_sqs_refuses_is_sent_again_and_nothing_else(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    keys = [f"raw/{number}.gz" for number in range(8)]
    refusing: Any = Refusing(sqs, times=3)
    TransformQueue(refusing, url, "lake").send(keys)
    assert keys_queued(sqs, url) == keys


class RefusingEverything:
    """An SQS that never takes anything."""

    @staticmethod
    def send_message_batch(**request: Any) -> Any:  # noqa: ANN401 - boto3's answer
        return {"Failed": [{"Id": entry["Id"]} for entry in request["Entries"]]}


def test_what_sqs_refuses_for_ever_is_an_error() -> None:
    refusing: Any = RefusingEverything()
    with pytest.raises(RequeueError, match="refused 2 messages 5 times; send them once more"):
        TransformQueue(refusing, "url", "lake").send(["raw/1.gz", "raw/2.gz"])


def test_what_it_holds_is_what_waits_what_is_worked_on_and_dead_letters(sqs: "SQSClient") -> None:
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": asked["QueueArn"], "maxReceiveCount": 2}
    url = sqs.create_queue(QueueName="q", Attributes={"RedrivePolicy": json.dumps(redrive)})[
        "QueueUrl"
    ]
    queue = TransformQueue(sqs, url, "lake")
    assert queue.held() == (0, 0)
    queue.send(["raw/1.gz", "raw/2.gz"])
    TransformQueue(sqs, dead, "lake").send(["raw/0.gz"])
    assert queue.held() == (2, 1)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)
    assert queue.held() == (2, 1)


def test_a_queue_without_dead_letters_has_none(sqs: "SQSClient") -> None:
    queue = TransformQueue(sqs, sqs.create_queue(QueueName="transform")["QueueUrl"], "lake")
    queue.send(["raw/1.gz"])
    assert queue.held() == (1, 0)
