"""How readers that are no SQL engine read the Parquet table: the table of docs/readers.md.

They live in an environment of their own, because awswrangler holds pyarrow back.
"""

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from clickstream_lake.compact.protocol.compactor import CompactionOutcome
from clickstream_lake.demo.provision import GUARD_NAME
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Slot
from clickstream_lake.operate.files import dataset, snapshot
from clickstream_lake.transform.process import RawObjectProcessor
from dev.package.interpreter import PYTHON, find_interpreter
from tests.install.conftest import Environment, skip_or_fail, uv
from tests.moto_server import moto_server
from tests.protocol.clients import OPTIONS
from tests.protocol.lake import BUCKET, DATABASE, DAY, PARQUET_DAY, TABLES, LakeUnderTest

pytestmark = pytest.mark.install

READERS = ("awswrangler>=3.17", "polars", "duckdb", "s3fs", "pandas")
TABLE = TABLES["parquet"]
RIGHT = {
    "awswrangler, the table with a filter",
    "awswrangler, the files",
    "pyarrow, the files",
    "Polars, the files",
    "DuckDB, the files",
}
"""Whose number of rows is right, whatever became of the files."""
STOPPED = {
    "awswrangler, the table",
    "awswrangler, the prefix",
    "pyarrow, the prefix",
    "Polars, the prefix",
    "DuckDB, the prefix",
}
"""Who lists the table's prefix, and fails there."""
GLOBS = {"Polars, a glob", "DuckDB, a glob"}
"""Who sees landing files alone: right while they are there, and stopped from the clean-up on."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    interpreter = find_interpreter(PYTHON)
    if interpreter is None:
        skip_or_fail(f"there is no Python {PYTHON} on this machine")
    folder = tmp_path_factory.mktemp("readers")
    uv("venv", f"--python={interpreter}", str(folder / "environment"))
    made = Environment(folder / "environment", folder)
    made.install(*READERS)
    return made


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with moto_server() as address:
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
        for name, value in variables(address).items():
            monkeypatch.setenv(name, value)
        yield address


def variables(endpoint: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": OPTIONS["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": OPTIONS["aws_secret_access_key"],
        "AWS_DEFAULT_REGION": OPTIONS["region_name"],
    }


@pytest.fixture
def lake(endpoint: str, tmp_path: Path) -> LakeUnderTest:
    """Five small raw objects of six events."""
    s3, glue = (
        boto3.client("s3", endpoint_url=endpoint),
        boto3.client("glue", endpoint_url=endpoint),
    )
    s3.create_bucket(Bucket=BUCKET)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    made = LakeUnderTest(s3, glue, tmp_path)
    made.create_tables()
    for number in range(5):
        arrive(made, f"o{number}", rows=2 if number == 0 else 1)
    return made


def arrive(lake: LakeUnderTest, name: str, *, rows: int = 1) -> None:
    key = f"raw/{DAY.path}/{name}.gz"
    text = "".join(f'{{"event_id":"{name}-{row}"}}\n' for row in range(rows))
    lake.store.put_bytes(key, gzip.compress(text.encode(), mtime=0))
    RawObjectProcessor(
        store=lake.store,
        publisher=lake.publisher,
        catalogs=Catalogs(lake.store, lake.layout, load_catalog()),
        config=Config(bucket=BUCKET, database=DATABASE),
        now=lambda: datetime.now(UTC),
        scratch=lake.folder,
    ).process(key)


def compact(lake: LakeUnderTest) -> None:
    for fmt in FORMATS:
        done = lake.operations().compactor.compact(Slot(fmt, DAY), force=True)
        assert done.outcome == CompactionOutcome.COMPACTED


def clean_up(lake: LakeUnderTest) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    lake.operations(now=lambda: later).clean_up(partitions=[DAY], dry_run=False)


def guard(lake: LakeUnderTest) -> None:
    lake.store.put_bytes(f"{lake.layout.table_dir('parquet')}{GUARD_NAME}.parquet", b"no data\n")


def read(lake: LakeUnderTest, place: Environment, endpoint: str) -> dict[str, object]:
    """What each way of reading finds: rows, or an error as text."""
    listed = place.work / "files.txt"
    listed.write_text("\n".join(file.uri for file in snapshot(TABLE, database=DATABASE).files))
    script = str(Path(__file__).with_name("reading.py"))
    prefix = lake.layout.table_dir("parquet")
    arguments = (BUCKET, DATABASE, TABLE, prefix, str(listed))
    said = place.run("python", script, *arguments, **variables(endpoint))
    found: dict[str, object] = json.loads(said.stdout)
    assert found.keys() == RIGHT | STOPPED | GLOBS
    return found


def test_every_reader_is_right_or_stopped_whatever_became_of_the_files(
    lake: LakeUnderTest, place: Environment, endpoint: str
) -> None:
    guard(lake)
    seen = {}
    for state, reach in {"landed": None, "merged": compact, "cleaned": clean_up}.items():
        if reach:
            reach(lake)
        found = seen[state] = read(lake, place, endpoint)
        assert {way: found[way] for way in RIGHT} == dict.fromkeys(RIGHT, 6), state
        assert {way for way in STOPPED if isinstance(found[way], int)} == set(), state
        assert dataset(TABLE, database=DATABASE).count_rows() == 6
    for state in ("landed", "merged"):
        assert {way: seen[state][way] for way in GLOBS} == dict.fromkeys(GLOBS, 6)
    assert {way for way in GLOBS if isinstance(seen["cleaned"][way], int)} == set()
    arrive(lake, "late")
    found = read(lake, place, endpoint)
    assert {way: found[way] for way in RIGHT} == dict.fromkeys(RIGHT, 7)
    assert {way for way in STOPPED | GLOBS if isinstance(found[way], int)} == set()


def test_without_the_guard_readers_of_the_prefix_count_rows_twice(
    lake: LakeUnderTest, place: Environment, endpoint: str
) -> None:
    """What the guard is for."""
    compact(lake)
    found = read(lake, place, endpoint)
    assert {way: found[way] for way in STOPPED} == dict.fromkeys(STOPPED, 12)


def test_a_partitions_location_holds_nothing_but_data_files(lake: LakeUnderTest) -> None:
    compact(lake)
    location = str(lake.location("parquet")).removeprefix(f"s3://{BUCKET}/")
    assert [key.rpartition(".")[2] for key in lake.keys(location)] == ["parquet"]
    assert lake.keys(lake.layout.manifests_dir(PARQUET_DAY))
