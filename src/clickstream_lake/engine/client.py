"""Asks an engine: a statement in, columns, raw rows and statistics out, over Trino's HTTP protocol.

Trino's own client for Python would turn values into Python's; here they stay as Trino writes them.
"""

import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Self

import urllib3

from clickstream_lake.engine.errors import EngineError, StatementError

# Without it, times have milliseconds and types no precision.
_CAPABILITIES: Final = "PARAMETRIC_DATETIME"
_CONNECTIONS: Final = 64
_NODE_SECONDS: Final = 30.0
_NODE_POLL_SECONDS: Final = 0.2
# Trino answers these while it is busy; the answer's sequence number makes asking again safe.
_AGAIN: Final = urllib3.Retry(
    total=8,
    connect=0,
    status_forcelist=(429, 502, 503, 504),
    allowed_methods=None,
    backoff_factor=0.1,
    raise_on_status=False,
)
CATALOG: Final = "awsdatacatalog"
"""Athena's name of Glue's tables, which the engine gives them, too."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer.

    Attributes:
        type: as Trino spells it: `timestamp(3) with time zone`, `array(row("x" integer))`.
        signature: the same as a tree: `rawType`, and `arguments`, each with `kind` and `value`.
    """

    name: str
    type: str
    signature: dict[str, Any] = field(repr=False, compare=False)

    @classmethod
    def read(cls, described: dict[str, Any]) -> Self:
        """Read a column of an answer."""
        return cls(described["name"], described["type"], described["typeSignature"])


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a statement.

    Attributes:
        rows: values as JSON has them: whole numbers, and text for decimals, times and NaN.
        update_type: what a statement that is no query did, such as `CREATE TABLE`.
        update_count: rows that it wrote, where it says so.
        statistics: Trino's own, of the whole statement.
    """

    query_id: str
    columns: list[Column]
    rows: list[list[Any]]
    update_type: str | None
    update_count: int | None
    statistics: dict[str, Any] = field(repr=False)

    @property
    def physical_input_bytes(self) -> int:
        """Bytes that were read from storage."""
        return int(self.statistics.get("physicalInputBytes", 0))

    @property
    def processed_rows(self) -> int:
        """Rows that were read."""
        return int(self.statistics.get("processedRows", 0))

    @property
    def elapsed_ms(self) -> int:
        """From arrival to end, in milliseconds, with the time in the queue."""
        return int(self.statistics.get("elapsedTimeMillis", 0))

    @property
    def queued_ms(self) -> int:
        """How long it waited to be run, in milliseconds."""
        return int(self.statistics.get("queuedTimeMillis", 0))

    @property
    def cpu_ms(self) -> int:
        """Processor time of all its tasks, in milliseconds."""
        return int(self.statistics.get("cpuTimeMillis", 0))


class Client:
    """A way to one engine; safe to use from several threads."""

    def __init__(self, endpoint: str, *, user: str = "clickstream") -> None:
        """Keep the way; nothing is sent yet.

        Args:
            endpoint: for instance `http://127.0.0.1:8080`.
            user: the name that Trino is given.
        """
        self.endpoint = endpoint
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS, retries=_AGAIN)
        self._headers = {
            "X-Trino-User": user,
            "X-Trino-Source": "clickstream",
            "X-Trino-Time-Zone": "UTC",
            "X-Trino-Client-Capabilities": _CAPABILITIES,
        }

    def run(self, sql: str, **options: Any) -> Answer:  # noqa: ANN401 - those of `statement`
        """Run a statement to its end; the options are those of `statement`.

        Raises:
            StatementError: Trino says so.
            EngineError: the engine cannot be reached.
        """
        return self.statement(sql, **options).run()

    def statement(
        self,
        sql: str,
        *,
        schema: str | None = None,
        catalog: str | None = None,
        session: dict[str, str] | None = None,
    ) -> "Statement":
        """Prepare to run a statement.

        Args:
            sql: in Trino's dialect, without a semicolon.
            schema: the schema of tables that the statement does not qualify.
            catalog: their catalog; by default the server's, `awsdatacatalog`.
            session: session properties, by name.
        """
        headers = dict(self._headers)
        if schema is not None:
            headers |= {"X-Trino-Schema": schema, "X-Trino-Catalog": catalog or CATALOG}
        elif catalog is not None:
            headers["X-Trino-Catalog"] = catalog
        if session:
            headers["X-Trino-Session"] = ",".join(f"{k}={v}" for k, v in session.items())
        return Statement(self, sql, headers)

    def is_ready(self) -> bool:
        """Whether the engine runs statements; False while it starts.

        Raises:
            EngineError: it does not answer at all.
        """
        if self.call("GET", f"{self.endpoint}/v1/info", headers=self._headers)["starting"]:
            return False
        self.run("SELECT 1")  # fails until the server has found itself as its own worker
        return True

    def close(self) -> None:
        """Close the connections."""
        self._pool.clear()

    def call(
        self, method: str, url: str, *, headers: dict[str, str], body: bytes | None = None
    ) -> dict[str, Any]:
        """Send one request of the protocol, and read its answer.

        Raises:
            EngineError: the engine does not answer, or not as the protocol has it.
        """
        try:
            response = self._pool.request(method, url, headers=headers, body=body)
        except urllib3.exceptions.HTTPError as error:
            raise EngineError(f"the engine at {self.endpoint} does not answer: {error}") from error
        if response.status == HTTPStatus.NO_CONTENT:
            return {}
        if response.status != HTTPStatus.OK:
            text = response.data.decode(errors="replace")[:500]
            raise EngineError(f"the engine at {self.endpoint} said {response.status}: {text}")
        answer: dict[str, Any] = response.json()
        return answer


class Statement:
    """One statement: run by one thread, and stopped by any."""

    def __init__(self, client: Client, sql: str, headers: dict[str, str]) -> None:
        """Keep what is to be sent."""
        self._client = client
        self._sql = sql
        self._headers = headers
        self._cancelled = threading.Event()
        self._next: str | None = None

    def run(self) -> Answer:
        """Run to the end.

        Raises:
            StatementError: Trino says so, or the statement was cancelled.
            EngineError: the engine cannot be reached.
        """
        # A server that has just started answers before it knows which catalogs its only node has.
        # Such a statement has done nothing.
        patience = time.monotonic() + _NODE_SECONDS
        while True:
            try:
                return self._once()
            except StatementError as error:
                if error.name != "NO_NODES_AVAILABLE" or time.monotonic() > patience:
                    raise
            if self._cancelled.wait(_NODE_POLL_SECONDS):
                raise _cancelled()

    def _once(self) -> Answer:
        call = self._client.call
        answer = call(
            "POST",
            f"{self._client.endpoint}/v1/statement",
            headers=self._headers,
            body=self._sql.encode(),
        )
        columns: list[Column] = []
        rows: list[list[Any]] = []
        while True:
            if described := answer.get("columns"):
                columns = [
                    Column(one["name"], one["type"], one["typeSignature"]) for one in described
                ]
            rows += answer.get("data") or []
            if error := answer.get("error"):
                raise StatementError.read(error)
            self._next = answer.get("nextUri")
            if self._next is None:
                break
            # Looked at after the place to cancel is known: a cancel before that finds none.
            if self._cancelled.is_set():
                call("DELETE", self._next, headers=self._headers)
                raise _cancelled()
            try:
                answer = call("GET", self._next, headers=self._headers)
            except EngineError:
                if self._cancelled.is_set():  # a cancelled query is soon forgotten
                    raise _cancelled() from None
                raise
        return Answer(
            answer["id"],
            columns,
            rows,
            answer.get("updateType"),
            answer.get("updateCount"),
            answer["stats"],
        )

    def cancel(self) -> None:
        """Stop it in the engine; `run` ends with the error USER_CANCELED, if it had not ended.

        Raises:
            EngineError: the engine cannot be reached.
        """
        self._cancelled.set()
        if place := self._next:
            self._client.call("DELETE", place, headers=self._headers)


def _cancelled() -> StatementError:
    return StatementError("USER_CANCELED", "USER_ERROR", "Query was canceled", None, None)
