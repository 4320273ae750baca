from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from clickstream_lake.compact.merge.build import Builder
from clickstream_lake.compact.merge.dedupe import DuplicateFinder, Duplicates
from clickstream_lake.compact.merge.merging import Input, MergedFile, MergeResult
from clickstream_lake.compact.plan import binpack
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.errors import ConservationError, LakeError, PartitionMovedError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Slot
from tests.protocol.lake import (
    DAY,
    EARLY,
    JSON_DAY,
    LATE,
    PARQUET_DAY,
    RECIPE,
    TABLES,
    LakeUnderTest,
)

SMALL = 1


def land(lake: LakeUnderTest, *names: str, fmt: Format = "json", **options: Any) -> None:  # noqa: ANN401 - LakeUnderTest.publish's
    for name in names:
        lake.publish(fmt, lake.put_raw(name, name.encode()), [f"{name}-0", f"{name}-1"], **options)


def merged_names(lake: LakeUnderTest, fmt: Format = "json") -> list[str]:
    prefix = str(lake.location(fmt)).split("/", 3)[3]
    return [key.removeprefix(prefix) for key in lake.keys(prefix) if "/merged-" in key]


@pytest.mark.parametrize("fmt", FORMATS)
def test_landing_files_become_one_generation(lake: LakeUnderTest, fmt: Format) -> None:
    land(lake, "a", "b", "c", fmt=fmt)
    before = lake.visible(fmt)
    result = lake.operations(min_files=2).compactor.compact(Slot(fmt, DAY))
    assert (result.outcome, result.reason) == ("compacted", "3 landing files")
    assert (result.files_before, result.files_after) == (3, 1)
    assert (result.rows, result.sources) == (6, 3)
    assert lake.visible(fmt) == before
    assert "/compacted/" in str(lake.location(fmt))


def test_the_manifest_names_sources_and_files(lake: LakeUnderTest) -> None:
    land(lake, "a", "b")
    lake.operations().compactor.compact(JSON_DAY, force=True)
    state = lake.state(JSON_DAY)
    assert state is not None
    generation = lake.at(JSON_DAY, state.location)
    assert generation is not None
    manifest = generation.manifest
    source = lake.layout.source(f"raw/{DAY.path}/a.gz")
    raw = lake.store.head(source.key)
    assert raw is not None
    entry = manifest.sources[source.source_id]
    assert (entry.raw_key, entry.raw_etag) == (source.key, raw.etag)
    assert (entry.rows, entry.processed_ts) == (2, EARLY)
    assert [(file.rows, file.catalog) for file in manifest.files] == [(4, RECIPE.catalog)]


def test_a_partition_that_is_not_registered_is_skipped(lake: LakeUnderTest) -> None:
    result = lake.operations().compactor.compact(JSON_DAY)
    assert (result.outcome, result.reason) == ("skipped", "not registered")


def test_too_little_to_gain_is_skipped_unless_forced(lake: LakeUnderTest) -> None:
    land(lake, "a")
    compactor = lake.operations(min_files=2).compactor
    assert compactor.compact(JSON_DAY).outcome == "skipped"
    assert compactor.compact(JSON_DAY, force=True).outcome == "compacted"


def test_forcing_twice_finds_nothing_the_second_time(lake: LakeUnderTest) -> None:
    land(lake, "a", "b")
    compactor = lake.operations().compactor
    compactor.compact(JSON_DAY, force=True)
    result = compactor.compact(JSON_DAY, force=True)
    assert (result.outcome, result.reason) == ("skipped", "nothing to merge")


