"""What a partition reads, and what has to be copied where so that it reads everything.

The transform publishes single sources and the compactor heals whole partitions. Both use this
module, so that one place decides what is visible.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from clickstream_lake.lake.aws.objects import ObjectInfo, ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog, PartitionState
from clickstream_lake.lake.errors import (
    LayoutError,
    ManifestError,
    ObjectMissingError,
    PartitionMovedError,
)
from clickstream_lake.lake.layout import Layout, Slot, is_hidden, parse_uri, source_id_of, uri
from clickstream_lake.lake.manifest import Manifest, Manifests


@dataclass(frozen=True, slots=True)
class Generation:
    """A generation that a partition points at or announces.

    Attributes:
        directory: its key prefix, with a trailing slash.
    """

    generation_id: str
    directory: str
    manifest: Manifest

    def names(self, key: str) -> bool:
        """Tell whether the rows of a landing file are in the merged files."""
        return source_id_of(key) in self.manifest.sources


class Lake:
    """One lake: its bucket, its Glue tables, and what each of their partitions reads.

    Attributes:
        store: the lake's bucket.
        partitions: the lake's Glue database.
        layout: where everything is.
        tables: Glue table name by format, and "rejects".
        manifests: those of its generations.
    """

    def __init__(
        self,
        store: ObjectStore,
        partitions: PartitionCatalog,
        layout: Layout,
        tables: Mapping[str, str],
    ) -> None:
        """Put a lake together; nothing is asked of S3 or Glue before it is needed."""
        self.store = store
        self.partitions = partitions
        self.layout = layout
        self.tables = tables
        self.manifests = Manifests(store, layout)

    def state(self, slot: Slot) -> PartitionState | None:
        """Where a partition points now; None if it is not registered."""
        return self.partitions.get(self.tables[slot.format], slot.partition)

    def registered(self, slot: Slot, names: Collection[str] | None = None) -> PartitionState:
        """Where a partition points now; registers it at its landing directory if needed.

        Args:
            slot: which one.
            names: the columns that its first file was made by: while an apply is under way, the
                table may have others; None if nobody knows.

        Raises:
            PartitionMovedError: somebody removes the partition each time it is registered.
        """
        state = self.state(slot)
        if state is None:
            location = uri(self.store.bucket, self.layout.landing_dir(slot))
            table = self.tables[slot.format]
            self.partitions.create(table, slot.partition, location, names=names)
            state = self.state(slot)
        if state is None:
            raise PartitionMovedError(f"{slot.path} was removed as it was registered")
        return state

    def at(self, slot: Slot, location: str | None) -> Generation | None:
        """The generation at a location; None for the landing directory, and for None.

        Raises:
            PartitionMovedError: the generation is gone, and the partition does not use it.
            ManifestError: the partition uses it, but its manifest is missing or damaged.
            LayoutError: it is not a location of this partition.
        """
        if location is None:
            return None
        bucket, prefix = parse_uri(location)
        if bucket != self.store.bucket:
            raise LayoutError(f"{location!r} is not in the bucket {self.store.bucket!r}")
        generation_id = self.layout.generation_id(slot, prefix)
        if generation_id is None:
            return None
        try:
            manifest = self.manifests.read(slot, generation_id)
        except ManifestError as error:
            state = self.state(slot)
            if state is None or location not in {state.location, state.next_location}:
                raise PartitionMovedError(f"{location} is no longer in use") from error
            raise
        directory = self.layout.generation_dir(slot, generation_id)
        return Generation(generation_id, directory, manifest)

    def in_use(self, slot: Slot, state: PartitionState) -> list[Generation]:
        """The current and the announced generation, if any."""
        found = (self.at(slot, location) for location in (state.location, state.next_location))
        return [generation for generation in found if generation is not None]

    def landing_files(self, slot: Slot) -> list[ObjectInfo]:
        """Everything that a query reads from the landing directory, in key order."""
        directory = self.layout.landing_dir(slot)
        return self._data(directory)

    def name_of(self, slot: Slot, landing_key: str) -> str:
        """A landing file's name, which its loose copies have too."""
        return landing_key.removeprefix(self.layout.landing_dir(slot))

    def shown_files(self, slot: Slot) -> list[ObjectInfo]:
        """Everything that a query over a slot reads now; nothing if it is not registered."""
        state = self.state(slot)
        return self._data(parse_uri(state.location)[1]) if state else []

    def files_of(self, generation: Generation) -> list[ObjectInfo]:
        """Everything that a query over a generation reads: merged files and loose copies."""
        return self._data(generation.directory)

    def copy_missing(self, slot: Slot, generation: Generation) -> list[str]:
        """Copy every landing file that a generation neither merged nor holds into it.

        Returns:
            The names of the files copied.

        Raises:
            PartitionMovedError: a landing file was cleaned up, so another generation, which names
                it, has long been current.
        """
        # The landing directory first: what lands later is up to its writer, and a file that its
        # writer copies between the two listings need not be copied twice.
        landing_files = self.landing_files(slot)
        held = {found.key: found for found in self.files_of(generation)}
        copied = []
        for landing in landing_files:
            name = self.name_of(slot, landing.key)
            loose = held.get(generation.directory + name)
            if generation.names(landing.key) or is_copy(loose, landing):
                continue
            self.copy_loose(landing.key, name, generation, size=landing.size)
            copied.append(name)
        return copied

    def _data(self, directory: str) -> list[ObjectInfo]:
        """The files of a directory, without those that queries skip."""
        return [found for found in self.store.list(directory) if not is_hidden(found.key)]

    def copy_loose(self, key: str, name: str, generation: Generation, *, size: int) -> None:
        """Copy one landing file into a generation, under the same name.

        Raises:
            PartitionMovedError: it was cleaned up in the meantime.
        """
        try:
            self.store.copy(key, generation.directory + name, size=size)
        except ObjectMissingError as error:
            raise PartitionMovedError(f"{key!r} was cleaned up in the meantime") from error


def is_copy(loose: ObjectInfo | None, landing: ObjectInfo) -> bool:
    """Tell whether a loose copy has the landing file's present content.

    ETags cannot tell (a copy's may differ, by encryption or by parts), so size and time do. A
    landing file is replaced only with its raw object, or by a newer recipe.
    """
    return (
        loose is not None
        and loose.size == landing.size
        and loose.last_modified >= landing.last_modified
    )
