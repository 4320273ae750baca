"""The bill of a month: what traffic and measured calls come to at AWS's prices, line by line."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from clickstream_lake.compact.merge.build import DOWNLOADS
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.operate.costs.measured import Calls
from clickstream_lake.operate.costs.prices import (
    GIB,
    QUERY_BYTES,
    RECORD_BYTES,
    athena_dollars,
    price,
)
from clickstream_lake.operate.costs.traffic import DAY_SECONDS, MONTH_DAYS, Traffic

# What AWS says of its services, where nothing could be measured. The page of costs repeats them.
SECONDS_PER_CALL: Final = 0.1
"""S3's guide to performance: small objects take 100 to 200 ms."""
BYTES_PER_SECOND: Final = 85_000_000
"""The same guide: 85 to 90 MB/s over one connection."""
POLLERS, POLL_SECONDS = 5, 20
"""Lambda polls each queue by five long polls at a time, also while it is empty."""
LAMBDA_LOG_BYTES: Final = 400
"""START, END and REPORT of an invocation."""
LOG_COMPRESSION: Final = 0.15
"""What CloudWatch counts of a stored byte."""
KMS_SHARE: Final = 0.01
"""With a bucket key, S3 asks KMS up to 99 % less often."""
CLEANUP_MEMORY_DAYS: Final = 15
"""The clean-up looks at so many days more than the look-back: the grace period and two weeks."""
LISTED_AT_ONCE: Final = 1_000
FREE_TMP_MB: Final = 512
SMALLEST_IN_GLACIER: Final = 128 * 1024
"""The lifecycle leaves smaller objects where they are."""

_S3_PUTS: Final = frozenset(
    {
        "PutObject",
        "CopyObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
        "ListObjectsV2",
    }
)
_S3_FREE: Final = frozenset({"DeleteObject", "DeleteObjects", "AbortMultipartUpload"})


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill, for a month of 30 days.

    Attributes:
        step: of the pipeline.
        what: is paid for; `count` is how much of it, in the things that `unit` names.
    """

    step: str
    service: str
    what: str
    count: float
    unit: str
    dollars: float


@dataclass(frozen=True, slots=True)
class Bill:
    """A month's lines; `events` is what the month had."""

    lines: tuple[Line, ...]
    events: float

    @property
    def dollars(self) -> float:
        """The month's total."""
        return sum(line.dollars for line in self.lines)

    def per_day(self, dollars: float) -> float:
        """A month's dollars by the day."""
        return dollars / MONTH_DAYS

    def per_billion(self, dollars: float) -> float:
        """A month's dollars for each billion of its events."""
        return dollars / self.events * 1e9

    def by(self, attribute: str) -> dict[str, float]:
        """Dollars of a month by `step` or `service`."""
        found: dict[str, float] = {}
        for line in self.lines:
            name = getattr(line, attribute)
            found[name] = found.get(name, 0) + line.dollars
        return found


def bill(traffic: Traffic) -> Bill:
    """What a month of this traffic costs."""
    parts = (_ingest, _transform, _compact, _wait, _catalog, _store, _watch, _query, _encrypt)
    lines = tuple(line for part in parts for line in part(traffic) if line.count)
    return Bill(lines, traffic.events)


def _line(step: str, paid: str, what: str, count: float, unit: str) -> Line:
    """A line; `paid` names service and price, such as `S3 put`."""
    service, name = paid.split()
    return Line(step, service, what, count, unit, price(service, name).of(count))


def _ingest(traffic: Traffic) -> Iterator[Line]:
    records = traffic.events / traffic.events_per_record
    # One newline between two events; the last one is Firehose's, after it has counted.
    size = traffic.events_per_record * traffic.event_bytes - 1
    counted = math.ceil(size / RECORD_BYTES) * RECORD_BYTES
    gigabytes = records * counted / GIB
    yield _line("ingest", "Firehose ingest", f"records of {counted:,} bytes", gigabytes, "GB")
    objects = traffic.objects_per_day * MONTH_DAYS
    yield _line("ingest", "S3 put", "raw objects written", objects, "requests")


def _transform(traffic: Traffic) -> Iterator[Line]:
    calls, objects = _transform_calls(traffic), traffic.objects_per_day * MONTH_DAYS
    yield from _requests("transform", {name: count * objects for name, count in calls.items()})
    # Sent by S3, received and deleted once more by Lambda.
    sent = 3 * objects
    yield _line("transform", "SQS standard", "notifications", sent, "requests")
    computing = (
        traffic.figures.transform_cpu[traffic.json_compression] * traffic.scale * traffic.events
    )
    moved = sum(map(traffic.landed_bytes, FORMATS)) + traffic.raw_bytes
    waiting = sum(calls.values()) * objects * SECONDS_PER_CALL
    waiting += moved * traffic.events / BYTES_PER_SECOND
    yield from _function(
        "transform",
        traffic.architecture,
        _Work(objects, computing, waiting),
        memory_mb=traffic.deployment.transform_memory_mb,
        tmp_mb=traffic.deployment.transform_tmp_mb,
    )


