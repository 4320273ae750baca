"""A small lake in memory, the processes that work on it, and an oracle that knows what is right.

Everything above the clients is the product's own code. The oracle looks at the state behind the
clients after every call that took effect.
"""

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from greenlet import getcurrent  # type: ignore[import-untyped]  # it ships no types

from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.protocol.cleanup import Cleaner
from clickstream_lake.compact.queue import CompactQueue, parse_message
from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.aws.partitions import PartitionCatalog
from clickstream_lake.lake.catalog import Catalog, Declared
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import CompactSettings, Config
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Layout, is_hidden
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.operate.files import snapshot
from clickstream_lake.transform.process import RawObjectProcessor, Report
from tests.protocol.fakes import FakeGlue, FakeS3, FakeSqs, StoredObject
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, rows_of
from tests.protocol.simulation import columns
from tests.protocol.simulation.columns import MARKS, catalog_of, stage_of
from tests.protocol.simulation.stepping import Actor

GRACE = timedelta(days=1)
QUEUE_URL = "https://sqs/compact.fifo"


@dataclass
class Findings:
    """What the oracle saw. The last seven are the promises: all 0.

    Attributes:
        disparate: rows that the two tables show with another time, or as another catalog made them.
        misread: values that a partition shows wrong, or fails on, from the moment on at which it
            declares other columns.
        behind: what has not followed the catalog's columns after a tick.
    """

    rows_checked: int = 0
    checks: int = 0
    queries: int = 0
    lost: int = 0
    duplicated: int = 0
    invisible: int = 0
    broken_queries: int = 0
    disparate: int = 0
    misread: int = 0
    behind: int = 0
    details: list[str] = field(default_factory=list)

    @property
    def bad(self) -> int:
        promised = (self.lost, self.duplicated, self.invisible, self.broken_queries)
        return sum((*promised, self.disparate, self.misread, self.behind))

    def note(self, kind: str, count: int, detail: str) -> None:
        setattr(self, kind, getattr(self, kind) + count)
        self.details.append(f"{kind}: {detail}")


@dataclass(frozen=True)
class Parts:
    """What a process puts its lake together from; the product's own, unless a test breaks one."""

    store: type[ObjectStore] = ObjectStore
    partitions: type[PartitionCatalog] = PartitionCatalog
    lake: type[Lake] = Lake
    cleaner: type[Cleaner] = Cleaner
    catalogs: type[Catalogs] = Catalogs


PRODUCT = Parts()


@dataclass
class _S3(FakeS3):
    """One that the oracle learns from who wrote what after a compactor's last look at it."""

    world: "World | None" = None
    role: str = ""

    def list_objects_v2(self, *, Prefix: str, **options: Any) -> dict[str, Any]:  # noqa: ANN401, N803 - boto3's
        if self.world and self.role == "compactor":
            self.world.late.pop(Prefix, None)
        return super().list_objects_v2(Prefix=Prefix, **options)

    def _store(self, key: str, *content: Any) -> StoredObject:  # noqa: ANN401 - FakeS3's
        if self.world and self.role == "writer":
            self.world.late.setdefault(key.rpartition("/")[0] + "/", set()).add(key)
        return super()._store(key, *content)


