import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path

from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics
from clickstream_lake.sandbox.cloudwatch.sources import (
    FunctionLogs,
    QueuedMessage,
    Queues,
    embedded,
)

NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)


def written() -> str:
    """What a function writes: a log line, and its metrics."""
    with redirect_stdout(io.StringIO()) as out:
        telemetry = Telemetry("transform", {"POWERTOOLS_SERVICE_NAME": "web-transform"})
        with telemetry.invocation():
            telemetry.count("Objects", 2)
            telemetry.count("Objects", 3)
            telemetry.count_by("RowsRejectedByReason", "reason", {"not_json": 4})
    return out.getvalue()


def latest(metrics: Metrics, metric: Metric, statistic: str = "Sum") -> float | None:
    return metrics.series(metric, statistic, 60, NOON.timestamp() + 60, 1)[0]


def test_metrics_are_read_as_the_functions_write_them(tmp_path: Path) -> None:
    (tmp_path / "web-transform.log").write_text(f"starting\n{written()}Traceback …\n")
    metrics = Metrics()
    FunctionLogs(tmp_path).measure(metrics, NOON)
    objects = Metric.of("Clickstream", "Objects", {"service": "web-transform"})
    by_reason = Metric.of(
        "Clickstream",
        "RowsRejectedByReason",
        {"service": "web-transform", "reason": "not_json"},
    )
    assert set(metrics.known()) == {objects, by_reason}
    assert latest(metrics, objects) == 5
    assert latest(metrics, objects, "SampleCount") == 2
    assert latest(metrics, by_reason) == 4


def test_a_line_counts_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    log, metrics = tmp_path / "f.log", Metrics()
    logs = FunctionLogs(tmp_path)
    line = written().splitlines()[-1]
    objects = Metric.of("Clickstream", "Objects", {"service": "web-transform"})
    log.write_text(line[:40])
    logs.measure(metrics, NOON)
    assert metrics.known() == []
    log.write_text(f"{line}\n")
    for _ in range(3):
        logs.measure(metrics, NOON)
    assert latest(metrics, objects) == 5


def test_a_line_that_only_looks_like_metrics_has_none() -> None:
    for line in (b'{"_aws": 1}', b'"_aws" {', b'{"_aws": {"CloudWatchMetrics": 7}}', b"[]"):
        assert embedded(line) == []
    without = {"_aws": {"CloudWatchMetrics": []}}
    assert embedded(json.dumps(without).encode()) == []


def sqs(name: str, metric: str) -> Metric:
    return Metric.of("AWS/SQS", metric, {"QueueName": name})


def age(name: str, *messages: QueuedMessage, minutes: int = 10) -> float | None:
    """The age of the oldest message of a queue that has held these for some minutes."""
    queues, metrics = Queues(), Metrics()
    queues.measure(metrics, {name: messages}, NOON - timedelta(minutes=minutes))
    queues.measure(metrics, {name: messages}, NOON)
    return latest(metrics, sqs(name, "ApproximateAgeOfOldestMessage"), "Maximum")


def test_messages_age_while_they_are_hidden_too() -> None:
    assert age("work", QueuedMessage("a", 1, visible=False)) == 600
    assert age("work") == 0


def test_a_poison_message_has_no_age_in_a_standard_queue() -> None:
    poison, other = QueuedMessage("a", 3, visible=True), QueuedMessage("b", 2, visible=True)
    assert age("work", poison) == 0
    assert age("work", poison, other) == 600
    assert age("work.fifo", poison) == 600


def test_a_message_that_left_and_another_that_came_are_told_apart() -> None:
    queues, metrics = Queues(), Metrics()
    for minutes, name in ((20, "a"), (10, "b"), (0, "b")):
        held = {"work": [QueuedMessage(name, 0, visible=True)]}
        queues.measure(metrics, held, NOON - timedelta(minutes=minutes))
    assert latest(metrics, sqs("work", "ApproximateAgeOfOldestMessage")) == 600
    assert latest(metrics, sqs("work", "ApproximateNumberOfMessagesVisible")) == 1
    assert latest(metrics, sqs("work", "ApproximateNumberOfMessagesNotVisible")) == 0