def _transform_calls(traffic: Traffic) -> Calls:
    """The calls of an average raw object."""
    steps, objects = traffic.figures.calls, traffic.objects_per_day
    first = min(1.0, traffic.partitions_per_day / objects)
    # The first compaction of a partition comes within an hour of its first object.
    before = max(0.0, traffic.partitions_per_day / 24 - first)
    after = 1 - first - before
    return _sum((steps.first, first), (steps.before, before), (steps.after, after))


def _compact(traffic: Traffic) -> Iterator[Line]:
    deployment, merging = traffic.deployment, traffic.merging
    day = _compact_calls(traffic)
    yield from _requests("compact", _sum((day, MONTH_DAYS)), queue="fifo")
    runs = sum(done.merges for done in merging.values())
    queued = 2 * runs * MONTH_DAYS
    yield _line("compact", "SQS fifo", "partitions received and deleted", queued, "requests")
    ticks = deployment.plans_a_day + deployment.cleanups_a_day + deployment.audits_a_day
    ticks *= MONTH_DAYS
    yield _line("compact", "Scheduler invocation", "ticks", ticks, "invocations")
    computing = sum(
        traffic.figures.compact_cpu[fmt] * traffic.scale * merging[fmt].events for fmt in FORMATS
    )
    # Files are fetched several at a time, everything else is asked one after the other.
    fetched = sum(done.landing_files for done in merging.values())
    waiting = (sum(day.values()) - fetched + fetched / DOWNLOADS) * SECONDS_PER_CALL
    moved = sum(done.bytes_read + done.bytes_written for done in merging.values())
    waiting += moved / BYTES_PER_SECOND
    yield from _function(
        "compact",
        traffic.architecture,
        _Work(ticks + runs * MONTH_DAYS, computing * MONTH_DAYS, waiting * MONTH_DAYS),
        memory_mb=deployment.compact_memory_mb,
        tmp_mb=deployment.compact_tmp_mb,
    )


def _compact_calls(traffic: Traffic) -> Calls:
    """The calls of a day: plans, merges, clean-ups and audits."""
    steps, deployment = traffic.figures.calls, traffic.deployment
    merging = traffic.merging.values()
    looked_at = traffic.partitions_per_day * (deployment.compact_lookback_days + 1)
    cleaned = looked_at + traffic.partitions_per_day * CLEANUP_MEMORY_DAYS
    # Steps are counted for both formats together, so each format has half of them.
    runs, files = sum(d.merges for d in merging), sum(d.landing_files for d in merging)
    pages = math.ceil(traffic.objects_per_day / traffic.partitions_per_day / LISTED_AT_ONCE)
    further = {
        "s3:PutObject": sum(max(0, d.merged_files - d.merges) for d in merging),
        "s3:CopyObject": sum(d.carried for d in merging),
    }
    plans, cleanups = deployment.plans_a_day, deployment.cleanups_a_day
    audits = deployment.audits_a_day
    return _sum(
        (steps.plan, plans),
        (_paged(steps.plan_partition, pages), plans * looked_at),
        (_paged(steps.merge, pages), runs / 2),
        (steps.merge_file, files / 2),
        (further, 1),
        (steps.cleanup, cleanups),
        (steps.cleanup_partition, cleanups * cleaned),
        (steps.cleanup_generation, runs / 2),
        # All raw objects of the window are one list.
        (_paged(steps.audit, pages * looked_at), audits),
        (_paged(steps.audit_partition, pages), audits * looked_at),
    )


def _paged(calls: Calls, pages: int) -> Calls:
    """Calls whose lists are so many pages long, all of them at the most."""
    lists = "s3:ListObjectsV2"
    return {**calls, lists: calls.get(lists, 0) * max(1, pages)}


def _wait(traffic: Traffic) -> Iterator[Line]:
    del traffic  # an idle lake's queues are asked as often
    polls = POLLERS * MONTH_DAYS * DAY_SECONDS / POLL_SECONDS
    yield _line("wait", "SQS standard", "Lambda asks the transform queue", polls, "requests")
    yield _line("wait", "SQS fifo", "Lambda asks the compact queue", polls, "requests")


def _catalog(traffic: Traffic) -> Iterator[Line]:
    tables = 3
    partitions = tables * traffic.partitions_per_day * MONTH_DAYS * traffic.months
    count = 1 + tables + partitions
    yield _line("catalog", "Glue object", "database, tables, partitions", count, "objects")


