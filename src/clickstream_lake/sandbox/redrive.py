"""Message move tasks of SQS: dead letters go back to where they came from."""

import threading
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from clickstream_lake.sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_sqs import SQSClient

_PREFIX: Final = "AmazonSQS."
_KEPT: Final = 10  # ended tasks that can be listed, of each queue
_AT_ONCE: Final = 10

Payload = dict[str, Any]


@dataclass
class _Task:
    source: str
    destination: str
    asked_destination: str | None
    rate: int | None
    to_move: int
    handle: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.time)
    status: str = "RUNNING"
    failure: str = ""
    moved: int = 0

    def describe(self) -> Payload:
        described: Payload = {
            "Status": self.status,
            "SourceArn": self.source,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "StartedTimestamp": round(self.started * 1000),
        }
        if self.status in {"RUNNING", "CANCELLING"}:
            described["TaskHandle"] = self.handle
        if self.asked_destination:
            described["DestinationArn"] = self.asked_destination
        if self.rate:
            described["MaxNumberOfMessagesPerSecond"] = self.rate
        return described | ({"FailureReason": self.failure} if self.failure else {})


class MoveTasks:
    """SQS's three operations on move tasks; each task is a thread of its own.

    Without a destination messages go to the one queue whose dead letters they are. Where there are
    several, the task has to be told, because nobody remembers where a message came from.
    """

    def __init__(self, sqs: "SQSClient") -> None:
        """Move messages by `sqs`."""
        self._sqs = sqs
        self._tasks: dict[str, list[_Task]] = defaultdict(list)
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._operations: dict[str, Callable[[Payload], Payload]] = {
            "StartMessageMoveTask": self._start,
            "ListMessageMoveTasks": self._list,
            "CancelMessageMoveTask": self._cancel,
        }

    def handles(self, target: str) -> bool:
        """Tell whether this `X-Amz-Target` is answered here."""
        return target.startswith(_PREFIX) and target.removeprefix(_PREFIX) in self._operations

    def call(self, target: str, payload: Payload) -> Payload:
        """Answer one request.

        Raises:
            ApiError: SQS would refuse it.
        """
        return self._operations[target.removeprefix(_PREFIX)](payload)

    def close(self) -> None:
        """End the tasks that run, and wait for them."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _start(self, payload: Payload) -> Payload:
        source = payload.get("SourceArn") or ""
        url = self._url(source, "SourceArn")
        sources = self._sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"]
        if not sources:
            raise ApiError(
                "AWS.SimpleQueueService.UnsupportedOperation",
                "Source queue must be configured as a Dead Letter Queue.",
            )
        asked = payload.get("DestinationArn")
        if not asked and len(sources) > 1:
            raise ApiError(
                "AWS.SimpleQueueService.UnsupportedOperation",
                "the sandbox does not know which of several queues a message came from: "
                "give a DestinationArn",
            )
        destination = self._url(asked, "DestinationArn") if asked else sources[0]
        with self._lock:
            tasks = self._tasks[source]
            if any(task.status in {"RUNNING", "CANCELLING"} for task in tasks):
                raise ApiError(
                    "AWS.SimpleQueueService.UnsupportedOperation",
                    "There is already a task running. Only one active task is allowed for a "
                    "source queue arn at a given time.",
                )
            task = _Task(
                source,
                destination,
                asked,
                payload.get("MaxNumberOfMessagesPerSecond"),
                self._waiting(url),
            )
            tasks[:] = [task, *tasks[:_KEPT]]
            thread = threading.Thread(target=self._move, args=(task, url), daemon=True)
            self._threads.append(thread)
            thread.start()
        return {"TaskHandle": task.handle}

    def _list(self, payload: Payload) -> Payload:
        source = payload.get("SourceArn") or ""
        self._url(source, "SourceArn")
        tasks = self._tasks[source][: payload.get("MaxResults") or 1]
        return {"Results": [task.describe() for task in tasks]}

    def _cancel(self, payload: Payload) -> Payload:
        handle = payload.get("TaskHandle")
        with self._lock:
            for task in (task for tasks in self._tasks.values() for task in tasks):
                if task.handle == handle and task.status == "RUNNING":
                    task.status = "CANCELLING"
                    return {"ApproximateNumberOfMessagesMoved": task.moved}
        raise ApiError("ResourceNotFoundException", "Task does not exist.", 404)

    def _move(self, task: _Task, url: str) -> None:
        try:
            while task.status == "RUNNING" and not self._ending.is_set():
                most = min(task.rate or _AT_ONCE, _AT_ONCE)
                messages = self._sqs.receive_message(
                    QueueUrl=url,
                    MaxNumberOfMessages=most,
                    AttributeNames=["All"],
                    MessageAttributeNames=["All"],
                ).get("Messages", [])
                if not messages:
                    break
                for message in messages:
                    self._pass_on(message, task.destination)
                    self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                    task.moved += 1
                if task.rate:
                    self._ending.wait(len(messages) / task.rate)
        except ClientError as error:
            task.failure = error.response["Error"]["Code"]
            task.status = "FAILED"
        else:
            task.status = "CANCELLED" if task.status == "CANCELLING" else "COMPLETED"

    def _pass_on(self, message: Any, destination: str) -> None:  # noqa: ANN401 - boto3's
        known = message.get("Attributes", {})
        fifo = {
            name: known[name]
            for name in ("MessageGroupId", "MessageDeduplicationId")
            if name in known
        }
        self._sqs.send_message(
            QueueUrl=destination,
            MessageBody=message["Body"],
            MessageAttributes=message.get("MessageAttributes", {}),
            **fifo,
        )

    def _waiting(self, url: str) -> int:
        answer = self._sqs.get_queue_attributes(
            QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
        )
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    def _url(self, arn: str, parameter: str) -> str:
        try:
            return self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        except ClientError as error:
            reason = f"The resource that you specified for the {parameter} parameter doesn't exist."
            raise ApiError("ResourceNotFoundException", reason, 404) from error
