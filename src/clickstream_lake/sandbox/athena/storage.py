"""Objects of a table in S3: which ones a query sees, and their bytes through a cache by ETag."""

import hashlib
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import unquote, urlsplit

from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.athena.tables import Column

_CACHE_LIMIT_BYTES = 4 << 30
_PARALLEL_READS = 8

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class DataFile:
    """One object that belongs to a partition."""

    bucket: str
    key: str
    size: int
    etag: str
    modified: datetime

    @property
    def uri(self) -> str:
        """Name the object as Athena's messages do."""
        return f"s3://{self.bucket}/{self.key}"


def split_uri(uri: str) -> tuple[str, str]:
    """Take `s3://bucket/prefix` apart; the prefix ends in `/` unless it is empty."""
    parts = urlsplit(uri)
    prefix = parts.path.lstrip("/")
    return parts.netloc, prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def is_hidden(key: str) -> bool:
    """Apply Hive's rule: files whose own name starts with `_` or `.` are not data."""
    name = key.rsplit("/", 1)[-1]
    return not name or name.startswith(("_", "."))


class TableStorage:
    """Lists and reads data files through one S3 client. Safe to use from several threads.

    Byte ranges are kept on disk under the object's ETag, so that a changed object is never
    answered from the cache. The oldest entries are dropped when the cache exceeds its limit.
    """

    def __init__(
        self, client: "S3Client", cache_dir: Path | None = None, limit: int = _CACHE_LIMIT_BYTES
    ) -> None:
        """Cache in `cache_dir`, or in a temporary directory that goes with this object."""
        self._client = client
        self._own = None if cache_dir else tempfile.TemporaryDirectory(prefix="athena-cache-")
        self._cache = cache_dir or Path(self._own.name if self._own else "")
        self._cache.mkdir(parents=True, exist_ok=True)
        self._limit = limit
        self._lock = threading.Lock()
        self._held = sum(path.stat().st_size for path in self._cache.iterdir())

    def close(self) -> None:
        """Drop a temporary cache."""
        if self._own:
            self._own.cleanup()

    def list(self, location: str) -> Iterator[DataFile]:
        """Yield every data file under a location, recursively."""
        bucket, prefix = split_uri(location)
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            for page in pages:
                for entry in page.get("Contents", []):
                    if not is_hidden(entry["Key"]):
                        yield DataFile(
                            bucket,
                            entry["Key"],
                            entry["Size"],
                            entry["ETag"],
                            entry["LastModified"],
                        )
        except self._client.exceptions.NoSuchBucket:
            raise QueryError(
                "HIVE_FILESYSTEM_ERROR", f"bucket {bucket} does not exist", user=False
            ) from None

    def directories(self, location: str) -> Iterator[str]:
        """Yield the names of the directories directly under a location."""
        bucket, prefix = split_uri(location)
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        )
        for page in pages:
            for entry in page.get("CommonPrefixes", []):
                yield entry["Prefix"][len(prefix) : -1]

    def partition_directories(
        self, location: str, keys: "Sequence[Column]"
    ) -> Iterator[tuple[tuple[str, ...], str]]:
        """Yield the values and places of the `key=value` directories under a location."""
        found: list[tuple[tuple[str, ...], str]] = [((), location.rstrip("/"))]
        for key in keys:
            found = [
                ((*values, unquote(name.split("=", 1)[1])), f"{place}/{name}")
                for values, place in found
                for name in self.directories(place)
                if name.lower().startswith(f"{key.name}=")
            ]
        yield from (found if keys else ())

    def read(self, file: DataFile, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes [start, end) of a file as it was when it was listed.

        Raises:
            QueryError: the object was deleted or changed since then, as in Athena.
        """
        end = file.size if end is None else end
        if start >= end:
            return b""
        cached = self._cache / _cache_name(file, start, end)
        try:
            return cached.read_bytes()
        except FileNotFoundError:
            body = self._fetch(file, start, end)
        self._keep(cached, body)
        return body

    def write(self, uri: str, body: bytes) -> None:
        """Put an object.

        Raises:
            QueryError: its bucket does not accept it.
        """
        parts = urlsplit(uri)
        try:
            self._client.put_object(Bucket=parts.netloc, Key=parts.path.lstrip("/"), Body=body)
        except self._client.exceptions.ClientError as error:
            raise QueryError("HIVE_WRITER_OPEN_ERROR", f"cannot write {uri}: {error}") from error

    def _fetch(self, file: DataFile, start: int, end: int) -> bytes:
        try:
            answer = self._client.get_object(
                Bucket=file.bucket, Key=file.key, Range=f"bytes={start}-{end - 1}"
            )
        except self._client.exceptions.NoSuchKey:
            raise QueryError(
                "HIVE_CANNOT_OPEN_SPLIT",
                f"Error opening Hive split {file.uri} (offset={start}, length={end - start}): "
                "the object went away while the query ran",
                user=False,
            ) from None
        if answer["ETag"] != file.etag:
            raise QueryError(
                "HIVE_CANNOT_OPEN_SPLIT", f"{file.uri} changed while the query ran", user=False
            )
        return answer["Body"].read()

    def _keep(self, path: Path, body: bytes) -> None:
        with tempfile.NamedTemporaryFile(dir=self._cache, prefix="new-", delete=False) as file:
            file.write(body)
        Path(file.name).replace(path)
        with self._lock:
            self._held += len(body)
            if self._held > self._limit:
                self._evict()

    def _evict(self) -> None:
        """Drop the oldest half, so that eviction stays rare."""
        entries = sorted(
            (path for path in self._cache.iterdir() if not path.name.startswith("new-")),
            key=lambda path: path.stat().st_mtime_ns,
        )
        for path in entries:
            if self._held <= self._limit // 2:
                return
            self._held -= path.stat().st_size
            path.unlink(missing_ok=True)


def in_parallel(work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> Iterator[_Answer]:
    """Map over a few threads, in order: reading objects is mostly waiting.

    Only a few answers wait at a time, so that memory does not grow with the table.
    """
    ahead: deque[Future[_Answer]] = deque()
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > 2 * _PARALLEL_READS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _cache_name(file: DataFile, start: int, end: int) -> str:
    identity = f"{file.bucket}\0{file.key}\0{file.etag}"
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:32]}-{start}-{end}"
