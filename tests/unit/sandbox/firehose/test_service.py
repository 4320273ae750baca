import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.firehose.service import Buffer, Chunk, read_request

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)


def batch(*records: bytes) -> bytes:
    encoded = [{"Data": base64.b64encode(record).decode()} for record in records]
    return json.dumps({"DeliveryStreamName": "events", "Records": encoded}).encode()


def single(record: bytes) -> bytes:
    encoded: dict[str, Any] = {"Data": base64.b64encode(record).decode()}
    return json.dumps({"DeliveryStreamName": "events", "Record": encoded}).encode()


def refusal(operation: str, body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_request(operation, body)
    return caught.value


def test_records_are_decoded() -> None:
    assert read_request("PutRecordBatch", batch(b"a", b"\xff\n")) == ("events", [b"a", b"\xff\n"])
    assert read_request("PutRecord", single(b"a")) == ("events", [b"a"])


def test_five_hundred_records_are_the_limit() -> None:
    read_request("PutRecordBatch", batch(*[b"x"] * 500))

    error = refusal("PutRecordBatch", batch(*[b"x"] * 501))

    assert error.code == "ValidationException"
    assert "at 'records' failed to satisfy constraint" in error.message
    assert "less than or equal to 500" in error.message


def test_no_records_are_too_few() -> None:
    assert refusal("PutRecordBatch", batch()).code == "ValidationException"


def test_a_record_of_1000_kib_is_the_limit_and_the_error_names_the_record() -> None:
    read_request("PutRecord", single(b"x" * 1_024_000))

    error = refusal("PutRecordBatch", batch(b"x", b"x" * 1_024_001))

    assert error.code == "ValidationException"
    assert error.message == (
        "1 validation error detected: Value 'java.nio.HeapByteBuffer[pos=0 lim=1024001 "
        "cap=1024001]' at 'records.2.member.data' failed to satisfy constraint: Member must have "
        "length less than or equal to 1024000"
    )
    assert "at 'record.data'" in refusal("PutRecord", single(b"x" * 1_024_001)).message


def test_four_mebibytes_are_the_limit_of_a_call() -> None:
    quarter = b"x" * (1_000 * 1024)
    rest = b"x" * (4 * 1024 * 1024 - 4 * len(quarter))
    read_request("PutRecordBatch", batch(quarter, quarter, quarter, quarter, rest))

    error = refusal("PutRecordBatch", batch(quarter, quarter, quarter, quarter, rest, b"x"))

    assert (error.code, error.message) == (
        "InvalidArgumentException",
        "Records size exceeds 4 MB limit",
    )


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b'{"DeliveryStreamName":"s","Records":[{}]}'])
def test_a_body_of_another_shape_is_a_serialization_error(body: bytes) -> None:
    assert refusal("PutRecordBatch", body).code == "SerializationException"


def seconds(count: int) -> timedelta:
    return timedelta(seconds=count)


def buffer() -> Buffer:
    return Buffer(size_bytes=10, interval=seconds(60))


def test_records_wait_until_there_are_enough_bytes() -> None:
    waiting = buffer()

    assert waiting.add([b"1234", b"5678"], NOON) == []
    assert waiting.waiting == 2

    full = waiting.add([b"90", b"x"], NOON + seconds(5))

    assert full == [Chunk([b"1234", b"5678", b"90"], 10, NOON)]
    assert waiting.waiting == 1


def test_one_call_can_fill_several_chunks_and_never_splits_a_record() -> None:
    full = buffer().add([b"x" * 25, b"y" * 9, b"z" * 9], NOON)

    assert [chunk.records for chunk in full] == [[b"x" * 25], [b"y" * 9, b"z" * 9]]


def test_records_wait_no_longer_than_the_interval() -> None:
    waiting = buffer()
    waiting.add([b"a"], NOON)
    waiting.add([b"b"], NOON + seconds(59))

    assert waiting.due(NOON + seconds(59)) == []
    assert waiting.due(NOON + seconds(60)) == [Chunk([b"a", b"b"], 2, NOON)]
    assert waiting.due(NOON + seconds(999)) == []


def test_the_interval_starts_with_the_first_record_after_a_delivery() -> None:
    waiting = buffer()
    waiting.add([b"a"], NOON)
    waiting.flush()
    waiting.add([b"b"], NOON + seconds(50))

    assert waiting.due(NOON + seconds(70)) == []
    assert waiting.due(NOON + seconds(110)) == [Chunk([b"b"], 1, NOON + seconds(50))]


def test_an_empty_buffer_gives_nothing() -> None:
    assert buffer().flush() == []
    assert buffer().due(NOON) == []
