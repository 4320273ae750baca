"""The receiving side of a function's queue: done messages go at once, others come back in seconds.

Lambda deletes what a function was done with only when the whole batch is over, and leaves the rest
hidden for the queue's visibility timeout. So a function that is killed would get everything again,
and one object's failure would wait for half an hour. All calls here are best effort: if one fails,
Lambda's own way, by the function's answer, still holds.
"""

import random
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.lake.events import Message

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

# A message that failed comes back after 15, 30, 60, ... s, at most 15 minutes, and up to a quarter
# more, so that what failed together does not come back together. The ten receives that Terraform
# sets by default so span 61 to 76 minutes, the last four of them a quarter of an hour apart.
FIRST_PAUSE_SECONDS: Final = 15.0
LONGEST_PAUSE_SECONDS: Final = 900.0
_SPREAD: Final = 0.25
_ARN_PARTS: Final = 6


class Inbox:
    """Works off the messages of an invocation, and tells their queue what became of each."""

    def __init__(
        self,
        client: Callable[[], "SQSClient"],
        warn: Callable[[str, Message, str], None],
        *,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        """Prepare; the client is made when it is first needed.

        Args:
            client: makes a client that gives up within seconds.
            warn: is told what could not be done with which message, and the error's name.
            first_pause_seconds: until a message that failed for the first time comes back.
        """
        self._make_client = client
        self._client: SQSClient | None = None
        self._warn = warn
        self._first_pause = first_pause_seconds
        self._silent = False

    def work_off(
        self,
        messages: Iterable[Message],
        *,
        time_for_more: Callable[[Message], bool],
        work: Callable[[Message], bool],
    ) -> list[dict[str, str]]:
        """Do each message, delete it, and give back what failed or was not begun.

        A message that was not begun comes back at once. What waits in a FIFO queue behind one that
        failed is not begun, and comes back no sooner than that.

        Args:
            messages: of one invocation, in the order in which they are to be done.
            time_for_more: asked before each.
            work: does one; False if it failed.

        Returns:
            The invocation's `batchItemFailures`.
        """
        self._silent = False
        failures: list[Message] = []
        blocked: dict[str, int] = {}
        for message in messages:
            if message.group in blocked or not time_for_more(message):
                pause = blocked.get(message.group, 0)
            elif work(message):
                self._delete(message)
                continue
            else:
                pause = self._pause(message.receives)
                if message.group:
                    blocked[message.group] = pause
            failures.append(message)
            self._give_back(message, pause)
        return [{"itemIdentifier": message.message_id} for message in failures]

    def _pause(self, receives: int) -> int:
        seconds = min(self._first_pause * 2.0 ** min(receives - 1, 30), LONGEST_PAUSE_SECONDS)
        spread = 1 + random.random() * _SPREAD  # noqa: S311 - no secret
        return round(seconds * spread)

    def _delete(self, message: Message) -> None:
        self._tell(
            "message not deleted",
            message,
            lambda sqs, url: sqs.delete_message(QueueUrl=url, ReceiptHandle=message.receipt),
        )

    def _give_back(self, message: Message, seconds: int) -> None:
        self._tell(
            "message not given back early",
            message,
            lambda sqs, url: sqs.change_message_visibility(
                QueueUrl=url, ReceiptHandle=message.receipt, VisibilityTimeout=seconds
            ),
        )

    def _tell(
        self, failure: str, message: Message, call: Callable[["SQSClient", str], object]
    ) -> None:
        arn = message.queue_arn.split(":")  # arn:aws:sqs:<region>:<account>:<name>
        # A queue that does not answer may take the time of an invocation only once.
        if self._silent or not message.receipt or len(arn) != _ARN_PARTS:
            return
        try:
            if self._client is None:
                self._client = self._make_client()
            # SQS's own form of the URL, so that no permission and no call is needed to learn it.
            endpoint = self._client.meta.endpoint_url.rstrip("/")
            call(self._client, f"{endpoint}/{arn[4]}/{arn[5]}")
        except (BotoCoreError, ClientError) as error:
            self._silent = isinstance(error, BotoCoreError)
            self._warn(failure, message, type(error).__name__)
