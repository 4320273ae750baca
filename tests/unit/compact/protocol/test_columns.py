"""Partitions that were written with older columns than the catalog has today."""

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.queue import CompactQueue, parse_message
from clickstream_lake.lake.aws.partitions import Declares, PartitionState
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.lake.recipe import RULES, Recipe
from clickstream_lake.lake.units import MIB
from clickstream_lake.transform.process import RawObjectProcessor
from tests.protocol.fakes import FakeSqs
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
DAYS = [Partition.parse(f"year=2025/month=0{month}/day=01") for month in range(1, 6)]
BEFORE = load_catalog()


def edited(change: Callable[[dict[str, Any]], object]) -> Catalog:
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    change(document)
    return parse_catalog(document)


def with_column(name: str = "coupon", kind: str = "string", **says: str) -> Catalog:
    """The packaged catalog with one more column, in the middle of the file."""
    entry = {"name": name, "type": kind, "comment": "", "added": "2025-11-26", **says}
    return edited(lambda document: document["columns"].insert(3, entry))


AFTER = with_column()
WORDED = edited(lambda document: document["columns"][0].update(comment="Another comment"))


def deploy(lake: LakeUnderTest, catalog: Catalog) -> None:
    """What `terraform apply` changes in Glue, as functions that start afterwards see it."""
    for fmt in ("json", "parquet", "rejects"):
        lake.glue.create_table(
            DatabaseName=DATABASE, TableInput=catalog.glue_table_input(fmt, BUCKET)
        )
    lake.partitions._tables.clear()  # a function that starts has asked for none


def land(lake: LakeUnderTest, *partitions: Partition, files: int = 1) -> None:
    for partition in partitions:
        for number in range(files):
            source = lake.put_raw(f"n{number}", partition=partition)
            for fmt in FORMATS:
                lake.publish(fmt, source, [f"{number}-{partition.path}"])


def operating(lake: LakeUnderTest, catalog: Catalog = AFTER, **options: Any) -> Operations:  # noqa: ANN401 - LakeUnderTest.operations'
    Catalogs(lake.store, lake.layout, catalog).keep()
    return lake.operations(**{"now": lambda: NOON, "catalog": catalog, **options})


def declared(lake: LakeUnderTest, fmt: Format, partition: Partition) -> list[str]:
    return [each["Name"] for each in lake.partitions.columns(TABLES[fmt], partition)]


def behind(lake: LakeUnderTest, catalog: Catalog = AFTER) -> int:
    return operating(lake, catalog).plan(dry_run=True).behind


@pytest.fixture
def lake(memory_lake: LakeUnderTest) -> LakeUnderTest:
    """A lake whose partitions were written before there was a column `coupon`."""
    memory_lake.s3.now = lambda: NOON
    Catalogs(memory_lake.store, memory_lake.layout, BEFORE).keep()
    land(memory_lake, *DAYS, DAY)
    return memory_lake


def test_a_tick_takes_up_older_partitions_newest_first_and_so_many(lake: LakeUnderTest) -> None:
    deploy(lake, AFTER)
    sqs: Any = FakeSqs()
    operations = operating(lake, stale_schema_partitions=3, queue=CompactQueue(sqs, "url"))

    report = operations.plan()

    queued = [parse_message(sent["MessageBody"]).slot for sent in sqs.messages]
    assert queued == [
        *(Slot(fmt, DAY) for fmt in FORMATS),
        *(Slot(fmt, DAYS[4]) for fmt in FORMATS),
        Slot("json", DAYS[3]),
    ]
    assert {entry.reason for entry in report.partitions} == {"older columns"}
    assert report.behind == 12


def test_a_tick_after_a_deployment_is_no_repetition_of_one_before(lake: LakeUnderTest) -> None:
    sqs: Any = FakeSqs()
    land(lake, DAY, files=2)
    queue = CompactQueue(sqs, "url")
    operating(lake, BEFORE, min_files=2, queue=queue).plan(partitions=[DAY])
    deploy(lake, AFTER)
    for _ in range(2):
        operating(lake, min_files=2, queue=queue).plan(partitions=[DAY])
    assert len(sqs.messages) == 4


def test_ticks_bring_everything_up_to_date_and_then_find_nothing(lake: LakeUnderTest) -> None:
    deploy(lake, AFTER)
    rows = {fmt: lake.visible(fmt, DAYS[0]) for fmt in FORMATS}
    left = []
    while found := behind(lake):
        left.append(found)
        operating(lake, stale_schema_partitions=4).plan()
    assert left == [12, 6, 2]
    for fmt in FORMATS:
        assert declared(lake, fmt, DAYS[0])[-1] == "coupon"
        assert lake.visible(fmt, DAYS[0]) == rows[fmt]
    assert not any(entry.queued for entry in operating(lake).plan(dry_run=True).partitions)