@dataclass
class World:
    """The lake, its oracle and its clock."""

    folder: Path
    settings: CompactSettings
    page_size: int = 1000
    now: datetime = datetime(2025, 11, 26, 12, tzinfo=UTC)
    # With two compactors at once a row may be invisible until the last of them is done.
    may_hide: bool = False
    # By the role of the process; the product's own parts where there are none.
    parts: Mapping[str, Parts] = field(default_factory=dict)
    objects: dict[str, StoredObject] = field(default_factory=dict)
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    partitions: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = field(default_factory=dict)
    messages: list[dict[str, Any]] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    contents: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)
    # By directory: what writers have put there since a compactor last began to look at it.
    late: dict[str, set[str]] = field(default_factory=dict)
    _ids: int = 0
    _lists: dict[Format, Declared] = field(default_factory=dict)
    _working: dict[Any, str] = field(default_factory=dict)
    _rows: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    seen: Any = None

    def __post_init__(self) -> None:
        self.layout = Layout()
        self.catalog = catalog_of(MARKS[0], 0)
        self.config = Config(bucket=BUCKET, database=DATABASE, compact=self.settings)
        self.apply(self.catalog)

    def fork(self) -> "World":
        """The same lake at the same moment, to go on separately."""
        other = copy(self)
        state = ("objects", "tables", "partitions", "messages", "contents", "acknowledged", "stale")
        for name in (*state, "late", "_lists"):
            setattr(other, name, deepcopy(getattr(self, name)))
        other.findings = Findings()
        return other

    def deploy(self, catalog: Catalog) -> None:
        """Another catalog: processes that begin from now on have it."""
        self.catalog = catalog

    def apply(self, catalog: Catalog) -> None:
        """The tables of another catalog, which an apply makes before or after it deploys it."""
        self.stage = stage_of(catalog)
        for fmt in ("json", "parquet", "rejects"):
            table = catalog.glue_table_input(fmt, BUCKET)
            self.tables[table["Name"]] = table

    # --- processes ---

    def lake(self, actor: Actor) -> Lake:
        """A fresh process's view of the lake: nothing is cached."""
        s3: Any = _S3(actor, lambda: self.now, self.page_size, self.objects, self, actor.role)
        glue: Any = FakeGlue(actor, 100, self.tables, self.partitions)
        parts = self.parts.get(actor.role, PRODUCT)
        store, partitions = parts.store(s3, BUCKET), parts.partitions(glue, DATABASE)
        return parts.lake(store, partitions, self.layout, TABLES)

    def transform(self, actor: Actor, raw_key: str) -> Report | None:
        """One invocation of the transform function; None if it has to be tried again."""
        lake, parts = self.lake(actor), self.parts.get(actor.role, PRODUCT)
        catalogs = parts.catalogs(lake.store, lake.layout, self.catalog)
        processor = RawObjectProcessor(
            store=lake.store,
            publisher=Publisher(lake),
            catalogs=catalogs,
            config=self.config,
            now=lambda: self.now,
            scratch=self.folder,
        )
        version = len(self.contents[raw_key])
        self._working[getcurrent()] = self.layout.source(raw_key).source_id
        try:
            report = processor.process(raw_key)
        except LakeError:
            return None
        if version != len(self.contents[raw_key]):
            return None  # replaced in between: a notification of the new content is under way
        if report.stale:
            self.stale.add(raw_key)
        else:
            self.acknowledged.add(raw_key)
        return report

    def operations(self, actor: Actor) -> Operations:
        sqs: Any = FakeSqs(actor, self.messages)
        parts = self.parts.get(actor.role, PRODUCT)
        operations = wire(
            self.config,
            self.catalog,
            self.lake(actor),
            queue=CompactQueue(sqs, QUEUE_URL),
            now=lambda: self.now,
            new_id=self.new_id,
            downloads=1,
            workdir=self.folder,
        )
        cleaner = operations.cleaner
        return replace(operations, cleaner=parts.cleaner(cleaner.lake, cleaner.grace, cleaner.now))

    def tick(self, actor: Actor, *, force: bool) -> None:
        """A schedule tick."""
        # What SQS says stands for itself: the tick fails, and the next one makes up for it.
        with suppress(LakeError, ClientError, BotoCoreError):
            self.operations(actor).plan(
                partitions=[DAY], force=force, occasion=str(self.now) if force else ""
            )

    def compact(
        self,
        actor: Actor,
        message: dict[str, Any],
        out_of_time: Callable[[], bool] = lambda: False,
    ) -> None:
        """One delivery of a queue message, which goes once it was worked on."""
        order = parse_message(message["MessageBody"])
        compactor = self.operations(actor).compactor
        try:
            result = compactor.compact(order.slot, force=order.force, out_of_time=out_of_time)
        except LakeError:
            return
        self.stale.update(result.stale)
        if message in self.messages:
            self.messages.remove(message)

    def clean_up(self, actor: Actor) -> None:
        with suppress(LakeError):
            self.operations(actor).clean_up(partitions=[DAY], dry_run=False)

    def query(self, actor: Actor, fmt: Format) -> None:
        """A query as an engine runs it: one look at the partition, then a page, its files, …"""
        due = self._due()
        s3 = FakeS3(actor, lambda: self.now, 2, self.objects)
        glue = FakeGlue(actor, 100, self.tables, self.partitions)
        try:
            answer = glue.get_partition(TableName=TABLES[fmt], PartitionValues=DAY.values)
        except Exception:  # noqa: BLE001 - there is no partition yet
            rows: list[str] = []
        else:
            location = answer["Partition"]["StorageDescriptor"]["Location"]
            rows = []
            for key in _pages(s3, location.removeprefix(f"s3://{BUCKET}/")):
                try:
                    body = s3.get_object(Key=key)["Body"].read()
                except Exception as error:  # noqa: BLE001 - whatever it is, the query is broken
                    self.findings.note("broken_queries", 1, f"{fmt} {key}: {error}")
                    return
                rows += [row for row, _ in rows_of(key, body)]
        self.findings.queries += 1
        self._judge(fmt, Counter(rows), due, "a query")

    def read_files(self, actor: Actor, fmt: Format) -> None:
        """A reader that is no engine: it takes a list of files, and reads them one by one."""
        due = self._due()
        s3: Any = FakeS3(actor, lambda: self.now, 2, self.objects)
        glue: Any = FakeGlue(actor, 100, self.tables, self.partitions)
        rows = []
        for file in snapshot(TABLES[fmt], database=DATABASE, glue=glue, s3=s3).files:
            key = file.uri.removeprefix(f"s3://{BUCKET}/")
            try:
                body = s3.get_object(Key=key)["Body"].read()
            except ClientError as error:
                self.findings.note("broken_queries", 1, f"{fmt} {key}: {error}")
                return
            rows += [row for row, _ in rows_of(key, body)]
        self.findings.queries += 1
        self._judge(fmt, Counter(rows), due, "a list of files")

    # --- the world outside ---

    def put_raw(self, name: str, rows: list[str]) -> str:
        """A producer's events arrive; the same name again replaces them."""
        key = f"raw/{DAY.path}/{name}.gz"
        marks = dict.fromkeys(MARKS, 1)
        text = "".join(
            json.dumps({"event_id": row, "event_type": "click", "user_id": "u", **marks, **sent})
            + "\n"
            for row in rows
            for sent in (columns.sent(row),)
        )
        s3 = FakeS3(now=lambda: self.now, objects=self.objects)
        s3.put_object(Key=key, Body=gzip.compress(text.encode(), mtime=0))
        self.contents.setdefault(key, []).append(frozenset(rows))
        # Until the new content is acknowledged, either may be seen, and for a moment both in turn.
        return key

    def new_id(self, now: datetime) -> str:
        self._ids += 1
        return f"{now:%Y%m%dT%H%M%SZ}-{self._ids:08x}"

    # --- the oracle ---

    def check(self) -> None:
        """Judge what both tables show at this very moment."""
        for fmt in FORMATS:
            self._check_list(fmt)
        state = {
            fmt: tuple((key, stored.etag) for key, stored in self._visible_files(fmt))
            for fmt in FORMATS
        }
        judged = (state, frozenset(self.acknowledged))
        if judged == self.seen:
            return
        self.seen = judged
        for fmt in FORMATS:
            self.findings.checks += 1
            self._judge(fmt, Counter(row for row, _ in self.visible(fmt)), self._due(), "a look")

    def _check_list(self, fmt: Format) -> None:
        """A list changes with the location, or where all files read right by the new one.

        What a writer puts there between a compactor's last look and its change is read as what
        comes later: the next tick rewrites it.
        """
        declared, before = self._declared(fmt), self._lists.get(fmt)
        if declared == before:
            return
        self._lists[fmt] = declared
        # Who registers a partition answers for its own file.
        source = self._working.get(getcurrent(), "")
        late = self.late.get(self._location(fmt), set())
        for key, stored in self._visible_files(fmt):
            if key not in late or (not before and source in key):
                for what in columns.misread(key, stored.body, dict(declared)):
                    self.findings.note("misread", 1, f"{fmt}: {what}")

    def check_columns(self) -> None:
        """Judge, after a tick, whether all has followed the catalog."""
        for fmt in FORMATS:
            wanted, found = self.catalog.tables[fmt].declared, self._declared(fmt)
            if found and found != wanted:
                self.findings.note("behind", 1, f"{fmt} declares {found}")
            for key, stored in self._visible_files(fmt):
                for what in columns.lacking(key, stored.body, dict(wanted)):
                    self.findings.note("behind", 1, f"{fmt}: {what}")

    def visible(self, fmt: Format) -> list[tuple[str, str]]:
        """Row ids and their processed_ts, as the table shows them."""
        rows = []
        for key, stored in self._visible_files(fmt):
            at = f"{fmt}{stored.etag}"
            if at not in self._rows:
                self._rows[at] = rows_of(key, stored.body)
            rows += self._rows[at]
        return rows

    def finish(self) -> None:
        """Judge the end: everything acknowledged shows, once, alike in both tables."""
        for key, versions in self.contents.items():
            if key not in self.acknowledged | self.stale:
                self.findings.note("lost", len(versions[-1]), f"{key} was never acknowledged")
        shown = {fmt: dict(self.visible(fmt)) for fmt in FORMATS}
        for fmt in FORMATS:
            for key, versions in self.contents.items():
                current = versions[-1]
                if key in self.stale:
                    current = max(versions, key=lambda rows: len(rows & shown[fmt].keys()))
                gone = current - shown[fmt].keys()
                if gone:
                    self.findings.note("lost", len(gone), f"{fmt} {key}: {sorted(gone)}")
        for row in shown["json"].keys() & shown["parquet"].keys():
            if shown["json"][row] != shown["parquet"][row]:
                self.findings.note("disparate", 1, f"{row}: {[shown[fmt][row] for fmt in shown]}")

    def _due(self) -> set[str]:
        return set(self.acknowledged)

    def _judge(self, fmt: Format, shown: Counter[str], due: set[str], what: str) -> None:
        findings = self.findings
        findings.rows_checked += shown.total()
        doubled = [row for row, count in shown.items() if count > 1]
        if doubled:
            findings.note("duplicated", len(doubled), f"{what} at {fmt}: {sorted(doubled)}")
        for key, versions in self.contents.items():
            wholly = [version for version in versions if version <= shown.keys()]
            partly = [version for version in versions if version & shown.keys()]
            if len(wholly) > 1 or (partly and not wholly):
                findings.note("duplicated", 1, f"{what} at {fmt} mixes {key}")
            if key in due and not wholly and not self.may_hide:
                findings.note("invisible", len(versions[-1]), f"{what} at {fmt} misses {key}")

    def _visible_files(self, fmt: Format) -> Iterator[tuple[str, StoredObject]]:
        location = self._location(fmt)
        for key, stored in self.objects.items():
            if location and key.startswith(location) and not is_hidden(key):
                yield key, stored

    def _declared(self, fmt: Format) -> Declared:
        """What the partition declares; nothing if there is none yet."""
        entry = self.partitions.get((TABLES[fmt], tuple(DAY.values)))
        found = entry["StorageDescriptor"]["Columns"] if entry else []
        return tuple((column["Name"], column["Type"]) for column in found)

    def _location(self, fmt: Format) -> str:
        """The prefix that a query reads; empty if there is no partition yet."""
        entry = self.partitions.get((TABLES[fmt], tuple(DAY.values)))
        found = entry["StorageDescriptor"]["Location"] if entry else ""
        return str(found).removeprefix(f"s3://{BUCKET}/")


def _pages(s3: FakeS3, prefix: str) -> Iterator[str]:
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(Prefix=prefix, **token)
        for entry in page.get("Contents", []):
            if not is_hidden(entry["Key"]):
                yield entry["Key"]
        if not page["IsTruncated"]:
            return
        token = {"ContinuationToken": page["NextContinuationToken"]}
