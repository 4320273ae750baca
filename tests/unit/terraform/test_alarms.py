"""Every alarm that Terraform makes rings for its trouble, and for nothing else.

The definitions are the plan's (`python -m dev.alarms`), the rules CloudWatch's, and the clock the
test's. Queues, invocations, streams and the functions' own metrics are measured as in the sandbox.
"""

import io
import json
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cache
from string import Template
from typing import Final

import pytest

from clickstream_lake.demo.provision import ALARMS
from clickstream_lake.lake.aws.inbox import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.sandbox.cloudwatch.alarms import Definition, State
from clickstream_lake.sandbox.cloudwatch.metrics import Metric, Metrics
from clickstream_lake.sandbox.cloudwatch.sources import (
    QueuedMessage,
    Queues,
    count_invocation,
    count_stream,
    count_throttle,
    embedded,
)

DEFINITIONS: Final = [
    Definition.of(alarm) for alarm in json.loads(Template(ALARMS.read_text()).substitute(name="l"))
]
NAMES: Final = {definition.name for definition in DEFINITIONS}
NOON: Final = datetime(2025, 11, 26, 12, tzinfo=UTC)
HOUR, DAY = 60, 24 * 60  # minutes
STREAM, TRANSFORM, COMPACT = "l-events", "l-events-transform", "l-events-compact"
TIMEOUT_MS, COMPACT_TIMEOUT_MS, VISIBILITY = 300_000, 900_000, 1_800  # Terraform's own


@cache
def told_by(function: str, counts: tuple[tuple[str, float], ...]) -> list[tuple[Metric, float]]:
    with redirect_stdout(io.StringIO()) as out:
        telemetry = Telemetry(function, {"POWERTOOLS_SERVICE_NAME": function})
        with telemetry.invocation():
            for name, value in counts:
                telemetry.count(name, value)
    return embedded(out.getvalue().encode())


