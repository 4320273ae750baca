"""The measuring itself: rounds of alternating candidates, medians, equality, floors."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import Measurement, MeasurementError, measure
from benchmarks.transform.candidates import OURS, Candidate, json_path
from benchmarks.transform.data import Scenario, fresh_folder
from benchmarks.transform.equality import Digest, json_digest, parquet_digest
from benchmarks.transform.floors import FLOORS


@dataclass(slots=True)
class Row:
    """One candidate in one scenario; seconds and bytes are medians over the rounds.

    Attributes:
        failed: why it does not do this job at all.
        same_json: its JSON holds the same events as ours; None where that was not looked at.
        same_parquet: the same of its Parquet.
    """

    candidate: str
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


@dataclass(slots=True)
class ScenarioResult:
    """All candidates in one scenario, ours first; `floors` in CPU seconds by stage."""

    scenario: dict[str, Any]
    raw_bytes: int
    rows: list[Row]
    floors: dict[str, float] = field(default_factory=dict)

    def row(self, candidate: str) -> Row:
        """One candidate's row."""
        return next(row for row in self.rows if row.candidate == candidate)


def run_scenario(
    scenario: Scenario,
    peers: Sequence[Candidate],
    *,
    rounds: int,
    cpu: int,
    workdir: Path,
    say: Callable[[str], None],
    floors: bool = False,
) -> ScenarioResult:
    """Measure a scenario: every round runs every candidate once, one after the other."""
    source = scenario.source()
    candidates = [OURS, *peers]
    taken: dict[str, list[Measurement]] = {c.name: [] for c in candidates}
    rows = {c.name: Row(c.name) for c in candidates}
    for number in range(rounds):
        for candidate in candidates:
            row, out = rows[candidate.name], workdir / _folder(candidate)
            if row.failed:
                continue
            fresh_folder(out)
            arguments = {
                "source": str(source),
                "out": str(out),
                "gzip_json": scenario.gzip_json,
            }
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
    for candidate in candidates:
        _summarise(rows[candidate.name], taken[candidate.name])
        if not rows[candidate.name].failed:
            _sizes(rows[candidate.name], workdir / _folder(candidate), scenario)
    _compare(rows, candidates, workdir, scenario)
    raw = measure(FLOORS[0].function, {"source": str(source), "out": ""}, cpu=cpu)
    result = ScenarioResult(
        asdict(scenario), int(raw.answer["bytes"]), [rows[c.name] for c in candidates]
    )
    if floors:
        result.floors = _floors(source, workdir / _folder(OURS), rounds, cpu)
    return result


def _folder(candidate: Candidate) -> str:
    return candidate.name.replace(".", "-")


def _summarise(row: Row, taken: list[Measurement]) -> None:
    if taken:
        row.rounds = len(taken)
        row.samples = [m.cpu for m in taken]
        row.cpu = median(row.samples)
        row.wall = median(m.wall for m in taken)
        row.startup = median(m.startup for m in taken)
        row.rss = int(median(m.rss for m in taken))


def _sizes(row: Row, out: Path, scenario: Scenario) -> None:
    row.json_bytes = json_path(str(out), gzip_json=scenario.gzip_json).stat().st_size
    row.parquet_bytes = (out / "events.parquet").stat().st_size


def _compare(
    rows: dict[str, Row], candidates: Sequence[Candidate], workdir: Path, scenario: Scenario
) -> None:
    """Hold every output against ours, and our two outputs against each other."""

    def digests(candidate: Candidate) -> tuple[Digest | None, Digest | None]:
        out = workdir / _folder(candidate)
        return (
            _try(json_digest, json_path(str(out), gzip_json=scenario.gzip_json)),
            _try(parquet_digest, out / "events.parquet"),
        )

    own_json, own_parquet = digests(OURS)
    rows[OURS.name].same_json = rows[OURS.name].same_parquet = (
        own_json is not None and own_json == own_parquet
    )
    for candidate in candidates[1:]:
        row = rows[candidate.name]
        if not row.failed:
            found_json, found_parquet = digests(candidate)
            row.same_json = found_json == own_json
            row.same_parquet = found_parquet == own_parquet


def _try(digest: Callable[[Path], Digest], path: Path) -> Digest | None:
    """None where a file does not even have the columns."""
    import duckdb  # noqa: PLC0415 - only here for its errors

    try:
        return digest(path)
    except (duckdb.Error, ValueError):
        return None


def _floors(source: Path, out: Path, rounds: int, cpu: int) -> dict[str, float]:
    arguments = {"source": str(source), "out": str(out)}
    taken: dict[str, list[float]] = {floor.name: [] for floor in FLOORS}
    for _ in range(rounds):
        for floor in FLOORS:
            taken[floor.name].append(measure(floor.function, arguments, cpu=cpu).cpu)
    return {name: median(seconds) for name, seconds in taken.items()}
