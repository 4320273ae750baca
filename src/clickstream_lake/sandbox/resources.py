"""What a user of a running sandbox needs to know: credentials, and names of the lake's parts."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients


REGION: Final = "us-east-1"
CREDENTIALS: Final = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox"}
ENVIRONMENT: Final = {**CREDENTIALS, "AWS_DEFAULT_REGION": REGION}


@dataclass(frozen=True, slots=True)
class Resources:
    """What a user of the lake needs to know; empty for what does not exist.

    Attributes:
        queue_url: the queue between the raw zone and the transform function.
        dead_letter_url: where messages go that failed too often.
        compact_queue_url: the FIFO queue of partitions to compact.
    """

    bucket: str = ""
    stream: str = ""
    database: str = ""
    workgroup: str = ""
    queue_url: str = ""
    dead_letter_url: str = ""
    compact_queue_url: str = ""

    def as_dict(self) -> dict[str, str]:
        """All names, for JSON."""
        return asdict(self)


Provision = Callable[["Clients"], Resources]
"""Creates a lake through the sandbox's clients and says what its parts are called."""