def test_all_of_them_can_be_asked_for_at_once(lake: LakeUnderTest) -> None:
    deploy(lake, AFTER)
    operations = operating(lake, stale_schema_partitions=1)
    some = operations.plan(stale_schema=True, partitions=[DAYS[1], DAY], dry_run=True)
    assert {entry.partition for entry in some.partitions} == {DAYS[1].path, DAY.path}
    assert len(operations.plan(stale_schema=True).results) == 12
    assert operations.plan(stale_schema=True) == operations.plan(stale_schema=True, dry_run=True)
    assert behind(lake) == 0


def test_another_comment_is_no_work(lake: LakeUnderTest) -> None:
    operating(lake, BEFORE).plan(partitions=DAYS, force=True)
    deploy(lake, WORDED)
    assert WORDED.sha256 != BEFORE.sha256
    assert behind(lake, WORDED) == 0
    # Neither is a big file rewritten because others beside it are worth merging.
    assert operating(lake, WORDED).compactor.columns.fit(BEFORE.sha256)
    assert not operating(lake, WORDED).compactor.columns.fit(AFTER.sha256)


@pytest.mark.parametrize(
    ("table", "function"), [(BEFORE, AFTER), (AFTER, BEFORE)], ids=["table", "function"]
)
def test_while_a_deployment_is_under_way_partitions_keep_their_columns(
    lake: LakeUnderTest, table: Catalog, function: Catalog
) -> None:
    deploy(lake, table)
    assert behind(lake, function) == 0
    results = operating(lake, function).plan(partitions=[DAY], force=True).results
    assert [result.outcome for result in results] == ["compacted"] * 2
    for fmt in FORMATS:
        assert "coupon" not in declared(lake, fmt, DAY)
    deploy(lake, AFTER)
    assert behind(lake) == 12


def test_a_partition_whose_files_have_the_columns_already_only_declares_them(
    lake: LakeUnderTest,
) -> None:
    # The functions were deployed before the tables.
    operating(lake).plan(partitions=[DAY], force=True)
    deploy(lake, AFTER)
    locations = {fmt: lake.location(fmt) for fmt in FORMATS}
    report = operating(lake).plan(partitions=[DAY])
    assert [result.outcome for result in report.results] == ["declared"] * 2
    for fmt in FORMATS:
        assert declared(lake, fmt, DAY)[-1] == "coupon"
        assert lake.location(fmt) == locations[fmt]
    assert behind(lake) == 10


@pytest.mark.parametrize("name", ["guest", "named-like-a-source-0123456789ab"])
def test_a_partition_without_files_of_a_transform_declares_the_columns(
    memory_lake: LakeUnderTest, name: str
) -> None:
    lake = memory_lake
    for fmt in FORMATS:
        lake.registered(Slot(fmt, DAY))
    lake.store.put_bytes(f"processed/json/{DAY.path}/{name}.json", b'{"event_id":"guest"}\n')
    deploy(lake, AFTER)
    assert behind(lake) == 2
    operating(lake).plan()
    assert behind(lake) == 0


@pytest.mark.parametrize("table", [BEFORE, AFTER], ids=["functions first", "tables first"])
def test_a_partition_that_is_new_during_a_deployment_has_the_columns_of_file_and_table(
    memory_lake: LakeUnderTest, table: Catalog
) -> None:
    lake, function = memory_lake, AFTER if table is BEFORE else BEFORE
    deploy(lake, table)
    Catalogs(lake.store, lake.layout, function).keep()
    lake.put_raw("a", gzip.compress(b'{"event_id":"1","coupon":{"code":"X"}}\n'))
    processor = RawObjectProcessor(
        store=lake.store,
        publisher=Publisher(lake),
        catalogs=Catalogs(lake.store, lake.layout, function),
        config=Config(bucket=BUCKET, database=DATABASE),
        now=lambda: NOON,
        scratch=lake.folder,
    )
    processor.process(f"raw/{DAY.path}/a.gz")
    for fmt in FORMATS:
        assert "coupon" not in declared(lake, fmt, DAY)
    deploy(lake, AFTER)
    operating(lake).plan()
    assert behind(lake) == 0


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_file_that_a_late_retry_makes_by_the_former_catalog_follows_at_the_next_tick(
    lake: LakeUnderTest, fmt: Format
) -> None:
    deploy(lake, AFTER)
    operating(lake).plan(stale_schema=True)
    source = lake.put_raw("late")
    recipe = Recipe(BEFORE.sha256, rules=RULES)
    lake.publish(fmt, source, ["late"], recipe=recipe)
    lake.publish(fmt, lake.put_raw("new"), ["new"], recipe=Recipe(AFTER.sha256, rules=RULES))

    (result,) = operating(lake).plan().results

    assert (result.format, result.reason, result.merged) == (fmt, "older columns", 3)
    assert not operating(lake).plan().results
    # While the next deployment is under way, that waits.
    lake.publish(fmt, lake.put_raw("later"), ["later"], recipe=recipe)
    deploy(lake, BEFORE)
    assert not operating(lake).plan().results


