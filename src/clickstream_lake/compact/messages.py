"""The compact queue: one message per (format, partition), one at a time per partition.

The queue is FIFO and the message group is format + partition, so AWS itself keeps one compactor
per partition and many partitions in parallel.
"""

from hashlib import sha256
from typing import TYPE_CHECKING, Final

import msgspec

from clickstream_lake.lake.errors import LakeError, LayoutError
from clickstream_lake.lake.layout import Format, Partition, Slot

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

_GROUP_LENGTH: Final = 128  # what SQS takes


class BadMessageError(LakeError):
    """A queue message is none that the planner writes."""


class CompactMessage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The order to compact one partition of one format.

    Attributes:
        partition: as a path, `year=2025/month=11/day=26`.
        force: compact even if there is little to gain.
    """

    format: Format
    partition: str
    force: bool = False

    @property
    def group(self) -> str:
        """The message group: no two of one group are worked on at once."""
        name = f"{self.format}/{self.partition}"
        if len(name) <= _GROUP_LENGTH and name.isascii():
            return name
        return f"{self.format}/{sha256(name.encode()).hexdigest()}"


def decode(body: str) -> tuple[CompactMessage, Slot]:
    """Read a message.

    Raises:
        BadMessageError: it is none.
    """
    try:
        message = msgspec.json.decode(body, type=CompactMessage)
        return message, Slot(message.format, Partition.parse(message.partition))
    except (msgspec.DecodeError, LayoutError) as error:
        raise BadMessageError(f"this is no compact message: {error}") from error


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
            occasion: names what made it worth compacting; a repeated send within SQS's five
                minutes, such as by a retried schedule tick, is dropped.
        """
        once = sha256(f"{message.group} {message.force} {occasion}".encode()).hexdigest()
        self._client.send_message(
            QueueUrl=self._url,
            MessageBody=msgspec.json.encode(message).decode(),
            MessageGroupId=message.group,
            MessageDeduplicationId=once,
        )
