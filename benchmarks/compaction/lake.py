"""A lake with thousands of small landing files, on a local S3 and Glue."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import boto3
from isal import igzip
from moto.server import ThreadedMotoServer

from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import FORMATS, Format, Layout, Partition, parse_uri, uri
from clickstream_lake.lake.publish import LandingFile
from clickstream_lake.transform.core import Job, iso_millis, transform_stream

BUCKET: Final = "compaction-benchmark"
DATABASE: Final = "compaction_benchmark"
SEED: Final = 7
DAY: Final = datetime(2025, 11, 26, tzinfo=UTC)
PARTITION: Final = Partition.parse("year=2025/month=11/day=26")


@dataclass(frozen=True, slots=True)
class SmallFiles:
    """Where the lake is, and what was put there: `rows` in all, in `files` of each format."""

    endpoint: str
    files: int
    rows: int

    @property
    def environment(self) -> dict[str, str]:
        """What the compact function's environment says of this lake."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "LAKE_BUCKET": BUCKET,
            "LAKE_DATABASE": DATABASE,
        }

    def client(self, service: Literal["s3", "glue"]) -> Any:  # noqa: ANN401 - of either kind
        """A client of the local endpoint, with the credentials that it takes."""
        session = boto3.Session("testing", "testing", region_name="us-east-1")
        return session.client(service, endpoint_url=self.endpoint)

    def download(self, fmt: Format, folder: Path) -> list[Path]:
        """Fetch all files that queries of a format read now."""
        table = load_catalog().table(fmt).name
        state = PartitionCatalog(self.client("glue"), DATABASE).get(table, PARTITION)
        if state is None:
            raise RuntimeError(f"{table} lost its partition")
        _, prefix = parse_uri(state.location)
        s3, paths = self.client("s3"), []
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix):
            for entry in page["Contents"]:
                name = entry["Key"].removeprefix(prefix)
                if not name.startswith(("_", ".")):
                    s3.download_file(BUCKET, entry["Key"], folder / name)
                    paths.append(folder / name)
        return paths


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
        lake = SmallFiles(f"http://{host}:{port}", files, rows * files)
        _create(lake)
        _fill(lake, rows, say)
        yield lake
    finally:
        server.stop()


def _create(lake: SmallFiles) -> None:
    lake.client("s3").create_bucket(Bucket=BUCKET)
    glue, catalog = lake.client("glue"), load_catalog()
    glue.create_database(DatabaseInput={"Name": DATABASE})
    partitions = PartitionCatalog(glue, DATABASE)
    for fmt in FORMATS:
        glue.create_table(DatabaseName=DATABASE, TableInput=catalog.glue_table_input(fmt, BUCKET))
        location = uri(BUCKET, Layout().landing_dir(fmt, PARTITION))
        partitions.create(catalog.table(fmt).name, PARTITION, location)


def _fill(lake: SmallFiles, rows: int, say: Callable[[str], None]) -> None:
    s3, catalog, layout = lake.client("s3"), load_catalog(), Layout()
    events = generate_events(SEED, lake.rows, DAY)
    with TemporaryDirectory() as folder:
        for number in range(lake.files):
            raw = igzip.compress(b"".join(islice(events, rows)), compresslevel=1)
            arrived = DAY + timedelta(seconds=40 * number)
            name = f"clickstream-events-1-{arrived:%Y-%m-%d-%H-%M-%S}-{number:08x}.gz"
            source = layout.source(f"raw/{PARTITION.path}/{name}")
            job = Job(source, catalog, Limits(), OutputOptions(), arrived)
            result = transform_stream(BytesIO(raw), job, Path(folder))
            written: dict[Format, Path | None] = {"json": result.json, "parquet": result.parquet}
            for fmt, path in written.items():
                if path is None:
                    raise RuntimeError(f"rejected whole: {result.stats.corrupt}")
                landing = LandingFile(
                    path=path,
                    raw_etag=f"{number:032x}",
                    rows=rows,
                    lines=rows,
                    blank=0,
                    rejected=0,
                    processed_ts=iso_millis(arrived),
                    schema_version=catalog.schema_version,
                )
                s3.put_object(
                    Bucket=BUCKET,
                    Key=layout.landing_key(fmt, source),
                    Body=path.read_bytes(),
                    Metadata=landing.metadata(source),
                )
                path.unlink()
            result.rejects.unlink()
            if (number + 1) % 500 == 0:
                say(f"  {number + 1:,} of {lake.files:,} small files of each format")
