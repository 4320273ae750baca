"""Small files in, few big ones out, everything counted."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from benchmarks.compaction.lake import DATABASE, PARTITION, SmallFiles, small_files
from benchmarks.digest import Digest, whole_rows
from benchmarks.measure import measure
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.sandbox.athena.engine import QueryEngine

_DAY: Final = "year = '2025' AND month = '11' AND day = '26'"
# Each reads one partition; `{table}` is the format's table.
QUERIES: Final = {
    "events by type": "SELECT event_type, count(*) FROM {table} WHERE {day} GROUP BY 1",
    "purchases": (
        "SELECT count(*), sum(price * quantity) FROM {table} WHERE {day} "
        "AND event_type = 'purchase'"
    ),
    "searches in one country": (
        "SELECT event_id, event_type, page_url FROM {table} WHERE {day} "
        "AND event_type = 'search' AND country = 'DE'"
    ),
}


@dataclass(frozen=True, slots=True)
class Compaction:
    """What compacting one format took.

    Attributes:
        seconds: wall time; `cpu` is CPU time.
        rss: peak resident bytes of the process.
        requests: to AWS, by operation.
        bytes_before: stored, as `bytes_after`.
        scanned: bytes that Athena reads before and after, by query.
    """

    format: Format
    seconds: float
    cpu: float
    rss: int
    requests: dict[str, int]
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int
    rows: int
    same_rows: bool
    scanned: dict[str, tuple[int, int]]


def run(files: int, rows: int, cpu: int, say: Callable[[str], None]) -> list[Compaction]:
    """Make `files` small files of `rows` events in each format, and compact them."""
    with small_files(files, rows, say) as lake:
        found = []
        for fmt in FORMATS:
            say(f"{fmt}: compacting {files:,} files")
            found.append(_compact(lake, fmt, cpu))
        return found


def _compact(lake: SmallFiles, fmt: Format, cpu: int) -> Compaction:
    before, scanned_before = _content(lake, fmt), _scanned(lake, fmt)
    arguments = {"format": fmt, "partition": PARTITION.path, "environment": lake.environment}
    found = measure("benchmarks.compaction.work:work", arguments, cpu=cpu)
    after, scanned_after = _content(lake, fmt), _scanned(lake, fmt)
    return Compaction(
        format=fmt,
        seconds=found.wall,
        cpu=found.cpu,
        rss=found.rss,
        rows=after.rows,
        same_rows=before == after and after.rows == lake.rows,
        scanned={name: (scanned_before[name], scanned_after[name]) for name in QUERIES},
        **found.answer,
    )


def _content(lake: SmallFiles, fmt: Format) -> Digest:
    with TemporaryDirectory() as folder:
        return whole_rows(fmt, lake.download(fmt, Path(folder)))


def _scanned(lake: SmallFiles, fmt: Format) -> dict[str, int]:
    """Bytes that Athena would read for each query."""
    engine = QueryEngine(s3=lake.client("s3"), glue=lake.client("glue"))
    try:
        table = load_catalog().tables[fmt].name
        return {
            name: engine.execute(sql.format(table=table, day=_DAY), DATABASE).bytes_scanned
            for name, sql in QUERIES.items()
        }
    finally:
        engine.close()
