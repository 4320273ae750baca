"""A day that still receives: what queries read of it, and what they read of its landing files.

Events come as a stream brings them, Firehose's buffers fill, the lake's own publisher lands them,
and its planner and merge do what they do at each hourly tick. At some moments of the day an engine
is asked the same of the lake's table, and of another that shows the landing files alone.
"""

import io
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from isal import igzip

from benchmarks.layout.suite import QUERIES
from benchmarks.scan.layouts import Layout, Spec
from benchmarks.scan.run import Ask, Asked, BenchmarkError, Question, most
from benchmarks.scan.stage import Target
from benchmarks.scan.suite import Facts, Query
from clickstream_lake.compact.wiring import wire
from clickstream_lake.generate.calendar import Calendar
from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Config, Limits, OutputOptions
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingFile, LandingMetadata
from clickstream_lake.lake.layout import Layout as LakeLayout
from clickstream_lake.lake.layout import Partition, Slot, uri
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.lake.recipe import RULES, Recipe
from clickstream_lake.lake.units import MIB
from clickstream_lake.sandbox.firehose.service import Buffer, Chunk
from clickstream_lake.transform.core import Job, iso_millis, transform_stream

HOUR_BEFORE: Final = "the hour before"
THIS_HOUR: Final = "this hour"
_RECORDS: Final = 100  # that arrive at once
_LANDED: Final = "landed"


@dataclass(frozen=True, slots=True)
class Buffers:
    """When Firehose delivers: after so many bytes before compression, or after so long."""

    title: str
    size_bytes: int
    interval: timedelta


BUFFERS: Final = (
    Buffers("64 MiB, however long it takes", 64 * MIB, timedelta(days=1)),
    Buffers("64 MiB or 300 s", 64 * MIB, timedelta(seconds=300)),
)
TICKS: Final = tuple(timedelta(hours=hour) for hour in range(1, 25))
ASKED: Final = tuple(
    timedelta(hours=hour, minutes=minute)
    for hour, minute in ((2, 55), (6, 5), (9, 55), (13, 5), (16, 55), (20, 5), (21, 55), (23, 55))
)
"""Shortly before a tick, when most has landed since the last one, and shortly after one."""


@dataclass(frozen=True, slots=True)
class Received:
    """One query at one moment of the day.

    Attributes:
        buffers: title of Firehose's.
        at: time of the day.
        hour: which one is asked for; empty where the query names none.
        merged: files that compaction wrote; beside them lie `loose` landing files.
        landing: landing files in all.
        scanned: bytes that the engine read of merged and loose files.
        scanned_landing: bytes that it read of the landing files alone.
    """

    buffers: str
    at: str
    query: str
    hour: str
    merged: int
    loose: int
    landing: int
    scanned: int
    scanned_landing: int


def receive(
    spec: Spec,
    target: Target,
    ask: Ask,
    *,
    say: Callable[[str], None],
    workdir: Path | None = None,
    buffers: Sequence[Buffers] = BUFFERS,
) -> list[Received]:
    """Let a day of events arrive, once for each kind of buffers, and ask on the way.

    Raises:
        BenchmarkError: the landing files have other rows.
        ToolkitError: a query failed.
    """
    found: list[Received] = []
    for one in buffers:
        say(f"receiving a day in buffers of {one.title}")
        with (
            replace(target, prefix="").staged([]),
            tempfile.TemporaryDirectory(prefix="receiving-", dir=workdir) as folder,
        ):
            day = _Day(spec, target, Path(folder))
            due = sorted([*((at, False) for at in TICKS), *((at, True) for at in ASKED)])
            for chunk, landed in chain(
                _delivered(spec, one), [(None, day.start + timedelta(days=2))]
            ):
                while due and day.start + due[0][0] <= landed:
                    at, asked = due.pop(0)
                    day.now = day.start + at
                    if asked:
                        say(f"asking at {day.now:%H:%M}")
                        found += day.answers(ask, one)
                    else:
                        day.operations.plan(formats=["parquet"])
                if chunk is not None:
                    day.now = landed
                    day.land(chunk)
    return found


def _delivered(spec: Spec, buffers: Buffers) -> Iterator[tuple[Chunk, datetime]]:
    """What Firehose delivers, and when."""
    start = datetime.combine(spec.start, datetime.min.time(), UTC)
    calendar, waiting = Calendar(start, 1), Buffer(buffers.size_bytes, buffers.interval)
    events, arrived = generate_events(spec.seed, spec.events, start), 0
    while records := list(islice(events, _RECORDS)):
        now = start + timedelta(milliseconds=calendar.at(arrived / spec.events))
        arrived += len(records)
        for chunk in [*waiting.due(now), *waiting.add(records, now)]:
            yield chunk, now
    for chunk in waiting.flush():
        yield chunk, start + timedelta(days=1)


