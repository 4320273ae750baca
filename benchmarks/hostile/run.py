"""The measuring: a shape and clean events in one fresh process, round by round, and medians."""

import gzip
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.hostile.shapes import Shape, shapes
from benchmarks.measure import MeasurementError, Work, measure, peak_rss
from benchmarks.report import MB

_MANY_LINES: Final = 1_000
# The least of some tries: a moment of noise is long beside what a cheap object takes.
_TRIES: Final = 3
_SHORT_SECONDS: Final = 0.5


@dataclass(slots=True)
class Row:
    """One shape, with or without a kernel; figures are medians over the rounds.

    Attributes:
        raw_bytes: compressed.
        text_bytes: decompressed.
        cpu: CPU seconds of the shape.
        per_mb: CPU seconds for a million bytes of the larger of both sizes.
        times_clean: `per_mb` as a multiple of clean events' in the same process.
        times_clean_event: CPU seconds of a line as a multiple of a clean event's; 0 for few lines.
        rss: peak resident memory of the whole process, bytes.
        json: bytes of JSON written for each byte of the larger size; `parquet`, `rejects` likewise.
        failed: why it could not be measured.
    """

    group: str
    shape: str
    kernel: bool
    raw_bytes: int = 0
    text_bytes: int = 0
    lines: int = 0
    published: int = 0
    rejected: int = 0
    cpu: float = 0.0
    per_mb: float = 0.0
    times_clean: float = 0.0
    times_clean_event: float = 0.0
    rss: int = 0
    json: float = 0.0
    parquet: float = 0.0
    rejects: float = 0.0
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one transform of one raw object took and gave."""

    cpu: float
    raw_bytes: int
    text_bytes: int
    lines: int
    published: int
    rejected: int
    json_bytes: int
    parquet_bytes: int
    rejects_bytes: int
    corrupt: str | None

    @property
    def size(self) -> int:
        """What costs are counted by: the larger of compressed and decompressed bytes."""
        return max(self.raw_bytes, self.text_bytes)


def run(
    chosen: Sequence[Shape],
    *,
    rounds: int,
    size: int,
    kernels: Sequence[bool],
    cpu: int,
    say: Callable[[str], None],
) -> list[Row]:
    """Measure shapes of `size` bytes; every round measures every shape once."""
    rows = {
        (shape.name, shape.group, kernel): Row(shape.group, shape.name, kernel)
        for kernel in kernels
        for shape in chosen
    }
    taken: dict[Any, list[dict[str, Any]]] = {key: [] for key in rows}
    clean = shapes()[0]
    with TemporaryDirectory(prefix="hostile-") as folder:
        files = _written([clean, *chosen], size, Path(folder))
        for number in range(rounds):
            for (name, group, kernel), row in rows.items():
                arguments = {
                    "raw": str(files[name, group]),
                    "clean": str(files[clean.name, clean.group]),
                    "kernel": kernel,
                }
                try:
                    answer = measure("benchmarks.hostile.run:prepare", arguments, cpu=cpu).answer
                except MeasurementError as error:
                    row.failed = str(error)
                    say(f"{name}: {error}")
                    continue
                taken[name, group, kernel].append(answer)
                shape = Cost(**answer["shape"])
                say(
                    f"round {number + 1}, {'kernel' if kernel else 'line by line'}: {name}: "
                    f"{shape.cpu / shape.size * MB:.3f} CPU s per MB"
                )
    for key, row in rows.items():
        if taken[key]:
            _summarise(row, taken[key])
    return list(rows.values())


def _written(chosen: Sequence[Shape], size: int, folder: Path) -> dict[tuple[str, str], Path]:
    files = {}
    for number, shape in enumerate(chosen):
        path = files[shape.name, shape.group] = folder / f"{number}.gz"
        path.write_bytes(shape.raw(size))
    return files


def _summarise(row: Row, taken: list[dict[str, Any]]) -> None:
    found = [Cost(**answer["shape"]) for answer in taken]
    clean = [Cost(**answer["clean"]) for answer in taken]
    one = found[0]
    row.failed = one.corrupt or ""
    row.raw_bytes, row.text_bytes, row.lines = one.raw_bytes, one.text_bytes, one.lines
    row.published, row.rejected = one.published, one.rejected
    row.cpu = median(cost.cpu for cost in found)
    row.per_mb = row.cpu / one.size * MB
    row.times_clean = median(
        ours.cpu / ours.size / (theirs.cpu / theirs.size)
        for ours, theirs in zip(found, clean, strict=True)
    )
    if one.lines >= _MANY_LINES:
        row.times_clean_event = median(
            ours.cpu / ours.lines / (theirs.cpu / theirs.lines)
            for ours, theirs in zip(found, clean, strict=True)
        )
    row.rss = int(median(answer["rss"] for answer in taken))
    row.json = one.json_bytes / one.size
    row.parquet = one.parquet_bytes / one.size
    row.rejects = one.rejects_bytes / one.size


def prepare(raw: str, clean: str, *, kernel: bool) -> Work:
    """Measure a raw object, and clean events after it, in this process.

    So both are measured at the speed that the CPU has at this moment, and the peak of memory is
    the object's. What only the first object of a process costs is spent on a tiny one before.
    """
    from clickstream_lake.transform.rules.native import library

    os.environ[library.SETTING] = "on" if kernel else "off"
    shape, events = (Path(path).read_bytes() for path in (raw, clean))
    cost(gzip.compress(b'{"event_id":"e1","year":1}\nx\n'))

    def work() -> dict[str, Any]:
        found = [cost(shape)]
        rss = peak_rss()
        while len(found) < _TRIES and sum(one.cpu for one in found) < _SHORT_SECONDS:
            found.append(cost(shape))
        clean = [cost(events) for _ in range(_TRIES)]
        shortest, reference = (min(tries, key=lambda one: one.cpu) for tries in (found, clean))
        return {"shape": asdict(shortest), "clean": asdict(reference), "rss": rss}

    return work


def cost(raw: bytes) -> Cost:
    """Transform a raw object once, with the limits of a lake but that on compression."""
    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import Limits, OutputOptions
    from clickstream_lake.lake.layout import Layout
    from clickstream_lake.transform.core import Job, transform_stream

    job = Job(
        source=Layout().source("raw/year=2025/month=11/day=26/hostile.gz"),
        catalog=load_catalog(),
        limits=Limits(max_ratio=1_100),
        output=OutputOptions(),
        processed_ts=datetime(2025, 11, 26, 12, tzinfo=UTC),
    )
    with TemporaryDirectory(prefix="hostile-") as folder:
        start = time.process_time()
        stats = transform_stream(BytesIO(raw), job, Path(folder)).stats
        seconds = time.process_time() - start
    return Cost(
        cpu=seconds,
        raw_bytes=len(raw),
        text_bytes=stats.bytes_raw,
        lines=stats.lines,
        published=stats.published,
        rejected=stats.rejected_lines,
        json_bytes=stats.bytes_stored["json"],
        parquet_bytes=stats.bytes_stored["parquet"],
        rejects_bytes=stats.bytes_rejects,
        corrupt=stats.corrupt,
    )


def pick(names: str | None) -> list[Shape]:
    """The shapes whose name or group holds one of these words, with commas; all for None."""
    if names is None:
        return shapes()
    words = names.split(",")
    return [
        shape for shape in shapes() if any(word in f"{shape.group}: {shape.name}" for word in words)
    ]
