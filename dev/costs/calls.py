"""Count what both functions ask of AWS at each step, on a stand-in of AWS in this process."""

import gzip
import io
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest import mock

import boto3
from moto import mock_aws

from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.compact.operations import Operations
from clickstream_lake.compact.queue import CompactQueue
from clickstream_lake.compact.wiring import wire
from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.aws.clients import open_lake, sqs_client
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import load_config
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Layout, Partition, Slot
from clickstream_lake.operate.costs.measured import Calls, Steps
from clickstream_lake.transform.function import TransformFunction

_BUCKET: Final = "costs"
_DATABASE: Final = "costs"
_REGION, _ACCOUNT = "us-east-1", "123456789012"
_QUEUES: Final = {"transform": "transform", "compact": "compact.fifo"}
_FUNCTIONS: Final = {"transform": TransformFunction, "compact": CompactFunction}
_EVENTS: Final = 100
_LINE_BYTES: Final = 26
"""What CloudWatch adds to each line that it takes in."""


@dataclass
class Counted:
    """What was counted.

    Attributes:
        steps: calls of each step, of both formats together.
        log_bytes: of one invocation, by step.
        metrics: names and dimensions of the metrics sent, by function.
        operations: every call of the whole life, by service and operation.
        versions: versions of each table in the end.
    """

    steps: Steps
    log_bytes: dict[str, int] = field(default_factory=dict)
    metrics: dict[str, set[str]] = field(default_factory=dict)
    operations: Counter[str] = field(default_factory=Counter)
    versions: dict[str, int] = field(default_factory=dict)


def count() -> Counted:
    """Take a lake through its steps."""
    with _stand_in() as calls:
        return _Life(calls).live()


@contextmanager
def _stand_in() -> Iterator[Counter[str]]:
    """AWS in this process, with a lake's bucket, tables and queues; and the calls made there."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith(("AWS_", "LAKE_"))} | {
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "LAKE_BUCKET": _BUCKET,
        "LAKE_DATABASE": _DATABASE,
        # A name of its own: powertools keeps one logger for each name, and its output.
        "POWERTOOLS_SERVICE_NAME": f"clickstream-events-{os.urandom(5).hex()}",
    }
    calls: Counter[str] = Counter()

    def add(model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's OperationModel
        calls[f"{model.service_model.service_name}:{model.name}"] += 1

    before = boto3.DEFAULT_SESSION
    with mock.patch.dict(os.environ, environment, clear=True), mock_aws():
        boto3.setup_default_session()
        assert boto3.DEFAULT_SESSION is not None  # noqa: S101 - just made
        boto3.DEFAULT_SESSION.events.register("before-call", add)
        # Making a client takes longer than all its calls.
        clients: dict[str, Any] = {}
        make: Any = boto3.client

        def client(service: str, **options: Any) -> Any:  # noqa: ANN401 - of any service
            return clients.get(service) or clients.setdefault(service, make(service, **options))

        try:
            with mock.patch("boto3.client", client):
                _make_lake()
                calls.clear()
                yield calls
        finally:
            boto3.DEFAULT_SESSION = before


def _make_lake() -> None:
    boto3.client("s3").create_bucket(Bucket=_BUCKET)
    glue, catalog = boto3.client("glue"), load_catalog()
    # Put once in a catalog's life; a cold start only looks whether it is there.
    Catalogs(ObjectStore(boto3.client("s3"), _BUCKET), Layout(), catalog).keep()
    glue.create_database(DatabaseInput={"Name": _DATABASE})
    formats: Any = catalog.tables
    for fmt in formats:
        table: Any = catalog.glue_table_input(fmt, _BUCKET)
        glue.create_table(DatabaseName=_DATABASE, TableInput=table)
    for name in _QUEUES.values():
        fifo: Any = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        boto3.client("sqs").create_queue(QueueName=name, Attributes=fifo)


class _Context:
    """As much of Lambda's context as the functions ask for."""

    function_name = "costs"
    memory_limit_in_mb = 1769
    invoked_function_arn = f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:costs"
    aws_request_id = "costs"

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 300_000


