"""The sending side of a stream's transform queue: raw objects that are to be transformed again.

Safe by design: a source is known by its key, so what is already in the tables stays as it is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from clickstream_lake.lake.errors import RequeueError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH: Final = 10  # of SendMessageBatch
_ATTEMPTS: Final = 5
_HELD: Final[tuple["QueueAttributeNameType", ...]] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
)


def notification(bucket: str, key: str) -> str:
    """The message body that S3 would send for a new object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            # S3 encodes keys as forms do, but leaves the slashes.
            "object": {"key": quote(key, safe="/").replace("%20", "+")},
        },
    }
    return json.dumps({"Records": [record]})


class TransformQueue:
    """The queue that invokes the transform function of one stream."""

    def __init__(self, client: "SQSClient", url: str, bucket: str) -> None:
        """Send to the queue at `url` about objects of `bucket`."""
        self._client = client
        self._url = url
        self._bucket = bucket

    def held(self) -> tuple[int, int]:
        """About how many messages wait or are worked on, and how many are dead letters."""
        asked = self._attributes(self._url, "RedrivePolicy")
        if "RedrivePolicy" not in asked:
            return _messages(asked), 0
        # A dead-letter queue is of the same account and region as the queue that it serves.
        name = json.loads(asked["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
        dead = self._attributes(f"{self._url.rpartition('/')[0]}/{name}")
        return _messages(asked), _messages(dead)

    def _attributes(
        self, url: str, *more: "QueueAttributeNameType"
    ) -> "dict[QueueAttributeNameType, str]":
        return self._client.get_queue_attributes(QueueUrl=url, AttributeNames=[*_HELD, *more])[
            "Attributes"
        ]

    def send(self, keys: Iterable[str], *, sent: Callable[[int], None] | None = None) -> int:
        """Queue one message per raw key and return their number.

        Args:
            keys: of the raw objects.
            sent: told how many messages each batch queued.

        Raises:
            RequeueError: SQS kept refusing messages; what it took stays queued, and sending all of
                it again is harmless.
        """
        total = 0
        for batch in _batches(keys):
            self._send([notification(self._bucket, key) for key in batch])
            total += len(batch)
            if sent is not None:
                sent(len(batch))
        return total

    def _send(self, bodies: Sequence[str]) -> None:
        """Send a batch, and resend what SQS did not take."""
        waiting: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)
        ]
        for _ in range(_ATTEMPTS):
            answer = self._client.send_message_batch(QueueUrl=self._url, Entries=waiting)
            refused = {failure["Id"] for failure in answer.get("Failed", [])}
            waiting = [entry for entry in waiting if entry["Id"] in refused]
            if not waiting:
                return
        raise RequeueError(
            f"SQS refused {len(waiting)} messages {_ATTEMPTS} times; send them once more"
        )


def _messages(attributes: "dict[QueueAttributeNameType, str]") -> int:
    return sum(int(attributes[name]) for name in _HELD)


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
