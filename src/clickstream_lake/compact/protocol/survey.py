"""Look at one partition of one format, without changing it: what is there to compact?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.aws.partitions import PartitionState
from clickstream_lake.lake.lake import Generation, Lake, is_copy
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Slot, source_id_of
from clickstream_lake.lake.manifest import MergedFile

# Difference allowed between S3's clock, which stamps files, and ours, which stamps manifests.
_CLOCK_SKEW: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Survey:
    """One partition of one format, as it was found.

    Attributes:
        state: where the partition points.
        current: the generation it points at; None if that is the landing directory.
        inputs: landing files that the current generation does not name, one per source.
        missing: names of landing files that queries should see but do not.
        foreign: names of landing files that no transform wrote. They stay visible, as loose
            copies, and are never merged.
        stale: raw keys whose landing file holds different content from what was merged.
        visible_files: files that a query reads now.
        visible_bytes: their size in bytes, as stored.
    """

    slot: Slot
    state: PartitionState
    current: Generation | None
    inputs: tuple[ObjectInfo, ...]
    missing: tuple[str, ...]
    foreign: tuple[str, ...]
    stale: tuple[str, ...]
    visible_files: int
    visible_bytes: int

    @property
    def merged(self) -> tuple[MergedFile, ...]:
        """Merged files of the current generation."""
        return self.current.manifest.files if self.current else ()

    @property
    def oldest_input(self) -> datetime | None:
        """When the oldest landing file that waits for compaction was written."""
        return min((found.last_modified for found in self.inputs), default=None)


def survey(lake: Lake, slot: Slot) -> Survey | None:
    """Look at a partition; None if it is not registered.

    Raises:
        PartitionMovedError: somebody swapped it in between.
        LakeError: S3 or Glue failed, or the partition is damaged.
    """
    state = lake.state(slot)
    if state is None:
        return None
    current = lake.at(slot, state.location)
    landing = lake.landing_files(slot)
    unmerged = [found for found in landing if not (current and current.names(found.key))]
    shown = lake.files_of(current) if current else landing
    held = {found.key.removeprefix(current.directory): found for found in shown} if current else {}
    names = {found.key: lake.name_of(slot, found.key) for found in unmerged}
    return Survey(
        slot=slot,
        state=state,
        current=current,
        inputs=tuple(one_per_source(unmerged)),
        missing=tuple(
            names[found.key]
            for found in unmerged
            if current and not is_copy(held.get(names[found.key]), found)
        ),
        foreign=tuple(names[found.key] for found in unmerged if source_id_of(found.key) is None),
        stale=tuple(replaced(lake, current, landing)) if current else (),
        visible_files=len(shown),
        visible_bytes=sum(found.size for found in shown),
    )


def one_per_source(landing: list[ObjectInfo]) -> list[ObjectInfo]:
    """Landing files that a transform wrote, in key order.

    A source that landed both as `.json` and as `.json.gz`, by two writers with two settings at
    the same instant, counts once.
    """
    found: dict[str, ObjectInfo] = {}
    for entry in sorted(landing, key=lambda info: info.key):
        source_id = source_id_of(entry.key)
        if source_id is not None:
            found.setdefault(source_id, entry)
    return list(found.values())


def replaced(lake: Lake, generation: Generation, landing: list[ObjectInfo]) -> list[str]:
    """Raw keys whose landing file holds different content from what was merged.

    It is of another raw object, or by another recipe. Only landing files written since the
    generation was begun can differ, so there are seldom any to look at.
    """
    begun = datetime.fromisoformat(generation.manifest.created_at) - _CLOCK_SKEW
    found = []
    for entry in landing:
        if not generation.names(entry.key) or entry.last_modified < begun:
            continue
        merged = generation.manifest.sources[str(source_id_of(entry.key))]
        head = lake.store.head(entry.key)
        if head is None:
            continue
        figures = LandingMetadata.from_s3(head.metadata)
        if figures is None or (figures.raw_etag, figures.recipe) != (
            merged.raw_etag,
            merged.recipe,
        ):
            found.append(merged.raw_key)
    return found
