"""What a stream of events comes to: raw objects, files, merges, bytes. No dollars yet."""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

from clickstream_lake.compact.plan import binpack, planner
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.units import MIB
from clickstream_lake.operate.costs.measured import Measured, measured

DAY_SECONDS: Final = 86_400
MONTH_DAYS: Final = 30
_MOST_FILES: Final = 500
"""Files of one hour that are followed one by one; more are followed in bundles."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What Terraform sets; the defaults are its own, which a test compares."""

    transform_memory_mb: int = 1769
    transform_tmp_mb: int = 4096
    compact_memory_mb: int = 3008
    compact_tmp_mb: int = 10240
    compact_lookback_days: int = 3
    compact_grace_seconds: int = 86_400
    raw_glacier_days: int = 30
    raw_retention_days: int = 365
    noncurrent_version_days: int = 7
    plans_a_day: int = 24
    cleanups_a_day: int = 4
    audits_a_day: int = 24


@dataclass(frozen=True)
class Traffic:
    """One stream's events, and how they are gathered.

    Attributes:
        events_per_second: on the average of a day.
        event_bytes: of one event as sent.
        events_per_record: events that a producer puts into one Firehose record.
        buffer_mb: Firehose's buffer in MiB, `buffer_seconds` in seconds: what comes first.
        json_compression: of the JSON table.
        hour_partition: whether partitions are hours; otherwise they are days.
        months: how many months of events the lake holds.
        queries_per_day: Athena's, of `query_bytes` each.
    """

    events_per_second: float
    event_bytes: int = field(default_factory=lambda: round(measured().event_bytes))
    events_per_record: int = 1
    buffer_mb: int = 64
    buffer_seconds: int = 300
    json_compression: Literal["none", "gzip"] = "none"
    architecture: Literal["arm64", "x86_64"] = "arm64"
    hour_partition: bool = False
    kms: bool = False
    months: int = 1
    queries_per_day: int = 100
    query_bytes: float = 10 * MIB
    deployment: Deployment = Deployment()
    figures: Measured = field(default_factory=measured)

    @property
    def events(self) -> float:
        """Events of a month."""
        return self.events_per_second * DAY_SECONDS * MONTH_DAYS

    @property
    def scale(self) -> float:
        """The size of an event beside a measured one, which its costs are taken to follow."""
        return self.event_bytes / self.figures.event_bytes

    @property
    def objects_per_day(self) -> float:
        """Raw objects: one for each full buffer or each interval, whichever is sooner."""
        bytes_per_second = self.events_per_second * self.event_bytes
        interval = min(max(self.buffer_seconds, 1), self.buffer_mb * MIB / bytes_per_second)
        return min(DAY_SECONDS / interval, self.events_per_second * DAY_SECONDS)

    @property
    def events_per_object(self) -> float:
        """Events in one raw object."""
        return self.events_per_second * DAY_SECONDS / self.objects_per_day

    @property
    def raw_bytes(self) -> float:
        """Stored bytes of one event in raw/."""
        return self.figures.raw_bytes * self.scale

    def landed_bytes(self, fmt: Format) -> float:
        """Stored bytes of one event as it lands."""
        if fmt == "parquet":
            return self.figures.parquet_bytes * self.scale
        stored = self.figures.json_bytes[self.json_compression]
        if self.json_compression == "gzip":
            return stored * self.scale
        return stored - self.figures.event_bytes + self.event_bytes

    def kept_bytes(self, fmt: Format) -> float:
        """Stored bytes of one event once it is merged."""
        return self.landed_bytes(fmt) * self.figures.compact_size[fmt]

    @property
    def replaced_days(self) -> float:
        """How long a replaced file is stored, on the average.

        The clean-up waits until its partition has been quiet for the grace period; then it is an
        old version.
        """
        until_quiet = 0.5 / self.partitions_per_day
        grace = self.deployment.compact_grace_seconds / DAY_SECONDS
        return until_quiet + grace + self.deployment.noncurrent_version_days

    @property
    def partitions_per_day(self) -> int:
        """Partitions of one format that a day adds."""
        return 24 if self.hour_partition else 1

    @cached_property
    def merging(self) -> "dict[Format, Merging]":
        """What compaction does in a day, by format."""
        return {fmt: _merged(self, fmt) for fmt in FORMATS}


@dataclass(slots=True)
class Merging:
    """What compaction of one format does in a day.

    Attributes:
        merges: runs that make a generation; `merged_files` is how many files they make.
        landing_files: files that runs read for the first time.
        events: events that all runs read, the same one in several runs counted each time.
        bytes_read: of what is merged; `bytes_written` is what comes of it.
        carried: files carried over unchanged, by a copy within S3; `bytes_carried` is their size.
    """

    merges: float = 0
    merged_files: float = 0
    landing_files: float = 0
    events: float = 0
    bytes_read: float = 0
    bytes_written: float = 0
    carried: float = 0
    bytes_carried: float = 0


def _merged(traffic: Traffic, fmt: Format) -> Merging:
    """Follow one partition through its ticks by the planner's own decisions."""
    settings = CompactSettings()
    objects = traffic.objects_per_day / traffic.partitions_per_day
    # A tick falls somewhere into the hour that an hour's partition takes.
    ticks = 2 if traffic.hour_partition else traffic.deployment.plans_a_day
    # Bundles keep the bytes and the count of files; what they lose is where bins end.
    bundle = max(1, math.ceil(objects / ticks / _MOST_FILES))
    size = traffic.events_per_object * bundle * traffic.landed_bytes(fmt)
    done = Merging()
    waiting: list[binpack.File] = []
    standing: list[binpack.File] = []
    arrived = 0
    for tick in range(ticks):
        due = round(objects * (tick + 1) / ticks / bundle)
        waiting += [binpack.File(f"{number:09}", round(size)) for number in range(arrived, due)]
        arrived = due
        plan = binpack.plan([*waiting, *standing], target_bytes=settings.target_file_bytes)
        worth, _ = planner.judge(
            plan,
            waiting=len(waiting) * bundle,
            waiting_bytes=sum(file.size for file in waiting),
            settings=settings,
        )
        if worth:
            standing = _run(done, plan, traffic, fmt, bundle)
            waiting = []
    return Merging(
        **{name: getattr(done, name) * traffic.partitions_per_day for name in done.__slots__}
    )


def _run(
    done: Merging, plan: binpack.Plan, traffic: Traffic, fmt: Format, bundle: int
) -> list[binpack.File]:
    """Account for one run; the files that it leaves."""
    settings, shrink = CompactSettings(), traffic.figures.compact_size[fmt]
    made = []
    for group in plan.bins:
        fresh = sum(file.size for file in group if not file.merged)
        old = sum(file.size for file in group if file.merged)
        size = round(fresh * shrink + old)
        made.append(binpack.File(group[0].name, size, merged=True))
        done.merged_files += max(1, size / settings.target_file_bytes)
        done.landing_files += bundle * sum(not file.merged for file in group)
        done.events += fresh / traffic.landed_bytes(fmt) + old / traffic.kept_bytes(fmt)
        done.bytes_read += fresh + old
        done.bytes_written += size
    done.merges += 1
    done.carried += len(plan.carried)
    done.bytes_carried += sum(file.size for file in plan.carried)
    return [*plan.carried, *made]
