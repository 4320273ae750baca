"""Delete what no query can still be reading. This is the only place that deletes anything.

Two kinds of files are deleted: landing files that the current manifest names, and generations that
are neither current nor announced. Both wait until the present generation has been current for the
whole grace period, so that queries that began before have ended. Deleting has to be safe, so a
generation stays if anything about it is odd.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.aws.partitions import PartitionState
from clickstream_lake.lake.errors import ManifestError, PartitionMovedError
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.layout import MANIFEST_NAME, Slot, parse_uri, source_id_of

_GUARD: Final = b"This is no data file: `clickstream files` lists those.\n"


class CleanupOutcome(StrEnum):
    """What cleaning up one partition came to."""

    CLEANED = "cleaned"
    WOULD_CLEAN = "would_clean"
    NOTHING = "nothing"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CleanupResult:
    """What cleaning up one partition of one format did, or would do.

    Attributes:
        reason: why the partition was skipped.
        landing_files: landing files deleted.
        generations: ids of the generations deleted.
        files: all objects deleted; `bytes` is their stored size.
        kept: what looked deletable but was kept, and why.
    """

    format: Format
    partition: str
    outcome: CleanupOutcome
    reason: str = ""
    landing_files: int = 0
    generations: tuple[str, ...] = ()
    files: int = 0
    bytes: int = 0
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Obsolete:
    """What may be deleted: landing files, and the files of each generation, its manifest last."""

    landing: Sequence[ObjectInfo]
    generations: dict[str, list[ObjectInfo]]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cleaner:
    """Cleans up partitions, one at a time.

    Attributes:
        grace: longer than any query plus any function run.
    """

    lake: Lake
    grace: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def clean(self, slot: Slot, *, dry_run: bool) -> CleanupResult:
        """Delete a partition's replaced files, or only say which.

        Raises:
            LakeError: S3 or Glue failed, or the partition is damaged. Whatever was already
                deleted was safe to delete.
        """
        try:
            return self._clean(slot, dry_run=dry_run)
        except PartitionMovedError as error:
            return _skipped(slot, str(error))

    def _clean(self, slot: Slot, *, dry_run: bool) -> CleanupResult:
        state = self.lake.state(slot)
        if state is None:
            return _skipped(slot, "not registered")
        current = self.lake.at(slot, state.location)
        objection = self._objection(state, current)
        if objection:
            return _skipped(slot, objection)
        obsolete = self._obsolete(slot, state, current)
        outcome = CleanupOutcome.WOULD_CLEAN if dry_run else CleanupOutcome.CLEANED
        if not obsolete.landing and not obsolete.generations:
            outcome = CleanupOutcome.NOTHING
        elif not dry_run:
            self._delete(slot, state, obsolete)
        found = [*obsolete.landing, *(f for files in obsolete.generations.values() for f in files)]
        return CleanupResult(
            format=slot.format,
            partition=slot.partition.path,
            outcome=outcome,
            landing_files=len(obsolete.landing),
            generations=tuple(obsolete.generations),
            files=len(found),
            bytes=sum(each.size for each in found),
            kept=obsolete.kept,
        )

    def _objection(self, state: PartitionState, current: Generation | None) -> str:
        """Why nothing may be deleted yet, or an empty text."""
        since = state.became_current
        if current is None:
            # Nothing was ever swapped, or somebody turned the partition back by hand: then the
            # generations may hold the only copy.
            return "turned back to its landing directory by hand" if since else ""
        if since is None:
            return "it is not known since when its generation is current"
        if self.now() - since < self.grace:
            return f"its generation became current at {since.isoformat()}, within the grace period"
        return ""

    def _obsolete(self, slot: Slot, state: PartitionState, current: Generation | None) -> _Obsolete:
        landing = self.lake.landing_files(slot)
        safe = {source_id_of(found.key) for found in landing}
        if current is not None:
            safe |= current.manifest.sources.keys()
        generations, kept = {}, []
        for name, files in self._unused(slot, state).items():
            reason = self._reason_to_keep(slot, name, files, safe)
            if reason:
                kept.append(f"{name}: {reason}")
            else:
                generations[name] = files
        merged = [found for found in landing if current is not None and current.names(found.key)]
        return _Obsolete(merged, generations, tuple(kept))

    def _unused(self, slot: Slot, state: PartitionState) -> dict[str, list[ObjectInfo]]:
        """The files of every generation that is neither current nor announced, by its id.

        A manifest without data files counts, too: a clean-up may have ended half-way.
        """
        layout = self.lake.layout
        found: dict[str, list[ObjectInfo]] = {}
        for base in (layout.generations_dir(slot), layout.manifests_dir(slot)):
            for file in self.lake.store.list(base):
                name, slash, _ = file.key.removeprefix(base).partition("/")
                if slash:
                    found.setdefault(name, []).append(file)
        for location in (state.location, state.next_location):
            if location is not None:
                used = self.lake.layout.generation_id(slot, parse_uri(location)[1])
                found.pop(used or "", None)
        return found

    def _reason_to_keep(
        self,
        slot: Slot,
        name: str,
        files: Sequence[ObjectInfo],
        safe: set[str | None],
    ) -> str:
        # A compactor may be building it right now, or be about to announce it.
        if self.now() - max(found.last_modified for found in files) < self.grace:
            return "written to within the grace period"
        layout = self.lake.layout
        manifests = {layout.manifest_key(slot, name), layout.old_manifest_key(slot, name)}
        if manifests.isdisjoint(found.key for found in files):
            return ""  # abandoned before it was complete
        try:
            manifest = self.lake.manifests.read(slot, name)
        except ManifestError as error:
            return str(error)
        lost = manifest.sources.keys() - safe
        return f"holds {len(lost)} sources that are nowhere else" if lost else ""

    def _delete(self, slot: Slot, state: PartitionState, obsolete: _Obsolete) -> None:
        now = self.lake.state(slot)
        if now is None or (now.location, now.next_location) != (
            state.location,
            state.next_location,
        ):
            raise PartitionMovedError("it moved during the clean-up; the next run cleans it up")
        if obsolete.landing:
            # A reader of a glob over landing directories has been right until now: it is to fail
            # from now on, rather than to miss rows.
            self.lake.store.put_bytes(
                self.lake.layout.landing_guard_key(slot), _GUARD, content_type="text/plain"
            )
        self.lake.store.delete([found.key for found in obsolete.landing])
        for files in obsolete.generations.values():
            # The manifest goes last: a half-deleted generation still tells what it was.
            keys = sorted((f.key for f in files), key=lambda key: key.endswith(MANIFEST_NAME))
            self.lake.store.delete(keys)


def _skipped(slot: Slot, reason: str) -> CleanupResult:
    return CleanupResult(slot.format, slot.partition.path, CleanupOutcome.SKIPPED, reason)
