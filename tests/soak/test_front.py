"""Each fault as a client sees it, over a real connection, and whether the call took effect."""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from clickstream_lake.sandbox.server import Server
from tests.soak.decisions import Decisions, Delivery, Fault
from tests.soak.deliveries import Deliveries
from tests.soak.front import FaultyFront
from tests.soak.ledger import Ledger

KEY = "raw/year=2025/month=11/day=26/a.gz"
BODY = b"x" * 1000
NEVER = 2.0
SHORT = 0.5
LONG = 30.0


class Decided(Decisions):
    """Decides as the test says."""

    def __init__(self) -> None:
        super().__init__(0)
        self.fault = Fault.NONE
        self.made = Delivery()

    def call(self, stream: str) -> Fault:
        super().call(stream)
        return self.fault

    def delivery(self, stream: str) -> Delivery:
        super().delivery(stream)
        return self.made


class Bench:
    """A front before a stand-in for the sandbox that counts what reaches it."""

    def __init__(self) -> None:
        self.decisions = Decided()
        self.ledger = Ledger(b"canary")
        self.reached: list[str] = []
        self.pids: list[int] = []
        front = FaultyFront(
            self.decisions,
            self.ledger,
            Deliveries(self.decisions, self.ledger),
            stall_seconds=NEVER,
            sqs=lambda: pytest.fail("nothing is duplicated here"),
            pids=lambda: self.pids,
        )
        self.server = Server(front.around(self._sandbox))

    def _sandbox(self, environ: Any, start: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's own
        environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.reached.append(environ["REQUEST_METHOD"])
        body = BODY if environ["REQUEST_METHOD"] == "GET" else b""
        start("200 OK", [("Content-Length", str(len(body))), ("ETag", '"e"')])
        return [body]

    def client(self, caller: str = "transform 1", timeout: float = LONG) -> Any:  # noqa: ANN401 - boto3 types clients one by one
        client = boto3.client(
            "s3",
            endpoint_url=self.server.endpoint,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1}, read_timeout=timeout
            ),
        )

        def mark(request: Any, **_: object) -> None:  # noqa: ANN401 - botocore's prepared request
            request.headers["X-Soak-Caller"] = caller

        if caller:
            client.meta.events.register("before-send", mark)
        return client


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.server.start()
    yield bench
    bench.server.stop()
    bench.server.close()


def get(client: Any) -> bytes:  # noqa: ANN401 - boto3 types clients one by one
    body: bytes = client.get_object(Bucket="lake", Key=KEY)["Body"].read()
    return body


@pytest.mark.parametrize(
    ("fault", "error", "effects"),
    [
        (Fault.THROTTLED, ClientError, 0),
        (Fault.FAILED, ClientError, 0),
        (Fault.DROPPED, ConnectionClosedError, 0),
        (Fault.STALLED, ReadTimeoutError, 0),
        (Fault.LOST, ConnectionClosedError, 1),
        (Fault.LATE, ReadTimeoutError, 1),
        (Fault.CUT, (IncompleteReadError, ResponseStreamingError), 1),
    ],
)
def test_a_fault_is_what_it_is_called(
    bench: Bench, fault: Fault, error: type[Exception], effects: int
) -> None:
    bench.decisions.fault = fault

    timeout = SHORT if error is ReadTimeoutError else LONG

    with pytest.raises(error):
        get(bench.client(timeout=timeout))

    assert len(bench.reached) == effects
    assert bench.ledger.faults == {("s3", fault): 1}


def test_a_throttled_call_says_slow_down(bench: Bench) -> None:
    bench.decisions.fault = Fault.THROTTLED

    with pytest.raises(ClientError, match="SlowDown"):
        get(bench.client())


def test_without_a_fault_a_call_passes(bench: Bench) -> None:
    assert get(bench.client()) == BODY
    assert bench.ledger.calls == {"s3": 1}


def test_calls_of_others_are_never_broken(bench: Bench) -> None:
    bench.decisions.fault = Fault.FAILED

    assert get(bench.client(caller="")) == BODY
    assert bench.ledger.calls == {}


@pytest.mark.parametrize(("fault", "effects"), [(Fault.KILLED_BEFORE, 0), (Fault.KILLED_AFTER, 1)])
def test_a_kill_ends_the_process_that_calls(bench: Bench, fault: Fault, effects: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    bench.pids = [process.pid]
    bench.decisions.fault = fault

    with pytest.raises(ConnectionClosedError):
        get(bench.client(f"compact {process.pid}"))

    assert process.wait(10) == -9
    assert len(bench.reached) == effects
    assert bench.ledger.events == {"compact processes killed": 1}
    assert process.stdin
    process.stdin.close()


def test_no_process_is_killed_that_runs_no_function(bench: Bench) -> None:
    bench.decisions.fault = Fault.KILLED_BEFORE

    assert get(bench.client(f"compact {os.getpid()}")) == BODY


def test_streams_are_named_after_the_raw_object_that_a_process_works_on(bench: Bench) -> None:
    client = bench.client("transform 5")
    get(client)
    client.put_object(Bucket="lake", Key="processed/json/year=2025/a.json", Body=b"{}")
    bench.client("compact 6").put_object(
        Bucket="lake", Key="manifests/json/year=2025/month=11/g/manifest.json", Body=b""
    )

    assert [stream for stream in bench.decisions.journal() if stream.startswith("call")] == [
        "call transform source 0 s3.GetObject",
        "call transform source 0 s3.PutObject",
        "call compact json year=2025/month=11 s3.PutObject",
    ]
    assert bench.ledger.generations == {"manifests/json/year=2025/month=11/g"}


def test_personal_data_that_a_function_writes_is_found(bench: Bench) -> None:
    client = bench.client()
    client.put_object(Bucket="lake", Key="processed/json/a.json", Body=b"a canary sings")

    assert bench.ledger.leaks == {"s3.PutObject processed/json/a.json"}
