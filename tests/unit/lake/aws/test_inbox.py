"""What becomes of messages, in a real queue (moto's), whatever call to it fails."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from clickstream_lake.lake.aws.inbox import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Inbox
from clickstream_lake.lake.events import Message, parse_messages
from clickstream_lake.sandbox.event_source import failed_messages, make_event
from dev.terraform_docs import TERRAFORM

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

ALWAYS = lambda _: True  # noqa: E731 - reads best at the call


@dataclass
class Queue:
    """A queue, and Lambda's side of it."""

    sqs: "SQSClient"
    url: str
    arn: str
    warnings: list[str] = field(default_factory=list)

    def send(self, *bodies: str) -> None:
        for body in bodies:
            fifo: Any = {"MessageGroupId": body[0], "MessageDeduplicationId": body}
            more = fifo if self.url.endswith(".fifo") else {}
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body, **more)

    def batch(self) -> list[Message]:
        """What Lambda hands to the function."""
        answer = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        return parse_messages(make_event(answer.get("Messages", []), self.arn))

    def finish(self, batch: list[Message], failures: list[dict[str, str]]) -> None:
        """Delete what did not fail, as Lambda does in the end."""
        answer = f'{{"batchItemFailures":{failures}}}'.replace("'", '"').encode()
        failed = failed_messages(answer, [message.message_id for message in batch])
        for message in batch:
            if message.message_id not in failed:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message.receipt)

    def left(self) -> int:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return sum(int(answer["Attributes"][name]) for name in names)

    def inbox(self, client: Callable[[], Any] | None = None, first_pause: float = 0) -> Inbox:
        return Inbox(
            client or (lambda: self.sqs),
            lambda failure, _, error: self.warnings.append(f"{failure} {error}"),
            first_pause_seconds=first_pause,
        )


def make_queue(name: str) -> Queue:
    sqs = boto3.client("sqs")
    attributes: Any = {"VisibilityTimeout": "1800"}
    if name.endswith(".fifo"):
        attributes["FifoQueue"] = "true"
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return Queue(sqs, url, answer["Attributes"]["QueueArn"])


@pytest.fixture
def queue(aws_environment: None) -> Iterator[Queue]:
    del aws_environment
    with mock_aws():
        yield make_queue("work")


@pytest.fixture
def fifo(aws_environment: None) -> Iterator[Queue]:
    del aws_environment
    with mock_aws():
        yield make_queue("work.fifo")


class Recorded:
    """A client that only takes note."""

    class meta:  # noqa: N801 - botocore's name
        endpoint_url = "https://sqs.eu-west-1.amazonaws.com"

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda **parameters: self.calls.append((name, parameters))


def message(receives: int = 1, **more: Any) -> Message:  # noqa: ANN401 - any of its keys
    event = {
        "messageId": "m",
        "body": "",
        "receiptHandle": "r",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
        "attributes": {"ApproximateReceiveCount": str(receives)},
        **more,
    }
    return parse_messages({"Records": [event]})[0]


def pause(receives: int, first: float = FIRST_PAUSE_SECONDS) -> int:
    client = Recorded()
    inbox = Inbox(lambda: client, print, first_pause_seconds=first)  # type: ignore[arg-type,return-value]  # a stand-in
    inbox.work_off([message(receives)], time_for_more=ALWAYS, work=lambda _: False)
    ((name, parameters),) = client.calls
    assert name == "change_message_visibility"
    assert parameters["QueueUrl"] == "https://sqs.eu-west-1.amazonaws.com/123456789012/work"
    return int(parameters["VisibilityTimeout"])


def test_what_is_done_is_gone_before_the_next_begins(queue: Queue) -> None:
    queue.send(*"abcd")
    left: list[int] = []

    def work(_: Message) -> bool:
        left.append(queue.left())
        return True

    assert queue.inbox().work_off(queue.batch(), time_for_more=ALWAYS, work=work) == []
    assert (left, queue.left()) == ([4, 3, 2, 1], 0)
    assert queue.warnings == []


