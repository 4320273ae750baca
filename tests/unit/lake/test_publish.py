# ruff: noqa: ANN401 - boto3 clients
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.lake.errors import (
    LayoutError,
    ManifestError,
    NewerRecipeError,
    RawReplacedError,
    StorageError,
    SupersededError,
)
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Slot, Source
from clickstream_lake.lake.manifest import Manifest, Manifests, MergedFile, MergedSource
from clickstream_lake.lake.publish import Presence, PublishOutcome
from clickstream_lake.lake.recipe import UNKNOWN, Recipe
from tests.protocol.fakes import FakeS3, client_error
from tests.protocol.lake import (
    BUCKET,
    DAY,
    EARLY,
    JSON_DAY,
    LATE,
    RECIPE,
    TABLES,
    LakeUnderTest,
    content_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


def build_generation(
    lake: LakeUnderTest,
    fmt: Format,
    name: str,
    sources: dict[str, list[str]],
    etag: str | None = None,
    *,
    recipe: Recipe = RECIPE,
) -> str:
    """A generation with the given raw names merged into one file; its location."""
    merged, rows = {}, []
    for raw, ids in sources.items():
        source = lake.layout.source(f"raw/{DAY.path}/{raw}.gz")
        head = lake.store.head(source.key)
        found = etag or (head.etag if head else "gone")
        merged[source.source_id] = MergedSource(
            source.key, found, len(ids), EARLY, len(ids), 0, 0, recipe
        )
        rows += ids
    directory = lake.layout.generation_dir(Slot(fmt, DAY), name)
    lake.store.put_bytes(directory + f"merged.{fmt}", content_of(fmt, rows, EARLY))
    manifest = Manifest(
        format=fmt,
        partition=DAY.path,
        generation_id=name,
        catalog=RECIPE.catalog,
        created_at=EARLY,
        sources=merged,
        files=(MergedFile(f"merged.{fmt}", len(rows), 1, RECIPE.catalog),),
    )
    lake.manifests.write(Slot(fmt, DAY), manifest)
    return f"s3://{BUCKET}/{directory}"


def forget_manifests(lake: LakeUnderTest) -> None:
    """Go on as a process that has read none yet."""
    lake.manifests = Manifests(lake.store, lake.layout)


def point(lake: LakeUnderTest, fmt: Format, location: str, *, announced: str | None = None) -> None:
    """Point the partition at a generation, as a compactor would."""
    lake.partitions.create(
        TABLES[fmt], DAY, f"s3://{BUCKET}/{lake.layout.landing_dir(Slot(fmt, DAY))}"
    )
    state = lake.state(Slot(fmt, DAY))
    assert state is not None
    if location != state.location:
        lake.partitions.announce(TABLES[fmt], DAY, current=state.location, next_location=location)
        lake.partitions.swap(TABLES[fmt], DAY, location=location, now=datetime.now(UTC))
    if announced is not None:
        lake.partitions.announce(TABLES[fmt], DAY, current=location, next_location=announced)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_first_source_registers_its_partition_and_shows(lake: LakeUnderTest, fmt: Format) -> None:
    source = lake.put_raw("one")
    assert lake.publish(fmt, source) == PublishOutcome.PUBLISHED
    assert lake.visible(fmt) == ["a", "b"]
    assert lake.location(fmt) == f"s3://{BUCKET}/processed/{fmt}/{DAY.path}/"


def test_the_landing_file_carries_the_figures(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one", b"raw bytes")
    lake.publish("json", source, ["a"])
    landed = lake.store.head(lake.layout.landing_key("json", source))
    raw = lake.store.head(source.key)
    assert landed is not None
    assert raw is not None
    assert landed.metadata == {
        "raw-key": "raw/year=2025/month=11/day=26/one.gz",
        "raw-etag": raw.etag,
        "rows": "1",
        "lines": "1",
        "blank": "0",
        "rejected": "0",
        "processed-ts": EARLY,
        "catalog": RECIPE.catalog,
        "rules": "1",
        "schema-version": "0",
    }


def test_a_partition_is_registered_with_the_tables_columns_and_serde(lake: LakeUnderTest) -> None:
    lake.publish("parquet", lake.put_raw("one"))
    answer = lake.glue.get_partition(
        DatabaseName="lake_database", TableName=TABLES["parquet"], PartitionValues=DAY.values
    )
    storage = answer["Partition"]["StorageDescriptor"]
    assert {"Name": "extra", "Type": "string"}.items() <= storage["Columns"][-1].items()
    assert storage["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")


def test_publishing_again_changes_nothing(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    lake.publish("json", source)
    before = lake.keys()
    assert lake.publish("json", source) == PublishOutcome.PUBLISHED
    assert (lake.keys(), lake.visible("json")) == (before, ["a", "b"])


def test_the_second_of_two_attempts_learns_the_firsts_timestamp(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    lake.publish("json", source, processed_ts=EARLY)
    with pytest.raises(SupersededError, match=f"at {EARLY}"):
        lake.publish("json", source, processed_ts=LATE)
    assert lake.publisher.lookup(source)["json"].processed_ts == EARLY
    assert lake.publish("json", source, processed_ts=EARLY) == PublishOutcome.PUBLISHED


def test_an_attempt_that_loses_the_put_itself_learns_the_winners_timestamp(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, source = memory_lake, memory_lake.put_raw("one")
    other = lake.landing("json", source, processed_ts=EARLY)
    put = lake.store.put_file

    def overtaken(key: str, path: Path, **options: Any) -> None:
        monkeypatch.setattr(lake.store, "put_file", put)
        lake.publisher.publish("json", source, other)
        put(key, path, **options)

    monkeypatch.setattr(lake.store, "put_file", overtaken)
    with pytest.raises(SupersededError):
        lake.publish("json", source, processed_ts=LATE)


def test_a_changed_compression_setting_does_not_double_a_source(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    lake.publish("json", source, gzipped=True)
    assert lake.publish("json", source, gzipped=False) == PublishOutcome.PUBLISHED
    assert lake.visible("json") == ["a", "b"]


@pytest.mark.parametrize(("first", "then"), [(True, False), (False, True), (True, True)])
def test_a_raw_object_replaced_before_compaction_replaces_its_landing_file(
    lake: LakeUnderTest, *, first: bool, then: bool
) -> None:
    source = lake.put_raw("one", b"old")
    lake.publish("json", source, ["a", "b"], gzipped=first)
    lake.put_raw("one", b"new")
    lake.publish("json", source, ["c"], gzipped=then, processed_ts=LATE)
    assert lake.visible("json") == ["c"]


def test_a_loose_copy_is_replaced_with_its_landing_file(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one", b"old")
    point(lake, "json", build_generation(lake, "json", "g1", {}))
    lake.publish("json", source, ["a"])
    lake.put_raw("one", b"new")
    lake.publish("json", source, ["b"], processed_ts=LATE)
    assert lake.visible("json") == ["b"]


def test_an_attempt_at_outdated_content_never_replaces_the_newer(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one", b"old")
    outdated = lake.landing("json", source, ["a"], processed_ts=EARLY)
    lake.put_raw("one", b"new")
    lake.publish("json", source, ["b"], processed_ts=LATE)
    with pytest.raises(RawReplacedError):
        lake.publisher.publish("json", source, outdated)
    assert lake.visible("json") == ["b"]


def test_a_merged_source_is_left_alone(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    point(lake, "json", build_generation(lake, "json", "g1", {"one": ["a", "b"]}))
    assert lake.publish("json", source) == PublishOutcome.ALREADY_MERGED
    assert lake.keys(lake.layout.landing_dir(JSON_DAY)) == []
    assert lake.visible("json") == ["a", "b"]


def test_a_merged_source_tells_its_timestamp_to_a_later_attempt(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    point(lake, "json", build_generation(lake, "json", "g1", {"one": ["a", "b"]}))
    with pytest.raises(SupersededError):
        lake.publish("json", source, processed_ts=LATE)


def test_a_raw_object_replaced_after_compaction_is_reported(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one", b"old")
    point(lake, "json", build_generation(lake, "json", "g1", {"one": ["a", "b"]}))
    lake.put_raw("one", b"new")
    assert lake.publish("json", source, ["c"]) == PublishOutcome.STALE
    assert lake.visible("json") == ["a", "b"]
    assert lake.keys(lake.layout.landing_dir(JSON_DAY)) == []


def test_a_late_source_shows_at_once_in_a_compacted_partition(lake: LakeUnderTest) -> None:
    lake.put_raw("one")
    point(lake, "parquet", build_generation(lake, "parquet", "g1", {"one": ["a"]}))
    assert lake.publish("parquet", lake.put_raw("late"), ["z"]) == PublishOutcome.PUBLISHED
    assert lake.visible("parquet") == ["a", "z"]


def test_a_source_goes_into_the_announced_generation_too(lake: LakeUnderTest) -> None:
    landing = f"s3://{BUCKET}/{lake.layout.landing_dir(JSON_DAY)}"
    announced = build_generation(lake, "json", "g1", {})
    point(lake, "json", landing, announced=announced)
    lake.publish("json", lake.put_raw("one"), ["a"])
    assert lake.visible("json") == ["a"]
    point(lake, "json", announced)
    assert lake.visible("json") == ["a"]


def test_a_source_that_the_announced_generation_merged_is_not_copied_there(
    lake: LakeUnderTest,
) -> None:
    source = lake.put_raw("one")
    lake.publish("json", source, ["a"])
    announced = build_generation(lake, "json", "g1", {"one": ["a"]})
    point(lake, "json", str(lake.location("json")), announced=announced)
    lake.publish("json", source, ["a"])
    point(lake, "json", announced)
    assert lake.visible("json") == ["a"]


def test_a_source_merged_in_another_content_by_the_announced_generation_is_stale(
    lake: LakeUnderTest,
) -> None:
    source = lake.put_raw("one", b"new")
    announced = build_generation(lake, "json", "g1", {"one": ["a"]}, etag="old")
    landing = f"s3://{BUCKET}/{lake.layout.landing_dir(JSON_DAY)}"
    point(lake, "json", landing, announced=announced)
    assert lake.publish("json", source, ["b"]) == PublishOutcome.STALE


def test_a_damaged_generation_acknowledges_nothing(lake: LakeUnderTest) -> None:
    location = build_generation(lake, "json", "g1", {})
    point(lake, "json", location)
    lake.store.delete([lake.layout.manifest_key(JSON_DAY, "g1")])
    forget_manifests(lake)
    with pytest.raises(ManifestError, match="missing"):
        lake.publish("json", lake.put_raw("one"))


@pytest.mark.parametrize("where", ["s3://elsewhere/processed/", f"s3://{BUCKET}/processed/json/"])
def test_a_foreign_location_acknowledges_nothing(lake: LakeUnderTest, where: str) -> None:
    lake.partitions.create(TABLES["json"], DAY, where)
    with pytest.raises(LayoutError):
        lake.publish("json", lake.put_raw("one"))


def test_a_generation_cleaned_up_between_two_readings_starts_the_publishing_over(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = memory_lake
    old = build_generation(lake, "json", "g1", {})
    new = build_generation(lake, "json", "g2", {})
    point(lake, "json", old)
    forget_manifests(lake)
    state = lake.state

    def moved_meanwhile(*args: Any) -> Any:
        monkeypatch.setattr(lake, "state", state)
        seen = state(*args)
        point(lake, "json", new)
        lake.store.delete(lake.keys("processed/json/compacted/year=2025/month=11/day=26/g1/"))
        return seen

    monkeypatch.setattr(lake, "state", moved_meanwhile)
    assert lake.publish("json", lake.put_raw("one"), ["a"]) == PublishOutcome.PUBLISHED
    assert lake.visible("json") == ["a"]


def test_lookup_tells_absent_landed_and_merged(lake: LakeUnderTest) -> None:
    source = lake.put_raw("one")
    assert {found.presence for found in lake.publisher.lookup(source).values()} == {"absent"}
    lake.publish("json", source, ["a"])
    point(lake, "parquet", build_generation(lake, "parquet", "g1", {"one": ["a"]}))
    raw = lake.store.head(source.key)
    assert raw is not None
    told = lake.publisher.lookup(source)
    assert {fmt: found.presence for fmt, found in told.items()} == {
        "json": Presence.LANDED,
        "parquet": Presence.MERGED,
    }
    assert {(f.raw_etag, f.processed_ts, f.rows) for f in told.values()} == {(raw.etag, EARLY, 1)}


def test_rejects_are_put_and_their_partition_registered(lake: LakeUnderTest) -> None:
    source, path = lake.put_raw("one"), lake.folder / "rejects.json"
    path.write_text('{"reason":"x"}\n')
    for _ in range(2):
        lake.publisher.publish_rejects(source, path, rejected=1)
    assert lake.store.read(lake.layout.reject_key(source)) == path.read_bytes()
    state = lake.partitions.get(TABLES["rejects"], DAY)
    assert state is not None
    assert state.location == f"s3://{BUCKET}/rejected/{DAY.path}/"


def test_no_rejects_leave_nothing_behind_but_replace_earlier_ones(lake: LakeUnderTest) -> None:
    source, path = lake.put_raw("one"), lake.folder / "rejects.json"
    path.write_text("")
    lake.publisher.publish_rejects(source, path, rejected=0)
    assert lake.keys("rejected/") == []
    path.write_text('{"reason":"x"}\n')
    lake.publisher.publish_rejects(source, path, rejected=1)
    path.write_text("")
    lake.publisher.publish_rejects(source, path, rejected=0)
    assert lake.store.read(lake.layout.reject_key(source)) == b""


def test_a_put_whose_answer_was_lost_and_repeated_by_the_client_is_our_own(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put: Callable[..., Any] = FakeS3.put_object

    def repeated(self: FakeS3, **call: Any) -> Any:
        put(self, **call)
        call["Body"].seek(0)
        return put(self, **call)

    source = memory_lake.put_raw("one")
    landing = memory_lake.landing("json", source)
    monkeypatch.setattr(FakeS3, "put_object", repeated)
    assert memory_lake.publisher.publish("json", source, landing) == PublishOutcome.PUBLISHED


@pytest.mark.parametrize("conflicts", [1, 4, 5])
def test_a_conflict_of_conditional_writes_is_tried_again(
    memory_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch, conflicts: int
) -> None:
    put, left = FakeS3.put_object, [conflicts]

    def conflicting(self: FakeS3, **call: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise client_error("ConditionalRequestConflict", "PutObject", 409)
        return put(self, **call)

    source = memory_lake.put_raw("one")
    landing = memory_lake.landing("json", source)
    monkeypatch.setattr(FakeS3, "put_object", conflicting)
    if conflicts < 5:
        assert memory_lake.publisher.publish("json", source, landing) == PublishOutcome.PUBLISHED
    else:
        with pytest.raises(StorageError):
            memory_lake.publisher.publish("json", source, landing)


OTHER = Recipe("another", rules=RECIPE.rules)
NEWER_RULES = Recipe(RECIPE.catalog, rules=RECIPE.rules + 1)
NEWER_LIST = Recipe(RECIPE.catalog, "20251127", RECIPE.rules)


def landed_recipes(lake: LakeUnderTest, source: Source) -> list[Recipe]:
    keys = [lake.layout.landing_key(fmt, source) for fmt in FORMATS]
    heads = [lake.store.head(key) for key in keys]
    figures = [head and LandingMetadata.from_s3(head.metadata) for head in heads]
    return [each.recipe for each in figures if each]


def publish_both(lake: LakeUnderTest, source: Source, recipe: Recipe, *rows: str) -> None:
    for fmt in FORMATS:
        lake.publish(fmt, source, rows or ("a", "b"), recipe=recipe)


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("merged", [False, True])
def test_an_attempt_by_another_catalog_is_superseded(
    memory_lake: LakeUnderTest, fmt: Format, *, merged: bool
) -> None:
    lake = memory_lake
    source = lake.put_raw("one")
    if merged:
        point(lake, fmt, build_generation(lake, fmt, "g1", {"one": ["a", "b"]}, recipe=OTHER))
    else:
        lake.publish(fmt, source, recipe=OTHER)
    with pytest.raises(SupersededError, match="by the catalog another"):
        lake.publish(fmt, source)
    assert lake.visible(fmt) == ["a", "b"]
    assert lake.publisher.lookup(source)[fmt].recipe == OTHER


@pytest.mark.parametrize("newer", [NEWER_RULES, NEWER_LIST])
@pytest.mark.parametrize("compacted", [False, True])
def test_newer_rules_or_lists_replace_both_formats(
    memory_lake: LakeUnderTest, newer: Recipe, *, compacted: bool
) -> None:
    lake = memory_lake
    if compacted:  # into a generation without it, so that it shows as a loose copy
        lake.put_raw("other")
        for fmt in FORMATS:
            point(lake, fmt, build_generation(lake, fmt, "g1", {"other": ["x"]}))
    source = lake.put_raw("one")
    publish_both(lake, source, RECIPE)
    publish_both(lake, source, newer, "a")
    assert landed_recipes(lake, source) == [newer, newer]
    for fmt in FORMATS:
        assert lake.visible(fmt) == (["a", "x"] if compacted else ["a"])


def test_a_file_that_does_not_say_its_recipe_is_replaced_by_one_that_does(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    source = lake.put_raw("one")
    lake.publish("json", source, recipe=UNKNOWN)
    publish_both(lake, source, RECIPE)
    assert landed_recipes(lake, source) == [RECIPE, RECIPE]


@pytest.mark.parametrize("newer", [NEWER_RULES, NEWER_LIST])
def test_older_rules_or_lists_replace_nothing(memory_lake: LakeUnderTest, newer: Recipe) -> None:
    lake = memory_lake
    source = lake.put_raw("one")
    lake.publish("json", source, recipe=newer)
    with pytest.raises(NewerRecipeError, match="deploy the newer version everywhere"):
        lake.publish("json", source)
    assert lake.publisher.lookup(source)["json"].recipe == newer


@pytest.mark.parametrize("merged", [RECIPE, UNKNOWN])
def test_what_is_merged_by_older_rules_stays(memory_lake: LakeUnderTest, merged: Recipe) -> None:
    lake = memory_lake
    source = lake.put_raw("one")
    point(lake, "json", build_generation(lake, "json", "g1", {"one": ["a"]}, recipe=merged))
    assert lake.publish("json", source, recipe=NEWER_RULES) == PublishOutcome.ALREADY_MERGED
    assert lake.keys("processed/json/year") == []


def test_rules_that_came_too_late_for_a_merge_are_told(memory_lake: LakeUnderTest) -> None:
    """The generation was announced between the look at what is there and the put."""
    lake = memory_lake
    source = lake.put_raw("one")
    lake.publish("json", source)
    landing = f"s3://{BUCKET}/{lake.layout.landing_dir(JSON_DAY)}"
    announced = build_generation(lake, "json", "g1", {"one": ["a", "b"]})
    point(lake, "json", landing, announced=announced)
    assert lake.publish("json", source, ["a"], recipe=NEWER_RULES) == PublishOutcome.STALE
