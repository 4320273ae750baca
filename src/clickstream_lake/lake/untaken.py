"""Which raw objects has no transform taken? Listings and manifests tell; no raw object is read.

The scheduled audit and the operator's both ask this module.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.errors import LayoutError
from clickstream_lake.lake.formats import FORMATS, Format, first_format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import Partition, Slot, Source, source_id_of


def raw_objects(lake: Lake, prefix: str, *, after: str = "") -> Iterator[tuple[Source, ObjectInfo]]:
    """The raw objects under a prefix, in key order; whatever else lies there is left out."""
    for info in lake.store.list(prefix, after=after):
        try:
            yield lake.layout.source(info.key), info
        except LayoutError:
            continue  # a foreign file, a directory marker


def untaken(
    lake: Lake,
    partition: Partition,
    raws: Iterable[tuple[Source, ObjectInfo]],
    routed: "RoutedTo | None" = None,
) -> list[tuple[str, datetime]]:
    """The raw keys of a partition that are not in both tables, and not rejected whole, by key.

    Each comes with the time when it was written: a young one may be under way.

    One that has landed counts as taken: compaction shows it, wherever its partition reads.

    Args:
        lake: the lake.
        partition: which one.
        raws: its raw objects.
        routed: tells what a family has of them that events are routed to.

    Raises:
        PartitionMovedError: it was compacted at this moment.
        LakeError: S3 or Glue failed, or the partition is damaged.
    """
    known = {source.source_id: (source.key, info.last_modified) for source, info in raws}
    absent = {source for fmt in FORMATS for source in known.keys() - _taken(lake, fmt, partition)}
    if not absent:
        return []
    if routed is not None:
        return sorted(known[source] for source in absent - routed.without(partition, absent))
    rejects = lake.store.list(lake.layout.reject_dir(partition))
    return sorted(known[source] for source in absent - set(rejected_whole(lake, rejects, absent)))


@dataclass(frozen=True, slots=True)
class RoutedTo:
    """What a stream's own family says of the events that are routed to another one.

    Its JSON file of a source says how many there were, as it decides how a source is transformed.

    Attributes:
        stream: the lake of the own family.
        family: the other one.
        name: of the Firehose stream.
    """

    stream: Lake
    family: str
    name: str

    def events(self, partition: Partition, sources: AbstractSet[str]) -> dict[str, int]:
        """How many events the family has of each of these sources, as far as the stream took them.

        Raises:
            PartitionMovedError: it was compacted at this moment.
            LakeError: S3 or Glue failed, or the partition is damaged.
        """
        lake, slot = self.stream, Slot(first_format(), partition)
        # Landing files first: one that is cleaned up in between is named by the manifest.
        landed = {source_id_of(info.key): info.key for info in lake.landing_files(slot)}
        state = lake.state(slot)
        current = lake.at(slot, state.location) if state else None
        merged = current.manifest.sources if current else {}
        found = {s: merged[s].routed.get(self.family, 0) for s in sources & merged.keys()}
        for source in sources - merged.keys():
            head = lake.store.head(landed[source]) if source in landed else None
            figures = LandingMetadata.from_s3(head.metadata) if head else None
            if figures is not None:
                found[source] = figures.routed.get(self.family, 0)
        return found

    def without(self, partition: Partition, sources: AbstractSet[str]) -> set[str]:
        """Those of some sources that have nothing of the family, rejected whole or not.

        Raises:
            PartitionMovedError: it was compacted at this moment.
            LakeError: S3 or Glue failed, or the partition is damaged.
        """
        events = self.events(partition, sources)
        whole = self.rejected_whole(partition, sources - events.keys())
        return {source for source, count in events.items() if not count}.union(whole)

    def rejected_whole(self, partition: Partition, sources: AbstractSet[str]) -> Iterator[str]:
        """Those of some sources that the stream has rejected whole.

        Raises:
            LakeError: S3 failed.
        """
        rejects = self.stream.store.list(self.stream.layout.reject_dir(partition))
        return rejected_whole(self.stream, rejects, sources)


def rejected_whole(
    lake: Lake, rejects: Iterable[ObjectInfo], absent: AbstractSet[str]
) -> Iterator[str]:
    """Those of the absent sources that a reject row explains.

    Args:
        lake: the lake.
        rejects: the reject files of their partition.
        absent: sources that no table has; only their reject files are read.
    """
    for info in rejects:
        source = source_id_of(info.key)
        if source in absent and info.size:
            first: Mapping[str, object] = json.loads(lake.store.read(info.key).split(b"\n", 1)[0])
            if first.get("line_number") == 0:
                yield str(source)


def _taken(lake: Lake, fmt: Format, partition: Partition) -> AbstractSet[str]:
    """The sources that have landed in a format, or that its current generation names."""
    slot = Slot(fmt, partition)
    # Landing files first: one that is cleaned up in between is named by the manifest.
    landed = {source_id_of(info.key) or "" for info in lake.landing_files(slot)}
    state = lake.state(slot)
    current = lake.at(slot, state.location) if state else None
    return landed | (current.manifest.sources.keys() if current else set[str]())
