"""The same events as files in every layout, made by the lake's own transform and merge."""

import json
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.generate.events import generate_events
from clickstream_lake.generate.sinks import write_gzip
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.layout import Layout as LakeLayout
from clickstream_lake.lake.layout import Source
from clickstream_lake.transform.core import Job, transform_stream

_PROCESSED: Final = datetime(2025, 12, 1, tzinfo=UTC)
_EVENT_TS: Final = re.compile(rb'"event_ts":"(\d{4}-\d{2}-\d{2})')
TITLES: Final = {
    "json": "JSON, as landed",
    "json_gzip": "JSON gzip, as landed",
    "small_snappy": "Parquet snappy, as landed",
    "small_zstd": "Parquet zstd, as landed",
    "unclustered_snappy": "Parquet snappy, compacted, unclustered",
    "unclustered_zstd": "Parquet zstd, compacted, unclustered",
    "clustered_snappy": "Parquet snappy, compacted, clustered",
    "clustered_zstd": "Parquet zstd, compacted, clustered",
}

_LANDED: Final = ("json", "json_gzip", "small_snappy", "small_zstd")


@dataclass(frozen=True, slots=True)
class Spec:
    """How the benchmark's data are made.

    Attributes:
        events: how many.
        days: over how many days, one partition each.
        file_events: events of one raw object, and so of one landing file.
        row_group_rows: of compacted Parquet; None for the lake's own default.
    """

    events: int = 2_200_000
    days: int = 1
    file_events: int = 20_000
    row_group_rows: int | None = None
    seed: int = 7
    start: date = date(2025, 11, 20)

    @property
    def partitions(self) -> list[date]:
        """The days."""
        return [self.start + timedelta(days=number) for number in range(self.days)]


@dataclass(frozen=True, slots=True)
class LayoutFigures:
    """What one way to keep the events takes.

    Attributes:
        name: also its table's.
        files: by partition.
        merge_cpu_seconds: what merging it took; 0 as landed.
    """

    name: str
    files: list[int]
    bytes: int
    merge_cpu_seconds: float = 0.0

    @property
    def title(self) -> str:
        """The name in words."""
        return TITLES[self.name]


@dataclass
class Layout:
    """The files of one way to keep the events; `seconds` of CPU went into merging them."""

    name: str
    root: Path
    seconds: float = 0.0
    files: list[Path] = field(default_factory=list)

    @property
    def format(self) -> Format:
        """Of its table."""
        return "json" if self.name.startswith("json") else "parquet"

    def of_day(self, day: date) -> list[Path]:
        """List the files of one partition."""
        directory = self.root / _partition(day)
        return [path for path in self.files if path.parent == directory]

    def figures(self) -> LayoutFigures:
        """Count it."""
        return LayoutFigures(
            self.name,
            list(Counter(path.parent for path in self.files).values()),
            sum(path.stat().st_size for path in self.files),
            round(self.seconds, 3),
        )


def build(spec: Spec, workdir: Path, say: Callable[[str], None]) -> list[Layout]:
    """Make the files of every layout under `workdir`.

    Those that an earlier call landed there are not made again, and those that it compacted are.

    Raises:
        ValueError: the directory has other events in it.
    """
    layouts = {name: Layout(name, workdir / name) for name in TITLES}
    landed = workdir / "landed.json"
    events = _described(spec)
    if not landed.exists():
        say(f"generating {spec.events:,} events")
        raw = raw_objects(spec, workdir / "raw")
        say("transforming them to JSON and zstd, and to gzip JSON and snappy")
        land(raw, layouts["json"], layouts["small_zstd"], OutputOptions("none", "zstd"))
        land(raw, layouts["json_gzip"], layouts["small_snappy"], OutputOptions("gzip", "snappy"))
        landed.write_text(events, encoding="utf-8")
    elif landed.read_text(encoding="utf-8") != events:
        raise ValueError(f"{workdir} has other events in it: {landed.read_text(encoding='utf-8')}")
    for name, layout in layouts.items():
        if name in _LANDED:
            layout.files = sorted(path for path in layout.root.rglob("*") if path.is_file())
        else:
            shutil.rmtree(layout.root, ignore_errors=True)
    for order in ("unclustered", "clustered"):
        for codec in ("snappy", "zstd"):
            say(f"compacting to {order} {codec}")
            _compact(layouts[f"small_{codec}"], layouts[f"{order}_{codec}"], spec, codec)
    return list(layouts.values())


