"""EventBridge Scheduler: when its expressions are due, and a clock that invokes Lambda targets.

The expressions are `rate(…)`, `cron(…)` and `at(…)`; a schedule is asked whether it was due
between two instants. A tick that cannot be handed over goes to the schedule's dead-letter queue,
one that its function fails on to the function's destination for failures; none is tried again.
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.runtime.function import Outcome

if TYPE_CHECKING:
    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

    from clickstream_lake.sandbox.clients import Clients


_LOOK_SECONDS = 1.0
_LOG = logging.getLogger(__name__)
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_CRON = re.compile(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)")
_AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MINUTE = timedelta(minutes=1)


class ScheduleError(ValueError):
    """An expression that EventBridge Scheduler would refuse, or that the sandbox does not know."""


def due(expression: str, after: datetime, until: datetime, zone: str = "UTC") -> bool:
    """Whether a schedule falls due after `after` and not after `until`.

    A rate is counted from the epoch, so that it needs no memory.

    Raises:
        ScheduleError: the expression has another form.
    """
    if found := _RATE.fullmatch(expression):
        period = timedelta(**{f"{found[2]}s": int(found[1])}).total_seconds()
        return after.timestamp() // period != until.timestamp() // period
    if found := _AT.fullmatch(expression):
        return after < datetime.fromisoformat(found[1]).replace(tzinfo=ZoneInfo(zone)) <= until
    if found := _CRON.fullmatch(expression):
        fields = found.groups()
        moment = (after.astimezone(UTC) + _MINUTE).replace(second=0, microsecond=0)
        while moment <= until:
            if _matches(fields, moment.astimezone(ZoneInfo(zone))):
                return True
            moment += _MINUTE
        return False
    raise ScheduleError(f"{expression!r} is not a rate(…), cron(…) or at(…) that the sandbox knows")


def _matches(fields: tuple[str, ...], moment: datetime) -> bool:
    minute, hour, day, month, weekday, year = fields
    return (
        moment.minute in _values(minute, 0, 59)
        and moment.hour in _values(hour, 0, 23)
        and moment.day in _values(day, 1, 31)
        and moment.month in _values(month, 1, 12, _MONTHS)
        and moment.isoweekday() % 7 + 1 in _values(weekday, 1, 7, _WEEKDAYS)
        and moment.year in _values(year, 1970, 2199)
    )


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """The numbers that a field of a cron expression stands for."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span in {"*", "?"}:
            first, last = low, high
        else:
            bounds = [_number(text, names) for text in span.split("-")]
            first, last = bounds[0], (high if step and len(bounds) == 1 else bounds[-1])
        if not (low <= first <= high and low <= last <= high):
            raise ScheduleError(
                f"{field!r} is not a field from {low} to {high} that the sandbox knows"
            )
        values.update(range(first, last + 1, int(step or 1)))
    return values


def _number(text: str, names: tuple[str, ...]) -> int:
    if text.upper() in names:
        return names.index(text.upper()) + 1
    if not text.isdecimal():
        raise ScheduleError(f"{text!r} is not a number that the sandbox knows")
    return int(text)


@dataclass(frozen=True, slots=True)
class Tick:
    """One schedule that fired, and what its target answered."""

    schedule: str
    function: str
    outcome: Outcome


class Scheduler:
    """Fires schedules by their expressions, and all of them on demand."""

    def __init__(
        self,
        clients: "Clients",
        invoke: Callable[[str, bytes], Outcome],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._clients = clients
        self._client = clients.scheduler
        self._invoke = invoke
        self._clock = clock
        self._last = clock()
        self._unknown: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scheduler", daemon=True)

    def start(self) -> None:
        """Start to watch the time."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current tick."""
        self._stopping.set()
        self._thread.join()

    def tick(self, name: str = "") -> list[Tick]:
        """Fire every enabled schedule whose name contains `name`, due or not."""
        return [self._fire(each) for each in self._schedules() if name in each["Name"]]

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            now = self._clock()
            try:
                for schedule in self._schedules():
                    if self._is_due(schedule, now):
                        self._fire(schedule)
            except (BotoCoreError, ClientError):
                # A schedule was deleted between two calls, or the sandbox is stopping.
                continue
            finally:
                self._last = now

    def _schedules(self) -> "Iterator[GetScheduleOutputTypeDef]":
        """The enabled schedules that invoke a function."""
        for listed in self._client.list_schedules()["Schedules"]:
            schedule = self._client.get_schedule(Name=listed["Name"], GroupName=listed["GroupName"])
            if schedule["State"] == "ENABLED" and ":lambda:" in schedule["Target"]["Arn"]:
                yield schedule

    def _is_due(self, schedule: "GetScheduleOutputTypeDef", now: datetime) -> bool:
        zone = schedule.get("ScheduleExpressionTimezone") or "UTC"
        try:
            return due(schedule["ScheduleExpression"], self._last, now, zone)
        except ScheduleError as error:
            if schedule["Name"] not in self._unknown:
                self._unknown.add(schedule["Name"])
                _LOG.warning("schedule %s never fires here: %s", schedule["Name"], error)
            return False

    def _fire(self, schedule: "GetScheduleOutputTypeDef") -> Tick:
        target = schedule["Target"]
        function, payload = target["Arn"], target.get("Input") or "{}"
        try:
            outcome = self._invoke(function, payload.encode())
        except ApiError as error:
            reason = {"errorType": error.code, "errorMessage": error.message}
            outcome = Outcome(json.dumps(reason).encode(), failed=True)
            queue = (target.get("DeadLetterConfig") or {}).get("Arn")
            self._send(queue, payload, ERROR_CODE=error.code, ERROR_MESSAGE=error.message)
        else:
            if outcome.failed:
                report = {"requestPayload": payload, "responsePayload": outcome.payload.decode()}
                self._send(self._failure_destination(function), json.dumps(report))
        return Tick(schedule["Name"], function.split(":")[-1], outcome)

    def _failure_destination(self, function: str) -> str | None:
        """The ARN of what hears of a function's failures, or None."""
        try:
            config = self._clients.functions.get_function_event_invoke_config(FunctionName=function)
        except ClientError:
            return None  # it has no such configuration
        return ((config.get("DestinationConfig") or {}).get("OnFailure") or {}).get("Destination")

    def _send(self, queue: str | None, body: str, **attributes: str) -> None:
        if queue is None or ":sqs:" not in queue:
            return
        sqs = self._clients.sqs
        sqs.send_message(
            QueueUrl=sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"],
            MessageBody=body,
            MessageAttributes={
                name: {"DataType": "String", "StringValue": text}
                for name, text in attributes.items()
            },
        )
