# ruff: noqa: ANN401, N803 - the clients have boto3's parameter names and answers
"""S3, Glue and SQS at the level of the boto3 client, in memory.

They have just the calls that the lake makes and just the semantics that it relies on; a
conformance test holds them against moto. Every call goes through `Steps`, which is where the
simulation stops, interleaves and breaks them.
"""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any, TypeVar

from botocore.exceptions import ClientError

T = TypeVar("T")


class Steps:
    """Carries calls out, one after the other, as they come."""

    def call(self, name: str, target: str, effect: Callable[[], T]) -> T:
        """Carry one call out.

        Args:
            name: such as `s3.PutObject`.
            target: the key, or the table and partition.
            effect: does it, and gives the answer or raises a ClientError.
        """
        del name, target
        return effect()


def client_error(code: str, operation: str, status: int = 400) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": f"simulated {code}"},
            "ResponseMetadata": {"HTTPStatusCode": status},  # type: ignore[typeddict-item]
        },
        operation,
    )


@dataclass(frozen=True, slots=True)
class StoredObject:
    body: bytes
    etag: str
    metadata: Mapping[str, str]
    content_type: str
    last_modified: datetime


@dataclass
class FakeS3:
    """One bucket. Strongly consistent; puts are atomic."""

    steps: Steps = field(default_factory=Steps)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    page_size: int = 1000
    objects: dict[str, StoredObject] = field(default_factory=dict)

    def put_object(self, *, Key: str, Body: Any, **extra: Any) -> dict[str, Any]:
        body = Body if isinstance(Body, bytes) else Body.read()

        def effect() -> dict[str, Any]:
            present = self.objects.get(Key)
            if extra.get("IfNoneMatch") == "*" and present is not None:
                raise client_error("PreconditionFailed", "PutObject", 412)
            if "IfMatch" in extra:
                if present is None:
                    raise client_error("NoSuchKey", "PutObject", 404)
                if extra["IfMatch"].strip('"') != present.etag:
                    raise client_error("PreconditionFailed", "PutObject", 412)
            stored = self._store(Key, body, extra.get("Metadata", {}), extra.get("ContentType"))
            return {"ETag": f'"{stored.etag}"'}

        return self.steps.call("s3.PutObject", Key, effect)

    def head_object(self, *, Key: str, **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if Key not in self.objects:
                raise client_error("404", "HeadObject", 404)
            return self._describe(self.objects[Key])

        return self.steps.call("s3.HeadObject", Key, effect)

    def get_object(self, *, Key: str, Range: str | None = None, **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if Key not in self.objects:
                raise client_error("NoSuchKey", "GetObject", 404)
            stored = self.objects[Key]
            body = stored.body
            if Range is not None:
                first, last = Range.removeprefix("bytes=").split("-")
                if int(first) >= len(body):
                    raise client_error("InvalidRange", "GetObject", 416)
                body = body[int(first) : int(last) + 1]
            return self._describe(stored) | {"ContentLength": len(body), "Body": io.BytesIO(body)}

        return self.steps.call("s3.GetObject", Key, effect)

    def list_objects_v2(
        self, *, Prefix: str, ContinuationToken: str = "", StartAfter: str = "", **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            keys = sorted(key for key in self.objects if key.startswith(Prefix))
            keys = [key for key in keys if key > max(ContinuationToken, StartAfter)]
            page, rest = keys[: self.page_size], keys[self.page_size :]
            answer: dict[str, Any] = {"IsTruncated": bool(rest), "KeyCount": len(page)}
            if page:
                answer["Contents"] = [
                    {
                        "Key": key,
                        "Size": len(self.objects[key].body),
                        "ETag": f'"{self.objects[key].etag}"',
                        "LastModified": self.objects[key].last_modified,
                    }
                    for key in page
                ]
            if rest:
                answer["NextContinuationToken"] = page[-1]
            return answer

        return self.steps.call("s3.ListObjectsV2", Prefix, effect)

    def copy_object(self, *, Key: str, CopySource: Mapping[str, str], **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if CopySource["Key"] not in self.objects:
                raise client_error("NoSuchKey", "CopyObject", 404)
            origin = self.objects[CopySource["Key"]]
            stored = self._store(Key, origin.body, origin.metadata, origin.content_type)
            return {"CopyObjectResult": {"ETag": f'"{stored.etag}"'}}

        return self.steps.call("s3.CopyObject", Key, effect)

    def delete_objects(self, *, Delete: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        keys = [entry["Key"] for entry in Delete["Objects"]]

        def effect() -> dict[str, Any]:
            for key in keys:
                self.objects.pop(key, None)
            return {}

        return self.steps.call("s3.DeleteObjects", keys[0], effect)

    def _store(
        self, key: str, body: bytes, metadata: Mapping[str, str], content_type: str | None
    ) -> StoredObject:
        etag = md5(body, usedforsecurity=False).hexdigest()
        stored = StoredObject(
            body,
            etag,
            dict(metadata),
            content_type or "binary/octet-stream",
            self.now().replace(microsecond=0),
        )
        self.objects[key] = stored
        return stored

    @staticmethod
    def _describe(stored: StoredObject) -> dict[str, Any]:
        return {
            "ContentLength": len(stored.body),
            "ETag": f'"{stored.etag}"',
            "LastModified": stored.last_modified,
            "Metadata": dict(stored.metadata),
            "ContentType": stored.content_type,
        }


@dataclass
class FakeGlue:
    """One database. `update_partition` replaces the partition and checks no version."""

    steps: Steps = field(default_factory=Steps)
    page_size: int = 100
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    partitions: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)

    def create_table(self, *, TableInput: dict[str, Any], **_: Any) -> dict[str, Any]:
        self.tables[TableInput["Name"]] = TableInput
        return {}

    def get_table(self, *, Name: str, **_: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if Name not in self.tables:
                raise client_error("EntityNotFoundException", "GetTable")
            return {"Table": {"VersionId": "0", **self.tables[Name]}}

        return self.steps.call("glue.GetTable", Name, effect)

    def update_table(
        self, *, TableInput: dict[str, Any], VersionId: str = "", **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self.tables.get(TableInput["Name"])
            if found is None:
                raise client_error("EntityNotFoundException", "UpdateTable")
            version = found.get("VersionId", "0")
            if VersionId and VersionId != version:
                raise client_error("ConcurrentModificationException", "UpdateTable")
            self.tables[TableInput["Name"]] = {**TableInput, "VersionId": str(int(version) + 1)}
            return {}

        return self.steps.call("glue.UpdateTable", TableInput["Name"], effect)

    def get_partition(
        self, *, TableName: str, PartitionValues: list[str], **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            found = self.partitions.get((TableName, tuple(PartitionValues)))
            if found is None:
                raise client_error("EntityNotFoundException", "GetPartition")
            return {"Partition": dict(found)}

        return self.steps.call("glue.GetPartition", _name(TableName, PartitionValues), effect)

    def get_partitions(
        self, *, TableName: str, NextToken: str = "0", ExcludeColumnSchema: bool = False, **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            if TableName not in self.tables:
                raise client_error("EntityNotFoundException", "GetPartitions")
            found = [entry for (table, _), entry in self.partitions.items() if table == TableName]
            if ExcludeColumnSchema:
                found = [
                    {**entry, "StorageDescriptor": {**entry["StorageDescriptor"], "Columns": []}}
                    for entry in found
                ]
            start = int(NextToken)
            answer: dict[str, Any] = {"Partitions": found[start : start + self.page_size]}
            if start + self.page_size < len(found):
                answer["NextToken"] = str(start + self.page_size)
            return answer

        return self.steps.call("glue.GetPartitions", TableName, effect)

    def create_partition(
        self, *, TableName: str, PartitionInput: dict[str, Any], **_: Any
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            at = (TableName, tuple(PartitionInput["Values"]))
            if TableName not in self.tables:
                raise client_error("EntityNotFoundException", "CreatePartition")
            if at in self.partitions:
                raise client_error("AlreadyExistsException", "CreatePartition")
            self.partitions[at] = PartitionInput
            return {}

        target = _name(TableName, PartitionInput["Values"])
        return self.steps.call("glue.CreatePartition", target, effect)

    def update_partition(
        self,
        *,
        TableName: str,
        PartitionValueList: list[str],
        PartitionInput: dict[str, Any],
        **_: Any,
    ) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            at = (TableName, tuple(PartitionValueList))
            if at not in self.partitions:
                raise client_error("EntityNotFoundException", "UpdatePartition")
            self.partitions[at] = PartitionInput
            return {}

        return self.steps.call("glue.UpdatePartition", _name(TableName, PartitionValueList), effect)


@dataclass
class FakeSqs:
    """A FIFO queue as its sender sees it."""

    steps: Steps = field(default_factory=Steps)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def send_message(self, **message: Any) -> dict[str, Any]:
        def effect() -> dict[str, Any]:
            ids = {sent["MessageDeduplicationId"] for sent in self.messages}
            if message["MessageDeduplicationId"] not in ids:
                self.messages.append(message)
            return {"MessageId": str(len(self.messages))}

        return self.steps.call("sqs.SendMessage", message["MessageGroupId"], effect)


def _name(table: str, values: list[str]) -> str:
    return f"{table} {'/'.join(values)}"
