"""The measuring itself: rounds of alternating candidates, medians, equality, floors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import duckdb

from benchmarks import digest
from benchmarks.measure import Measurement, MeasurementError, measure
from benchmarks.transform.candidates import OURS, Candidate, json_path
from benchmarks.transform.data import Scenario, fresh_folder
from benchmarks.transform.floors import FLOORS


@dataclass(slots=True)
class Row:
    """One candidate in one scenario; seconds and bytes are medians over the rounds.

    Attributes:
        failed: why it cannot do this job at all.
        same_json: its JSON holds the same events as ours; None if this was not checked.
        same_parquet: likewise for its Parquet.
        samples: CPU seconds of every round.
    """

    scenario: str
    candidate: str
    events: int
    raw_bytes: int
    rounds: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    startup: float = 0.0
    rss: int = 0
    json_bytes: int = 0
    parquet_bytes: int = 0
    failed: str = ""
    same_json: bool | None = None
    same_parquet: bool | None = None
    samples: list[float] = field(default_factory=list)


def run_scenario(
    scenario: Scenario,
    peers: Sequence[Candidate],
    *,
    rounds: int,
    cpu: int,
    workdir: Path,
    say: Callable[[str], None],
) -> list[Row]:
    """Measure a scenario, ours first: every round runs every candidate once, one by one."""
    source = scenario.source()
    raw = measure(FLOORS[0].function, {"source": str(source), "out": ""}, cpu=cpu)
    rows = []
    taken: dict[str, list[Measurement]] = {}
    candidates = [OURS, *peers]
    for candidate in candidates:
        rows.append(Row(scenario.name, candidate.name, scenario.events, raw.answer["bytes"]))
        taken[candidate.name] = []
    for number in range(rounds):
        for candidate, row in zip(candidates, rows, strict=True):
            if row.failed:
                continue
            out = fresh_folder(_folder(workdir, candidate.name))
            arguments = {"source": str(source), "out": str(out), "gzip_json": scenario.gzip_json}
            try:
                found = measure(candidate.function, arguments, cpu=cpu)
            except MeasurementError as error:
                row.failed = str(error)
                say(f"  {scenario.name}: {candidate.name} fails: {error}")
                continue
            taken[candidate.name].append(found)
            say(
                f"  {scenario.name}, round {number + 1}: {candidate.name} {found.cpu:.2f} CPU s, "
                f"{found.rss / 1e6:.0f} MB"
            )
    reference = None
    for row in rows:
        if row.failed:
            continue
        _summarise(row, taken[row.candidate])
        folder = _folder(workdir, row.candidate)
        outputs = [json_path(str(folder), gzip_json=scenario.gzip_json), folder / "events.parquet"]
        row.json_bytes, row.parquet_bytes = (path.stat().st_size for path in outputs)
        found_rows = [_try(path) for path in outputs]
        if row is rows[0]:  # all others, and our own Parquet, are compared with our JSON
            reference = found_rows[0]
        row.same_json, row.same_parquet = (
            found is not None and found == reference for found in found_rows
        )
    return rows


def floors(scenario: Scenario, workdir: Path, rounds: int, cpu: int) -> dict[str, float]:
    """CPU seconds that each stage takes at least; after `run_scenario`, over its outputs."""
    arguments = {"source": str(scenario.source()), "out": str(_folder(workdir, OURS.name))}
    taken: dict[str, list[float]] = {floor.name: [] for floor in FLOORS}
    for _ in range(rounds):
        for floor in FLOORS:
            taken[floor.name].append(measure(floor.function, arguments, cpu=cpu).cpu)
    return {name: median(seconds) for name, seconds in taken.items()}


def _folder(workdir: Path, candidate: str) -> Path:
    return workdir / candidate.replace(".", "-")


def _summarise(row: Row, taken: list[Measurement]) -> None:
    row.rounds = len(taken)
    row.samples = [m.cpu for m in taken]
    row.cpu = median(row.samples)
    row.wall = median(m.wall for m in taken)
    row.startup = median(m.startup for m in taken)
    row.rss = int(median(m.rss for m in taken))


def _try(path: Path) -> digest.Digest | None:
    """None if a file does not even have the columns."""
    try:
        return digest.events(path)
    except (duckdb.Error, ValueError):
        return None
