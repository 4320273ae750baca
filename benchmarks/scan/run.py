"""Build, stage, predict, ask whether to pay, ask the questions, and compare the answers."""

import io
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from benchmarks import digest
from benchmarks.results import Results
from benchmarks.scan.layouts import Layout, Spec, build
from benchmarks.scan.stage import Target
from benchmarks.scan.suite import EXPORT, SUITE, Facts, Query
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.engine.client import Client
from clickstream_lake.engine.configuration import Storage
from clickstream_lake.engine.server import Trino, free_port
from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.operate import query as athena
from clickstream_lake.operate.costs.prices import athena_dollars
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.athena.rules import trino_476 as rules
from clickstream_lake.sandbox.resources import Credentials, make_private


class BenchmarkError(ToolkitError):
    """The benchmark cannot continue; the message says why."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One query on one layout.

    Attributes:
        predicted: bytes, as the embedded engine counts them by its rules.
        scanned: bytes, as the engine that was asked counted them.
        requests: GETs to S3 that reading takes at most.
        milliseconds: the engine's time; the median of warm runs where there were any.
        cold_milliseconds: its time at the first of all runs.
        rows: the answer's.
    """

    query: str
    layout: str
    predicted: int
    scanned: int
    requests: int
    milliseconds: int
    cold_milliseconds: int
    rows: int

    @property
    def deviation(self) -> float:
        """How far the prediction is off, as a share of what was counted."""
        return (self.predicted - self.scanned) / max(1, self.scanned)


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one query on one layout.

    Attributes:
        times: of every run, in milliseconds; the first is the cold one.
        rows: the answer's number of rows.
        digest: of the answer; None where it was not sent.
    """

    scanned: int
    times: list[int]
    rows: int
    digest: digest.Digest | None


@dataclass(frozen=True, slots=True)
class Question:
    """One query of one layout, as a statement."""

    query: Query
    layout: Layout
    sql: str


Ask = Callable[[Question], Asked]


@contextmanager
def local_target(bucket: str = "clickstream-bench", **sandbox_options: Any) -> Iterator[Target]:  # noqa: ANN401 - those of `Sandbox`
    """The sandbox's S3, Glue and Athena, with an empty bucket."""
    with lake_sandbox(handlers={}, **sandbox_options) as sandbox:  # it runs no function
        sandbox.client("s3").create_bucket(Bucket=bucket)
        yield Target(
            "sandbox",
            sandbox.client("s3"),
            sandbox.client("glue"),
            sandbox.client("athena"),
            bucket,
            "primary",
        )


