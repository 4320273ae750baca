from datetime import timedelta
from typing import Any

import pytest

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.firehose.stream import Stream, read_stream

MIB = 1024 * 1024


def description(**s3: object) -> dict[str, Any]:
    destination = {"BucketARN": "arn:aws:s3:::lake", "Prefix": "raw/"} | s3
    return {
        "DeliveryStreamName": "events",
        "DeliveryStreamType": "DirectPut",
        "VersionId": "2",
        "Destinations": [{"ExtendedS3DestinationDescription": destination}],
    }


def read(**s3: object) -> Stream:
    return read_stream(description(**s3))


def delimiter(value: str | None, *, enabled: object = True) -> bytes:
    parameters = [] if value is None else [{"ParameterName": "Delimiter", "ParameterValue": value}]
    processor = {"Type": "AppendDelimiterToRecord", "Parameters": parameters}
    return read(ProcessingConfiguration={"Enabled": enabled, "Processors": [processor]}).delimiter


def test_without_settings_a_stream_has_the_defaults_of_firehose() -> None:
    stream = read()

    assert stream.bucket == "lake"
    assert (stream.gzip, stream.delimiter, stream.keys.extension) == (False, b"", "")
    assert stream.buffer_bytes == 5 * MIB
    assert stream.buffer_interval == timedelta(seconds=300)
    assert stream.keys.version == "2"


def test_settings_are_read() -> None:
    stream = read(
        CompressionFormat="GZIP",
        BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 0},
        CustomTimeZone="Europe/Berlin",
    )

    assert (stream.gzip, stream.keys.extension, stream.keys.zone) == (True, ".gz", "Europe/Berlin")
    assert stream.buffer_bytes == 64 * MIB
    assert stream.buffer_interval == timedelta(0)


def test_a_file_extension_replaces_that_of_the_compression() -> None:
    assert read(CompressionFormat="GZIP", FileExtension=".json.gz").keys.extension == ".json.gz"


def test_the_delimiter_is_only_appended_where_a_processor_says_so() -> None:
    assert delimiter("\\n") == b"\n"
    assert delimiter(None) == b"\n"
    assert delimiter("|") == b"|"
    assert delimiter("\\n", enabled="true") == b"\n"
    assert delimiter("\\n", enabled=False) == b""


@pytest.mark.parametrize(
    ("s3", "complaint"),
    [
        ({"CompressionFormat": "Snappy"}, "not Snappy"),
        ({"DataFormatConversionConfiguration": {"Enabled": True}}, "converts no formats"),
        ({"Prefix": "raw/!{timestamp:yyyy}/"}, "ErrorOutputPrefix must be given"),
        (
            {
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [{"Type": "Decompression"}],
                }
            },
            "no Decompression processor",
        ),
    ],
)
def test_what_the_sandbox_cannot_do_is_an_error_and_never_ignored(
    s3: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ApiError, match=complaint):
        read(**s3)


def test_a_stream_with_another_source_takes_no_records() -> None:
    kinesis = description() | {"DeliveryStreamType": "KinesisStreamAsSource"}

    with pytest.raises(ApiError, match="not permitted on KinesisStreamAsSource"):
        read_stream(kinesis)


def test_a_stream_with_another_destination_takes_no_records() -> None:
    http = description() | {"Destinations": [{"HttpEndpointDestinationDescription": {}}]}

    with pytest.raises(ApiError, match="delivers to S3 only"):
        read_stream(http)
