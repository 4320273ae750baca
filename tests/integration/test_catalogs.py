"""The whole pipeline by three catalogs that share no column name but the lake's own."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.wiring import wire
from clickstream_lake.generate import generate_by_columns
from clickstream_lake.lake.aws.clients import open_catalog
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs, find_catalog
from clickstream_lake.lake.config import load_config
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.operate.audit import AuditReader, judge
from clickstream_lake.transform.process import RawObjectProcessor
from tests.catalogs import CATALOGS
from tests.protocol.fakes import FakeGlue, FakeS3
from tests.protocol.lake import BUCKET, DATABASE

NOW = datetime(2025, 11, 26, 10, tzinfo=UTC)
VALUES = {"year": "2025", "month": "11", "day": "26", "hour": "10"}
EVENTS = 400
REPEATED = 30


@dataclass
class Pipeline:
    """A lake by a catalog that its functions read from S3."""

    catalog: Catalog
    lake: Lake
    partition: Partition
    processor: RawObjectProcessor
    operations: Operations

    @classmethod
    def by(cls, file: Path, folder: Path) -> "Pipeline":
        s3: Any = FakeS3()
        glue: Any = FakeGlue()
        store = ObjectStore(s3, BUCKET)
        deployed = load_catalog(file)
        address = f"artifacts/catalogs/{deployed.sha256}.json"
        store.put_bytes(address, file.read_bytes())
        catalog = find_catalog(f"s3://{BUCKET}/{address}", lambda bucket: ObjectStore(s3, bucket))
        config = load_config({"LAKE_BUCKET": BUCKET, "LAKE_DATABASE": DATABASE}, catalog)
        tables = {name: table.name for name, table in catalog.tables.items()}
        for fmt in tables:
            table = catalog.glue_table_input(fmt, BUCKET)
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
        lake = Lake(store, PartitionCatalog(glue, DATABASE), config.layout, tables)
        processor = RawObjectProcessor(
            store=store,
            publisher=Publisher(lake),
            catalogs=Catalogs(store, config.layout, catalog),
            config=config,
            now=lambda: NOW,
            scratch=folder,
        )
        operations = wire(config, catalog, lake, queue=None, downloads=1, workdir=folder)
        partition = Partition(tuple((key, VALUES[key]) for key in catalog.partition_keys))
        return cls(catalog, lake, partition, processor, operations)

    def receive(self, name: str, lines: list[bytes]) -> None:
        key = f"raw/{self.partition.path}/{name}.gz"
        self.lake.store.put_bytes(key, gzip.compress(b"".join(lines), mtime=0))
        self.processor.process(key)

    def rows(self, fmt: Format) -> Iterator[dict[str, Any]]:
        for file in self.lake.shown_files(Slot(fmt, self.partition)):
            content = self.lake.store.read(file.key)
            if fmt == "json":
                yield from map(json.loads, content.splitlines())
            else:
                path = self.operations.compactor.builder.workdir
                assert path is not None
                (path / "shown.parquet").write_bytes(content)
                yield from pq.read_table(path / "shown.parquet").to_pylist()


def test_the_catalogs_share_no_column_but_the_lakes_own() -> None:
    names = [{c.name for c in load_catalog(path).columns} for path in CATALOGS]
    names.append({c.name for c in load_catalog().columns})
    assert len(names) == 4
    assert all(one & other == {PROCESSED_TS, EXTRA} for one, other in combinations(names, 2))


@pytest.mark.parametrize("file", CATALOGS, ids=lambda path: path.stem)
def test_the_pipeline_needs_no_column_by_its_name(file: Path, tmp_path: Path) -> None:
    made = Pipeline.by(file, tmp_path)
    catalog = made.catalog
    lines = list(
        generate_by_columns(
            7,
            EVENTS,
            NOW,
            malformed=0.02,
            columns=catalog.sent,
            personal=sorted(catalog.pii_keys),
            undeclared=True,
        )
    )
    made.receive("a", lines)
    made.receive("b", lines[:REPEATED])

    for fmt in FORMATS:
        slot = Slot(fmt, made.partition)
        assert made.operations.compactor.compact(slot, force=True).outcome == "compacted"

    view = AuditReader(made.lake, catalog, deep=True, workers=1).read(made.partition)
    verdict = judge(view, now=datetime.now(UTC), settle=timedelta())
    assert verdict.breaches == ()
    assert 0 < verdict.rejected < EVENTS / 10
    json_rows, parquet_rows = list(made.rows("json")), list(made.rows("parquet"))
    taken = EVENTS + REPEATED - verdict.rejected
    dropped = taken - len(json_rows)
    assert (dropped > 0) == (catalog.dedupe_on is not None)
    assert len(parquet_rows) == len(json_rows)
    assert {name for row in parquet_rows for name in row} == {c.name for c in catalog.columns}
    assert not {name for row in json_rows for name in row if catalog.is_pii(name)}
    assert all("app_version" in row for row in json_rows)
    assert all(json.loads(row[EXTRA]).keys() == {"app_version"} for row in parquet_rows)
    for column in catalog.sent:
        # Some values are NULL; none was taken for a misfit.
        assert sum(row[column.name] is not None for row in parquet_rows) > len(parquet_rows) * 0.9
    recipes = {
        source.recipe.catalog
        for fmt in FORMATS
        if (state := made.lake.state(Slot(fmt, made.partition)))
        and (current := made.lake.at(Slot(fmt, made.partition), state.location))
        for source in current.manifest.sources.values()
    }
    assert recipes == {catalog.sha256}


def test_a_setting_may_name_a_file(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_bytes(CATALOGS[0].read_bytes())
    assert open_catalog({"LAKE_CATALOG": str(file)}) == load_catalog(CATALOGS[0])
    assert open_catalog({"LAKE_CATALOG": "clickstream.json"}) == load_catalog()
    assert open_catalog({}) == load_catalog()
