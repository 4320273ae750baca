import json
from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.lake.accounts import accounts, partitions_between
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.manifest import Manifest
from clickstream_lake.lake.undeclared import Undeclared, total
from tests.protocol.lake import DAY, JSON_DAY, PARQUET_DAY, LakeUnderTest


def land(lake: LakeUnderTest, name: str, extras: Sequence[Any], partition: Partition = DAY) -> None:
    """A landing file of each format, with undeclared fields in the Parquet one."""
    source = lake.put_raw(name, name.encode(), partition)
    ids = [f"{name}-{row}" for row in range(len(extras))]
    for fmt in FORMATS:
        file = lake.landing(fmt, source, ids)
        if fmt == "parquet":
            table = pq.read_table(file.path)
            texts = [None if extra is None else json.dumps(extra) for extra in extras]
            at = table.schema.names.index("extra")
            table = table.set_column(at, table.schema.field("extra"), pa.array(texts, pa.string()))
            pq.write_table(table, file.path)
        lake.publisher.publish(fmt, source, file)


def compact(lake: LakeUnderTest, slot: Slot = PARQUET_DAY) -> Manifest:
    lake.operations().compactor.compact(slot, force=True)
    generation = lake.at(slot, lake.location(slot.format, slot.partition))
    assert generation is not None
    return generation.manifest


def account(manifest: Manifest) -> Undeclared:
    assert manifest.undeclared is not msgspec.UNSET
    return manifest.undeclared


def test_compaction_says_which_undeclared_fields_there_are(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", [{"coupon": "A"}, {"coupon": "B", "price": "free"}])
    land(lake, "b", [None, {"coupon": "C"}])
    manifest = compact(lake)
    found = account(manifest)
    assert (found.rows, found.sampled) == (4, 4)
    assert found.fields.keys() == {"coupon"}
    assert found.fields["coupon"].events == 3
    assert found.fields["coupon"].since == manifest.created_at[:19] + "+00:00"
    assert compact(lake, JSON_DAY).undeclared is msgspec.UNSET


def test_a_row_is_counted_once_however_often_it_is_merged(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", [{"coupon": "A"}] * 4)
    first = account(compact(lake))
    land(lake, "b", [{"coupon": 1, "score": 1}] * 3)
    manifest = compact(lake)
    assert len(manifest.files) == 1
    found = account(manifest)
    assert (found.rows, found.sampled) == (7, 7)
    assert found.fields["coupon"].kinds == {"text": 4, "whole": 3}
    assert found.fields["coupon"].since == first.fields["coupon"].since
    assert found.fields["score"].events == 3


def test_an_older_manifests_rows_are_not_counted_and_do_no_harm(
    memory_lake: LakeUnderTest,
) -> None:
    lake = memory_lake
    land(lake, "a", [{"coupon": "A"}] * 4)
    manifest = compact(lake)
    key = lake.layout.manifest_key(PARQUET_DAY, manifest.generation_id)
    document = json.loads(lake.store.read(key))
    del document["undeclared"]
    lake.store.put_bytes(key, json.dumps(document).encode())
    again = LakeUnderTest(lake.s3, lake.glue, lake.folder)
    assert list(accounts(again, partitions_between(again, None, None))) == []
    land(again, "b", [{"coupon": "A"}] * 3)
    found = account(compact(again))
    assert (found.rows, found.fields["coupon"].events) == (3, 3)


def test_accounts_are_read_of_the_days_that_are_asked_for(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    days = [Partition.parse(f"year=2025/month=11/day={day}") for day in (25, 26, 27)]
    for day in days:
        land(lake, f"d{dict(day.keys)['day']}", [{"coupon": 1}] * 2, day)
    for day in days[:2]:
        compact(lake, Slot("parquet", day))

    def read(since: date | None, until: date | None) -> list[Undeclared]:
        return list(accounts(lake, partitions_between(lake, since, until)))

    # The third was never compacted: its rows are in no account.
    assert total(read(None, None)).rows == 4
    assert total(read(date(2025, 11, 26), None)).rows == 2
    assert total(read(None, date(2025, 11, 25))).rows == 2
    assert read(date(2025, 11, 27), None) == []


def test_a_partition_that_moves_meanwhile_is_left_out(memory_lake: LakeUnderTest) -> None:
    lake = memory_lake
    land(lake, "a", [{"coupon": "A"}] * 4)
    ((_, landing),) = partitions_between(lake, None, None)
    manifest = compact(lake)
    ((_, location),) = partitions_between(lake, None, None)
    gone = location.replace(manifest.generation_id, "20251126T000000Z-00000000")
    assert list(accounts(lake, [(DAY, landing), (DAY, gone)])) == []
    assert [each.rows for each in accounts(lake, [(DAY, gone), (DAY, location)])] == [4]


def test_partitions_without_a_readable_day_are_always_read(memory_lake: LakeUnderTest) -> None:
    odd = Partition.parse("year=2025/month=11/day=31")
    assert odd.date is None
    land(memory_lake, "a", [{"coupon": 1}] * 2, odd)
    found = partitions_between(memory_lake, date(2025, 11, 26), date(2025, 11, 26))
    assert [partition for partition, _ in found] == [odd]
