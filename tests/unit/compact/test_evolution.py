"""Columns that are added by themselves: a producer begins to send `coupon` and `score`."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.compact.evolution import Evolution, EvolutionReport
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import CompactSettings, Config
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.overlay import Overlay
from tests.protocol.lake import BUCKET, DATABASE, TABLES, LakeUnderTest
from tests.unit.lake.test_accounts import compact, land

NONE = EvolutionReport((), ())
DAY = timedelta(days=1)
LONG_AGO = datetime(2025, 11, 26, tzinfo=UTC)


def today() -> Partition:
    return Partition.parse(f"{datetime.now(UTC):year=%Y/month=%m/day=%d}")


def send(lake: LakeUnderTest, fields: Sequence[Any], name: str = "a") -> None:
    land(lake, name, fields, today())
    compact(lake, Slot("parquet", today()))


def step(lake: LakeUnderTest, later: timedelta = DAY, **settings: int) -> EvolutionReport:
    config = Config(
        bucket=BUCKET,
        database=DATABASE,
        schema_evolution="auto",
        compact=CompactSettings(**settings),  # type: ignore[arg-type]  # all of them are numbers
    )
    return Evolution(lake, load_catalog(), config).step(datetime.now(UTC) + later)


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


def test_a_service_that_fails_is_an_error_of_the_lake(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    send(lake, [{"coupon": "A"}] * 100)
    step(lake)
    lake.glue.tables.clear()
    with pytest.raises(LakeError):
        step(lake)


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
