# ruff: noqa: ANN401 - boto3 clients and their answers
"""A lake to test the protocol on: real stores and publishers over any two clients."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import CompactSettings, Config
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingFile, LandingMetadata
from clickstream_lake.lake.layout import Layout, Partition, Slot, Source, is_hidden
from clickstream_lake.lake.publish import Publisher, PublishOutcome
from clickstream_lake.lake.recipe import RULES, Recipe

BUCKET = "lake-bucket"
DATABASE = "lake_database"
DAY = Partition.parse("year=2025/month=11/day=26")
JSON_DAY = Slot("json", DAY)
PARQUET_DAY = Slot("parquet", DAY)
TABLES = {
    "json": "clickstream_events",
    "parquet": "clickstream_events_parquet",
    "rejects": "clickstream_rejects",
}
RECIPE = Recipe(load_catalog().sha256, rules=RULES)
EARLY = "2025-11-26T10:00:00.000Z"
LATE = "2025-11-26T11:00:00.000Z"


class LakeUnderTest(Lake):
    """A lake that a test can fill with raw objects and landing files, and read."""

    def __init__(self, s3: Any, glue: Any, folder: Path) -> None:
        super().__init__(
            ObjectStore(s3, BUCKET), PartitionCatalog(glue, DATABASE), Layout(), TABLES
        )
        self.s3 = s3
        self.glue = glue
        self.folder = folder
        self.publisher = Publisher(self)

    def create_tables(self) -> None:
        for fmt in ("json", "parquet", "rejects"):
            self.glue.create_table(
                DatabaseName=DATABASE, TableInput=load_catalog().glue_table_input(fmt, BUCKET)
            )

    def operations(self, **options: Any) -> Operations:
        """The compact function's operations; any settings of `CompactSettings`, and `wire`'s."""
        names = set(CompactSettings.__struct_fields__) & options.keys()
        settings = CompactSettings(**{name: options.pop(name) for name in names})
        catalog = options.pop("catalog", load_catalog())
        config = Config(bucket=BUCKET, database=DATABASE, compact=settings)
        return wire(
            config,
            catalog,
            self,
            **{"queue": None, "downloads": 1, "workdir": self.folder, **options},
        )

    def put_raw(self, name: str, content: bytes = b"one", partition: Partition = DAY) -> Source:
        source = self.layout.source(f"raw/{partition.path}/{name}.gz")
        self.store.put_bytes(source.key, content)
        return source

    def landing(
        self,
        fmt: Format,
        source: Source,
        rows: Iterable[str] = ("a", "b"),
        *,
        processed_ts: str = EARLY,
        gzipped: bool = False,
        raw_etag: str | None = None,
        recipe: Recipe = RECIPE,
    ) -> LandingFile:
        """A landing file with one event per row id."""
        rows = list(rows)
        path = self.folder / f"{source.source_id}-{processed_ts}.{fmt}"
        path.write_bytes(content_of(fmt, rows, processed_ts, gzipped=gzipped))
        if raw_etag is None:
            raw = self.store.head(source.key)
            assert raw is not None
            raw_etag = raw.etag
        return LandingFile(
            path=path,
            metadata=LandingMetadata(
                raw_key=source.key,
                raw_etag=raw_etag,
                rows=len(rows),
                lines=len(rows),
                blank=0,
                rejected=0,
                processed_ts=processed_ts,
                recipe=recipe,
            ),
            gzip=gzipped,
        )

    def publish(
        self, fmt: Format, source: Source, rows: Iterable[str] = ("a", "b"), **options: Any
    ) -> PublishOutcome:
        return self.publisher.publish(fmt, source, self.landing(fmt, source, rows, **options))

    def location(self, fmt: Format, partition: Partition = DAY) -> str | None:
        state = self.state(Slot(fmt, partition))
        return state.location if state else None

    def visible(self, fmt: Format, partition: Partition = DAY) -> list[str]:
        """The row ids that a query over the partition reads, sorted."""
        location = self.location(fmt, partition)
        if location is None:
            return []
        prefix = location.removeprefix(f"s3://{BUCKET}/")
        rows: list[str] = []
        for found in self.store.list(prefix):
            if not is_hidden(found.key):
                rows += [row for row, _ in rows_of(found.key, self.store.read(found.key))]
        return sorted(rows)

    def keys(self, prefix: str = "processed/") -> list[str]:
        return [found.key for found in self.store.list(prefix)]


def content_of(
    fmt: Format, rows: Iterable[str], processed_ts: str, *, gzipped: bool = False
) -> bytes:
    """Rows are named by their `event_id`; `x/DE` is x with a country."""
    named = [row.partition("/") for row in rows]
    events = [
        {"event_id": row, "country": country or None, "processed_ts": processed_ts}
        for row, _, country in named
    ]
    if fmt == "json":
        text = b"".join(json.dumps(event).encode() + b"\n" for event in events)
        return gzip.compress(text, mtime=0) if gzipped else text
    schema = load_catalog().arrow_schema()
    columns = {name: pa.nulls(len(events), schema.field(name).type) for name in schema.names}
    for name in ("event_id", "country"):
        columns[name] = pa.array([event[name] for event in events], pa.string())
    columns["processed_ts"] = pa.array([processed_ts] * len(events), pa.string()).cast(
        pa.timestamp("ms", tz="UTC")
    )
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema), sink)
    return bytes(sink.getvalue().to_pybytes())


def rows_of(key: str, content: bytes) -> list[tuple[str, str]]:
    """Row id of each row of a data file, and what it was made by.

    That is its `processed_ts` and which `mark_…` the catalog has left in it.
    """
    if key.endswith(".parquet"):
        columns = ["event_id", "processed_ts", "extra"]
        rows = pq.read_table(pa.BufferReader(content), columns=columns).to_pylist()
        for row in rows:
            row["processed_ts"] = row["processed_ts"].isoformat(timespec="milliseconds")[:23] + "Z"
            row.update(json.loads(row["extra"] or "{}"))
    else:
        text = gzip.decompress(content) if key.endswith(".gz") else content
        rows = [json.loads(line) for line in text.splitlines()]
    return [
        (row["event_id"], " ".join([row["processed_ts"], *sorted(filter(_is_mark, row))]))
        for row in rows
    ]


def _is_mark(name: str) -> bool:
    return name.startswith("mark_")
