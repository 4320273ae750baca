"""A lake with thousands of small landing files, on a local S3 and Glue."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import BytesIO
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal

import boto3
from isal import igzip
from moto.server import ThreadedMotoServer

from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Layout, Partition, Slot
from clickstream_lake.lake.recipe import RULES, Recipe
from clickstream_lake.transform.core import Job, iso_millis, transform_stream

BUCKET: Final = "compaction-benchmark"
DATABASE: Final = "compaction_benchmark"
SEED: Final = 7
DAY: Final = datetime(2025, 11, 26, tzinfo=UTC)
PARTITION: Final = Partition.parse("year=2025/month=11/day=26")


@dataclass(frozen=True)
class SmallFiles:
    """Where the lake is, and what was put there: `rows` in all, in `files` of each format."""

    endpoint: str
    files: int
    rows: int

    @property
    def environment(self) -> dict[str, str]:
        """The compact function's environment for this lake."""
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

    @cached_property
    def lake(self) -> Lake:
        """The lake itself."""
        tables = {name: table.name for name, table in load_catalog().tables.items()}
        store = ObjectStore(self.client("s3"), BUCKET)
        return Lake(store, PartitionCatalog(self.client("glue"), DATABASE), Layout(), tables)

    def download(self, fmt: Format, folder: Path) -> list[Path]:
        """Fetch all files that queries of a format read now."""
        paths = []
        for found in self.lake.shown_files(Slot(fmt, PARTITION)):
            paths.append(folder / Path(found.key).name)
            self.lake.store.download(found.key, paths[-1])
        return paths


@contextmanager
def small_files(files: int, rows: int, say: Callable[[str], None]) -> Iterator[SmallFiles]:
    """Transform `files` raw objects of `rows` events each, and register their partition.

    The landing files are the transform's own, with their metadata. They are put straight into
    place: the cost of publishing is not the question here.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # or a line per request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        made = SmallFiles(f"http://{host}:{port}", files, rows * files)
        made.client("s3").create_bucket(Bucket=BUCKET)
        glue = made.client("glue")
        glue.create_database(DatabaseInput={"Name": DATABASE})
        for fmt in FORMATS:
            table = load_catalog().glue_table_input(fmt, BUCKET)
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
            made.lake.registered(Slot(fmt, PARTITION))
        _fill(made, rows, say)
        yield made
    finally:
        server.stop()


def _fill(made: SmallFiles, rows: int, say: Callable[[str], None]) -> None:
    s3, catalog, layout = made.client("s3"), load_catalog(), made.lake.layout
    events = generate_events(SEED, made.rows, DAY)
    with TemporaryDirectory() as folder:
        for number in range(made.files):
            raw = igzip.compress(b"".join(islice(events, rows)), compresslevel=1)
            arrived = DAY + timedelta(seconds=40 * number)
            name = f"clickstream-events-1-{arrived:%Y-%m-%d-%H-%M-%S}-{number:08x}.gz"
            source = layout.source(f"raw/{PARTITION.path}/{name}")
            job = Job(source, catalog, Limits(), OutputOptions(), arrived)
            result = transform_stream(BytesIO(raw), job, Path(folder))
            metadata = LandingMetadata(
                raw_key=source.key,
                raw_etag=f"{number:032x}",
                rows=rows,
                lines=rows,
                blank=0,
                rejected=0,
                processed_ts=iso_millis(arrived),
                recipe=Recipe(catalog.sha256, rules=RULES),
            ).to_s3()
            if not result.files:
                raise RuntimeError(f"rejected whole: {result.stats.corrupt}")
            for fmt, path in result.files.items():
                key = layout.landing_key(fmt, source)
                s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes(), Metadata=metadata)
                path.unlink()
            result.rejects.unlink()
            if (number + 1) % 500 == 0:
                say(f"  {number + 1:,} of {made.files:,} small files of each format")
