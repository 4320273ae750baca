import gzip
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from clickstream_lake.generate import FirehoseSink

if TYPE_CHECKING:
    from conftest import Bench

MIB = 1024 * 1024
DELIMITER = {
    "Enabled": True,
    "Processors": [
        {
            "Type": "AppendDelimiterToRecord",
            "Parameters": [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}],
        }
    ],
}
HIVE = {
    "Prefix": "raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy}/",
}


def make_stream(bench: "Bench", bucket: str, **s3: Any) -> str:  # noqa: ANN401 - Firehose's own
    name = bench.name("stream")
    configuration = {
        "RoleARN": "arn:aws:iam::123456789012:role/firehose",
        "BucketARN": f"arn:aws:s3:::{bucket}",
        "CompressionFormat": "GZIP",
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
    }
    bench.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration=configuration | s3
    )
    return name


def put(bench: "Bench", stream: str, *records: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = bench.client("firehose").put_record_batch(
        DeliveryStreamName=stream, Records=[{"Data": record} for record in records]
    )
    return answer


def only_object(bench: "Bench", bucket: str) -> tuple[str, bytes]:
    (key,) = bench.keys(bucket)
    return key, bench.read(bucket, key)


def test_records_are_delivered_as_one_gzip_object_with_delimiters(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket, ProcessingConfiguration=DELIMITER, **HIVE)

    put(bench, stream, b'{"a":1}', b'{"a":2}')
    single = bench.client("firehose").put_record(
        DeliveryStreamName=stream, Record={"Data": b'{"a":3}'}
    )
    bench.sandbox.flush()

    key, body = only_object(bench, bucket)
    assert gzip.decompress(body) == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    assert single["RecordId"]
    assert re.fullmatch(
        rf"raw/year=\d{{4}}/month=\d\d/day=\d\d/{stream}-1-[-0-9]{{20}}[-0-9a-f]{{36}}\.gz", key
    )


def test_without_a_processor_no_delimiter_is_added(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket, CompressionFormat="UNCOMPRESSED")

    put(bench, stream, b'{"a":1}', b'{"a":2}')
    bench.sandbox.flush()

    assert only_object(bench, bucket)[1] == b'{"a":1}{"a":2}'


def test_the_key_carries_the_arrival_of_the_oldest_record(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket, **HIVE)
    arrived = bench.clock.now

    put(bench, stream, b"old")
    bench.clock.forward(20)
    put(bench, stream, b"new")
    bench.sandbox.flush()

    key, _ = only_object(bench, bucket)
    assert key.startswith(arrived.strftime("raw/year=%Y/month=%m/day=%d/"))
    assert arrived.strftime("-%Y-%m-%d-%H-%M-%S-") in key


def test_a_full_buffer_is_delivered_at_once_and_the_rest_after_the_interval(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket)
    firehose = bench.sandbox.firehose

    put(bench, stream, b"x" * (700 * 1024), b"y" * (700 * 1024), b"z")
    before = _settled(bench, bucket, objects=1)
    bench.clock.forward(61)
    after = _settled(bench, bucket, objects=2)

    assert len(before) == 1
    assert sorted(len(gzip.decompress(bench.read(bucket, key))) for key in after) == [
        1,
        1_400 * 1024,
    ]
    assert firehose.pending == 0


def _settled(bench: "Bench", bucket: str, objects: int) -> list[str]:
    """The keys, as soon as there are so many of them."""
    waiter = bench.client("s3")
    for _ in range(2_000):
        if len(bench.keys(bucket)) >= objects:
            break
        waiter.list_buckets()
    return bench.keys(bucket)


def test_a_changed_configuration_gets_a_new_version_and_keeps_what_waits(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket, CompressionFormat="UNCOMPRESSED", Prefix="old/")
    put(bench, stream, b"before")

    bench.client("firehose").update_destination(
        DeliveryStreamName=stream,
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"Prefix": "new/"},
    )
    put(bench, stream, b"after")
    bench.sandbox.flush()

    found = {
        key.split("/")[0]: (f"{stream}-2-" in key, bench.read(bucket, key))
        for key in bench.keys(bucket)
    }
    assert found == {"old": (False, b"before"), "new": (True, b"after")}


def test_refused_records_are_counted_and_the_sink_resends_only_those(bench: "Bench") -> None:
    bucket = bench.bucket()
    stream = make_stream(bench, bucket, CompressionFormat="UNCOMPRESSED")
    records = [b"<%03d>" % number for number in range(600)]
    bench.refusing.update({records[3], records[590]})

    sink = FirehoseSink(bench.client("firehose"), stream, pause=lambda _: None)
    sink.send(records)
    bench.sandbox.flush()

    delivered = only_object(bench, bucket)[1]
    assert sorted(re.findall(rb"<\d{3}>", delivered)) == records
    assert sink.resent == 2


def test_a_refused_record_has_firehose_s_error_in_the_answer(bench: "Bench") -> None:
    stream = make_stream(bench, bench.bucket())
    bench.refusing.add(b"no")

    answer = put(bench, stream, b"yes", b"no")

    assert answer["FailedPutCount"] == 1
    assert "RecordId" in answer["RequestResponses"][0]
    assert answer["RequestResponses"][1] == {
        "ErrorCode": "ServiceUnavailableException",
        "ErrorMessage": "Slow down.",
    }


def test_a_stream_that_is_not_there_is_firehose_s_own_error(bench: "Bench") -> None:
    with pytest.raises(ClientError) as caught:
        put(bench, "nowhere", b"x")

    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert type(caught.value).__name__ == "ResourceNotFoundException"


def test_too_many_records_are_firehose_s_own_error(bench: "Bench") -> None:
    stream = make_stream(bench, bench.bucket())

    with pytest.raises(ClientError, match="ValidationException"):
        put(bench, stream, *[b"x"] * 501)


def test_a_prefix_that_firehose_would_refuse_is_refused(bench: "Bench") -> None:
    stream = make_stream(bench, bench.bucket(), Prefix=HIVE["Prefix"])

    with pytest.raises(ClientError, match="ErrorOutputPrefix must be given"):
        put(bench, stream, b"x")


def test_records_that_cannot_be_transformed_go_to_the_error_prefix(bench: "Bench") -> None:
    bucket = bench.bucket()
    function = "arn:aws:lambda:us-east-1:123456789012:function:none"
    processor = {
        "Type": "Lambda",
        "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": function}],
    }
    stream = make_stream(
        bench,
        bucket,
        ProcessingConfiguration={"Enabled": True, "Processors": [processor]},
        **HIVE,
    )

    put(bench, stream, b"hello")
    bench.sandbox.flush()

    key, body = only_object(bench, bucket)
    row = json.loads(gzip.decompress(body))
    assert key.startswith("errors/processing-failed/")
    assert (row["rawData"], row["lambdaArn"]) == ("aGVsbG8=", function)
