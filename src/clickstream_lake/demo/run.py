"""What the demo does, step by step; what it shows is in `report.py`."""

import time
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_lake.console import progress
from clickstream_lake.demo.provision import LakeSettings, Stream, by_catalog, lake_sandbox
from clickstream_lake.demo.report import Counts, Report, Scan
from clickstream_lake.demo.terraform import by_terraform
from clickstream_lake.generate import FirehoseSink, generate_by_columns, generate_events
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.lake.layout import is_hidden
from clickstream_lake.operate import query as athena_query
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.sandbox import Sandbox
from clickstream_lake.sandbox.state import forget, held, save

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

    from clickstream_lake.sandbox.resources import Provision

_LOOK_SECONDS = 0.2
_TIMEOUT_SECONDS = 600

_EVERYTHING = "SELECT * FROM {table}"
# Small enough that there are small files to compact, and large enough not to wait for them.
_RAW_OBJECTS = 30
_BUFFER_MIB = (1, 4)
_EVENT_BYTES = 480


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """What a demo is to do."""

    events: int
    seed: int
    malformed: float
    start: datetime
    terraform: bool
    directory: Path
    catalog: Path = CATALOG_PATH


def run(settings: DemoSettings) -> Report:
    """Run the demo.

    Raises:
        SandboxError: the pipeline did not come to rest, or a message became a dead letter.
    """
    began = time.monotonic()
    with held(settings.directory), progress(lines=True) as bars:
        forget(settings.directory)
        starting = bars.add_task("local AWS", total=None, note="starting")
        with lake_sandbox(
            provision=_provision(settings, bars, starting), directory=settings.directory
        ) as sandbox:
            bars.update(starting, total=1, completed=1, note=sandbox.endpoint)
            demo = _Demo(sandbox, settings, bars)
            report = demo.run()
            saving = bars.add_task("save files", total=None, note="")
            report.objects = save(sandbox.clients, sandbox.resources, settings.directory)
            bars.update(saving, total=1, completed=1, note=str(settings.directory))
    report.total_seconds = time.monotonic() - began
    return report


def _provision(settings: DemoSettings, bars: "Progress", task: "TaskID") -> "Provision":
    least, most = _BUFFER_MIB
    wanted = settings.events * _EVENT_BYTES // _RAW_OBJECTS // 1024**2
    buffer_mib = max(least, min(wanted, most))
    if not settings.terraform:
        return by_catalog(
            LakeSettings(buffer_mib=buffer_mib, streams=(Stream(catalog=settings.catalog),))
        )

    def ready(address: str) -> None:
        bars.update(task, note=address)

    variables: dict[str, Any] = {"firehose_buffer_mb": buffer_mib}
    if settings.catalog != CATALOG_PATH:
        variables["catalog_file"] = str(settings.catalog.resolve())
    return by_terraform(settings.directory / "terraform", variables, progress=ready)


