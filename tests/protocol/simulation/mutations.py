"""Each protection of the protocol, taken out by what the code is given: not by a switch in it.

The product's own code runs on parts that lie to it, or forget, at one point each.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from msgspec import structs

from clickstream_lake.lake.aws.objects import ObjectInfo, ObjectStore
from clickstream_lake.lake.aws.partitions import Declares, PartitionCatalog, PartitionState
from clickstream_lake.lake.catalog import Catalog, Declared
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.layout import Partition, Slot, uri
from clickstream_lake.lake.recipe import UNKNOWN
from tests.protocol.simulation.world import GRACE, Parts


class _NoNames(Generation):
    def names(self, key: str) -> bool:
        del key
        return False


class _AllNames(Generation):
    def names(self, key: str) -> bool:
        del key
        return True


def _as(kind: type[Generation], generation: Generation) -> Generation:
    return kind(generation.generation_id, generation.directory, generation.manifest)


class _Unannounced(PartitionCatalog):
    """Announces only when it swaps."""

    current = ""

    def announce(
        self, table: str, partition: Partition, *, current: str, next_location: str
    ) -> None:
        del table, partition, next_location
        self.current = current

    def swap(
        self,
        table: str,
        partition: Partition,
        *,
        location: str,
        now: datetime,
        declares: Declares = Declares.TABLES,
    ) -> None:
        super().announce(table, partition, current=self.current, next_location=location)
        super().swap(table, partition, location=location, now=now, declares=declares)


class _CopiesIntoCurrentOnly(Lake):
    def copy_missing(self, slot: Slot, generation: Generation) -> list[str]:
        state = self.state(slot)
        if state is None or not state.location.endswith(generation.directory):
            return []
        return super().copy_missing(slot, generation)


class _WritersForgetMerges(Lake):
    def in_use(self, slot: Slot, state: PartitionState) -> list[Generation]:
        return [_as(_NoNames, generation) for generation in super().in_use(slot, state)]


class _CopiesForgetMerges(Lake):
    def copy_missing(self, slot: Slot, generation: Generation) -> list[str]:
        return super().copy_missing(slot, _as(_NoNames, generation))


class _LongCurrent(Lake):
    """Says that whatever is current has been for the whole grace period."""

    def state(self, slot: Slot) -> PartitionState | None:
        found = super().state(slot)
        if found is None or found.became_current is None:
            return found
        return replace(found, became_current=found.became_current - GRACE)


class _OldFiles(ObjectStore):
    """Says that no file was written to within the grace period."""

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        for found in super().list(prefix):
            yield replace(found, last_modified=found.last_modified - GRACE)


class _AllMerged(Lake):
    def at(self, slot: Slot, location: str | None) -> Generation | None:
        generation = super().at(slot, location)
        return generation and _as(_AllNames, generation)


class _NothingInUse(Lake):
    """Says that the partition reads its landing directory, and yet has a current generation."""

    def state(self, slot: Slot) -> PartitionState | None:
        found = super().state(slot)
        landing = uri(self.store.bucket, self.layout.landing_dir(slot))
        return found and replace(found, location=landing, next_location=None)

    def at(self, slot: Slot, location: str | None) -> Generation | None:
        del location
        found = super().state(slot)
        return super().at(slot, found.location if found else None)


class _NoCopies(Lake):
    def in_use(self, slot: Slot, state: PartitionState) -> list[Generation]:
        del slot, state
        return []


class _ReadsFirst(Lake):
    """Answers what a partition was when it was last looked at, before the put."""

    last: PartitionState | None = None

    def state(self, slot: Slot) -> PartitionState | None:
        self.last = super().state(slot)
        return self.last

    def registered(self, slot: Slot, names: Collection[str] | None = None) -> PartitionState:
        return self.last or super().registered(slot, names)


class _Overwrites(ObjectStore):
    def put_file(self, key: str, path: Path, **options: Any) -> None:  # noqa: ANN401 - ObjectStore's
        super().put_file(key, path, **{**options, "if_absent": False})


class _NoHeads(ObjectStore):
    """Finds no landing file, so none that was replaced."""

    def head(self, key: str) -> ObjectInfo | None:
        return super().head(key) if "/compacted/" in key else None


class _NeverReplaced(ObjectStore):
    """Says of an object that was read that it still is what it was then."""

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 - ObjectStore's
        super().__init__(*args)
        self.read_once: dict[str, ObjectInfo] = {}

    @contextmanager
    def open(self, key: str) -> Iterator[tuple[ObjectInfo, BinaryIO]]:
        with super().open(key) as (info, stream):
            self.read_once[key] = info
            yield info, stream

    def head(self, key: str) -> ObjectInfo | None:
        return self.read_once.get(key) or super().head(key)


class _OwnForAll(Catalogs):
    """Makes everything by the catalog of its own, whatever its first try had."""

    def of(self, name: str) -> Catalog:
        del name
        return self.own


class _KeepsNoCatalog(Catalogs):
    def keep(self) -> None:
        pass


class _NoRecipes(ObjectStore):
    """Sees landing files as if they did not say what they were made by."""

    def head(self, key: str) -> ObjectInfo | None:
        found = super().head(key)
        return found and replace(
            found,
            metadata={k: v for k, v in found.metadata.items() if k not in {"catalog", "rules"}},
        )


class _MergesWithoutRecipes(Lake):
    """Sees merged sources so."""

    def at(self, slot: Slot, location: str | None) -> Generation | None:
        found = super().at(slot, location)
        if found is None:
            return None
        sources = {
            name: structs.replace(source, recipe=UNKNOWN)
            for name, source in found.manifest.sources.items()
        }
        return replace(found, manifest=structs.replace(found.manifest, sources=sources))


class _SwapsInTheColumns(PartitionCatalog):
    """Declares the table's columns at each swap, whatever files were left as they were."""

    def swap(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - PartitionCatalog's
        super().swap(*args, **{**options, "declares": Declares.TABLES})


class _AnnouncesColumns(PartitionCatalog):
    """Declares the table's columns when it announces the files that have them."""

    def announce(
        self, table: str, partition: Partition, *, current: str, next_location: str
    ) -> None:
        super().announce(table, partition, current=current, next_location=next_location)
        super().declare(table, partition, current=current)


class _SeesTheTables(PartitionCatalog):
    """Takes each partition for one that declares the table's columns."""

    def get(self, table: str, partition: Partition) -> PartitionState | None:
        found = super().get(table, partition)
        return found and replace(found, columns=self.declared(table))


class _LikeAny(tuple[tuple[str, str], ...]):
    """Columns that are like any others."""

    __slots__ = ()
    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        return True


class _AlwaysDeployed(PartitionCatalog):
    """Says of each table that it has the columns of whatever catalog."""

    def declared(self, table: str) -> Declared:
        return _LikeAny(super().declared(table))


class _RegistersByTheTable(PartitionCatalog):
    """Registers partitions with all that the table has."""

    def create(self, *args: Any, **options: Any) -> bool:  # noqa: ANN401 - PartitionCatalog's
        return super().create(*args, **{**options, "names": None})


@dataclass(frozen=True)
class Mutation:
    """A protection that is missing: what one kind of process is given instead of the real parts.

    Attributes:
        role: the kind of process; see `Actor.role`.
        replaces: whether it shows only where raw objects are replaced.
    """

    role: str
    parts: Parts
    replaces: bool = False


MUTATIONS = {
    # Swap without having told the writers.
    "no_announcement": Mutation("compactor", Parts(partitions=_Unannounced)),
    # Swap without having copied what landed before the writers knew.
    "no_copy_after_the_announcement": Mutation("compactor", Parts(lake=_CopiesIntoCurrentOnly)),
    # Copy a landing file into a generation that merged it.
    "no_manifest_check_by_writers": Mutation("writer", Parts(lake=_WritersForgetMerges)),
    # Heal by copying every landing file, merged or not.
    "no_manifest_check_by_compactors": Mutation("compactor", Parts(lake=_CopiesForgetMerges)),
    # Delete what was replaced while queries still read it.
    "no_grace_period": Mutation("clean-up", Parts(store=_OldFiles, lake=_LongCurrent)),
    # Delete a generation that a compactor is building right now.
    "no_grace_for_young_generations": Mutation("clean-up", Parts(store=_OldFiles)),
    # Delete landing files whether or not they were merged.
    "unmerged_landing_files_cleaned_up": Mutation("clean-up", Parts(lake=_AllMerged)),
    # Delete generations whether or not they are in use.
    "current_generation_cleaned_up": Mutation("clean-up", Parts(lake=_NothingInUse)),
    # Acknowledge a landing file that the partition may not read.
    "no_copy_by_writers": Mutation("writer", Parts(lake=_NoCopies)),
    # Choose where to copy by what the partition was before the landing file was there.
    "partition_read_before_the_put": Mutation("writer", Parts(lake=_ReadsFirst)),
    # Put landing files whether or not there is one.
    "last_attempt_wins": Mutation("writer", Parts(store=_Overwrites)),
    # Swap although a source was replaced, and acknowledged, while its old content was merged.
    "replaced_sources_swapped_in": Mutation("compactor", Parts(store=_NoHeads), replaces=True),
    # Retry by the catalog that is deployed by now.
    "retried_by_another_catalog": Mutation("writer", Parts(catalogs=_OwnForAll)),
    # The same, where nothing tells that the first try had another.
    "recipes_forgotten": Mutation("writer", Parts(store=_NoRecipes, lake=_MergesWithoutRecipes)),
    # Have no copy of a catalog that is deployed no more.
    "catalogs_not_kept": Mutation("writer", Parts(catalogs=_KeepsNoCatalog)),
    # Read old lines by columns that they were not made by.
    "columns_over_older_files": Mutation("compactor", Parts(partitions=_SwapsInTheColumns)),
    # The same, until the swap.
    "columns_announced": Mutation("compactor", Parts(partitions=_AnnouncesColumns)),
    # The same, between the tables' deployment and the functions'.
    "columns_before_the_functions": Mutation("compactor", Parts(partitions=_AlwaysDeployed)),
    # The same, in a partition that is new at that time.
    "registered_by_the_table": Mutation("writer", Parts(partitions=_RegistersByTheTable)),
    # Leave partitions that have too few files to be worth it as they are.
    "columns_not_followed": Mutation("compactor", Parts(partitions=_SeesTheTables)),
    # Let a slow invocation replace newer content by the older that it read.
    "outdated_content_published": Mutation("writer", Parts(store=_NeverReplaced), replaces=True),
}
