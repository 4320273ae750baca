"""Actors that stop before every call of theirs, and a hand that breaks calls on purpose.

An actor is a greenlet: it runs the real code, and each S3, Glue or SQS call hands control back to
whoever steps it. So a schedule is a list of choices, and the same choices replay exactly.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from greenlet import (  # type: ignore[import-untyped]  # it ships no types
    getcurrent,
    greenlet,
)

from tests.protocol.fakes import Steps, client_error

T = TypeVar("T")


_NEVER = datetime.min.replace(tzinfo=UTC)


class Fault(StrEnum):
    # The service says no, retries included; nothing happened.
    FAIL_BEFORE = "fails before"
    # It happened, but nobody learns of it.
    ANSWER_LOST = "took effect, answer lost"
    # It happened, the answer was lost, and the client's own retry repeats it.
    REPEATED = "took effect, repeated by the client"
    KILL_BEFORE = "killed before"
    KILL_AFTER = "killed after"


class KilledError(BaseException):
    """The process is gone: no handler of the code under test may see it as a failure."""


@dataclass
class Call:
    """A call that is about to be made."""

    name: str
    target: str


@dataclass
class Actor(Steps):
    """One process after the other: a Lambda function, or an engine that runs queries."""

    name: str
    on_effect: Callable[[], None] = lambda: None
    waiting: Call | None = None
    started_at: datetime = _NEVER
    calls: int = 0
    _run: greenlet | None = field(default=None, repr=False)

    @property
    def role(self) -> str:
        """What kind of process it is: the first word of its name."""
        return self.name.split()[0]

    @property
    def busy(self) -> bool:
        return self._run is not None

    def start(self, work: Callable[[], Any], at: datetime) -> None:
        """Begin a run, up to its first call."""
        assert not self.busy
        self.started_at, self.calls = at, 0
        self._run = greenlet(work)
        self._resume()

    def step(self, fault: Fault | None = None) -> None:
        """Make the waiting call, up to the next one."""
        self._resume(fault)

    def kill(self) -> None:
        """End the run where it stands."""
        self._resume(Fault.KILL_BEFORE)

    def call(self, name: str, target: str, effect: Callable[[], T]) -> T:
        """The other side of `step`, in the actor's own greenlet."""
        self.waiting = Call(name, target)
        parent = getcurrent().parent
        assert parent is not None, "a call outside of any run"
        fault = parent.switch()
        self.calls += 1
        if fault is Fault.KILL_BEFORE:
            raise KilledError
        if fault is Fault.FAIL_BEFORE:
            raise client_error("ThrottlingException" if "glue" in name else "SlowDown", name, 503)
        if fault is Fault.REPEATED:
            try:
                effect()
            finally:
                self.on_effect()
        try:
            answer = effect()
        finally:
            self.on_effect()
        if fault is Fault.KILL_AFTER:
            raise KilledError
        if fault is Fault.ANSWER_LOST:
            if self.calls % 2:
                raise ReadTimeoutError(endpoint_url="https://simulated")
            raise EndpointConnectionError(endpoint_url="https://simulated")
        return answer

    def _resume(self, *values: Fault | None) -> None:
        assert self._run is not None
        try:
            self._run.switch(*values)
        except KilledError:
            pass
        except BaseException:
            self._run = None
            raise
        if self._run.dead:
            self._run = None
            self.waiting = None
