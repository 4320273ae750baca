"""Land a day of events, merge it in each setting, and ask an engine the same of each."""

import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from benchmarks.layout.receiving import BUFFERS, Buffers, receive
from benchmarks.layout.suite import QUERIES
from benchmarks.results import Results
from benchmarks.scan.layouts import Layout, Spec, land, raw_objects
from benchmarks.scan.run import Ask, BenchmarkError, Question, look_into
from benchmarks.scan.stage import Target
from benchmarks.scan.suite import Facts, Query
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.lake.catalog import ClusterTerm
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import OutputOptions

LANDED: Final = "landed"
DEFAULT: Final = "default"
NOON: Final = "12:00"
BUSIEST: Final = "busiest"
_OPTIONS: Final = ParquetOptions()
_BY_ROWS: Final = ParquetOptions(row_group_bytes=1 << 30)  # rows alone end a row group


@dataclass(frozen=True, slots=True)
class Setting:
    """One way to merge.

    Attributes:
        title: what is different from the catalog's defaults.
        changes: of the catalog, by attribute.
    """

    name: str
    title: str
    changes: dict[str, Any] = field(default_factory=dict)
    options: ParquetOptions = _OPTIONS


def _order(*terms: str) -> dict[str, Any]:
    return {"cluster_by": tuple(map(ClusterTerm.parse, terms))}


SETTINGS: Final = (
    Setting(DEFAULT, "the catalog's"),
    Setting("no_filters", "no Bloom filters", {"bloom": ()}),
    Setting(
        "type_time",
        "type, time; 1,048,576 rows a group; no filters",
        {**_order("event_type", "event_ts"), "row_group_rows": 1 << 20, "bloom": ()},
        _BY_ROWS,
    ),
    Setting("session", "hour, session, time", _order("hour(event_ts)", "session_id", "event_ts")),
    Setting("groups_196608", "196,608 rows a group", {"row_group_rows": 196_608}),
    Setting("groups_524288", "524,288 rows a group", {"row_group_rows": 1 << 19}, _BY_ROWS),
    Setting("pages_5000", "5,000 rows a page", {"page_rows": 5_000}),
)


@dataclass(frozen=True, slots=True)
class Measurement:
    """One query on one layout.

    Attributes:
        layout: a setting's name, or `LANDED`.
        hour: which hour is asked for: `NOON` or `BUSIEST`; empty where the query names none.
        scanned: bytes that the engine read.
        rows: the answer's.
    """

    layout: str
    query: str
    hour: str
    scanned: int
    rows: int


def run(
    spec: Spec,
    target: Target,
    ask: Ask,
    *,
    say: Callable[[str], None],
    workdir: Path | None = None,
    settings: Sequence[Setting] = SETTINGS,
    buffers: Sequence[Buffers] = BUFFERS,
) -> Results[Measurement]:
    """Ask all queries of the landing files, of the day as merged in each setting, and on its way.

    Args:
        spec: the data, of one day.
        target: where the files go, one layout at a time.
        ask: asks an engine.
        say: called with a line about each step.
        workdir: where the files are made, and removed again.
        settings: the ways to merge.
        buffers: Firehose's, in a day that still receives.

    Raises:
        BenchmarkError: a layout answers with other rows than the landing files.
        ToolkitError: a query failed.
    """
    with tempfile.TemporaryDirectory(prefix="layout-", dir=workdir) as temporary:
        folder = Path(temporary)
        landed, json_bytes = _landed(spec, folder, say)
        layouts = [landed, *(_merged(setting, landed, spec, folder, say) for setting in settings)]
        facts = look_into(spec, layouts[1])
        figures = [asdict(layout.figures()) for layout in layouts]
        found: list[Measurement] = []
        answers: dict[tuple[str, str], Any] = {}
        for layout in layouts:
            say(f"asking: {layout.name}")
            with target.staged([layout]):
                for query, hour, sql in _questions(layout, facts):
                    asked = ask(Question(query, layout, sql))
                    answer = (asked.rows, asked.digest)
                    if answer != answers.setdefault((query.name, hour), answer):
                        raise BenchmarkError(f"{layout.name} has other rows: {query.name}")
                    one = Measurement(layout.name, query.name, hour, asked.scanned, asked.rows)
                    found.append(one)
    asked_for = {"target": target.name, **asdict(spec), "start": spec.start.isoformat()}
    received = receive(spec, target, ask, say=say, workdir=workdir, buffers=buffers)
    seen = {
        "json_bytes": json_bytes,
        "layouts": figures,
        "busiest": facts.hour,
        "receiving": [asdict(one) for one in received],
    }
    return Results("layout", asked_for, found, seen)


def _landed(spec: Spec, folder: Path, say: Callable[[str], None]) -> tuple[Layout, int]:
    """Landing files of a day, as Parquet; and the bytes of its JSON, which is not kept."""
    say(f"generating and transforming {spec.events:,} events")
    raw = raw_objects(spec, folder / "raw")
    text, parquet = Layout("json", folder / "json"), Layout(LANDED, folder / LANDED)
    every = timedelta(days=1) / len(raw)
    land(raw, text, parquet, OutputOptions("none", "zstd"), every)
    parquet.files = sorted(path for path in parquet.root.rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in text.root.rglob("*") if path.is_file())
    shutil.rmtree(text.root)
    shutil.rmtree(folder / "raw")
    return parquet, size


def _merged(
    setting: Setting, landed: Layout, spec: Spec, folder: Path, say: Callable[[str], None]
) -> Layout:
    say(f"merging: {setting.title}")
    (day,) = spec.partitions
    inputs = landed.of_day(day)
    layout = Layout(setting.name, folder / setting.name)
    directory = layout.root / inputs[0].parent.relative_to(landed.root)
    directory.mkdir(parents=True)
    catalog = replace(load_catalog(), **setting.changes)
    started = time.process_time()
    result = merge_parquet(
        [Input(path) for path in inputs], directory, catalog=catalog, options=setting.options
    )
    layout.seconds = time.process_time() - started
    layout.files = [file.path for file in result.files]
    return layout


def _questions(layout: Layout, facts: Facts) -> list[tuple[Query, str, str]]:
    """Each query as a statement; those for an hour twice: for noon, and for the busiest."""
    noon = replace(facts, hour=f"{facts.day} 12:00:00")
    return [
        (query, hour, query.text(layout.name, layout.format, chosen))
        for query in QUERIES
        for hour, chosen in (
            ((NOON, noon), (BUSIEST, facts)) if "{hour}" in query.sql else (("", facts),)
        )
    ]
