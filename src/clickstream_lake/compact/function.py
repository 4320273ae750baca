"""The compact function: plans, compacts, cleans up or audits, as the event says."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from clickstream_lake.compact.evolution import Evolution
from clickstream_lake.compact.operations import CleanupReport, Operations, PlanReport
from clickstream_lake.compact.overlooked import Auditor, AuditReport
from clickstream_lake.compact.protocol.compactor import CompactionOutcome, CompactionResult
from clickstream_lake.compact.queue import CompactQueue, Request, parse_message, parse_request
from clickstream_lake.compact.wiring import wire
from clickstream_lake.lake.aws.clients import (
    LiveCatalog,
    inbox_client,
    open_lake,
    routed_to,
    sqs_client,
)
from clickstream_lake.lake.aws.inbox import FIRST_PAUSE_SECONDS, Inbox
from clickstream_lake.lake.config import Config, load_config
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.lake.events import Message, parse_messages
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.requeue import TransformQueue
from clickstream_lake.lake.room import Room, disk_errors
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.lake.versions import versions

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE: Final = "compact"
# How long announcing, copying and swapping a finished generation may take.
_RESERVE_SECONDS: Final = 60.0


class CompactFunction:
    """The function of one lake: an event in, an answer out; logs and metrics on the way."""

    def __init__(
        self,
        environ: Mapping[str, str],
        *,
        reserve_seconds: float = _RESERVE_SECONDS,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Read the settings and open the lake that they name.

        Args:
            environ: the settings.
            reserve_seconds: no new work is started when Lambda leaves less time than this.
            first_pause_seconds: until a message that failed for the first time comes back.
            now: the clock.

        Raises:
            ConfigError: a setting is missing or wrong, or asks for more room than there is.
            CatalogError: the catalog is missing, or something in it is wrong.
        """
        self._now = now
        self._catalog = LiveCatalog(environ)
        self._config = config = load_config(environ, self._catalog.deployed)
        Room.of(environ).check_compact(config.compact)
        url = config.compact.queue_url
        self._queue = CompactQueue(sqs_client(), url) if url else None
        self._lake = open_lake(config, self._catalog.deployed)
        self._operations = self._by_catalog()
        self._auditor = _auditor(config, self._lake)
        self._telemetry = Telemetry(SERVICE, environ)
        self._reserve_seconds = reserve_seconds
        self._inbox = Inbox(
            inbox_client, self._warn_of_message, first_pause_seconds=first_pause_seconds
        )

    def __call__(self, event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Do what a schedule tick, a request by hand or the compact queue asks for.

        Returns:
            For the queue, `batchItemFailures`; else what was planned, cleaned up or found.

        Raises:
            EventError: the event is none of these.
            LakeError: S3, Glue or SQS failed while planning, cleaning up or auditing.
        """
        with self._telemetry.invocation():
            if self._catalog.changed():
                self._operations = self._by_catalog()
            out_of_time = self._clock(context)
            if "Records" in event:
                return {"batchItemFailures": self._compact_all(parse_messages(event), out_of_time)}
            request = parse_request(event)
            if request.action == "versions":
                return versions(self._lake, FORMATS)
            if request.action == "cleanup":
                return self._clean_up(request, out_of_time)
            if request.action == "audit":
                report = self._auditor.audit(dry_run=request.dry_run, out_of_time=out_of_time)
                self._account_audit(report)
                return _plain(report)
            return self._plan(request, out_of_time, getattr(context, "aws_request_id", ""))

    def _by_catalog(self) -> Operations:
        return wire(self._config, self._catalog.now, self._lake, queue=self._queue, now=self._now)

    def _plan(
        self, request: Request, out_of_time: Callable[[], bool], request_id: str
    ) -> dict[str, Any]:
        report = self._operations.plan(
            partitions=request.chosen_partitions(),
            formats=request.chosen_formats(),
            force=request.force,
            stale_schema=request.stale_schema,
            dry_run=request.dry_run,
            occasion=request_id if request.force else "",
            out_of_time=out_of_time,
        )
        self._account_plan(report)
        for result in report.results:
            self._account(result)
        if self._config.schema_evolution == "auto" and not request.dry_run:
            self._evolve()
        return {"oldest_waiting_seconds": report.oldest_waiting_seconds, **_plain(report)}

    def _compact_all(
        self, records: list[Message], out_of_time: Callable[[], bool]
    ) -> list[dict[str, str]]:
        """Compact one partition after the other; what failed, or was not reached, goes back."""
        return self._inbox.work_off(
            records,
            time_for_more=lambda _: not out_of_time(),
            work=lambda record: self._compact(record, out_of_time),
        )

    def _compact(self, record: Message, out_of_time: Callable[[], bool]) -> bool:
        try:
            message = parse_message(record.body)
            with disk_errors(message.slot.path):
                result = self._operations.compactor.compact(
                    message.slot, force=message.force, out_of_time=out_of_time
                )
        except Exception as error:  # noqa: BLE001 - one bad partition must not hold up the others
            detail = str(error) if isinstance(error, LakeError) else ""
            # No traceback, which may quote data: only the lake's own messages are free of it.
            self._telemetry.logger.error(  # noqa: TRY400 - see above
                "partition failed",
                extra={
                    "error": type(error).__name__,
                    "detail": detail,
                    "message_id": record.message_id,
                },
            )
            self._telemetry.count("PartitionsFailed", 1)
            return False
        self._account(result)
        return True

    def _warn_of_message(self, failure: str, message: Message, error: str) -> None:
        self._telemetry.logger.warning(failure, message_id=message.message_id, error=error)

    def _clean_up(self, request: Request, out_of_time: Callable[[], bool]) -> dict[str, Any]:
        report = self._operations.clean_up(
            partitions=request.chosen_partitions(),
            formats=request.chosen_formats(),
            dry_run=request.dry_run,
            out_of_time=out_of_time,
        )
        self._account_cleanup(report)
        return _plain(report)

    def _clock(self, context: "LambdaContext") -> Callable[[], bool]:
        """Tell when to stop taking up work: by the budget, and by the time that Lambda leaves."""
        started = time.monotonic()
        budget_seconds = self._operations.settings.time_budget_seconds

        def out_of_time() -> bool:
            left = context.get_remaining_time_in_millis() / 1000
            return time.monotonic() - started > budget_seconds or left < self._reserve_seconds

        return out_of_time

    def _account(self, result: CompactionResult) -> None:
        self._telemetry.logger.info("partition done", extra=_plain(result))
        if result.stale:
            self._telemetry.logger.warning(
                "raw objects were replaced after compaction; the tables show their earlier content",
                raw_keys=list(result.stale),
            )
        outcome = {
            CompactionOutcome.COMPACTED: "PartitionsCompacted",
            CompactionOutcome.DECLARED: "PartitionsDeclared",
            CompactionOutcome.SKIPPED: "PartitionsSkipped",
            CompactionOutcome.ABANDONED: "PartitionsAbandoned",
        }[result.outcome]
        self._telemetry.count(outcome, 1)
        self._telemetry.count("CopiesHealed", result.healed)
        self._telemetry.count("SourcesStale", len(result.stale))
        self._telemetry.count("FilesForeign", len(result.foreign))
        if result.outcome == CompactionOutcome.COMPACTED:
            self._telemetry.count("FilesBefore", result.files_before)
            self._telemetry.count("FilesAfter", result.files_after)
            self._telemetry.bytes("BytesBefore", result.bytes_before)
            self._telemetry.bytes("BytesAfter", result.bytes_after)
            self._telemetry.count("RowsMerged", result.rows)
            self._telemetry.count("DuplicatesDropped", result.dropped_duplicates)
            self._telemetry.count("IdsRepeated", result.repeated_ids)
            self._telemetry.count("FilesMerged", result.merged)
            self._telemetry.count("ValuesLifted", result.lifted)
            self._telemetry.count("ValuesReturned", result.returned)
            self._telemetry.milliseconds("Duration", result.seconds)

    def _evolve(self) -> None:
        """Add columns for what producers have been sending for long; plans go on if it fails."""
        evolution = Evolution(self._lake, self._catalog.deployed, self._config)
        report = evolution.step(self._now())
        if report.added or report.declared:
            self._telemetry.logger.warning(
                "columns added", columns=list(report.added), declared=list(report.declared)
            )
        if report.failure:
            self._telemetry.logger.error("evolution failed", detail=report.failure)
        self._telemetry.count("EvolutionFailed", int(bool(report.failure)))
        self._telemetry.count("ColumnsAdded", len(report.added))

    def _account_plan(self, report: PlanReport) -> None:
        planned = sum(entry.queued for entry in report.partitions)
        self._telemetry.logger.info(
            "planned", extra={"queued": planned, "looked_at": len(report.partitions)}
        )
        self._telemetry.count("PartitionsPlanned", planned)
        self._telemetry.count("PartitionsNotWorth", len(report.partitions) - planned)
        self._telemetry.count("PartitionsLeft", report.left)
        self._telemetry.count("PartitionsBehind", report.behind)
        self._telemetry.seconds("OldestWaiting", report.oldest_waiting_seconds)

    def _account_cleanup(self, report: CleanupReport) -> None:
        self._telemetry.logger.info("cleaned up", extra=_plain(report))
        if not report.dry_run:
            deleted = sum(r.files for r in report.partitions if r.outcome == "cleaned")
            self._telemetry.count("FilesDeleted", deleted)
        kept = sum(len(result.kept) for result in report.partitions)
        self._telemetry.count("GenerationsKept", kept)

    def _account_audit(self, report: AuditReport) -> None:
        log = self._telemetry.logger.warning if report.untaken else self._telemetry.logger.info
        log("audited", extra=_plain(report))
        for partition in report.failed:
            self._telemetry.logger.error("partition not audited", detail=partition)
        self._telemetry.count("RawObjectsUntaken", report.untaken)
        self._telemetry.count("RawObjectsRequeued", report.requeued)
        self._telemetry.count("PartitionsFailed", len(report.failed))


def _auditor(config: Config, lake: Lake) -> Auditor:
    settings = config.compact
    url = settings.transform_queue_url
    return Auditor(
        lake,
        TransformQueue(sqs_client(), url, config.bucket) if url else None,
        lookback_days=settings.lookback_days,
        grace=timedelta(seconds=settings.audit_grace_seconds),
        routed=routed_to(config, lake),
    )


def _plain(report: PlanReport | CleanupReport | CompactionResult | AuditReport) -> dict[str, Any]:
    """A report as plain JSON values."""
    plain: dict[str, Any] = msgspec.to_builtins(report)
    return plain
