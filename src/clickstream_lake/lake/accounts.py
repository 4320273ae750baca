"""What a lake's producers send and its catalog does not declare, by its manifests."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import date

import msgspec

from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.formats import typed_formats
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.undeclared import Undeclared


def partitions_between(
    lake: Lake, since: date | None, until: date | None
) -> Iterator[tuple[Partition, str]]:
    """The partitions of some days, and where each is; those without a readable day always."""
    for partition, state in lake.partitions.list(lake.tables[typed_formats()[0]]):
        day = partition.date
        if day is None or (since or day) <= day <= (until or day):
            yield partition, state.location


def accounts(lake: Lake, found: Iterable[tuple[Partition, str]]) -> Iterator[Undeclared]:
    """The accounts of partitions; none of those that were never compacted, or by older versions.

    Raises:
        LakeError: S3 or Glue failed, or a manifest is damaged.
    """
    # Of the formats that have undeclared fields in one place, the first keeps the accounts.
    fmt = typed_formats()[0]
    for partition, location in found:
        # One that is swapped and cleaned up at this moment has an account in a newer manifest.
        with suppress(PartitionMovedError):
            generation = lake.at(Slot(fmt, partition), location)
            if generation and generation.manifest.undeclared is not msgspec.UNSET:
                yield generation.manifest.undeclared
