"""What counts as taken, from listings and manifests alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Slot
from clickstream_lake.lake.untaken import raw_objects, untaken
from tests.protocol.lake import DAY, LakeUnderTest


def found(lake: LakeUnderTest) -> list[str]:
    absent = untaken(lake, DAY, list(raw_objects(lake, f"raw/{DAY.path}/")))
    return [key.rpartition("/")[2].removesuffix(".gz") for key, _ in absent]


def publish(lake: LakeUnderTest, name: str, *formats: str) -> None:
    source = lake.put_raw(name)
    for fmt in FORMATS:
        if fmt in (formats or FORMATS):
            lake.publish(fmt, source, [name])


def compact(lake: LakeUnderTest, *, clean_up: bool = False) -> None:
    for fmt in FORMATS:
        lake.operations().compactor.compact(Slot(fmt, DAY), force=True)
    if clean_up:
        later = datetime.now(UTC) + timedelta(days=2)
        lake.operations(now=lambda: later).clean_up(partitions=[DAY], dry_run=False)


def reject(lake: LakeUnderTest, name: str, line: int) -> None:
    source = lake.layout.source(f"raw/{DAY.path}/{name}.gz")
    row = json.dumps({"line_number": line, "reason": "why"}).encode() + b"\n"
    lake.store.put_bytes(lake.layout.reject_key(source), row)


def test_what_no_table_has_is_found(lake: LakeUnderTest) -> None:
    lake.put_raw("a")
    lake.put_raw("b")
    assert found(lake) == ["a", "b"]


def test_it_tells_when_each_was_written(lake: LakeUnderTest) -> None:
    key = lake.put_raw("a").key
    written = lake.store.head(key).last_modified
    assert untaken(lake, DAY, list(raw_objects(lake, "raw/"))) == [(key, written)]


@pytest.mark.parametrize("fmt", FORMATS)
def test_half_taken_is_not_taken(lake: LakeUnderTest, fmt: str) -> None:
    publish(lake, "a", fmt)
    publish(lake, "b")
    assert found(lake) == ["a"]


@pytest.mark.parametrize("clean_up", [False, True])
def test_landed_merged_and_late_are_taken(lake: LakeUnderTest, *, clean_up: bool) -> None:
    publish(lake, "a")
    publish(lake, "b")
    assert found(lake) == []
    compact(lake, clean_up=clean_up)
    assert found(lake) == []
    publish(lake, "late")
    lake.put_raw("overlooked")
    assert found(lake) == ["overlooked"]


def test_what_is_rejected_whole_is_taken_and_what_only_has_rejects_is_not(
    lake: LakeUnderTest,
) -> None:
    for name, line in (("whole", 0), ("lines", 3)):
        lake.put_raw(name)
        reject(lake, name, line)
    lake.put_raw("none")
    assert found(lake) == ["lines", "none"]


def test_what_is_no_raw_object_is_none(lake: LakeUnderTest) -> None:
    for key in (f"raw/{DAY.path}/x.txt", f"raw/{DAY.path}/", "raw/day=1/x.gz"):
        lake.store.put_bytes(key, b"1")
    assert list(raw_objects(lake, "raw/")) == []
    assert found(lake) == []


def test_no_object_is_read_but_the_rejects_of_what_no_table_has(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(lake, "a")
    publish(lake, "b")
    reject(lake, "b", 3)
    compact(lake)
    publish(lake, "late")
    lake.put_raw("whole")
    reject(lake, "whole", 0)
    read: list[str] = []
    opened = ObjectStore.open

    @contextmanager
    def noting(store: ObjectStore, key: str) -> Iterator[object]:
        read.append(key)
        with opened(store, key) as answer:
            yield answer

    monkeypatch.setattr(ObjectStore, "open", noting)
    monkeypatch.setattr(ObjectStore, "head", None)
    assert found(lake) == []
    assert [key.split("/")[0] for key in read if not key.startswith("manifests/")] == ["rejected"]
    assert "whole-" in read[-1]
