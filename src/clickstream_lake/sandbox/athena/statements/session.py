"""What surrounds a statement, and what an engine has to do for it."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.answer import QueryResult
    from clickstream_lake.sandbox.athena.statements.model import (
        CreateTableAs,
        Explain,
        Insert,
        ShowEngine,
        Statement,
        Unload,
    )


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


class Prepared(Protocol):
    """Keeps prepared statements, by workgroup and name."""

    def query(self, workgroup: str, name: str) -> str | None:
        """Give a statement's text, or None if there is none of that name."""
        ...

    def put(self, workgroup: str, name: str, query: str) -> None:
        """Keep a statement, in place of one of its name."""
        ...

    def drop(self, workgroup: str, name: str) -> bool:
        """Forget a statement; tell whether it was there."""
        ...


@dataclass(frozen=True)
class Session:
    """What surrounds a statement.

    Attributes:
        database: where names that are not qualified belong.
        new_table: URI where a new table's files go unless the statement says.
        workgroup: whose prepared statements these are.
        stop: says when to end early.
    """

    prepared: Prepared
    database: str = "default"
    new_table: str | None = None
    workgroup: str = "primary"
    stop: Stop = field(default_factory=Stop)


class RowEngine(Protocol):
    """What reads and writes rows. Each call may raise QueryError."""

    def query(self, sql: str, session: Session) -> "QueryResult":
        """Answer a query."""
        ...

    def outputs(self, sql: str, session: Session) -> Sequence[tuple[str, str]]:
        """Tell the names and Trino types of a query's outputs, without running it."""
        ...

    def create_table_as(self, statement: "CreateTableAs", session: Session) -> "QueryResult":
        """Write a query's rows into a new table."""
        ...

    def insert(self, statement: "Insert", session: Session) -> "QueryResult":
        """Write a query's rows into a table."""
        ...

    def unload(self, statement: "Unload", session: Session) -> "QueryResult":
        """Write a query's rows into files."""
        ...

    def explain(self, statement: "Explain", session: Session) -> "QueryResult":
        """Tell how a statement would be carried out."""
        ...

    def show(self, statement: "ShowEngine", session: "Session") -> "QueryResult":
        """Tell what the engine knows."""
        ...

    def iceberg(self, statement: "Statement", session: Session) -> "QueryResult":
        """Carry out what only an Iceberg table can have done to it."""
        ...
