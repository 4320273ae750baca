"""Invoke functions by name, each in a warm process of its own, as many at once as requested.

A worker that cannot start (its handler cannot be imported, or built from its environment) fails
the invocation as on Lambda, where the message would come back for hours. Here a person waits, so
the reason is kept, and code that waits for the functions raises it.
"""

import json
import math
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote

from botocore.exceptions import ClientError

from clickstream_lake.sandbox.errors import ApiError, SandboxError
from clickstream_lake.sandbox.runtime.function import Function, Outcome, Request
from clickstream_lake.sandbox.runtime.worker import Handler, call_handler

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Watcher(Protocol):
    """Hears of every invocation."""

    def invoked(self, function: str, milliseconds: float, *, failed: bool) -> None:
        """A function was run."""

    def throttled(self, function: str) -> None:
        """It was not, for want of concurrency."""


EntryPoint = Callable[[Function], str | None]
"""What a function runs, as `package.module.name`; None if it may not run here."""

# What a handler's process inherits from ours. Everything else comes from the function itself.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
_WORKER = "clickstream_lake.sandbox.runtime.worker"
_EXIT_SECONDS = 5
_CONCURRENCY = 1000  # what AWS gives an account that has been used


class Worker:
    """One warm execution environment of one function."""

    def __init__(self, function: Function, environment: Mapping[str, str], log: Path) -> None:
        """Start the process; its standard output and error are appended to `log`."""
        self.function = function
        self._connection, theirs = multiprocessing.Pipe()
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        with log.open("ab") as sink:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", _WORKER, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=inherited | dict(environment),
                pass_fds=(theirs.fileno(),),
                process_group=0,  # a Ctrl-C in the terminal is not meant for it
            )
        theirs.close()
        self._ready = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can take another invocation."""
        return self._process.poll() is None and not self._connection.closed

    def start(self, seconds: float) -> Outcome | None:
        """Wait until the handler is imported, but no longer than `seconds`.

        Returns:
            None, or why the worker could not start; it has then ended.
        """
        with self._lock:
            if self._ready:
                return None
            try:
                self._connection.send(self.function)
                if not self._connection.poll(seconds):
                    message = f"the handler's import takes longer than {seconds:g} seconds"
                    return self._lost("Sandbox.InitTimeout", message)
                failure = self._connection.recv()
            except (EOFError, OSError):
                return self._lost("Runtime.ExitError", "the process exited during the import")
            if failure is not None:
                self.stop()
                return Outcome(*failure)
            self._ready = True
            return None

    def invoke(self, request: Request) -> Outcome:
        """Run one invocation; a timeout or a crash ends the worker."""
        with self._lock:
            try:
                log = str(request.log or "")
                self._connection.send((request.payload, request.request_id, log))
                if not self._connection.poll(self.function.timeout):
                    seconds = self.function.timeout
                    return self._lost(
                        "Sandbox.Timedout", f"Task timed out after {seconds}.00 seconds"
                    )
                return Outcome(*self._connection.recv())
            except (EOFError, OSError):
                return self._lost("Runtime.ExitError", "the handler's process exited")

    def stop(self) -> None:
        """End the process: by closing its pipe, or by force if it does not exit."""
        self._connection.close()
        try:
            self._process.wait(_EXIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _lost(self, kind: str, message: str) -> Outcome:
        self._process.kill()
        self.stop()
        return Outcome(
            json.dumps({"errorType": kind, "errorMessage": message}).encode(), failed=True
        )


@dataclass(slots=True)
class InvocationStats:
    """How many invocations there were of one function, and how many of them failed."""

    invocations: int = 0
    failures: int = 0


class LambdaService:
    """Lambda's Invoke. Functions are defined in moto; what code they may run is not theirs to say.

    A definition names its handler, and whoever can call Lambda's API can change it. So nothing is
    imported but what the one who started the sandbox has named.
    """

    def __init__(
        self,
        client: Callable[[], "LambdaClient"],
        *,
        environment: Mapping[str, str],
        log_dir: Path,
        entry_point: EntryPoint | None = None,
        start_seconds: float = 60.0,
        handlers: Mapping[str, Handler] | None = None,
        watcher: Watcher | None = None,
    ) -> None:
        """Run what `client` knows.

        Args:
            client: Lambda's client of the sandbox; asked for when it is first needed.
            environment: variables that every function gets: the endpoint and credentials.
            log_dir: a log file per function goes here.
            entry_point: the import path of what a function runs; None or "" for one that may not
                run.
            start_seconds: how long a worker may take to import its handler.
            handlers: run in this process instead of a worker, by handler path. For tests.
            watcher: hears of every invocation.
        """
        self._client = client
        self._environment = dict(environment)
        self._log_dir = log_dir
        self._entry_point = entry_point or (lambda _function: None)
        self._start_seconds = start_seconds
        self._handlers = dict(handlers or {})
        self._watcher = watcher
        self._running: Counter[str] = Counter()
        self._idle: dict[Function, list[Worker]] = {}
        self._busy: set[Worker] = set()
        self._cannot_start: dict[Function, str] = {}
        self._lock = threading.Lock()
        self._stopped = False
        self.stats: dict[str, InvocationStats] = {}
        self.concurrency = _CONCURRENCY

    def start_workers(self) -> None:
        """Start a worker for each function, all at once, and keep them warm.

        Raises:
            SandboxError: one of them cannot start; the message says why, and where its log is.
        """
        pages = self._client().get_paginator("list_functions").paginate()
        functions = [self._runnable(each) for page in pages for each in page["Functions"]]
        with ThreadPoolExecutor(max_workers=len(functions) or 1) as pool:
            started = [pool.submit(self._warm_up, function) for function in functions]
            try:
                for each in as_completed(started):
                    each.result()
                    self.check()
            except SandboxError:
                self.stop()  # nobody waits for the others
                raise

    def check(self) -> None:
        """Raise an error if a function, as now configured, cannot start.

        Raises:
            SandboxError: says which, why, and where its log is.
        """
        with self._lock:
            known = dict(self._cannot_start)
        for function, reason in known.items():
            if self._is_current(function):
                raise SandboxError(reason)

    def invoke(self, name: str, payload: bytes, *, tail: bool = False) -> Outcome:
        """Invoke a function by name or ARN and wait for its answer.

        Args:
            name: the function's name or ARN.
            payload: the event.
            tail: whether what it prints is to be in the outcome, too.

        Raises:
            ApiError: there is no such function, or its reserved concurrency is used up.
        """
        function = self.find(name)
        self._begin(function)
        began = time.perf_counter()
        try:
            outcome = self._run(function, payload, tail=tail)
        finally:
            with self._lock:
                self._running[function.name] -= 1
        milliseconds = (time.perf_counter() - began) * 1000
        with self._lock:
            stats = self.stats.setdefault(function.name, InvocationStats())
            stats.invocations += 1
            stats.failures += outcome.failed
        if self._watcher:
            self._watcher.invoked(function.name, milliseconds, failed=outcome.failed)
        return outcome

    def _begin(self, function: Function) -> None:
        """Count an invocation in, unless its function may not run once more at the same time."""
        answer = self._client().get_function_concurrency(FunctionName=function.name)
        reserved: int | None = answer.get("ReservedConcurrentExecutions")
        with self._lock:
            if reserved is None or self._running[function.name] < reserved:
                self._running[function.name] += 1
                return
        if self._watcher:
            self._watcher.throttled(function.name)
        raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429)

    def _run(self, function: Function, payload: bytes, *, tail: bool) -> Outcome:
        request = Request.of(payload)
        handler = self._handlers.get(function.handler)
        if handler is not None:
            return Outcome(*call_handler(handler, function, payload, request.request_id))
        if tail:
            return self._with_log(function, request)
        return self._in_worker(function, request)

    def stop(self) -> None:
        """End every worker."""
        with self._lock:
            self._stopped = True
            workers = [*self._busy, *(each for idle in self._idle.values() for each in idle)]
            self._idle.clear()
        for worker in workers:
            worker.stop()

    def pids(self) -> list[int]:
        """Process ids of the workers that are running an invocation."""
        with self._lock:
            return [worker.pid for worker in self._busy]

    def account_settings(self) -> dict[str, Any]:
        """Lambda's `GetAccountSettings`: its limits, of which only `concurrency` can be changed."""
        ask = self._client()
        pages = ask.get_paginator("list_functions").paginate()
        names = [each["FunctionName"] for page in pages for each in page["Functions"]]
        reserved = sum(
            ask.get_function_concurrency(FunctionName=name).get("ReservedConcurrentExecutions", 0)
            for name in names
        )
        limits = {
            "ConcurrentExecutions": self.concurrency,
            "UnreservedConcurrentExecutions": self.concurrency - reserved,
            "TotalCodeSize": 75 << 30,
            "CodeSizeUnzipped": 250 << 20,
            "CodeSizeZipped": 50 << 20,
        }
        return {"AccountLimit": limits, "AccountUsage": {"FunctionCount": len(names)}}

    def find(self, name: str) -> Function:
        """The function of that name or ARN.

        Raises:
            ApiError: there is no such function.
        """
        try:
            configuration = self._client().get_function_configuration(FunctionName=name)
        except ClientError as error:
            details = error.response["Error"]
            raise ApiError(details["Code"], details["Message"], 404) from None
        return self._runnable(configuration)

    def _runnable(self, configuration: Mapping[str, Any]) -> Function:
        function = Function.from_configuration(configuration)
        if function.handler in self._handlers:
            return function
        return replace(function, handler=self._entry_point(function) or "")

    def _is_current(self, function: Function) -> bool:
        try:
            return self.find(function.name) == function
        except ApiError:
            return False

    def _warm_up(self, function: Function) -> None:
        worker = self._take(function)
        try:
            self._start(worker)
        finally:
            self._give_back(worker)

    def _in_worker(self, function: Function, request: Request) -> Outcome:
        worker = self._take(function)
        try:
            return self._start(worker) or worker.invoke(request)
        finally:
            self._give_back(worker)

    def _with_log(self, function: Function, request: Request) -> Outcome:
        """Run an invocation whose output goes into its outcome, and then into the log."""
        with NamedTemporaryFile() as printed:
            started = time.perf_counter()
            outcome = self._in_worker(function, replace(request, log=Path(printed.name)))
            milliseconds = (time.perf_counter() - started) * 1000
            output = printed.read()
        with self._log_file(function).open("ab") as log:
            log.write(output)
        known = f"RequestId: {request.request_id}"
        report = (
            f"END {known}\n"
            f"REPORT {known}\tDuration: {milliseconds:.2f} ms\t"
            f"Billed Duration: {math.ceil(milliseconds)} ms\tMemory Size: {function.memory_mb} MB\n"
        )
        first = f"START {known} Version: $LATEST\n"
        return replace(outcome, log=first.encode() + output + report.encode())

    def _start(self, worker: Worker) -> Outcome | None:
        """Start a worker, and remember why if it cannot start."""
        function = worker.function
        failure = worker.start(self._start_seconds)
        with self._lock:
            if failure is None or self._stopped:
                self._cannot_start.pop(function, None)
                return failure
            error = json.loads(failure.payload)
            self._cannot_start[function] = (
                f"function {function.name} cannot start: {error['errorType']}: "
                f"{error['errorMessage']}; its log is {self._log_file(function)}"
            )
        return failure

    def _take(self, function: Function) -> Worker:
        with self._lock:
            idle = self._idle.get(function, [])
            while idle:
                worker = idle.pop()
                if worker.alive:
                    self._busy.add(worker)
                    return worker
            worker = Worker(function, self._variables(function), self._log_file(function))
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if worker.alive and not self._stopped:
                self._idle.setdefault(worker.function, []).append(worker)

    def _log_file(self, function: Function) -> Path:
        # A name is a client's to choose, and no path.
        return self._log_dir / f"{quote(function.name, safe='')}.log"

    def _variables(self, function: Function) -> dict[str, str]:
        """The variables that the process starts with; its own are set when it runs: `worker.py`."""
        return self._environment | {
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
            "_HANDLER": function.handler,
        }
