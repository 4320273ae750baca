"""The transform function: takes S3's notifications in any shape and answers in that shape."""

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.lake.aws.clients import (
    LiveCatalog,
    LiveRouting,
    inbox_client,
    open_lake,
)
from clickstream_lake.lake.aws.inbox import FIRST_PAUSE_SECONDS, Inbox
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import load_config
from clickstream_lake.lake.errors import (
    DeadlineError,
    EventError,
    FailedObjectsError,
    LakeError,
)
from clickstream_lake.lake.events import (
    Message,
    ObjectRef,
    is_sqs,
    parse_messages,
    parse_objects,
    parse_objects_of_body,
)
from clickstream_lake.lake.formats import FORMATS, lake_tables
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.lake.room import Room
from clickstream_lake.lake.routings import Routings
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.lake.versions import versions
from clickstream_lake.transform.process import RawObjectProcessor, Report
from clickstream_lake.transform.rules.native import library

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

SERVICE: Final = "transform"
# The part of an invocation's time that is kept for giving back what is not done. Until then the
# object in work has come to its next piece, event or step, and its files are deleted.
_RESERVED_PART: Final = 0.1
_MOST_RESERVED_SECONDS: Final = 30.0
# An object is not begun in less time than the slowest so far took, and at least this: it goes back
# to the queue untouched.
_LEAST_SECONDS_LEFT: Final = 10.0


def reserved_seconds(timeout_seconds: float) -> float:
    """How much of a function's time is kept for giving back what is not done."""
    return min(_MOST_RESERVED_SECONDS, timeout_seconds * _RESERVED_PART)


