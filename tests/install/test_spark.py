"""How Spark reads both tables, by path and by a catalog of its own: its lines of docs/readers.md.

The lake's objects are laid out as files, so that Spark needs nothing but its own package.
"""

import gzip
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from clickstream_lake.demo.provision import GUARD_NAME
from clickstream_lake.engine.java import java_version
from clickstream_lake.generate import generate_events
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.operate.files import dataset, snapshot
from clickstream_lake.transform.process import RawObjectProcessor
from dev.package.interpreter import find_interpreter
from tests.install.conftest import Environment, skip_or_fail, uv
from tests.install.spark.digests import digest
from tests.protocol.clients import memory
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest

pytestmark = pytest.mark.install

NEXT_DAY = Partition.parse("year=2025/month=11/day=27")
NOON = datetime(2025, 11, 26, 12, 0, 0, 123_000, tzinfo=UTC)
HOUR = datetime(2025, 11, 26, 19, tzinfo=UTC)
# As the packaged one, with row groups and pages small enough to have some of each.
CATALOG = replace(load_catalog(), row_group_rows=1_000, page_rows=100)
HOSTILE = (
    {"event_id": "before-1970", "event_ts": "1900-01-01T00:00:00.001Z", "event_type": "zz"},
    {"event_id": "far-future", "event_ts": "9999-12-31T23:59:59.999Z", "price": -0.0},
    {"event_id": "offset", "event_ts": "2025-03-30T02:30:00+05:45", "quantity": 2**63 - 1},
    {"event_id": "none", "price": 5},
    {"event_id": "text", "page_url": 'ünï "quoted"\t', "extra": 1, "properties": {"a": [1, None]}},
)
EVENTS = 500
ROWS = {"merged": 4 * (EVENTS + len(HOSTILE)), "late": 5 * (EVENTS + len(HOSTILE))}
"""In a lake whose merged landing files are still there; cleaned up, and with a late source."""
INTERPRETER = "3.11"  # which every Spark of these knows
JAVAS = range(17, 22)
RIGHT = {
    "the catalog": ("columns", "keys"),
    "the files": ("columns",),
    "the locations": ("columns",),
}
"""The ways that have to find every row once, and whether partition columns are among theirs."""


@dataclass(frozen=True)
class Seen:
    """A state of a lake: what Spark is asked to read, and what there is to find."""

    asked: dict[Format, dict[str, Any]]
    there: dict[Format, list[dict[str, Any]]]


class FiledLake(LakeUnderTest):
    """A lake that is laid out as files, as it is at one moment."""

    def arrive(self, name: str, seed: int, partition: Partition = DAY) -> None:
        key = f"raw/{partition.path}/{name}.gz"
        lines = [*islice(generate_events(seed, EVENTS, NOON), EVENTS)]
        lines += [json.dumps(each).encode() + b"\n" for each in HOSTILE]
        self.store.put_bytes(key, gzip.compress(b"".join(lines), mtime=0))
        RawObjectProcessor(
            store=self.store,
            publisher=self.publisher,
            catalogs=Catalogs(self.store, self.layout, CATALOG),
            config=Config(bucket=BUCKET, database=DATABASE),
            now=lambda: NOON,
            scratch=self.folder,
        ).process(key)

    def compact(self) -> None:
        for fmt in FORMATS:
            self.operations(catalog=CATALOG).compactor.compact(Slot(fmt, DAY), force=True)

    def clean_up(self) -> None:
        later = datetime.now(UTC) + timedelta(days=2)
        self.operations(now=lambda: later).clean_up(partitions=[DAY], dry_run=False)

    def seen(self, folder: Path) -> Seen:
        """Write everything into a folder, and tell what is there."""
        for key in self.keys():
            file = folder / BUCKET / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self.store.read(key))
        tables = {fmt: self._table(fmt, folder) for fmt in FORMATS}
        return Seen(tables, {fmt: self._rows(fmt, tables[fmt]) for fmt in FORMATS})

    def _table(self, fmt: Format, folder: Path) -> dict[str, Any]:
        """All that Spark is told: what Glue says, and the files of a snapshot."""
        name = TABLES[fmt]
        described = self.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        parts = {"columns": described["StorageDescriptor"]["Columns"]}
        parts["keys"] = described["PartitionKeys"]

        def filed(address: str) -> str:
            return address.replace("s3://", f"{folder}/")

        files = snapshot(name, database=DATABASE, glue=self.glue, s3=self.s3).files
        return {
            "format": fmt,
            "root": filed(f"s3://{BUCKET}/{self.layout.table_dir(fmt)}"),
            "files": [filed(file.uri) for file in files],
            "partitions": [
                [partition.values, filed(state.location)]
                for partition, state in self.partitions.list(name)
            ],
        } | {part: [[one["Name"], one["Type"]] for one in parts[part]] for part in parts}

    def _rows(self, fmt: Format, table: dict[str, Any]) -> list[dict[str, Any]]:
        """Every row that the lake holds, in the types of its table; instants as milliseconds."""
        if fmt == "parquet":
            folder = table["files"][0].split(f"/{BUCKET}/")[0]
            local = SubTreeFileSystem(folder, LocalFileSystem())
            clients = {"glue": self.glue, "s3": self.s3}
            found = dataset(TABLES[fmt], database=DATABASE, filesystem=local, **clients).to_table()
            for at, field in enumerate(found.schema):
                if pa.types.is_timestamp(field.type):
                    column = found.column(at).cast(pa.int64())
                    found = found.set_column(at, field.name, column)
            rows: list[dict[str, Any]] = found.to_pylist()
            return rows
        doubles = [name for name, kind in table["columns"] if kind == "double"]
        rows = []
        for file in map(Path, table["files"]):
            keys = dict(Partition.among(file.parts).keys)
            for line in file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                rows.append(row | {n: float(row[n]) for n in doubles if n in row} | keys)
        return rows


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """A lake of two partitions, one of them compacted, as it goes on."""
    with memory() as (s3, glue):
        lake = FiledLake(s3, glue, tmp_path_factory.mktemp("scratch"))
        lake.create_tables()
        for fmt in FORMATS:
            lake.store.put_bytes(f"{lake.layout.table_dir(fmt)}{GUARD_NAME}.{fmt}", b"no data\n")
        for number in range(3):
            lake.arrive(f"o{number}", number)
        lake.arrive("o3", 3, NEXT_DAY)
        lake.compact()
        merged = lake.seen(tmp_path_factory.mktemp("merged"))
        lake.clean_up()
        lake.arrive("late", 4)
        return {"merged": merged, "late": lake.seen(tmp_path_factory.mktemp("late"))}


