from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.errors import PartitionCatalogError, PartitionMovedError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Partition, Slot, parse_uri
from clickstream_lake.operate.files import Snapshot, dataset, snapshot
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest, rows_of

NEXT_DAY = Partition.parse("year=2025/month=11/day=27")


def fill(lake: LakeUnderTest, *names: str, partition: Partition = DAY) -> None:
    for name in names:
        source = lake.put_raw(name, partition=partition)
        for fmt in FORMATS:
            lake.publish(fmt, source, [name])


def compact(lake: LakeUnderTest, partition: Partition = DAY) -> None:
    for fmt in FORMATS:
        lake.operations().compactor.compact(Slot(fmt, partition), force=True)


def take(lake: LakeUnderTest, fmt: Format = "parquet", **which: object) -> Snapshot:
    return snapshot(TABLES[fmt], database=DATABASE, glue=lake.glue, s3=lake.s3, **which)  # type: ignore[arg-type]  # passed through


def read(lake: LakeUnderTest, taken: Snapshot) -> list[str]:
    found: list[str] = []
    for file in taken.files:
        bucket, key = parse_uri(file.uri)
        assert bucket == BUCKET
        body = lake.store.read(key)
        assert len(body) == file.bytes
        found += [row for row, _ in rows_of(key, body)]
    return sorted(found)


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_row_is_in_the_files_once_whatever_became_of_them(
    lake: LakeUnderTest, fmt: Format
) -> None:
    fill(lake, "a", "b")
    assert read(lake, take(lake, fmt)) == ["a", "b"]
    compact(lake)  # landing files lie beside the generation that has merged them
    assert read(lake, take(lake, fmt)) == ["a", "b"]
    fill(lake, "late")
    assert read(lake, take(lake, fmt)) == ["a", "b", "late"]
    later = datetime.now(UTC) + timedelta(days=2)
    lake.operations(now=lambda: later).clean_up(partitions=[DAY], dry_run=False)
    assert read(lake, take(lake, fmt)) == ["a", "b", "late"]


def test_what_queries_skip_is_no_data_file(lake: LakeUnderTest) -> None:
    fill(lake, "a")
    for name in ("_manifest.json", ".hidden", ""):
        lake.store.put_bytes(lake.layout.landing_dir(Slot("parquet", DAY)) + name, b"x")
    assert read(lake, take(lake)) == ["a"]


def test_dates_and_partitions_choose(lake: LakeUnderTest) -> None:
    fill(lake, "a")
    fill(lake, "b", partition=NEXT_DAY)
    assert read(lake, take(lake)) == ["a", "b"]
    assert read(lake, take(lake, since=date(2025, 11, 27))) == ["b"]
    assert read(lake, take(lake, until=date(2025, 11, 26))) == ["a"]
    assert read(lake, take(lake, partitions=[NEXT_DAY, NEXT_DAY])) == ["b"]
    assert take(lake, since=date(2025, 11, 28)).files == ()
    assert [file.partition for file in take(lake).files] == [DAY, NEXT_DAY]


def test_what_is_not_there_is_named(memory_lake: LakeUnderTest) -> None:
    fill(memory_lake, "a")
    with pytest.raises(ToolkitError, match="no partition year=2025/month=11/day=27"):
        take(memory_lake, partitions=[NEXT_DAY])
    with pytest.raises(PartitionCatalogError, match="there is no table"):
        snapshot("nothing", database=DATABASE, glue=memory_lake.glue, s3=memory_lake.s3)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Do something just before the next listings of files."""

    def arrange(*events: Callable[[], object]) -> None:
        listing, waiting = ObjectStore.list, list(events)

        def interrupted(self: ObjectStore, prefix: str) -> object:
            if waiting:
                event = waiting.pop(0)
                monkeypatch.setattr(ObjectStore, "list", listing)
                event()
                monkeypatch.setattr(ObjectStore, "list", interrupted)
            return listing(self, prefix)

        monkeypatch.setattr(ObjectStore, "list", interrupted)

    return arrange


def test_a_partition_that_moves_meanwhile_is_listed_again(
    memory_lake: LakeUnderTest, meanwhile: Callable[..., None]
) -> None:
    lake = memory_lake
    fill(lake, "a", "b")
    meanwhile(lambda: compact(lake))
    taken = take(lake)
    assert all(file.uri.startswith(str(lake.location("parquet"))) for file in taken.files)
    assert read(lake, taken) == ["a", "b"]


def test_a_partition_that_never_stands_still_is_an_error(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = memory_lake
    fill(lake, "a")
    listing = lake.glue.get_partitions

    def moving(**options: object) -> object:
        fill(lake, f"n{len(lake.keys('raw/'))}")
        compact(lake)
        return listing(**options)

    monkeypatch.setattr(lake.glue, "get_partitions", moving)
    with pytest.raises(PartitionMovedError, match="try again"):
        take(lake)


def on_disk(lake: LakeUnderTest, folder: Path) -> SubTreeFileSystem:
    """The bucket as directories."""
    for key in lake.keys("processed/"):
        path = folder / BUCKET / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(lake.store.read(key))
    return SubTreeFileSystem(str(folder), LocalFileSystem())


def test_a_dataset_has_the_tables_columns_and_the_partitions(
    memory_lake: LakeUnderTest, tmp_path: Path
) -> None:
    lake = memory_lake
    fill(lake, "a", "b")
    fill(lake, "c", partition=NEXT_DAY)
    compact(lake)
    fill(lake, "late")
    files = on_disk(lake, tmp_path / "s3")
    found = dataset(
        TABLES["parquet"], database=DATABASE, glue=lake.glue, s3=lake.s3, filesystem=files
    )
    table = found.to_table()
    assert sorted(table["event_id"].to_pylist()) == ["a", "b", "c", "late"]
    assert table.schema.names[-4:] == ["extra", "year", "month", "day"]
    assert str(table.schema.field("event_ts").type) == "timestamp[ms, tz=UTC]"
    assert set(table.filter(pc.field("event_id") == "c")["day"].to_pylist()) == {"27"}
    one_day = found.to_table(columns=["event_id"], filter=ds.field("day") == "27")
    assert one_day["event_id"].to_pylist() == ["c"]
    # A filter of the partition rules out files, rather than rows.
    assert len(list(found.get_fragments(filter=ds.field("day") == "27"))) == 1


def test_an_empty_dataset_has_columns_all_the_same(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    found = dataset(
        TABLES["parquet"],
        database=DATABASE,
        glue=lake.glue,
        s3=lake.s3,
        filesystem=LocalFileSystem(),
    )
    assert found.to_table().num_rows == 0
    assert "event_type" in found.schema.names


def test_no_dataset_is_made_of_json(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    fill(lake, "a")
    with pytest.raises(ToolkitError, match="no Parquet table"):
        dataset(TABLES["json"], database=DATABASE, glue=lake.glue, s3=lake.s3)
