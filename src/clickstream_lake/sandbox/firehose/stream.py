"""What a stream's description in moto says about delivery to S3."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.firehose.keys import KeyRules, PrefixError, check_prefixes

_MIB = 1024 * 1024
_DEFAULT_BUFFER_MIB = 5
_DEFAULT_BUFFER_SECONDS = 300
_EXTENSIONS = {"UNCOMPRESSED": "", "GZIP": ".gz"}


@dataclass(frozen=True, slots=True)
class Stream:
    """What delivery needs to know of a stream, read from its description."""

    name: str
    bucket: str
    keys: KeyRules
    gzip: bool
    delimiter: bytes
    buffer_bytes: int
    buffer_interval: timedelta
    lambda_processor: str | None


def read_stream(description: dict[str, Any]) -> Stream:
    """What a `DeliveryStreamDescription` says about delivery to S3.

    Raises:
        ApiError: the stream uses something that the sandbox cannot do; it is never ignored.
    """
    name = description["DeliveryStreamName"]
    if description["DeliveryStreamType"] != "DirectPut":
        raise ApiError(
            "InvalidArgumentException",
            f"This operation is not permitted on {description['DeliveryStreamType']} "
            "delivery stream type.",
        )
    destination = description["Destinations"][0]
    s3 = destination.get("ExtendedS3DestinationDescription") or destination.get(
        "S3DestinationDescription"
    )
    if s3 is None:
        raise ApiError("InvalidArgumentException", f"{name}: the sandbox delivers to S3 only")
    compression = s3.get("CompressionFormat") or "UNCOMPRESSED"
    if compression not in _EXTENSIONS:
        raise ApiError(
            "InvalidArgumentException",
            f"{name}: the sandbox compresses with GZIP or not at all, not {compression}",
        )
    if (s3.get("DataFormatConversionConfiguration") or {}).get("Enabled"):
        raise ApiError("InvalidArgumentException", f"{name}: the sandbox converts no formats")
    prefix, error_prefix = s3.get("Prefix") or "", s3.get("ErrorOutputPrefix") or ""
    try:
        check_prefixes(prefix, error_prefix)
    except PrefixError as error:
        raise ApiError("InvalidArgumentException", f"{name}: {error}") from None
    hints = s3.get("BufferingHints") or {}
    delimiter, lambda_processor = _read_processors(name, s3)
    return Stream(
        name=name,
        bucket=s3["BucketARN"].split(":")[-1],
        keys=KeyRules(
            stream=name,
            version=str(description.get("VersionId", "1")),
            prefix=prefix,
            error_prefix=error_prefix,
            extension=s3.get("FileExtension") or _EXTENSIONS[compression],
            zone=s3.get("CustomTimeZone") or "UTC",
        ),
        gzip=compression == "GZIP",
        delimiter=delimiter,
        buffer_bytes=int(hints.get("SizeInMBs") or _DEFAULT_BUFFER_MIB) * _MIB,
        buffer_interval=timedelta(
            seconds=int(hints.get("IntervalInSeconds", _DEFAULT_BUFFER_SECONDS))
        ),
        lambda_processor=lambda_processor,
    )


def _read_processors(name: str, s3: dict[str, Any]) -> tuple[bytes, str | None]:
    """The delimiter to append (empty: none) and the ARN of a transforming function, if any."""
    processing = s3.get("ProcessingConfiguration") or {}
    delimiter, function = b"", None
    # moto keeps the Boolean as it came: true from boto3, "true" from other clients.
    if str(processing.get("Enabled", "false")).lower() == "true":
        for processor in processing.get("Processors") or []:
            parameters = {
                each["ParameterName"]: each["ParameterValue"]
                for each in processor.get("Parameters") or []
            }
            match processor["Type"]:
                case "AppendDelimiterToRecord":
                    # The API takes the two characters backslash and n for a line feed.
                    text = parameters.get("Delimiter", "\\n")
                    delimiter = text.encode().decode("unicode_escape").encode("latin-1")
                case "Lambda":
                    function = parameters["LambdaArn"]
                case other:
                    raise ApiError(
                        "InvalidArgumentException",
                        f"{name}: the sandbox has no {other} processor",
                    )
    return delimiter, function
