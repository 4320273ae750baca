"""Each call that each function makes, broken once in each way, in several states of a lake.

After the fault nothing acknowledged is missing or doubled; after one more run without a fault,
everything is where it belongs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from clickstream_lake.lake.config import CompactSettings
from tests.protocol.lake import DAY
from tests.protocol.simulation.stepping import Actor, Fault
from tests.protocol.simulation.world import GRACE, World

Work = Callable[[World, Actor], object]
SETTINGS = CompactSettings(min_files=2, target_file_bytes=600)


def run(world: World, work: Work, *, fault: Fault | None = None, at: int = -1) -> int:
    """Run one function to its end, with a fault at one call; how many calls it made."""
    actor = Actor("function", world.check)
    actor.start(lambda: work(world, actor), world.now)
    calls = 0
    while actor.busy:
        actor.step(fault if calls == at else None)
        calls += 1
    return calls


def transform(name: str) -> Work:
    def work(world: World, actor: Actor) -> None:
        world.transform(actor, f"raw/{DAY.path}/{name}.gz")

    return work


def tick(world: World, actor: Actor) -> None:
    world.tick(actor, force=False)


def compact(world: World, actor: Actor) -> None:
    for message in list(world.messages):
        world.compact(actor, message)


def clean_up(world: World, actor: Actor) -> None:
    world.clean_up(actor)


@dataclass
class Scenario:
    """A state of the lake, and what is done to it under faults."""

    prepared: list[Callable[[World], object]]
    work: Work


def arrived(names: str) -> Callable[[World], object]:
    """Raw objects arrive, and are transformed."""

    def prepare(world: World) -> None:
        for name in names:
            world.put_raw(name, [f"{name}-0", f"{name}-1"])
            run(world, transform(name))

    return prepare


def raw(name: str) -> Callable[[World], object]:
    """A raw object arrives."""
    return lambda world: world.put_raw(name, [f"{name}-0", f"{name}-1"])


def done(*works: Work) -> Callable[[World], object]:
    return lambda world: [run(world, work) for work in works]


def crash_before_the_swap(world: World) -> None:
    """Leave both partitions with an announced generation."""
    run(world, tick)
    for message in list(world.messages):
        actor = Actor("crashing")
        actor.start(partial(world.compact, actor, message), world.now)
        updates = 0
        while actor.busy:
            assert actor.waiting is not None
            updates += actor.waiting.name == "glue.UpdatePartition"
            actor.step(Fault.KILL_BEFORE if updates == 2 else None)


def grace_over(world: World) -> None:
    world.now += 2 * GRACE


landed = arrived("ab")
swapped = done(tick, compact)
SCENARIOS: dict[str, Scenario] = {
    "first source": Scenario([raw("a")], transform("a")),
    "second source": Scenario([arrived("a"), raw("b")], transform("b")),
    "late source": Scenario([landed, swapped, raw("c")], transform("c")),
    "source after an announcement": Scenario(
        [landed, crash_before_the_swap, raw("c")], transform("c")
    ),
    "redelivery while landed": Scenario([landed], transform("a")),
    "redelivery after an announcement": Scenario([landed, crash_before_the_swap], transform("a")),
    "redelivery after compaction": Scenario([landed, swapped], transform("a")),
    "redelivery after clean-up": Scenario(
        [landed, swapped, grace_over, done(clean_up)], transform("a")
    ),
    "tick": Scenario([landed], tick),
    "first compaction": Scenario([landed, done(tick)], compact),
    "second compaction": Scenario([landed, swapped, arrived("cde"), done(tick)], compact),
    "compaction after a crash": Scenario(
        [landed, crash_before_the_swap, arrived("c"), done(tick)], compact
    ),
    "clean-up": Scenario(
        [landed, swapped, arrived("cd"), swapped, arrived("e"), grace_over], clean_up
    ),
}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, SETTINGS, page_size=3)
    yield made
    assert made.findings.bad == 0, made.findings.details


# Each call of each fault is a run of its own: seconds for a transform, more for a compaction.
LONG = {"second compaction", "compaction after a crash", "first compaction"}


@pytest.mark.parametrize(
    "name", [pytest.param(s, marks=pytest.mark.slow if s in LONG else ()) for s in SCENARIOS]
)
def test_every_call_may_fail_lose_its_answer_or_be_the_last(
    name: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = SCENARIOS[name]
    for prepare in scenario.prepared:
        prepare(world)
    calls = run(world.fork(), scenario.work)
    assert calls > 0
    for at in range(calls):
        for fault in Fault:
            broken = world.fork()
            run(broken, scenario.work, fault=fault, at=at)
            broken.check()
            run(broken, scenario.work)
            settle(broken)
            assert broken.findings.bad == 0, (
                f"{name}, call {at} {fault}: {broken.findings.details[:3]}"
            )
    with capsys.disabled():
        print(f" {name}: {calls} calls, {calls * len(Fault)} faults", end="")  # noqa: T201 - the figures


def settle(world: World) -> None:
    """Let everything that is under way come to its end."""
    for key in world.contents.keys() - world.acknowledged:
        run(world, transform(key.rsplit("/", 1)[-1].removesuffix(".gz")))
    world.now += timedelta(minutes=10)  # SQS forgets what it has seen
    world.messages.clear()
    run(world, tick)
    run(world, compact)
    world.now += 2 * GRACE
    run(world, clean_up)
    world.finish()
