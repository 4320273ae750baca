"""The transform function: takes S3's notifications in any shape and answers in that shape."""

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.lake.aws.clients import open_lake
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import load_config
from clickstream_lake.lake.errors import EventError, FailedObjectsError, LakeError
from clickstream_lake.lake.events import (
    ObjectRef,
    is_sqs,
    parse_messages,
    parse_objects,
    parse_objects_of_body,
)
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.transform.process import RawObjectProcessor, Report
from clickstream_lake.transform.rules.native import library

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE: Final = "transform"
# If less time is left than the slowest message took so far (and at least this much), the next one
# could be cut off half-way: it goes back to the queue untouched.
_LEAST_SECONDS_LEFT: Final = 10.0


class TransformFunction:
    """The function of one lake: an event in, an answer out; logs and metrics on the way."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Read the settings and open the lake that they name.

        Raises:
            ConfigError: a setting is missing or wrong.
        """
        config, catalog = load_config(environ), load_catalog()
        lake = open_lake(config, catalog)
        self._bucket = config.bucket
        self._telemetry = Telemetry(SERVICE, environ)
        self._no_kernel = library.missing()
        if self._no_kernel:
            self._telemetry.logger.warning("no kernel", detail=self._no_kernel)
        self._processor = RawObjectProcessor(
            store=lake.store,
            publisher=Publisher(lake),
            catalog=catalog,
            config=config,
            now=lambda: datetime.now(UTC),
        )

    def __call__(self, event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Transform the raw objects that an event names.

        Returns:
            For SQS, `batchItemFailures`; else the number of objects processed.

        Raises:
            FailedObjectsError: an object failed, and the event is not from SQS; raised once every
                object had its turn.
            EventError: the event is not an S3 notification.
        """
        with self._telemetry.invocation():
            if self._no_kernel:
                self._telemetry.count("KernelMissing", 1)
            if is_sqs(event):
                return {"batchItemFailures": self._batch(event, context)}
            return self._objects(parse_objects(event))

    def _batch(self, event: Mapping[str, Any], context: "LambdaContext") -> list[dict[str, str]]:
        failures = []
        slowest = _LEAST_SECONDS_LEFT
        for message in parse_messages(event):
            left = context.get_remaining_time_in_millis() / 1000
            if left < slowest:
                self._telemetry.logger.warning(
                    "left for another invocation", message_id=message.message_id
                )
                failures.append({"itemIdentifier": message.message_id})
                continue
            try:
                refs = parse_objects_of_body(message.body)
            except EventError as error:
                self._log_failure("message not understood", error, message_id=message.message_id)
                failures.append({"itemIdentifier": message.message_id})
                continue
            done = [self._process(ref) for ref in refs]  # every one has its turn
            if not all(done):
                failures.append({"itemIdentifier": message.message_id})
            slowest = max(slowest, left - context.get_remaining_time_in_millis() / 1000)
        return failures

    def _objects(self, refs: list[ObjectRef]) -> dict[str, Any]:
        done = [self._process(ref) for ref in refs]
        if not all(done):
            raise FailedObjectsError(
                f"{done.count(False)} of {len(done)} objects failed: see the log"
            )
        return {"objects": len(done)}

    def _process(self, ref: ObjectRef) -> bool:
        """Process one object; False if it has to be tried again."""
        try:
            report = self._processor.process(self._key_in_this_lake(ref))
        except Exception as error:  # noqa: BLE001 - one bad object must not hold up the others
            self._log_failure("object failed", error, bucket=ref.bucket, key=ref.key)
            self._telemetry.count("ObjectsFailed", 1)
            return False
        self._account(report)
        return True

    def _key_in_this_lake(self, ref: ObjectRef) -> str:
        if ref.bucket != self._bucket:
            raise EventError(f"it is not in this lake's bucket {self._bucket!r}")
        return ref.key

    def _log_failure(self, message: str, error: Exception, **keys: str) -> None:
        """Log an error without data that it quotes: only the lake's own messages are free of it."""
        text = str(error) if isinstance(error, LakeError) else ""
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._telemetry.logger.error(
            message,
            extra={
                "error": type(error).__name__,
                "detail": text,
                "place": f"{Path(place.filename).name}:{place.lineno}",
                **keys,
            },
        )

    def _account(self, report: Report) -> None:
        self._telemetry.logger.info("object processed", **report.as_log())
        if report.stale:
            self._telemetry.logger.warning(
                "the raw object was replaced after compaction; the tables show its earlier content",
                raw_key=report.source.key,
            )
        self._telemetry.count("Objects", 1)
        self._telemetry.count("ObjectsStale", int(report.stale))
        self._telemetry.milliseconds("Duration", report.seconds)
        stats = report.stats
        if stats is None:
            self._telemetry.count("ObjectsAlreadyMerged", 1)
            return
        self._telemetry.count("ObjectsCorrupt", int(stats.corrupt is not None))
        self._telemetry.count("RowsIn", stats.lines)
        self._telemetry.count("RowsBlank", stats.blank)
        self._telemetry.count("RowsPublished", stats.published)
        self._telemetry.count("RowsRejected", stats.rejected_lines)
        self._telemetry.count("ValuesMismatched", sum(stats.mismatched.values()))
        self._telemetry.bytes("BytesIn", stats.bytes_in)
        self._telemetry.bytes("BytesJson", stats.bytes_json)
        self._telemetry.bytes("BytesParquet", stats.bytes_parquet)
        self._telemetry.count_by("RowsRejectedByReason", "reason", stats.rejected)
        self._telemetry.count_by("ValuesMismatchedByColumn", "column", stats.mismatched)
