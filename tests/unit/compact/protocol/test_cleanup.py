import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from clickstream_lake.compact.protocol.cleanup import CleanupResult
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Slot
from clickstream_lake.lake.manifest import Manifests
from tests.protocol.lake import (
    BUCKET,
    DATABASE,
    DAY,
    JSON_DAY,
    PARQUET_DAY,
    TABLES,
    LakeUnderTest,
    rows_of,
)

DAYS = timedelta(days=1)
GENERATIONS = "processed/json/compacted/"
MANIFESTS = "manifests/json/"
LANDING = f"processed/json/{DAY.path}/"
GUARD = f"{LANDING}_=READ-BY-GLUE-PARTITIONS.json"


@pytest.fixture
def lake(lake: LakeUnderTest) -> LakeUnderTest:
    """A partition of two sources, compacted once."""
    for name in "ab":
        lake.publish("json", lake.put_raw(name), [name])
    lake.operations().compactor.compact(JSON_DAY, force=True)
    return lake


def clean(
    lake: LakeUnderTest, *, after: timedelta, dry_run: bool = False, fmt: Format = "json"
) -> CleanupResult:
    operations = lake.operations(now=lambda: datetime.now(UTC) + after)
    return operations.cleaner.clean(Slot(fmt, DAY), dry_run=dry_run)


