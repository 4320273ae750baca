"""Lambda's side of an SQS event source: poll, invoke, delete what succeeded.

The mappings are read from Lambda's own API, as a user, Terraform or the sandbox created them, and
looked up again every second. Messages that failed are left alone: the queue's visibility timeout,
or the one that the function gave them, brings them back, and its redrive policy takes them to the
dead-letter queue. What the function deleted itself is deleted once more, which does no harm. The
rules are those of the Lambda developer guide, "Handling errors for an SQS event source".
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from clickstream_lake.sandbox.runtime.function import Outcome


_LOG = logging.getLogger(__name__)
_REFRESH_SECONDS = 1.0
_WAIT_SECONDS = 1
_RECEIVE_LIMIT = 10  # of ReceiveMessage and DeleteMessageBatch

Invoke = Callable[[str, bytes], "Outcome"]


@dataclass(frozen=True, slots=True)
class EventSourceMapping:
    """One event source mapping, as far as polling needs it."""

    queue_arn: str
    function: str
    batch_size: int
    window_seconds: int
    reports_failures: bool
    concurrency: int

    @property
    def queue_name(self) -> str:
        """The queue's name, out of its ARN."""
        return self.queue_arn.split(":")[-1]


class EventSources:
    """Keeps one or more pollers running for every enabled mapping."""

    def __init__(
        self, functions: "LambdaClient", sqs: "SQSClient", invoke: Invoke, *, concurrency: int
    ) -> None:
        """Poll with at most `concurrency` threads per mapping, fewer if a mapping says so."""
        self._functions = functions
        self._sqs = sqs
        self._invoke = invoke
        self._concurrency = concurrency
        self._pollers: dict[EventSourceMapping, list[_Poller]] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="event-sources", daemon=True)

    def start(self) -> None:
        """Start to look for mappings."""
        self._thread.start()

    def stop(self) -> None:
        """End all pollers, each after its current batch."""
        self._stopping.set()
        self._thread.join()
        pollers = [poller for group in self._pollers.values() for poller in group]
        for poller in pollers:
            poller.ask_to_stop()
        for poller in pollers:
            poller.join()

    def queue_arns(self) -> set[str]:
        """The queues that are being polled."""
        with self._lock:
            return {mapping.queue_arn for mapping in self._pollers}

    def refresh(self) -> None:
        """Start and end pollers so that they match the mappings as they are now.

        Those that end receive no more; who is busy finishes its batch.
        """
        wanted = set(self._read())
        with self._lock:
            ended = [
                poller
                for mapping in set(self._pollers) - wanted
                for poller in self._pollers.pop(mapping)
            ]
            for poller in ended:
                poller.ask_to_stop()
            for poller in ended:
                poller.join(2 * _WAIT_SECONDS)
            for mapping in wanted - set(self._pollers):
                pollers = [
                    _Poller(mapping, self._sqs, self._invoke) for _ in range(mapping.concurrency)
                ]
                self._pollers[mapping] = pollers
                for poller in pollers:
                    poller.start()

    def _watch(self) -> None:
        while not self._stopping.wait(_REFRESH_SECONDS):
            try:
                self.refresh()
            except (BotoCoreError, ClientError) as error:
                _LOG.warning("event source mappings could not be read: %s", error)

    def _read(self) -> list[EventSourceMapping]:
        listed = self._functions.list_event_source_mappings()["EventSourceMappings"]
        return [
            EventSourceMapping(
                queue_arn=each["EventSourceArn"],
                function=each["FunctionArn"],
                batch_size=each["BatchSize"],
                window_seconds=each.get("MaximumBatchingWindowInSeconds", 0),
                reports_failures="ReportBatchItemFailures"
                in (each.get("FunctionResponseTypes") or []),
                concurrency=min(
                    self._concurrency,
                    (each.get("ScalingConfig") or {}).get("MaximumConcurrency", self._concurrency),
                ),
            )
            for each in listed
            if each["State"] == "Enabled" and ":sqs:" in each["EventSourceArn"]
        ]


class _Poller(threading.Thread):
    """One of Lambda's pollers: one batch at a time."""

    def __init__(self, mapping: EventSourceMapping, sqs: "SQSClient", invoke: Invoke) -> None:
        super().__init__(name=f"poller-{mapping.queue_name}", daemon=True)
        self._mapping = mapping
        self._sqs = sqs
        self._invoke = invoke
        self._stopping = threading.Event()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                url = self._sqs.get_queue_url(QueueName=self._mapping.queue_name)["QueueUrl"]
                messages = self._collect(url)
                if messages:
                    self._process(url, messages)
            except Exception as error:  # noqa: BLE001 - a poller survives every error
                # The queue or the function is gone, or the sandbox is stopping. Lambda's pollers
                # continue until the mapping is deleted, and so does this one.
                _LOG.warning("poller of %s: %s", self._mapping.queue_name, error)
                self._stopping.wait(_REFRESH_SECONDS)

    def _collect(self, url: str) -> "list[MessageTypeDef]":
        """A batch: full, or as much as came within the mapping's window."""
        messages = self._receive(url, _WAIT_SECONDS)
        deadline = time.monotonic() + self._mapping.window_seconds
        while messages and len(messages) < self._mapping.batch_size:
            more = self._receive(url, 0, self._mapping.batch_size - len(messages))
            messages += more
            if not more and (time.monotonic() >= deadline or self._stopping.wait(0.05)):
                break
        return messages

    def _receive(self, url: str, wait: int, limit: int = _RECEIVE_LIMIT) -> "list[MessageTypeDef]":
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(_RECEIVE_LIMIT, self._mapping.batch_size, limit),
            WaitTimeSeconds=wait,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    def _process(self, url: str, messages: "list[MessageTypeDef]") -> None:
        event = make_event(messages, self._mapping.queue_arn)
        outcome = self._invoke(self._mapping.function, json.dumps(event).encode())
        failed = {message["MessageId"] for message in messages} if outcome.failed else set()
        if not outcome.failed and self._mapping.reports_failures:
            ids = [message["MessageId"] for message in messages]
            failed = failed_messages(outcome.payload, ids)
        done = [message for message in messages if message["MessageId"] not in failed]
        for start in range(0, len(done), _RECEIVE_LIMIT):
            self._sqs.delete_message_batch(
                QueueUrl=url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(done[start : start + _RECEIVE_LIMIT])
                ],
            )


def make_event(messages: "Sequence[MessageTypeDef]", queue_arn: str) -> dict[str, Any]:
    """The event, with one record per message, in the order received."""
    region = queue_arn.split(":")[3]
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "messageAttributes": {
                    name: _attribute(value)
                    for name, value in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": region,
            }
            for message in messages
        ]
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stringValue": value.get("StringValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def failed_messages(payload: bytes, message_ids: Sequence[str]) -> set[str]:
    """The ids of the messages that go back to the queue, by a function's `batchItemFailures`.

    An answer that Lambda cannot make sense of (not JSON, or an id that is empty, missing or not
    of this batch) counts as failure of the whole batch; an empty answer counts as success.
    """
    everything = set(message_ids)
    try:
        answer = json.loads(payload or b"null") or {}
        failures = answer.get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (ValueError, AttributeError, TypeError, KeyError):
        return everything
    return failed if failed.issubset(everything) else everything
