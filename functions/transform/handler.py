"""Entry point of the transform function: takes S3's news in any shape, answers in that shape."""

import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from aws_lambda_powertools.metrics import MetricUnit

from functions.lake.clients import open_lake
from functions.lake.config import Config, load_config
from functions.lake.errors import LakeError
from functions.lake.schema import load_catalog
from functions.lake.telemetry import count_by, flush, make_logger, make_metrics
from functions.transform.notifications import (
    NotificationError,
    ObjectRef,
    is_sqs,
    messages,
    objects_of,
    objects_of_body,
)
from functions.transform.process import RawObjectProcessor, Report

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE: Final = "transform"
# A message that is taken up with less time left than the slowest so far took (and this much at
# least) would only be cut off half-way: it goes back to the queue untouched.
_LEAST_SECONDS_LEFT: Final = 10.0

logger = make_logger(SERVICE)
metrics = make_metrics(SERVICE)


class FailedObjectsError(LakeError):
    """Some objects of an invocation that cannot answer for each could not be processed."""


@cache
def _wired() -> tuple[Config, RawObjectProcessor]:
    """Read the environment and open the lake, once per execution environment."""
    config, catalog = load_config(os.environ), load_catalog()
    lake = open_lake(config, catalog)
    processor = RawObjectProcessor(
        store=lake.store,
        publisher=lake.publisher,
        catalog=catalog,
        config=config,
        now=lambda: datetime.now(UTC),
    )
    return config, processor


def reset() -> None:
    """Forget the environment that was read; for a process that runs several lakes in turn."""
    _wired.cache_clear()


def handler(event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
    """Transform the raw objects that an event tells of.

    Returns:
        For SQS, `batchItemFailures`; else the number of objects processed.

    Raises:
        FailedObjectsError: for other events than SQS, once every object had its turn.
        NotificationError: the event is no S3 notification.
        ConfigError: the environment is wrong.
    """
    try:
        if is_sqs(event):
            return {"batchItemFailures": _batch(event, context)}
        return _objects(objects_of(event))
    finally:
        flush(metrics)


def _batch(event: Mapping[str, Any], context: "LambdaContext") -> list[dict[str, str]]:
    failures = []
    slowest = _LEAST_SECONDS_LEFT
    for message in messages(event):
        left = context.get_remaining_time_in_millis() / 1000
        if left < slowest:
            logger.warning("left for another invocation", message_id=message.message_id)
            failures.append({"itemIdentifier": message.message_id})
            continue
        try:
            refs = objects_of_body(message.body)
        except NotificationError as error:
            _log_failure("message not understood", error, message_id=message.message_id)
            failures.append({"itemIdentifier": message.message_id})
            continue
        done = [_process(ref) for ref in refs]  # every one has its turn
        if not all(done):
            failures.append({"itemIdentifier": message.message_id})
        slowest = max(slowest, left - context.get_remaining_time_in_millis() / 1000)
    return failures


def _objects(refs: list[ObjectRef]) -> dict[str, Any]:
    done = [_process(ref) for ref in refs]
    if not all(done):
        raise FailedObjectsError(f"{done.count(False)} of {len(done)} objects failed: see the log")
    return {"objects": len(done)}


def _process(ref: ObjectRef) -> bool:
    """Process one object; False if it has to be tried again."""
    config, processor = _wired()
    try:
        report = processor.process(_key_in_this_lake(ref, config))
    except Exception as error:  # noqa: BLE001 - one bad object must not hold up the others
        _log_failure("object failed", error, bucket=ref.bucket, key=ref.key)
        metrics.add_metric("ObjectsFailed", MetricUnit.Count, 1)
        return False
    _account(report)
    return True


def _key_in_this_lake(ref: ObjectRef, config: Config) -> str:
    if ref.bucket != config.bucket:
        raise NotificationError(f"it is not in this lake's bucket {config.bucket!r}")
    return ref.key


def _log_failure(message: str, error: Exception, **keys: str) -> None:
    """Log an error without what it may quote: only the lake's own messages are free of data."""
    text = str(error) if isinstance(error, LakeError) else ""
    place = traceback.extract_tb(error.__traceback__)[-1]
    logger.error(
        message,
        extra={
            "error": type(error).__name__,
            "detail": text,
            "place": f"{Path(place.filename).name}:{place.lineno}",
            **keys,
        },
    )


def _account(report: Report) -> None:
    logger.info("object processed", **report.as_log())
    if report.stale:
        logger.warning(
            "the raw object was replaced after compaction; the tables show its earlier content",
            raw_key=report.source.key,
        )
    metrics.add_metric("Objects", MetricUnit.Count, 1)
    metrics.add_metric("ObjectsStale", MetricUnit.Count, int(report.stale))
    metrics.add_metric("Duration", MetricUnit.Milliseconds, report.seconds * 1000)
    stats = report.stats
    if stats is None:
        metrics.add_metric("ObjectsAlreadyMerged", MetricUnit.Count, 1)
        return
    metrics.add_metric("ObjectsCorrupt", MetricUnit.Count, int(stats.corrupt is not None))
    metrics.add_metric("RowsIn", MetricUnit.Count, stats.lines)
    metrics.add_metric("RowsBlank", MetricUnit.Count, stats.blank)
    metrics.add_metric("RowsPublished", MetricUnit.Count, stats.published)
    metrics.add_metric("RowsRejected", MetricUnit.Count, stats.rejected_lines)
    metrics.add_metric("ValuesMismatched", MetricUnit.Count, sum(stats.mismatched.values()))
    metrics.add_metric("BytesIn", MetricUnit.Bytes, stats.bytes_in)
    metrics.add_metric("BytesJson", MetricUnit.Bytes, stats.bytes_json)
    metrics.add_metric("BytesParquet", MetricUnit.Bytes, stats.bytes_parquet)
    count_by("RowsRejectedByReason", "reason", stats.rejected, SERVICE)
    count_by("ValuesMismatchedByColumn", "column", stats.mismatched, SERVICE)
