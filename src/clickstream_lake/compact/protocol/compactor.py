"""Compact one partition of one format, without any query noticing.

`Compactor._compact` holds the whole protocol, step by step. A compactor may die after any step
and another may start over: no row is lost, doubled or hidden.
"""

import time
from collections.abc import Callable, Container
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from secrets import token_hex

from clickstream_lake.compact.merge.build import Builder, Built
from clickstream_lake.compact.merge.dedupe import DuplicateFinder, Duplicates
from clickstream_lake.compact.plan.planner import OTHER_COLUMNS, Decision, decide
from clickstream_lake.compact.protocol.columns import Columns
from clickstream_lake.compact.protocol.survey import Survey, replaced, survey
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Slot, uri


class CompactionOutcome(StrEnum):
    """What compacting one partition came to."""

    COMPACTED = "compacted"
    # No file has to change: the partition declares the table's columns from now on.
    DECLARED = "declared"
    SKIPPED = "skipped"
    # Somebody else moved the partition; what was built stays invisible.
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class CompactionResult:
    """What compacting one partition of one format did.

    Attributes:
        reason: why it was compacted, skipped or abandoned.
        files_before: files that a query read before; `bytes_before` is their stored size.
        files_after: files that a query reads now; `bytes_after` is their stored size.
        rows: rows in the merged files now.
        sources: raw objects merged now.
        carried: merged files taken over unchanged.
        healed: files that were missing from the previous generation.
        loose: landing files that arrived during the run, or are foreign, copied unchanged.
        merged: files that this run's merges read.
        lifted: values moved out of `extra`, into a column that the catalog now declares.
        returned: values moved into `extra`, out of a column that is gone or has another type.
        dropped_duplicates: rows left out as duplicates in this run.
        repeated_ids: rows that stay though another has their id, because they hold something else.
        foreign: landing files that no transform wrote; they are left alone.
        stale: raw keys that were replaced after they had been merged; the tables show the old
            content.
    """

    format: Format
    partition: str
    outcome: CompactionOutcome
    reason: str
    generation_id: str | None = None
    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    rows: int = 0
    sources: int = 0
    carried: int = 0
    healed: int = 0
    loose: int = 0
    merged: int = 0
    lifted: int = 0
    returned: int = 0
    dropped_duplicates: int = 0
    repeated_ids: int = 0
    foreign: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    oldest_input_seconds: float = 0.0
    seconds: float = 0.0


