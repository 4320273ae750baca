import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.lake.aws.inbox import Inbox
from clickstream_lake.lake.events import Message, parse_messages

if TYPE_CHECKING:
    from conftest import Bench

REPORTS = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


def bodies(event: dict[str, Any]) -> list[str]:
    return [record["body"] for record in event["Records"]]


def send(bench: "Bench", url: str, *texts: str, group: str = "") -> None:
    more = {"MessageGroupId": group} if group else {}
    for text in texts:
        unique = {"MessageDeduplicationId": text} if group else {}
        bench.client("sqs").send_message(QueueUrl=url, MessageBody=text, **more, **unique)


def left(bench: "Bench", url: str) -> list[str]:
    answer = bench.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=20
    )
    return sorted(message["Body"] for message in answer.get("Messages", []))


def test_messages_reach_the_function_and_are_deleted(bench: "Bench") -> None:
    url, arn = bench.queue()
    seen: list[dict[str, Any]] = []
    bench.map(arn, bench.function(seen.append), BatchSize=5, **REPORTS)

    send(bench, url, *"abcdefg")
    bench.sandbox.wait_idle()

    assert sorted(text for event in seen for text in bodies(event)) == list("abcdefg")
    record = seen[0]["Records"][0]
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == arn
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_the_sandbox_is_not_idle_before_a_delayed_message_has_come(bench: "Bench") -> None:
    url, arn = bench.queue()
    seen: list[dict[str, Any]] = []
    bench.map(arn, bench.function(seen.append), **REPORTS)

    bench.client("sqs").send_message(QueueUrl=url, MessageBody="late", DelaySeconds=2)
    bench.sandbox.wait_idle()

    assert [bodies(event) for event in seen] == [["late"]]


def test_no_message_is_lost_or_left_with_many_senders_and_pollers(bench: "Bench") -> None:
    url, arn = bench.queue()
    seen: list[str] = []
    lock = threading.Lock()

    def take(event: dict[str, Any]) -> None:
        with lock:
            seen.extend(bodies(event))

    bench.map(arn, bench.function(take), BatchSize=3)
    senders = [
        threading.Thread(target=send, args=(bench, url, *(f"{s}-{n}" for n in range(40))))
        for s in range(5)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    bench.sandbox.wait_idle()

    assert sorted(seen) == sorted(f"{s}-{n}" for s in range(5) for n in range(40))


def test_only_reported_messages_come_back_and_after_too_often_are_dead_letters(
    bench: "Bench",
) -> None:
    dead_url, dead_arn = bench.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = bench.queue(VisibilityTimeout="1", RedrivePolicy=redrive)
    tries: dict[str, int] = {}

    def fail_the_bad(event: dict[str, Any]) -> dict[str, Any]:
        for text in bodies(event):
            tries[text] = tries.get(text, 0) + 1
        bad = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": each} for each in bad]}

    bench.map(arn, bench.function(fail_the_bad), BatchSize=10, **REPORTS)
    send(bench, url, "good", "bad", "fine")
    dead = left(bench, dead_url)

    assert dead == ["bad"]
    assert tries == {"good": 1, "bad": 2, "fine": 1}
    bench.sandbox.wait_idle()


def test_what_the_function_deletes_or_gives_back_itself_is_as_it_says(bench: "Bench") -> None:
    url, arn = bench.queue(VisibilityTimeout="600")
    sqs, seen = bench.client("sqs"), []

    def work(event: dict[str, Any]) -> dict[str, Any]:
        failures = []
        for record in event["Records"]:
            receipt = {"QueueUrl": url, "ReceiptHandle": record["receiptHandle"]}
            seen.append(record["body"])
            if record["body"] == "failing" and seen.count("failing") < 3:
                sqs.change_message_visibility(**receipt, VisibilityTimeout=0)
                failures.append({"itemIdentifier": record["messageId"]})
            else:
                sqs.delete_message(**receipt)  # and then the event source does, once more
        return {"batchItemFailures": failures}

    bench.map(arn, bench.function(work), BatchSize=10, **REPORTS)
    send(bench, url, "good", "failing", "fine")
    bench.sandbox.wait_idle()

    assert sorted(seen) == ["failing", "failing", "failing", "fine", "good"]
    assert left_at_once(bench, url) == 0


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_a_functions_failed_message_is_done_again_long_before_it_is_visible_by_itself(
    suffix: str, bench: "Bench"
) -> None:
    """By the functions' own inbox; in a FIFO queue what waits behind it keeps its place."""
    fifo = {"FifoQueue": "true"} if suffix else {}
    url, arn = bench.queue(f"{bench.name('retried')}{suffix}", VisibilityTimeout="1800", **fifo)
    inbox = Inbox(lambda: bench.client("sqs"), pytest.fail, first_pause_seconds=1)
    seen: list[str] = []

    def work(message: Message) -> bool:
        seen.append(message.body)
        return message.body != "failing" or seen.count("failing") == 3

    def handle(event: dict[str, Any]) -> dict[str, Any]:
        messages = parse_messages(event)
        return {
            "batchItemFailures": inbox.work_off(messages, time_for_more=lambda _: True, work=work)
        }

    bench.map(arn, bench.function(handle), BatchSize=10, **REPORTS)
    send(bench, url, "failing", "behind", group="a" if suffix else "")
    bench.sandbox.wait_idle()

    assert sorted(seen) == ["behind", "failing", "failing", "failing"]
    assert not suffix or seen[-1] == "behind"
    assert left_at_once(bench, url) == 0


def left_at_once(bench: "Bench", url: str) -> int:
    """Messages in a queue, in flight or not."""
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = bench.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def test_an_exception_returns_the_whole_batch(bench: "Bench") -> None:
    dead_url, dead_arn = bench.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 1})
    url, arn = bench.queue(VisibilityTimeout="1", RedrivePolicy=redrive)

    def fail(event: dict[str, Any]) -> None:
        raise RuntimeError(str(len(event)))

    bench.map(arn, bench.function(fail), BatchSize=10, **REPORTS)
    send(bench, url, "a")

    assert left(bench, dead_url) == ["a"]
    bench.sandbox.wait_idle()


