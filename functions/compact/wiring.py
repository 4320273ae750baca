"""Put the compact function's parts together for one lake."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from functions.compact.build import DOWNLOADS, Builder
from functions.compact.cleanup import Cleaner
from functions.compact.compactor import Compactor, new_generation_id
from functions.compact.duplicates import DuplicateFinder
from functions.compact.merge_json import JsonOptions, merge_json
from functions.compact.merge_parquet import ParquetOptions, merge_parquet
from functions.compact.messages import CompactQueue
from functions.compact.operations import Operations
from functions.lake.config import Config
from functions.lake.generations import Generations
from functions.lake.schema import Catalog


def wire(
    config: Config,
    catalog: Catalog,
    lake: Generations,
    *,
    queue: CompactQueue | None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    new_id: Callable[[datetime], str] = new_generation_id,
    downloads: int = DOWNLOADS,
    workdir: Path | None = None,
) -> Operations:
    """The compact function's operations on a lake, by the lake's configuration.

    Args:
        config: the lake's settings.
        catalog: its schema.
        lake: its stores.
        queue: where planned partitions go; None compacts them on the spot.
        now: the clock.
        new_id: names generations.
        downloads: files fetched at a time.
        workdir: where files lie while they are merged; None for the temporary directory.
    """
    settings, output = config.compact, config.output
    parquet = ParquetOptions(
        target_bytes=settings.target_file_bytes, compression=output.parquet_compression
    )
    if output.parquet_compression == "snappy" or output.parquet_level is not None:
        parquet = ParquetOptions(
            target_bytes=settings.target_file_bytes,
            compression=output.parquet_compression,
            level=output.parquet_level,
        )
    json = JsonOptions(
        target_bytes=settings.target_file_bytes, gzip=output.json_compression == "gzip"
    )
    builder = Builder(
        lake=lake,
        merges={
            "json": partial(merge_json, catalog=catalog, options=json),
            "parquet": partial(merge_parquet, catalog=catalog, options=parquet),
        },
        schema_version=catalog.schema_version,
        downloads=downloads,
        workdir=workdir,
    )
    return Operations(
        lake=lake,
        compactor=Compactor(
            lake, builder, DuplicateFinder(lake, catalog, workdir), settings, now, new_id
        ),
        cleaner=Cleaner(lake, timedelta(seconds=settings.grace_seconds), now),
        settings=settings,
        queue=queue,
        now=now,
    )
