from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from benchmarks.layout.receiving import ASKED, HOUR_BEFORE, THIS_HOUR, Buffers, receive
from benchmarks.layout.suite import QUERIES
from benchmarks.scan.layouts import Spec
from benchmarks.scan.run import Asked, BenchmarkError, Question, local_target
from benchmarks.scan.stage import Target

Ask = Callable[[Question], Asked]
SPEC = Spec(events=3_000)
HOURLY = Buffers("an hour", 1 << 30, timedelta(hours=1))


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with local_target("receiving") as found:
        yield found


@pytest.fixture
def ask(target: Target) -> Ask:
    """Reads all files of the table's partition, whatever the question."""

    def read(one: Question) -> Asked:
        (partition,) = target.glue.get_partitions(
            DatabaseName=target.database, TableName=one.layout.name
        )["Partitions"]
        location = partition["StorageDescriptor"]["Location"]
        prefix = location.removeprefix(f"s3://{target.bucket}/")
        listed = target.s3.list_objects_v2(Bucket=target.bucket, Prefix=prefix)["Contents"]
        return Asked(sum(entry["Size"] for entry in listed), [0], 1, None)

    return read


def test_each_moment_is_asked_everything_and_compaction_works_in_between(
    target: Target, ask: Ask
) -> None:
    found = receive(SPEC, target, ask, say=lambda _: None, buffers=[HOURLY])
    assert len(found) == len(ASKED) * (len(QUERIES) + 2)
    assert {one.hour for one in found} == {"", HOUR_BEFORE, THIS_HOUR}
    first, last = found[0], found[-1]
    assert (first.at, first.merged, first.loose) == ("02:55", 0, first.landing)
    assert first.scanned == first.scanned_landing
    assert (last.at, last.merged) == ("23:55", 1)
    assert last.landing > 8
    # Eight landing files make a partition worth compacting.
    assert all(one.loose <= 8 for one in found)
    assert last.scanned < last.scanned_landing
    assert not target.s3.list_objects_v2(Bucket=target.bucket)["KeyCount"]


def test_an_answer_with_other_rows_is_an_error(target: Target, ask: Ask) -> None:
    def wrong(one: Question) -> Asked:
        asked = ask(one)
        return replace(asked, rows=asked.rows + 1) if one.layout.name == "landed" else asked

    with pytest.raises(BenchmarkError, match="other rows at 02:55: one column"):
        receive(SPEC, target, wrong, say=lambda _: None, buffers=[HOURLY])
