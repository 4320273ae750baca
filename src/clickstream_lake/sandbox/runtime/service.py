"""Invoke functions by name, each in a warm process of its own, as many at once as are asked for."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from clickstream_lake.sandbox.errors import ApiError
from clickstream_lake.sandbox.runtime.call import Handler, call_handler
from clickstream_lake.sandbox.runtime.function import Function, Outcome, Request
from clickstream_lake.sandbox.runtime.process import Worker

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


@dataclass(slots=True)
class InvocationStats:
    """How many invocations there were of one function, and how many of them failed."""

    invocations: int = 0
    failures: int = 0


class LambdaService:
    """Lambda's Invoke. Functions are defined in moto; their code is what `entry_point` names."""

    def __init__(
        self,
        client: Callable[[], "LambdaClient"],
        *,
        environment: Mapping[str, str],
        log_dir: Path,
        entry_point: Callable[[Function], str] = lambda function: function.handler,
        handlers: Mapping[str, Handler] | None = None,
    ) -> None:
        """Run what `client` knows.

        Args:
            client: Lambda's client of the sandbox; asked for when it is first needed.
            environment: variables that every function gets: the endpoint and credentials.
            log_dir: a log file per function goes here.
            entry_point: the import path of what a function runs.
            handlers: run in this process instead of a worker, by handler path. For tests.
        """
        self._client = client
        self._environment = dict(environment)
        self._log_dir = log_dir
        self._entry_point = entry_point
        self._handlers = dict(handlers or {})
        self._idle: dict[Function, list[Worker]] = {}
        self._busy: set[Worker] = set()
        self._lock = threading.Lock()
        self._stopped = False
        self.stats: dict[str, InvocationStats] = {}

    def invoke(self, name: str, payload: bytes) -> Outcome:
        """Invoke a function by name or ARN and wait for its answer.

        Raises:
            ApiError: there is no such function.
        """
        function = self.find(name)
        request = Request.of(payload)
        handler = self._handlers.get(function.handler)
        if handler is not None:
            outcome = Outcome(*call_handler(handler, function, payload, request.request_id))
        else:
            outcome = self._in_worker(function, request)
        with self._lock:
            stats = self.stats.setdefault(function.name, InvocationStats())
            stats.invocations += 1
            stats.failures += outcome.failed
        return outcome

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

    def find(self, name: str) -> Function:
        """The function of that name or ARN.

        Raises:
            ApiError: there is none.
        """
        try:
            configuration = self._client().get_function_configuration(FunctionName=name)
        except ClientError as error:
            details = error.response["Error"]
            raise ApiError(details["Code"], details["Message"], 404) from None
        function = Function.from_configuration(configuration)
        return replace(function, handler=self._entry_point(function))

    def _in_worker(self, function: Function, request: Request) -> Outcome:
        worker = self._take(function)
        try:
            return worker.invoke(request)
        finally:
            self._give_back(worker)

    def _take(self, function: Function) -> Worker:
        with self._lock:
            idle = self._idle.get(function, [])
            while idle:
                worker = idle.pop()
                if worker.alive:
                    self._busy.add(worker)
                    return worker
            log = self._log_dir / f"{function.name}.log"
            worker = Worker(function, self._variables(function), log)
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if worker.alive and not self._stopped:
                self._idle.setdefault(worker.function, []).append(worker)

    def _variables(self, function: Function) -> dict[str, str]:
        return (
            self._environment
            | {
                "AWS_REGION": function.region,
                "AWS_DEFAULT_REGION": function.region,
                "AWS_LAMBDA_FUNCTION_NAME": function.name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
                "_HANDLER": function.handler,
            }
            | dict(function.environment)
        )