def test_small_merged_files_are_merged_again_and_big_ones_carried_over(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    size = lake.operations().compactor.compact(JSON_DAY, force=True).bytes_after
    first = merged_names(lake)
    land(lake, "c")
    carrying = lake.operations(target_file_bytes=size).compactor
    result = carrying.compact(JSON_DAY, force=True)
    assert (result.outcome, result.carried, result.files_after) == ("compacted", 1, 2)
    assert first[0] in merged_names(lake)
    land(lake, "d")
    result = lake.operations().compactor.compact(JSON_DAY, force=True)
    assert (result.carried, result.files_after, result.rows) == (0, 1, 8)
    assert len(lake.visible("json")) == 8


@pytest.mark.parametrize(("columns", "carried"), [({"fresh": "string"}, 0), ({}, 1)])
def test_merged_files_with_other_columns_are_rewritten_with_the_rest(
    memory_lake: LakeUnderTest,
    newer: Callable[..., Catalog],
    columns: dict[str, str],
    carried: int,
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    size = lake.operations().compactor.compact(JSON_DAY, force=True).bytes_after
    land(lake, "c")
    Catalogs(lake.store, lake.layout, load_catalog()).keep()
    catalog = newer(**columns)
    assert catalog.sha256 != load_catalog().sha256
    compactor = lake.operations(catalog=catalog, target_file_bytes=size).compactor
    result = compactor.compact(JSON_DAY, force=True)
    assert (result.outcome, result.carried) == ("compacted", carried)
    assert len(lake.visible("json")) == 6


def test_what_the_merges_did_is_told(
    memory_lake: LakeUnderTest, newer: Callable[..., Catalog]
) -> None:
    lake = memory_lake
    land(lake, "a", "b", fmt="parquet")
    without = lake.operations(catalog=newer(gone=["event_id"])).compactor
    result = without.compact(PARQUET_DAY, force=True)
    assert (result.merged, result.lifted, result.returned) == (2, 0, 4)
    again = lake.operations(catalog=replace(load_catalog(), content=b"another")).compactor
    result = again.compact(PARQUET_DAY, force=True)
    assert (result.merged, result.lifted, result.returned) == (1, 4, 0)
    assert len(lake.visible("parquet")) == 4


def test_files_that_no_transform_wrote_stay_visible_and_are_reported(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    line = b'{"event_id":"guest","processed_ts":"x"}\n'
    directory = lake.layout.landing_dir(JSON_DAY)
    lake.store.put_bytes(directory + "guest.json", line)
    nameless = lake.put_raw("nameless")
    lake.store.put_bytes(lake.layout.landing_key("json", nameless), line)
    lake.store.put_bytes(directory + "_hidden.json", line)
    result = lake.operations().compactor.compact(JSON_DAY, force=True)
    assert result.foreign == ("guest.json",)
    assert (result.outcome, result.loose) == ("compacted", 2)
    assert lake.visible("json") == ["a-0", "a-1", "b-0", "b-1", "guest", "guest"]


def test_nothing_but_foreign_files_is_skipped(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a")
    nameless = lake.layout.landing_key("json", lake.put_raw("a"))
    lake.store.put_bytes(nameless, b"{}\n")
    result = lake.operations().compactor.compact(JSON_DAY, force=True)
    assert (result.outcome, result.reason) == ("skipped", "nothing but foreign files to merge")


def test_a_source_that_landed_under_both_names_is_merged_once(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    source = lake.layout.source(f"raw/{DAY.path}/a.gz")
    landing = lake.landing("json", source, ["a-0", "a-1"], gzipped=True)
    key = lake.layout.landing_key("json", source, gzip=True)
    lake.store.put_file(key, landing.path, metadata=landing.metadata.to_s3())
    lake.operations().compactor.compact(JSON_DAY, force=True)
    assert lake.visible("json") == ["a-0", "a-1", "b-0", "b-1"]


def test_a_lost_loose_copy_is_healed_even_if_there_is_little_to_gain(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    operations = lake.operations(min_files=2)
    operations.compactor.compact(JSON_DAY)
    land(lake, "late")
    directory = str(lake.location("json")).split("/", 3)[3]
    lake.store.delete([key for key in lake.keys(directory) if "late-" in key])
    assert len(lake.visible("json")) == 4
    planned = operations.plan(partitions=[DAY], formats=["json"], dry_run=True).partitions[0]
    assert (planned.queued, planned.reason) == (True, "1 files to heal")
    result = operations.compactor.compact(JSON_DAY)
    assert (result.outcome, result.healed) == ("skipped", 1)
    assert len(lake.visible("json")) == 6


def lossy(inputs: Sequence[Input], out_dir: Path, *, stem: str) -> MergeResult:
    """Loses the first line, and does not know it."""
    path, lines = out_dir / f"{stem}.json", []
    for entry in inputs:
        with entry.open() as stream:
            lines += stream.readlines()
    path.write_bytes(b"".join(lines[1:]))
    result = MergeResult([MergedFile(path, len(lines) - 1, path.stat().st_size)])
    result.counters.rows_in = result.counters.rows_out = len(lines) - 1
    return result


def test_a_generation_whose_rows_do_not_add_up_is_abandoned(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    before = lake.location("json")
    operations = lake.operations()
    builder = replace(operations.compactor.builder, merges={"json": lossy})
    with pytest.raises(ConservationError, match="4 rows"):
        replace(operations.compactor, builder=builder).compact(JSON_DAY, force=True)
    assert lake.location("json") == before
    assert lake.state(JSON_DAY).next_location is None  # type: ignore[union-attr]  # it is registered


def test_a_landing_file_with_other_rows_than_it_says_is_never_merged(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    key = lake.layout.landing_key("json", lake.layout.source(f"raw/{DAY.path}/a.gz"))
    head = lake.store.head(key)
    assert head is not None
    lake.store.put_bytes(key, lake.store.read(key) * 2, metadata=head.metadata)
    with pytest.raises(ConservationError):
        lake.operations().compactor.compact(JSON_DAY, force=True)


def test_a_partition_that_moved_meanwhile_is_left_alone(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    rival, loser = lake.operations().compactor, lake.operations().compactor
    build = Builder.build

    def overtaken(self: Builder, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - Builder.build's
        monkeypatch.setattr(Builder, "build", build)
        built = build(self, *args, **options)
        rival.compact(JSON_DAY, force=True)
        return built

    monkeypatch.setattr(Builder, "build", overtaken)
    result = loser.compact(JSON_DAY, force=True)
    assert result.outcome == "abandoned"
    assert lake.visible("json") == ["a-0", "a-1", "b-0", "b-1"]


def test_the_swap_goes_only_to_the_generation_that_is_announced(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a")
    with pytest.raises(PartitionMovedError):
        lake.partitions.swap(
            TABLES["json"], DAY, location="s3://lake-bucket/x/", now=datetime.now(UTC)
        )


def test_running_out_of_time_commits_what_is_merged(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", "b", "c")
    compactor = lake.operations(target_file_bytes=SMALL).compactor
    result = compactor.compact(JSON_DAY, force=True, out_of_time=lambda: True)
    assert (result.outcome, result.sources, result.loose) == ("compacted", 1, 2)
    assert len(lake.visible("json")) == 6
    result = compactor.compact(JSON_DAY, force=True)
    assert (result.sources, result.carried) == (3, 1)
    assert len(lake.visible("json")) == 6


def test_one_source_may_bring_no_rows(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    for fmt in FORMATS:
        lake.publish(fmt, lake.put_raw("empty"), [])
        land(lake, "a", fmt=fmt)
        result = lake.operations().compactor.compact(Slot(fmt, DAY), force=True)
        assert (result.sources, result.rows) == (2, 2)


def test_a_partition_without_any_rows_compacts_to_no_files(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    lake.publish("json", lake.put_raw("empty"), [])
    result = lake.operations().compactor.compact(JSON_DAY, force=True)
    assert (result.outcome, result.files_after) == ("compacted", 0)
    assert lake.visible("json") == []


@pytest.mark.parametrize("fmt", FORMATS)
def test_duplicates_are_dropped_where_the_catalog_asks_for_it(
    memory_lake: LakeUnderTest, fmt: Format
) -> None:
    lake = memory_lake
    operations = lake.operations(catalog=replace(load_catalog(), dedupe_on="event_id"))
    lake.publish(fmt, lake.put_raw("a"), ["x", "y"], processed_ts=LATE)
    lake.publish(fmt, lake.put_raw("b"), ["y", "z"], processed_ts=EARLY)
    first = operations.compactor.compact(Slot(fmt, DAY), force=True)
    assert (first.rows, first.dropped_duplicates) == (3, 1)
    assert lake.visible(fmt) == ["x", "y", "z"]
    lake.publish(fmt, lake.put_raw("c"), ["x", "w"], processed_ts="2025-11-26T09:00:00.000Z")
    # A merged file that would have been carried over loses the row that came too late.
    settled = lake.operations(
        catalog=replace(load_catalog(), dedupe_on="event_id"), target_file_bytes=SMALL
    )
    second = settled.compactor.compact(Slot(fmt, DAY), force=True)
    assert (second.rows, second.dropped_duplicates, second.carried) == (4, 1, 0)
    assert lake.visible(fmt) == ["w", "x", "y", "z"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_rows_of_one_id_with_other_content_stay_and_the_manifest_counts_them(
    memory_lake: LakeUnderTest, fmt: Format
) -> None:
    lake = memory_lake
    operations = lake.operations(catalog=replace(load_catalog(), dedupe_on="event_id"))
    lake.publish(fmt, lake.put_raw("a"), ["x", "y/AT"])
    lake.publish(fmt, lake.put_raw("b"), ["y/DE", "x", "y"])
    result = operations.compactor.compact(Slot(fmt, DAY), force=True)
    assert (result.rows, result.dropped_duplicates, result.repeated_ids) == (4, 1, 2)
    assert lake.visible(fmt) == ["x", "y", "y", "y"]
    manifest = operations.lake.manifests.read(Slot(fmt, DAY), str(result.generation_id))
    assert (manifest.dropped_duplicates, manifest.repeated_ids) == (1, 2)


def test_a_replaced_file_is_not_dropped_from(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    lake.publish("json", lake.put_raw("a", b"1"), ["x", "y"])
    lake.publish("json", lake.put_raw("b", b"1"), ["y", "z"])
    operations = lake.operations(catalog=replace(load_catalog(), dedupe_on="event_id"))
    find = DuplicateFinder.find

    def overtaken(self: DuplicateFinder, found: Survey) -> Duplicates:
        duplicates = find(self, found)
        lake.publish("json", lake.put_raw("b", b"2"), ["z", "y"], processed_ts=LATE)
        return duplicates

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DuplicateFinder, "find", overtaken)
        assert operations.compactor.compact(JSON_DAY, force=True).outcome == "abandoned"
    assert operations.compactor.compact(JSON_DAY, force=True).dropped_duplicates == 1


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_file_that_newer_rules_replaced_while_it_was_merged_is_not_swapped_in(
    memory_lake: LakeUnderTest, fmt: Format
) -> None:
    lake = memory_lake
    source = lake.put_raw("a")
    lake.publish(fmt, source, ["x", "y"])
    operations = lake.operations()
    build = Builder.build

    def overtaken(self: Builder, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - build's
        built = build(self, *arguments, **options)
        newer = structs.replace(RECIPE, rules=RECIPE.rules + 1)
        lake.publish(fmt, source, ["x"], recipe=newer)
        return built

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builder, "build", overtaken)
        result = operations.compactor.compact(Slot(fmt, DAY), force=True)
    assert result.outcome == "abandoned"
    assert lake.visible(fmt) == ["x"]
    assert operations.compactor.compact(Slot(fmt, DAY), force=True).rows == 1


def test_many_files_are_fetched_at_a_time(memory_lake: LakeUnderTest) -> None:
    names = [f"s{number}" for number in range(40)]
    land(memory_lake, *names, fmt="parquet")
    result = memory_lake.operations(downloads=8).compactor.compact(PARQUET_DAY, force=True)
    assert (result.sources, result.rows, result.files_after) == (40, 80, 1)


def test_the_age_of_the_oldest_waiting_file_is_told(memory_lake: LakeUnderTest) -> None:
    land(memory_lake, "a")
    later = lambda: datetime.now(UTC) + timedelta(hours=1)  # noqa: E731 - a clock
    result = memory_lake.operations(now=later).compactor.compact(JSON_DAY)
    assert 3600 <= result.oldest_input_seconds < 3700


def test_an_input_that_vanishes_costs_only_this_run(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = memory_lake
    land(lake, "a", "b")
    build = Builder.build

    def without_a(self: Builder, found: Any, plan: binpack.Plan, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - Builder.build's
        lake.store.delete([found.inputs[0].key])
        return build(self, found, plan, *args, **options)

    monkeypatch.setattr(Builder, "build", without_a)
    with pytest.raises(LakeError):
        lake.operations().compactor.compact(JSON_DAY, force=True)
    assert "/compacted/" not in str(lake.location("json"))
