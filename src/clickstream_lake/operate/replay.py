"""Send raw objects through the transform again: one message per object, as S3 would send it.

Safe by design: a source is known by its key, so what is already in the tables stays as it is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from clickstream_lake.errors import ToolkitError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_BATCH: Final = 10  # of SendMessageBatch
_ATTEMPTS: Final = 5


class ReplayError(ToolkitError):
    """Some messages could not be queued."""


@dataclass(frozen=True, slots=True)
class RawObject:
    """One object to replay; `size` in bytes, compressed."""

    key: str
    size: int


def raw_objects(s3: "S3Client", bucket: str, prefix: str) -> Iterator[RawObject]:
    """The raw objects under a prefix, in the order of their keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            if found["Key"].endswith(".gz"):
                yield RawObject(found["Key"], found["Size"])


def notification(bucket: str, raw: RawObject) -> str:
    """The message body that S3 would send for this object."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "bucket": {"name": bucket},
            # S3 encodes keys as forms do, but leaves the slashes.
            "object": {"key": quote(raw.key, safe="/").replace("%20", "+"), "size": raw.size},
        },
    }
    return json.dumps({"Records": [record]})


def replay(
    sqs: "SQSClient",
    queue_url: str,
    bucket: str,
    objects: Iterable[RawObject],
    *,
    sent: Callable[[int], None] | None = None,
) -> int:
    """Queue one message per object and return their number.

    Args:
        sqs: the client to send with.
        queue_url: the transform queue.
        bucket: where the objects are.
        objects: what to replay.
        sent: told how many messages each batch queued.

    Raises:
        ReplayError: SQS kept refusing messages; what it took stays queued, and replaying
            again is harmless.
    """
    total = 0
    for batch in _batches(objects):
        _send(sqs, queue_url, [notification(bucket, raw) for raw in batch])
        total += len(batch)
        if sent is not None:
            sent(len(batch))
    return total


def _batches(objects: Iterable[RawObject]) -> Iterator[list[RawObject]]:
    batch: list[RawObject] = []
    for raw in objects:
        batch.append(raw)
        if len(batch) == _BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _send(sqs: "SQSClient", queue_url: str, bodies: Sequence[str]) -> None:
    """Send a batch, and resend what SQS did not take."""
    waiting: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)
    ]
    for _ in range(_ATTEMPTS):
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=waiting)
        refused = {failure["Id"] for failure in answer.get("Failed", [])}
        waiting = [entry for entry in waiting if entry["Id"] in refused]
        if not waiting:
            return
    raise ReplayError(f"SQS refused {len(waiting)} messages {_ATTEMPTS} times; replay once more")
