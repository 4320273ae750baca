"""Query executions: started, run in the background, watched and kept for the Athena API."""

import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.athena.results import as_text, column_info
from clickstream_lake.sandbox.athena.statements.model import Statement
from clickstream_lake.sandbox.athena.statements.read import read_statement
from clickstream_lake.sandbox.athena.statements.session import Stop
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    import pyarrow as pa

    from clickstream_lake.sandbox.athena.answer import QueryResult
    from clickstream_lake.sandbox.athena.engines import Engine
    from clickstream_lake.sandbox.athena.prepared import PreparedStatements

_USER_ERROR, _SYSTEM_ERROR = 2, 1  # Athena's error categories
_ENGINE = "Athena engine version 3"
_FINAL = {"SUCCEEDED", "FAILED", "CANCELLED"}


@dataclass
class Execution:
    """One run of one statement."""

    query: str
    database: str
    catalog: str
    workgroup: str
    output: str
    parameters: list[str] = field(default_factory=list)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str | None = None
    user_error: bool = True
    submitted: float = field(default_factory=time.time)
    started: float = 0.0
    completed: float | None = None
    result: "QueryResult | None" = None
    manifest: str | None = None
    stop: Stop = field(default_factory=Stop, repr=False)

    @property
    def is_final(self) -> bool:
        """Whether its state will never change again."""
        return self.state in _FINAL

    @cached_property
    def statement(self) -> Statement | None:
        """What it asks for; None if nobody can tell."""
        try:
            return read_statement(self.query, self.database)
        except QueryError:
            return None

    @property
    def kind(self) -> str:
        """`DDL`, `UTILITY` or `DML`, by which Athena chooses the result's format."""
        return self.statement.kind if self.statement else "DML"

    @property
    def location(self) -> str:
        """The URI of the result file: CSV for queries, plain text for the rest."""
        return f"{self.output}{self.id}.{'csv' if self.kind == 'DML' else 'txt'}"

    @cached_property
    def text(self) -> "pa.Table":
        """The result's values as Athena prints them; only once it has succeeded."""
        assert self.result is not None  # noqa: S101 - callers look at the state first
        return as_text(self.result.table)

    def columns(self) -> list[dict[str, Any]]:
        """Describe the result's columns."""
        assert self.result is not None  # noqa: S101 - callers look at the state first
        return [
            column_info(name, kind)
            for name, kind in zip(self.result.columns, self.result.types, strict=True)
        ]

    def describe(self) -> dict[str, Any]:
        """Show the execution as `GetQueryExecution` does."""
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed is not None:
            status["CompletionDateTime"] = self.completed
        if self.reason is not None:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            status["AthenaError"] = {
                "ErrorCategory": _USER_ERROR if self.user_error else _SYSTEM_ERROR,
                "ErrorType": 1 if self.user_error else 0,
                "Retryable": False,
                "ErrorMessage": self.reason,
            }
        described = {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.kind,
            "ResultConfiguration": {"OutputLocation": self.location},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {"Database": self.database, "Catalog": self.catalog},
            "Status": status,
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": {
                "SelectedEngineVersion": "AUTO",
                "EffectiveEngineVersion": _ENGINE,
            },
            "SubstatementType": self._substatement(),
        }
        return described | ({"ExecutionParameters": self.parameters} if self.parameters else {})

    def _substatement(self) -> str:
        if self.statement is None:
            return ""
        return self.statement.substatement or getattr(self.statement, "verb", "")

    def _statistics(self) -> dict[str, Any]:
        now = self.completed or time.time()
        engine = self.result.engine_ms if self.result else 0
        total = round((now - self.submitted) * 1000)
        queued = round(max(0.0, (self.started or now) - self.submitted) * 1000)
        statistics: dict[str, Any] = {
            "EngineExecutionTimeInMillis": engine,
            "DataScannedInBytes": self.result.bytes_scanned if self.result else 0,
            "TotalExecutionTimeInMillis": total,
            "QueryQueueTimeInMillis": queued,
            "ServiceProcessingTimeInMillis": max(0, total - engine - queued),
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }
        return statistics | ({"DataManifestLocation": self.manifest} if self.manifest else {})


class Executions:
    """All executions of one API, newest last; safe to use from several threads."""

    def __init__(
        self,
        engine: "Engine",
        publish: Callable[[Execution], None],
        prepared: "PreparedStatements",
    ) -> None:
        """Run statements on `engine`, and let `publish` write the files of each result."""
        self._engine = engine
        self._publish = publish
        self._pool = ThreadPoolExecutor(engine.concurrency, thread_name_prefix="athena")
        self._all: dict[str, Execution] = {}
        self._futures: dict[str, Future[None]] = {}
        self._by_token: dict[str, str] = {}
        self._prepared = prepared
        self._lock = threading.Lock()

    def start(self, execution: Execution, token: str | None, sql: str) -> str:
        """Queue an execution; a known token gives the execution that it started.

        Args:
            execution: as the client asked for it.
            token: the client's idempotency token.
            sql: the statement with its parameters filled in.
        """
        with self._lock:
            if token is not None and token in self._by_token:
                return self._by_token[token]
            self._all[execution.id] = execution
            if token is not None:
                self._by_token[token] = execution.id
            self._futures[execution.id] = self._pool.submit(self._run, execution, sql)
        return execution.id

    def get(self, execution_id: str) -> Execution | None:
        """Find an execution."""
        return self._all.get(execution_id)

    def of_workgroup(self, workgroup: str) -> list[Execution]:
        """List a workgroup's executions, newest first."""
        with self._lock:
            return [one for one in reversed(self._all.values()) if one.workgroup == workgroup]

    def stop(self, execution: Execution) -> None:
        """Cancel an execution, in the engine as well; what it still computes is thrown away."""
        with self._lock:
            if execution.is_final:
                return
            self._futures[execution.id].cancel()
            execution.completed = time.time()
            execution.state = "CANCELLED"
        execution.stop.request()

    def close(self) -> None:
        """Stop what runs or waits, and start no more."""
        for execution in [*self._all.values()]:
            self.stop(execution)
        self._pool.shutdown(cancel_futures=True)

    def _run(self, execution: Execution, sql: str) -> None:
        with self._lock:
            if execution.is_final:
                return
            execution.state = "RUNNING"
            execution.started = time.time()
        try:
            execution.result = self._engine.execute(
                sql,
                execution.database,
                new_table=f"{execution.output}tables/{execution.id}/",
                workgroup=execution.workgroup,
                prepared=self._prepared,
                stop=execution.stop,
            )
            if not execution.is_final:
                self._publish(execution)
        except QueryError as error:
            self._finish(execution, "FAILED", str(error), user=error.user)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong, the client must hear of it
            reason = f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
            self._finish(execution, "FAILED", reason, user=False)
        else:
            self._finish(execution, "SUCCEEDED", None)

    def _finish(
        self, execution: Execution, state: str, reason: str | None, *, user: bool = True
    ) -> None:
        with self._lock:
            if execution.is_final:
                return
            execution.reason = reason
            execution.user_error = user
            execution.completed = time.time()
            execution.state = state
