"""Firehose's data plane: `PutRecord` and `PutRecordBatch` with the semantics of the real one.

Streams are created and changed through moto, by any client or by Terraform; this module reads the
stream's present configuration at every call. Records are buffered by size and
time, delimited only if the stream says so, compressed, and delivered under Firehose's own keys.
"""

import base64
import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from isal import igzip

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.firehose.stream import Stream, read_stream

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


FIREHOSE_TARGET = "Firehose_20150804."

ACCOUNT = "123456789012"
"""The one account of the sandbox: moto's default."""

_MAX_RECORDS = 500
_MAX_RECORD_BYTES = 1_024_000
_MAX_BATCH_BYTES = 4 * 1024 * 1024
_GZIP_LEVEL = 2  # of ISA-L's 0 to 3
_TICK_SECONDS = 0.05
_DELIVERY_ATTEMPTS = 5
_REFUSAL = {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "Slow down."}

Describe = Callable[[str, str], dict[str, Any] | None]
"""(region, stream name) -> the `DeliveryStreamDescription` of moto, or None."""

Refuse = Callable[[bytes], bool]
"""Says whether a record is refused with `ServiceUnavailableException`: Firehose's throttling."""

Count = Callable[[str, Mapping[str, float]], None]
"""Hears what a stream did: its name, and by metric, in CloudWatch's words, how much."""


class _Record(msgspec.Struct):
    Data: bytes  # msgspec decodes the base64


class _PutRecord(msgspec.Struct):
    DeliveryStreamName: str
    Record: _Record


class _PutRecordBatch(msgspec.Struct):
    DeliveryStreamName: str
    Records: list[_Record]


_PUT_RECORD = msgspec.json.Decoder(_PutRecord)
_PUT_RECORD_BATCH = msgspec.json.Decoder(_PutRecordBatch)


def read_request(operation: str, body: bytes) -> tuple[str, list[bytes]]:
    """The stream's name and the records of a call.

    Raises:
        ApiError: the body is not such a call, or is over a limit; in Firehose's words.
    """
    try:
        if operation == "PutRecord":
            single = _PUT_RECORD.decode(body)
            name, records = single.DeliveryStreamName, [single.Record.Data]
        else:
            batch = _PUT_RECORD_BATCH.decode(body)
            name, records = batch.DeliveryStreamName, [each.Data for each in batch.Records]
    except msgspec.DecodeError as error:
        raise ApiError("SerializationException", str(error)) from None
    _check_limits(operation, records)
    return name, records


