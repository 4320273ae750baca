"""What a query engine does for the Athena API: the embedded one, or a Trino."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.answer import QueryResult
    from clickstream_lake.sandbox.athena.statements.session import Prepared


class Stop:
    """A client's wish that its query ends, which an engine hears of in its own way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requested = False
        self._act: Callable[[], None] | None = None

    def request(self) -> None:
        """Wish it. The query ends with an error soon, or has ended already."""
        with self._lock:
            self._requested = True
            act = self._act
        if act:
            act()

    def on_request(self, act: Callable[[], None]) -> None:
        """Call this when it is wished, from the client's thread; now if it is already.

        Args:
            act: makes the query end; does nothing once it has.
        """
        with self._lock:
            self._act = act
            requested = self._requested
        if requested:
            act()


class Engine(Protocol):
    """Runs statements; safe to use from several threads."""

    @property
    def concurrency(self) -> int:
        """How many queries run at the same time; others wait."""
        ...

    def execute(
        self,
        sql: str,
        database: str = "default",
        *,
        new_table: str | None = None,
        workgroup: str = "primary",
        prepared: "Prepared | None" = None,
        stop: Stop | None = None,
    ) -> "QueryResult":
        """Run one of Athena's statements.

        Args:
            sql: in Athena's dialect.
            database: the database of tables that the statement does not qualify.
            new_table: URI where CREATE TABLE … AS puts files if the statement does not say.
            workgroup: whose prepared statements these are.
            prepared: keeps them; without it, the engine does.
            stop: says when to end early.

        Raises:
            QueryError: it is not supported, is wrong, the data fail it, or it was stopped.
        """
        ...
