"""The results as a page and a plot."""

from itertools import groupby
from pathlib import Path

from benchmarks import report
from benchmarks.hostile.run import Row
from benchmarks.report import MB, times
from benchmarks.results import Results

_HEADER = [
    "",
    "CPU s per MB",
    "x clean, by byte",
    "x clean, by event",
    "peak RSS MB",
    "rejects per byte",
    "JSON per byte",
    "Parquet per byte",
    "published",
    "rejected",
]


def page(results: Results[Row], images: str) -> str:
    """The whole report; plots are in the folder `images` beside it."""
    machine, settings = results.machine, results.settings
    how = (
        f"{machine['cpu']}, Python {results.versions['python']}, one CPU, one fresh process per "
        f"measurement, medians of {settings['rounds']} rounds, objects of "
        f"{settings['megabytes']} MB (of 4 MB where it is one line or whole events), "
        f"{results.date}, load {machine['load']} on {machine['cpus']} CPUs.\n\n"
        "A MB is a million bytes of the larger of compressed and decompressed size. Clean events "
        "are measured in each process, too: figures as multiples of theirs (`x clean`) can be "
        "compared between machines, seconds cannot."
    )
    image = f"![CPU seconds per MB of the costliest shapes]({images}/cost.png)"
    parts = ["# What hostile raw objects cost", how, image]
    for kernel, rows in groupby(results.measurements, lambda row: row.kernel):
        for group, members in groupby(rows, lambda row: row.group):
            parts.append(f"## {group}, {'with' if kernel else 'without'} the kernel")
            parts.append(report.table(_HEADER, [line(row) for row in members]))
    return report.page(*parts)


def line(row: Row) -> list[str]:
    """A row of the table."""
    name = row.shape.replace("|", "\\|")
    if row.failed:
        return [f"`{name}`", f"fails: {row.failed[:80]}", *[""] * 8]
    return [
        f"`{name}`",
        f"{row.per_mb:.3f}",
        times(row.times_clean),
        times(row.times_clean_event) if row.times_clean_event else "",
        f"{row.rss / MB:.0f}",
        f"{row.rejects:.2f}",
        f"{row.json:.2f}",
        f"{row.parquet:.2f}",
        f"{row.published:,}",
        f"{row.rejected:,}",
    ]


def text(results: Results[Row]) -> str:
    """All rows as tab-separated values, for a terminal or another program."""
    lines = [["kernel", "group", "shape", *_HEADER[1:]]]
    lines += [
        ["on" if row.kernel else "off", row.group, row.shape, *line(row)[1:]]
        for row in results.measurements
    ]
    return "\n".join("\t".join(cells) for cells in lines)


def draw(results: Results[Row], directory: Path) -> list[Path]:
    """The 20 shapes that cost most CPU per byte, as bars."""
    first = [row for row in results.measurements if row.kernel == results.measurements[0].kernel]
    worst = sorted(first, key=lambda row: row.per_mb, reverse=True)[:20]
    path = directory / "cost.png"
    title = f"The costliest of {len(first)} shapes: {worst[0].per_mb:.2f} CPU seconds per MB"
    with report.plot(path, title, 0.3 * len(worst) + 1) as axes:
        names = [f"{row.shape} ({row.group})" for row in worst]
        bars = axes.barh(names, [row.per_mb for row in worst], color=report.OURS)
        labels = [f"{row.per_mb:.2f}  ({times(row.times_clean)} clean events)" for row in worst]
        axes.bar_label(bars, labels, padding=4)
        axes.invert_yaxis()
        axes.margins(x=0.35)
        axes.xaxis.set_visible(False)
        axes.spines[["bottom", "left"]].set_visible(False)
        axes.tick_params(axis="y", length=0, labelsize=9)
    return [path]