class World:
    """A lake that is measured each minute, and whose alarms are judged then."""

    def __init__(self) -> None:
        self.now = NOON
        self.metrics = Metrics()
        self.messages: dict[str, list[QueuedMessage]] = {
            name: []
            for name in (
                TRANSFORM,
                f"{TRANSFORM}-dead",
                f"{COMPACT}.fifo",
                f"{COMPACT}-dead.fifo",
                "l-schedule-dead",
            )
        }
        self._queues = Queues()
        self.states: dict[str, State] = dict.fromkeys(NAMES, "INSUFFICIENT_DATA")
        self.rang: list[str] = []

    @property
    def ringing(self) -> set[str]:
        return {name for name, state in self.states.items() if state == "ALARM"}

    def minutes(self, count: int, each: Callable[[int], None] = lambda _minute: None) -> None:
        """Let time pass, with something that happens each minute."""
        for minute in range(count):
            each(minute)
            self._queues.measure(self.metrics, self.messages, self.now)
            self.now += timedelta(minutes=1)
            for definition in DEFINITIONS:
                points = definition.points(self.metrics, self.now.timestamp())
                state = definition.judge(points, self.states[definition.name])
                if state == "ALARM" != self.states[definition.name]:
                    self.rang.append(definition.name)
                self.states[definition.name] = state

    def tell(self, function: str, **counts: float) -> None:
        """Have a function count something, in the very line that it writes."""
        for metric, value in told_by(function, tuple(counts.items())):
            self.metrics.add(metric, value, self.now)

    def run(self, function: str, milliseconds: float = 900, *, failed: bool = False) -> None:
        count_invocation(self.metrics, function, milliseconds, self.now, failed=failed)

    def stream(self, **counted: float) -> None:
        names = {name.replace("_", "."): value for name, value in counted.items()}
        count_stream(self.metrics, STREAM, names, self.now)

    def deliver(self, *, waited: float = 300) -> None:
        """Firehose delivers an object, whose oldest record has waited for some seconds."""
        self.stream(IncomingRecords=1_000, ThrottledRecords=0, DeliveryToS3_DataFreshness=waited)
        self.stream(DeliveryToS3_Success=1, DeliveryToS3_Records=1_000)

    def transform(self, *, lines: int = 1_000, rejected: int = 2, **more: float) -> None:
        """The function works off one raw object, without trouble unless `more` says so."""
        self.run(TRANSFORM)
        well = dict.fromkeys(("ObjectsCorrupt", "ObjectsStale", "ObjectsFailed"), 0)
        self.tell(TRANSFORM, Objects=1, RowsIn=lines, RowsRejected=rejected, **well | more)

    def fail(self) -> None:
        self.run(TRANSFORM)
        self.tell(TRANSFORM, ObjectsFailed=1, ObjectsOverDeadline=0)

    def plan(self, *, lag: float = 1_800) -> None:
        self.run(COMPACT)
        self.tell(COMPACT, OldestWaiting=lag, PartitionsPlanned=1)

    def healthy(self, minute: int) -> None:
        """A raw object each minute, a plan each hour within its flexible window, and compaction."""
        self.deliver()
        self.transform()
        if minute % 60 == (0, 5, 2, 4)[minute // 60 % 4]:
            self.plan()
            self.run(COMPACT, 60_000)


def held(*, receives: int = 1, visible: bool = True, name: str = "m") -> QueuedMessage:
    return QueuedMessage(name, receives, visible)


def test_an_hour_of_healthy_traffic_rings_nothing() -> None:
    world = World()
    world.minutes(HOUR, world.healthy)
    assert world.rang == []
    assert set(world.states.values()) == {"OK"}


@pytest.mark.slow
def test_a_day_of_healthy_traffic_rings_nothing_whenever_it_begins() -> None:
    world = World()
    world.minutes(37)  # an apply, and nobody sends yet
    world.minutes(DAY, world.healthy)
    assert world.rang == []


@pytest.mark.slow
def test_a_day_without_traffic_rings_nothing_before_the_first_plan_and_after_it() -> None:
    world = World()
    world.minutes(DAY, lambda minute: world.plan(lag=0) if minute % 60 == 17 else None)
    assert world.rang == []
    assert set(world.states.values()) == {"OK"}


@pytest.mark.slow
def test_a_quiet_day_after_a_busy_one_rings_nothing() -> None:
    world = World()
    world.minutes(HOUR, world.healthy)
    world.minutes(DAY, lambda minute: world.plan(lag=0) if minute % 60 == 17 else None)
    assert world.rang == []


def test_a_lake_that_was_never_used_rings_nothing() -> None:
    world = World()
    world.messages = {}
    world.minutes(DAY)
    assert world.rang == []


def trouble_freshness(world: World, minute: int) -> None:
    world.stream(DeliveryToS3_DataFreshness=300 + 60 * minute)


def trouble_delivery(world: World, _minute: int) -> None:
    world.stream(DeliveryToS3_Success=0)


def trouble_throttled(world: World, minute: int) -> None:
    world.healthy(minute)
    world.stream(ThrottledRecords=100)


def trouble_undelivered(world: World, minute: int) -> None:
    world.healthy(minute)
    if minute == 5:
        world.run(TRANSFORM)
        world.tell(TRANSFORM, ObjectsUndelivered=1)


def trouble_queue_age(world: World, _minute: int) -> None:
    world.messages[TRANSFORM] = [held(receives=0)]


def dead_letter(queue: str) -> Callable[[World, int], None]:
    def trouble(world: World, minute: int) -> None:
        world.healthy(minute)
        world.messages[queue] = [held()] if minute > 5 else []

    return trouble


def trouble_lag(world: World, minute: int) -> None:
    world.deliver()
    world.transform()
    if minute % 60 == 5 * (minute // 60 % 2):
        world.plan(lag=24 * 3600 + minute * 60)


def trouble_silent(world: World, minute: int) -> None:
    if minute < 3 * 60:
        world.healthy(minute)
    else:
        world.deliver()
        world.transform()


def told(**counts: float) -> Callable[[World, int], None]:
    def trouble(world: World, minute: int) -> None:
        world.healthy(minute)
        if minute == 5:
            world.transform(**counts)

    return trouble


def trouble_failed(world: World, minute: int) -> None:
    """One object that fails whenever it is tried, with the pauses of the function's own."""
    world.healthy(minute)
    tries, after, pause = [0.0], 0.0, FIRST_PAUSE_SECONDS
    while after < 6 * 3600:
        after, pause = after + pause, min(2 * pause, LONGEST_PAUSE_SECONDS)
        tries.append(after)
    for _ in (second for second in tries if second // 60 == minute):
        world.fail()


def trouble_untaken(world: World, minute: int) -> None:
    """What one audit finds is queued again, so that the next ones find nothing."""
    world.healthy(minute)
    if minute % 60 == 17:
        world.run(COMPACT)
        world.tell(COMPACT, RawObjectsUntaken=int(minute == 77))


def trouble_rejects(world: World, minute: int) -> None:
    world.healthy(minute)
    world.transform(rejected=200)


def failing(function: str) -> Callable[[World, int], None]:
    return lambda world, _minute: world.run(function, failed=True)


def throttling(function: str) -> Callable[[World, int], None]:
    return lambda world, _minute: count_throttle(world.metrics, function, world.now)


def taking(function: str, milliseconds: float) -> Callable[[World, int], None]:
    def trouble(world: World, minute: int) -> None:
        world.healthy(minute)
        if minute == 5:
            world.run(function, milliseconds)

    return trouble


# What rings an alarm, minute by minute; a new alarm needs an entry. Its name is without the lake's.
TROUBLES: Final[dict[str, Callable[[World, int], None]]] = {
    "events-firehose-freshness": trouble_freshness,
    "events-firehose-delivery": trouble_delivery,
    "events-firehose-throttled": trouble_throttled,
    "events-undelivered": trouble_undelivered,
    "events-queue-age": trouble_queue_age,
    "events-transform-dead-letters": dead_letter(f"{TRANSFORM}-dead"),
    "events-compact-dead-letters": dead_letter(f"{COMPACT}-dead.fifo"),
    "schedule-dead-letters": dead_letter("l-schedule-dead"),
    "events-compaction-lag": trouble_lag,
    "events-compaction-silent": trouble_silent,
    "events-corrupt-objects": told(ObjectsCorrupt=1),
    "events-deadline": told(ObjectsOverDeadline=1),
    "events-replaced-objects": told(ObjectsStale=1),
    "events-failed-objects": trouble_failed,
    "events-untaken-objects": trouble_untaken,
    "events-reject-ratio": trouble_rejects,
    "events-transform-errors": failing(TRANSFORM),
    "events-compact-errors": failing(COMPACT),
    "events-transform-throttles": throttling(TRANSFORM),
    "events-compact-throttles": throttling(COMPACT),
    "events-transform-duration": taking(TRANSFORM, 0.91 * TIMEOUT_MS),
    "events-compact-duration": taking(COMPACT, 0.91 * COMPACT_TIMEOUT_MS),
}


def test_every_alarm_has_a_trouble_that_rings_it() -> None:
    assert {f"l-{name}" for name in TROUBLES} == NAMES


# Those that look back for hours.
PATIENT: Final = {
    "events-compaction-lag",
    "events-compaction-silent",
    "events-failed-objects",
    "events-untaken-objects",
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in PATIENT else n for n in TROUBLES]
)
def test_an_alarm_rings_once_for_its_trouble_and_alone_until_that_is_over(name: str) -> None:
    world = World()
    patient = name in PATIENT
    trouble = 7 * HOUR if patient else 50
    world.minutes(trouble, lambda minute: TROUBLES[name](world, minute))
    assert world.rang == [f"l-{name}"]
    world.messages = {queue: [] for queue in world.messages}
    world.minutes(3 * HOUR if patient else 35, lambda minute: world.healthy(minute + 10))
    assert world.ringing == set()
    assert world.rang == [f"l-{name}"]


def test_one_object_that_fails_and_then_does_not_wakes_nobody() -> None:
    """Three tries within two minutes, as the function gives its messages back."""
    world = World()

    def trouble(minute: int) -> None:
        world.healthy(minute)
        world.messages[TRANSFORM] = [held(receives=minute, visible=False)] if minute < 3 else []
        if minute < 3:
            world.fail()

    world.minutes(HOUR, trouble)
    assert world.rang == []


def test_one_invocation_that_is_killed_wakes_nobody() -> None:
    """Its messages stay hidden for the queue's whole visibility timeout."""
    world = World()

    def trouble(minute: int) -> None:
        world.healthy(minute)
        if minute == 5:
            world.run(TRANSFORM, 100, failed=True)
        hidden = 5 <= minute <= 5 + VISIBILITY / 60
        world.messages[TRANSFORM] = [held(visible=False)] if hidden else []

    world.minutes(2 * HOUR, trouble)
    assert world.rang == []


@pytest.mark.slow
def test_a_dead_schedule_is_noticed_on_a_lake_that_gets_little() -> None:
    """One raw object in an afternoon, and no plan any more."""
    world = World()
    world.minutes(HOUR, world.healthy)
    world.minutes(3 * 60, lambda minute: world.plan(lag=0) if minute % 60 == 0 else None)
    world.minutes(6 * 60, lambda minute: world.transform() if minute == 30 else None)
    assert world.rang == ["l-events-compaction-silent"]


@pytest.mark.slow
def test_a_schedule_that_never_ran_is_noticed_once_there_is_something_to_compact() -> None:
    world = World()
    world.minutes(3 * 60)
    assert world.rang == []
    world.minutes(4 * 60, lambda _minute: world.transform())
    assert world.rang == ["l-events-compaction-silent"]
