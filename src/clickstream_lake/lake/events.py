"""What invokes the functions: S3's notifications, in every shape, and SQS batches.

powertools has classes for these shapes; importing them loads 38 more modules at each cold start.
"""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import unquote_plus

import msgspec

from clickstream_lake.lake.errors import EventError

Event = Mapping[str, Any]
T = TypeVar("T")


class Message(msgspec.Struct, frozen=True):
    """One message of an SQS batch.

    Its body is parsed when its turn comes, so that a bad message fails alone.
    """

    message_id: str = msgspec.field(name="messageId")
    body: str


class ObjectRef(msgspec.Struct, frozen=True):
    """One new object; the key is as S3 has it."""

    bucket: str
    key: str


class _Bucket(msgspec.Struct):
    name: str


class _Object(msgspec.Struct):
    key: str


class _Place(msgspec.Struct):
    bucket: _Bucket
    object: _Object


class _Record(msgspec.Struct):
    event_name: str = msgspec.field(name="eventName")
    s3: Any = None  # parsed where the object is new


class _Notification(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records")


class _EventBridge(msgspec.Struct):
    detail_type: str = msgspec.field(name="detail-type")
    detail: Any = None  # the same


def is_sqs(event: Event) -> bool:
    """Tell whether an invocation comes from SQS, which needs to be told of single failures."""
    records = event.get("Records") or [{}]
    return bool(records[0].get("eventSource") == "aws:sqs")


def parse_messages(event: Event) -> list[Message]:
    """The messages of an SQS invocation.

    Raises:
        EventError: it is not one.
    """
    return _convert(event.get("Records"), list[Message], "SQS batch")


def parse_objects_of_body(body: str) -> list[ObjectRef]:
    """The new objects that an SQS message tells of.

    Raises:
        EventError: the body is not an S3 notification.
    """
    try:
        # Not msgspec: this parser takes a key with half a surrogate pair, so that it can be named.
        event = json.loads(body)
    except (ValueError, RecursionError):
        raise EventError("the message body is not JSON") from None
    return parse_objects(_convert(event, dict[str, Any], "JSON object"))


def parse_objects(event: Event) -> list[ObjectRef]:
    """The new objects that an S3 notification or an EventBridge event of S3 tells of.

    S3 announces a new notification with an `s3:TestEvent`, which names no object.

    Raises:
        EventError: the event is neither.
    """
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("source") == "aws.s3":
        told = _convert(event, _EventBridge, "EventBridge event of S3")
        if told.detail_type != "Object Created":
            return []
        # Unlike S3's own notifications, EventBridge has the key as it is.
        place = _convert(told.detail, _Place, "EventBridge event of S3")
        return [ObjectRef(place.bucket.name, place.object.key)]
    places = [
        _convert(record.s3, _Place, "S3 notification")
        for record in _convert(event, _Notification, "S3 notification").records
        if record.event_name.startswith(("ObjectCreated:", "s3:ObjectCreated:"))
    ]
    return [ObjectRef(place.bucket.name, unquote_plus(place.object.key)) for place in places]


def _convert(value: object, kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise EventError(f"this is not an {name}: {error}") from error
