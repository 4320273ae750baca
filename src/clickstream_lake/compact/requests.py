"""What the compact function is asked: by a schedule, by hand, or by its queue."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec

from clickstream_lake.lake.errors import LakeError, LayoutError
from clickstream_lake.lake.layout import FORMATS, Format, Partition


class RequestError(LakeError):
    """The event is none of those that the compact function understands."""


class Request(msgspec.Struct, frozen=True):
    """A schedule tick, or the same by hand. Other keys, as EventBridge sends them, are ignored.

    Attributes:
        action: "plan" finds partitions worth compacting; "cleanup" deletes replaced files.
        partitions: which, as paths such as `year=2025/month=11/day=26`; None for recent ones.
        formats: in which formats.
        force: compact whatever there is to merge.
        dry_run: only tell what would be done.
    """

    action: Literal["plan", "cleanup"] = "plan"
    partitions: list[str] | None = None
    formats: Annotated[list[Format], msgspec.Meta(min_length=1)] | None = None
    force: bool = False
    dry_run: bool = False

    def chosen_partitions(self) -> list[Partition] | None:
        """The partitions named, or None for recent ones."""
        if self.partitions is None:
            return None
        return [Partition.parse(path) for path in self.partitions]

    def chosen_formats(self) -> list[Format]:
        """The formats named, or all."""
        return list(self.formats or FORMATS)


class QueueRecord(msgspec.Struct, frozen=True):
    """One record of an SQS event."""

    message_id: str = msgspec.field(name="messageId")
    body: str


def is_queue_event(event: Mapping[str, Any]) -> bool:
    """Tell whether an event comes from the compact queue."""
    return "Records" in event


def read_records(event: Mapping[str, Any]) -> list[QueueRecord]:
    """The records of a queue event.

    Raises:
        RequestError: they are no SQS records.
    """
    try:
        return msgspec.convert(event["Records"], list[QueueRecord])
    except msgspec.ValidationError as error:
        raise RequestError(f"these are no SQS records: {error}") from error


def read_request(event: Mapping[str, Any]) -> Request:
    """Read a schedule tick or a request by hand.

    Raises:
        RequestError: says which entry is wrong.
    """
    try:
        request = msgspec.convert(event, Request)
        request.chosen_partitions()
    except (msgspec.ValidationError, LayoutError) as error:
        raise RequestError(
            f"{error}; expected something like "
            '{"partitions": ["year=2025/month=11/day=26"], "formats": ["parquet"], "force": true} '
            'or {"action": "cleanup", "dry_run": true}'
        ) from error
    return request
