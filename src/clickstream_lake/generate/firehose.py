"""Send events to a Firehose stream and see each of them accepted.

`PutRecordBatch` can succeed and still have refused some of its records (`FailedPutCount`): only
those are sent again, after a growing pause. A whole call that fails is retried by botocore's own
policy. Delivery is at least once: a call whose answer is lost is repeated as a whole.
"""

import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from clickstream_lake.errors import ToolkitError

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

    from clickstream_lake.generate.sinks import Progress

MAX_RECORDS = 500
MAX_BATCH_BYTES = 4 * 1024 * 1024
MAX_RECORD_BYTES = 1_000 * 1024

_FIRST_PAUSE_SECONDS = 0.1
_LONGEST_PAUSE_SECONDS = 5.0


class DeliveryError(ToolkitError):
    """Firehose kept refusing records, or a record can never be accepted."""


@dataclass(slots=True)
class FirehoseSink:
    """Sends events to one stream, one event per record.

    Attributes:
        client: boto3's Firehose client.
        stream: the stream's name.
        in_flight: calls at the same time; with more than one, records may change their order.
        attempts: how often a record is offered before `DeliveryError`.
        pause: waits that many seconds; a test replaces it.
        sent: records that Firehose has accepted so far.
        resent: records that were offered again because Firehose refused them.
    """

    client: "FirehoseClient"
    stream: str
    in_flight: int = 1
    attempts: int = 10
    pause: Callable[[float], None] = time.sleep
    sent: int = field(default=0, init=False)
    resent: int = field(default=0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    # Seconds to wait are not part of what a seed promises.
    _jitter: random.Random = field(default_factory=random.Random, init=False)

    def send(self, lines: Iterable[bytes], progress: "Progress | None" = None) -> int:
        """Send every line and return how many were sent.

        Raises:
            DeliveryError: a line is over Firehose's limit, or still refused after all attempts.
        """
        before = self.sent
        under_way: set[Future[int]] = set()

        def settle(futures: set[Future[int]]) -> None:
            for future in futures:
                count = future.result()
                if progress:
                    progress(count)

        with ThreadPoolExecutor(self.in_flight) as pool:
            for batch in batches(lines):
                if len(under_way) == self.in_flight:
                    done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                    settle(done)
                under_way.add(pool.submit(self._deliver, batch))
            settle(under_way)
        return self.sent - before

    def _deliver(self, batch: Sequence[bytes]) -> int:
        """Offer a batch until all of it is accepted; return its number of records."""
        waiting = list(batch)
        for attempt in range(self.attempts):
            if attempt:
                self.pause(self._pause_before(attempt))
            refused = self._offer(waiting)
            with self._lock:
                self.resent += len(waiting) if attempt else 0
                self.sent += len(waiting) - len(refused)
            if not refused:
                return len(batch)
            waiting = refused
        raise DeliveryError(
            f"Firehose stream {self.stream} refused {len(waiting)} records {self.attempts} times; "
            f"{self.sent} records were accepted before that. It is probably throttling: "
            "send more slowly, or raise the stream's quota"
        )

    def _offer(self, records: list[bytes]) -> list[bytes]:
        """Put the records once and return those that Firehose refused."""
        answer = self.client.put_record_batch(
            DeliveryStreamName=self.stream, Records=[{"Data": data} for data in records]
        )
        if not answer["FailedPutCount"]:
            return []
        responses = answer["RequestResponses"]
        return [
            data
            for data, response in zip(records, responses, strict=True)
            if "ErrorCode" in response
        ]

    def _pause_before(self, attempt: int) -> float:
        longest = min(_FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1), _LONGEST_PAUSE_SECONDS)
        return longest * (0.5 + self._jitter.random() / 2)


def batches(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Group lines as `PutRecordBatch` takes them: up to 500 records and 4 MiB a call.

    Raises:
        DeliveryError: one line is larger than a record may be.
    """
    batch: list[bytes] = []
    size = 0
    for line in lines:
        if len(line) > MAX_RECORD_BYTES:
            raise DeliveryError(
                f"an event of {len(line):,} bytes is over Firehose's limit of "
                f"{MAX_RECORD_BYTES:,} bytes a record"
            )
        if len(batch) == MAX_RECORDS or size + len(line) > MAX_BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch
