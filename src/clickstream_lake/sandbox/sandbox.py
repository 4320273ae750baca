"""The sandbox put together: moto's server, the parts that moto lacks, and a lake to work with."""

import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from moto.cloudwatch.models import cloudwatch_backends
from moto.firehose.models import firehose_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.moto_server.werkzeug_app import DomainDispatcherApplication

from clickstream_lake.engine.configuration import Storage
from clickstream_lake.engine.server import Trino
from clickstream_lake.sandbox.athena.api import AthenaApi
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.athena.engines import Engine
from clickstream_lake.sandbox.athena.trino_engine import TrinoEngine
from clickstream_lake.sandbox.clients import Clients
from clickstream_lake.sandbox.cloudwatch.answers import answering
from clickstream_lake.sandbox.cloudwatch.service import CloudWatch
from clickstream_lake.sandbox.door import Door
from clickstream_lake.sandbox.errors import SandboxError
from clickstream_lake.sandbox.event_source import EventSources
from clickstream_lake.sandbox.firehose import ACCOUNT, Firehose, Refuse
from clickstream_lake.sandbox.glue import GlueApi
from clickstream_lake.sandbox.iceberg import marked_columns
from clickstream_lake.sandbox.moto_fixes import moto_fixes, open_service, queued_messages
from clickstream_lake.sandbox.redrive import MoveTasks
from clickstream_lake.sandbox.resources import REGION, Credentials, make_private
from clickstream_lake.sandbox.runtime.service import LambdaService
from clickstream_lake.sandbox.scheduler import Scheduler, Tick
from clickstream_lake.sandbox.server import JsonApi, Router, Server

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from clickstream_lake.engine.client import Client
    from clickstream_lake.sandbox.cloudwatch.alarms import State
    from clickstream_lake.sandbox.resources import Provision, Resources
    from clickstream_lake.sandbox.runtime.service import EntryPoint
    from clickstream_lake.sandbox.runtime.worker import Handler

_POLL_SECONDS = 0.02
_SWITCH_SECONDS = 0.0005
# moto's state belongs to the process, so two sandboxes in one would share it.
_ONE_AT_A_TIME = threading.Lock()


def _now() -> datetime:
    return datetime.now(UTC)


