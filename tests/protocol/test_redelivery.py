"""Deliveries before, during and after compaction, and after clean-up, at every single call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.formats import FORMATS
from tests.protocol.lake import DAY
from tests.protocol.simulation.stepping import Actor
from tests.protocol.simulation.world import GRACE, World

ROWS = ["a-0", "a-1", "b-0", "b-1"]


def raw_key(name: str) -> str:
    return f"raw/{DAY.path}/{name}.gz"


def finish(actor: Actor) -> None:
    while actor.busy:
        actor.step()


def deliver(world: World, name: str) -> None:
    actor = Actor("writer", world.check)
    actor.start(lambda: world.transform(actor, raw_key(name)), world.now)
    finish(actor)


def tick(world: World) -> None:
    actor = Actor("tick", world.check)
    actor.start(lambda: world.tick(actor, force=True), world.now)
    finish(actor)


def compacting(world: World) -> Actor:
    """A compactor about to make its first call; it compacts both formats."""
    actor = Actor("compactor", world.check)

    def work() -> None:
        for message in list(world.messages):
            world.compact(actor, message)

    actor.start(work, world.now)
    return actor


def clean_up(world: World) -> None:
    world.now += 2 * GRACE
    actor = Actor("clean-up", world.check)
    actor.start(lambda: world.clean_up(actor), world.now)
    finish(actor)


def shown(world: World) -> list[list[str]]:
    return [sorted(row for row, _ in world.visible(fmt)) for fmt in FORMATS]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A lake with two sources landed and a compaction queued; at the end, nothing was wrong."""
    made = World(tmp_path, CompactSettings(min_files=2))
    for name in "ab":
        made.put_raw(name, [f"{name}-0", f"{name}-1"])
        deliver(made, name)
    tick(made)
    yield made
    assert made.findings.bad == 0, made.findings.details


def calls_of_a_compaction(world: World) -> int:
    actor, calls = compacting(world.fork()), 0
    while actor.busy:
        actor.step()
        calls += 1
    return calls


def test_a_redelivery_before_compaction_adds_nothing(world: World) -> None:
    deliver(world, "a")
    assert shown(world) == [ROWS, ROWS]


@pytest.mark.parametrize(("name", "rows"), [("a", ROWS), ("late", [*ROWS, "late-0"])])
def test_a_delivery_at_any_moment_of_a_compaction_shows_at_once_and_once(
    world: World, name: str, rows: list[str]
) -> None:
    if name == "late":
        world.put_raw("late", ["late-0"])
    for moment in range(calls_of_a_compaction(world)):
        now = world.fork()
        actor = compacting(now)
        for _ in range(moment):
            actor.step()
        deliver(now, name)
        assert shown(now) == [rows, rows]
        finish(actor)
        assert shown(now) == [rows, rows]
        assert now.findings.bad == 0, (moment, now.findings.details)


def test_a_redelivery_after_compaction_adds_nothing(world: World) -> None:
    finish(compacting(world))
    deliver(world, "a")
    assert shown(world) == [ROWS, ROWS]


def test_a_redelivery_after_clean_up_adds_nothing(world: World) -> None:
    finish(compacting(world))
    clean_up(world)
    objects = dict(world.objects)
    deliver(world, "a")
    assert shown(world) == [ROWS, ROWS]
    assert world.objects == objects


def test_a_late_source_shows_at_once_after_clean_up(world: World) -> None:
    finish(compacting(world))
    clean_up(world)
    world.put_raw("late", ["late-0"])
    deliver(world, "late")
    assert shown(world) == [[*ROWS, "late-0"]] * 2


@pytest.mark.parametrize("cleaned", [False, True])
def test_a_raw_object_replaced_after_compaction_is_reported(world: World, *, cleaned: bool) -> None:
    finish(compacting(world))
    if cleaned:
        clean_up(world)
    world.acknowledged.discard(raw_key("a"))
    world.put_raw("a", ["a-new"])
    deliver(world, "a")
    assert world.stale == {raw_key("a")}
    assert shown(world) == [ROWS, ROWS]


def test_a_raw_object_replaced_at_any_moment_of_a_compaction_shows_or_is_reported(
    world: World,
) -> None:
    for moment in range(calls_of_a_compaction(world)):
        now = world.fork()
        actor = compacting(now)
        for _ in range(moment):
            actor.step()
        now.acknowledged.discard(raw_key("a"))
        now.put_raw("a", ["a-new"])
        deliver(now, "a")
        finish(actor)
        told = raw_key("a") in now.stale
        assert told or shown(now) == [["a-new", "b-0", "b-1"]] * 2, moment
        assert now.findings.duplicated == now.findings.invisible == 0, now.findings.details