@contextmanager
def trino_target(rounds: int) -> Iterator[tuple[Target, Ask]]:
    """A sandbox, and a Trino over it that is asked each query once, and `rounds` times warm."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="bytes-scanned-") as directory:
        make_private(Path(directory))
        environment = Credentials.kept_in(Path(directory)).environment()
        storage = Storage("us-east-1", f"http://127.0.0.1:{port}", environment)
        with (
            local_target(port=port, directory=Path(directory)) as target,
            Trino(storage, heap="3G", start_seconds=900) as trino,
        ):
            yield replace(target, name="trino"), by_trino(trino.client, target, rounds)


def by_trino(client: Client, target: Target, rounds: int) -> Ask:
    """Ask a Trino: Parquet once cold and `rounds` times warm, JSON once.

    What SELECT * answers is read whole, but not sent: sending takes far longer.
    """

    def ask(one: Question) -> Asked:
        sent = one.query.name != EXPORT
        sql = one.sql if sent else f"EXPLAIN ANALYZE {one.sql}"
        times = 1 + (rounds if one.layout.format == "parquet" else 0)
        answers = [client.run(sql, schema=target.database) for _ in range(times)]
        first = answers[0]
        columns = {
            column.name: pa.array([row[place] for row in first.rows]).cast(pa.string())
            for place, column in enumerate(first.columns)
        }
        return Asked(
            first.physical_input_bytes,
            [answer.elapsed_ms for answer in answers],
            len(first.rows) if sent else first.processed_rows,
            digest.answer(pa.table(columns)) if sent else None,
        )

    return ask


def run(
    spec: Spec,
    target: Target,
    *,
    say: Callable[[str], None],
    confirm: Callable[[float, int], bool],
    ask: Ask | None = None,
    workdir: Path | None = None,
) -> Results[Measurement]:
    """Run the whole suite.

    Args:
        spec: the data.
        target: where it runs.
        say: called with a line about each step.
        confirm: called with the predicted dollars and the number of queries, before the first.
        ask: asks each question; the target's Athena does by default.
        workdir: keeps the files, for a later run with the same events.

    Raises:
        BenchmarkError: rows differ between layouts, or the user does not want to pay.
        ToolkitError: a query failed.
    """
    with tempfile.TemporaryDirectory(prefix="bytes-scanned-") as temporary:
        layouts = build(spec, workdir or Path(temporary), say)
        facts = look_into(spec, layouts[-1])
        say("uploading")
        with target.staged(layouts):
            questions = [
                Question(query, layout, query.text(layout.name, layout.format, facts))
                for query in SUITE
                for layout in layouts
            ]
            found = _ask(target, questions, ask or _by_athena(target), say, confirm)
        figures = [asdict(layout.figures()) for layout in layouts]
    expected = {one.query: answer for one, answer in found if one.layout == "json"}
    differing = [(one.query, one.layout) for one, answer in found if answer != expected[one.query]]
    if differing:
        raise BenchmarkError(f"rows differ from those of the JSON layout: {differing}")
    return Results(
        benchmark="scan",
        settings={
            "target": target.name,
            "rules": rules.NAME,
            **asdict(spec),
            "start": spec.start.isoformat(),
        },
        measurements=[one for one, _ in found],
        facts={
            "layouts": figures,
            # Those of the last layout.
            "statements": {one.query.name: one.sql for one in questions},
        },
    )


def _ask(
    target: Target,
    questions: list[Question],
    ask: Ask,
    say: Callable[[str], None],
    confirm: Callable[[float, int], bool],
) -> list[tuple[Measurement, digest.Digest | None]]:
    """Predict everything, ask whether to pay for it, and then ask every question."""
    say(f"predicting {len(questions)} queries")
    with closing(QueryEngine(s3=target.s3, glue=target.glue)) as engine:
        estimates = [engine.estimate(one.sql, target.database) for one in questions]
        if not confirm(
            athena_dollars(sum(each.billed_bytes for each in estimates)), len(questions)
        ):
            raise BenchmarkError("stopped before any query was run")
        found = []
        for one, estimate in zip(questions, estimates, strict=True):
            asked = ask(one)
            predicted = estimate.bytes_scanned
            if not estimate.is_exact:  # then rows decide
                predicted = engine.execute(one.sql, target.database).bytes_scanned
            first, *warm = asked.times
            measurement = Measurement(
                query=one.query.name,
                layout=one.layout.name,
                predicted=predicted,
                scanned=asked.scanned,
                requests=sum(file.requests for scan in estimate.scans for file in scan.files),
                milliseconds=round(statistics.median(warm or [first])),
                cold_milliseconds=first,
                rows=asked.rows,
            )
            say(f"  {one.query.name} on {one.layout.name}: {asked.scanned:,} bytes")
            found.append((measurement, asked.digest))
    return found


def _by_athena(target: Target) -> Ask:
    def ask(one: Question) -> Asked:
        done = athena.execute(
            target.athena,
            one.sql,
            database=target.database,
            workgroup=target.workgroup,
            output=f"{target.root}results/",
        )
        # JSON has only the catalog's own columns.
        catalog = load_catalog()
        names = [column["Name"] for column in catalog.tables["json"].glue_columns()]
        shared = [*names, *catalog.partition_keys] if one.query.name == EXPORT else None
        rows = _rows(target, done["ResultConfiguration"]["OutputLocation"])
        return Asked(
            done["Statistics"].get("DataScannedInBytes", 0),
            [done["Statistics"].get("EngineExecutionTimeInMillis", 0)],
            rows.num_rows,
            digest.answer(rows, shared),
        )

    return ask


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


def look_into(spec: Spec, layout: Layout) -> Facts:
    """Look into the data for something to ask for: an event, a long session, a busy hour."""
    day = spec.partitions[len(spec.partitions) // 2]
    wanted = ["event_id", "event_type", "event_ts", "session_id"]
    rows = pq.read_table(layout.of_day(day)[0], columns=wanted, partitioning=None)
    purchases = rows.filter(pc.field("event_type") == "purchase")
    return Facts(
        event_id=rows["event_id"][rows.num_rows // 2].as_py(),
        session_id=most(rows["session_id"]),
        hour=most(pc.strftime(purchases["event_ts"], "%Y-%m-%d %H:00:00")),
        day=day,
    )


def most(values: Any) -> str:  # noqa: ANN401 - pyarrow is untyped
    """The most frequent value; of several, the first by name."""
    counts = pc.value_counts(values).to_pylist()
    return str(min(counts, key=lambda entry: (-entry["counts"], entry["values"]))["values"])
