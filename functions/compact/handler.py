"""Entry point of the compact function: plans, compacts or cleans up, as the event says."""

import os
import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aws_lambda_powertools.metrics import MetricUnit

from functions.compact.compactor import CompactionOutcome, CompactionResult
from functions.compact.messages import CompactQueue, decode
from functions.compact.operations import CleanupReport, Operations, PlanReport
from functions.compact.requests import (
    QueueRecord,
    Request,
    is_queue_event,
    read_records,
    read_request,
)
from functions.compact.wiring import wire
from functions.lake.clients import open_lake, sqs_client
from functions.lake.config import load_config
from functions.lake.errors import LakeError
from functions.lake.schema import load_catalog
from functions.lake.telemetry import flush, make_logger, make_metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE: Final = "compact"
# What announcing, copying and swapping a finished generation may take.
_RESERVE_SECONDS: Final = 60.0

logger = make_logger(SERVICE)
metrics = make_metrics(SERVICE)


@cache
def _wired() -> Operations:
    """Read the environment and open the lake, once per execution environment."""
    config, catalog = load_config(os.environ), load_catalog()
    url = config.compact.queue_url
    queue = CompactQueue(sqs_client(), url) if url else None
    return wire(config, catalog, open_lake(config, catalog).generations, queue=queue)


def reset() -> None:
    """Forget the environment that was read; for a process that runs several lakes in turn."""
    _wired.cache_clear()


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Do what a schedule tick, a request by hand or the compact queue asks for.

    Returns:
        For the queue, `batchItemFailures`; else what was planned or cleaned up, partition by
        partition.

    Raises:
        RequestError: the event is none of these.
        ConfigError: the environment is wrong.
        LakeError: S3, Glue or SQS failed while planning or cleaning up.
    """
    try:
        operations = _wired()
        out_of_time = _clock(operations.settings.time_budget_seconds, context)
        if is_queue_event(event):
            records = read_records(event)
            return {"batchItemFailures": _compact_all(operations, records, out_of_time)}
        request = read_request(event)
        if request.action == "cleanup":
            return _clean_up(operations, request, out_of_time)
        return _plan(operations, request, out_of_time, getattr(context, "aws_request_id", ""))
    finally:
        flush(metrics)


def _plan(
    operations: Operations, request: Request, out_of_time: Callable[[], bool], request_id: str
) -> dict[str, Any]:
    report = operations.plan(
        partitions=request.chosen_partitions(),
        formats=request.chosen_formats(),
        force=request.force,
        dry_run=request.dry_run,
        occasion=request_id if request.force else "",
        out_of_time=out_of_time,
    )
    _account_plan(report)
    for result in report.results:
        _account(result)
    return {"oldest_waiting_seconds": report.oldest_waiting_seconds, **_plain(report)}


def _compact_all(
    operations: Operations, records: list[QueueRecord], out_of_time: Callable[[], bool]
) -> list[dict[str, str]]:
    """Compact one partition after the other; what failed, or had no turn, goes back."""
    return [
        {"itemIdentifier": record.message_id}
        for record in records
        if out_of_time() or not _compact(operations, record, out_of_time)
    ]


def _compact(operations: Operations, record: QueueRecord, out_of_time: Callable[[], bool]) -> bool:
    try:
        message, partition = decode(record.body)
        result = operations.compactor.compact(
            message.format, partition, force=message.force, out_of_time=out_of_time
        )
    except Exception as error:  # noqa: BLE001 - one bad partition must not hold up the others
        detail = str(error) if isinstance(error, LakeError) else ""
        # Without the traceback, which may quote data: only the lake's own messages are free of it.
        logger.error(  # noqa: TRY400 - see above
            "partition failed",
            extra={
                "error": type(error).__name__,
                "detail": detail,
                "message_id": record.message_id,
            },
        )
        metrics.add_metric("PartitionsFailed", MetricUnit.Count, 1)
        return False
    _account(result)
    return True


def _clean_up(
    operations: Operations, request: Request, out_of_time: Callable[[], bool]
) -> dict[str, Any]:
    report = operations.clean_up(
        partitions=request.chosen_partitions(),
        formats=request.chosen_formats(),
        dry_run=request.dry_run,
        out_of_time=out_of_time,
    )
    _account_cleanup(report)
    return _plain(report)


def _clock(budget_seconds: float, context: "LambdaContext") -> Callable[[], bool]:
    """Tell when to take up no more work: by the budget, and by what Lambda leaves of its time."""
    started = time.monotonic()

    def out_of_time() -> bool:
        left = context.get_remaining_time_in_millis() / 1000
        return time.monotonic() - started > budget_seconds or left < _RESERVE_SECONDS

    return out_of_time


def _account(result: CompactionResult) -> None:
    logger.info("partition done", extra=_plain(result))
    if result.stale:
        logger.warning(
            "raw objects were replaced after compaction; the tables show their earlier content",
            raw_keys=list(result.stale),
        )
    outcome = {
        CompactionOutcome.COMPACTED: "PartitionsCompacted",
        CompactionOutcome.SKIPPED: "PartitionsSkipped",
        CompactionOutcome.ABANDONED: "PartitionsAbandoned",
    }[result.outcome]
    metrics.add_metric(outcome, MetricUnit.Count, 1)
    metrics.add_metric("CopiesHealed", MetricUnit.Count, result.healed)
    metrics.add_metric("SourcesStale", MetricUnit.Count, len(result.stale))
    metrics.add_metric("FilesForeign", MetricUnit.Count, len(result.foreign))
    if result.outcome == CompactionOutcome.COMPACTED:
        metrics.add_metric("FilesBefore", MetricUnit.Count, result.files_before)
        metrics.add_metric("FilesAfter", MetricUnit.Count, result.files_after)
        metrics.add_metric("BytesBefore", MetricUnit.Bytes, result.bytes_before)
        metrics.add_metric("BytesAfter", MetricUnit.Bytes, result.bytes_after)
        metrics.add_metric("RowsMerged", MetricUnit.Count, result.rows)
        metrics.add_metric("DuplicatesDropped", MetricUnit.Count, result.dropped_duplicates)
        metrics.add_metric("Duration", MetricUnit.Milliseconds, result.seconds * 1000)


def _account_plan(report: PlanReport) -> None:
    planned = sum(entry.queued for entry in report.partitions)
    logger.info("planned", extra={"queued": planned, "looked_at": len(report.partitions)})
    metrics.add_metric("PartitionsPlanned", MetricUnit.Count, planned)
    metrics.add_metric("PartitionsNotWorth", MetricUnit.Count, len(report.partitions) - planned)
    metrics.add_metric("PartitionsLeft", MetricUnit.Count, report.left)
    metrics.add_metric("OldestWaiting", MetricUnit.Seconds, report.oldest_waiting_seconds)


def _account_cleanup(report: CleanupReport) -> None:
    logger.info("cleaned up", extra=_plain(report))
    if not report.dry_run:
        deleted = sum(r.files for r in report.partitions if r.outcome == "cleaned")
        metrics.add_metric("FilesDeleted", MetricUnit.Count, deleted)
    kept = sum(len(result.kept) for result in report.partitions)
    metrics.add_metric("GenerationsKept", MetricUnit.Count, kept)


def _plain(report: PlanReport | CleanupReport | CompactionResult) -> dict[str, Any]:
    """A report as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return plain