class _Life:
    """A lake's life; each step is done by a new environment, which has read nothing yet."""

    def __init__(self, calls: Counter[str]) -> None:
        self._calls = calls
        self._operations: Counter[str] = Counter()
        # An hour later than what S3 stamps: what a merge finds has not landed this very minute.
        self._now = datetime.now(UTC) + timedelta(hours=1)
        self._objects = 0
        self._log_bytes: dict[str, int] = {}
        self._metrics: dict[str, set[str]] = {name: set() for name in _FUNCTIONS}
        self._output = io.StringIO()

    def live(self) -> Counted:
        """From an empty lake to the clean-up of what was replaced."""
        today = self._partition(0)
        plan, cleanup, audit = self._plan(), self._clean_up(), self._audit()
        first, before = self._transform(today), self._transform(today)
        self._merge(today)
        plan_partition = _less(self._plan(), plan)
        after = self._transform(today)
        queued = _less(self._plan(force=True, queue=True), self._plan(force=True))
        one_file = self._merge(today)
        for _ in range(2):
            self._transform(today)
        merge_file = _less(self._merge(today), one_file)
        done = self._by_function(self._partition(1))
        audit_partition = _part(_less(self._audit(), audit), 2)
        self._now += timedelta(days=3)  # the grace period of all that was replaced is over
        busy, idle = self._clean_up(), self._clean_up()
        steps = Steps(
            first=first,
            before=before,
            after=after,
            plan=plan,
            plan_partition=plan_partition,
            merge=_more(_less(one_file, merge_file), queued, done),
            merge_file=merge_file,
            cleanup=cleanup,
            cleanup_partition=_part(_less(idle, cleanup), 2),
            cleanup_generation=_part(_less(busy, idle), 2),
            audit=audit,
            audit_partition=audit_partition,
        )
        return Counted(steps, self._log_bytes, self._metrics, self._operations, _versions())

    def _partition(self, days_ago: int) -> Partition:
        return Partition.parse(f"{self._now - timedelta(days=days_ago):year=%Y/month=%m/day=%d}")

    def _counted(self, work: Callable[[], object]) -> Calls:
        self._calls.clear()
        work()
        self._operations += self._calls
        return {name: float(times) for name, times in sorted(self._calls.items())}

    def _transform(self, partition: Partition) -> Calls:
        self._objects += 1
        key = f"raw/{partition.path}/events-{self._objects:04}.gz"
        body = gzip.compress(b"".join(generate_events(self._objects, _EVENTS, self._now)))
        boto3.client("s3").put_object(Bucket=_BUCKET, Key=key, Body=body)
        created = {"bucket": {"name": _BUCKET}, "object": {"key": key}}
        record = {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": created}
        return self._invoke("transform", "transform", self._queued({"Records": [record]}))

    def _queued(self, body: dict[str, Any], queue: str = "transform") -> dict[str, Any]:
        """Send a message and receive it; as Lambda hands it over."""
        sqs, name = sqs_client(), _QUEUES[queue]
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        group: Any = {}
        if name.endswith(".fifo"):
            group = {"MessageGroupId": "costs", "MessageDeduplicationId": os.urandom(4).hex()}
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(body), **group)
        (message,) = sqs.receive_message(QueueUrl=url, AttributeNames=["All"])["Messages"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{name}",
        }
        return {"Records": [record]}

    def _invoke(self, name: str, step: str, event: dict[str, Any]) -> Calls:
        """Invoke a new environment of a function, and look at what it writes to its log."""
        start = self._output.seek(0, io.SEEK_END)
        with redirect_stdout(self._output):
            function = _FUNCTIONS[name](os.environ)
            found = self._counted(lambda: function(event, _Context()))
        lines = self._output.getvalue()[start:].splitlines()
        self._log_bytes[step] = sum(len(line.encode()) + _LINE_BYTES for line in lines)
        self._metrics[name] |= {metric for line in lines for metric in _metrics_in(line)}
        return found

    def _by_function(self, partition: Partition) -> Calls:
        """The compact function does each of its works once; its calls to SQS for two merges."""
        self._transform(partition)
        url = sqs_client().get_queue_url(QueueName=_QUEUES["compact"])["QueueUrl"]
        sqs_client().purge_queue(QueueUrl=url)  # of what a plan has queued
        os.environ["LAKE_COMPACT_QUEUE_URL"] = url
        self._invoke("compact", "plan", {"action": "plan"})
        self._invoke("compact", "cleanup", {"action": "cleanup"})
        found: Calls = {}
        for fmt in FORMATS:
            message = {"format": fmt, "partition": partition.path, "force": True}
            calls = self._invoke("compact", "merge", self._queued(message, "compact"))
            found = _more(found, {n: v for n, v in calls.items() if n.startswith("sqs:")})
        return found

    def _audit(self) -> Calls:
        return self._invoke("compact", "audit", {"action": "audit"})

    def _compaction(self) -> Operations:
        config, catalog = load_config(os.environ), load_catalog()
        url = sqs_client().get_queue_url(QueueName=_QUEUES["compact"])["QueueUrl"]
        queue = CompactQueue(sqs_client(), url)
        lake = open_lake(config, catalog)
        return wire(config, catalog, lake, queue=queue, now=lambda: self._now, downloads=1)

    def _plan(self, *, force: bool = False, queue: bool = False) -> Calls:
        work = self._compaction()
        return self._counted(lambda: work.plan(force=force, dry_run=not queue))

    def _merge(self, partition: Partition) -> Calls:
        compactor = self._compaction().compactor
        self._now += timedelta(minutes=1)
        return self._counted(
            lambda: [compactor.compact(Slot(fmt, partition), force=True) for fmt in FORMATS]
        )

    def _clean_up(self) -> Calls:
        work = self._compaction()
        return self._counted(lambda: work.clean_up(dry_run=False))


def _metrics_in(line: str) -> Iterator[str]:
    """The metrics that a line of embedded metric format sends, with their dimensions."""
    if '"_aws"' not in line:
        return
    sent = json.loads(line)
    for directive in sent["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            at = ", ".join(f"{name}={sent[name]}" for name in dimensions if name != "service")
            yield from (f"{metric['Name']} {at}".strip() for metric in directive["Metrics"])


def _versions() -> dict[str, int]:
    glue = boto3.client("glue")
    return {
        table.name: len(
            glue.get_table_versions(DatabaseName=_DATABASE, TableName=table.name)["TableVersions"]
        )
        for table in load_catalog().tables.values()
    }


def _more(*parts: Calls) -> Calls:
    found: Counter[str] = Counter()
    for part in parts:
        found.update(part)
    return {name: float(times) for name, times in sorted(found.items()) if times}


def _less(calls: Calls, *others: Calls) -> Calls:
    taken = _more(*others)
    return _more(calls, {name: -times for name, times in taken.items()})


def _part(calls: Calls, of: int) -> Calls:
    return {name: times / of for name, times in calls.items()}
