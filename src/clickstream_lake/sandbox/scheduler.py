"""EventBridge Scheduler's clock: invokes the Lambda targets of the schedules that are due."""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.sandbox.schedule_expression import ScheduleError, due

if TYPE_CHECKING:
    from mypy_boto3_scheduler import EventBridgeSchedulerClient
    from mypy_boto3_scheduler.type_defs import GetScheduleOutputTypeDef

    from clickstream_lake.sandbox.runtime.function import Outcome

_LOOK_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tick:
    """One schedule that fired, and what its target answered."""

    schedule: str
    function: str
    outcome: "Outcome"


class Scheduler:
    """Fires schedules by their expressions, and all of them on demand."""

    def __init__(
        self,
        client: "EventBridgeSchedulerClient",
        invoke: "Callable[[str, bytes], Outcome]",
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Read schedules from `client`."""
        self._client = client
        self._invoke = invoke
        self._clock = clock
        self._last = clock()
        self._unknown: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="scheduler", daemon=True)

    def start(self) -> None:
        """Begin to watch the time."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the tick that is running."""
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
        outcome = self._invoke(target["Arn"], (target.get("Input") or "{}").encode())
        return Tick(schedule["Name"], target["Arn"].split(":")[-1], outcome)