class _Demo:
    def __init__(self, sandbox: Sandbox, settings: DemoSettings, bars: "Progress") -> None:
        self._sandbox = sandbox
        self._settings = settings
        self._bars = bars
        self._catalog = load_catalog(settings.catalog)
        self._tables = {
            "JSON": self._catalog.tables["json"].name,
            "Parquet": self._catalog.tables["parquet"].name,
        }
        self._kind = self._catalog.kind
        self._one_column = f"SELECT {self._kind}, COUNT(*) FROM {{table}} GROUP BY {self._kind}"  # noqa: S608 - the catalog's own names

    def run(self) -> Report:
        began = time.monotonic()
        resent = self._send()
        sent = time.monotonic()
        self._transform()
        queryable = time.monotonic()
        small = self._scans("plan queries")
        self._compact()
        compacted = self._scans("plan queries again")
        counts, rejected = self._query()
        return Report(
            sent=self._settings.events,
            resent=resent,
            raw_objects=self._sandbox.firehose.stats.objects,
            kind=self._kind,
            counts=counts,
            rejected=rejected,
            small=small,
            compacted=compacted,
            directory=self._settings.directory,
            one_column_sql=self._one_column.format(table="…"),
            send_seconds=sent - began,
            pipeline_seconds=queryable - sent,
            alarms=dict(self._sandbox.alarms()),
        )

    def _send(self) -> int:
        """Put every event into Firehose, as any producer would."""
        settings = self._settings
        task = self._bars.add_task("events to Firehose", total=settings.events, note="")
        sink = FirehoseSink(self._sandbox.clients.firehose, self._sandbox.stream, in_flight=2)
        generate: Callable[..., Iterator[bytes]] = generate_events
        if settings.catalog != CATALOG_PATH:
            generate = partial(
                generate_by_columns,
                columns=self._catalog.sent,
                personal=sorted(self._catalog.pii_keys),
            )
        lines = generate(
            settings.seed, settings.events, settings.start, malformed=settings.malformed
        )
        # The stream itself ends each record with a newline.
        sink.send(
            (line.rstrip(b"\n") for line in lines), lambda done: self._bars.advance(task, done)
        )
        return sink.resent

    def _transform(self) -> None:
        """Wait until the transform function has taken every raw object."""
        self._sandbox.flush()
        total = self._sandbox.firehose.stats.objects
        task = self._bars.add_task("raw objects transformed", total=total, note="")
        self._watch(task, total)

    def _compact(self) -> None:
        """Fire the schedule that plans compaction, and wait until its queue is empty."""
        self._sandbox.tick("compact")
        total = self._sandbox.in_flight()
        task = self._bars.add_task("partitions compacted", total=total, note="")
        self._watch(task, total)

    def _watch(self, task: "TaskID", total: int) -> None:
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while left := self._sandbox.in_flight():
            self._bars.update(task, completed=max(0, total - left))
            self._sandbox.check()
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{left} messages are still under way after {_TIMEOUT_SECONDS} s; the "
                    f"functions' logs are in {self._sandbox.log_dir}"
                )
            time.sleep(_LOOK_SECONDS)
        self._bars.update(task, completed=total)
        if dead := self._sandbox.dead_letters():
            raise SandboxError(
                f"{dead} messages became dead letters; the functions' logs are in "
                f"{self._sandbox.log_dir}"
            )

    def _scans(self, description: str) -> dict[str, Scan]:
        """What queries see of each table, and what two of them would scan."""
        task = self._bars.add_task(description, total=len(self._tables), note="")
        scans: dict[str, Scan] = {}
        for name, table in self._tables.items():
            files, stored = self._visible(table)
            scans[name] = Scan(
                files=files,
                bytes=stored,
                one_column=self._estimate(self._one_column.format(table=table)),
                everything=self._estimate(_EVERYTHING.format(table=table)),
            )
            self._bars.advance(task)
        return scans

    def _visible(self, table: str) -> tuple[int, int]:
        """Data files at the locations of a table's partitions: how many, and their bytes."""
        clients, sandbox = self._sandbox.clients, self._sandbox
        partitions = clients.glue.get_partitions(DatabaseName=sandbox.database, TableName=table)
        files = stored = 0
        for partition in partitions["Partitions"]:
            prefix = partition["StorageDescriptor"]["Location"].split("/", 3)[3].rstrip("/")
            pages = clients.s3.get_paginator("list_objects_v2").paginate(
                Bucket=sandbox.bucket, Prefix=f"{prefix}/"
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    if not is_hidden(entry["Key"]):
                        files, stored = files + 1, stored + entry["Size"]
        return files, stored

    def _estimate(self, sql: str) -> int:
        return self._sandbox.engine.estimate(sql, self._sandbox.database).bytes_scanned

    def _query(self) -> tuple[dict[str, Counts], Counts]:
        """Count both tables by the kind of event, and rejects by reason, through the Athena API."""
        task = self._bars.add_task("queries by Athena's API", total=len(self._tables) + 1, note="")
        counts: dict[str, Counts] = {}
        for name, table in self._tables.items():
            counts[name] = self._count(table, self._kind)
            self._bars.advance(task)
        rejected = self._count(self._catalog.tables["rejects"].name, "reason", "SUM(texts)")
        self._bars.advance(task)
        return counts, rejected

    def _count(self, table: str, column: str, rows: str = "COUNT(*)") -> Counts:
        sql = f"SELECT {column}, {rows} FROM {table} GROUP BY {column}"  # noqa: S608 - our own names
        sandbox = self._sandbox
        answer = athena_query.run(
            sandbox.clients.athena, sql, database=sandbox.database, workgroup=sandbox.workgroup
        )
        return {str(row[0]): int(row[1] or 0) for row in answer.rows}
