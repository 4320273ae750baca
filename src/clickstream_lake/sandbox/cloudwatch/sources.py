"""Where metrics come from: functions' logs, invocations, queues and streams, under AWS's names."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics

# After so many receives SQS moves a message of a standard queue to the back, and its age no longer
# counts: "Available CloudWatch metrics for Amazon SQS".
_POISON_RECEIVES: Final = 3


class FunctionLogs:
    """Reads metrics in the embedded metric format out of the logs that functions write."""

    def __init__(self, directory: Path) -> None:
        """Read the `.log` files of a directory, each from where it was left."""
        self._directory = directory
        self._read: dict[Path, int] = defaultdict(int)

    def measure(self, metrics: Metrics, now: datetime) -> None:
        """Take what was written since the last time, as of now."""
        for file in sorted(self._directory.glob("*.log")):
            with file.open("rb") as log:
                log.seek(self._read[file])
                for line in log:
                    if not line.endswith(b"\n"):
                        break  # it is being written
                    self._read[file] += len(line)
                    for metric, value in embedded(line):
                        metrics.add(metric, value, now)


def embedded(line: bytes) -> list[tuple[Metric, float]]:
    """The metrics of a line of a log; none if the line is of another kind."""
    if b'"_aws"' not in line:
        return []
    try:
        return list(_embedded(json.loads(line)))
    except (ValueError, KeyError, TypeError):
        return []  # functions may log what they like


def _embedded(written: dict[str, Any]) -> Iterator[tuple[Metric, float]]:
    for directive in written["_aws"]["CloudWatchMetrics"]:
        for names in directive["Dimensions"]:
            dimensions = {name: str(written[name]) for name in names}
            for each in directive["Metrics"]:
                metric = Metric.of(directive["Namespace"], each["Name"], dimensions)
                values = written[each["Name"]]
                for value in values if isinstance(values, list) else [values]:
                    yield metric, float(value)


@dataclass(frozen=True, slots=True)
class QueuedMessage:
    """A message that a queue holds."""

    id: str
    receives: int
    visible: bool


@dataclass(slots=True)
class Queues:
    """Measures queues as SQS does, each minute."""

    _seen: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def measure(
        self, metrics: Metrics, queues: Mapping[str, Sequence[QueuedMessage]], now: datetime
    ) -> None:
        """Measure queues, by name, as they are now. A message is as old as it is known here."""
        known = {(name, message.id) for name, held in queues.items() for message in held}
        self._seen = {key: self._seen.get(key, now) for key in known}
        for name, messages in queues.items():
            # A poison message has no age, unless it holds up those behind it.
            aging = [
                message
                for message in messages
                if message.receives < _POISON_RECEIVES or name.endswith(".fifo")
            ]
            oldest = min((self._seen[name, message.id] for message in aging), default=now)
            visible = sum(message.visible for message in messages)
            for metric, value in {
                "ApproximateNumberOfMessagesVisible": visible,
                "ApproximateNumberOfMessagesNotVisible": len(messages) - visible,
                "ApproximateAgeOfOldestMessage": (now - oldest).total_seconds(),
            }.items():
                metrics.add(Metric.of("AWS/SQS", metric, {"QueueName": name}), value, now)


def count_invocation(
    metrics: Metrics, function: str, milliseconds: float, now: datetime, *, failed: bool
) -> None:
    """Count one invocation of a function that was run."""
    counted = {"Invocations": 1, "Errors": int(failed), "Throttles": 0, "Duration": milliseconds}
    _count(metrics, "AWS/Lambda", {"FunctionName": function}, counted, now)


def count_throttle(metrics: Metrics, function: str, now: datetime) -> None:
    """Count one invocation that was refused."""
    _count(metrics, "AWS/Lambda", {"FunctionName": function}, {"Throttles": 1}, now)


def count_stream(
    metrics: Metrics, stream: str, counted: Mapping[str, float], now: datetime
) -> None:
    """Count something of a Firehose stream."""
    _count(metrics, "AWS/Firehose", {"DeliveryStreamName": stream}, counted, now)


def _count(
    metrics: Metrics,
    namespace: str,
    dimensions: Mapping[str, str],
    counted: Mapping[str, float],
    now: datetime,
) -> None:
    for name, value in counted.items():
        metrics.add(Metric.of(namespace, name, dimensions), value, now)


def messages_in(queue: Any) -> Iterable[QueuedMessage]:  # noqa: ANN401 - moto's
    """The messages of one of moto's queues."""
    for message in queue._messages:  # noqa: SLF001 - no other access
        yield QueuedMessage(message.id, message.approximate_receive_count, message.visible)