@pytest.mark.parametrize("done", range(5))
def test_a_function_that_is_killed_gets_only_what_it_had_not_done(queue: Queue, done: int) -> None:
    queue.send(*"abcde")
    batch = queue.batch()
    seen: list[str] = []

    def work(message: Message) -> bool:
        if len(seen) == done:
            raise KeyboardInterrupt  # nothing of the function runs after this
        seen.append(message.body)
        return True

    with pytest.raises(KeyboardInterrupt):
        queue.inbox().work_off(batch, time_for_more=ALWAYS, work=work)
    for each in batch:  # the queue's visibility timeout is over
        if each.body not in seen:
            queue.sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=each.receipt, VisibilityTimeout=0
            )
    again = queue.batch()
    assert sorted([*seen, *(each.body for each in again)]) == list("abcde")
    assert {each.receives for each in again} == {2}


def test_what_failed_or_was_not_begun_comes_back_long_before_the_queues_timeout(
    queue: Queue,
) -> None:
    queue.send(*"abcd")
    batch = queue.batch()
    begun: list[str] = []

    def work(message: Message) -> bool:
        begun.append(message.body)
        return len(begun) != 2

    failures = queue.inbox().work_off(batch, time_for_more=lambda _: len(begun) < 3, work=work)
    assert [each["itemIdentifier"] for each in failures] == [
        batch[1].message_id,
        batch[3].message_id,
    ]
    queue.finish(batch, failures)
    assert sorted(each.body for each in queue.batch()) == sorted([batch[1].body, batch[3].body])


@pytest.mark.parametrize("receives", [*range(1, 12), 50, 100, 100_000])
def test_pauses_double_up_to_a_quarter_of_an_hour(receives: int) -> None:
    least = min(FIRST_PAUSE_SECONDS * 2 ** min(receives - 1, 99), LONGEST_PAUSE_SECONDS)
    assert {least <= pause(receives) <= round(1.25 * least) for _ in range(50)} == {True}


def test_what_fails_together_does_not_come_back_together() -> None:
    assert len({pause(6) for _ in range(50)}) > 5


@pytest.mark.parametrize("kind", ["transform", "compact"])
def test_the_tries_that_terraform_allows_last_more_than_an_hour(kind: str) -> None:
    text = (TERRAFORM / f"variables_{kind}.tf").read_text()
    found = re.search(rf'variable "{kind}_max_receives" {{[^}}]*default += (\d+)', text)
    assert found is not None
    pauses = [pause(receives) for receives in range(1, int(found[1]))]
    assert 3600 <= sum(pauses) <= 1.25 * 3700


def test_what_was_not_begun_comes_back_at_once() -> None:
    client = Recorded()
    inbox = Inbox(lambda: client, print)  # type: ignore[arg-type,return-value]  # a stand-in
    inbox.work_off([message(9)], time_for_more=lambda _: False, work=lambda _: True)
    assert [parameters["VisibilityTimeout"] for _, parameters in client.calls] == [0]


def test_nothing_of_a_fifo_group_overtakes_what_failed(fifo: Queue) -> None:
    fifo.send("a1", "b1", "a2", "b2", "a3")
    done: list[str] = []
    failed_once: set[str] = set()

    def work(message: Message) -> bool:
        if message.body == "a1" and not failed_once:
            failed_once.add(message.body)
            return False
        done.append(message.body)
        return True

    while batch := fifo.batch():
        failures = fifo.inbox().work_off(batch, time_for_more=ALWAYS, work=work)
        fifo.finish(batch, failures)
    assert [body for body in done if body[0] == "a"] == ["a1", "a2", "a3"]
    assert [body for body in done if body[0] == "b"] == ["b1", "b2"]
    assert done[:2] == ["b1", "b2"]
    assert fifo.left() == 0