class Sandbox:
    """A local AWS with a lake in it, for as long as the context is open.

    ```python
    with Sandbox(provision=…) as sandbox:
        sandbox.client("firehose").put_record(...)
        sandbox.wait_idle()
    ```

    The functions run in processes of their own, as on Lambda.
    """

    def __init__(
        self,
        *,
        provision: "Provision",
        entry_point: "EntryPoint | None" = None,
        port: int = 0,
        directory: Path | None = None,
        concurrency: int = 2,
        start_seconds: float = 60.0,
        clock: Callable[[], datetime] = _now,
        refuse: Refuse | None = None,
        handlers: "Mapping[str, Handler] | None" = None,
        environment: Mapping[str, str] | None = None,
        middleware: "Callable[[WSGIApplication], WSGIApplication] | None" = None,
        athena: "Literal['embedded', 'trino'] | Client" = "embedded",
    ) -> None:
        """Describe a sandbox; entering the context starts it.

        Args:
            provision: creates the lake.
            entry_point: the import path of what a function runs: a handler, or a class that makes
                one from the environment. Nothing else is run: None refuses the function, and by
                default all are refused, because any client can write any name into a definition.
            port: of the loopback interface; 0 takes a free one.
            directory: where the functions' logs and the access key id go, private to this user; a
                temporary one by default, which stays only if the sandbox ends with a SandboxError.
            concurrency: batches that each queue's function works on at the same time.
            start_seconds: how long a function may take to be imported.
            clock: gives Firehose, the scheduler and CloudWatch the time.
            refuse: says which records Firehose refuses as throttled, for tests.
            handlers: by handler path, run in this process instead of in workers, for tests. Then
                no worker is started before it has something to do.
            environment: further variables for every function.
            middleware: wraps the HTTP application, for tests that break calls.
            athena: what answers Athena's queries: the embedded engine, a Trino of its own, or one
                that runs already, over this sandbox's endpoint and with its credentials.
        """
        self._provision = provision
        self._entry_point = entry_point
        self._port = port
        self._directory = directory
        self._concurrency = concurrency
        self._start_seconds = start_seconds
        self._clock = clock
        self._refuse = refuse
        self._handlers = handlers
        self._environment = dict(environment or {})
        self._middleware = middleware
        self._athena_by = athena
        self._stack = ExitStack()
        self._resources: Resources | None = None
        self._ready = False

    def __enter__(self) -> Self:
        """Start everything, provision the lake, and start a worker for each of its functions.

        Raises:
            EngineError: the Trino of its own cannot be had or started.
            SandboxError: another sandbox runs in this process, the port is taken, or a function
                cannot start.
        """
        if not _ONE_AT_A_TIME.acquire(blocking=False):
            raise SandboxError("a sandbox is already running in this process")
        try:
            with ExitStack() as stack:
                stack.callback(_ONE_AT_A_TIME.release)
                self._start(stack)
                self._stack = stack.pop_all()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop everything. What Firehose still holds is delivered, but no longer transformed."""
        self._stack.__exit__(kind, error, trace)

    def _start(self, stack: ExitStack) -> None:
        # Threads keep handing over requests; Python's 5 ms would be most of a call.
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(_SWITCH_SECONDS)
        ending = stack.enter_context(moto_fixes())
        moto_api_backend.reset()
        stack.callback(moto_api_backend.reset)
        directory = self._directory
        if directory is None:
            directory = Path(tempfile.mkdtemp(prefix="clickstream-sandbox-"))
            stack.push(partial(_remove, directory))
        make_private(directory)
        self._credentials = Credentials.kept_in(directory)
        self.log_dir = directory / "logs"
        self.log_dir.mkdir(parents=True, exist_ok=True)

        # The parts call each other through the endpoint, which is known once the port is bound.
        self._router: Router | None = None
        app: WSGIApplication = self._answer
        door = Door(
            self._middleware(app) if self._middleware else app,
            self._credentials.access_key_id,
            lambda: "ready" if self._ready else "starting",
        )
        server = Server(door, self._port)
        stack.callback(server.close)
        self.endpoint = server.endpoint
        self.clients = Clients(self.endpoint, self._credentials)
        stack.callback(self.clients.close)
        self.cloudwatch = CloudWatch(
            lambda: self.clients.client("cloudwatch"),
            set_state=_set_alarm_state,
            queues=queued_messages,
            freshness=lambda now: self.firehose.freshness(now),  # noqa: PLW0108 - made below
            log_dir=self.log_dir,
            clock=self._clock,
        )
        stack.enter_context(answering(self.cloudwatch.metrics))
        self.functions = LambdaService(
            lambda: self.clients.functions,
            environment=self.credentials()
            | {"AWS_ENDPOINT_URL": self.endpoint}
            | self._environment,
            log_dir=self.log_dir,
            entry_point=self._entry_point,
            start_seconds=self._start_seconds,
            handlers=self._handlers,
            watcher=self.cloudwatch,
        )
        stack.callback(self.functions.stop)
        self.firehose = Firehose(
            _describe_stream,
            self.clients.s3,
            clock=self._clock,
            refuse=self._refuse,
            count=self.cloudwatch.streamed,
        )
        self._router = Router(
            DomainDispatcherApplication(open_service),
            firehose=self.firehose,
            functions=self.functions,
            apis_of=self._apis(stack),
            admin=self._administer,
        )
        server.start()
        stack.callback(server.stop)
        self.firehose.start()
        stack.callback(self.firehose.stop)
        self._resources = self._provision(self.clients)
        if self._handlers is None:
            self.functions.start_workers()
        self.event_sources = EventSources(
            self.clients.functions,
            self.clients.sqs,
            self.functions.invoke,
            concurrency=self._concurrency,
        )
        self.scheduler = Scheduler(self.clients, self.functions.invoke, clock=self._clock)
        self.event_sources.refresh()
        self.event_sources.start()
        stack.callback(self.event_sources.stop)
        self.scheduler.start()
        stack.callback(self.scheduler.stop)
        self.cloudwatch.start()
        stack.callback(self.cloudwatch.stop)
        stack.callback(ending.set)
        self._ready = True

    def _answer(self, environ: Any, start_response: Any) -> Any:  # noqa: ANN401 - WSGI's own types are in the router
        if self._router is None:
            raise SandboxError("the sandbox is not ready yet")
        return self._router(environ, start_response)

    def _apis(self, stack: ExitStack) -> Callable[[str], Sequence[JsonApi]]:
        """What answers in place of moto, by region; other regions' is made when it is asked for."""
        made = {REGION: self._apis_of(self.clients, self._engine(stack), stack)}
        making = threading.Lock()

        def of(region: str) -> Sequence[JsonApi]:
            with making:
                if region not in made:
                    clients = Clients(self.endpoint, self.clients.credentials, region)
                    stack.callback(clients.close)
                    engine = QueryEngine(s3=clients.s3, glue=clients.glue)
                    stack.callback(engine.close)
                    made[region] = self._apis_of(clients, engine, stack)
                return made[region]

        return of

    def _apis_of(self, clients: Clients, engine: Engine, stack: ExitStack) -> Sequence[JsonApi]:
        athena = AthenaApi(engine=engine, s3=clients.s3, glue=clients.glue)
        stack.callback(athena.close)
        tasks = MoveTasks(clients.sqs)
        stack.callback(tasks.close)
        return athena, GlueApi(clients.glue), tasks

    def _engine(self, stack: ExitStack) -> Engine:
        """What answers the queries of the lake's own region."""
        self.engine = QueryEngine(s3=self.clients.s3, glue=self.clients.glue)
        stack.callback(self.engine.close)
        if self._athena_by == "embedded":
            return self.engine
        client = self._athena_by
        if client == "trino":
            storage = Storage(REGION, self.endpoint, self.credentials())
            client = stack.enter_context(Trino(storage, quick=True)).client
        stack.enter_context(marked_columns())
        engine = TrinoEngine(client, s3=self.clients.s3, glue=self.clients.glue)
        stack.callback(engine.close)
        return engine

    @property
    def resources(self) -> "Resources":
        """The names of the lake's parts."""
        if self._resources is None:
            raise SandboxError("the sandbox is not running: enter its context first")
        return self._resources

    @property
    def bucket(self) -> str:
        """The lake's bucket."""
        return self.resources.bucket

    @property
    def stream(self) -> str:
        """The Firehose stream that producers send to."""
        return self.resources.stream

    @property
    def database(self) -> str:
        """The Glue database."""
        return self.resources.database

    @property
    def workgroup(self) -> str:
        """The Athena workgroup."""
        return self.resources.workgroup

    @property
    def queue_url(self) -> str:
        """The queue between the raw zone and the transform function."""
        return self.resources.queue_url

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 types clients one by one
        """A boto3 client on this sandbox."""
        return self.clients.client(service)

    def credentials(self) -> dict[str, str]:
        """Environment variables that any AWS client needs besides the endpoint."""
        return self._credentials.environment()

    def flush(self) -> None:
        """Make Firehose deliver now what it buffers."""
        self.firehose.flush()

    def tick(self, name: str = "") -> list[Tick]:
        """Fire now the schedules whose name contains `name`, and return their answers."""
        return self.scheduler.tick(name)

    def in_flight(self) -> int:
        """Unfinished records, objects and messages; dead letters do not count."""
        return sum(self._under_way().values())

    def _under_way(self) -> dict[str, int]:
        """What `in_flight` counts, by the place where it waits."""
        queues = [arn.split(":")[-1] for arn in self.event_sources.queue_arns()]
        return {"Firehose": self.firehose.pending} | {name: self._messages(name) for name in queues}

    def alarms(self) -> "dict[str, State]":
        """The state of every alarm by its name, judged now."""
        return self.cloudwatch.look()

    def dead_letters(self) -> int:
        """Messages about raw objects that failed too often."""
        return self._messages(self.resources.dead_letter_url.rsplit("/", 1)[-1])

    @contextmanager
    def still(self) -> Iterator[None]:
        """A context in which nothing in S3, Glue or any other part changes, but by SQS's clients.

        Reading goes on as usual; who wants to change something waits for its end.
        """
        if self._router is None:
            raise SandboxError("the sandbox is not running: enter its context first")
        with self._router.writes:
            yield

    def check(self) -> None:
        """Raise an error if a function cannot start, for callers that wait for its work.

        Raises:
            SandboxError: says which function, why, and where its log is.
        """
        self.functions.check()

    def wait_idle(self, timeout: float = 120.0) -> None:
        """Flush Firehose and wait until everything in the lake has come to rest.

        Raises:
            SandboxError: it has not done so after `timeout` seconds, or a function cannot start.
        """
        deadline = time.monotonic() + timeout
        while True:
            self.flush()
            self.check()
            waiting = {place: count for place, count in self._under_way().items() if count}
            if not waiting:
                return
            if time.monotonic() > deadline:
                places = ", ".join(f"{count} in {place}" for place, count in waiting.items())
                raise SandboxError(
                    f"records, objects or messages are still under way after {timeout:.0f} s "
                    f"({places}); the functions' logs are in {self.log_dir}"
                )
            time.sleep(_POLL_SECONDS)

    def _messages(self, queue: str) -> int:
        sqs = self.clients.sqs
        counts = sqs.get_queue_attributes(
            QueueUrl=sqs.get_queue_url(QueueName=queue)["QueueUrl"],
            AttributeNames=[
                "ApproximateNumberOfMessages",
                "ApproximateNumberOfMessagesNotVisible",
                "ApproximateNumberOfMessagesDelayed",
            ],
        )["Attributes"]
        return sum(map(int, counts.values()))

    def _administer(self, name: str) -> dict[str, Any]:
        if not self._ready:
            return {"endpoint": self.endpoint, "state": "starting"}
        if name == "flush":
            self.flush()
        elif name == "wait-idle":
            self.wait_idle()
        elif name.startswith("tick"):
            ticks = self.tick(name.removeprefix("tick").strip("/"))
            return {"ticks": [{"schedule": t.schedule, "failed": t.outcome.failed} for t in ticks]}
        elif name != "status":
            raise KeyError(name)
        return {
            "endpoint": self.endpoint,
            **self.resources.as_dict(),
            "in_flight": self.in_flight(),
            "ringing": [name for name, state in self.alarms().items() if state == "ALARM"],
        }


def _remove(
    directory: Path,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """Remove a temporary directory, unless an error names the logs in it."""
    del kind, trace
    if not isinstance(error, SandboxError):
        shutil.rmtree(directory)


def _set_alarm_state(name: str, state: str, reason: str) -> None:
    # In this process: SetAlarmState for each alarm of a new lake would take a quarter of a second.
    alarm = cloudwatch_backends[ACCOUNT][REGION].alarms.get(name)
    if alarm is not None:  # it may have been deleted meanwhile
        alarm.update_state(reason, "{}", state)


def _describe_stream(region: str, name: str) -> dict[str, Any] | None:
    # Read in this process: Firehose looks its stream up with every call.
    streams = firehose_backends[ACCOUNT][region]
    if name not in streams.delivery_streams:
        return None
    description: dict[str, Any] = streams.describe_delivery_stream(name)[
        "DeliveryStreamDescription"
    ]
    return description
