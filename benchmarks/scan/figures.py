"""The plots: bytes by query and layout, prediction against measurement, and break-even."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt

from benchmarks.scan.costs import query_dollars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from benchmarks.scan.costs import CompactionCost
    from benchmarks.scan.results import Results

_COLOURS = {
    "json": "#b3541e",
    "json_gzip": "#e0a458",
    "small_snappy": "#a7bed3",
    "small_zstd": "#5b8fb9",
    "unclustered_snappy": "#9ac49a",
    "unclustered_zstd": "#5f9f6e",
    "clustered_snappy": "#4f7f5a",
    "clustered_zstd": "#1f5130",
}
_SHOWN = ("json", "json_gzip", "small_zstd", "unclustered_zstd", "clustered_zstd")
_STYLE: Any = {
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "figure.facecolor": "white",
    "svg.hashsalt": "bytes-scanned",  # the same figures give the same file
    "svg.fonttype": "none",
}


def draw(results: Results, directory: Path) -> list[str]:
    """Write every plot as PNG and SVG, and give their names without the ending."""
    directory.mkdir(parents=True, exist_ok=True)
    mpl.use("Agg")
    with mpl.rc_context(_STYLE):
        return [
            _save(_bytes_by_query(results), directory, "bytes-by-query"),
            _save(_ratios(results), directory, "ratio-to-json"),
            _save(_prediction(results), directory, "prediction"),
            _save(_break_even(results, results.compaction), directory, "break-even"),
        ]


def _save(figure: Any, directory: Path, name: str) -> str:  # noqa: ANN401  # matplotlib is untyped
    figure.savefig(directory / f"{name}.png", dpi=130, bbox_inches="tight")
    figure.savefig(directory / f"{name}.svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return name


def _bytes_by_query(results: Results) -> Any:  # noqa: ANN401  # matplotlib is untyped
    figure, axes = plt.subplots(figsize=(11, 5.2))
    shown = [layout for layout in results.layouts if layout.name in _SHOWN]
    width = 0.8 / len(shown)
    for place, layout in enumerate(shown):
        values = [results.of(query, layout.name).scanned for query in results.queries]
        offsets = [x + (place - (len(shown) - 1) / 2) * width for x in range(len(values))]
        axes.bar(offsets, values, width, label=layout.title, color=_COLOURS[layout.name])
    axes.set_yscale("log")
    axes.set_ylabel("bytes scanned (logarithmic)")
    axes.axhline(10 << 20, color="#888", linestyle="--", linewidth=1)
    axes.set_xlim(-0.6, len(results.queries) + 0.9)
    note = "below:\nbilled\nas 10 MB"
    axes.text(
        len(results.queries) - 0.4, (10 << 20) * 0.85, note, color="#666", fontsize=8, va="top"
    )
    axes.set_xticks(range(len(results.queries)), results.queries, rotation=30, ha="right")
    axes.grid(axis="x", visible=False)
    axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1))
    _bytes_axis(axes)
    return figure


def _ratios(results: Results) -> Any:  # noqa: ANN401  # matplotlib is untyped
    figure, axes = plt.subplots(figsize=(9, 5.2))
    values = [results.ratio(query, "json", "clustered_zstd") for query in results.queries]
    small = [results.ratio(query, "json", "small_zstd") for query in results.queries]
    places = list(range(len(values)))
    axes.barh([p + 0.2 for p in places], values, 0.38, color=_COLOURS["clustered_zstd"])
    axes.barh([p - 0.2 for p in places], small, 0.38, color=_COLOURS["small_zstd"])
    for place, (large, little) in enumerate(zip(values, small, strict=True)):
        axes.text(large * 1.05, place + 0.2, f"{large:,.0f}x", va="center", fontsize=8)
        axes.text(little * 1.05, place - 0.2, f"{little:,.0f}x", va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlabel("times fewer bytes than JSON (logarithmic)")
    axes.set_yticks(places, results.queries)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    titles = ["Parquet zstd, compacted, clustered", "Parquet zstd, as landed"]
    axes.legend(titles, frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return figure


def _prediction(results: Results) -> Any:  # noqa: ANN401  # matplotlib is untyped
    figure, axes = plt.subplots(figsize=(6, 5))
    for layout in results.layouts:
        pairs = [
            (one.predicted, one.measured)
            for one in results.measurements
            if one.layout == layout.name and one.measured is not None
        ]
        if pairs:
            predicted, measured = zip(*pairs, strict=True)
            axes.scatter(predicted, measured, s=22, color=_COLOURS[layout.name], label=layout.title)
    low, high = axes.get_xlim()
    axes.plot([max(low, 1e3), high], [max(low, 1e3), high], color="#bbb", linewidth=1, zorder=0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("predicted bytes")
    axes.set_ylabel("bytes asked for by pyarrow's scanner")
    axes.legend(frameon=False, fontsize=8)
    return figure


def _break_even(results: Results, costs: Sequence[CompactionCost]) -> Any:  # noqa: ANN401  # matplotlib is untyped
    figure, axes = plt.subplots(figsize=(8, 4.6))
    counts = list(range(51))
    for name, cost, style in (
        ("json", 0.0, "-"),
        ("small_zstd", 0.0, "-"),
        ("clustered_zstd", next(one.total for one in costs if one.layout == "clustered_zstd"), "-"),
    ):
        runs = [query_dollars(results.of(query, name)) for query in results.queries]
        each = sum(runs) / len(runs)
        title = next(layout.title for layout in results.layouts if layout.name == name)
        axes.plot(counts, [cost + n * each for n in counts], style, color=_COLOURS[name],
                  label=title, linewidth=2)  # fmt: skip
    axes.set_xlabel("queries of the suite's mix, after one compaction")
    axes.set_ylabel("dollars, compaction included")
    axes.legend(frameon=False)
    return figure


def _bytes_axis(axes: Axes) -> None:
    units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]

    def label(value: float, _: int) -> str:
        for size, unit in units:
            if value >= size:
                return f"{value / size:,.0f} {unit}"
        return f"{value:,.0f} B"

    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(base=2, numticks=16))
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(label))
