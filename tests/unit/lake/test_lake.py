from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocol.clients import memory
from tests.protocol.lake import JSON_DAY, LakeUnderTest


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeUnderTest]:
    with memory() as (s3, glue):
        made = LakeUnderTest(s3, glue, tmp_path)
        made.create_tables()
        yield made


def shown(lake: LakeUnderTest) -> list[str]:
    return [found.key for found in lake.shown_files(JSON_DAY)]


def test_a_slot_that_is_not_registered_shows_nothing(lake: LakeUnderTest) -> None:
    lake.store.put_bytes(lake.layout.landing_dir(JSON_DAY) + "a.json", b"{}\n")
    assert shown(lake) == []


def test_a_slot_shows_what_lies_where_it_points(lake: LakeUnderTest) -> None:
    lake.publish("json", lake.put_raw("a"))
    landed = shown(lake)
    assert landed == lake.keys(lake.layout.landing_dir(JSON_DAY))
    lake.operations().compactor.compact(JSON_DAY, force=True)
    merged = shown(lake)
    assert "/compacted/" in merged[0]
    assert len(merged) == 1


def test_the_lake_sees_what_a_query_reads(lake: LakeUnderTest) -> None:
    directory = lake.layout.landing_dir(JSON_DAY)
    lake.publish("json", lake.put_raw("a"))
    before = shown(lake)
    for name in ("_tmp/a.json", "sub/_b.json", ".c.json", "sub/"):
        lake.store.put_bytes(directory + name, b"{}\n")
    assert set(shown(lake)) - set(before) == {directory + "_tmp/a.json"}
    lake.operations().compactor.compact(JSON_DAY, force=True)
    assert [key for key in shown(lake) if "_tmp/" in key]
