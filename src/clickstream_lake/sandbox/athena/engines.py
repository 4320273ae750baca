"""Athena's statements over any endpoint's Glue and S3, on either engine."""

import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from clickstream_lake.sandbox.athena.prepared import PreparedStatements
from clickstream_lake.sandbox.athena.statements.run import Statements
from clickstream_lake.sandbox.athena.statements.session import Session, Stop
from clickstream_lake.sandbox.athena.workgroups import Workgroups

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.answer import QueryResult
    from clickstream_lake.sandbox.athena.statements.session import Prepared, RowEngine
    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog


class Engine:
    """Runs statements. Safe to use from several threads.

    Attributes:
        concurrency: how many queries run at the same time; others wait.
    """

    concurrency: ClassVar[int]

    def __init__(self, catalog: "GlueCatalog", storage: "TableStorage", rows: "RowEngine") -> None:
        """Use Glue and S3 for what they can do, and `rows` for the rest."""
        self._storage = storage
        self._prepared = PreparedStatements(Workgroups())
        self._statements = Statements(catalog, storage, rows)

    def close(self) -> None:
        """Drop what is kept on disk."""
        self._storage.close()

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
        """Run one statement.

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
        started = time.perf_counter()
        session = Session(
            prepared or self._prepared, database, new_table, workgroup, stop or Stop()
        )
        answer = self._statements.run(sql, session)
        took = round((time.perf_counter() - started) * 1000)
        return replace(answer, engine_ms=answer.engine_ms or took)
