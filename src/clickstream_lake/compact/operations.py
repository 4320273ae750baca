"""What the compact function can be asked to do: plan, compact one partition, clean up.

The handler and the command line both use this; neither knows the protocol.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from clickstream_lake.compact.plan.planner import (
    OTHER_COLUMNS,
    Decision,
    decide,
    recency,
    within,
)
from clickstream_lake.compact.protocol.cleanup import Cleaner, CleanupResult
from clickstream_lake.compact.protocol.compactor import CompactionResult, Compactor
from clickstream_lake.compact.protocol.survey import Survey, survey
from clickstream_lake.compact.queue import CompactMessage, CompactQueue
from clickstream_lake.lake.aws.partitions import PartitionState
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Partition, Slot

# How long after it fell due a missed clean-up is still made up for.
_CLEANUP_MEMORY: Final = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class PlannedPartition:
    """What planning found of one partition of one format.

    Attributes:
        queued: whether it is to be compacted or healed now.
        reason: why, or why not.
        landing_files: landing files that wait for compaction; `landing_bytes` is their stored size.
        merged_files: merged files that it has now.
        expected_files: merged files that it would have after compaction.
        missing: landing files that queries should see but do not, which compacting heals.
        behind: it does not have the catalog's columns yet.
        oldest_seconds: age of the oldest landing file that waits.
    """

    format: Format
    partition: str
    queued: bool
    reason: str
    landing_files: int
    landing_bytes: int
    merged_files: int
    expected_files: int
    missing: int
    behind: bool
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What planning came to.

    Attributes:
        partitions: every partition looked at.
        left: partitions that there was no time for; the next tick looks at them.
        behind: how many do not have the catalog's columns yet, whether looked at or not; of a
            request that names partitions, of those.
        results: what was compacted at once, if there is no queue.
    """

    partitions: tuple[PlannedPartition, ...]
    left: int
    behind: int = 0
    results: tuple[CompactionResult, ...] = ()

    @property
    def oldest_waiting_seconds(self) -> float:
        """Age of the oldest landing file in a partition that is worth compacting."""
        return max((p.oldest_seconds for p in self.partitions if p.queued), default=0.0)


