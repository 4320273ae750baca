"""`python -m benchmarks [command] [options]`: generate, run, report."""

import argparse
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from benchmarks.results import Results
from clickstream_lake.engine.errors import EngineError
from clickstream_lake.errors import ToolkitError

PROJECT: Final = Path(__file__).resolve().parents[1]
RESULTS: Final = PROJECT / "benchmarks" / "results"
BENCHMARKS: Final = ("transform", "compaction", "scan")

_DESCRIPTION: Final = """
Without a name all three are run with a tenth of their events, in about five minutes; the reports
go to .benchmarks/short. --full runs them with their defaults, as published in benchmarks/results
and docs/bytes-scanned.md: three quarters of an hour on two quiet CPUs."""
_SHORT: Final = {
    "transform": ["--events", "100000", "--rounds", "3", "--out", ".benchmarks/short"],
    "compaction": ["--files", "200", "--out", ".benchmarks/short"],
    "scan": ["--events", "100000", "--days", "3", "--out", ".benchmarks/short"],
}
_FULL: Final = {
    "transform": [],
    "compaction": [],
    "scan": ["--engine", "trino", "--against", "--docs", "docs/bytes-scanned.md"],
}


def main(arguments: Sequence[str]) -> int:
    """Run one benchmark, or all of them."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.command is None:
        chosen: dict[str, list[str]] = _FULL if options.full else _SHORT
        return max(main([name, *chosen[name]]) for name in BENCHMARKS)
    try:
        return int(options.run(options))
    except (ToolkitError, EngineError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _transform(options: argparse.Namespace) -> int:
    """1 if a target is missed and `--strict` was given."""
    from benchmarks.transform import report, run
    from benchmarks.transform.candidates import PEERS
    from benchmarks.transform.coldstart import cold_start
    from benchmarks.transform.data import scenarios

    chosen = [s for s in scenarios(options.events) if options.scenario in {None, s.name}]
    wanted = {peer.name for peer in PEERS} if options.peers is None else options.peers.split(",")
    peers = [peer for peer in PEERS if peer.name in wanted and peer.available]
    if not chosen:
        names = ", ".join(repr(s.name) for s in scenarios(options.events))
        raise ToolkitError(f"no scenario {options.scenario!r}; there are {names}")
    with TemporaryDirectory(prefix="benchmark-", dir=options.workdir) as folder:
        rows: list[run.Row] = []
        floors: dict[str, float] = {}
        for scenario in chosen:
            _say(f"{scenario.name}: {scenario.events:,} events")
            rows += run.run_scenario(
                scenario,
                peers,
                rounds=options.rounds,
                cpu=options.cpu,
                workdir=Path(folder),
                say=_say,
            )
            floors = floors or run.floors(scenario, Path(folder), options.rounds, options.cpu)
    results = Results(
        "transform",
        {"rounds": options.rounds},
        rows,
        {
            "floors": floors,
            "cold_start": asdict(cold_start(PROJECT / "dist", cpu=options.cpu)),
        },
    )
    write(results, options.out)
    if options.compare:
        print(report.against(results, load(options.compare)))
    missed = report.missed(results)
    for miss in missed:
        _say(f"target missed: {miss}")
    return 1 if missed and options.strict else 0


def _compaction(options: argparse.Namespace) -> int:
    """1 if rows differ before and after."""
    from benchmarks.compaction.run import run

    found = run(options.files, options.rows, options.cpu, _say)
    settings = {"files": options.files, "rows": options.rows}
    write(Results("compaction", settings, found), options.out)
    return 0 if all(one.same_rows for one in found) else 1


def _scan(options: argparse.Namespace) -> int:
    """1 if the prediction is off by more than it may be."""
    import boto3

    from benchmarks.scan import run
    from benchmarks.scan.against import against, missed
    from benchmarks.scan.layouts import Spec
    from benchmarks.scan.stage import Target
    from clickstream_lake.cli.connection import on_sandbox

    spec = Spec(
        options.events, options.days, options.file_events, options.row_group_rows, options.seed
    )
    ask = None
    with ExitStack() as stack:
        if options.target == "aws":
            if options.bucket is None:
                raise ToolkitError("on AWS the benchmark needs --bucket for its files")
            if on_sandbox():
                raise ToolkitError(
                    "AWS_ENDPOINT_URL points at the sandbox: unset it for --target aws"
                )
            clients = boto3.client("s3"), boto3.client("glue"), boto3.client("athena")
            target = Target("aws", *clients, options.bucket, options.workgroup)
        elif options.engine == "trino":
            target, ask = stack.enter_context(run.trino_target(options.rounds))
        else:
            target = stack.enter_context(run.local_target())
        free = options.yes or options.target == "sandbox"
        results = run.run(
            spec,
            target,
            say=_say,
            confirm=lambda dollars, queries: free or _asked(dollars, queries),
            ask=ask,
            workdir=options.workdir,
        )
    write(results, options.out, options.docs)
    if not options.against:
        return 0
    print(against(results))
    return 1 if missed(results) else 0


def _layout(options: argparse.Namespace) -> int:
    from benchmarks.layout.run import run
    from benchmarks.scan.layouts import Spec
    from benchmarks.scan.run import trino_target

    spec = Spec(events=options.events, file_events=options.file_events, seed=options.seed)
    with trino_target(0) as (target, ask):
        results = run(spec, target, ask, say=_say, workdir=options.workdir)
    _, page = write(results, options.out)
    print(page.read_text(encoding="utf-8"))
    return 0


def _hostile(options: argparse.Namespace) -> int:
    """1 if a shape could not be measured."""
    from benchmarks.hostile import report, run

    chosen = run.pick(options.only)
    if not chosen:
        raise ToolkitError(f"no shape has any of {options.only!r} in its name or group")
    rows = run.run(
        chosen,
        rounds=options.rounds,
        size=int(options.megabytes * 1_000_000),
        kernels=[True, False] if options.without_kernel else [True],
        cpu=options.cpu,
        say=_say,
    )
    settings = {"rounds": options.rounds, "megabytes": options.megabytes, "only": options.only}
    results = Results("hostile", settings, rows)
    write(results, options.out)
    print(results.text() if options.json else report.text(results))
    return 1 if any(row.failed for row in rows) else 0


def _asked(dollars: float, queries: int) -> bool:
    _say(f"{queries} queries will be billed about ${dollars:.4f} by Athena. Run them? [y/N]")
    return input().strip().lower() in {"y", "yes"}


def _report(options: argparse.Namespace) -> int:
    results = load(options.results)
    write(results, options.results.parent, options.docs)
    return 0


def load(path: Path) -> Results[Any]:
    """Read the results of a run of any benchmark."""
    from benchmarks.compaction.run import Compaction
    from benchmarks.hostile import run as hostile
    from benchmarks.layout import run as layout
    from benchmarks.scan.run import Measurement
    from benchmarks.transform.run import Row

    kinds = {
        "transform": Row,
        "compaction": Compaction,
        "scan": Measurement,
        "layout": layout.Measurement,
        "hostile": hostile.Row,
    }
    data = path.read_bytes()
    name = msgspec.json.decode(data)["benchmark"]
    return msgspec.json.decode(data, type=Results[kinds[name]])  # type: ignore[valid-type]  # chosen at run time


def write(results: Results[Any], out: Path, page: Path | None = None) -> list[Path]:
    """Write all figures into `out`, and the report with its plots: beside them, or as `page`."""
    name = results.benchmark
    report = import_module(f"benchmarks.{name}.report")
    page = page or out / f"{name}.md"
    figures = out / f"{name}.json"
    for path in (page, figures):
        path.parent.mkdir(parents=True, exist_ok=True)
    figures.write_text(results.text(), encoding="utf-8")
    images = page.with_suffix("")
    plots: list[Path] = report.draw(results, images)
    page.write_text(report.page(results, images.name), encoding="utf-8")
    written = [figures, page, *plots]
    _say("\n".join(f"wrote {path}" for path in written))
    return written


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--full", action="store_true", help="all of it, as published")
    commands = parser.add_subparsers(
        dest="command", metavar="{transform,compaction,scan,layout,hostile,report}"
    )

    def command(name: str, run: Any, text: str, *examples: str) -> Any:  # noqa: ANN401 - one use
        added = commands.add_parser(
            name,
            help=text,
            description=text,
            epilog="examples:\n" + "".join(f"  python -m benchmarks {one}\n" for one in examples),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(run=run)
        return added.add_argument

    add = command(
        "transform",
        _transform,
        "Measure the transform against its peers and the floor of its stages.",
        "transform",
        "transform --events 100000 --rounds 3 --scenario clean",
        "transform --peers Polars,DuckDB --compare benchmarks/results/transform.json",
    )
    add("--events", type=_at_least(1), default=1_000_000, help="events of a file")
    add("--rounds", type=_at_least(1), default=5, help="measurements of each candidate")
    add("--scenario", help="only this one, by name")
    add("--peers", help="only these, by name, with commas")
    add("--cpu", type=int, default=0, help="CPU that all processes are pinned to")
    add("--out", type=Path, default=RESULTS, help="folder of the report")
    add("--workdir", type=Path, help="folder of the outputs, a few GB")
    add("--compare", type=Path, help="transform.json of an earlier run")
    add("--strict", action="store_true", help="fail where a target is missed")

    add = command(
        "compaction",
        _compaction,
        "Compact thousands of small files of both formats on a local stand-in.",
        "compaction",
        "compaction --files 200 --rows 500",
    )
    add("--files", type=_at_least(1), default=2_000, help="small files of each format")
    add("--rows", type=_at_least(1), default=1_000, help="events in each of them")
    add("--cpu", type=int, default=0, help="CPU that the compactor is pinned to")
    add("--out", type=Path, default=RESULTS, help="folder of the report")

    _add_reading(command)

    add = command(
        "hostile",
        _hostile,
        "Measure what raw objects cost per byte that are made to cost much, as seconds and as a "
        "multiple of\nclean events: CPU, memory, and bytes written.",
        "hostile",
        "hostile --only 'short lines,members' --rounds 1 --without-kernel",
        "hostile --json --out /tmp/hostile",
    )
    add("--only", help="shapes with one of these words in their name or group, with commas")
    add("--rounds", type=_at_least(1), default=3, help="measurements of each shape")
    add("--megabytes", type=float, default=1.0, help="size of an object, at least")
    add("--without-kernel", action="store_true", help="measure line by line, too")
    add("--cpu", type=int, default=0, help="CPU that all processes are pinned to")
    add("--json", action="store_true", help="print all figures as JSON, not as a table")
    add("--out", type=Path, default=RESULTS, help="folder of figures, report and plot")

    add = command(
        "report",
        _report,
        "Write the report of an earlier run again.",
        "report benchmarks/results/transform.json",
        "report benchmarks/results/scan.json --docs docs/bytes-scanned.md",
    )
    add("results", type=Path, help="its figures")
    add("--docs", type=Path, help="write the report to this page, and its plots beside it")
    return parser


def _add_reading(command: Callable[..., Any]) -> None:
    """Add what compares how engines read layouts."""
    add = command(
        "scan",
        _scan,
        "Compare what Athena scans and charges for the same events in every layout: twelve "
        "questions,\nasked of JSON, gzip JSON, small Parquet as it lands, and compacted Parquet. "
        "Rows have to be equal\neverywhere. On AWS it says what it will cost, and asks, before the "
        "first query; everything that\nit made there is deleted at the end.",
        "scan --events 200000 --days 3",
        "scan --engine trino --against",
        "scan --target aws --bucket my-scratch-bucket --workgroup primary",
    )
    add("--target", choices=["sandbox", "aws"], default="sandbox", help="where the queries run")
    add(
        "--engine",
        choices=["embedded", "trino"],
        default="embedded",
        help="who answers on the sandbox: its own Athena, or a Trino",
    )
    add("--rounds", type=int, default=3, help="Trino: warm runs of each query on Parquet")
    add("--against", action="store_true", help="show prediction against engine, and judge it")
    add("--events", type=_at_least(1_000), default=2_200_000, help="click events to generate")
    add("--days", type=_at_least(1), default=1, help="days, one partition each")
    add("--file-events", type=_at_least(10), default=20_000, help="events of one landing file")
    add("--workdir", type=Path, help="keep the files here, and use what an earlier run landed")
    add("--row-group-rows", type=_at_least(100), help="of a compacted row group, if not the lake's")
    add("--seed", type=int, default=7, help="of the generated events")
    add("--bucket", help="AWS: takes the files under bytes-scanned/, for a while")
    add("--workgroup", default="primary", help="AWS: the Athena workgroup")
    add("--out", type=Path, default=RESULTS, help="folder of figures, report and plots")
    add("--docs", type=Path, help="write the report to this page, and its plots beside it")
    add("--yes", action="store_true", help="AWS: spend the money without asking")

    add = command(
        "layout",
        _layout,
        "Compare how merged files can be laid out: one day of events, in the catalog's order and "
        "in others,\nin other row groups and pages, without Bloom filters. A Trino over the "
        "sandbox, which\n`clickstream engine install` brings, is asked eight questions of each; "
        "rows have to be equal\neverywhere. The table says what it read, as a share of "
        "uncompressed JSON. Then the day is received\nagain, compacted at each hourly tick and "
        "asked on the way, beside its landing files. docs/compaction.md\nhas the figures of "
        "5,000,000 events: 5 GB of disk for a while.",
        "layout",
        "layout --events 300000 --out /tmp/layout",
        "layout --events 5000000 --workdir /mnt/scratch",
    )
    add("--events", type=_at_least(1_000), default=1_000_000, help="events of the day")
    add("--file-events", type=_at_least(10), default=120_000, help="events of one landing file")
    add("--seed", type=int, default=7, help="of the generated events")
    add("--workdir", type=Path, help="folder of the files while it runs")
    add("--out", type=Path, default=RESULTS, help="folder of figures and report")


def _at_least(smallest: int) -> Any:  # noqa: ANN401 - argparse's own type for it
    def number(text: str) -> int:
        if (value := int(text)) < smallest:
            raise argparse.ArgumentTypeError(f"{value} is below {smallest}")
        return value

    return number


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
