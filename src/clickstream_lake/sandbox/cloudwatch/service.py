"""CloudWatch in the sandbox: measures what the other parts do, and judges alarms each minute.

Definitions and states of alarms are moto's, so that its API shows and changes them.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.sandbox.cloudwatch.alarms import Definition, DefinitionError, State
from clickstream_lake.sandbox.cloudwatch.metrics import MINUTE, Metrics
from clickstream_lake.sandbox.cloudwatch.sources import (
    FunctionLogs,
    Queues,
    count_invocation,
    count_stream,
    count_throttle,
)

if TYPE_CHECKING:
    from clickstream_lake.sandbox.cloudwatch.sources import QueuedMessage

_LOOK_SECONDS: Final = 1.0
_LOG = logging.getLogger(__name__)


class CloudWatch:
    """Measures what the sandbox's parts do, and looks at every alarm once a minute."""

    def __init__(
        self,
        client: Callable[[], Any],
        *,
        set_state: Callable[[str, State, str], None],
        queues: "Callable[[], Mapping[str, Sequence[QueuedMessage]]]",
        freshness: Callable[[datetime], Mapping[str, float]],
        log_dir: Path,
        clock: Callable[[], datetime],
    ) -> None:
        """Measure by what the other parts tell.

        Args:
            client: CloudWatch's client of the sandbox, which tells of the alarms there are; asked
                for when it is first needed.
            set_state: makes an alarm's state and its reason known.
            queues: what each queue holds.
            freshness: by stream, how many seconds the oldest record has waited in Firehose.
            log_dir: where the functions' logs are.
            clock: the time, of measurements and of alarms.
        """
        self.metrics = Metrics()
        self._client = client
        self._set_state = set_state
        self._queues = queues
        self._freshness = freshness
        self._clock = clock
        self._logs = FunctionLogs(log_dir)
        self._queue_ages = Queues()
        self._unknown: set[str] = set()
        self._looking = threading.Lock()
        self._minute = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="cloudwatch", daemon=True)

    def start(self) -> None:
        """Start to look at alarms."""
        self._thread.start()

    def stop(self) -> None:
        """End after the current look."""
        self._stopping.set()
        self._thread.join()

    def invoked(self, function: str, milliseconds: float, *, failed: bool) -> None:
        """Hear of an invocation."""
        count_invocation(self.metrics, function, milliseconds, self._clock(), failed=failed)

    def throttled(self, function: str) -> None:
        """Hear of an invocation that was refused."""
        count_throttle(self.metrics, function, self._clock())

    def streamed(self, stream: str, counted: Mapping[str, float]) -> None:
        """Hear what a Firehose stream did."""
        count_stream(self.metrics, stream, counted, self._clock())

    def look(self) -> dict[str, State]:
        """Measure now, judge every alarm, and return their states by name."""
        with self._looking:
            now = self._clock()
            self._minute = int(now.timestamp()) // MINUTE
            self._logs.measure(self.metrics, now)
            self._queue_ages.measure(self.metrics, self._queues(), now)
            for stream, seconds in self._freshness(now).items():
                count_stream(self.metrics, stream, {"DeliveryToS3.DataFreshness": seconds}, now)
            # The minute that has begun is seen, too: nobody here waits for its end.
            end = (self._minute + 1) * MINUTE
            return {alarm["AlarmName"]: self._judge(alarm, end) for alarm in self._alarms()}

    def _alarms(self) -> Iterator[Mapping[str, Any]]:
        for page in self._client().get_paginator("describe_alarms").paginate():
            yield from page["MetricAlarms"]

    def _judge(self, alarm: Mapping[str, Any], end: int) -> State:
        name, state = alarm["AlarmName"], cast("State", alarm["StateValue"])
        try:
            definition = Definition.of(alarm)
            points = definition.points(self.metrics, end)
        except (DefinitionError, KeyError) as error:
            if name not in self._unknown:
                self._unknown.add(name)
                _LOG.warning("alarm %s is not judged here: %s", name, error)
            return state
        judged = definition.judge(points, state)
        if judged != state:
            self._set_state(name, judged, definition.reason(points))
        return judged

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            try:
                self._logs_and_alarms()
            except (BotoCoreError, ClientError) as error:
                # An alarm was deleted between two calls, or the sandbox is stopping.
                _LOG.info("alarms were not looked at: %s", error)

    def _logs_and_alarms(self) -> None:
        now = self._clock()
        if int(now.timestamp()) // MINUTE != self._minute:
            self.look()
            return
        with self._looking:
            self._logs.measure(self.metrics, now)