def _described(spec: Spec) -> str:
    """What decides how landing files look."""
    events = {name: value for name, value in asdict(spec).items() if name != "row_group_rows"}
    return json.dumps(events, default=str)


def _partition(day: date) -> str:
    return f"year={day:%Y}/month={day:%m}/day={day:%d}"


def raw_objects(spec: Spec, directory: Path) -> list[tuple[Source, Path]]:
    """Write raw objects as Firehose would: in the order of time, some thousand events each."""
    layout = LakeLayout()
    found: list[tuple[Source, Path]] = []
    for day, lines in _by_day_and_size(spec):
        name = f"clickstream-events-1-{day}-00-00-00-{len(found):08}.gz"
        path = directory / _partition(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_gzip(path, lines)
        found.append((layout.source(f"raw/{_partition(day)}/{name}"), path))
    return found


def _by_day_and_size(spec: Spec) -> Iterator[tuple[date, list[bytes]]]:
    """Group events into raw objects of one day each."""
    waiting: dict[date, list[bytes]] = {}
    start = datetime.combine(spec.start, datetime.min.time(), UTC)
    for line in generate_events(spec.seed, spec.events, start, spec.days):
        match = _EVENT_TS.search(line)
        last = spec.partitions[-1]
        day = min(date.fromisoformat(match[1].decode()), last) if match else last
        lines = waiting.setdefault(day, [])
        lines.append(line)
        if len(lines) == spec.file_events:
            yield day, waiting.pop(day)
    yield from waiting.items()


def land(
    raw: list[tuple[Source, Path]],
    text: Layout,
    parquet: Layout,
    options: OutputOptions,
    every: timedelta = timedelta(),
) -> None:
    """Transform every raw object, as the function does, each so much later than the one before."""
    scratch = text.root.parent / "scratch"
    scratch.mkdir(exist_ok=True)
    for number, (source, path) in enumerate(raw):
        job = Job(source, load_catalog(), Limits(), options, _PROCESSED + number * every)
        with path.open("rb") as stream:
            result = transform_stream(stream, job, scratch)
        if not result.files:
            raise RuntimeError(f"{path} was rejected whole: {result.stats.corrupt}")
        for layout, made in ((text, result.files["json"]), (parquet, result.files["parquet"])):
            target = layout.root / source.partition.path / made.name
            target.parent.mkdir(parents=True, exist_ok=True)
            made.replace(target)


def _compact(small: Layout, layout: Layout, spec: Spec, codec: Literal["snappy", "zstd"]) -> None:
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
        if layout.name.startswith("clustered"):
            result = merge_parquet(
                [Input(path) for path in inputs], target, catalog=load_catalog(), options=options
            )
            layout.files += [file.path for file in result.files]
        else:
            layout.files.append(_concatenate(inputs, target / "part-00000.parquet", options))
        layout.seconds += time.process_time() - started


def _concatenate(inputs: list[Path], target: Path, options: ParquetOptions) -> Path:
    """Merge without clustering: rows stay in the order in which they arrived."""
    schema = load_catalog().arrow_schema()
    level = options.level if options.compression == "zstd" else None
    rows = options.row_group_rows or load_catalog().row_group_rows
    with pq.ParquetWriter(
        target, schema, compression=options.compression, compression_level=level
    ) as writer:
        waiting: list[pa.Table] = []
        for path in inputs:
            waiting.append(pq.read_table(path, partitioning=None).cast(schema))
            if sum(table.num_rows for table in waiting) >= rows:
                writer.write_table(pa.concat_tables(waiting), rows)
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting), rows)
    return target
