"""What surrounds a statement, and what an engine has to do for it."""

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from clickstream_lake.sandbox.athena.engines import Stop

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.answer import QueryResult
    from clickstream_lake.sandbox.athena.statements.model import (
        CreateTableAs,
        Explain,
        Insert,
        Statement,
        Unload,
    )


@dataclass(frozen=True)
class Session:
    """What surrounds a statement.

    Attributes:
        database: where names that are not qualified belong.
        new_table: URI where a new table's files go unless the statement says.
        prepared: the workgroup's prepared statements, text by name.
        stop: says when to end early.
    """

    database: str = "default"
    new_table: str | None = None
    prepared: MutableMapping[str, str] = field(default_factory=dict)
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

    def iceberg(self, statement: "Statement", session: Session) -> "QueryResult":
        """Carry out what only an Iceberg table can have done to it."""
        ...