def find_java() -> Path:
    """A Java that Spark runs on; the package with one lacks a module that Spark asks for."""
    homes = [Path(os.environ.get("JAVA_HOME", "/none")), *Path("/usr/lib/jvm").glob("*")]
    if on_path := shutil.which("java"):
        homes.append(Path(on_path).resolve().parents[1])
    for home in homes:
        if java_version(home / "bin/java") in JAVAS:
            return home
    pytest.skip("there is no Java 17 to 21 here")


@pytest.fixture(
    scope="module",
    params=["pyspark>=4,<5", pytest.param("pyspark>=3.5,<3.6", marks=pytest.mark.nightly)],
    ids=["spark-4", "spark-3.5"],
)
def found(
    request: pytest.FixtureRequest,
    states: dict[str, Seen],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Any]]:
    """What a Spark finds in each state: by table and way."""
    java, interpreter = find_java(), find_interpreter(INTERPRETER)
    if interpreter is None:
        skip_or_fail(f"there is no Python {INTERPRETER} on this machine")
    folder = tmp_path_factory.mktemp("spark")
    uv("venv", f"--python={interpreter}", str(folder / "environment"))
    place = Environment(folder / "environment", folder)
    place.install(request.param)
    question = folder / "question.json"
    start, end = (int(at.timestamp() * 1000) for at in (HOUR, HOUR + timedelta(hours=1)))
    conditions = (
        "event_id = 'far-future'",
        f"event_ts >= timestamp_millis({start}) AND event_ts < timestamp_millis({end})",
    )
    asked = {"states": {name: seen.asked for name, seen in states.items()}}
    question.write_text(json.dumps(asked | {"conditions": conditions}))
    script = Path(__file__).with_name("spark") / "reading.py"
    said = place.run("python", str(script), str(question), JAVA_HOME=str(java), LC_ALL="C.UTF-8")
    yield json.loads(said.stdout.splitlines()[-1])
    shutil.rmtree(place.path)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("state", ROWS)
@pytest.mark.parametrize("way", RIGHT)
def test_every_row_is_read_once_as_the_lake_holds_it(
    states: dict[str, Seen], found: dict[str, Any], way: str, state: str, fmt: Format
) -> None:
    table = states[state].asked[fmt]
    columns = [column for part in RIGHT[way] for column in table[part]]
    rows = [[row.get(name) for name, _ in columns] for row in states[state].there[fmt]]
    assert len(rows) == ROWS[state]
    assert found[state][fmt][way] == digest([tuple(column) for column in columns], rows)


@pytest.mark.parametrize("fmt", FORMATS)
def test_ids_and_hours_are_found(
    states: dict[str, Seen], found: dict[str, Any], fmt: Format
) -> None:
    """In Parquet by statistics, pages and Bloom filters, which the files have."""
    state = "merged"
    assert found["version"].startswith(("3.5.", "4."))
    if fmt == "parquet":
        (merged,) = (file for file in states[state].asked[fmt]["files"] if "/compacted/" in file)
        metadata = pq.ParquetFile(merged).metadata
        ids = [_column(metadata.row_group(at), "event_id") for at in range(metadata.num_row_groups)]
        assert len(ids) > 1
        assert all(one.bloom_filter_offset and one.has_offset_index for one in ids)
    of_hour = [row for row in states[state].there[fmt] if _in_hour(row.get("event_ts"))]
    assert 0 < len(of_hour) < ROWS[state] / 2
    assert found[state][fmt]["found by id and hour"] == [4, len(of_hour)]


def test_no_path_misses_or_doubles_rows_of_parquet_without_an_error(found: dict[str, Any]) -> None:
    for state in ROWS:
        for way in ("the prefix", "the prefix, recursively"):
            assert isinstance(found[state]["parquet"][way], str)
    assert found["merged"]["parquet"]["a glob"] == ROWS["merged"]
    # Landing files have gone, and what stays in their place is no data.
    assert "_=READ-BY-GLUE-PARTITIONS" in found["late"]["parquet"]["a glob"]


def test_paths_of_json_are_errors_or_wrong(found: dict[str, Any]) -> None:
    """Spark takes every line of text for a row: why docs/readers.md warns of them."""
    for state, rows in ROWS.items():
        assert isinstance(found[state]["json"]["the prefix"], str)
        assert found[state]["json"]["the prefix, recursively"] > rows
    assert found["late"]["json"]["a glob"] < ROWS["late"]


def _column(group: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow is untyped
    columns = (group.column(at) for at in range(group.num_columns))
    return next(column for column in columns if column.path_in_schema == name)


def _in_hour(when: str | int | None) -> bool:
    if when is None:
        return False
    at = datetime.fromisoformat(when).timestamp() if isinstance(when, str) else when / 1000
    return HOUR.timestamp() <= at < HOUR.timestamp() + 3600
