import base64
import json
from typing import Any

import pytest

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.firehose.requests import read_request


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
