"""What invokes the functions: S3's notifications, in every shape and wrapping, and SQS batches.

S3 tells of an object itself or through EventBridge; either may come as it is, or as the message of
an SNS topic, which in turn invokes a function or fills a queue.

powertools has classes for these shapes; importing them loads 38 more modules at each cold start.
"""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeVar
from urllib.parse import unquote_plus

import msgspec

from clickstream_lake.lake.errors import EventError

Event = Mapping[str, Any]
T = TypeVar("T")
# A topic's message in a queue makes two; a topic that feeds another through a function, three.
_WRAPPINGS: Final = 4
"""How deep a notification may stand as a text in another message."""


class _Attributes(msgspec.Struct, frozen=True):
    receives: str = msgspec.field(name="ApproximateReceiveCount", default="1")
    group: str = msgspec.field(name="MessageGroupId", default="")


class Message(msgspec.Struct, frozen=True):
    """One message of an SQS batch.

    Its body is parsed when its turn comes, so that a bad message fails alone.

    Attributes:
        receipt: by which this delivery is deleted or given back; empty in an event made by hand.
        queue_arn: of the queue that it came from; empty likewise.
    """

    message_id: str = msgspec.field(name="messageId")
    body: str
    receipt: str = msgspec.field(name="receiptHandle", default="")
    queue_arn: str = msgspec.field(name="eventSourceARN", default="")
    attributes: _Attributes = _Attributes()

    @property
    def receives(self) -> int:
        """How often it was received, this time included."""
        count = self.attributes.receives
        return int(count) if count.isdecimal() else 1

    @property
    def group(self) -> str:
        """Its message group, in a FIFO queue; else empty."""
        return self.attributes.group


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


class _Sns(msgspec.Struct):
    kind: str = msgspec.field(name="Type")
    message: str = msgspec.field(name="Message")


class _Record(msgspec.Struct):
    event_name: str = msgspec.field(name="eventName", default="")
    s3: Any = None  # parsed where the object is new
    sns: Any = msgspec.field(name="Sns", default=None)  # the same


class _Notification(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="Records")


class _EventBridge(msgspec.Struct):
    detail_type: str = msgspec.field(name="detail-type")
    detail: Any = None  # the same


def is_sqs(event: Event) -> bool:
    """Tell whether an invocation comes from SQS, which needs to be told of single failures."""
    match event:
        case {"Records": [{"eventSource": "aws:sqs"}, *_]}:
            return True
    return False


def parse_messages(event: Event) -> list[Message]:
    """The messages of an SQS invocation.

    Raises:
        EventError: it is not one.
    """
    return _convert(event.get("Records"), list[Message], "SQS batch")


def parse_objects_of_body(body: str) -> list[ObjectRef]:
    """The new objects that an SQS message tells of.

    Raises:
        EventError: the body is not an S3 notification, in whatever wrapping.
    """
    return _objects_of_text(body, _WRAPPINGS)


def parse_objects(event: Event) -> list[ObjectRef]:
    """The new objects that an S3 notification tells of, in whatever wrapping.

    S3 announces a new notification with an `s3:TestEvent`, which names no object.

    Raises:
        EventError: the event is no such thing.
    """
    return _objects(event, _WRAPPINGS)


def _objects_of_text(text: str, wrappings: int) -> list[ObjectRef]:
    if not wrappings:
        raise EventError(f"the notification is wrapped more than {_WRAPPINGS} times")
    try:
        # Not msgspec: this parser takes a key with half a surrogate pair, so that it can be named.
        event = json.loads(text)
    except (ValueError, RecursionError):
        raise EventError("the message is not JSON") from None
    return _objects(_convert(event, dict[str, Any], "JSON object"), wrappings - 1)


def _objects(event: Event, wrappings: int) -> list[ObjectRef]:
    if event.get("Event") == "s3:TestEvent":
        return []
    if event.get("source") == "aws.s3":
        told = _convert(event, _EventBridge, "EventBridge event of S3")
        if told.detail_type != "Object Created":
            return []
        # Unlike S3's own notifications, EventBridge has the key as it is.
        place = _convert(told.detail, _Place, "EventBridge event of S3")
        return [ObjectRef(place.bucket.name, place.object.key)]
    if "TopicArn" in event:  # a topic's message, in a queue without raw delivery
        return _objects_of_sns(event, wrappings)
    found = []
    for record in _convert(event, _Notification, "S3 notification").records:
        if record.sns is not None:  # a topic that invokes the function
            found += _objects_of_sns(record.sns, wrappings)
        elif record.event_name.startswith(("ObjectCreated:", "s3:ObjectCreated:")):
            place = _convert(record.s3, _Place, "S3 notification")
            found.append(ObjectRef(place.bucket.name, unquote_plus(place.object.key)))
        elif not record.event_name:
            raise EventError("this is not an S3 notification: a record has no eventName")
    return found


def _objects_of_sns(envelope: object, wrappings: int) -> list[ObjectRef]:
    told = _convert(envelope, _Sns, "SNS message")
    if told.kind != "Notification":
        raise EventError(
            "this is a topic's request to confirm a subscription: open its SubscribeURL, or "
            "delete the message"
        )
    return _objects_of_text(told.message, wrappings)


def _convert(value: object, kind: type[T], name: str) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise EventError(f"this is not an {name}: {error}") from error
