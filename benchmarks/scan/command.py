"""Build, stage, predict, ask, compare, measure, draw and write: the whole benchmark."""

from __future__ import annotations

import json
import tempfile
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.scan import figures, report
from benchmarks.scan.costs import break_even, compaction_cost
from benchmarks.scan.independent import measure
from benchmarks.scan.layouts import build
from benchmarks.scan.results import Results
from benchmarks.scan.run import BenchmarkError, Measurement, Runner, digest
from benchmarks.scan.stage import Stage
from benchmarks.scan.suite import EXPORT, SUITE, Facts, Query
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.sandbox.athena.engine import QueryEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from benchmarks.scan.layouts import Layout, Spec
    from clickstream_lake.sandbox.athena.engine import Estimate


@dataclass(frozen=True)
class Target:
    """Where the benchmark runs.

    Attributes:
        name: `sandbox` or `aws`.
        bucket: takes the files, and Athena's results, under `prefix`.
    """

    name: str
    s3: S3Client
    glue: GlueClient
    athena: AthenaClient
    bucket: str
    workgroup: str
    prefix: str = "bytes-scanned/"
    database: str = "clickstream_bench"


def bench(
    spec: Spec,
    target: Target,
    *,
    command: str,
    progress: Callable[[str, int, int], None],
    confirm: Callable[[float, int], bool],
) -> Results:
    """Run the whole suite.

    Args:
        spec: the data.
        target: where.
        command: how the report tells people to repeat it.
        progress: called with a step's name, its total, and how much of it has just been done.
        confirm: called with the predicted dollars and the number of queries, before the first.

    Raises:
        BenchmarkError: rows differ between layouts, a query failed, or nobody wants to pay.
    """
    with tempfile.TemporaryDirectory(prefix="bytes-scanned-") as directory:
        layouts = build(
            spec, Path(directory), lambda step, events: progress(step, spec.events, events)
        )
        with _staged(layouts, target, progress):
            run = _Run(spec, target, layouts, command, _facts(spec, layouts))
            return run.measure(progress, confirm)


def write(results: Results, out: Path) -> list[Path]:
    """Write report, tables, figures and raw numbers, and say which files these are."""
    plots = figures.draw(results, out)
    page = out / "report.html"
    page.write_text(report.html(results, out, plots), encoding="utf-8")
    numbers = out / "results.json"
    numbers.write_text(json.dumps(results.as_json(), indent=1) + "\n", encoding="utf-8")
    return [page, numbers, *(out / f"{name}.png" for name in plots)]


@contextmanager
def _staged(
    layouts: Sequence[Layout], target: Target, progress: Callable[[str, int, int], None]
) -> Iterator[None]:
    stage = Stage(target.s3, target.glue, target.bucket, target.prefix, target.database)
    total = sum(layout.bytes for layout in layouts)
    try:
        stage.put(layouts, lambda _, size: progress("upload", total, size))
        yield
    finally:
        stage.clear()


@dataclass(frozen=True)
class _Run:
    spec: Spec
    target: Target
    layouts: list[Layout]
    command: str
    facts: Facts

    def measure(
        self,
        progress: Callable[[str, int, int], None],
        confirm: Callable[[float, int], bool],
    ) -> Results:
        """Predict everything, ask whether to pay for it, and then ask every question."""
        pairs = [(query, layout) for query in SUITE for layout in self.layouts]
        estimates = []
        with closing(QueryEngine(s3=self.target.s3, glue=self.target.glue)) as engine:
            for query, layout in pairs:
                estimates.append(engine.estimate(self._sql(query, layout), self.target.database))
                progress("predict", len(pairs), 1)
        if not confirm(sum(one.dollars for one in estimates), len(pairs)):
            raise BenchmarkError("stopped before any query was run")
        runner = Runner(
            self.target.athena,
            self.target.s3,
            database=self.target.database,
            workgroup=self.target.workgroup,
            output=f"s3://{self.target.bucket}/{self.target.prefix}results/",
        )
        measurements = []
        for (query, layout), estimate in zip(pairs, estimates, strict=True):
            measurements.append(self._one(query, layout, estimate, runner))
            progress("query", len(pairs), 1)
        return self._results(measurements)

    def _sql(self, query: Query, layout: Layout) -> str:
        return query.text(layout.name, layout.format, self.facts)

    def _one(self, query: Query, layout: Layout, estimate: Estimate, runner: Runner) -> Measurement:
        answer = runner.run(self._sql(query, layout))
        shared = None
        if query.name == EXPORT:
            catalog = load_catalog()
            shared = [c["Name"] for c in catalog.tables["json"].glue_columns()] + [
                *catalog.partition_keys
            ]
        parquet = layout.format == "parquet"
        return Measurement(
            query=query.name,
            layout=layout.name,
            predicted=estimate.bytes_scanned,
            scanned=answer.scanned,
            measured=measure(layout, query.name, self.facts) if parquet else None,
            requests=sum(file.requests for scan in estimate.scans for file in scan.files),
            milliseconds=answer.milliseconds,
            rows=answer.rows.num_rows,
            digest=digest(answer.rows, shared),
        )

    def _results(self, measurements: list[Measurement]) -> Results:
        by_name = {layout.name: layout for layout in self.layouts}
        costs = [
            compaction_cost(by_name[layout.compacted_from], layout)
            for layout in self.layouts
            if layout.compacted_from
        ]
        final = by_name["clustered_zstd"]
        results = Results(
            spec=self.spec,
            target=self.target.name,
            command=self.command,
            layouts=self.layouts,
            suite=list(SUITE),
            statements={query.name: self._sql(query, final) for query in SUITE},
            measurements=measurements,
            compaction=costs,
            break_even=break_even(
                [one for one in measurements if one.layout == "small_zstd"],
                [one for one in measurements if one.layout == final.name],
                next(cost for cost in costs if cost.layout == final.name),
            ),
        )
        if results.differing:
            raise BenchmarkError(f"rows differ from those of the JSON layout: {results.differing}")
        return results


def _facts(spec: Spec, layouts: list[Layout]) -> Facts:
    """Look into the data for something to ask for: an event, a long session, a busy hour."""
    day = spec.partitions[len(spec.partitions) // 2]
    layout = next(one for one in layouts if one.name == "clustered_zstd")
    wanted = ["event_id", "event_type", "event_ts", "session_id"]
    rows = pq.read_table(layout.of_day(day)[0], columns=wanted, partitioning=None)
    purchases = rows.filter(pc.field("event_type") == "purchase")
    hours = pc.value_counts(pc.strftime(purchases["event_ts"], "%Y-%m-%d %H:00:00"))
    sessions = pc.value_counts(rows["session_id"])
    return Facts(
        event_id=rows["event_id"][rows.num_rows // 2].as_py(),
        session_id=_most(sessions),
        hour=_most(hours),
        day=day,
    )


def _most(counts: object) -> str:
    entries = sorted(
        (-entry["counts"], entry["values"])
        for entry in counts.to_pylist()  # type: ignore[attr-defined]  # pyarrow is untyped
    )
    return str(entries[0][1])
