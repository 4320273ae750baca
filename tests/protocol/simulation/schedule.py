"""One seeded random schedule: who goes next, what breaks, how far the clock jumps."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import TYPE_CHECKING

from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.formats import FORMATS
from tests.protocol.simulation.columns import MARKS, STAGES, catalog_of, stage_of
from tests.protocol.simulation.stepping import Actor, Fault
from tests.protocol.simulation.world import GRACE, Findings, Parts, World

if TYPE_CHECKING:
    from collections.abc import Callable

# The longest run of a function and of a query: together they must stay under the grace period.
FUNCTION_LIMIT = timedelta(minutes=15)
QUERY_LIMIT = timedelta(hours=1)
TICK = timedelta(milliseconds=200)
MAX_CALLS = 1200
# Before an undeliverable message ends in the dead-letter queue.
DELIVERIES = 5
WEIGHTS = {"writer": 3.0, "compactor": 4.0, "clean-up": 1.0, "reader": 1.0}


@dataclass
class Figures:
    """What schedules came to, added up."""

    schedules: int = 0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)

    def add(self, other: "Figures") -> None:
        self.schedules += other.schedules
        self.calls += other.calls
        self.faults += other.faults
        self.kinds += other.kinds
        mine, theirs = self.findings, other.findings
        for name in vars(mine):
            setattr(mine, name, getattr(mine, name) + getattr(theirs, name))

    def __str__(self) -> str:
        found = self.findings
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(self.faults.items()))
        return (
            f"{self.schedules} schedules, {self.calls} calls, {self.faults.total()} faults "
            f"({kinds}), {found.queries} queries, {found.rows_checked} rows checked in "
            f"{found.checks} states; lost {found.lost}, duplicated {found.duplicated}, "
            f"invisible {found.invisible}, broken queries {found.broken_queries}, "
            f"disparate {found.disparate}, misread {found.misread}, behind {found.behind}"
        )


def run_schedule(
    seed: int,
    *,
    compactors: int = 1,
    replaces: bool = False,
    parts: Mapping[str, Parts] = MappingProxyType({}),
    beside: Parts | None = None,
    by_files: bool = False,
) -> Figures:
    """Run one schedule to its end; the same arguments always give the same figures.

    Args:
        seed: chooses the schedule.
        compactors: how many work at once.
        replaces: whether raw objects are replaced.
        parts: what processes are given instead of the product's own parts, by their role.
        beside: what every second process is given, as in a deployment, which ends with the
            schedule.
        by_files: whether the reader takes a list of files rather than being an engine.
    """
    with TemporaryDirectory() as folder:
        schedule = _Schedule(
            seed,
            Path(folder),
            compactors=compactors,
            replaces=replaces,
            parts=parts,
            beside=beside,
            by_files=by_files,
        )
        return schedule.run()


class _Schedule:
    def __init__(
        self,
        seed: int,
        folder: Path,
        *,
        compactors: int,
        replaces: bool,
        parts: Mapping[str, Parts],
        beside: Parts | None,
        by_files: bool,
    ) -> None:
        self.random = random = Random(seed)  # noqa: S311 - to replay, not to keep secrets
        settings = CompactSettings(
            target_file_bytes=random.choice([600, 8_000, 1_048_576]),
            min_files=random.choice([2, 3]),
            grace_seconds=int(GRACE.total_seconds()),
        )
        self.world = World(
            folder,
            settings,
            page_size=random.choice([2, 3, 1000]),
            may_hide=compactors > 1,
            parts=parts,
        )
        self.fault_rate = random.choice([0.0, 0.02, 0.1])
        self.faults: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.calls = 0
        self.replaces = replaces
        self.parts, self.beside = parts, beside
        self.read = self.world.read_files if by_files else self.world.query
        check = self.world.check
        self.writers = [Actor("writer 1", check), Actor("writer 2", check)]
        self.compactors = [Actor(f"compactor {n}", check) for n in range(1, compactors + 1)]
        self.cleaner, self.reader = Actor("clean-up", check), Actor("reader", check)
        self.raw = [f"s{number}" for number in range(random.randint(2, 12))]
        self.undelivered: list[str] = []
        self.delivered: list[str] = []
        self.in_delivery = ""
        # In every second schedule the catalog gets columns.
        self.stages = random.choice([1, STAGES])

    @property
    def actors(self) -> list[Actor]:
        return [*self.writers, *self.compactors, self.cleaner, self.reader]

    def run(self) -> Figures:
        length = self.random.randint(100, MAX_CALLS)
        while self.calls < length:
            self._turn()
        self._drain()
        self.world.finish()
        found = self.world.findings
        return Figures(
            1, self.calls, self.faults, self.kinds, replace(found, details=list(found.details))
        )

    def _turn(self) -> None:
        """One decision: step an actor some calls on, start one, or let time pass."""
        choices: list[tuple[float, Callable[[], None]]] = [
            *(
                (10.0, lambda actor=actor: self._burst(actor))
                for actor in self.actors
                if actor.busy
            ),
            (4.0, self._start_something),
            (1.0, self._let_time_pass),
            (0.5, self._deploy),
            *([(0.5, self._apply)] if self.stages > 1 else []),
        ]
        weights = [weight for weight, _ in choices]
        self.random.choices([choice for _, choice in choices], weights)[0]()

    def _deploy(self) -> None:
        """Other functions: of another catalog, and perhaps of one with a column more."""
        has, last = stage_of(self.world.catalog), min(self.world.stage + 1, self.stages - 1)
        stage = self.random.randint(has, max(has, last))
        self.world.deploy(catalog_of(self.random.choice(MARKS), stage))

    def _apply(self) -> None:
        """Other tables: of the functions' catalog, or of one that they are about to have."""
        has, last = self.world.stage, min(stage_of(self.world.catalog) + 1, self.stages - 1)
        self.world.apply(catalog_of(MARKS[0], self.random.randint(has, max(has, last))))

    def _burst(self, actor: Actor) -> None:
        for _ in range(self.random.choice([1, 1, 1, 2, 5, 20])):
            if not actor.busy:
                return
            self._step(actor, self._fault(actor))

    def _step(self, actor: Actor, fault: Fault | None) -> None:
        self.calls += 1
        self.kinds[f"{actor.role} {actor.waiting.name if actor.waiting else ''}"] += 1
        self.world.now += TICK
        if self.world.now - actor.started_at > FUNCTION_LIMIT and actor is not self.reader:
            fault = Fault.KILL_BEFORE  # the function's time-out
        if fault is not None:
            self.faults[fault.value] += 1
        actor.step(fault)

    def _fault(self, actor: Actor) -> Fault | None:
        if actor is self.reader or self.random.random() >= self.fault_rate:
            return None
        return self.random.choice(list(Fault))

    def _start_something(self) -> None:
        idle = [actor for actor in self.actors if not actor.busy]
        if idle:
            weights = [WEIGHTS[actor.role] for actor in idle]
            self._start(self.random.choices(idle, weights)[0])

    def _start(self, actor: Actor) -> None:
        world, random = self.world, self.random
        if self.beside is not None:
            # A process has its parts before its first call.
            old = random.random() < 0.5
            world.parts = {actor.role: self.beside} if old else self.parts
        if actor in self.writers:
            self._start_writer(actor)
        elif actor in self.compactors:
            # Each partition has one compactor at a time, unless the schedule is about two.
            if world.messages and random.random() < 0.8:
                message = random.choice(world.messages)
                short = random.random() < 0.3
                actor.start(
                    lambda: world.compact(actor, message, lambda: short and random.random() < 0.5),
                    world.now,
                )
            else:
                force = random.random() < 0.5
                actor.start(lambda: world.tick(actor, force=force), world.now)
        elif actor is self.cleaner:
            actor.start(lambda: world.clean_up(actor), world.now)
        else:
            fmt = random.choice([*FORMATS])
            actor.start(lambda: self.read(actor, fmt), world.now)

    def _start_writer(self, actor: Actor) -> None:
        random, world = self.random, self.world
        if self.raw and random.random() < 0.5:
            name = self.raw.pop()
            rows = [f"{name}-v1-{row}" for row in range(random.randint(1, 3))]
            self.undelivered.append(world.put_raw(name, rows))
        elif self.replaces and self.delivered and random.random() < 0.3:
            self._replace(random.choice(self.delivered))
        if self.in_delivery and random.random() < 0.3:
            key = self.in_delivery  # to the other writer, too, perhaps at the same time
        elif self.undelivered and random.random() < 0.7:
            key = random.choice(self.undelivered)
        elif self.delivered:
            key = random.choice(self.delivered)  # a redelivery
        else:
            return
        self._deliver(actor, key)

    def _replace(self, key: str) -> None:
        name, version = key.rsplit("/", 1)[-1].removesuffix(".gz"), len(self.world.contents[key])
        self.world.acknowledged.discard(key)
        self.world.put_raw(name, [f"{name}-v{version + 1}-0"])
        self.undelivered.append(key)

    def _deliver(self, actor: Actor, key: str) -> None:
        self.in_delivery = key

        def work() -> None:
            if self.world.transform(actor, key) is None:
                return
            if key in self.undelivered:
                self.undelivered.remove(key)
            if key not in self.delivered:
                self.delivered.append(key)

        actor.start(work, self.world.now)

    def _let_time_pass(self) -> None:
        """Jump ahead, but never so far that a run would outlast its limit."""
        jump = timedelta(
            seconds=self.random.choice([1, 60, 3600, 6 * 3600, GRACE.total_seconds() + 1])
        )
        for actor in self.actors:
            if actor.busy:
                limit = QUERY_LIMIT if actor is self.reader else FUNCTION_LIMIT
                left = max(actor.started_at + limit - self.world.now, timedelta())
                jump = min(jump, left * self.random.random())
        self.world.now += jump

    def _drain(self) -> None:
        """Let all runs end without faults, deliver what is left, compact and clean up."""
        self.fault_rate, self.world.parts = 0.0, self.parts
        while busy := [actor for actor in self.actors if actor.busy]:
            self._burst(self.random.choice(busy))
        while self.raw:
            name = self.raw.pop()
            self.undelivered.append(self.world.put_raw(name, [f"{name}-v1-0"]))
        writer = self.writers[0]
        for key in list(self.undelivered):
            for _ in range(DELIVERIES):
                if key in self.undelivered:
                    self._deliver(writer, key)
                    self._finish(writer)
        # The deployment ends. One tick has to do for its columns, or for what one had no time for.
        has = max(self.world.stage, stage_of(self.world.catalog))
        stage = self.random.randint(has, self.stages - 1)
        self.world.deploy(catalog_of(MARKS[0], stage))
        self.world.apply(self.world.catalog)
        if self.random.random() < 0.5:
            self._tick(force=False, short=True)
        self._tick(force=False)
        self.world.check_columns()
        for _ in range(2):
            self._tick(force=True)
            self.world.may_hide = False
            self.world.seen = None
            self.world.check()
            self.world.now += GRACE + timedelta(seconds=1)
            self.cleaner.start(lambda: self.world.clean_up(self.cleaner), self.world.now)
            self._finish(self.cleaner)

    def _tick(self, *, force: bool, short: bool = False) -> None:
        """One of the schedule, and all the work that it queues, or as much as there is time for."""
        compactor, world = self.compactors[0], self.world
        compactor.start(lambda: world.tick(compactor, force=force), world.now)
        self._finish(compactor)
        for message in list(world.messages):
            work = partial(world.compact, compactor, message, lambda: short)
            compactor.start(work, world.now)
            self._finish(compactor)

    def _finish(self, actor: Actor) -> None:
        while actor.busy:
            self._step(actor, None)
