"""The judgement over a soak that has come to rest: each function gives the complaints it has."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Layout
from clickstream_lake.operate.audit import AuditReader, judge
from tests.soak.ledger import holds
from tests.soak.load import SELECTED, Event
from tests.soak.reader import TABLES

# S3 or Glue kept failing or silent; a clean-up or a swap came in between too often.
_EXPLAINED: Final = {
    "StorageError",
    "PartitionCatalogError",
    "PartitionMovedError",
    "DeadlineError",
}
# What the function tells its queue itself; if that fails, its answer tells it.
_BESIDE_THE_WORK: Final = {"message not deleted", "message not given back early"}

if TYPE_CHECKING:
    from clickstream_lake.sandbox.sandbox import Sandbox
    from tests.soak.soak import Ran


def complaints(ran: "Ran", canary: str, further_logs: str) -> Iterator[str]:
    """Everything that is not as promised; nothing if all is."""
    yield from (f"query error: {error}" for error in ran.reader.errors)
    yield from (f"reader: {breach}" for breach in ran.reader.breaches)
    sent = {batch.number for batch in ran.batches}
    if missing := sent - ran.ledger.acknowledged():
        yield f"never acknowledged: {sorted(missing)}"
    yield from _rows(ran)
    yield from _rejects(ran)
    yield from _audit(ran.sandbox)
    yield from (f"the canary was written: {where}" for where in sorted(ran.ledger.leaks))
    yield from _leaks(ran.sandbox, canary.encode())
    yield from _errors(ran.sandbox)
    if canary in further_logs:
        yield "the canary is in the sandbox's own log"


def _rows(ran: "Ran") -> Iterator[str]:
    """Each table against what was sent, row by row."""
    sent: Counter[Event] = Counter(
        event for batch in ran.batches for event in batch.events.values()
    )
    for table in TABLES:
        answer = ran.sandbox.engine.execute(
            f"SELECT {SELECTED} FROM {table}",  # noqa: S608 - our own names
            ran.sandbox.database,
        )
        shown = Counter(answer.rows)
        if lost := sent - shown:
            yield f"{table} lost {lost.total()} events, such as {next(iter(lost))}"
        if more := shown - sent:
            yield f"{table} has {more.total()} rows too many, such as {next(iter(more))}"


def _rejects(ran: "Ran") -> Iterator[str]:
    answer = ran.sandbox.engine.execute(
        "SELECT raw_key, SUM(texts), COUNT(DISTINCT line_number) FROM clickstream_rejects "
        "GROUP BY raw_key",
        ran.sandbox.database,
    )
    rejected = {ran.ledger.number_of(key): (rows, lines) for key, rows, lines in answer.rows}
    for batch in ran.batches:
        found = rejected.pop(batch.number, (0, 0))
        if found != (batch.malformed, batch.malformed):
            yield f"raw object {batch.number}: {batch.malformed} to be rejected, not {found}"
    if rejected:
        yield f"rejects of unknown raw objects: {sorted(rejected)}"


def lake_of(sandbox: "Sandbox") -> Lake:
    """The lake as `clickstream audit` opens it, on the sandbox's own clients."""
    catalog = load_catalog()
    return Lake(
        ObjectStore(sandbox.clients.s3, sandbox.bucket),
        PartitionCatalog(sandbox.clients.glue, sandbox.database),
        Layout(),
        {name: catalog.tables[name].name for name in ("json", "parquet", "rejects")},
    )


def _audit(sandbox: "Sandbox") -> Iterator[str]:
    reader = AuditReader(lake_of(sandbox), load_catalog(), deep=True)
    for partition in reader.partitions():
        verdict = judge(reader.read(partition), now=datetime.now(UTC), settle=timedelta(0))
        if verdict.pending:
            yield f"audit: {verdict.pending} raw objects of {partition.path} are pending"
        for breach in verdict.breaches:
            yield f"audit: {breach.kind} {breach.format} {breach.subject} {breach.detail}"


def _leaks(sandbox: "Sandbox", canary: bytes) -> Iterator[str]:
    """A byte search of every object outside the raw zone, of logs and metrics, and of Glue."""
    store, inside = lake_of(sandbox).store, False
    for info in store.list(""):
        content = store.read(info.key)
        if info.key.startswith("raw/"):
            inside = inside or canary in _unpacked(content)
        elif holds(canary, info.key, _unpacked(content)):
            yield f"the canary is in {info.key}"
    if not inside:
        yield "the canary is not even in the raw zone: this search finds nothing"
    for log in sandbox.log_dir.iterdir():
        if canary in log.read_bytes():
            yield f"the canary is in the log {log.name}"
    for table in TABLES:
        answer = sandbox.clients.glue.get_partitions(DatabaseName=sandbox.database, TableName=table)
        if canary.decode() in json.dumps(answer["Partitions"], default=str):
            yield f"the canary is in a partition of {table}"


def _errors(sandbox: "Sandbox") -> Iterator[str]:
    """Errors in the functions' logs that none of the faults explains."""
    found: Counter[str] = Counter()
    for log in sandbox.log_dir.iterdir():
        for line in log.read_text(encoding="utf-8").splitlines():
            if line.startswith("{") and '"error":' in line:
                entry = json.loads(line)
                if entry["error"] not in _EXPLAINED and entry["message"] not in _BESIDE_THE_WORK:
                    found[f"{log.stem}: {entry['error']} at {entry.get('place')}"] += 1
    yield from (f"{each}, {count} times" for each, count in found.items())


def _unpacked(content: bytes) -> bytes:
    return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
