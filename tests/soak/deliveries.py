"""SQS as it may be: a message comes twice, late, or behind its successors."""

import json
import threading
import uuid
from typing import TYPE_CHECKING, Any

from tests.soak.calls import raw_key, subject
from tests.soak.decisions import Decisions
from tests.soak.ledger import Ledger

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class Deliveries:
    """Changes what the event source receives, and learns what it acknowledges."""

    def __init__(self, decisions: Decisions, ledger: Ledger) -> None:
        """Decide by `decisions`."""
        self._decisions = decisions
        self._ledger = ledger
        self._lock = threading.Lock()
        self._handles: dict[str, int] = {}
        self.quiet = threading.Event()

    def received(self, sqs: "SQSClient", url: str, answer: bytes) -> bytes:
        """The answer to ReceiveMessage as the event source gets it."""
        content = json.loads(answer or b"{}")
        messages = content.get("Messages", [])
        fifo = url.endswith(".fifo")
        kept = [each for each in messages if self._arrives(sqs, url, each, fifo=fifo)]
        if not fifo:
            kept.reverse()  # the newest first
        return json.dumps({**content, "Messages": kept} if kept else {}).encode()

    def batch_deleted(self, payload: dict[str, Any], answer: bytes) -> None:
        """Take note of what the event source's DeleteMessageBatch acknowledged."""
        handles = {entry["Id"]: entry["ReceiptHandle"] for entry in payload["Entries"]}
        for entry in json.loads(answer).get("Successful", []):
            self.deleted(handles[entry["Id"]])

    def deleted(self, handle: str) -> None:
        """Take note of what a function's or the event source's delete acknowledged."""
        with self._lock:
            number = self._handles.get(handle)
        if number is not None:
            self._ledger.acknowledge(number)

    def _arrives(self, sqs: "SQSClient", url: str, message: Any, *, fifo: bool) -> bool:  # noqa: ANN401 - SQS's JSON
        """Whether a message is delivered now; a copy of it may come by itself."""
        body = message["Body"]
        number = -1
        if fifo:
            stream = f"message {subject(body)}"
        else:
            key = raw_key(body)
            if not key:  # S3's test event
                return True
            number = self._ledger.number_of(key)
            stream = f"message source {number}"
            with self._lock:
                self._handles[message["ReceiptHandle"]] = number
        if not self.quiet.is_set():
            made = self._decisions.delivery(stream)
            if made.held_for and not fifo:
                sqs.change_message_visibility(
                    QueueUrl=url,
                    ReceiptHandle=message["ReceiptHandle"],
                    VisibilityTimeout=made.held_for,
                )
                self._ledger.happened("messages held back")
                return False
            if made.copy_after is not None:
                self._copy(sqs, url, body, made.copy_after, fifo=fifo)
        if not fifo:
            self._ledger.delivered(number)
        return True

    def _copy(self, sqs: "SQSClient", url: str, body: str, after: int, *, fifo: bool) -> None:
        if fifo:
            once = str(uuid.uuid4())
            group = subject(body).replace(" ", "/")
            sqs.send_message(
                QueueUrl=url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=once
            )
            self._ledger.happened("compact messages duplicated")
        else:
            sqs.send_message(QueueUrl=url, MessageBody=body, DelaySeconds=after)
            self._ledger.happened("messages duplicated")
