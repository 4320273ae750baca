"""A lake with thousands of small landing files, on a local S3 and Glue."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from isal import igzip
from moto.server import ThreadedMotoServer

from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import FORMATS, Format, Layout, Slot, Source, is_hidden
from clickstream_lake.transform.core import Job, iso_millis, transform_stream

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET: Final = "compaction-benchmark"
DATABASE: Final = "compaction_benchmark"
SEED: Final = 7
DAY: Final = datetime(2025, 11, 26, tzinfo=UTC)
_DIRECTORY: Final = "raw/year=2025/month=11/day=26"


@dataclass(frozen=True, slots=True)
class SmallFiles:
    """Where the lake is, and what was put there.

    Attributes:
        directories: the landing directory of each format.
        bytes: stored size of all landing files, by format.
    """

    endpoint: str
    files: int
    rows: int
    directories: dict[Format, str]
    bytes: dict[Format, int]

    def client(self, service: Literal["s3", "glue"]) -> Any:  # noqa: ANN401 - of either kind
        """A client of the local endpoint, with the credentials that it takes."""
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        return session.client(service, endpoint_url=self.endpoint)


@contextmanager
def small_files(files: int, rows: int, say: Callable[[str], None]) -> Iterator[SmallFiles]:
    """Transform `files` raw objects of `rows` events each, and register their partition.

    The landing files are the transform's own, with their metadata. They are put straight where it
    puts them: what publishing costs is not the question here.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or a line per request
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        found = SmallFiles(f"http://{host}:{port}", files, rows * files, {}, {})
        _create(found)
        _fill(found, rows, say)
        yield found
    finally:
        server.stop()


def _create(lake: SmallFiles) -> None:
    lake.client("s3").create_bucket(Bucket=BUCKET)
    glue, catalog = lake.client("glue"), load_catalog()
    glue.create_database(DatabaseInput={"Name": DATABASE})
    partitions = PartitionCatalog(glue, DATABASE)
    layout = Layout()
    partition = layout.source(f"{_DIRECTORY}/any.gz").partition
    for fmt in FORMATS:
        glue.create_table(DatabaseName=DATABASE, TableInput=catalog.glue_table_input(fmt, BUCKET))
        lake.directories[fmt] = layout.landing_dir(Slot(fmt, partition))
        partitions.create(
            catalog.tables[fmt].name, partition, f"s3://{BUCKET}/{lake.directories[fmt]}"
        )


def _fill(lake: SmallFiles, rows: int, say: Callable[[str], None]) -> None:
    s3, catalog, layout = lake.client("s3"), load_catalog(), Layout()
    events = generate_events(SEED, lake.rows, DAY)
    with TemporaryDirectory() as folder:
        for number in range(lake.files):
            raw = igzip.compress(b"".join(islice(events, rows)), compresslevel=1)
            arrived = DAY + timedelta(seconds=40 * number)
            source = layout.source(
                f"{_DIRECTORY}/clickstream-events-1-{arrived:%Y-%m-%d-%H-%M-%S}-{number:08x}.gz"
            )
            job = Job(source, catalog, Limits(), OutputOptions(), arrived)
            result = transform_stream(BytesIO(raw), job, Path(folder))
            written: dict[Format, Path | None] = {"json": result.json, "parquet": result.parquet}
            for fmt, path in written.items():
                if path is None:
                    raise RuntimeError(f"rejected whole: {result.stats.corrupt}")
                _put(
                    s3,
                    layout.landing_key(fmt, source),
                    path,
                    _figures(source, number, rows, arrived),
                )
                lake.bytes[fmt] = lake.bytes.get(fmt, 0) + path.stat().st_size
                path.unlink()
            result.rejects.unlink()
            if (number + 1) % 500 == 0:
                say(f"  {number + 1:,} of {lake.files:,} small files of each format")


def _figures(source: Source, number: int, rows: int, arrived: datetime) -> LandingMetadata:
    return LandingMetadata(
        raw_key=source.key,
        raw_etag=f"{number:032x}",
        rows=rows,
        lines=rows,
        blank=0,
        rejected=0,
        processed_ts=iso_millis(arrived),
        schema_version=load_catalog().schema_version,
    )


def _put(s3: "S3Client", key: str, path: Path, figures: LandingMetadata) -> None:
    s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes(), Metadata=figures.to_s3())


def environment(lake: SmallFiles) -> dict[str, str]:
    """What the compact function's environment says of this lake."""
    return {
        "AWS_ENDPOINT_URL": lake.endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
        "LAKE_BUCKET": BUCKET,
        "LAKE_DATABASE": DATABASE,
    }


def visible_directory(lake: SmallFiles, fmt: Format) -> str:
    """The key prefix that queries of a format read now."""
    catalog = load_catalog()
    answer = lake.client("glue").get_partition(
        DatabaseName=DATABASE,
        TableName=catalog.tables[fmt].name,
        PartitionValues=["2025", "11", "26"],
    )
    location = answer["Partition"]["StorageDescriptor"]["Location"]
    return str(location).removeprefix(f"s3://{BUCKET}/").rstrip("/") + "/"


def download(lake: SmallFiles, prefix: str, folder: Path) -> list[Path]:
    """All data files under a prefix, in key order."""
    s3 = lake.client("s3")
    paths = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
        for entry in page.get("Contents", []):
            name = entry["Key"].removeprefix(prefix)
            if "/" not in name and not is_hidden(name):
                body = s3.get_object(Bucket=BUCKET, Key=entry["Key"])["Body"].read()
                path = folder / name
                path.write_bytes(body)
                paths.append(path)
    return paths


def as_json(value: object) -> str:
    """Readable JSON."""
    return json.dumps(value, indent=1, default=str) + "\n"
