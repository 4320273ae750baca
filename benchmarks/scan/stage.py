"""Puts the layouts where Athena finds them: objects in S3, one Glue table for each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clickstream_lake.lake.catalog import load_catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from benchmarks.scan.layouts import Layout

_PARALLEL_UPLOADS = 4
_DELETE_BATCH = 1000  # DeleteObjects' own limit
_CREATE_BATCH = 100  # BatchCreatePartition's own limit


@dataclass(frozen=True)
class Stage:
    """A place for the benchmark, which is emptied again when it is over.

    Attributes:
        prefix: everything lies under it; nothing else may.
        database: made by the benchmark, and dropped with it.
    """

    s3: S3Client
    glue: GlueClient
    bucket: str
    prefix: str
    database: str

    def put(self, layouts: Sequence[Layout], progress: Callable[[str, int], None]) -> None:
        """Upload all files and register their tables."""
        self.glue.create_database(DatabaseInput={"Name": self.database})
        for layout in layouts:
            self._upload(layout, progress)
            self._register(layout)

    def clear(self) -> None:
        """Delete what `put` made; safe to call after a `put` that failed half way."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        for start in range(0, len(keys), _DELETE_BATCH):
            objects: Any = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
            self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        with suppress(self.glue.exceptions.EntityNotFoundException):
            self.glue.delete_database(Name=self.database)

    def _upload(self, layout: Layout, progress: Callable[[str, int], None]) -> None:
        def one(path: Path) -> int:
            key = f"{self.prefix}{layout.name}/{path.relative_to(layout.root).as_posix()}"
            with path.open("rb") as body:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)
            return path.stat().st_size

        with ThreadPoolExecutor(_PARALLEL_UPLOADS) as pool:
            for size in pool.map(one, layout.files):
                progress(f"upload {layout.name}", size)

    def _register(self, layout: Layout) -> None:
        location = f"s3://{self.bucket}/{self.prefix}{layout.name}/"
        table: Any = load_catalog().glue_table_input(layout.format, self.bucket)
        table["Name"] = layout.name
        table["StorageDescriptor"]["Location"] = location
        self.glue.create_table(DatabaseName=self.database, TableInput=table)
        paths = sorted({path.parent.relative_to(layout.root).as_posix() for path in layout.files})
        partitions: Any = [
            {
                "Values": [part.split("=", 1)[1] for part in path.split("/")],
                "StorageDescriptor": {
                    **table["StorageDescriptor"],
                    "Location": f"{location}{path}/",
                },
            }
            for path in paths
        ]
        for start in range(0, len(partitions), _CREATE_BATCH):
            self.glue.batch_create_partition(
                DatabaseName=self.database,
                TableName=layout.name,
                PartitionInputList=partitions[start : start + _CREATE_BATCH],
            )