def new_generation_id(now: datetime) -> str:
    """A name that is never used again and sorts by time."""
    return f"{now:%Y%m%dT%H%M%SZ}-{token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Compactor:
    """Compacts partitions, one at a time."""

    lake: Lake
    builder: Builder
    columns: Columns
    duplicates: DuplicateFinder
    settings: CompactSettings
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[datetime], str] = new_generation_id

    def compact(
        self,
        slot: Slot,
        *,
        force: bool = False,
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> CompactionResult:
        """Compact a partition if it is worth it.

        Args:
            slot: the partition and the format.
            force: compact even if there is little to gain.
            out_of_time: asked between merges; once it says yes, the rest waits for the next run.

        Raises:
            ConservationError: rows did not add up; queries still read what they read before.
            LakeError: S3 or Glue failed; queries likewise see no change. Try again.
        """
        started = time.monotonic()
        try:
            result = self._compact(slot, force=force, out_of_time=out_of_time)
        except PartitionMovedError as error:
            outcome = CompactionOutcome.ABANDONED
            result = CompactionResult(slot.format, slot.partition.path, outcome, str(error))
        return replace(result, seconds=round(time.monotonic() - started, 3))

    def _compact(
        self,
        slot: Slot,
        *,
        force: bool,
        out_of_time: Callable[[], bool],
    ) -> CompactionResult:
        # 1. Read the partition, and heal what it reads.
        found = survey(self.lake, slot)
        if found is None:
            outcome = CompactionOutcome.SKIPPED
            return CompactionResult(slot.format, slot.partition.path, outcome, "not registered")
        healed = self._heal(found)
        # 2. Choose the inputs, or stop here.
        decision = self._decide(found, force=force)
        before = self._describe(found, decision, healed)
        if not decision.plan.bins and self._is_behind(found):
            return self._declare(found, before)
        if not decision.worth:
            return before
        duplicates = self.duplicates.find(found)
        if duplicates.drops:
            decision = self._decide(found, force=force, rewrite=duplicates.drops)
        # 3. Build a new generation, its manifest last.
        built = self._build(found, decision, duplicates, out_of_time)
        if built is None:
            before = replace(before, reason="nothing but foreign files to merge")
            return self._declare(found, before) if self._is_behind(found) else before
        generation = built.generation
        # 4. Announce it: from here on every writer publishes there too.
        self._announce(found, generation)
        # 5. Copy what landed before they knew; give up if what was merged is now outdated.
        loose = self.lake.copy_missing(slot, generation)
        self._check_replaced(found, generation)
        # 6. Swap: queries read it from now on.
        self._swap(found, generation)
        # 7. Copy once more, for what only a racing compactor can have left out.
        loose += self.lake.copy_missing(slot, generation)
        result = self._result(before, found, built, loose)
        return replace(result, repeated_ids=duplicates.repeated_ids)

    def _heal(self, found: Survey) -> int:
        if found.current is None or not found.missing:
            return 0
        return len(self.lake.copy_missing(found.slot, found.current))

    def _decide(self, found: Survey, *, force: bool, rewrite: Container[str] = ()) -> Decision:
        return decide(
            found,
            self.settings,
            fits=self.columns.fit,
            behind=self._is_behind(found),
            force=force,
            rewrite=rewrite,
        )

    def _is_behind(self, found: Survey) -> bool:
        return self.columns.is_behind(found)

    def _declare(self, found: Survey, before: CompactionResult) -> CompactionResult:
        """Have a partition declare the table's columns, by which all of its files are read."""
        self.lake.partitions.declare(
            self.lake.tables[found.slot.format],
            found.slot.partition,
            current=found.state.location,
        )
        return replace(before, outcome=CompactionOutcome.DECLARED, reason=OTHER_COLUMNS)

    def _build(
        self,
        found: Survey,
        decision: Decision,
        duplicates: Duplicates,
        out_of_time: Callable[[], bool],
    ) -> Built | None:
        now = self.now()
        return self.builder.build(
            found,
            decision.plan,
            duplicates,
            generation_id=self.new_id(now),
            now=now,
            out_of_time=out_of_time,
        )

    def _announce(self, found: Survey, generation: Generation) -> None:
        self.lake.partitions.announce(
            self.lake.tables[found.slot.format],
            found.slot.partition,
            current=found.state.location,
            next_location=self._location(generation),
        )

    def _check_replaced(self, found: Survey, generation: Generation) -> None:
        """Make sure that no merged source was replaced before its writer knew of the merge.

        From the announcement on, the writer itself finds its source merged, and reports it.
        """
        landing = self.lake.landing_files(found.slot)
        outdated = replaced(self.lake, generation, landing)
        if outdated:
            raise PartitionMovedError(f"{outdated[0]!r} was replaced while it was merged")

    def _swap(self, found: Survey, generation: Generation) -> None:
        complete = not self._is_behind(found) or self._has_the_columns(generation)
        self.lake.partitions.swap(
            self.lake.tables[found.slot.format],
            found.slot.partition,
            location=self._location(generation),
            now=self.now(),
            declares=self.columns.to_declare(found.slot.format, found.state, complete=complete),
        )

    def _has_the_columns(self, generation: Generation) -> bool:
        """Whether all files of a generation have today's columns, as far as they say so.

        A transform that has the former catalog may still have published there.
        """
        merged = {generation.directory + file.name for file in generation.manifest.files}
        if not all(self.columns.fit(file.catalog) for file in generation.manifest.files):
            return False
        for info in self.lake.files_of(generation):
            head = None if info.key in merged else self.lake.store.head(info.key)
            figures = LandingMetadata.from_s3(head.metadata) if head else None
            if figures is not None and not self.columns.fit(figures.recipe.catalog):
                return False
        return True

    def _location(self, generation: Generation) -> str:
        return uri(self.lake.store.bucket, generation.directory)

    def _describe(self, found: Survey, decision: Decision, healed: int) -> CompactionResult:
        """The result while nothing has changed."""
        oldest = found.oldest_input
        return CompactionResult(
            format=found.slot.format,
            partition=found.slot.partition.path,
            outcome=CompactionOutcome.SKIPPED,
            reason=decision.reason,
            files_before=found.visible_files,
            files_after=found.visible_files,
            bytes_before=found.visible_bytes,
            bytes_after=found.visible_bytes,
            rows=sum(file.rows for file in found.merged),
            sources=len(found.current.manifest.sources) if found.current else 0,
            healed=healed,
            foreign=found.foreign,
            stale=found.stale,
            oldest_input_seconds=(self.now() - oldest).total_seconds() if oldest else 0.0,
        )

    def _result(
        self, before: CompactionResult, found: Survey, built: Built, loose: list[str]
    ) -> CompactionResult:
        generation, counters = built.generation, built.counters
        manifest, shown = generation.manifest, self.lake.files_of(generation)
        return replace(
            before,
            outcome=CompactionOutcome.COMPACTED,
            generation_id=generation.generation_id,
            files_after=len(shown),
            bytes_after=sum(file.size for file in shown),
            rows=sum(file.rows for file in manifest.files),
            sources=len(manifest.sources),
            carried=len({file.name for file in manifest.files} & {f.name for f in found.merged}),
            loose=len(set(loose)),
            merged=counters.inputs,
            lifted=counters.lifted,
            returned=counters.returned,
            dropped_duplicates=counters.duplicates,
        )