def _check_limits(operation: str, records: Sequence[bytes]) -> None:
    batch = operation == "PutRecordBatch"
    problems: list[str] = []
    if not 1 <= len(records) <= _MAX_RECORDS:
        bound = "less than or equal to 500" if records else "greater than or equal to 1"
        problems.append(
            f"Value at 'records' failed to satisfy constraint: Member must have length {bound}"
        )
    for number, record in enumerate(records, start=1):
        if len(record) > _MAX_RECORD_BYTES:
            where = f"records.{number}.member.data" if batch else "record.data"
            size = len(record)
            problems.append(
                f"Value 'java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]' at '{where}' failed "
                "to satisfy constraint: Member must have length less than or equal to 1024000"
            )
    if problems:
        count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected: "
        raise ApiError("ValidationException", count + "; ".join(problems))
    if sum(map(len, records)) > _MAX_BATCH_BYTES:
        raise ApiError("InvalidArgumentException", "Records size exceeds 4 MB limit")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that become one object: their bytes, how many, and when the oldest arrived."""

    records: list[bytes]
    size: int
    arrived: datetime


@dataclass(slots=True)
class Buffer:
    """One stream's waiting records.

    Attributes:
        size_bytes: deliver when this many bytes wait, before compression.
        interval: deliver when the oldest record has waited this long.
    """

    size_bytes: int
    interval: timedelta
    _records: list[bytes] = field(default_factory=list, init=False)
    _size: int = field(default=0, init=False)
    _arrived: datetime | None = field(default=None, init=False)

    def add(self, records: Sequence[bytes], now: datetime) -> list[Chunk]:
        """Take in records and return the chunks that are now full."""
        full: list[Chunk] = []
        for record in records:
            if self._arrived is None:
                self._arrived = now
            self._records.append(record)
            self._size += len(record)
            if self._size >= self.size_bytes:
                full += self.flush()
        return full

    def due(self, now: datetime) -> list[Chunk]:
        """The waiting records, if the oldest of them has waited long enough."""
        if self._arrived is not None and now - self._arrived >= self.interval:
            return self.flush()
        return []

    def flush(self) -> list[Chunk]:
        """The waiting records, whatever their number; an empty list when there are none."""
        if self._arrived is None:
            return []
        chunk = Chunk(self._records, self._size, self._arrived)
        self._records, self._size, self._arrived = [], 0, None
        return [chunk]

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return len(self._records)

    @property
    def oldest(self) -> datetime | None:
        """When the first of them arrived."""
        return self._arrived


@dataclass(slots=True)
class FirehoseStats:
    """What has passed through so far."""

    records: int = 0
    bytes_in: int = 0
    objects: int = 0
    failed_deliveries: int = 0


@dataclass(slots=True)
class _Waiting:
    stream: Stream
    buffer: Buffer


class Firehose:
    """The stand-in's delivery service: one per sandbox, any number of streams."""

    def __init__(
        self,
        describe: Describe,
        s3: "S3Client",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        refuse: Refuse | None = None,
        count: Count = lambda _stream, _counted: None,
    ) -> None:
        """Deliver through `s3` what clients put into streams that `describe` knows."""
        self._describe = describe
        self._s3 = s3
        self._clock = clock
        self._refuse = refuse
        self._count = count
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, str], _Waiting] = {}
        self._deliveries: queue.Queue[tuple[Stream, Chunk] | None] = queue.Queue()
        self._undelivered: list[tuple[Stream, Chunk]] = []
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._watch_intervals, name="firehose-buffer", daemon=True),
            threading.Thread(target=self._deliver_all, name="firehose-delivery", daemon=True),
        ]
        self.stats = FirehoseStats()

    def start(self) -> None:
        """Start to deliver."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Deliver what waits, then end."""
        self.flush()
        self._stopping.set()
        self._deliveries.put(None)
        for thread in self._threads:
            thread.join()

    def handles(self, operation: str) -> bool:
        """Whether this is an operation of the data plane."""
        return operation in {"PutRecord", "PutRecordBatch"}

    def call(self, operation: str, region: str, body: bytes) -> dict[str, Any]:
        """Answer one API call.

        Raises:
            ApiError: as Firehose would answer.
        """
        name, records = read_request(operation, body)
        refused = self._put(region, name, records)
        # One random id and a number: a random id for every record would cost more than all else.
        call_id = uuid.uuid4().hex
        responses: list[dict[str, Any]] = [
            dict(_REFUSAL) if refusal else {"RecordId": f"{call_id}{number:08x}"}
            for number, refusal in enumerate(refused)
        ]
        if operation == "PutRecordBatch":
            return {
                "FailedPutCount": sum(refused),
                "Encrypted": False,
                "RequestResponses": responses,
            }
        if refused[0]:
            raise ApiError(_REFUSAL["ErrorCode"], _REFUSAL["ErrorMessage"], 503)
        return responses[0] | {"Encrypted": False}

    def flush(self, timeout: float = 60.0) -> None:
        """Deliver everything that waits, whatever size and interval are, and wait for the end."""
        with self._lock:
            for waiting in self._waiting.values():
                self._enqueue(waiting.stream, waiting.buffer.flush())
        deadline = time.monotonic() + timeout
        while self._deliveries.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.005)

    @property
    def pending(self) -> int:
        """Records that wait plus objects that are being delivered; 0 when all is done."""
        with self._lock:
            waiting = sum(each.buffer.waiting for each in self._waiting.values())
        return waiting + self._deliveries.unfinished_tasks

    def freshness(self, now: datetime) -> dict[str, float]:
        """By stream, for how many seconds its oldest record has waited, wherever it is here."""
        with self._lock:
            arrivals = [
                (each.stream, each.buffer.oldest)
                for each in self._waiting.values()
                if each.buffer.oldest is not None
            ] + [(stream, chunk.arrived) for stream, chunk in self._undelivered]
        oldest: dict[str, float] = {}
        for stream, arrived in arrivals:
            seconds = (now - arrived).total_seconds()
            oldest[stream.name] = max(seconds, oldest.get(stream.name, 0.0))
        return oldest

    def _put(self, region: str, name: str, records: Sequence[bytes]) -> list[bool]:
        description = self._describe(region, name)
        if description is None:
            raise ApiError("ResourceNotFoundException", f"Firehose {name} under account not found.")
        stream = read_stream(description)
        refused = [self._refuse is not None and self._refuse(record) for record in records]
        accepted = [
            record + stream.delimiter
            for record, refusal in zip(records, refused, strict=True)
            if not refusal
        ]
        with self._lock:
            waiting = self._waiting.get((region, name))
            if waiting is None or waiting.stream != stream:
                # A changed configuration applies to later records.
                if waiting is not None:
                    self._enqueue(waiting.stream, waiting.buffer.flush())
                waiting = _Waiting(stream, Buffer(stream.buffer_bytes, stream.buffer_interval))
                self._waiting[region, name] = waiting
            self._enqueue(stream, waiting.buffer.add(accepted, self._clock()))
            self.stats.records += len(accepted)
            self.stats.bytes_in += sum(map(len, accepted))
        counted = {
            "IncomingPutRequests": 1,
            "IncomingRecords": len(accepted),
            "IncomingBytes": sum(map(len, accepted)),
            "ThrottledRecords": sum(refused),
        }
        self._count(name, counted)
        return refused

    def _enqueue(self, stream: Stream, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            self._undelivered.append((stream, chunk))
            self._deliveries.put((stream, chunk))

    def _watch_intervals(self) -> None:
        while not self._stopping.wait(_TICK_SECONDS):
            now = self._clock()
            with self._lock:
                for waiting in self._waiting.values():
                    self._enqueue(waiting.stream, waiting.buffer.due(now))

    def _deliver_all(self) -> None:
        while (delivery := self._deliveries.get()) is not None:
            try:
                self._deliver(*delivery)
            finally:
                with self._lock:
                    self._undelivered.remove(delivery)
                self._deliveries.task_done()
        self._deliveries.task_done()

    def _deliver(self, stream: Stream, chunk: Chunk) -> None:
        if stream.lambda_processor:
            key = stream.keys.error_key(chunk.arrived, "processing-failed")
            body = _failed_records(stream.lambda_processor, chunk)
        else:
            key = stream.keys.data_key(chunk.arrived)
            body = b"".join(chunk.records)
        if stream.gzip:
            body = igzip.compress(body, _GZIP_LEVEL)
        # The real one retries for a day; a sandbox has less time.
        for attempt in range(_DELIVERY_ATTEMPTS):
            try:
                self._s3.put_object(Bucket=stream.bucket, Key=key, Body=body)
            except Exception:  # noqa: BLE001 - whatever it is, delivery is tried again
                self._count(stream.name, {"DeliveryToS3.Success": 0})
                time.sleep(0.05 * 2**attempt)
            else:
                self.stats.objects += 1
                counted = {
                    "DeliveryToS3.Success": 1,
                    "DeliveryToS3.Records": len(chunk.records),
                    "DeliveryToS3.Bytes": chunk.size,
                }
                self._count(stream.name, counted)
                return
        self.stats.failed_deliveries += 1


def _failed_records(function: str, chunk: Chunk) -> bytes:
    """What Firehose writes for records that it could not have transformed: it has no function."""
    arrived = int(chunk.arrived.timestamp() * 1000)
    rows = (
        {
            "attemptsMade": 4,
            "arrivalTimestamp": arrived,
            "errorCode": "Lambda.FunctionError",
            "errorMessage": "The sandbox runs no transformation inside Firehose.",
            "attemptEndingTimestamp": arrived,
            "rawData": base64.b64encode(record).decode(),
            "lambdaArn": function,
        }
        for record in chunk.records
    )
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)
