"""Columns that are added by themselves: a producer begins to send `coupon` and `score`."""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from botocore.exceptions import EndpointConnectionError

from clickstream_lake.compact.evolution import Evolution, EvolutionReport
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import load_catalog, read_catalog
from clickstream_lake.lake.config import CompactSettings, Config
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.overlay import Overlay
from clickstream_lake.lake.proposals import with_columns
from tests.protocol.fakes import FakeGlue, FakeS3, Steps
from tests.protocol.lake import BUCKET, DATABASE, TABLES, LakeUnderTest
from tests.unit.lake.test_accounts import compact, land

NONE = EvolutionReport()
T = TypeVar("T")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONG_AGO = datetime(2025, 11, 26, tzinfo=UTC)


def today() -> Partition:
    return Partition.parse(f"{datetime.now(UTC):year=%Y/month=%m/day=%d}")


def send(lake: LakeUnderTest, fields: Sequence[Any], name: str = "a") -> None:
    land(lake, name, fields, today())
    compact(lake, Slot("parquet", today()))


def step(
    lake: LakeUnderTest,
    later: timedelta = DAY,
    catalog: Catalog | None = None,
    **settings: int,
) -> EvolutionReport:
    config = Config(
        bucket=BUCKET,
        database=DATABASE,
        schema_evolution="auto",
        compact=CompactSettings(**settings),  # type: ignore[arg-type]  # all of them are numbers
    )
    catalog = catalog or load_catalog()
    return Evolution(lake, catalog, config).step(datetime.now(UTC) + later)


def columns(lake: LakeUnderTest, fmt: str) -> list[str]:
    again = LakeUnderTest(lake.s3, lake.glue, lake.folder)
    return [str(column["Name"]) for column in again.partitions.columns(TABLES[fmt])]


def test_a_day_later_both_fields_are_columns_of_both_tables(lake: LakeUnderTest) -> None:
    before = {fmt: columns(lake, fmt) for fmt in ("json", "parquet", "rejects")}
    send(lake, [{"coupon": "A", "score": 1.5}] * 60 + [{}] * 40)
    assert step(lake, timedelta(hours=23)) == NONE
    assert step(lake).added == ("coupon string", "score double")
    # Functions learn of it first: until they have, the tables are as they were.
    assert columns(lake, "json") == before["json"]
    assert step(lake, DAY + timedelta(minutes=29)) == NONE
    declared = step(lake, DAY + timedelta(minutes=31)).declared
    assert [name.rpartition(".")[2] for name in declared] == ["coupon", "score"] * 2
    assert columns(lake, "json") == [*before["json"], "coupon", "score"]
    assert columns(lake, "parquet") == [*before["parquet"], "coupon", "score"]
    assert columns(lake, "rejects") == before["rejects"]
    assert step(lake) == NONE


def test_a_step_that_ended_half_way_is_made_up_for(lake: LakeUnderTest) -> None:
    Overlay(lake.store, lake.layout).add(
        "coupon", "string", (), datetime(2025, 11, 26, tzinfo=UTC), ""
    )
    lake.partitions.add_columns(TABLES["json"], [{"Name": "coupon", "Type": "string"}])
    assert step(lake).declared == (f"{TABLES['parquet']}.coupon",)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ([{"contact": "ann@example.com"}] * 100, "its values"),
        ([{"phone": 1}] * 100, "its name"),
        ([{"coupon": "+49 151 1234567"}] + [{"coupon": "A"}] * 99, "one of its values"),
        ([{"Event_Type": "x"}] * 100, "reserved"),
        ([{"couponCode": "x"}] * 100, "no name of a column"),
        ([{"item_4711": 1}] * 100, "no name"),
        ([{"coupon": "A"}] * 4 + [{}] * 96, "too few events"),
        ([{"coupon": "A"}] * 10, "too few rows"),
    ],
)
def test_nothing_is_added_for(
    memory_lake: LakeUnderTest, fields: list[dict[str, Any]], why: str
) -> None:
    send(memory_lake, fields)
    assert step(memory_lake) == NONE, why
    assert memory_lake.keys("manifests/overlay/") == []


