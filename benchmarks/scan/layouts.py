"""The same events as files in every layout, made by the lake's own transform and merge."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.compact.merge.merge_parquet import ParquetOptions, merge_parquet
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.generate import generate_events, write_gzip
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Format, Source
from clickstream_lake.lake.layout import Layout as LakeLayout
from clickstream_lake.transform.core import Job, transform_stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from typing import Literal

_PROCESSED = datetime(2025, 12, 1, tzinfo=UTC)
_PLAIN_ZSTD = OutputOptions(json_compression="none", parquet_compression="zstd")
_GZIP_SNAPPY = OutputOptions(json_compression="gzip", parquet_compression="snappy")
_EVENT_TS = re.compile(rb'"event_ts":"(\d{4}-\d{2}-\d{2})')


@dataclass(frozen=True)
class Spec:
    """How the benchmark's data are made.

    Attributes:
        events: how many.
        days: over how many days, one partition each.
        file_events: events of one raw object, and so of one landing file.
        row_group_rows: of compacted Parquet; None for the lake's own default.
    """

    events: int = 1_000_000
    days: int = 7
    file_events: int = 2_000
    row_group_rows: int | None = None
    seed: int = 7
    start: date = date(2025, 11, 20)

    @property
    def partitions(self) -> list[date]:
        """The days."""
        return [self.start + timedelta(days=number) for number in range(self.days)]


@dataclass
class Layout:
    """One way to keep the events.

    Attributes:
        name: also the end of its table's name.
        title: in words.
        compacted_from: the layout that it was merged from; None as landed.
        seconds: that merging it took, on one CPU.
    """

    name: str
    title: str
    format: Format
    root: Path
    compacted_from: str | None = None
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)

    @cached_property
    def bytes(self) -> int:
        """The size of all files; looked at once, while they are there."""
        return sum(path.stat().st_size for path in self.files)

    def of_day(self, day: date) -> list[Path]:
        """List the files of one partition."""
        directory = self.root / _partition(day)
        return [path for path in self.files if path.parent == directory]


def build(spec: Spec, workdir: Path, progress: Callable[[str, int], None]) -> list[Layout]:
    """Make the files of every layout under `workdir`.

    Args:
        spec: how many events, in which files.
        workdir: an empty directory.
        progress: called with what is being done and how many events of it were.
    """
    raw = _raw_objects(spec, workdir / "raw", progress)
    landed = [
        *_land(raw, workdir, _PLAIN_ZSTD, ("json", "small_zstd"), progress),
        *_land(raw, workdir, _GZIP_SNAPPY, ("json_gzip", "small_snappy"), progress),
    ]
    by_name = {layout.name: layout for layout in landed}
    compacted = [
        _compact(by_name[f"small_{codec}"], spec, codec, clustered=clustered, progress=progress)
        for clustered in (False, True)
        for codec in ("snappy", "zstd")
    ]
    order = ("json", "json_gzip", "small_snappy", "small_zstd")
    return [*(by_name[name] for name in order), *compacted]


def _partition(day: date) -> str:
    return f"year={day:%Y}/month={day:%m}/day={day:%d}"


def _raw_objects(
    spec: Spec, directory: Path, progress: Callable[[str, int], None]
) -> list[tuple[Source, Path]]:
    """Write raw objects as Firehose would: in the order of time, some thousand events each."""
    start = datetime.combine(spec.start, datetime.min.time(), UTC)
    layout = LakeLayout()
    found: list[tuple[Source, Path]] = []
    for lines in _by_day_and_size(spec, generate_events(spec.seed, spec.events, start, spec.days)):
        match = _EVENT_TS.search(lines[0])
        day = date.fromisoformat(match[1].decode()) if match else spec.start
        name = f"clickstream-events-1-{day}-00-00-00-{len(found):08}.gz"
        path = directory / _partition(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_gzip(path, lines)
        found.append((layout.source(f"raw/{_partition(day)}/{name}"), path))
        progress("generate", len(lines))
    return found


def _by_day_and_size(spec: Spec, events: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Group events into raw objects of one day each."""
    waiting: dict[bytes, list[bytes]] = {}
    last = (spec.start + timedelta(days=spec.days - 1)).isoformat().encode()
    for line in events:
        match = _EVENT_TS.search(line)
        day = min(match[1], last) if match else last
        lines = waiting.setdefault(day, [])
        lines.append(line)
        if len(lines) == spec.file_events:
            yield waiting.pop(day)
    yield from waiting.values()