class _Day:
    """A lake in the target's bucket that one day's events arrive in.

    Attributes:
        now: the lake's clock.
        operations: those of the compact function.
    """

    def __init__(self, spec: Spec, target: Target, folder: Path) -> None:
        catalog = load_catalog()
        self.start = self.now = datetime.combine(spec.start, datetime.min.time(), UTC)
        self._folder = folder
        self._landed: list[Path] = []
        self._table = catalog.tables["parquet"].name
        self._lake = Lake(
            ObjectStore(target.s3, target.bucket),
            PartitionCatalog(target.glue, target.database),
            LakeLayout(),
            {fmt: table.name for fmt, table in catalog.tables.items()},
        )
        self._publisher = Publisher(self._lake)
        self.operations = wire(
            Config(bucket=target.bucket, database=target.database),
            catalog,
            self._lake,
            queue=None,
            now=lambda: self.now,
            workdir=folder,
        )
        partition = Partition.parse(
            f"year={spec.start:%Y}/month={spec.start:%m}/day={spec.start:%d}"
        )
        self._slot = Slot("parquet", partition)
        for name in (self._table, _LANDED):
            table: Any = catalog.glue_table_input("parquet", target.bucket)
            table["Name"] = name
            target.glue.create_table(DatabaseName=target.database, TableInput=table)
        location = uri(target.bucket, self._lake.layout.landing_dir(self._slot))
        self._lake.partitions.create(_LANDED, partition, location)

    def land(self, chunk: Chunk) -> None:
        """Transform and publish what Firehose delivers."""
        number = len(self._landed)
        name = f"clickstream-events-1-{chunk.arrived:%Y-%m-%d-%H-%M-%S}-{number:08x}.gz"
        source = self._lake.layout.source(f"raw/{self._slot.partition.path}/{name}")
        job = Job(source, load_catalog(), Limits(), OutputOptions(), self.now)
        raw = igzip.compress(b"".join(chunk.records), compresslevel=1)
        made = transform_stream(io.BytesIO(raw), job, self._folder)
        if not made.files:
            raise BenchmarkError(f"{name} was rejected whole: {made.stats.corrupt}")
        made.files["json"].unlink()
        metadata = LandingMetadata(
            raw_key=source.key,
            raw_etag=f"{number:032x}",
            rows=made.stats.published,
            lines=made.stats.lines,
            blank=made.stats.blank,
            rejected=made.stats.rejected_lines,
            processed_ts=iso_millis(self.now),
            recipe=Recipe(load_catalog().sha256, rules=RULES),
        )
        file = made.files["parquet"]
        self._publisher.publish("parquet", source, LandingFile(file, metadata))
        self._landed.append(file)

    def answers(self, ask: Ask, buffers: Buffers) -> Iterator[Received]:
        """Ask everything of both tables."""
        shown = self._lake.shown_files(self._slot)
        merged = sum(file.key.rsplit("/", 1)[-1].startswith("merged-") for file in shown)
        for query, hour, facts in self._questions():
            asked = [self._asked(ask, query, table, facts) for table in (self._table, _LANDED)]
            if (asked[0].rows, asked[0].digest) != (asked[1].rows, asked[1].digest):
                raise BenchmarkError(f"other rows at {self.now:%H:%M}: {query.name}")
            yield Received(
                buffers.title,
                f"{self.now:%H:%M}",
                query.name,
                hour,
                merged,
                len(shown) - merged,
                len(self._landed),
                *(one.scanned for one in asked),
            )

    def _questions(self) -> Iterator[tuple[Query, str, Facts]]:
        """Each query; those for an hour twice, the second time for the one that still receives."""
        middle = pq.read_table(
            self._landed[len(self._landed) // 2],
            columns=["event_id", "session_id"],
            partitioning=None,
        )
        facts = Facts(
            event_id=middle["event_id"][len(middle) // 2].as_py(),
            session_id=most(middle["session_id"]),
            hour=f"{self.now:%Y-%m-%d %H}:00:00",
            day=self.now.date(),
        )
        before = replace(facts, hour=f"{self.now - timedelta(hours=1):%Y-%m-%d %H}:00:00")
        for query in QUERIES:
            if "{hour}" in query.sql:
                yield query, HOUR_BEFORE, before
                yield query, THIS_HOUR, facts
            else:
                yield query, "", facts

    def _asked(self, ask: Ask, query: Query, table: str, facts: Facts) -> Asked:
        text = query.text(table, "parquet", facts)
        return ask(Question(query, Layout(table, self._folder), text))
