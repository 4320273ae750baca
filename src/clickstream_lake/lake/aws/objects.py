"""The only module that talks to S3: one bucket, as keys, streams and files.

Botocore's errors become the lake's own. Every call is safe to repeat, so the client's retries are
welcome: a put writes the same bytes again, and a conditional put that meets its own first try
raises `ObjectExistsError`, which callers resolve by looking at what is there.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Final

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.lake.aws.multipart import copy_parts, put_parts
from clickstream_lake.lake.errors import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
)
from clickstream_lake.lake.units import GIB, MIB

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

# S3 takes at most 5 GiB in one PutObject or CopyObject.
SINGLE_CALL_BYTES: Final = 5 * GIB
_READ_BYTES: Final = MIB
_DELETE_BATCH: Final = 1000
_CONFLICT_ATTEMPTS: Final = 5

_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
# 409: another conditional write to the same key was under way; S3 asks to try again.
_CONFLICT: Final = frozenset({"409", "ConditionalRequestConflict"})
_PRECONDITION: Final = frozenset({"412", "PreconditionFailed"})


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What S3 says about an object.

    Attributes:
        size: bytes, as stored.
        etag: without quotes; names the content of exactly this version.
        metadata: the `x-amz-meta-*` texts; always empty from `list`: S3 does not list metadata.
    """

    key: str
    size: int
    etag: str
    last_modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class ObjectStore:
    """One S3 bucket.

    Raises (every method):
        StorageError: S3 refused the call or did not answer, retries included.
    """

    def __init__(self, client: "S3Client", bucket: str) -> None:
        """Work on `bucket` through a client that has its own retries and timeouts."""
        self._client = client
        self.bucket = bucket

    def head(self, key: str) -> ObjectInfo | None:
        """Describe an object; None if there is none."""
        try:
            with _lake_errors("look at", key):
                return _info(key, self._client.head_object(Bucket=self.bucket, Key=key))
        except ObjectMissingError:
            return None

    @contextmanager
    def open(self, key: str) -> Iterator[tuple[ObjectInfo, BinaryIO]]:
        """Stream an object; description and content belong to the same version.

        Raises:
            ObjectMissingError: there is no such object.
        """
        with _lake_errors("read", key):
            answer = self._client.get_object(Bucket=self.bucket, Key=key)
        with io.BufferedReader(_Body(key, answer["Body"]), _READ_BYTES) as stream:
            yield _info(key, answer), stream

    def read(self, key: str) -> bytes:
        """The whole content of a small object.

        Raises:
            ObjectMissingError: there is no such object.
        """
        with self.open(key) as (_, stream):
            return stream.read()

    def download(self, key: str, path: Path) -> ObjectInfo:
        """Copy an object into a file and describe that version.

        Raises:
            ObjectMissingError: there is no such object.
        """
        with self.open(key) as (info, stream), path.open("wb") as file:
            while block := stream.read(_READ_BYTES):
                file.write(block)
        return info

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        """Every object under a prefix, in key order, page by page.

        Args:
            prefix: how their keys begin.
            after: leave out those up to this key.
        """
        token: dict[str, Any] = {"StartAfter": after} if after else {}
        while True:
            with _lake_errors("list", prefix):
                page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=prefix, **token)
            for entry in page.get("Contents", []):
                yield ObjectInfo(
                    entry["Key"], entry["Size"], entry["ETag"].strip('"'), entry["LastModified"]
                )
            if not page.get("IsTruncated"):
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def put_bytes(
        self,
        key: str,
        body: bytes,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> None:
        """Write an object, whole or not at all.

        Args:
            key: where to write.
            body: the content.
            metadata: ASCII texts, kept with the object and with every copy.
            content_type: MIME type.
            if_absent: only if there is no object at `key`.
            if_match: only in place of the version with this ETag.

        Raises:
            ObjectExistsError: `if_absent`, and there is one.
            ObjectChangedError: `if_match`, and there is another version or none.
        """
        self._put(
            key,
            io.BytesIO(body),
            size=len(body),
            metadata=metadata,
            content_type=content_type,
            if_absent=if_absent,
            if_match=if_match,
        )

    def put_file(
        self,
        key: str,
        path: Path,
        *,
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
        if_absent: bool = False,
        if_match: str | None = None,
    ) -> None:
        """Write a file as an object; like `put_bytes`, in parts if it is over 5 GiB."""
        with path.open("rb") as body:
            self._put(
                key,
                body,
                size=path.stat().st_size,
                metadata=metadata,
                content_type=content_type,
                if_absent=if_absent,
                if_match=if_match,
            )

    def copy(self, source: str, key: str, *, size: int) -> None:
        """Copy an object of `size` bytes, with its metadata, within the bucket, on S3's side.

        Raises:
            ObjectMissingError: the source has gone.
        """
        origin: Any = {"Bucket": self.bucket, "Key": source}
        with _lake_errors("copy", source):
            if size <= SINGLE_CALL_BYTES:
                self._client.copy_object(
                    Bucket=self.bucket, Key=key, CopySource=origin, MetadataDirective="COPY"
                )
            else:
                copy_parts(self._client, self.bucket, source, key, size)

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; one that is already gone is fine.

        Raises:
            StorageError: names the first object that S3 would not delete; others may be gone.
        """
        for start in range(0, len(keys), _DELETE_BATCH):
            batch = keys[start : start + _DELETE_BATCH]
            with _lake_errors("delete", batch[0]):
                answer = self._client.delete_objects(
                    Bucket=self.bucket,
                    Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True},
                )
            for error in answer.get("Errors", []):
                raise StorageError(
                    f"cannot delete {error.get('Key')!r}: {error.get('Code')}, "
                    f"{error.get('Message')}"
                )

    def _put(
        self,
        key: str,
        body: IO[bytes],
        *,
        size: int,
        metadata: Mapping[str, str] | None,
        content_type: str,
        if_absent: bool,
        if_match: str | None,
    ) -> None:
        extra: dict[str, Any] = {"Metadata": dict(metadata or {}), "ContentType": content_type}
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if if_absent else {}
        if if_match is not None:
            condition = {"IfMatch": f'"{if_match}"'}
        for attempt in range(1, _CONFLICT_ATTEMPTS + 1):
            body.seek(0)
            try:
                with _lake_errors("write", key):
                    if size <= SINGLE_CALL_BYTES:
                        self._client.put_object(
                            Bucket=self.bucket, Key=key, Body=body, **extra, **condition
                        )
                    else:
                        put_parts(
                            self._client,
                            self.bucket,
                            key,
                            body,
                            extra=extra,
                            condition=condition,
                        )
            except _ConflictError:
                if attempt == _CONFLICT_ATTEMPTS:
                    raise
            except ObjectMissingError as error:  # what S3 answers to If-Match on no object
                raise ObjectChangedError(f"{key!r} has gone") from error
            except _PreconditionError as error:
                if if_absent:
                    raise ObjectExistsError(f"{key!r} already exists") from error
                raise ObjectChangedError(str(error)) from error
            else:
                return


class _ConflictError(StorageError):
    """S3 saw two conditional writes of one key at once and asks for a retry."""


class _PreconditionError(StorageError):
    """The condition of a conditional call did not hold."""


class _Body(io.RawIOBase):
    """A response body as a raw stream, botocore's errors translated while it is read."""

    def __init__(self, key: str, body: Any) -> None:  # noqa: ANN401 - botocore's StreamingBody
        super().__init__()
        self._key = key
        self._body = body

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer
        with _lake_errors("read", self._key):
            block = self._body.read(len(buffer))
        buffer[: len(block)] = block
        return len(block)

    def close(self) -> None:
        self._body.close()
        super().close()


@contextmanager
def _lake_errors(verb: str, key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in _MISSING:
            raise ObjectMissingError(f"there is no object {key!r}") from error
        if code in _PRECONDITION:
            raise _PreconditionError(f"{key!r} has changed in the meantime") from error
        if code in _CONFLICT:
            raise _ConflictError(f"cannot {verb} {key!r}: {error}") from error
        raise StorageError(f"cannot {verb} {key!r}: {error}") from error
    except BotoCoreError as error:
        raise StorageError(f"cannot {verb} {key!r}: {error}") from error


def _info(key: str, answer: Any) -> ObjectInfo:  # noqa: ANN401 - head or get, alike in these
    return ObjectInfo(
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        last_modified=answer["LastModified"],
        metadata=answer.get("Metadata", {}),
    )