def _store(traffic: Traffic) -> Iterator[Line]:
    deployment, month = traffic.deployment, traffic.events / GIB
    in_standard = min(traffic.months, deployment.raw_glacier_days / MONTH_DAYS)
    kept = min(traffic.months, deployment.raw_retention_days / MONTH_DAYS)
    if traffic.raw_bytes * traffic.events_per_object < SMALLEST_IN_GLACIER:
        in_standard = kept
    raw = traffic.raw_bytes * month
    stored = traffic.months * month * sum(map(traffic.kept_bytes, FORMATS))
    landed = traffic.events / MONTH_DAYS * sum(map(traffic.landed_bytes, FORMATS))
    built = sum(done.bytes_written + done.bytes_carried for done in traffic.merging.values())
    current = traffic.events / MONTH_DAYS * sum(map(traffic.kept_bytes, FORMATS))
    replaced = traffic.replaced_days * max(0.0, landed + built - current) / GIB
    standard = {
        "raw objects": raw * in_standard,
        "JSON and Parquet": stored,
        "replaced files, until they expire": replaced,
    }
    whole = price("S3", "standard").of(sum(standard.values()))
    for what, gigabytes in standard.items():
        # The tiers are those of the whole.
        dollars = whole * gigabytes / sum(standard.values())
        yield Line("store", "S3", what, gigabytes, "GB-months", dollars)
    if kept > in_standard:
        cold = raw * (kept - in_standard)
        yield _line("store", "S3 glacier", "raw objects after 30 days", cold, "GB-months")
        moved = traffic.objects_per_day * MONTH_DAYS
        yield _line("store", "S3 transition", "raw objects moved there", moved, "objects")


def _watch(traffic: Traffic) -> Iterator[Line]:
    figures, deployment = traffic.figures, traffic.deployment
    merges = sum(done.merges for done in traffic.merging.values())
    day = {
        "transform": traffic.objects_per_day,
        "plan": deployment.plans_a_day,
        "merge": merges,
        "cleanup": deployment.cleanups_a_day,
        "audit": deployment.audits_a_day,
    }
    size = sum((figures.log_bytes[step] + LAMBDA_LOG_BYTES) * n for step, n in day.items())
    month = size * MONTH_DAYS / GIB
    yield _line("watch", "CloudWatch logs", "logs of both functions", month, "GB")
    kept = month * LOG_COMPRESSION
    yield _line("watch", "CloudWatch kept", "those logs, 30 days", kept, "GB-months")
    metrics = sum(figures.metrics.values())
    yield _line("watch", "CloudWatch metric", "metrics of both functions", metrics, "metrics")
    looked_at = figures.alarm_metrics
    yield _line("watch", "CloudWatch alarm", "alarms", looked_at, "metrics")
    yield _line("watch", "CloudWatch dashboard", "the dashboard", 1, "dashboards")


def _query(traffic: Traffic) -> Iterator[Line]:
    queries = traffic.queries_per_day * MONTH_DAYS
    billed = queries * max(QUERY_BYTES, traffic.query_bytes)
    yield Line("query", "Athena", "queries", queries, "queries", athena_dollars(billed))


def _encrypt(traffic: Traffic) -> Iterator[Line]:
    if not traffic.kms:
        return
    yield _line("encrypt", "KMS key", "the key", 1, "keys")
    objects = traffic.objects_per_day * MONTH_DAYS
    s3 = sum(n for name, n in _transform_calls(traffic).items() if name.startswith("s3:"))
    # Each message is encrypted as it comes and decrypted as it goes, at the most.
    asked = objects * (s3 * KMS_SHARE + 2)
    yield _line("encrypt", "KMS request", "requests, at the most", asked, "requests")


def _requests(step: str, calls: Calls, *, queue: str = "standard") -> Iterator[Line]:
    """The lines of calls that functions make."""
    kinds = {"s3 put": 0.0, "s3 get": 0.0, "glue": 0.0, "sqs": 0.0}
    for name, count in calls.items():
        service, operation = name.split(":")
        if operation in _S3_FREE:
            continue
        if service == "s3":
            kinds["s3 put" if operation in _S3_PUTS else "s3 get"] += count
        else:
            kinds[service] += count
    yield _line(step, "S3 put", "PUT, COPY, LIST", kinds["s3 put"], "requests")
    yield _line(step, "S3 get", "GET, HEAD", kinds["s3 get"], "requests")
    yield _line(step, "Glue request", "catalog requests", kinds["glue"], "requests")
    yield _line(step, f"SQS {queue}", "messages by the function", kinds["sqs"], "requests")


@dataclass(frozen=True, slots=True)
class _Work:
    """What a function does in a month: invocations, and seconds of computing and waiting."""

    invocations: float
    computing: float
    waiting: float


def _function(
    step: str, architecture: str, work: _Work, *, memory_mb: int, tmp_mb: int
) -> Iterator[Line]:
    """The lines of a function."""
    memory, paid = memory_mb / 1024, f"Lambda {architecture}"
    yield _line(step, "Lambda request", "invocations", work.invocations, "requests")
    yield _line(step, paid, "computing", work.computing * memory, "GB-seconds")
    yield _line(step, paid, "waiting, at the most", work.waiting * memory, "GB-seconds")
    disk = (work.computing + work.waiting) * (tmp_mb - FREE_TMP_MB) / 1024
    yield _line(step, "Lambda tmp", "temporary disk", disk, "GB-seconds")


def _sum(*parts: tuple[Mapping[str, float], float]) -> Calls:
    """Calls, each part so many times."""
    found: Calls = {}
    for calls, times in parts:
        for name, count in calls.items():
            found[name] = found.get(name, 0) + count * times
    return found