@dataclass(frozen=True, slots=True)
class CleanupReport:
    """What a clean-up came to; `left` counts partitions that there was no time for."""

    partitions: tuple[CleanupResult, ...]
    left: int
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Operations:
    """The compact function's work on one lake.

    Attributes:
        queue: where planned partitions go; None compacts them at once.
        out_of_time: asked before each further piece of work.
    """

    lake: Lake
    compactor: Compactor
    cleaner: Cleaner
    settings: CompactSettings
    queue: CompactQueue | None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def plan(
        self,
        *,
        partitions: Sequence[Partition] | None = None,
        formats: Collection[Format] = FORMATS,
        force: bool = False,
        stale_schema: bool = False,
        dry_run: bool = False,
        occasion: str = "",
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> PlanReport:
        """Find the partitions worth compacting, and queue one message for each.

        Args:
            partitions: which ones; None for those in the look-back window, and for the newest of
                the older ones that do not have the catalog's columns yet.
            formats: in which formats.
            stale_schema: all those without the catalog's columns instead, of any age.
            force: compact whatever there is to merge.
            dry_run: only report.
            occasion: see `CompactQueue.send`; names a request that is not just a tick.
            out_of_time: asked before each partition.
        """
        todo, behind = self._todo(partitions, formats, stale_schema=stale_schema)
        planned, results = [], []
        while todo and not out_of_time():
            slot = todo.pop(0)
            found = self._survey(slot)
            if found is None:
                continue
            decision = decide(
                found,
                self.settings,
                fits=self.compactor.columns.fit,
                behind=self._is_behind(found),
                force=force,
            )
            entry = self._describe(found, decision)
            planned.append(entry)
            if not entry.queued or dry_run:
                continue
            if self.queue is None:
                results.append(self.compactor.compact(slot, force=force, out_of_time=out_of_time))
            else:
                message = CompactMessage(slot.format, slot.partition.path, force)
                self.queue.send(message, occasion=f"{occasion} {_fingerprint(found, entry)}")
        if behind is None:
            behind = sum(entry.behind for entry in planned)
        return PlanReport(tuple(planned), len(todo), behind, tuple(results))

    def clean_up(
        self,
        *,
        partitions: Sequence[Partition] | None = None,
        formats: Collection[Format] = FORMATS,
        dry_run: bool,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> CleanupReport:
        """Delete replaced files whose grace period is over, or only report them.

        Args:
            partitions: which ones; None for those that were compacted lately or are in the
                look-back window.
            formats: in which formats.
            dry_run: only report.
            out_of_time: asked before each partition.
        """
        todo = self._due(formats) if partitions is None else _product(partitions, formats)
        results = []
        while todo and not out_of_time():
            slot = todo.pop(0)
            results.append(self.cleaner.clean(slot, dry_run=dry_run))
        return CleanupReport(tuple(results), len(todo), dry_run)

    def _todo(
        self,
        partitions: Sequence[Partition] | None,
        formats: Collection[Format],
        *,
        stale_schema: bool,
    ) -> tuple[list[Slot], int | None]:
        """What to look at, and how many slots are behind; None if only a look can tell."""
        if partitions is not None and not stale_schema:
            return _product(partitions, formats), None
        now, days = self.now(), self.settings.lookback_days
        recent, behind = list[Slot](), list[Slot]()
        for fmt in formats:
            listed = list(self._registered(fmt, with_columns=True))
            recent += [
                Slot(fmt, each) for each in within((p for p, _ in listed), now=now, days=days)
            ]
            behind += [
                Slot(fmt, partition)
                for partition, state in listed
                if self.compactor.columns.are_behind(fmt, state)
                if partitions is None or partition in partitions
            ]
        behind.sort(key=lambda slot: recency(slot.partition, now=now), reverse=True)
        if stale_schema:
            return behind, len(behind)
        older = [slot for slot in behind if slot not in recent]
        return recent + older[: self.settings.stale_schema_partitions], len(behind)

    def _due(self, formats: Collection[Format]) -> list[Slot]:
        oldest = self.now() - self.cleaner.grace - _CLEANUP_MEMORY
        days = self.settings.lookback_days + self.cleaner.grace.days + _CLEANUP_MEMORY.days
        due = []
        for fmt in formats:
            registered = list(self._registered(fmt))
            recent = set(within((found for found, _ in registered), now=self.now(), days=days))
            due += [
                Slot(fmt, found)
                for found, state in registered
                if found in recent or (state.became_current and state.became_current >= oldest)
            ]
        return due

    def _registered(
        self, fmt: Format, *, with_columns: bool = False
    ) -> Iterable[tuple[Partition, PartitionState]]:
        return self.lake.partitions.list(self.lake.tables[fmt], with_columns=with_columns)

    def _is_behind(self, found: Survey) -> bool:
        return self.compactor.columns.is_behind(found)

    def _survey(self, slot: Slot) -> Survey | None:
        try:
            return survey(self.lake, slot)
        except PartitionMovedError:
            return None  # being compacted at this moment

    def _describe(self, found: Survey, decision: Decision) -> PlannedPartition:
        oldest, behind = found.oldest_input, self._is_behind(found)
        reason = decision.reason
        if found.missing and not decision.worth:
            reason = f"{len(found.missing)} files to heal"
        elif behind and not decision.worth:
            reason = OTHER_COLUMNS  # which its files do not lack
        return PlannedPartition(
            format=found.slot.format,
            partition=found.slot.partition.path,
            queued=decision.worth or behind or bool(found.missing),
            reason=reason,
            landing_files=len(found.inputs),
            landing_bytes=sum(info.size for info in found.inputs),
            merged_files=len(found.merged),
            expected_files=len(decision.plan.carried) + len(decision.plan.bins),
            missing=len(found.missing),
            behind=behind,
            oldest_seconds=(self.now() - oldest).total_seconds() if oldest else 0.0,
        )


def _product(partitions: Sequence[Partition], formats: Collection[Format]) -> list[Slot]:
    return [Slot(fmt, partition) for fmt in formats for partition in partitions]


def _fingerprint(found: Survey, entry: PlannedPartition) -> str:
    """Names what was found, so that a retried tick does not queue the same work twice."""
    return f"{found.state.location} {len(found.inputs)} {len(found.missing)} {entry.behind}"
