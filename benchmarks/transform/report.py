"""The results as tables, plots and JSON, and against those of an earlier run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from benchmarks.transform.candidates import OURS, PEERS
from benchmarks.transform.coldstart import ColdStart
from benchmarks.transform.cost import PRICES_AS_OF, cost
from benchmarks.transform.run import Row, ScenarioResult

# Ratios of events per CPU second that ours has to reach on the clean file.
TARGETS: Final = {"naive": 6.0, "DuckDB": 1.3, "Polars": 1.15}
_MB: Final = 1_000_000
_HEADER: Final = (
    "| | CPU s | wall s | k events/s | ours is | start-up s | peak RSS MB | JSON MB | "
    "Parquet MB | same rows |"
)


def table(result: ScenarioResult) -> str:
    """One scenario as a Markdown table."""
    events = int(result.scenario["events"])
    ours = result.row(OURS.name)
    lines = [
        _HEADER,
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in result.rows:
        if row.failed:
            lines.append(f"| {row.candidate} | fails: {row.failed[:80]} | | | | | | | | |")
            continue
        ratio = "" if row is ours else f"{row.cpu / ours.cpu:.2f}x"
        lines.append(
            f"| {row.candidate} | {row.cpu:.2f} | {row.wall:.2f} | {events / row.cpu / 1e3:.0f} | "
            f"{ratio} | {row.startup:.2f} | {row.rss / _MB:.0f} | {row.json_bytes / _MB:.1f} | "
            f"{row.parquet_bytes / _MB:.2f} | {_same(row)} |"
        )
    return "\n".join(lines)


def _same(row: Row) -> str:
    answers = {"JSON": row.same_json, "Parquet": row.same_parquet}
    wrong = [name for name, same in answers.items() if not same]
    return "yes" if not wrong else f"no: {' and '.join(wrong)}"


def markdown(results: Sequence[ScenarioResult], start: ColdStart, machine: dict[str, Any]) -> str:
    """The whole report."""
    head = (
        f"# Transform benchmark\n\n{machine['cpu']}, Python {machine['python']}, one CPU, one "
        f"fresh process per measurement, candidates alternating, medians of {machine['rounds']} "
        f"rounds, {machine['date']}, load {machine['load']} on {machine['cpus']} CPUs."
    )
    parts = [head]
    for result in results:
        name, events = result.scenario["name"], int(result.scenario["events"])
        parts.append(
            f"## {name}: {events:,} events, {result.raw_bytes / _MB:.0f} MB\n\n{table(result)}"
        )
    parts.append(_floor_text(results[0]))
    parts.append(_cost_text(results[0]))
    parts.append(_start_text(start))
    parts.append(
        "## Where a peer does less\n\n"
        + "\n".join(f"- {peer.name}: {peer.does_less}." for peer in PEERS)
    )
    return "\n\n".join(part for part in parts if part) + "\n"


def _floor_text(result: ScenarioResult) -> str:
    if not result.floors:
        return ""
    total, ours = sum(result.floors.values()), result.row(OURS.name).cpu
    rows = "\n".join(f"| {name} | {took:.2f} |" for name, took in result.floors.items())
    return (
        f"## Floor\n\n| stage | CPU s |\n|---|---|\n{rows}\n| sum | {total:.2f} |\n\n"
        f"Ours takes {ours:.2f} s: {ours / total:.2f} times the sum."
    )


def _cost_text(result: ScenarioResult) -> str:
    events = int(result.scenario["events"])
    lines = [
        f"## Cost on Lambda (prices of {PRICES_AS_OF})",
        "",
        "| | arm64: $ per million events | $ per GB | x86_64: $ per million events | $ per GB |",
        "|---|---|---|---|---|",
    ]
    for row in result.rows:
        if not row.failed:
            costs = [
                cost(row.cpu, events, result.raw_bytes, row.rss, architecture)
                for architecture in ("arm64", "x86_64")
            ]
            cells = " | ".join(f"{c.per_million_events:.6f} | {c.per_gigabyte:.6f}" for c in costs)
            lines.append(f"| {row.candidate} | {cells} |")
    return "\n".join(lines)


def _start_text(start: ColdStart) -> str:
    where = "the unpacked package" if start.packaged else "this checkout (no package fits it)"
    split = ", ".join(f"{name} {took:.0f}" for name, took in start.by_package.items())
    size = f" The layer is {start.layer_bytes / _MB:.1f} MB zipped." if start.layer_bytes else ""
    return (
        f"## Cold start\n\nImport of the handler from {where}: {start.wall:.0f} ms wall, "
        f"{start.cpu:.0f} ms CPU.{size}\n\nBy package, ms (traced, so slower): {split}."
    )


def missed(result: ScenarioResult) -> list[str]:
    """Targets on the clean file that were not reached."""
    ours = result.row(OURS.name)
    ratios = {row.candidate: row.cpu / ours.cpu for row in result.rows if not row.failed}
    return [
        f"{ratios[name]:.2f}x {name}; the target is {target}x"
        for name, target in TARGETS.items()
        if name in ratios and ratios[name] < target
    ]


def as_json(
    results: Sequence[ScenarioResult], start: ColdStart, machine: dict[str, Any]
) -> dict[str, Any]:
    """Everything that a later run compares with."""
    return {
        "machine": machine,
        "scenarios": [asdict(result) for result in results],
        "cold_start": asdict(start),
    }


def against(results: Sequence[ScenarioResult], earlier: Path) -> str:
    """Ours against an earlier run's JSON, as multiples of the naive candidate of each run.

    Machines differ and are busy: ratios of one run compare, seconds do not.
    """
    before = json.loads(earlier.read_text(encoding="utf-8"))
    lines = []
    for result in results:
        for old in before["scenarios"]:
            if old["scenario"] == result.scenario:
                rows = {row["candidate"]: row for row in old["rows"]}
                for row in result.rows[1:]:
                    if not row.failed and rows.get(row.candidate, {}).get("cpu"):
                        now = row.cpu / result.row(OURS.name).cpu
                        then = rows[row.candidate]["cpu"] / rows[OURS.name]["cpu"]
                        lines.append(
                            f"{result.scenario['name']}: {now:.2f}x {row.candidate}, "
                            f"earlier {then:.2f}x"
                        )
    return "\n".join(lines)


def plot(results: Sequence[ScenarioResult], out: Path) -> list[Path]:
    """Events per CPU second of every candidate in every scenario, as PNG and SVG."""
    import matplotlib as mpl  # noqa: PLC0415 - a second to import

    mpl.use("Agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415 - the same

    mpl.rcParams["svg.hashsalt"] = "clickstream-lake"
    figure, axes = plt.subplots(
        1, len(results), figsize=(3.4 * len(results), 3.6), sharex=True, squeeze=False
    )
    for axis, result in zip(axes[0], results, strict=True):
        events = int(result.scenario["events"])
        names = [row.candidate for row in result.rows][::-1]
        speeds = [0 if row.failed else events / row.cpu / 1e3 for row in result.rows][::-1]
        colours = ["#d1495b" if name == OURS.name else "#8d99ae" for name in names]
        bars = axis.barh(names, speeds, color=colours)
        axis.bar_label(bars, [f"{s:.0f}" if s else "fails" for s in speeds], padding=3, fontsize=8)
        axis.set_title(f"{result.scenario['name']}\n{events:,} events", fontsize=9)
        axis.set_xlabel("1,000 events per CPU second", fontsize=8)
        axis.tick_params(labelsize=8)
        axis.margins(x=0.2)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    paths = [out / f"transform.{kind}" for kind in ("png", "svg")]
    for path in paths:
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths
