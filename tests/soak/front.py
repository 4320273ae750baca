"""WSGI middleware in front of the sandbox that breaks calls of the functions and the event source.

Faults are real ones: the client sees an error's status and body, a connection that closes, or
silence until its own timeout; a killed function's process is gone.
"""

import json
import os
import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tests.soak.calls import EVENTS, Call, read_call
from tests.soak.decisions import KILLS, WITHOUT_EFFECT, Decisions, Fault
from tests.soak.deliveries import Deliveries
from tests.soak.ledger import Ledger

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment
    from mypy_boto3_sqs import SQSClient

_JSON: Final = "application/x-amz-json-1.1"
_XML: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>{code}</Code><Message>{code}</Message></Error>"
)


class ConnectionLostError(ConnectionError):
    """Tells the server to close the connection without another byte."""


@dataclass(slots=True)
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes


class FaultyFront:
    """Passes calls on to the sandbox, or not, or not their answers."""

    def __init__(
        self,
        decisions: Decisions,
        ledger: Ledger,
        deliveries: Deliveries,
        *,
        stall_seconds: float,
        killable: Collection[str] = ("transform", "compact"),
        sqs: Callable[[], "SQSClient"],
        pids: Callable[[], Collection[int]],
    ) -> None:
        """Break calls by `decisions`.

        Args:
            decisions: what becomes of each call.
            ledger: learns of every call.
            deliveries: what becomes of messages.
            stall_seconds: how long "no answer" lasts; longer than the clients' timeouts.
            killable: callers whose processes are killed.
            sqs: a client for duplicates.
            pids: processes that run functions: no other is ever killed.
        """
        self._decisions = decisions
        self._ledger = ledger
        self._deliveries = deliveries
        self._stall_seconds = stall_seconds
        self._killable = killable
        self._sqs = sqs
        self._pids = pids
        self._never = threading.Event()
        self.quiet = threading.Event()
        """Once set, nothing breaks any more."""

    def around(self, sandbox: "WSGIApplication") -> "WSGIApplication":
        """The sandbox with this in front of it."""

        def app(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
            call = read_call(environ)
            if call.service == "s3" and call.operation == "PutObject" and not call.caller:
                self._saw_object(call)
            if not call.caller:
                return sandbox(environ, start)
            try:
                return self._answer(call, lambda: _perform(sandbox, environ), start)
            except ConnectionLostError:
                _close(environ)
                raise

        return app

    def _saw_object(self, call: Call) -> None:
        if call.key.startswith("raw/"):
            self._ledger.number_of(call.key)

    def _answer(
        self, call: Call, perform: Callable[[], _Answer], start: "StartResponse"
    ) -> Iterable[bytes]:
        fault = Fault.NONE
        if not self.quiet.is_set():
            fault = self._possible(call, self._decisions.call(self._ledger.stream_of(call)))
            self._ledger.made(call, fault)
        if fault in WITHOUT_EFFECT:
            return self._refuse(call, fault, start)
        answer = perform()
        self._ledger.took_effect(call, int(answer.status.split()[0]))
        if call.caller == EVENTS:
            self._events(call, answer)
        if call.operation == "DeleteMessage" and answer.status.startswith("200"):
            self._deliveries.deleted(call.payload["ReceiptHandle"])
        if fault is Fault.KILLED_AFTER:
            self._kill(call)
        if fault is Fault.LATE:
            self._never.wait(self._stall_seconds)
        if fault is Fault.CUT:
            start(answer.status, answer.headers)
            return _half(answer.body)  # the server closes a connection that has an answer
        if fault is not Fault.NONE:
            raise ConnectionLostError
        start(answer.status, answer.headers)
        return [answer.body]

    def _possible(self, call: Call, fault: Fault) -> Fault:
        """What can be done of what was decided."""
        if fault in KILLS and (call.caller not in self._killable or call.pid not in self._pids()):
            return Fault.NONE  # for instance the event source's, or the process has gone already
        if fault is Fault.CUT and call.operation != "GetObject":
            return Fault.LOST  # only a long body is read bit by bit
        return fault

    def _refuse(self, call: Call, fault: Fault, start: "StartResponse") -> Iterable[bytes]:
        if fault is Fault.KILLED_BEFORE:
            self._kill(call)
        if fault is Fault.STALLED:
            self._never.wait(self._stall_seconds)
        if fault not in {Fault.THROTTLED, Fault.FAILED}:
            raise ConnectionLostError
        throttled = fault is Fault.THROTTLED
        if call.service == "s3":
            kind, code = "application/xml", "SlowDown" if throttled else "InternalError"
            status = "503 Slow Down" if throttled else "500 Internal Server Error"
            body = _XML.format(code=code).encode() if call.operation != "HeadObject" else b""
        else:
            kind, code = _JSON, "ThrottlingException" if throttled else "InternalServiceException"
            status = "400 Bad Request" if throttled else "500 Internal Server Error"
            body = json.dumps({"__type": code, "message": code}).encode()
        start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def _events(self, call: Call, answer: _Answer) -> None:
        if not answer.status.startswith("200"):
            return
        if call.operation == "DeleteMessageBatch":
            self._deliveries.batch_deleted(call.payload, answer.body)
        else:
            url = call.payload["QueueUrl"]
            answer.body = self._deliveries.received(self._sqs(), url, answer.body)
            kept = [each for each in answer.headers if each[0].lower() != "content-length"]
            answer.headers = [*kept, ("Content-Length", str(len(answer.body)))]

    def _kill(self, call: Call) -> None:
        os.kill(call.pid, signal.SIGKILL)
        self._ledger.happened(f"{call.caller} processes killed")


def _close(environ: "WSGIEnvironment") -> None:
    """Close the connection: the server itself would wait for another request on it."""
    with suppress(OSError):  # the client was faster
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)


def _perform(sandbox: "WSGIApplication", environ: "WSGIEnvironment") -> _Answer:
    answer = _Answer("", [], b"")

    def start(
        status: str, headers: list[tuple[str, str]], _error: object = None
    ) -> Callable[[bytes], object]:
        answer.status, answer.headers = status, list(headers)
        return lambda _: None

    content = sandbox(environ, start)
    answer.body = b"".join(content)
    if hasattr(content, "close"):
        content.close()
    return answer


def _half(body: bytes) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    raise ConnectionLostError
