from datetime import UTC, datetime

import pytest

from clickstream_lake.compact.plan.planner import decide, within
from clickstream_lake.compact.protocol.survey import Survey, one_per_source
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.aws.partitions import PartitionState
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.lake import Generation
from clickstream_lake.lake.layout import Partition
from clickstream_lake.lake.manifest import Manifest, MergedFile, MergedSource
from tests.protocol.lake import DAY, JSON_DAY

NOW = datetime(2025, 11, 26, 12, tzinfo=UTC)
SETTINGS = CompactSettings(target_file_bytes=1000, min_files=4)


by_a = frozenset("A").__contains__
by_b = frozenset("B").__contains__


def landing(*sizes: int) -> list[ObjectInfo]:
    return [
        ObjectInfo(f"processed/json/{DAY.path}/s{at}-{at:012x}.json", size, "e", NOW)
        for at, size in enumerate(sizes)
    ]


def surveyed(sizes: list[int], merged: list[int], *, catalog: str = "A") -> Survey:
    files = tuple(MergedFile(f"merged-{at}", 1, size, catalog) for at, size in enumerate(merged))
    manifest = Manifest(
        format="json",
        partition=DAY.path,
        generation_id="g",
        catalog=catalog,
        created_at=NOW.isoformat(),
        sources={"s": MergedSource("raw/s.gz", "e", len(files), "t", len(files), 0, 0)},
        files=files,
    )
    return Survey(
        slot=JSON_DAY,
        state=PartitionState("s3://b/x/"),
        current=Generation("g", "x/", manifest) if merged else None,
        inputs=tuple(landing(*sizes)),
        missing=(),
        foreign=(),
        stale=(),
        visible_files=0,
        visible_bytes=0,
    )


@pytest.mark.parametrize(
    ("sizes", "merged", "worth", "reason"),
    [
        ([], [], False, "nothing to merge"),
        ([], [900], False, "nothing to merge"),
        ([], [500], False, "nothing to merge"),
        ([1, 1, 1], [], False, "too little to gain: 3 landing files of 3 bytes"),
        ([1, 1, 1, 1], [], True, "4 landing files"),
        ([600, 600], [], True, "1200 bytes of landing files"),
        ([], [10, 10, 10, 10], False, "too little to gain: 0 landing files of 0 bytes"),
        ([], [10, 10, 10, 10, 10], True, "5 small files"),
        ([1], [900, 10], False, "too little to gain: 1 landing files of 1 bytes"),
        ([1, 1], [10, 10, 10], True, "5 small files"),
    ],
)
def test_a_partition_is_worth_it_when_enough_is_gained(
    sizes: list[int],
    merged: list[int],
    *,
    worth: bool,
    reason: str,
) -> None:
    decision = decide(surveyed(sizes, merged), SETTINGS, fits=by_a)
    assert (decision.worth, decision.reason) == (worth, reason)


def test_force_compacts_what_there_is() -> None:
    assert decide(surveyed([1], []), SETTINGS, fits=by_a, force=True).reason == "forced"


def test_force_does_not_compact_nothing() -> None:
    assert not decide(surveyed([], [500]), SETTINGS, fits=by_a, force=True).worth


def test_big_files_are_carried_unless_they_have_to_be_rewritten() -> None:
    found = surveyed([1, 1, 1, 1], [900])
    kept = decide(found, SETTINGS, fits=by_a)
    assert [file.name for file in kept.plan.carried] == ["merged-0"]
    assert decide(found, SETTINGS, fits=by_b).plan.carried == ()
    assert decide(found, SETTINGS, fits=by_a, rewrite={"merged-0"}).plan.carried == ()


def test_recent_partitions_come_newest_first() -> None:
    days = [Partition.parse(f"year=2025/month=11/day={day}") for day in (20, 24, 26, 25)]
    found = within(days, now=NOW, days=2)
    assert [partition.path[-2:] for partition in found] == ["26", "25", "24"]


def test_partitions_by_the_hour_count_by_their_day() -> None:
    hours = [Partition.parse(f"year=2025/month=11/day=26/hour={hour}") for hour in ("03", "11")]
    assert within(hours, now=NOW, days=1) == hours[::-1]


@pytest.mark.parametrize(
    "path", ["region=eu", "year=x/month=11/day=26", "year=2025/month=13/day=1"]
)
def test_partitions_without_a_date_are_always_looked_at(path: str) -> None:
    assert within([Partition.parse(path)], now=NOW, days=1) == [Partition.parse(path)]


def test_a_source_counts_once_however_it_is_named() -> None:
    name = "processed/json/x/a-000000000001.json"
    both = [ObjectInfo(name + ".gz", 1, "e", NOW), ObjectInfo(name, 1, "e", NOW)]
    assert [info.key for info in one_per_source(both)] == [name]


def test_foreign_files_are_no_inputs() -> None:
    assert one_per_source([ObjectInfo("processed/json/x/guest.json", 1, "e", NOW)]) == []