def test_parquet_files_are_read_by_a_longer_list_and_by_no_other(lake: LakeUnderTest) -> None:
    deploy(lake, AFTER)
    columns = operating(lake).compactor.columns
    shorter = BEFORE.tables["parquet"].declared
    retyped = (*shorter[:-1], (shorter[-1][0], "bigint"))
    said = [
        columns.to_declare("parquet", PartitionState("s3://b/", columns=has), complete=False)
        for has in (shorter, retyped, shorter[1:])
    ]
    assert said == [Declares.TABLES_OVER_OUTDATED, Declares.ITS_OWN, Declares.ITS_OWN]


@pytest.fixture
def half_done(lake: LakeUnderTest) -> LakeUnderTest:
    """A partition of two merged files, one of which there was no time for after a new column."""
    random = Random(1)  # noqa: S311 - texts that no compression makes smaller
    for number in range(2):
        source = lake.put_raw(f"big-{number}")
        rows = [random.randbytes(600).hex() for _ in range(2_000)]
        for fmt in FORMATS:
            lake.publish(fmt, source, rows)
        operating(lake, BEFORE, target_file_bytes=MIB).plan(partitions=[DAY], force=True)
    deploy(lake, AFTER)
    for fmt in FORMATS:
        compactor = operating(lake, target_file_bytes=MIB).compactor
        assert compactor.compact(Slot(fmt, DAY), out_of_time=lambda: True).outcome == "compacted"
    return lake


def manifest_catalogs(lake: LakeUnderTest, fmt: Format) -> Mapping[str, int]:
    state = lake.state(Slot(fmt, DAY))
    assert state is not None
    current = lake.at(Slot(fmt, DAY), state.location)
    assert current is not None
    names = [file.catalog for file in current.manifest.files]
    return {name: names.count(name) for name in names}


def test_json_declares_no_column_while_a_file_may_hold_anything_under_its_name(
    half_done: LakeUnderTest,
) -> None:
    assert manifest_catalogs(half_done, "json").keys() == {BEFORE.sha256, AFTER.sha256}
    assert "coupon" not in declared(half_done, "json", DAY)
    operating(half_done).plan(partitions=[DAY], formats=["json"])
    assert manifest_catalogs(half_done, "json").keys() == {AFTER.sha256}
    assert declared(half_done, "json", DAY)[-1] == "coupon"


def test_parquet_declares_it_at_once_and_is_still_remembered(half_done: LakeUnderTest) -> None:
    slot = Slot("parquet", DAY)
    assert manifest_catalogs(half_done, "parquet").keys() == {BEFORE.sha256, AFTER.sha256}
    state = half_done.state(slot)
    assert state is not None
    assert state.columns[-1] == ("coupon", "string")
    assert state.has_outdated_files
    # Parameters alone tell it of a partition that is no longer looked at.
    later = operating(half_done, now=lambda: NOON + timedelta(days=90))
    assert slot.partition.path in {
        entry.partition for entry in later.plan(dry_run=True, formats=["parquet"]).partitions
    }
    operating(half_done).plan(partitions=[DAY], formats=["parquet"])
    assert manifest_catalogs(half_done, "parquet").keys() == {AFTER.sha256}
    state = half_done.state(slot)
    assert state is not None
    assert not state.has_outdated_files


def test_a_recipe_nobody_has_a_copy_of_fits_nothing(lake: LakeUnderTest) -> None:
    columns = operating(lake).compactor.columns
    assert not columns.fit("")
    assert not columns.fit("0" * 64)
    assert columns.fit(AFTER.sha256)


class LandsMeanwhile(Lake):
    """One in which a transform lands a file after the inputs of a compaction were chosen."""

    def copy_missing(self, slot: Slot, generation: Generation) -> list[str]:
        if not self.landed:
            self.landed = True
            self.land()
        return super().copy_missing(slot, generation)

    landed = False
    land: Callable[[], object]


@pytest.mark.parametrize(("by", "declares"), [(BEFORE, False), (AFTER, True)])
def test_json_declares_no_column_over_a_file_that_landed_meanwhile_without_it(
    lake: LakeUnderTest, by: Catalog, *, declares: bool
) -> None:
    deploy(lake, AFTER)
    busy = LandsMeanwhile(lake.store, lake.partitions, lake.layout, lake.tables)
    source = lake.put_raw("late")
    recipe = Recipe(by.sha256, rules=RULES)
    busy.land = lambda: lake.publish("json", source, ["late"], recipe=recipe)
    compactor = operating(lake).compactor
    compactor = replace(compactor, lake=busy, builder=replace(compactor.builder, lake=busy))
    result = compactor.compact(Slot("json", DAY))
    assert result.outcome == "compacted"
    assert "late" in lake.visible("json")
    assert ("coupon" in declared(lake, "json", DAY)) == declares
    assert behind(lake) == (11 if declares else 12)