def _land(
    raw: list[tuple[Source, Path]],
    workdir: Path,
    options: OutputOptions,
    names: tuple[str, str],
    progress: Callable[[str, int], None],
) -> list[Layout]:
    """Transform every raw object, as the function does."""
    titles = {
        "json": "JSON, as landed",
        "json_gzip": "JSON gzip, as landed",
        "small_zstd": "Parquet zstd, as landed",
        "small_snappy": "Parquet snappy, as landed",
    }
    json_layout = Layout(names[0], titles[names[0]], "json", workdir / names[0])
    parquet = Layout(names[1], titles[names[1]], "parquet", workdir / names[1])
    scratch = workdir / "scratch"
    scratch.mkdir(exist_ok=True)
    for source, path in raw:
        job = Job(source, load_catalog(), Limits(), options, _PROCESSED)
        with path.open("rb") as stream:
            result = transform_stream(stream, job, scratch)
        for layout, made in ((json_layout, result.json), (parquet, result.parquet)):
            if made is None:
                raise RuntimeError(f"{path} was rejected whole: {result.stats.corrupt}")
            target = layout.root / source.partition.path / made.name
            target.parent.mkdir(parents=True, exist_ok=True)
            layout.files.append(made.replace(target))
        progress(f"transform to {' and '.join(names)}", result.stats.published)
    return [json_layout, parquet]


def _compact(
    small: Layout,
    spec: Spec,
    codec: Literal["snappy", "zstd"],
    *,
    clustered: bool,
    progress: Callable[[str, int], None],
) -> Layout:
    order = "clustered" if clustered else "unclustered"
    name = f"{order}_{codec}"
    title = f"Parquet {codec}, compacted, {order}"
    layout = Layout(name, title, "parquet", small.root.parent / name, compacted_from=small.name)
    options = ParquetOptions(compression=codec)
    if spec.row_group_rows:
        options = replace(options, row_group_rows=spec.row_group_rows)
    for day in spec.partitions:
        inputs = small.of_day(day)
        if not inputs:
            continue
        target = layout.root / _partition(day)
        target.mkdir(parents=True)
        started = time.process_time()
        if clustered:
            result = merge_parquet(
                [Input(path) for path in inputs], target, catalog=load_catalog(), options=options
            )
            layout.files += [file.path for file in result.files]
            rows = result.counters.rows_out
        else:
            path, rows = _concatenate(inputs, target / "part-00000.parquet", options)
            layout.files.append(path)
        layout.seconds += time.process_time() - started
        progress(f"compact to {name}", rows)
    return layout


def _concatenate(inputs: list[Path], target: Path, options: ParquetOptions) -> tuple[Path, int]:
    """Merge without clustering: rows stay in the order in which they arrived."""
    rows = 0
    schema = load_catalog().arrow_schema()
    level = options.level if options.compression == "zstd" else None
    with pq.ParquetWriter(
        target, schema, compression=options.compression, compression_level=level
    ) as writer:
        waiting: list[pa.Table] = []
        for path in inputs:
            waiting.append(pq.read_table(path, partitioning=None).cast(schema))
            rows += waiting[-1].num_rows
            if sum(table.num_rows for table in waiting) >= options.row_group_rows:
                writer.write_table(pa.concat_tables(waiting), options.row_group_rows)
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting), options.row_group_rows)
    return target, rows
