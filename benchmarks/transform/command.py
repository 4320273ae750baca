"""`python -m benchmarks transform`: measure, compare, report."""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.transform import report
from benchmarks.transform.candidates import PEERS
from benchmarks.transform.coldstart import cold_start
from benchmarks.transform.data import scenarios
from benchmarks.transform.run import run_scenario

PROJECT: Final = Path(__file__).resolve().parents[2]
RESULTS: Final = PROJECT / "benchmarks" / "results"

_EXAMPLES: Final = """
examples:
  python -m benchmarks transform
  python -m benchmarks transform --events 100000 --rounds 3 --scenario clean
  python -m benchmarks transform --peers Polars,DuckDB --compare benchmarks/results/transform.json
"""


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where a target is missed and `--strict` was asked for."""
    options = _parser().parse_args(arguments)
    chosen = [s for s in scenarios(options.events) if options.scenario in {None, s.name}]
    wanted = None if options.peers is None else set(options.peers.split(","))
    peers = [peer for peer in PEERS if wanted is None or peer.name in wanted]
    if not chosen:
        names = ", ".join(repr(s.name) for s in scenarios(options.events))
        print(f"no scenario {options.scenario!r}; there are {names}")
        return 2
    with TemporaryDirectory(prefix="benchmark-", dir=options.workdir) as folder:
        results = []
        for number, scenario in enumerate(chosen):
            _say(f"{scenario.name}: {scenario.events:,} events")
            results.append(
                run_scenario(
                    scenario,
                    peers,
                    rounds=options.rounds,
                    cpu=options.cpu,
                    workdir=Path(folder),
                    say=_say,
                    floors=number == 0,
                )
            )
    start = cold_start(PROJECT / "dist", cpu=options.cpu)
    machine = _machine(options.rounds)
    text = report.markdown(results, start, machine)
    print(text)
    if options.compare:
        print(report.against(results, options.compare))
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "transform.md").write_text(text, encoding="utf-8")
    (options.out / "transform.json").write_text(
        json.dumps(report.as_json(results, start, machine), indent=1) + "\n", encoding="utf-8"
    )
    for path in report.plot(results, options.out):
        _say(f"wrote {path}")
    missed = report.missed(results[0]) if results[0].scenario["name"] == "clean" else []
    for miss in missed:
        _say(f"target missed: {miss}")
    return 1 if missed and options.strict else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks transform",
        description="Measure the transform against its peers and the floor of its stages.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=1_000_000, help="events of a file")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each candidate")
    parser.add_argument("--scenario", help="only this one, by name")
    parser.add_argument("--peers", help="only these, by name, with commas")
    parser.add_argument("--cpu", type=int, default=0, help="CPU that all processes are pinned to")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    parser.add_argument("--workdir", type=Path, help="folder of the outputs, a few GB")
    parser.add_argument("--compare", type=Path, help="transform.json of an earlier run")
    parser.add_argument("--strict", action="store_true", help="fail where a target is missed")
    return parser


def _machine(rounds: int) -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), model
        )
    return {
        "cpu": model,
        "python": platform.python_version(),
        "rounds": rounds,
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