def test_at_most_so_many_are_added(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    send(lake, [{"a": 1, "b": 1, "c": 1}] * 90 + [{"c": 1}] * 10)
    assert step(lake, evolution_columns=2).added == ("c bigint", "a bigint")
    assert step(lake, evolution_columns=2).added == ()
    assert step(lake, evolution_columns=3).added == ("b bigint",)


def test_what_a_person_took_over_makes_room_for_more(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    Overlay(lake.store, lake.layout).add(
        "price", "double", (), datetime(2025, 11, 26, tzinfo=UTC), ""
    )
    send(lake, [{"a": 1}] * 100)
    assert step(lake, evolution_columns=1).added == ("a bigint",)


def test_the_share_and_the_time_are_settings(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    send(lake, [{"coupon": "A"}] * 30 + [{}] * 70)
    assert step(lake, evolution_percent=40) == NONE
    assert step(lake, evolution_hours=48) == NONE
    assert step(lake, timedelta(hours=1), evolution_hours=1, evolution_percent=20).added


def test_a_service_that_fails_is_told_beside_what_was_done(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    send(lake, [{"coupon": "A"}] * 100)
    step(lake)
    del lake.glue.tables[TABLES["parquet"]]
    lake.partitions = PartitionCatalog(lake.glue, DATABASE)
    assert "there is no table" in step(lake, DAY + HOUR).failure


class Faulty(Steps):
    """Fails one call, before it has an effect or after it had one."""

    def __init__(self, at: int, *, lost: bool) -> None:
        self.calls = 0
        self.broken = ""
        self._at = at
        self._lost = lost

    def call(self, name: str, target: str, effect: Callable[[], T]) -> T:
        del target
        mine = self.calls == self._at
        self.calls += 1
        if not mine:
            return effect()
        self.broken = name
        if self._lost:
            effect()
        raise EndpointConnectionError(endpoint_url="https://example.com")


@contextmanager
def failing(lake: LakeUnderTest, at: int, *, lost: bool) -> Iterator[Faulty]:
    faulty = Faulty(at, lost=lost)
    usual = lake.s3.steps
    lake.s3.steps = lake.glue.steps = faulty
    # Else a table that was read before this would not be asked for.
    lake.partitions = PartitionCatalog(lake.glue, DATABASE)
    try:
        yield faulty
    finally:
        lake.s3.steps = lake.glue.steps = usual


@pytest.mark.parametrize("lost", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("later", [DAY, DAY + HOUR], ids=["overlay", "tables"])
def test_a_call_that_fails_or_whose_answer_is_lost_is_made_up_for(
    tmp_path: Path, later: timedelta, *, lost: bool
) -> None:
    broken = set[str]()
    at = 0
    while True:
        lake = LakeUnderTest(FakeS3(), FakeGlue(), tmp_path)
        lake.create_tables()
        send(lake, [{"coupon": "A", "score": 1.5}] * 60)
        if later > DAY:
            step(lake)
        with failing(lake, at, lost=lost) as faulty:
            report = step(lake, later)
        if not faulty.broken:
            break
        assert report.failure
        broken.add(faulty.broken)
        assert step(lake, later + timedelta(minutes=1)).failure == ""
        assert step(lake, later + HOUR).failure == ""
        for fmt in ("json", "parquet"):
            assert columns(lake, fmt)[-2:] == ["coupon", "score"]
            assert len(columns(lake, fmt)) == len({*columns(lake, fmt)})
        assert len(lake.keys("manifests/overlay/")) == 2
        at += 1
    assert broken >= ({"s3.PutObject"} if later == DAY else {"glue.GetTable", "glue.UpdateTable"})


def add_by_hand(lake: LakeUnderTest) -> str:
    lake.partitions.add_columns(TABLES["json"], [{"Name": "mine", "Type": "string"}])
    return "do not agree on mine"


def delete_from_overlay(lake: LakeUnderTest) -> str:
    assert step(lake, DAY + HOUR).declared
    lake.store.delete([key for key in lake.keys("manifests/overlay/") if "/coupon/" in key])
    return "do not agree on coupon"


def drop_from_table(lake: LakeUnderTest) -> str:
    lake.glue.tables[TABLES["parquet"]]["StorageDescriptor"]["Columns"].pop(3)
    return "do not agree on "


def move_in_table(lake: LakeUnderTest) -> str:
    kept = lake.glue.tables[TABLES["parquet"]]["StorageDescriptor"]["Columns"]
    kept.insert(2, kept.pop(5))
    return "do not agree on the order of columns"


def write_beside(lake: LakeUnderTest) -> str:
    lake.store.put_bytes("manifests/overlay/coupon/yesterday.string", b"")
    return "manifests/overlay/coupon/yesterday.string is no column"


@pytest.mark.parametrize(
    "damage", [add_by_hand, delete_from_overlay, drop_from_table, move_in_table, write_beside]
)
def test_nothing_is_added_while_tables_catalog_and_overlay_do_not_agree(
    memory_lake: LakeUnderTest, damage: Callable[[LakeUnderTest], str]
) -> None:
    lake = memory_lake
    send(lake, [{"coupon": "A"}] * 100)
    step(lake)
    why = damage(lake)
    lake.partitions = PartitionCatalog(lake.glue, DATABASE)
    tables, objects = copy.deepcopy(lake.glue.tables), lake.keys("manifests/overlay/")
    report = step(lake, 2 * DAY)
    assert why in report.failure
    assert (report.added, report.declared) == ((), ())
    assert (lake.glue.tables, lake.keys("manifests/overlay/")) == (tables, objects)


def test_no_column_is_added_before_one_of_a_later_day(memory_lake: LakeUnderTest) -> None:
    """Tables have columns by their day: that one would have to move."""
    lake = memory_lake
    send(lake, [{"coupon": "A"}] * 100)
    ahead = with_column({"name": "planned", "type": "string", "added": "2999-01-01"})
    for fmt in ("json", "parquet"):
        lake.partitions.add_columns(TABLES[fmt], [{"Name": "planned", "Type": "string"}])
    assert step(lake, catalog=ahead) == NONE
    today = with_column({"name": "planned", "type": "string", "added": "2025-11-26"})
    assert step(lake, catalog=today).added == ("coupon string",)


def test_a_column_whose_field_goes_to_another_one_keeps_its_place(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    Overlay(lake.store, lake.layout).add("coupon", "string", (), LONG_AGO, "")
    assert step(lake).declared
    entry = {"name": "voucher", "type": "string", "from": ["coupon"], "added": "2025-11-27"}
    catalog = with_column(entry)
    live = Overlay(lake.store, lake.layout).over(catalog)
    assert [name for name, _ in live.tables["json"].declared][-2:] == ["coupon", "voucher"]
    assert {column.name for column in live.sent} >= {"voucher"}
    assert "coupon" not in {column.name for column in live.sent}


def with_column(entry: dict[str, Any]) -> Catalog:
    content = with_columns(load_catalog().content, "x", [entry], load_catalog().partition_keys)
    return read_catalog(content, "x")


def test_compaction_lifts_old_rows_into_what_was_added(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    send(lake, [{"coupon": "A", "score": 2}] * 100)
    step(lake)
    live = Overlay(lake.store, lake.layout).over(load_catalog())
    compactor = lake.operations(catalog=live).compactor
    result = compactor.compact(Slot("parquet", today()), force=True)
    assert result.lifted == 200
    generation = lake.at(Slot("parquet", today()), lake.location("parquet", today()))
    assert generation is not None
    assert {file.catalog for file in generation.manifest.files} == {live.sha256}
