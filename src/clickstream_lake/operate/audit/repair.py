"""Repair what needs no decision: show what has landed, and queue gaps again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.errors import ManifestError, ManifestVersionError
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.layout import Partition, Slot, uri
from clickstream_lake.operate.audit.judge import Breach, Kind


@dataclass(frozen=True, slots=True)
class Repairs:
    """What was repaired, line by line, and the breaches that need a person."""

    done: tuple[str, ...]
    left: tuple[Breach, ...]


@dataclass(frozen=True, slots=True)
class Repairer:
    """Repairs breaches.

    Attributes:
        catalog: the lake's.
        requeue: sends raw keys through the transform again.
    """

    lake: Lake
    catalog: Catalog
    requeue: Callable[[Sequence[str]], object]

    def repair(self, breaches: Sequence[Breach]) -> Repairs:
        """Repair what can be repaired; doing it twice does no harm.

        Raises:
            LakeError: S3 or Glue failed; what was already repaired stays so.
        """
        done: list[str] = []
        gaps = sorted({b.subject for b in breaches if b.kind is Kind.GAP})
        if gaps:
            self.requeue(gaps)
            done += [f"queued {key} once more" for key in gaps]
        for path in sorted({b.partition for b in breaches if b.kind is Kind.MISSING_PARTITION}):
            done += self._register(Partition.parse(path))
        for breach in breaches:
            if breach.kind is Kind.HIDDEN and breach.format is not None:
                done += self._heal(breach)
        mended = {Kind.GAP, Kind.MISSING_PARTITION, Kind.HIDDEN}
        return Repairs(tuple(done), tuple(b for b in breaches if b.kind not in mended))

    def _register(self, partition: Partition) -> list[str]:
        """Register a lost partition where its rows are."""
        lake, done = self.lake, []
        # Which of the columns that came later its files have, compaction finds out.
        names = {column.name for column in self.catalog.columns if not column.added}
        for slot in (Slot(fmt, partition) for fmt in FORMATS):
            if lake.state(slot) is not None:
                continue
            generation = self._latest_generation(slot)
            directory = generation.directory if generation else lake.layout.landing_dir(slot)
            if generation is None and not lake.landing_files(slot):
                continue
            if generation is not None:
                lake.copy_missing(slot, generation)
            location = uri(lake.store.bucket, directory)
            lake.partitions.create(lake.tables[slot.format], partition, location, names=names)
            done.append(f"registered {slot.path} at {directory}")
        rejects, directory = lake.tables["rejects"], lake.layout.reject_dir(partition)
        if any(lake.store.list(directory)) and lake.partitions.create(
            rejects, partition, uri(lake.store.bucket, directory)
        ):
            done.append(f"registered rejects {partition.path}")
        return done

    def _latest_generation(self, slot: Slot) -> Generation | None:
        """The complete generation with the most sources: each one takes over the one before.

        What it does not name is in the landing directory, or in the raw zone and queued again.
        """
        found = []
        for name in self.lake.manifests.names(slot):
            try:
                manifest = self.lake.manifests.read(slot, name)
            except ManifestVersionError:
                raise  # an older generation does not have what this one has
            except ManifestError:
                continue
            directory = self.lake.layout.generation_dir(slot, name)
            found.append(Generation(name, directory, manifest))
        key = lambda generation: (len(generation.manifest.sources), generation.generation_id)  # noqa: E731 - shorter than a function
        return max(filter(self._is_whole, found), key=key, default=None)

    def _is_whole(self, generation: Generation) -> bool:
        there = {info.key: info.size for info in self.lake.files_of(generation)}
        return all(
            there.get(generation.directory + file.name) == file.bytes
            for file in generation.manifest.files
        )

    def _heal(self, breach: Breach) -> list[str]:
        assert breach.format is not None  # noqa: S101 - the caller chose such breaches
        slot = Slot(breach.format, Partition.parse(breach.partition))
        state = self.lake.state(slot)
        if state is None:
            return []
        return [
            f"copied {name} into {generation.directory}"
            for generation in self.lake.in_use(slot, state)
            for name in self.lake.copy_missing(slot, generation)
        ]
