"""`PutRecord` and `PutRecordBatch` as they come over the wire, and Firehose's limits on them."""

from collections.abc import Sequence

import msgspec

from clickstream_lake.sandbox.errors import ApiError

_MAX_RECORDS = 500
_MAX_RECORD_BYTES = 1_024_000
_MAX_BATCH_BYTES = 4 * 1024 * 1024


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
        ApiError: the body is no such call, or is over a limit; as Firehose would say it.
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
