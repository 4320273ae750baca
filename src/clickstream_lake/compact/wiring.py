"""Put the compact function's parts together for one lake."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from clickstream_lake.compact.merge.build import DOWNLOADS, Builder
from clickstream_lake.compact.merge.dedupe import DuplicateFinder
from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.protocol.cleanup import Cleaner
from clickstream_lake.compact.protocol.columns import Columns
from clickstream_lake.compact.protocol.compactor import Compactor, new_generation_id
from clickstream_lake.compact.queue import CompactQueue
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake

if TYPE_CHECKING:
    from clickstream_lake.compact.merge.merging import Merger


def wire(
    config: Config,
    catalog: Catalog,
    lake: Lake,
    *,
    queue: CompactQueue | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[datetime], str] = new_generation_id,
    downloads: int = DOWNLOADS,
    workdir: Path | None = None,
) -> Operations:
    """The compact function's operations on a lake, as its configuration says.

    Args:
        config: the lake's settings.
        catalog: its schema.
        lake: its stores.
        queue: where planned partitions go; None compacts them on the spot.
        now: the clock.
        new_id: names generations.
        downloads: files fetched at a time.
        workdir: where files are while they are merged; None for the temporary directory.
    """
    settings, output = config.compact, config.output
    catalog = replace(catalog, partition_keys=config.layout.partition_keys)
    mergers: dict[Format, Merger] = {
        fmt: resolve_name(spec.merger) for fmt, spec in FORMATS.items()
    }
    builder = Builder(
        lake=lake,
        merges={
            fmt: merger(catalog, output, settings.target_file_bytes)
            for fmt, merger in mergers.items()
        },
        catalog=catalog.sha256,
        accounts=config.schema_evolution != "off",
        downloads=downloads,
        workdir=workdir,
    )
    return Operations(
        lake=lake,
        compactor=Compactor(
            lake,
            builder,
            Columns(lake, catalog),
            DuplicateFinder(lake, catalog, workdir),
            settings,
            now,
            new_id,
        ),
        cleaner=Cleaner(lake, timedelta(seconds=settings.grace_seconds), now),
        settings=settings,
        queue=queue,
        now=now,
    )
