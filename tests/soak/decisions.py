"""Which call fails how, and which message comes twice: decided by the seed, and by nothing else.

A stream is a name for "the calls of this kind on behalf of this raw object", or of this partition.
The n-th decision of a stream is a pure function of the seed, the stream and n: neither time nor the
order in which threads run has a part in it.
"""

import json
import random
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final


class Fault(StrEnum):
    """What becomes of one call."""

    NONE = "none"
    # Without effect.
    THROTTLED = "throttled"  # 503 SlowDown, ThrottlingException
    FAILED = "failed"  # 500
    DROPPED = "dropped"  # the connection is closed
    STALLED = "stalled"  # no answer until the client gives up
    # After it took effect.
    LOST = "answer lost"  # the connection is closed
    LATE = "answer late"  # no answer until the client gives up
    CUT = "answer cut"  # the body of the answer ends half-way
    # The function's process is killed.
    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"


KILLS: Final = frozenset({Fault.KILLED_BEFORE, Fault.KILLED_AFTER})
WITHOUT_EFFECT: Final = frozenset(
    {Fault.THROTTLED, Fault.FAILED, Fault.DROPPED, Fault.STALLED, Fault.KILLED_BEFORE}
)
# Shares of the faulty calls. Timeouts cost seconds each, and a cut answer fails a whole invocation,
# because nobody repeats the reading of a body.
_SHARES: Final[Mapping[Fault, int]] = {
    Fault.THROTTLED: 25,
    Fault.FAILED: 20,
    Fault.DROPPED: 15,
    Fault.LOST: 22,
    Fault.STALLED: 8,
    Fault.LATE: 6,
    Fault.CUT: 4,
}


@dataclass(frozen=True, slots=True)
class Rates:
    """How much goes wrong, as shares.

    Attributes:
        faults: of all calls of the functions and of the event source.
        kills: of the functions' calls, on top.
        copies: of the deliveries of a message, which bring a second one.
        copy_seconds: after which a copy comes. At once: two invocations work on one raw object side
            by side. Much later: it has been merged, and its landing file cleaned up.
        held: of the deliveries of a message, which come later, after their successors.
        held_seconds: how much later.
    """

    faults: float = 0.10
    kills: float = 0.003
    copies: float = 0.15
    copy_seconds: tuple[int, ...] = (0, 0, 1, 5, 20, 60)
    held: float = 0.12
    held_seconds: tuple[int, ...] = (1, 2, 4, 8)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What becomes of one delivery of a message.

    Attributes:
        copy_after: seconds until the same message comes once more; None if it does not.
        held_for: seconds that it is held back; 0 if it is delivered now.
    """

    copy_after: int | None = None
    held_for: int = 0


class Decisions:
    """Makes decisions, counts through each stream, and keeps a journal of them all."""

    def __init__(self, seed: int, rates: Rates | None = None) -> None:
        """Decide by `seed`."""
        self._seed = seed
        self._rates = rates or Rates()
        self._lock = threading.Lock()
        self._journal: dict[str, list[str]] = defaultdict(list)

    def call(self, stream: str) -> Fault:
        """What becomes of the next call of a stream."""
        with self._lock:
            fault = self._fault(self._next("call", stream))
            self._journal[f"call {stream}"].append(fault)
            return fault

    def delivery(self, stream: str) -> Delivery:
        """What becomes of the next delivery of a stream's message."""
        with self._lock:
            rng, rates = self._next("delivery", stream), self._rates
            copied, held = rng.random() < rates.copies, rng.random() < rates.held
            after, seconds = rng.choice(rates.copy_seconds), rng.choice(rates.held_seconds)
            made = Delivery(after if copied else None, seconds if held else 0)
            text = f"copy after {made.copy_after}, held for {made.held_for}"
            self._journal[f"delivery {stream}"].append(text)
            return made

    def batch(self, number: int) -> random.Random:
        """Randomness for the content of one batch of events; asked for once each."""
        return random.Random(f"{self._seed} batch {number}")  # noqa: S311 - a test's schedule

    def note(self, stream: str, text: str) -> None:
        """Write something else into the journal that has to replay."""
        with self._lock:
            self._journal[stream].append(text)

    def journal(self) -> dict[str, list[str]]:
        """Every decision so far, by stream, in order."""
        with self._lock:
            return {stream: list(made) for stream, made in self._journal.items()}

    def _next(self, kind: str, stream: str) -> random.Random:
        number = len(self._journal[f"{kind} {stream}"])
        return random.Random(f"{self._seed} {kind} {stream} {number}")  # noqa: S311 - a test's schedule

    def _fault(self, rng: random.Random) -> Fault:
        killed, after, broken = rng.random(), rng.random(), rng.random()
        if killed < self._rates.kills:
            return Fault.KILLED_AFTER if after < 0.5 else Fault.KILLED_BEFORE
        if broken < self._rates.faults:
            return rng.choices(list(_SHARES), list(_SHARES.values()))[0]
        return Fault.NONE


def differences(
    one: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]]
) -> tuple[int, list[str]]:
    """How many decisions two runs both made, and those that they made differently."""
    compared, found = 0, []
    for stream in sorted(one.keys() & other.keys()):
        pairs = list(zip(one[stream], other[stream], strict=False))
        compared += len(pairs)
        found += [f"{stream} {n}: {a} / {b}" for n, (a, b) in enumerate(pairs) if a != b]
    return compared, found


def keep_or_compare(journal: Mapping[str, Sequence[str]], path: Path) -> str:
    """Write a journal, or hold it against the one that is there; what was done, for the report.

    Raises:
        AssertionError: the two runs decided differently.
    """
    if not path.exists():
        path.write_text(json.dumps(journal, indent=0, sort_keys=True), encoding="utf-8")
        return f"wrote {sum(map(len, journal.values())):,} decisions to {path}"
    compared, found = differences(json.loads(path.read_text(encoding="utf-8")), journal)
    assert not found, f"{len(found)} decisions differ from {path}, the first: {found[0]}"
    return f"{compared:,} decisions are those of {path}"
