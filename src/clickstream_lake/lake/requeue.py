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
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH: Final = 10  # of SendMessageBatch
_ATTEMPTS: Final = 5


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

    def waiting(self) -> int:
        """About how many messages wait to be received, or are dead letters of this queue."""
        asked = self._client.get_queue_attributes(
            QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages", "RedrivePolicy"]
        )["Attributes"]
        waiting = int(asked["ApproximateNumberOfMessages"])
        if "RedrivePolicy" not in asked:
            return waiting
        # A dead-letter queue is of the same account and region as the queue that it serves.
        name = json.loads(asked["RedrivePolicy"])["deadLetterTargetArn"].rpartition(":")[2]
        dead = self._client.get_queue_attributes(
            QueueUrl=f"{self._url.rpartition('/')[0]}/{name}",
            AttributeNames=["ApproximateNumberOfMessages"],
        )["Attributes"]
        return waiting + int(dead["ApproximateNumberOfMessages"])

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


def _batches(keys: Iterable[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for key in keys:
        batch.append(key)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
