"""Uploads and copies in parts, for objects too big for one call. Only `objects.py` uses this.

Botocore's errors pass through: `objects.py` translates them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, Final

from clickstream_lake.lake.units import MIB

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# S3 takes at most 10,000 parts, so this is enough for 5 TB, the biggest object there can be.
PART_BYTES: Final = 512 * MIB


class _Upload:
    """A multipart upload under way."""

    def __init__(self, upload_id: str) -> None:
        self.id = upload_id
        self.parts: list[Any] = []

    def add(self, number: int, etag: str) -> None:
        self.parts.append({"PartNumber": number, "ETag": etag})


def put_parts(
    client: "S3Client",
    bucket: str,
    key: str,
    body: IO[bytes],
    *,
    extra: dict[str, Any],
    condition: dict[str, Any],
) -> None:
    """Put an object part by part; `condition` is checked when it is complete."""
    with _multipart(client, bucket, key, extra, condition) as upload:
        number = 0
        while block := body.read(PART_BYTES):
            number += 1
            part = client.upload_part(
                Bucket=bucket, Key=key, UploadId=upload.id, PartNumber=number, Body=block
            )
            upload.add(number, part["ETag"])


def copy_parts(client: "S3Client", bucket: str, source: str, key: str, size: int) -> None:
    """Copy an object of `size` bytes part by part, all from one version of the source."""
    # A copy in parts starts a new object, so it has to be given the metadata.
    head = client.head_object(Bucket=bucket, Key=source)
    extra = {"Metadata": head["Metadata"], "ContentType": head["ContentType"]}
    with _multipart(client, bucket, key, extra, {}) as upload:
        for number, start in enumerate(range(0, size, PART_BYTES), 1):
            part = client.upload_part_copy(
                Bucket=bucket,
                Key=key,
                UploadId=upload.id,
                PartNumber=number,
                CopySource={"Bucket": bucket, "Key": source},
                CopySourceRange=f"bytes={start}-{min(start + PART_BYTES, size) - 1}",
                CopySourceIfMatch=head["ETag"],
            )
            upload.add(number, part["CopyPartResult"]["ETag"])


@contextmanager
def _multipart(
    client: "S3Client", bucket: str, key: str, extra: dict[str, Any], condition: dict[str, Any]
) -> Iterator[_Upload]:
    """A multipart upload that is completed at the end, or aborted on any error."""
    created = client.create_multipart_upload(Bucket=bucket, Key=key, **extra)
    upload = _Upload(created["UploadId"])
    try:
        yield upload
        client.complete_multipart_upload(
            Bucket=bucket,
            Key=key,
            UploadId=upload.id,
            MultipartUpload={"Parts": upload.parts},
            **condition,
        )
    except BaseException:
        # The bucket's lifecycle rule aborts what cannot be aborted now.
        with suppress(Exception):
            client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload.id)
        raise