class TransformFunction:
    """The function of one lake: an event in, an answer out; logs and metrics on the way."""

    def __init__(
        self, environ: Mapping[str, str], *, first_pause_seconds: float = FIRST_PAUSE_SECONDS
    ) -> None:
        """Read the settings and open the lake that they name.

        Args:
            environ: the settings.
            first_pause_seconds: until a message that failed for the first time comes back.

        Raises:
            ConfigError: a setting is missing or wrong, or asks for more room than there is.
            CatalogError: the catalog is missing, or something in it is wrong.
        """
        self._catalog = LiveCatalog(environ)
        self._routing = LiveRouting(environ, self._catalog.deployed.partition_keys)
        self._config = config = load_config(environ, self._catalog.deployed)
        Room.of(environ).check_transform(config.limits)
        lake = open_lake(config, self._catalog.deployed)
        self._bucket = config.bucket
        self._errors_prefix = config.layout.errors_prefix
        self._telemetry = Telemetry(SERVICE, environ)
        self._lake = lake
        self._no_kernel = library.missing()
        if self._no_kernel:
            self._telemetry.logger.warning("no kernel", detail=self._no_kernel)
        self._inbox = Inbox(
            inbox_client, self._warn_of_message, first_pause_seconds=first_pause_seconds
        )
        self._processor = self._by_catalog()

    def __call__(self, event: Mapping[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Transform the raw objects that an event names.

        Returns:
            For SQS, `batchItemFailures`; for `{"action": "versions"}` those; else the number of
            objects processed.

        Raises:
            FailedObjectsError: an object failed, and the event is not from SQS; raised once every
                object had its turn.
            EventError: the event is not an S3 notification.
        """
        if event.get("action") == "versions":
            kernel = not self._no_kernel
            return {**versions(self._lake, lake_tables()), "kernel": kernel}
        with self._telemetry.invocation():
            if any([self._catalog.changed(), self._routing.changed()]):
                self._processor = self._by_catalog()
            if self._no_kernel:
                self._telemetry.count("KernelMissing", 1)
            invocation = _Invocation(context)
            if is_sqs(event):
                return {"batchItemFailures": self._batch(event, invocation)}
            return self._objects(parse_objects(event), invocation)

    def _by_catalog(self) -> RawObjectProcessor:
        return RawObjectProcessor(
            store=self._lake.store,
            publisher=Publisher(self._lake),
            catalogs=Catalogs(self._lake.store, self._config.layout, self._catalog.now),
            routings=Routings(self._lake, self._catalog.now, self._routing.now),
            config=self._config,
            now=lambda: datetime.now(UTC),
        )

    def _batch(self, event: Mapping[str, Any], invocation: "_Invocation") -> list[dict[str, str]]:
        # What was tried before comes last, so that it cannot take the time of what is new.
        messages = sorted(parse_messages(event), key=lambda message: message.receives)
        slowest = 0.0

        def time_for_more(message: Message) -> bool:
            enough = invocation.left() >= max(slowest, invocation.least)
            if not enough:
                self._telemetry.logger.warning(
                    "left for another invocation", message_id=message.message_id
                )
            return enough

        def work(message: Message) -> bool:
            nonlocal slowest
            left = invocation.left()
            done = self._message(message, invocation)
            slowest = max(slowest, left - invocation.left())
            return done

        return self._inbox.work_off(messages, time_for_more=time_for_more, work=work)

    def _message(self, message: Message, invocation: "_Invocation") -> bool:
        try:
            refs = parse_objects_of_body(message.body)
        except EventError as error:
            self._log_failure("message not understood", error, message_id=message.message_id)
            return False
        done = [self._process(ref, invocation) for ref in refs]  # every one has its turn
        return all(done)

    def _objects(self, refs: list[ObjectRef], invocation: "_Invocation") -> dict[str, Any]:
        done = [self._process(ref, invocation) for ref in refs]
        if not all(done):
            raise FailedObjectsError(
                f"{done.count(False)} of {len(done)} objects failed: see the log"
            )
        return {"objects": len(done)}

    def _process(self, ref: ObjectRef, invocation: "_Invocation") -> bool:
        """Process one object; False if it has to be tried again."""
        try:
            key = self._key_in_this_lake(ref)
            if key.startswith(self._errors_prefix):
                # Nothing to transform, but somebody has to know.
                self._telemetry.logger.warning("firehose could not deliver records", key=key)
                self._telemetry.count("ObjectsUndelivered", 1)
                return True
            report = self._processor.process(key, invocation.check)
        except Exception as error:  # noqa: BLE001 - one bad object must not hold up the others
            self._log_failure("object failed", error, bucket=ref.bucket, key=ref.key)
            self._telemetry.count("ObjectsFailed", 1)
            self._telemetry.count("ObjectsOverDeadline", int(isinstance(error, DeadlineError)))
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

    def _warn_of_message(self, failure: str, message: Message, error: str) -> None:
        self._telemetry.logger.warning(failure, message_id=message.message_id, error=error)

    def _account(self, report: Report) -> None:
        self._telemetry.logger.info("object processed", **report.as_log())
        if report.stale:
            self._telemetry.logger.warning(
                "the raw object was replaced after compaction; the tables show its earlier content",
                raw_key=report.source.key,
            )
        self._telemetry.count("Objects", 1)
        self._telemetry.count("ObjectsFailed", 0)  # so that its alarm tells quiet from well
        self._telemetry.count("ObjectsStale", int(report.stale))
        self._telemetry.milliseconds("Duration", report.seconds)
        stats = report.stats
        if stats is None:
            self._telemetry.count("ObjectsAlreadyMerged", 1)
            return
        every = [stats, *report.families.values()]
        self._telemetry.count("ObjectsCorrupt", int(stats.corrupt is not None))
        self._telemetry.count("RowsIn", stats.lines)
        self._telemetry.count("RowsBlank", stats.blank)
        self._telemetry.count("RowsPublished", sum(each.published for each in every))
        self._telemetry.count("RowsRejected", sum(each.rejected_lines for each in every))
        self._telemetry.count("ValuesMismatched", sum(sum(e.mismatched.values()) for e in every))
        self._telemetry.count("RulesBroken", sum(sum(each.breaches.values()) for each in every))
        self._telemetry.count("HalvesRepaired", sum(each.repaired for each in every))
        self._telemetry.bytes("BytesIn", stats.bytes_in)
        for fmt in FORMATS:
            size = sum(each.bytes_stored[fmt] for each in every)
            self._telemetry.bytes(f"Bytes{fmt.title()}", size)
        self._telemetry.count_by("RowsRoutedByFamily", "family", stats.routed)
        named = {"": stats, **{f"{name}: ": each for name, each in report.families.items()}}
        for family, each in named.items():
            of = {"RowsRejectedByReason": ("reason", each.rejected)}
            of["ValuesMismatchedByColumn"] = ("column", each.mismatched)
            of["RulesBrokenByRule"] = ("rule", each.breaches)
            for metric, (dimension, counts) in of.items():
                said = {f"{family}{value}": count for value, count in counts.items()}
                self._telemetry.count_by(metric, dimension, said)


class _Invocation:
    """The time of one invocation, less what is kept for giving back what is not done.

    Attributes:
        least: seconds without which no object is begun.
    """

    def __init__(self, context: "LambdaContext") -> None:
        self._milliseconds = context.get_remaining_time_in_millis
        seconds = self._milliseconds() / 1000
        self._reserved = reserved_seconds(seconds)
        self.least = min(_LEAST_SECONDS_LEFT, seconds / 2)

    def left(self) -> float:
        """Seconds for work on objects."""
        return self._milliseconds() / 1000 - self._reserved

    def check(self) -> None:
        """Do nothing, until the time is over.

        Raises:
            DeadlineError: it is.
        """
        if self.left() < 0:
            raise DeadlineError("the time of this invocation is over")
