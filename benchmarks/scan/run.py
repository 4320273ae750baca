"""Build, stage, predict, ask whether to pay, ask the questions, and compare the answers."""

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from benchmarks import digest
from benchmarks.results import Results
from benchmarks.scan.independent import measure
from benchmarks.scan.layouts import Layout, Spec, build
from benchmarks.scan.stage import Target
from benchmarks.scan.suite import EXPORT, SUITE, Facts, Query
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.operate import query as athena
from clickstream_lake.sandbox.athena.engine import Estimate, QueryEngine


class BenchmarkError(ToolkitError):
    """The benchmark cannot continue; the message says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One query on one layout.

    Attributes:
        predicted: bytes, found from listings and footers before the query ran.
        scanned: bytes, as Athena reports them.
        measured: bytes, as another engine asked for them; None if not measured.
        requests: GETs to S3 that reading takes at least.
        milliseconds: the engine's time.
        rows: the answer's.
    """

    query: str
    layout: str
    predicted: int
    scanned: int
    measured: int | None
    requests: int
    milliseconds: int
    rows: int


@contextmanager
def local_target(bucket: str = "clickstream-bench") -> Iterator[Target]:
    """The sandbox's S3, Glue and Athena, with an empty bucket."""
    with lake_sandbox() as sandbox:
        sandbox.client("s3").create_bucket(Bucket=bucket)
        yield Target(
            "sandbox",
            sandbox.client("s3"),
            sandbox.client("glue"),
            sandbox.client("athena"),
            bucket,
            "primary",
        )


def run(
    spec: Spec,
    target: Target,
    *,
    say: Callable[[str], None],
    confirm: Callable[[float, int], bool],
) -> Results[Measurement]:
    """Run the whole suite.

    Args:
        spec: the data.
        target: where it runs.
        say: called with a line about each step.
        confirm: called with the predicted dollars and the number of queries, before the first.

    Raises:
        BenchmarkError: rows differ between layouts, or the user does not want to pay.
        ToolkitError: a query failed.
    """
    with tempfile.TemporaryDirectory(prefix="bytes-scanned-") as directory:
        layouts = build(spec, Path(directory), say)
        facts = _facts(spec, layouts)
        say("uploading")
        with target.staged(layouts):
            found = _ask(target, layouts, facts, say, confirm)
        figures = [asdict(layout.figures()) for layout in layouts]
    expected = {one.query: answer for one, answer in found if one.layout == "json"}
    differing = [(one.query, one.layout) for one, answer in found if answer != expected[one.query]]
    if differing:
        raise BenchmarkError(f"rows differ from those of the JSON layout: {differing}")
    return Results(
        benchmark="scan",
        settings={"target": target.name, **asdict(spec), "start": spec.start.isoformat()},
        measurements=[one for one, _ in found],
        facts={
            "layouts": figures,
            "statements": {one.name: _sql(one, layouts[-1], facts) for one in SUITE},
        },
    )


def _ask(
    target: Target,
    layouts: list[Layout],
    facts: Facts,
    say: Callable[[str], None],
    confirm: Callable[[float, int], bool],
) -> list[tuple[Measurement, digest.Digest]]:
    """Predict everything, ask whether to pay for it, and then ask every question."""
    pairs = [(query, layout) for query in SUITE for layout in layouts]
    say(f"predicting {len(pairs)} queries")
    with closing(QueryEngine(s3=target.s3, glue=target.glue)) as engine:
        estimates = [
            engine.estimate(_sql(query, layout, facts), target.database) for query, layout in pairs
        ]
    if not confirm(sum(one.dollars for one in estimates), len(pairs)):
        raise BenchmarkError("stopped before any query was run")
    found = []
    for (query, layout), estimate in zip(pairs, estimates, strict=True):
        say(f"  {query.name} on {layout.name}: {estimate.bytes_scanned:,} bytes")
        found.append(_one(target, query, layout, facts, estimate))
    return found


def _sql(query: Query, layout: Layout, facts: Facts) -> str:
    return query.text(layout.name, layout.format, facts)


def _one(
    target: Target, query: Query, layout: Layout, facts: Facts, estimate: Estimate
) -> tuple[Measurement, digest.Digest]:
    done = athena.execute(
        target.athena,
        _sql(query, layout, facts),
        database=target.database,
        workgroup=target.workgroup,
        output=f"{target.root}results/",
    )
    # JSON has only the catalog's own columns.
    catalog = load_catalog()
    names = [column["Name"] for column in catalog.tables["json"].glue_columns()]
    shared = [*names, *catalog.partition_keys] if query.name == EXPORT else None
    rows = _rows(target, done["ResultConfiguration"]["OutputLocation"])
    measurement = Measurement(
        query=query.name,
        layout=layout.name,
        predicted=estimate.bytes_scanned,
        scanned=done["Statistics"].get("DataScannedInBytes", 0),
        measured=measure(layout, query.name, facts) if layout.format == "parquet" else None,
        requests=sum(file.requests for scan in estimate.scans for file in scan.files),
        milliseconds=done["Statistics"].get("EngineExecutionTimeInMillis", 0),
        rows=rows.num_rows,
    )
    return measurement, digest.answer(rows, shared)


def _rows(target: Target, location: str) -> pa.Table:
    """The result's own file: a hundred times fewer requests than its pages."""
    key = location.removeprefix(f"s3://{target.bucket}/")
    body = target.s3.get_object(Bucket=target.bucket, Key=key)["Body"].read()
    names = csv.open_csv(io.BytesIO(body)).schema.names
    return csv.read_csv(
        io.BytesIO(body),
        parse_options=csv.ParseOptions(newlines_in_values=True),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )


def _facts(spec: Spec, layouts: list[Layout]) -> Facts:
    """Look into the data for something to ask for: an event, a long session, a busy hour."""
    day = spec.partitions[len(spec.partitions) // 2]
    wanted = ["event_id", "event_type", "event_ts", "session_id"]
    rows = pq.read_table(layouts[-1].of_day(day)[0], columns=wanted, partitioning=None)
    purchases = rows.filter(pc.field("event_type") == "purchase")
    return Facts(
        event_id=rows["event_id"][rows.num_rows // 2].as_py(),
        session_id=_most(rows["session_id"]),
        hour=_most(pc.strftime(purchases["event_ts"], "%Y-%m-%d %H:00:00")),
        day=day,
    )


def _most(values: Any) -> str:  # noqa: ANN401 - pyarrow is untyped
    """The most frequent value; of several, the first by name."""
    counts = pc.value_counts(values).to_pylist()
    return str(min(counts, key=lambda entry: (-entry["counts"], entry["values"]))["values"])
