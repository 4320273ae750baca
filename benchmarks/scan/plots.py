"""The plots: bytes by query, ratios, prediction against measurement, and break-even."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import report
from benchmarks.report import OURS, times
from benchmarks.results import Results
from benchmarks.scan.figures import QUERIES, Figures, break_even, queries
from benchmarks.scan.run import Measurement
from clickstream_lake.console import size
from clickstream_lake.sandbox.athena import billing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

_SHOWN: Final = {
    "json": ("JSON", "#b3541e"),
    "small_zstd": ("Parquet as landed", "#5b8fb9"),
    "clustered_zstd": ("Parquet compacted", OURS),
}
_HEIGHT: Final = 5.4


def draw(results: Results[Measurement], directory: Path) -> list[Path]:
    """Write every plot."""
    found = Figures(results)
    drawn = {
        "bytes-by-query": _bytes_by_query,
        "ratio-to-json": _ratios,
        "prediction": _prediction,
        "break-even": _break_even,
    }
    paths = [directory / f"{name}.png" for name in drawn]
    for path, one in zip(paths, drawn.values(), strict=True):
        one(found, path)
    return paths


def _best_first(found: Figures) -> list[str]:
    return sorted(QUERIES, key=lambda query: -found.ratio(query, "json", "clustered_zstd"))


def _bytes_by_query(found: Figures, path: Path) -> None:
    queries = _best_first(found)
    scanned = {name: [found.of(query, name).scanned for query in queries] for name in _SHOWN}
    ratios = [found.ratio(query, "json", "clustered_zstd") for query in queries]
    title = f"Compacted Parquet scans {min(ratios):,.0f} to {max(ratios):,.0f} times less than JSON"
    with report.plot(path, title, _HEIGHT) as axes:
        places = range(len(queries))
        axes.hlines(places, scanned["clustered_zstd"], scanned["json"], color="#d5d9de", lw=2)
        for name, (label, colour) in _SHOWN.items():
            axes.scatter(scanned[name], places, s=70, color=colour, zorder=3)
            _label(axes, label, (scanned[name][0], 0), (-6, 10), colour)
        axes.axvline(billing.MINIMUM_BYTES, color="#777", linestyle="--", linewidth=1)
        below = (billing.MINIMUM_BYTES, len(queries))
        axes.annotate("less is billed as 10 MB ", below, ha="right", color="#555", fontsize=10)
        axes.set_xscale("log")
        axes.set_xlabel("bytes scanned by a query, logarithmic")
        _sizes(axes.xaxis, range(16, 32, 3))
        axes.set_yticks(places, queries)
        axes.set_ylim(len(queries) + 0.3, -1)
        axes.grid(axis="x")


def _label(
    axes: "Axes", text: str, at: tuple[float, float], offset: tuple[int, int], colour: str
) -> None:
    axes.annotate(text, at, offset, textcoords="offset points", color=colour, fontweight="bold")


def _sizes(axis: "Axis", powers: range) -> None:
    """Show powers of two as sizes."""
    axis.set_ticks([1 << power for power in powers])
    axis.set_ticks([], minor=True)
    axis.set_major_formatter(lambda value, _: size(value).replace(".0 ", " "))


def _ratios(found: Figures, path: Path) -> None:
    queries = _best_first(found)
    shown = {name: [found.ratio(q, "json", name) for q in queries] for name in list(_SHOWN)[1:]}
    landed, compacted = shown.values()
    title = (
        f"Parquet scans {min(landed):,.0f} to {max(landed):,.0f} times less than JSON, compacted "
        f"up to {max(compacted):,.0f}"
    )
    with report.plot(path, title, _HEIGHT + 0.6) as axes:
        for offset, (name, values) in zip((0.2, -0.2), shown.items(), strict=True):
            label, colour = _SHOWN[name]
            places = [place + offset for place in range(len(queries))]
            bars = axes.barh(places, values, 0.38, color=colour)
            axes.bar_label(bars, [times(value) for value in values], padding=4, fontsize=10)
            _label(axes, label, (1.2, places[0] + 0.11), (0, 0), "white")
        axes.set_xscale("log")
        axes.set_xlim(1, max(compacted) * 2)
        axes.set_yticks(range(len(queries)), queries)
        axes.margins(y=0.01)
        axes.invert_yaxis()
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)


def _prediction(found: Figures, path: Path) -> None:
    pairs = [(one.predicted, one.scanned) for one in found.measurements if one.scanned]
    predicted, counted = zip(*pairs, strict=True)
    worst = found.worst_prediction
    apart = f"at most {worst:.2%} apart" if worst else "equal to the byte"
    title = f"Bytes predicted are bytes read: {len(pairs)} runs, {apart}"
    with report.plot(path, title, _HEIGHT) as axes:
        ends = [min(predicted) / 2, max(predicted) * 2]
        axes.plot(ends, ends, color="#bbb", linewidth=1)
        _label(axes, "predicted = read", (ends[0], ends[0]), (20, 2), "#777")
        axes.scatter(predicted, counted, s=60, facecolors="none", edgecolors=OURS, zorder=3)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("predicted by the embedded engine")
        axes.set_ylabel("counted by the engine that ran the query")
        for axis in (axes.xaxis, axes.yaxis):
            _sizes(axis, range(16, 32, 3))
        axes.grid(visible=True)


def _break_even(found: Figures, path: Path) -> None:
    cost = found.compaction.total
    before, after = found.mean_dollars("small_zstd"), found.mean_dollars("clustered_zstd")
    crossing = cost / (before - after)
    title = f"Compaction has paid for itself after {queries(break_even(cost, before - after))}"
    with report.plot(path, title, 4.2) as axes:
        end = crossing * 4
        for name, fixed, each in (("small_zstd", 0.0, before), ("clustered_zstd", cost, after)):
            label, colour = _SHOWN[name]
            axes.plot([0, end], [fixed, fixed + end * each], color=colour, linewidth=2.5)
            _label(axes, label, (end, fixed + end * each), (6, -4), colour)
        at = (crossing, crossing * before)
        axes.scatter(*at, s=80, color="#111", zorder=3)
        equal = f"equal after {at[0]:.1f} queries,\nat ${at[1]:.5f}"
        _label(axes, equal, at, (18, -34), "#111")
        _label(axes, f"compaction\n${cost:.5f}", (0, cost), (8, 12), OURS)
        axes.set_xlabel("queries of the suite's mix after it")
        axes.set_ylabel("dollars as billed")
        axes.set_xlim(0, end)
        axes.set_ylim(0)
        axes.grid(visible=True)
