"""Breaches planted one by one in a lake that is clean otherwise."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.lake.aws.partitions import Declares
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.errors import ManifestVersionError
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.operate.audit import AuditReader, Repairer, Repairs, Verdict, judge
from clickstream_lake.transform.process import RawObjectProcessor
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest

LINES = b'{"event_id":"1"}\n\nnot json\n{"event_id":"2"}\n'
SOON = timedelta(hours=1)
LANDING = f"processed/json/{DAY.path}/"


def raw_object(lake: LakeUnderTest, name: str, text: bytes = LINES) -> str:
    key = f"raw/{DAY.path}/{name}.gz"
    lake.store.put_bytes(key, gzip.compress(text, mtime=0))
    return key


def transform(lake: LakeUnderTest, *keys: str) -> None:
    processor = RawObjectProcessor(
        store=lake.store,
        publisher=lake.publisher,
        catalogs=Catalogs(lake.store, lake.layout, load_catalog()),
        config=Config(bucket=BUCKET, database=DATABASE),
        now=lambda: datetime.now(UTC),
        scratch=lake.folder,
    )
    for key in keys:
        processor.process(key)


def compact(lake: LakeUnderTest) -> None:
    for fmt in ("json", "parquet"):
        lake.operations().compactor.compact(Slot(fmt, DAY), force=True)


def clean_up(lake: LakeUnderTest) -> None:
    later = datetime.now(UTC) + timedelta(days=2)
    lake.operations(now=lambda: later).clean_up(partitions=[DAY], dry_run=False)


@pytest.fixture
def lake(lake: LakeUnderTest) -> LakeUnderTest:
    """Two sources merged, one late, one damaged as a whole; each with blank and bad lines."""
    transform(lake, raw_object(lake, "a"), raw_object(lake, "b"))
    compact(lake)
    transform(lake, raw_object(lake, "late"))
    lake.store.put_bytes(f"raw/{DAY.path}/damaged.gz", b"this is no gzip")
    transform(lake, f"raw/{DAY.path}/damaged.gz")
    return lake


def audit(lake: LakeUnderTest, *, deep: bool = False, after: timedelta = SOON) -> Verdict:
    view = AuditReader(lake, load_catalog(), deep=deep).read(DAY)
    return judge(view, now=datetime.now(UTC) + after, settle=timedelta(minutes=15))


def kinds(verdict: Verdict) -> set[str]:
    return {f"{breach.kind} {breach.format or ''}".strip() for breach in verdict.breaches}


def repair(lake: LakeUnderTest, verdict: Verdict) -> Repairs:
    repairer = Repairer(lake, load_catalog(), lambda keys: transform(lake, *keys))
    return repairer.repair(verdict.breaches)


def first_key(lake: LakeUnderTest, prefix: str, part: str) -> str:
    return next(key for key in lake.keys(prefix) if part in key)


def current_directory(lake: LakeUnderTest) -> str:
    return str(lake.location("json")).split("/", 3)[3]


@pytest.mark.parametrize("deep", [False, True])
def test_a_clean_lake_has_no_breach(lake: LakeUnderTest, *, deep: bool) -> None:
    verdict = audit(lake, deep=deep)
    assert verdict.breaches == ()
    assert (verdict.sources, verdict.rows, verdict.rejected, verdict.pending) == (4, 6, 4, 0)
    clean_up(lake)
    assert audit(lake, deep=deep).breaches == ()


def test_a_young_raw_object_is_pending(lake: LakeUnderTest) -> None:
    raw_object(lake, "new")
    verdict = audit(lake, after=timedelta())
    assert (verdict.breaches, verdict.pending) == ((), 1)


def test_a_source_that_was_never_transformed_is_a_gap_and_asked_for_again(
    lake: LakeUnderTest,
) -> None:
    raw_object(lake, "forgotten")
    verdict = audit(lake)
    assert kinds(verdict) == {"gap json", "gap parquet"}
    assert repair(lake, verdict).done == (f"queued raw/{DAY.path}/forgotten.gz once more",)
    assert audit(lake).breaches == ()


def test_a_deleted_output_is_a_gap(lake: LakeUnderTest) -> None:
    lake.store.delete([key for key in lake.keys("processed/json/") if "late-" in key])
    verdict = audit(lake)
    assert kinds(verdict) == {"gap json"}
    repair(lake, verdict)
    assert audit(lake).breaches == ()


def test_a_deleted_loose_copy_hides_a_source_and_is_healed(lake: LakeUnderTest) -> None:
    lake.store.delete([first_key(lake, current_directory(lake), "late-")])
    verdict = audit(lake)
    assert kinds(verdict) == {"hidden json"}
    assert len(repair(lake, verdict).done) == 1
    assert audit(lake).breaches == ()


def test_a_deleted_merged_file_is_broken(lake: LakeUnderTest) -> None:
    lake.store.delete([first_key(lake, current_directory(lake), "merged-")])
    verdict = audit(lake)
    assert kinds(verdict) == {"broken file json"}
    assert repair(lake, verdict).left == verdict.breaches


def test_a_truncated_merged_file_is_broken(lake: LakeUnderTest) -> None:
    key = first_key(lake, current_directory(lake), "merged-")
    lake.store.put_bytes(key, lake.store.read(key)[:-5])
    assert kinds(audit(lake)) == {"broken file json"}


def test_a_file_with_other_rows_than_it_says_is_found_by_a_deep_audit(lake: LakeUnderTest) -> None:
    key = first_key(lake, current_directory(lake), "late-")
    head = lake.store.head(key)
    assert head is not None
    lake.store.put_bytes(key, b'{"event_id":"1"}\n', metadata=head.metadata)
    landing = first_key(lake, LANDING, "late-")
    lake.store.put_bytes(landing, b'{"event_id":"1"}\n', metadata=head.metadata)
    lake.store.copy(landing, key, size=17)
    assert kinds(audit(lake)) == set()
    assert kinds(audit(lake, deep=True)) == {"broken file json"}


def test_an_unreadable_file_is_found_by_a_deep_audit(lake: LakeUnderTest) -> None:
    location = str(lake.location("parquet")).split("/", 3)[3]
    key = first_key(lake, location, "merged-")
    lake.store.put_bytes(key, bytes(len(lake.store.read(key))))
    assert kinds(audit(lake, deep=True)) == {"broken file parquet"}


def test_a_merged_source_that_is_loose_too_is_doubled(lake: LakeUnderTest) -> None:
    landing = first_key(lake, LANDING, "/a-")
    lake.store.copy(landing, current_directory(lake) + landing.rsplit("/", 1)[-1], size=1)
    assert kinds(audit(lake)) == {"doubled json"}


def test_a_source_under_two_names_is_doubled(lake: LakeUnderTest) -> None:
    key = first_key(lake, current_directory(lake), "late-")
    lake.store.copy(key, key + ".gz", size=1)
    assert kinds(audit(lake)) == {"doubled json"}


def test_a_copy_of_a_merged_file_is_foreign(lake: LakeUnderTest) -> None:
    key = first_key(lake, current_directory(lake), "merged-")
    lake.store.copy(key, key.replace("merged-", "again-"), size=1)
    assert kinds(audit(lake)) == {"foreign file json"}


def test_a_file_that_no_transform_wrote_is_foreign(lake: LakeUnderTest) -> None:
    lake.store.put_bytes(current_directory(lake) + "guest.json", b"{}\n")
    verdict = audit(lake)
    assert kinds(verdict) == {"foreign file json"}
    assert "send them through Firehose" in verdict.breaches[0].detail


def drop_partition(lake: LakeUnderTest, table: str) -> None:
    if hasattr(lake.glue, "delete_partition"):
        lake.glue.delete_partition(
            DatabaseName=DATABASE, TableName=TABLES[table], PartitionValues=DAY.values
        )
    else:
        del lake.glue.partitions[TABLES[table], tuple(DAY.values)]


@pytest.mark.parametrize("cleaned", [False, True])
def test_a_missing_partition_is_registered_where_its_rows_are(
    lake: LakeUnderTest, *, cleaned: bool
) -> None:
    if cleaned:
        clean_up(lake)
    drop_partition(lake, "json")
    verdict = audit(lake)
    assert "missing partition json" in kinds(verdict)
    repair(lake, verdict)
    assert audit(lake).breaches == ()


def test_a_missing_partition_declares_no_column_that_its_files_may_lack(
    lake: LakeUnderTest,
) -> None:
    compact(lake)
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    coupon = {"name": "coupon", "type": "bigint", "added": "2025-11-27"}
    after = parse_catalog({**document, "columns": [*document["columns"], coupon]})
    slots = [Slot("json", DAY), Slot("parquet", DAY)]
    for slot in slots:
        table = after.glue_table_input(slot.format, BUCKET)
        lake.glue.update_table(DatabaseName=DATABASE, TableInput=table)
        drop_partition(lake, slot.format)
    lake.partitions._tables.clear()  # as another process, which has asked for none
    breaches = audit(lake).breaches
    Repairer(lake, after, list).repair(breaches)
    states = [lake.state(slot) for slot in slots]
    assert [state and "coupon" in dict(state.columns) for state in states] == [False, False]
    assert lake.operations(catalog=after).plan(dry_run=True).behind == 2


def test_a_partition_is_not_registered_at_an_older_generation_than_a_newer_versions(
    lake: LakeUnderTest,
) -> None:
    slot = Slot("json", DAY)
    lake.store.put_bytes(lake.layout.manifest_key(slot, "newer"), b'{"version": 3}')
    drop_partition(lake, "json")
    verdict = audit(lake)
    with pytest.raises(ManifestVersionError, match="deploy the newer version"):
        repair(lake, verdict)
    assert lake.state(slot) is None


def test_a_missing_partition_of_the_rejects_is_registered(lake: LakeUnderTest) -> None:
    drop_partition(lake, "rejects")
    verdict = audit(lake)
    assert kinds(verdict) == {"missing partition"}
    repair(lake, verdict)
    assert audit(lake).breaches == ()


@pytest.mark.parametrize("where", ["s3://elsewhere/x/", f"s3://{BUCKET}/processed/json/"])
def test_a_wrong_location_is_found(lake: LakeUnderTest, where: str) -> None:
    lake.partitions._update(TABLES["json"], DAY, lambda _: (where, {}), Declares.ITS_OWN)
    assert "damaged partition json" in kinds(audit(lake))


def test_a_replaced_raw_object_is_stale(lake: LakeUnderTest) -> None:
    raw_object(lake, "a", b'{"event_id":"new"}\n')
    assert kinds(audit(lake)) == {"stale json", "stale parquet"}


def test_a_source_without_its_raw_object_is_an_orphan(lake: LakeUnderTest) -> None:
    lake.store.delete([f"raw/{DAY.path}/a.gz"])
    assert kinds(audit(lake)) == {"orphan json", "orphan parquet"}


def test_raw_objects_may_expire_all_together(lake: LakeUnderTest) -> None:
    lake.store.delete(lake.keys("raw/"))
    assert audit(lake).breaches == ()


def test_lost_rejects_are_found(lake: LakeUnderTest) -> None:
    lake.store.delete([first_key(lake, "rejected/", "/a-")])
    assert kinds(audit(lake)) == {"conservation json", "conservation parquet"}


def test_rejects_that_are_tallied_count_as_many(lake: LakeUnderTest) -> None:
    transform(lake, raw_object(lake, "garbage", b"x\n" * 2_500 + LINES))
    assert audit(lake).breaches == ()
    key = first_key(lake, "rejected/", "/garbage-")
    text = lake.store.read(key).replace(b'"texts":1501', b'"texts":1500')
    lake.store.put_bytes(key, text)
    assert kinds(audit(lake)) == {"conservation json", "conservation parquet"}


def test_rows_of_rejects_from_before_there_were_tallies_count_as_one(lake: LakeUnderTest) -> None:
    key = first_key(lake, "rejected/", "/a-")
    lake.store.put_bytes(key, lake.store.read(key).replace(b'"texts":1,', b""))
    assert audit(lake).breaches == ()


def change_metadata_of_late(lake: LakeUnderTest, changes: dict[str, str]) -> None:
    """Let the loose copy of the late source say something else of itself."""
    key = first_key(lake, current_directory(lake), "late-")
    head = lake.store.head(key)
    assert head is not None
    lake.store.put_bytes(key, lake.store.read(key), metadata={**head.metadata, **changes})


def test_figures_that_do_not_add_up_are_found(lake: LakeUnderTest) -> None:
    change_metadata_of_late(lake, {"rows": "1"})
    assert kinds(audit(lake)) == {"conservation json", "disparity"}


def test_two_values_of_processed_ts_are_found(lake: LakeUnderTest) -> None:
    change_metadata_of_late(lake, {"processed-ts": "2000-01-01T00:00:00.000Z"})
    assert kinds(audit(lake)) == {"disparity"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"catalog": "c0ffee" * 8}, "JSON was made by the catalog c0ffeec0ffee, rules 1, Parquet"),
        ({"rules": "2"}, "rules 2, Parquet by the catalog"),
        ({"suppression": "20251127"}, "list 20251127, rules 1, Parquet"),
    ],
)
def test_two_formats_by_two_recipes_are_found(
    lake: LakeUnderTest, change: dict[str, str], said: str
) -> None:
    change_metadata_of_late(lake, change)
    verdict = audit(lake)
    assert kinds(verdict) == {"disparity"}
    assert said in verdict.breaches[0].detail


def test_a_file_from_before_there_were_recipes_is_no_breach(lake: LakeUnderTest) -> None:
    change_metadata_of_late(lake, {"catalog": "", "rules": "0"})
    assert kinds(audit(lake)) == set()


def test_a_file_without_figures_is_found(lake: LakeUnderTest) -> None:
    key = first_key(lake, current_directory(lake), "late-")
    lake.store.put_bytes(key, lake.store.read(key))
    assert {"conservation json", "stale json"} <= kinds(audit(lake))


def test_a_stale_schema_of_a_partition_is_found(lake: LakeUnderTest) -> None:
    for entry in _partition_inputs(lake):
        entry["StorageDescriptor"]["Columns"] = entry["StorageDescriptor"]["Columns"][:-1]
        lake.glue.update_partition(
            DatabaseName=DATABASE,
            TableName=TABLES["json"],
            PartitionValueList=DAY.values,
            PartitionInput=entry,
        )
    verdict = audit(lake)
    assert kinds(verdict) == {"schema drift json"}
    assert "missing: processed_ts string" in verdict.breaches[0].detail


def _partition_inputs(lake: LakeUnderTest) -> list[dict[str, Any]]:
    answer = lake.glue.get_partition(
        DatabaseName=DATABASE, TableName=TABLES["json"], PartitionValues=DAY.values
    )
    known = ("Values", "StorageDescriptor", "Parameters")
    return [json.loads(json.dumps({name: answer["Partition"][name] for name in known}))]


def test_every_partition_with_raw_objects_or_in_glue_is_audited(lake: LakeUnderTest) -> None:
    older = Partition.parse("year=2024/month=01/day=01")
    lake.store.put_bytes(f"raw/{older.path}/x.gz", b"")
    lake.store.put_bytes("raw/strange.gz", b"")
    reader = AuditReader(lake, load_catalog())
    assert reader.partitions() == [older, DAY]
    assert reader.partitions(since=date(2025, 1, 1)) == [DAY]