def test_what_waits_behind_a_failure_in_a_fifo_queue_waits_as_long() -> None:
    client = Recorded()
    inbox = Inbox(lambda: client, print)  # type: ignore[arg-type,return-value]  # a stand-in
    attributes = {"MessageGroupId": "g", "ApproximateReceiveCount": "1"}
    waiting = [message(attributes=attributes) for _ in range(3)]
    tried: list[Message] = []
    inbox.work_off(waiting, time_for_more=ALWAYS, work=lambda each: bool(tried.append(each)))
    assert len(tried) == 1
    assert len({parameters["VisibilityTimeout"] for _, parameters in client.calls}) == 1
    assert client.calls[0][1]["VisibilityTimeout"] >= FIRST_PAUSE_SECONDS


class Faulty:
    """The real client, but for one of its calls."""

    def __init__(self, client: "SQSClient", broken: int, *, effect: bool, error: Exception) -> None:
        self._client, self._broken, self._effect, self._error = client, broken, effect, error
        self.meta = client.meta
        self.calls = 0

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(**parameters: Any) -> Any:  # noqa: ANN401 - botocore's
            self.calls += 1
            if self.calls != self._broken:
                return getattr(self._client, name)(**parameters)
            if self._effect:
                getattr(self._client, name)(**parameters)
            raise self._error

        return call


REFUSED = ClientError({"Error": {"Code": "RequestThrottled", "Message": "x"}}, "DeleteMessage")
SILENT = ReadTimeoutError(endpoint_url="x")


@pytest.mark.parametrize("error", [REFUSED, SILENT], ids=["refused", "silent"])
@pytest.mark.parametrize("effect", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("broken", range(1, 5))
def test_a_lost_call_changes_nothing_but_when(
    queue: Queue, broken: int, *, effect: bool, error: Exception
) -> None:
    queue.send(*"abcd")
    batch = queue.batch()
    client = Faulty(queue.sqs, broken, effect=effect, error=error)
    bad = {batch[1].body, batch[3].body}
    failures = queue.inbox(lambda: client).work_off(
        batch, time_for_more=ALWAYS, work=lambda each: each.body not in bad
    )
    queue.finish(batch, failures)
    assert queue.left() == 2
    for each in batch:
        if each.body in bad:
            queue.sqs.change_message_visibility(
                QueueUrl=queue.url, ReceiptHandle=each.receipt, VisibilityTimeout=0
            )
    assert {each.body for each in queue.batch()} == bad
    assert len(queue.warnings) == 1
    # A queue that is silent is not asked again, or it would take the time of what is left.
    assert client.calls == (broken if error is SILENT else 4)


def test_a_queue_that_was_silent_is_asked_again_by_the_next_invocation(queue: Queue) -> None:
    queue.send(*"abcd")
    client = Faulty(queue.sqs, 1, effect=False, error=SILENT)
    inbox = queue.inbox(lambda: client)
    first, *rest = queue.batch()
    inbox.work_off([first], time_for_more=ALWAYS, work=lambda _: True)
    inbox.work_off(rest, time_for_more=ALWAYS, work=lambda _: True)
    assert queue.left() == 1


@pytest.mark.parametrize(
    "odd",
    [
        {"receiptHandle": ""},
        {"eventSourceARN": ""},
        {"eventSourceARN": "https://sqs/1/work"},
        {"attributes": {"ApproximateReceiveCount": "many"}},
        {"attributes": {}},
    ],
)
def test_an_event_made_by_hand_does_no_harm(odd: dict[str, Any]) -> None:
    client = Recorded()
    inbox = Inbox(lambda: client, print)  # type: ignore[arg-type,return-value]  # a stand-in
    answer = inbox.work_off([message(**odd)], time_for_more=ALWAYS, work=lambda _: False)
    assert answer == [{"itemIdentifier": "m"}]
    assert len(client.calls) == ("attributes" in odd)


def test_the_client_is_made_once_and_only_when_it_is_needed(queue: Queue) -> None:
    made: list[int] = []

    def make() -> "SQSClient":
        made.append(1)
        return queue.sqs

    inbox = queue.inbox(make)
    inbox.work_off([], time_for_more=ALWAYS, work=lambda _: True)
    assert made == []
    queue.send(*"ab")
    inbox.work_off(queue.batch(), time_for_more=ALWAYS, work=lambda _: True)
    assert made == [1]
