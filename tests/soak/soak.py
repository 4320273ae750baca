"""The soak: load, faults, kills, duplicates and a reader at once; then rest, and the reckoning."""

import itertools
import json
import logging
import random
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.generate import FirehoseSink
from clickstream_lake.lake.requeue import TransformQueue
from clickstream_lake.operate.replay import raw_objects
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.soak.decisions import Decisions, Rates
from tests.soak.deliveries import Deliveries
from tests.soak.front import FaultyFront
from tests.soak.handlers.marked import READ_TIMEOUT
from tests.soak.ledger import Ledger
from tests.soak.load import START, Batch, Load
from tests.soak.reader import Expectations, Reader

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients
    from clickstream_lake.sandbox.resources import Resources

ROOT: Final = Path(__file__).parents[2]
HANDLERS: Final = {
    "transform": "tests.soak.handlers.transform.handler",
    "compact": "tests.soak.handlers.compact.handler",
}
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a soak is. Times are in seconds.

    The compact queue's visibility timeout is over the function's and the start of a new process
    together, so that a partition never has two compactors at once; the grace period is over the
    longest query and the longest function run.

    Attributes:
        seconds: how long the load lasts; at least.
        interval: between two batches, which is one raw object each.
        events: in one batch.
        batches_per_day: that go into one partition before the next begins.
        queries: that the reader asks at least before the load ends; the batches are spread over
            them, so that on a slow machine there are fewer at a time.
        compact_every: batches between two ticks of the compaction's schedule; `clean_every` of the
            clean-up's; `replay_every` of replays of all raw objects so far, 0 for none.
        concurrency: of each function.
        pause: of the reader between two rounds.
        settle: how long faults go on at most once everything is sent.
        drain: how long it may take to come to rest.
    """

    seconds: float
    interval: float
    events: int
    batches_per_day: int
    compact_every: int
    clean_every: int
    replay_every: int = 0
    queries: int = 0
    concurrency: int = 3
    transform_timeout: int = 20
    transform_visibility: int = 32
    compact_timeout: int = 25
    compact_visibility: int = 45
    grace: int = 35
    min_files: int = 6
    read_timeout: float = 2.0
    pause: float = 1.0
    settle: float = 90.0
    drain: float = 600.0
    rates: Rates = field(default_factory=Rates)
    killable: tuple[str, ...] = ("transform", "compact")

    @property
    def batches(self) -> int:
        """Batches in all."""
        return max(1, round(self.seconds / self.interval))


@dataclass(slots=True)
class Ran:
    """A soak that has come to rest, with everything that is to be judged."""

    sandbox: Sandbox
    ledger: Ledger
    reader: Reader
    decisions: Decisions
    batches: list[Batch]
    redriven: Counter[str]
    seconds: float
    scheduled: list[str] = field(default_factory=list)


class Soak:
    """One soak, from a new sandbox to its rest. The sandbox lives as long as the context."""

    def __init__(self, seed: int, scale: Scale, folder: Path, say: Say, port: int = 0) -> None:
        """Describe a soak.

        Args:
            seed: decides everything that can be decided.
            scale: how large.
            folder: for logs and the functions' temporary files.
            say: takes lines of progress.
            port: of the sandbox; 0 takes a free one.
        """
        # Not to be found by chance, and the same whenever the seed is.
        self.canary = f"canary-{random.Random(f'{seed} canary').getrandbits(64):016x}"  # noqa: S311 - no secret
        self._scale = scale
        self._say = say
        self._decisions = Decisions(seed, scale.rates)
        self._ledger = Ledger(self.canary.encode())
        self._deliveries = Deliveries(self._decisions, self._ledger)
        self._front = FaultyFront(
            self._decisions,
            self._ledger,
            self._deliveries,
            stall_seconds=scale.read_timeout + 1,
            killable=scale.killable,
            sqs=lambda: self.sandbox.clients.sqs,
            pids=self._pids,
        )
        self._load = Load(
            self._decisions,
            self.canary,
            events=scale.events,
            batches_per_day=scale.batches_per_day,
        )
        self._moment = START
        self._expected = Expectations()
        self._batches: list[Batch] = []
        self._scheduled: list[str] = []
        self._redriven: Counter[str] = Counter()
        self._ended = threading.Event()
        scratch = folder / "tmp"
        scratch.mkdir()
        self.sandbox = lake_sandbox(
            provision=self._provision,
            entry_point=lambda function: HANDLERS[function.name.rpartition("-")[2]],
            directory=folder,
            port=port,
            concurrency=scale.concurrency,
            clock=lambda: self._moment,
            environment={
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(scratch),
                READ_TIMEOUT: str(scale.read_timeout),
            },
            middleware=self._front.around,
        )

    def run(self, new_reader: Callable[..., Reader] = Reader) -> Ran:
        """Run it, inside the context of `sandbox`; `new_reader` is called as `Reader` is."""
        started = time.monotonic()
        pause = self._scale.pause
        reader = new_reader(self.sandbox, self._ledger, self._expected, pause=pause)
        scheduler = threading.Thread(target=self._schedule, name="soak-scheduler", daemon=True)
        self._warm_up()
        reader.start()
        scheduler.start()
        self._send(reader)
        self._ended.set()
        scheduler.join()
        self._say("everything is sent; until it is acknowledged, the faults go on")
        self._wait(lambda: len(self._ledger.acknowledged()) == len(self._batches))
        self._fire("compact")
        self._wait(lambda: not self.sandbox.in_flight())
        self._fire("cleanup")
        self._say("no more faults; coming to rest")
        self._front.quiet.set()
        self._deliveries.quiet.set()
        self._rest()
        self._say("one more compaction and clean-up")
        self._invoke({"action": "plan", "force": True})
        self._rest()
        time.sleep(self._scale.grace + 1)
        self._invoke({"action": "cleanup"})
        self._rest()
        reader.finish()
        return Ran(
            sandbox=self.sandbox,
            ledger=self._ledger,
            reader=reader,
            decisions=self._decisions,
            batches=self._batches,
            redriven=self._redriven,
            seconds=time.monotonic() - started,
            scheduled=self._scheduled,
        )

    def _warm_up(self) -> None:
        """Start the functions' processes, which takes seconds, before the faults begin."""
        self._front.quiet.set()
        stream, concurrency = self.sandbox.stream, self._scale.concurrency
        work = (
            (f"{stream}-transform", b'{"Event":"s3:TestEvent"}'),
            (f"{stream}-compact", b'{"action":"plan","dry_run":true}'),
        )
        with ThreadPoolExecutor(concurrency * len(work)) as pool:
            invoke = self.sandbox.functions.invoke
            under_way = [pool.submit(invoke, *each) for each in work * concurrency]
            for future in under_way:
                assert not future.result().failed, future.result().payload
        self._front.quiet.clear()

    def _wait(self, done: Callable[[], bool]) -> None:
        """Wait until something is done, but not for ever: what is not comes to rest later."""
        deadline = time.monotonic() + self._scale.settle
        while not done() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _provision(self, clients: "Clients") -> "Resources":
        scale = self._scale
        never = "rate(3650 days)"  # `_schedule` fires them
        settings = LakeSettings(
            timeout=scale.transform_timeout,
            visibility_timeout=scale.transform_visibility,
            compact_timeout=scale.compact_timeout,
            compact_schedule=never,
            cleanup_schedule=never,
            audit_schedule=never,
            buffer_seconds=900,
            environment=(
                ("LAKE_MIN_FILES", str(scale.min_files)),
                ("LAKE_LOOKBACK_DAYS", "3650"),
                ("LAKE_GRACE_SECONDS", str(scale.grace)),
            ),
        )
        resources = by_catalog(settings)(clients)
        clients.sqs.set_queue_attributes(
            QueueUrl=resources.compact_queue_url,
            Attributes={"VisibilityTimeout": str(scale.compact_visibility)},
        )
        self._queues = [
            (resources.queue_url, resources.dead_letter_url),
            (
                resources.compact_queue_url,
                resources.compact_queue_url.replace("-compact.fifo", "-compact-dead.fifo"),
            ),
        ]
        return resources

    def _pids(self) -> Collection[int]:
        return self.sandbox.functions.pids()

    def _send(self, reader: Reader) -> None:
        """One batch after the other, each delivered as one raw object, at a steady rate."""
        scale, sandbox = self._scale, self.sandbox
        sink = FirehoseSink(sandbox.clients.firehose, sandbox.stream)
        began = time.monotonic()
        for number in itertools.count():
            if number >= scale.batches and reader.asked >= scale.queries:
                return
            batch = self._load.batch(number)
            self._expected.add(number, batch.events)
            self._batches.append(batch)
            time.sleep(max(0.0, began + number * scale.interval - time.monotonic()))
            while reader.asked * scale.batches < number * scale.queries:
                time.sleep(0.1)
            self._moment = batch.arrives
            sink.send(batch.lines)
            sandbox.flush()
            if number % max(1, round(15 / scale.interval)) == 0:
                self._progress(time.monotonic() - began, reader)

    def _progress(self, seconds: float, reader: Reader) -> None:
        ledger = self._ledger
        self._say(
            f"{seconds:5.0f} s: {len(self._batches)} raw objects, "
            f"{len(ledger.acknowledged())} acknowledged, {sum(ledger.calls.values()):,} calls, "
            f"{sum(ledger.faults.values()):,} faults, {len(ledger.made_current)} generations, "
            f"{len(ledger.deleted)} files cleaned up, {reader.queries} queries, "
            f"{len(reader.errors)} errors, {len(reader.breaches)} breaches"
        )

    def _schedule(self) -> None:
        """Fire the schedules by the number of batches sent."""
        compacted = cleaned = replayed = 0
        while not self._ended.wait(0.1):
            sent, scale = len(self._batches), self._scale
            try:
                if sent - cleaned >= scale.clean_every:
                    cleaned = sent
                    self._fire("cleanup")
                if scale.replay_every and sent - replayed >= scale.replay_every:
                    replayed = sent
                    self._replay()
                if sent - compacted >= scale.compact_every:
                    compacted = sent
                    self._fire("compact")
            except Exception:
                logging.getLogger(__name__).exception("a schedule could not be fired")
                raise

    def _fire(self, name: str) -> None:
        for tick in self.sandbox.tick(f"-{name}"):
            self._scheduled.append(f"{name} {'failed' if tick.outcome.failed else 'done'}")

    def _replay(self) -> None:
        """Every raw object so far once more, as `clickstream replay` does it."""
        clients, bucket = self.sandbox.clients, self.sandbox.bucket
        found = raw_objects(clients.s3, bucket, "raw/")
        queue = TransformQueue(clients.sqs, self.sandbox.queue_url, bucket)
        sent = queue.send(raw.key for raw in found)
        self._scheduled += ["raw object replayed"] * sent

    def _invoke(self, event: dict[str, Any]) -> None:
        answer = self.sandbox.client("lambda").invoke(
            FunctionName=f"{self.sandbox.stream}-compact", Payload=json.dumps(event)
        )
        assert "FunctionError" not in answer, answer["Payload"].read()

    def _rest(self) -> None:
        """Wait until nothing is under way, and send dead letters back."""
        deadline = time.monotonic() + self._scale.drain
        while True:
            if not self.sandbox.in_flight():
                sent_back = [self._redrive(*queues) for queues in self._queues]
                if not any(sent_back) and not self.sandbox.in_flight():
                    return
            assert time.monotonic() < deadline, f"not at rest after {self._scale.drain:.0f} s"
            time.sleep(0.2)

    def _redrive(self, url: str, dead_url: str) -> int:
        """What an operator does with dead letters: `docs/runbook.md`."""
        sqs, moved = self.sandbox.clients.sqs, 0
        while messages := sqs.receive_message(
            QueueUrl=dead_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                group = message["Attributes"].get("MessageGroupId")
                fifo: Any = (
                    {"MessageGroupId": group, "MessageDeduplicationId": secrets.token_hex(8)}
                    if group
                    else {}
                )
                sqs.send_message(QueueUrl=url, MessageBody=message["Body"], **fifo)
                sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])
                moved += 1
        self._redriven[url.rpartition("/")[2]] += moved
        return moved
