"""The results as a page and a plot, and compared with an earlier run."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks import prices, report
from benchmarks.report import MB, times
from benchmarks.results import Results
from benchmarks.transform.candidates import OURS, PEERS
from benchmarks.transform.run import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Ratios of events per CPU second that ours has to reach on the clean file.
TARGETS: Final = {"naive": 6.0, "DuckDB": 1.3, "Polars": 1.15}
_HEADER: Final = [
    "",
    "CPU s",
    "wall s",
    "k events/s",
    "ours is",
    "start-up s",
    "peak RSS MB",
    "JSON MB",
    "Parquet MB",
    "same rows",
]


def by_scenario(results: Results[Row]) -> dict[str, list[Row]]:
    """The rows of each scenario, ours first."""
    return {
        name: list(rows) for name, rows in groupby(results.measurements, lambda row: row.scenario)
    }


def page(results: Results[Row], images: str) -> str:
    """The whole report; plots are in the folder `images` beside it."""
    machine = results.machine
    scenarios = by_scenario(results)
    first = next(iter(scenarios.values()))
    how = (
        f"{machine['cpu']}, Python {results.versions['python']}, one CPU, one fresh process per "
        f"measurement, candidates alternating, medians of {results.settings['rounds']} rounds, "
        f"{results.date}, load {machine['load']} on {machine['cpus']} CPUs."
    )
    parts = ["# Transform benchmark", how, f"![Events per CPU second]({images}/speed.png)"]
    for name, rows in scenarios.items():
        parts.append(f"## {name}: {rows[0].events:,} events, {rows[0].raw_bytes / MB:.0f} MB")
        parts.append(report.table(_HEADER, [_line(row, rows[0]) for row in rows]))
    return report.page(
        *parts,
        _floor_text(results, first[0]),
        f"## Cost on Lambda (prices of {prices.AS_OF})",
        _cost_table(first),
        _start_text(results),
        "## Where a peer does less",
        "\n".join(
            f"- {peer.name}: {peer.does_less}."
            for peer in PEERS
            if peer.name in {row.candidate for row in results.measurements}
        ),
    )


def _line(row: Row, ours: Row) -> list[str]:
    if row.failed:
        return [row.candidate, f"fails: {row.failed[:80]}", *[""] * 8]
    answers = {"JSON": row.same_json, "Parquet": row.same_parquet}
    wrong = [name for name, same in answers.items() if not same]
    return [
        row.candidate,
        f"{row.cpu:.2f}",
        f"{row.wall:.2f}",
        f"{row.events / row.cpu / 1e3:.0f}",
        "" if row is ours else f"{row.cpu / ours.cpu:.2f}x",
        f"{row.startup:.2f}",
        f"{row.rss / MB:.0f}",
        f"{row.json_bytes / MB:.1f}",
        f"{row.parquet_bytes / MB:.2f}",
        f"no: {' and '.join(wrong)}" if wrong else "yes",
    ]


def _floor_text(results: Results[Row], ours: Row) -> str:
    floors: dict[str, float] = results.facts["floors"]
    total = sum(floors.values())
    rows = [[name, f"{took:.2f}"] for name, took in {**floors, "sum": total}.items()]
    return (
        f"## Floor\n\n{report.table(['stage', 'CPU s'], rows)}\n\n"
        f"Ours takes {ours.cpu:.2f} s: {ours.cpu / total:.2f} times the sum."
    )


def _cost_table(rows: list[Row]) -> str:
    lines = []
    for row in (row for row in rows if not row.failed):
        costs = [
            prices.transform_cost(row.cpu, row.events, row.raw_bytes, row.rss, architecture)
            for architecture in ("arm64", "x86_64")
        ]
        cells = ([f"{c.per_million_events:.6f}", f"{c.per_gigabyte:.6f}"] for c in costs)
        lines.append([row.candidate, *next(cells), *next(cells)])
    header = ["", "arm64: $ per million events", "$ per GB"]
    return report.table([*header, "x86_64: $ per million events", "$ per GB"], lines)


def _start_text(results: Results[Row]) -> str:
    start = results.facts["cold_start"]
    where = "the unpacked package" if start["packaged"] else "this checkout (no package fits it)"
    split = ", ".join(f"{name} {took:.0f}" for name, took in start["by_package"].items())
    layer = start["layer_bytes"]
    return (
        f"## Cold start\n\nImport of the handler from {where}: {start['wall']:.0f} ms wall, "
        f"{start['cpu']:.0f} ms CPU.{f' The layer is {layer / MB:.1f} MB zipped.' if layer else ''}"
        f"\n\nBy package, ms (traced, so slower): {split}."
    )


def missed(results: Results[Row]) -> list[str]:
    """Targets on the clean file that were not reached."""
    rows = by_scenario(results).get("clean")
    if not rows:
        return []
    ratios = {row.candidate: row.cpu / rows[0].cpu for row in rows if not row.failed}
    return [
        f"{ratios[name]:.2f}x {name}; the target is {target}x"
        for name, target in TARGETS.items()
        if name in ratios and ratios[name] < target
    ]


def against(results: Results[Row], earlier: Results[Row]) -> str:
    """Ours against an earlier run, as multiples of the other candidates of each run.

    Machines differ and may be busy: ratios within a run can be compared, seconds cannot.
    """
    before = by_scenario(earlier)
    lines = []
    for name, (ours, *peers) in by_scenario(results).items():
        old = {row.candidate: row for row in before.get(name, []) if row.events == ours.events}
        for row in peers:
            if not row.failed and row.candidate in old and old[row.candidate].cpu:
                then = old[row.candidate].cpu / old[OURS.name].cpu
                lines.append(
                    f"{name}: {row.cpu / ours.cpu:.2f}x {row.candidate}, earlier {then:.2f}x"
                )
    return "\n".join(lines)


def draw(results: Results[Row], directory: Path) -> list[Path]:
    """Events per CPU second in the first scenario as bars; the others as multiples beside them."""
    (ours, *peers), *others = by_scenario(results).values()
    best = min((peer for peer in peers if not peer.failed), key=lambda peer: peer.cpu, default=ours)
    title = (
        f"{ours.events / ours.cpu / 1e3:,.0f},000 events per CPU second, "
        f"{times(best.cpu / ours.cpu)} as many as {best.candidate}"
    )
    path = directory / "speed.png"
    height = 0.42 * len(peers) + 1.9
    widths = [3.6, 1.2 * len(others) + 0.01]
    with report.plot(path, title, height, ncols=2, sharey=True, width_ratios=widths) as (
        bars,
        grid,
    ):
        _bars(bars, [ours, *peers])
        _grid(grid, [ours, *peers], others)
    return [path]


def _speed(row: Row) -> float:
    return 0.0 if row.failed else row.events / row.cpu / 1e3


def _times(row: Row, ours: Row) -> str:
    """How many times longer it takes than ours, with a star where its rows are not the same."""
    if row.failed:
        return "fails"
    return times(row.cpu / ours.cpu) + ("" if row.same_json and row.same_parquet else "*")


def _bars(axes: "Axes", rows: list[Row]) -> None:
    drawn = axes.barh([row.candidate for row in rows], [_speed(row) for row in rows])
    drawn[0].set_color(report.OURS)
    for bar in drawn[1:]:
        bar.set_color(report.OTHERS)
    slower = ["", *(f"  ({_times(row, rows[0])})" for row in rows[1:])]
    labels = [f"{_speed(row):,.0f}{text}" for row, text in zip(rows, slower, strict=True)]
    axes.bar_label(drawn, labels, padding=4)
    axes.set_title(
        f"{rows[0].scenario}, {rows[0].events:,} events: thousands a second\n"
        "(and how many times slower than ours)",
        fontsize=10,
        fontweight="normal",
    )
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.xaxis.set_visible(False)
    axes.spines[["bottom", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def _grid(axes: "Axes", names: list[Row], scenarios: list[list[Row]]) -> None:
    axes.set_axis_off()
    axes.set_xlim(-0.5, max(len(scenarios), 1) - 0.5)
    for column, (ours, *peers) in enumerate(scenarios):
        head = "\n".join(ours.scenario.rsplit(" ", 1))
        axes.text(column, -0.75, head, ha="center", va="bottom", fontsize=10)
        cells = {row.candidate: _times(row, ours) for row in peers}
        cells[ours.candidate] = f"{_speed(ours):,.0f}"
        for place, row in enumerate(names):
            weight = "normal" if place else "bold"
            text = cells[row.candidate]
            axes.text(column, place, text, ha="center", va="center", fontweight=weight)
    axes.text(1, -0.02, "* not the same rows", ha="right", va="top", fontsize=9, color="#555",
              transform=axes.transAxes)  # fmt: skip
