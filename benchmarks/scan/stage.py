"""Put the layouts where Athena finds them: objects in S3, one Glue table for each."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.scan.layouts import Layout
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.layout import Partition

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

_PARALLEL_UPLOADS: Final = 4
_DELETE_BATCH: Final = 1000  # DeleteObjects' own limit


@dataclass(frozen=True)
class Target:
    """Where the benchmark runs; it is emptied again when it is over.

    Attributes:
        name: `sandbox` or `aws`.
        bucket: takes the files, and Athena's results, under `prefix`; nothing else may be there.
        database: made by the benchmark, and dropped with it.
    """

    name: str
    s3: "S3Client"
    glue: "GlueClient"
    athena: "AthenaClient"
    bucket: str
    workgroup: str
    prefix: str = "bytes-scanned/"
    database: str = "clickstream_bench"

    @property
    def root(self) -> str:
        """The address of everything."""
        return f"s3://{self.bucket}/{self.prefix}"

    @contextmanager
    def staged(self, layouts: Sequence[Layout]) -> Iterator[None]:
        """Upload all files and register their tables; delete all of it at the end."""
        try:
            self.glue.create_database(DatabaseInput={"Name": self.database})
            for layout in layouts:
                self._upload(layout)
                self._register(layout)
            yield
        finally:
            self._clear()

    def _upload(self, layout: Layout) -> None:
        def put(path: Path) -> None:
            key = f"{self.prefix}{layout.name}/{path.relative_to(layout.root).as_posix()}"
            with path.open("rb") as body:
                self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

        with ThreadPoolExecutor(_PARALLEL_UPLOADS) as pool:
            list(pool.map(put, layout.files))  # raises what a thread raised

    def _register(self, layout: Layout) -> None:
        location = f"{self.root}{layout.name}/"
        table: Any = load_catalog().glue_table_input(layout.format, self.bucket)
        table["Name"] = layout.name
        table["StorageDescriptor"]["Location"] = location
        self.glue.create_table(DatabaseName=self.database, TableInput=table)
        partitions = PartitionCatalog(self.glue, self.database)
        for path in sorted({path.parent.relative_to(layout.root) for path in layout.files}):
            partition = Partition.parse(path.as_posix())
            partitions.create(layout.name, partition, f"{location}{path.as_posix()}/")

    def _clear(self) -> None:
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=self.prefix
        )
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        for start in range(0, len(keys), _DELETE_BATCH):
            objects: Any = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
            self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": objects, "Quiet": True})
        with suppress(self.glue.exceptions.EntityNotFoundException):
            self.glue.delete_database(Name=self.database)
