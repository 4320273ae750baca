"""Athena's queries answered by a Trino: the same statements, what they read and cost included."""

from typing import TYPE_CHECKING, Final

import pyarrow as pa

from clickstream_lake.engine.errors import EngineError, StatementError
from clickstream_lake.sandbox.athena import billing
from clickstream_lake.sandbox.athena.engine import QueryResult
from clickstream_lake.sandbox.athena.engines import Stop
from clickstream_lake.sandbox.athena.statements import read_statement, run_metadata
from clickstream_lake.sandbox.athena.storage import TableStorage
from clickstream_lake.sandbox.athena.tables import GlueCatalog
from clickstream_lake.sandbox.athena.trino_values import printed, shown_type
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.engine.client import Answer, Client

# As Athena's default quota of active queries; each takes a thread that waits.
_CONCURRENT_QUERIES: Final = 25


class TrinoEngine:
    """Runs statements on a Trino. Safe to use from several threads."""

    concurrency = _CONCURRENT_QUERIES

    def __init__(self, client: "Client", *, s3: "S3Client", glue: "GlueClient") -> None:
        """Keep what is needed.

        Args:
            client: of a Trino over the same Glue and S3 as the other two.
            s3: a boto3 client.
            glue: a boto3 client.
        """
        self._client = client
        self._catalog = GlueCatalog(glue)
        self._storage = TableStorage(s3)

    def close(self) -> None:
        """Drop what is kept on disk."""
        self._storage.close()

    def query(self, sql: str, database: str, stop: Stop) -> QueryResult:
        """Run a statement of Trino's.

        Raises:
            QueryError: Trino refuses it, or fails in it, or it was stopped.
        """
        statement = self._client.statement(sql, schema=database)
        stop.on_request(statement.cancel)
        try:
            answer = statement.run()
        except StatementError as error:
            raise QueryError(error.name, error.message, user=error.kind == "USER_ERROR") from error
        except EngineError as error:
            raise QueryError("GENERIC_INTERNAL_ERROR", str(error), user=False) from error
        return _result(answer)

    def execute(
        self,
        sql: str,
        database: str = "default",
        *,
        new_table: str | None = None,
        stop: Stop | None = None,
    ) -> QueryResult:
        """Run one of Athena's statements.

        Raises:
            QueryError: it is wrong, the data fail it, or it was stopped.
        """
        del new_table
        try:
            statement = read_statement(sql)
        except QueryError:
            statement = None  # what only Trino knows
        if statement is not None:
            columns, table = run_metadata(statement, self._catalog, self._storage, database)
            return QueryResult(columns, ["string"] * len(columns), table, 0, 0, 0)
        return self.query(sql.rstrip().rstrip(";"), database, stop or Stop())


def _result(answer: "Answer") -> QueryResult:
    scanned = answer.physical_input_bytes
    # The number of rows that a statement wrote is no row of Athena's.
    columns = [] if answer.update_type else answer.columns
    shown = {
        f"c{place}": pa.array(
            [printed(row[place], column.signature) for row in answer.rows], pa.string()
        )
        for place, column in enumerate(columns)
    }
    return QueryResult(
        columns=[column.name for column in columns],
        types=[shown_type(column.signature) for column in columns],
        table=pa.table(shown),
        bytes_scanned=scanned,
        billed_bytes=billing.billed_bytes(scanned) if scanned else 0,
        engine_ms=answer.elapsed_ms - answer.queued_ms,
        update_count=answer.update_count or 0,
    )