def change_by_hand(
    lake: LakeUnderTest,
    *,
    location: str | None = None,
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Change the partition as somebody with a Glue client of theirs would."""
    table = {"DatabaseName": DATABASE, "TableName": TABLES["json"]}
    found = lake.glue.get_partition(**table, PartitionValues=DAY.values)["Partition"]
    storage = found["StorageDescriptor"]
    lake.glue.update_partition(
        **table,
        PartitionValueList=DAY.values,
        PartitionInput={
            "Values": DAY.values,
            "StorageDescriptor": {**storage, "Location": location or storage["Location"]},
            "Parameters": found["Parameters"] if parameters is None else parameters,
        },
    )


def compact_again(lake: LakeUnderTest, name: str) -> None:
    lake.publish("json", lake.put_raw(name), [name])
    lake.operations().compactor.compact(JSON_DAY, force=True)


def test_merged_landing_files_go_after_the_grace_period(lake: LakeUnderTest) -> None:
    result = clean(lake, after=2 * DAYS)
    assert (result.outcome, result.landing_files, result.files) == ("cleaned", 2, 2)
    assert lake.keys(LANDING) == [GUARD]
    assert lake.visible("json") == ["a", "b"]


def test_readers_of_landing_directories_fail_once_files_have_gone_and_not_before(
    lake: LakeUnderTest,
) -> None:
    clean(lake, after=timedelta(hours=23))
    clean(lake, after=2 * DAYS, dry_run=True)
    assert GUARD not in lake.keys(LANDING)
    clean(lake, after=2 * DAYS)
    with pytest.raises(json.JSONDecodeError):
        rows_of(GUARD, lake.store.read(GUARD))


def test_nobody_fails_who_could_not_miss_a_row(lake: LakeUnderTest) -> None:
    """A clean-up that deletes generations, and no landing file."""
    clean(lake, after=2 * DAYS)
    lake.store.delete([GUARD])
    directory = lake.layout.generation_dir(JSON_DAY, "abandoned")
    lake.store.put_bytes(directory + "merged-0.json", b"half")
    assert clean(lake, after=4 * DAYS).generations == ("abandoned",)
    assert GUARD not in lake.keys(LANDING)


def test_the_guard_is_no_file_of_the_lakes(lake: LakeUnderTest) -> None:
    clean(lake, after=2 * DAYS)
    compact_again(lake, "c")
    assert lake.visible("json") == ["a", "b", "c"]
    assert GUARD.rpartition("/")[2] not in "".join(lake.keys(GENERATIONS))
    change_by_hand(lake, location=f"s3://{BUCKET}/{LANDING}", parameters={})
    assert lake.visible("json") == ["c"]  # queries skip it even there


def test_nothing_goes_within_the_grace_period(lake: LakeUnderTest) -> None:
    keys = lake.keys()
    result = clean(lake, after=timedelta(hours=23))
    assert result.outcome == "skipped"
    assert "within the grace period" in result.reason
    assert lake.keys() == keys


def test_a_dry_run_only_tells(lake: LakeUnderTest) -> None:
    keys = lake.keys()
    result = clean(lake, after=2 * DAYS, dry_run=True)
    assert (result.outcome, result.landing_files) == ("would_clean", 2)
    assert result.bytes > 0
    assert lake.keys() == keys


def test_a_second_clean_up_finds_nothing(lake: LakeUnderTest) -> None:
    clean(lake, after=2 * DAYS)
    assert clean(lake, after=3 * DAYS).outcome == "nothing"


def test_unmerged_landing_files_stay(lake: LakeUnderTest) -> None:
    lake.publish("json", lake.put_raw("late"), ["late"])
    assert clean(lake, after=2 * DAYS).landing_files == 2
    assert [key for key in lake.keys(LANDING) if "late-" in key]


def test_replaced_generations_go(lake: LakeUnderTest) -> None:
    compact_again(lake, "c")
    result = clean(lake, after=2 * DAYS)
    assert len(result.generations) == 1
    assert len(lake.keys(GENERATIONS)) == 1  # the current one's merged file
    assert len(lake.keys(MANIFESTS)) == 1
    assert lake.visible("json") == ["a", "b", "c"]


def test_the_announced_generation_stays(lake: LakeUnderTest) -> None:
    old = str(lake.location("json"))
    compact_again(lake, "c")
    current = str(lake.location("json"))
    lake.partitions.announce(TABLES["json"], DAY, current=current, next_location=old)
    assert clean(lake, after=2 * DAYS).generations == ()


def test_a_generation_written_to_lately_stays(lake: LakeUnderTest) -> None:
    directory = lake.layout.generation_dir(JSON_DAY, "under-construction")
    lake.store.put_bytes(directory + "merged-0.json", b"{}\n")
    # The present generation is older than the grace period; that one is not.
    operations = lake.operations(grace_seconds=0)
    assert operations.cleaner.clean(JSON_DAY, dry_run=True).generations == ("under-construction",)
    change_by_hand(lake, parameters={"became_current": (datetime.now(UTC) - 5 * DAYS).isoformat()})
    result = clean(lake, after=timedelta())
    assert result.kept == ("under-construction: written to within the grace period",)
    assert lake.keys(directory)


def test_an_abandoned_generation_goes_though_nothing_was_ever_swapped(lake: LakeUnderTest) -> None:
    lake.publish("parquet", lake.put_raw("a"), ["a"])
    directory = lake.layout.generation_dir(PARQUET_DAY, "abandoned")
    lake.store.put_bytes(directory + "merged-0.parquet", b"half")
    assert clean(lake, after=timedelta(hours=1), fmt="parquet").outcome == "nothing"
    assert clean(lake, after=2 * DAYS, fmt="parquet").generations == ("abandoned",)
    assert lake.visible("parquet") == ["a"]


def test_a_generation_that_holds_the_only_copy_stays(lake: LakeUnderTest) -> None:
    """Somebody dropped the partition and registered its landing directory again."""
    clean(lake, after=2 * DAYS)
    lake.glue.delete_partition(
        DatabaseName="lake_database", TableName=TABLES["json"], PartitionValues=DAY.values
    ) if hasattr(lake.glue, "delete_partition") else lake.glue.partitions.clear()
    lake.partitions.create(TABLES["json"], DAY, f"s3://{BUCKET}/{LANDING}")
    result = clean(lake, after=5 * DAYS)
    assert result.generations == ()
    assert "2 sources that are nowhere else" in result.kept[0]


def test_a_partition_turned_back_by_hand_is_left_alone(lake: LakeUnderTest) -> None:
    change_by_hand(lake, location=f"s3://{BUCKET}/{LANDING}")
    assert "by hand" in clean(lake, after=5 * DAYS).reason


def test_a_generation_without_its_date_is_left_alone(lake: LakeUnderTest) -> None:
    change_by_hand(lake, parameters={})
    assert "not known" in clean(lake, after=5 * DAYS).reason


def test_a_partition_that_moves_meanwhile_is_left_for_the_next_run(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = ObjectStore.list
    moves = [lambda: compact_again(lake, "c")]

    def moved_meanwhile(self: ObjectStore, prefix: str) -> object:
        found = list(listing(self, prefix))
        if prefix.startswith(GENERATIONS) and moves and prefix.endswith(f"{DAY.path}/"):
            moves.pop()()
        return iter(found)

    monkeypatch.setattr(ObjectStore, "list", moved_meanwhile)
    result = clean(lake, after=2 * DAYS)
    assert (result.outcome, result.reason.split(";")[0]) == (
        "skipped",
        "it moved during the clean-up",
    )
    assert lake.visible("json") == ["a", "b", "c"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_partition_that_is_not_registered_is_skipped(
    memory_lake: LakeUnderTest, fmt: Format
) -> None:
    assert clean(memory_lake, after=2 * DAYS, fmt=fmt).reason == "not registered"


def test_a_generation_with_a_damaged_manifest_stays(lake: LakeUnderTest) -> None:
    directory = lake.layout.generation_dir(JSON_DAY, "odd")
    lake.store.put_bytes(directory + "_manifest.json", b"{}")
    result = clean(lake, after=2 * DAYS)
    assert result.generations == ()
    assert result.kept[0].startswith("odd: this is not a manifest")


def as_before(lake: LakeUnderTest) -> None:
    """Put every manifest where an older version wrote it."""
    for key in lake.keys(MANIFESTS):
        generation_id = key.split("/")[-2]
        lake.store.put_bytes(
            lake.layout.old_manifest_key(JSON_DAY, generation_id), lake.store.read(key)
        )
        lake.store.delete([key])
    lake.manifests = Manifests(lake.store, lake.layout)


def test_a_replaced_generation_of_an_older_version_goes_with_its_manifest(
    lake: LakeUnderTest,
) -> None:
    as_before(lake)
    compact_again(lake, "c")
    assert len(clean(lake, after=2 * DAYS).generations) == 1
    assert [key.rsplit("/", 1)[-1] for key in lake.keys(MANIFESTS)] == ["manifest.json"]
    assert not [key for key in lake.keys(GENERATIONS) if key.endswith("_manifest.json")]
    assert lake.visible("json") == ["a", "b", "c"]


def test_an_older_versions_generation_that_holds_the_only_copy_stays(lake: LakeUnderTest) -> None:
    clean(lake, after=2 * DAYS)
    as_before(lake)
    change_by_hand(lake, location=f"s3://{BUCKET}/{LANDING}", parameters={})
    result = clean(lake, after=5 * DAYS)
    assert result.generations == ()
    assert "2 sources that are nowhere else" in result.kept[0]


def test_a_manifest_whose_data_files_are_gone_goes_too(lake: LakeUnderTest) -> None:
    """The clean-up before ended half-way, or an older version deleted the data files alone."""
    compact_again(lake, "c")
    old = next(name for name in lake.manifests.names(JSON_DAY) if name not in current(lake))
    lake.store.delete(lake.keys(lake.layout.generation_dir(JSON_DAY, old)))
    assert clean(lake, after=timedelta(hours=1)).generations == ()
    assert clean(lake, after=2 * DAYS).generations == (old,)
    assert [key.split("/")[-2] in current(lake) for key in lake.keys(MANIFESTS)] == [True]


def test_the_data_files_go_before_the_manifest(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    compact_again(lake, "c")
    deleted: list[str] = []
    delete = lake.store.delete
    monkeypatch.setattr(lake.store, "delete", lambda keys: (deleted.extend(keys), delete(keys)))
    clean(lake, after=2 * DAYS)
    assert deleted[-1].startswith(MANIFESTS)
    assert any(key.startswith(GENERATIONS) for key in deleted)


def test_a_generation_of_a_newer_version_stays(lake: LakeUnderTest) -> None:
    key = lake.layout.manifest_key(JSON_DAY, "newer")
    lake.store.put_bytes(key, b'{"version": 3, "segments": []}')
    assert "deploy the newer version" in clean(lake, after=2 * DAYS).kept[0]
    assert key in lake.keys(MANIFESTS)


def current(lake: LakeUnderTest) -> str:
    return str(lake.location("json"))
