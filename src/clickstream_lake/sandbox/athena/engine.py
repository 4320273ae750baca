"""Runs Athena's statements over the tables that Glue describes, and says what Athena would bill."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_lake.sandbox.athena import billing
from clickstream_lake.sandbox.athena.dialect import connect
from clickstream_lake.sandbox.athena.engines import Engine
from clickstream_lake.sandbox.athena.rows import EmbeddedRows
from clickstream_lake.sandbox.athena.rules import trino_476 as rules
from clickstream_lake.sandbox.athena.scan import ScanPlan
from clickstream_lake.sandbox.athena.statements.model import (
    CreateTableAs,
    Insert,
    Query,
    Unload,
)
from clickstream_lake.sandbox.athena.statements.read import read_statement
from clickstream_lake.sandbox.athena.storage import TableStorage
from clickstream_lake.sandbox.athena.tables import GlueCatalog

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Estimate:
    """What a query would scan, found from Glue, listings, footers and indexes, without running it.

    Attributes:
        scans: one for each reference to a table.
        rules: the engine that is counted after.
    """

    scans: list[ScanPlan]
    rules: str = rules.NAME

    @property
    def is_exact(self) -> bool:
        """Whether running the query cannot show that it reads less."""
        return all(scan.is_exact for scan in self.scans)

    @property
    def bytes_scanned(self) -> int:
        """`DataScannedInBytes`, at most."""
        return sum(scan.bytes_scanned for scan in self.scans)

    @property
    def billed_bytes(self) -> int:
        """Rounded up as Athena charges them; 0 for statements that are free."""
        return billing.billed_bytes(self.bytes_scanned) if self.scans else 0


class QueryEngine(Engine):
    """Athena's statements on DuckDB.

    A query that reads no table is free here; every other SELECT is billed at least 10 MB.
    """

    concurrency = 4  # each query has a processor for itself

    def __init__(
        self, *, s3: "S3Client", glue: "GlueClient", cache_dir: Path | None = None
    ) -> None:
        """Keep what has been read in `cache_dir`, or in a temporary directory.

        Args:
            s3: a boto3 client.
            glue: a boto3 client.
            cache_dir: bytes by ETag, so that it may be shared and kept.
        """
        catalog, storage = GlueCatalog(glue), TableStorage(s3, cache_dir)
        self._rows = EmbeddedRows(catalog, storage)
        super().__init__(catalog, storage, self._rows)

    def estimate(self, sql: str, database: str = "default") -> Estimate:
        """Predict what a statement scans, reading listings, and Parquet footers and indexes.

        Raises:
            QueryError: it is not supported or wrong.
        """
        statement = read_statement(sql, database)
        if not isinstance(statement, (Query, CreateTableAs, Insert, Unload)):
            return Estimate([])
        with connect() as connection:
            _, scans = self._rows.plan(connection, statement.sql, database)
        return Estimate([scan for scan in scans if scan.scan.table.rows is None])
