"""What the function does when its time ends: what it begins, what goes back, what was done."""

import json
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest

from clickstream_lake.lake.errors import FailedObjectsError
from clickstream_lake.sandbox.event_source import make_event
from tests.unit.transform.function.world import (
    DAY,
    EVENT,
    KEY,
    Context,
    FakeLake,
    Slow,
    failed,
    invoke,
    notification,
    sqs,
)


def test_a_message_that_time_does_not_allow_goes_back_untouched(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (f"raw/{DAY}/{name}.gz" for name in ("first", "second"))
    context = Context()
    Slow(monkeypatch, context).takes(first, 255_000)
    lake.put(first, EVENT)
    lake.put(second, EVENT)
    assert failed(invoke(sqs(notification(first), notification(second)), context)) == ["m1"]
    assert len(lake.events()) == 1


def test_an_object_is_begun_only_in_the_time_that_the_slowest_took(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"raw/{DAY}/{number}.gz" for number in range(4)]
    context = Context()
    slow = Slow(monkeypatch, context)
    for key in keys:
        slow.takes(key, 100_000)
        lake.put(key, EVENT)
    assert failed(invoke(sqs(*map(notification, keys)), context)) == ["m2", "m3"]


@pytest.mark.parametrize("timeout_ms", [10_000, 60_000, 900_000])
def test_a_single_object_is_begun_whatever_the_timeout(lake: FakeLake, timeout_ms: int) -> None:
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(notification(KEY)), Context(left_ms=timeout_ms))) == []
    assert len(lake.events()) == 1


def test_an_object_that_outlives_its_deadline_goes_back_alone(
    lake: FakeLake,
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    good, bad, other = (f"raw/{DAY}/{name}.gz" for name in ("good", "bad", "other"))
    context = Context()
    Slow(monkeypatch, context).takes(bad, 290_000)
    for key in (good, bad, other):
        lake.put(key, EVENT)
    event = sqs(*(notification(key) for key in (good, bad, other)))
    assert failed(invoke(event, context)) == ["m1", "m2"]
    assert context.left_ms > 0
    assert [key.partition(f"{DAY}/")[2][:4] for key in lake.keys("processed/json/")] == ["good"]
    assert list(tmp_path.iterdir()) == []
    (told,) = [e for e in map(json.loads, log.getvalue().splitlines()) if e["level"] == "ERROR"]
    assert (told["error"], told["key"]) == ("DeadlineError", bad)
    assert "0 of its 1" in told["detail"]
    assert "Firehose" in told["detail"]
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert metrics["ObjectsOverDeadline"] == [1]
    # With time for it, it is done as if nothing had been.
    assert failed(invoke(event, Context())) == []
    assert len(lake.events()) == len(lake.rows()) == 3


def test_what_comes_after_the_deadline_is_not_asked_for(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"raw/{DAY}/{number}.gz" for number in range(5)]
    context = Context()
    slow = Slow(monkeypatch, context)
    slow.takes(keys[1], 290_000)
    for key in keys:
        lake.put(key, EVENT)
    with pytest.raises(FailedObjectsError, match="4 of 5"):
        invoke(notification(*keys), context)
    assert [key for key in slow.asked if key.startswith("raw/")] == keys[:2]


def test_what_was_tried_before_comes_after_what_is_new(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (f"raw/{DAY}/{name}.gz" for name in ("bad", "good"))
    context = Context()
    Slow(monkeypatch, context).takes(bad, 290_000)
    lake.put(bad, EVENT)
    lake.put(good, EVENT)
    event = sqs(notification(bad), notification(good))
    event["Records"][0]["attributes"] = {"ApproximateReceiveCount": "2"}
    assert failed(invoke(event, context)) == ["m0"]
    assert len(lake.events()) == 1


class Killed(BaseException):
    """Nothing of the function runs after it."""


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_killed_function_gets_again_only_what_it_had_not_done(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    sqs_client = boto3.client("sqs")
    url = sqs_client.create_queue(QueueName="q")["QueueUrl"]
    keys = [f"raw/{DAY}/{number}.gz" for number in range(4)]
    for key in keys:
        lake.put(key, EVENT)
        sqs_client.send_message(QueueUrl=url, MessageBody=json.dumps(notification(key)))
    session = boto3.Session()
    opened: list[str] = []

    def kill(params: dict[str, Any], **_: object) -> None:
        opened.append(params["Key"])
        if len([key for key in opened if key.startswith("raw/")]) > done:
            raise Killed

    session.events.register("provide-client-params.s3.GetObject", kill)
    batch = received(url)
    with monkeypatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        with pytest.raises(Killed):
            invoke(batch)
    for record in batch["Records"]:  # the queue's visibility timeout is over
        with suppress(sqs_client.exceptions.ReceiptHandleIsInvalid):
            sqs_client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
            )
    again = received(url)
    assert len(again["Records"]) == len(keys) - done
    assert failed(invoke(again)) == []
    assert received(url)["Records"] == []
    assert len(lake.events()) == len(lake.rows()) == len(keys)


def received(url: str) -> dict[str, Any]:
    """A batch as Lambda's event source takes it from a queue."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    arn = f"arn:aws:sqs:us-east-1:123456789012:{url.rpartition('/')[2]}"
    return make_event(answer.get("Messages", []), arn)


def test_a_queue_that_is_gone_costs_a_warning_each_and_nothing_else(
    lake: FakeLake, log: StringIO
) -> None:
    lake.put(KEY, EVENT)
    event = sqs(notification(KEY), "no notification")
    for number, record in enumerate(event["Records"]):
        record["receiptHandle"] = f"r{number}"
        record["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:gone"
    assert failed(invoke(event)) == ["m1"]
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [each["message"] for each in told if each["level"] == "WARNING"] == [
        "message not deleted",
        "message not given back early",
    ]
