"""Requests to the compact function, from a schedule, by hand or from its queue; and that queue.

One message per slot. The queue is FIFO and the message group is the slot, so AWS itself runs one
compactor per slot and many slots in parallel.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import msgspec

from clickstream_lake.lake.errors import EventError, LayoutError
from clickstream_lake.lake.formats import FORMATS, Format, check_formats
from clickstream_lake.lake.layout import Partition, Slot

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_GROUP_LENGTH: Final = 128  # what SQS takes


class Request(msgspec.Struct, frozen=True):
    """A schedule tick, or the same by hand. Other keys, which EventBridge sends, are ignored.

    Attributes:
        action: "plan" finds partitions worth compacting; "cleanup" deletes replaced files;
            "audit" finds raw objects that no transform took; "versions" touches no data.
        partitions: which ones, as paths such as `year=2025/month=11/day=26`; None for recent ones.
        formats: in which formats.
        force: compact whatever there is to merge.
        stale_schema: plan for all partitions that do not have the catalog's columns, of any age.
        dry_run: only report what would be done.
    """

    action: Literal["plan", "cleanup", "audit", "versions"] = "plan"
    partitions: list[str] | None = None
    formats: Annotated[list[Format], msgspec.Meta(min_length=1)] | None = None
    force: bool = False
    stale_schema: bool = False
    dry_run: bool = False

    def chosen_partitions(self) -> list[Partition] | None:
        """The partitions named, or None for recent ones."""
        if self.partitions is None:
            return None
        return [Partition.parse(path) for path in self.partitions]

    def chosen_formats(self) -> list[Format]:
        """The formats named, or all."""
        return list(self.formats or FORMATS)


def parse_request(event: Mapping[str, Any]) -> Request:
    """Read a schedule tick or a request by hand.

    Raises:
        EventError: says which entry is wrong.
    """
    try:
        request = msgspec.convert(event, Request)
        request.chosen_partitions()
        check_formats(request.chosen_formats())
    except (msgspec.ValidationError, LayoutError) as error:
        raise EventError(
            f"{error}; expected something like "
            '{"partitions": ["year=2025/month=11/day=26"], "formats": ["parquet"], "force": true} '
            'or {"action": "cleanup", "dry_run": true}'
        ) from error
    return request


class CompactMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The order to compact one slot.

    Attributes:
        partition: as a path, `year=2025/month=11/day=26`.
        force: compact even if there is little to gain.
    """

    format: Format
    partition: str
    force: bool = False

    @property
    def slot(self) -> Slot:
        """What to compact."""
        return Slot(self.format, Partition.parse(self.partition))

    @property
    def group(self) -> str:
        """The message group: no two messages of one group are processed at once."""
        name = f"{self.format}/{self.partition}"
        if len(name) <= _GROUP_LENGTH and name.isascii():
            return name
        return f"{self.format}/{sha256(name.encode()).hexdigest()}"


def parse_message(body: str) -> CompactMessage:
    """Read a message.

    Raises:
        EventError: the planner does not write such a message.
    """
    try:
        message = msgspec.json.decode(body, type=CompactMessage)
        Partition.parse(message.partition)
        check_formats([message.format])
    except (msgspec.DecodeError, LayoutError) as error:
        raise EventError(f"this is not a compact message: {error}") from error
    return message


class CompactQueue:
    """The sending side of the queue."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        """Send to the FIFO queue at `url`."""
        self._client = client
        self._url = url

    def send(self, message: CompactMessage, *, occasion: str) -> None:
        """Queue a message, once per occasion.

        Args:
            message: what to compact.
            occasion: names what made it worth compacting; SQS drops a repeated send, such as
                that of a retried schedule tick, within five minutes.
        """
        once = sha256(f"{message.group} {message.force} {occasion}".encode()).hexdigest()
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=msgspec.json.encode(message).decode(),
            MessageGroupId=message.group,
            MessageDeduplicationId=once,
        )
