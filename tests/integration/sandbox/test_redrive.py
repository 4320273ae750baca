"""The runbook's `start-message-move-task`, on the queues of a lake."""

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import Bench


def ended(sqs: Any, arn: str) -> dict[str, Any]:  # noqa: ANN401 - boto3's own
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        (task,) = sqs.list_message_move_tasks(SourceArn=arn)["Results"]
        if task["Status"] not in {"RUNNING", "CANCELLING"}:
            return dict(task)
        time.sleep(0.02)
    raise TimeoutError(arn)


def pair(bench: "Bench", **kind: str) -> tuple[str, str, str]:
    """A queue, and the one of its dead letters: the URL of the first, both of the second."""
    suffix = ".fifo" if kind else ""
    dead, arn = bench.queue(f"{bench.name('dead')}{suffix}", **kind)
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url, _ = bench.queue(f"{bench.name('work')}{suffix}", RedrivePolicy=policy, **kind)
    return url, dead, arn


def bodies(sqs: Any, url: str) -> list[str]:  # noqa: ANN401 - boto3's own
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    return sorted(message["Body"] for message in found)


def test_dead_letters_come_back_and_are_worked_off(bench: "Bench") -> None:
    """As the runbook has it: the function fails until its cause is mended."""
    sqs, url = bench.client("sqs"), bench.sandbox.queue_url
    dead = bench.sandbox.resources.dead_letter_url
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    seen: list[Any] = []
    bench.sandbox.wait_idle()  # S3 has told the queue that it may
    bench.answers(f"{bench.sandbox.stream}-transform", seen.append)
    for number in range(25):
        sqs.send_message(QueueUrl=dead, MessageBody=f"{number}")
    handle = sqs.start_message_move_task(SourceArn=arn["QueueArn"])["TaskHandle"]
    assert handle
    task = ended(sqs, arn["QueueArn"])
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 25)
    assert task["ApproximateNumberOfMessagesToMove"] == 25
    bench.sandbox.wait_idle()
    moved = [record["body"] for event in seen for record in event["Records"]]
    assert sorted(moved, key=int) == [f"{number}" for number in range(25)]
    assert bench.sandbox.dead_letters() == 0
    assert bodies(sqs, url) == []


def test_attributes_and_groups_come_along(bench: "Bench") -> None:
    sqs = bench.client("sqs")
    url, dead, arn = pair(bench, FifoQueue="true")
    sqs.send_message(
        QueueUrl=dead,
        MessageBody="a",
        MessageGroupId="partition",
        MessageDeduplicationId="once",
        MessageAttributes={"k": {"DataType": "String", "StringValue": "v"}},
    )
    sqs.start_message_move_task(SourceArn=arn)
    assert ended(sqs, arn)["Status"] == "COMPLETED"
    (message,) = sqs.receive_message(
        QueueUrl=url, AttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert message["Attributes"]["MessageGroupId"] == "partition"
    assert message["MessageAttributes"]["k"]["StringValue"] == "v"


def test_a_task_can_be_slowed_down_and_cancelled(bench: "Bench") -> None:
    sqs = bench.client("sqs")
    url, dead, arn = pair(bench)
    for number in range(10):
        sqs.send_message(QueueUrl=dead, MessageBody=f"{number}")
    handle = sqs.start_message_move_task(SourceArn=arn, MaxNumberOfMessagesPerSecond=1)
    with pytest.raises(ClientError, match="already a task"):
        sqs.start_message_move_task(SourceArn=arn)
    sqs.cancel_message_move_task(TaskHandle=handle["TaskHandle"])
    task = ended(sqs, arn)
    assert task["Status"] == "CANCELLED"
    assert task["ApproximateNumberOfMessagesMoved"] < 10
    left = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    moved = task["ApproximateNumberOfMessagesMoved"]
    assert int(left["ApproximateNumberOfMessages"]) == 10 - moved
    assert len(bodies(sqs, url)) == moved
    with pytest.raises(ClientError, match="Task does not exist"):
        sqs.cancel_message_move_task(TaskHandle=handle["TaskHandle"])


def test_messages_may_go_elsewhere(bench: "Bench") -> None:
    sqs = bench.client("sqs")
    url, dead, arn = pair(bench)
    other, other_arn = bench.queue()
    sqs.send_message(QueueUrl=dead, MessageBody="a")
    sqs.start_message_move_task(SourceArn=arn, DestinationArn=other_arn)
    assert ended(sqs, arn)["DestinationArn"] == other_arn
    assert (bodies(sqs, url), bodies(sqs, other)) == ([], ["a"])


@pytest.mark.parametrize("which", ["no dead letters", "nowhere"])
def test_what_is_no_queue_of_dead_letters_is_refused(bench: "Bench", which: str) -> None:
    sqs = bench.client("sqs")
    _, arn = bench.queue()
    if which == "nowhere":
        arn += "-not"
    with pytest.raises(ClientError) as caught:
        sqs.start_message_move_task(SourceArn=arn)
    code = caught.value.response["Error"]["Code"]
    assert code.endswith(
        "ResourceNotFoundException" if which == "nowhere" else "UnsupportedOperation"
    )