def test_without_the_response_type_a_report_means_nothing(bench: "Bench") -> None:
    url, arn = bench.queue(VisibilityTimeout="1")
    seen: list[str] = []

    def report_all(event: dict[str, Any]) -> dict[str, Any]:
        seen.extend(bodies(event))
        return {"batchItemFailures": [{"itemIdentifier": r["messageId"]} for r in event["Records"]]}

    bench.map(arn, bench.function(report_all), BatchSize=1)
    send(bench, url, "a")
    bench.sandbox.wait_idle()

    assert seen == ["a"]


def test_a_fifo_queue_keeps_the_order_of_each_group_even_after_a_failure(bench: "Bench") -> None:
    url, arn = bench.queue(f"{bench.name('queue')}.fifo", FifoQueue="true", VisibilityTimeout="1")
    done: list[str] = []
    failed_once: set[str] = set()
    running: set[str] = set()
    overlaps: list[str] = []

    def work(event: dict[str, Any]) -> dict[str, Any]:
        (record,) = event["Records"]
        group, text = record["attributes"]["MessageGroupId"], record["body"]
        if group in running:
            overlaps.append(group)
        running.add(group)
        try:
            if text.endswith("1") and text not in failed_once:
                failed_once.add(text)
                return {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}
            done.append(text)
            return {"batchItemFailures": []}
        finally:
            running.discard(group)

    for group in ("a", "b"):
        send(bench, url, *(f"{group}{number}" for number in range(4)), group=group)
    bench.map(arn, bench.function(work), BatchSize=1, **REPORTS)
    bench.sandbox.wait_idle()

    assert [text for text in done if text[0] == "a"] == ["a0", "a1", "a2", "a3"]
    assert [text for text in done if text[0] == "b"] == ["b0", "b1", "b2", "b3"]
    assert overlaps == []


def test_a_disabled_mapping_is_not_polled(bench: "Bench") -> None:
    url, arn = bench.queue()
    seen: list[Any] = []
    uuid = bench.map(arn, bench.function(seen.append))
    bench.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    bench.sandbox.event_sources.refresh()

    assert arn not in bench.sandbox.event_sources.queue_arns()

    send(bench, url, "a")
    assert left(bench, url) == ["a"]
    assert seen == []


@pytest.fixture
def notified(bench: "Bench") -> tuple[str, list[dict[str, Any]]]:
    """A bucket whose notifications (`raw/`, `.gz`) reach a function, and what that saw."""
    bucket = bench.bucket()
    _, arn = bench.queue()
    seen: list[dict[str, Any]] = []

    def take(event: dict[str, Any]) -> None:
        seen.extend(json.loads(text) for text in bodies(event))

    bench.map(arn, bench.function(take))
    rules = [{"Name": "prefix", "Value": "raw/"}, {"Name": "suffix", "Value": ".gz"}]
    bench.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [
                {
                    "QueueArn": arn,
                    "Events": ["s3:ObjectCreated:*"],
                    "Filter": {"Key": {"FilterRules": rules}},
                }
            ]
        },
    )
    return bucket, seen


def test_s3_sends_a_test_event_and_then_keys_encoded_as_s3_encodes_them(
    bench: "Bench", notified: tuple[str, list[dict[str, Any]]]
) -> None:
    bucket, seen = notified

    bench.client("s3").put_object(Bucket=bucket, Key="raw/year=2025/a b+c ä.gz", Body=b"x")
    bench.sandbox.wait_idle()

    # A standard queue and its two pollers keep no order.
    test_event, event = sorted(seen, key=lambda message: "Records" in message)
    assert (test_event["Event"], test_event["Bucket"]) == ("s3:TestEvent", bucket)
    (record,) = event["Records"]
    assert record["eventName"] == "ObjectCreated:Put"
    assert record["s3"]["bucket"]["name"] == bucket
    assert record["s3"]["object"]["key"] == "raw/year%3D2025/a+b%2Bc+%C3%A4.gz"


def test_s3_notifies_only_of_keys_that_its_filter_names(
    bench: "Bench", notified: tuple[str, list[dict[str, Any]]]
) -> None:
    bucket, seen = notified

    for key in ("raw/a.json", "processed/a.gz", "errors/raw/a.gz", "raw/b.gz"):
        bench.client("s3").put_object(Bucket=bucket, Key=key, Body=b"x")
    bench.sandbox.wait_idle()

    assert [event["Records"][0]["s3"]["object"]["key"] for event in seen[1:]] == ["raw/b.gz"]


def test_a_queue_keeps_its_policy_when_another_attribute_is_set(bench: "Bench") -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Deny"}]})
    url, _ = bench.queue(Policy=policy)

    bench.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    kept = bench.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    bench.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    taken = bench.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])

    assert json.loads(kept["Attributes"]["Policy"]) == json.loads(policy)
    assert kept["Attributes"]["VisibilityTimeout"] == "5"
    assert "Policy" not in taken["Attributes"]
