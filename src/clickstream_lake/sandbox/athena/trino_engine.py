"""Athena's queries answered by a Trino: the same statements, what they read and cost included."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import pyarrow as pa

from clickstream_lake.engine.errors import EngineError, StatementError
from clickstream_lake.sandbox.athena import billing
from clickstream_lake.sandbox.athena.answer import QueryResult
from clickstream_lake.sandbox.athena.engines import Engine
from clickstream_lake.sandbox.athena.statements.session import Session
from clickstream_lake.sandbox.athena.statements.trino import TrinoRows
from clickstream_lake.sandbox.athena.storage import TableStorage
from clickstream_lake.sandbox.athena.tables import GlueCatalog
from clickstream_lake.sandbox.athena.trino_values import printed, shown_type
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.engine.client import Answer, Client

# One node does no more at once; what waits here cannot run into Trino's own time limits.
_CONCURRENT_QUERIES: Final = max(4, 2 * (os.cpu_count() or 1))


class TrinoEngine(Engine):
    """Athena's statements on a Trino."""

    concurrency = _CONCURRENT_QUERIES

    def __init__(self, client: "Client", *, s3: "S3Client", glue: "GlueClient") -> None:
        """Keep what is needed.

        Args:
            client: of a Trino over the same Glue and S3 as the other two.
            s3: a boto3 client.
            glue: a boto3 client.
        """
        self._client = client
        catalog, storage = GlueCatalog(glue), TableStorage(s3)
        super().__init__(catalog, storage, TrinoRows(catalog, storage, self._ask, _result))

    def _ask(self, sql: str, session: Session, properties: Mapping[str, str]) -> "Answer":
        statement = self._client.statement(
            sql, schema=session.database, session=dict(properties) or None
        )
        session.stop.on_request(statement.cancel)
        try:
            return statement.run()
        except StatementError as error:
            raise QueryError(error.name, error.message, user=error.kind == "USER_ERROR") from error
        except EngineError as error:
            raise QueryError("GENERIC_INTERNAL_ERROR", str(error), user=False) from error


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
