"""Which raw objects an invocation is about, in each shape that S3's news arrive in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from clickstream_lake.lake.errors import LakeError

Json = Mapping[str, Any]


class NotificationError(LakeError):
    """An event that is none of the shapes that this function is triggered by."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One new object, by its key as S3 has it."""

    bucket: str
    key: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of an SQS batch; its body is read when its turn comes."""

    message_id: str
    body: str


def is_sqs(event: Json) -> bool:
    """Tell whether an invocation comes from SQS, which wants to hear of single failures."""
    records = event.get("Records") or [{}]
    return bool(records[0].get("eventSource") == "aws:sqs")


def messages(event: Json) -> list[Message]:
    """The messages of an SQS invocation."""
    return [Message(record["messageId"], record["body"]) for record in event["Records"]]


def objects_of_body(body: str) -> list[ObjectRef]:
    """The new objects that an SQS message tells of.

    Raises:
        NotificationError: the body is no S3 notification.
    """
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise NotificationError("the message body is no JSON") from None
    if not isinstance(event, dict):
        raise NotificationError("the message body is no JSON object")
    return objects_of(event)


def objects_of(event: Json) -> list[ObjectRef]:
    """The new objects that an S3 notification or an EventBridge event of S3 tells of.

    S3 announces a new notification with an `s3:TestEvent`, which tells of none.

    Raises:
        NotificationError: the event is neither.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    try:
        if event.get("source") == "aws.s3":
            return _of_event_bridge(event)
        return _of_records(event["Records"])
    except (KeyError, TypeError, AttributeError) as error:
        raise NotificationError(f"the event is no S3 notification: {error}") from error


def _of_event_bridge(event: Json) -> list[ObjectRef]:
    if event["detail-type"] != "Object Created":
        return []
    # Unlike S3's own notifications, EventBridge has the key as it is.
    detail = event["detail"]
    return [ObjectRef(str(detail["bucket"]["name"]), str(detail["object"]["key"]))]


def _of_records(records: Sequence[Json]) -> list[ObjectRef]:
    return [
        ObjectRef(str(record["s3"]["bucket"]["name"]), unquote_plus(record["s3"]["object"]["key"]))
        for record in records
        if record["eventName"].startswith(("ObjectCreated:", "s3:ObjectCreated:"))
    ]
