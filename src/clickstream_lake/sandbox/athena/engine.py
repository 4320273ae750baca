"""Runs Athena's statements over the tables that Glue describes, and says what Athena would bill."""

import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from clickstream_lake.sandbox.athena import billing
from clickstream_lake.sandbox.athena.create_table import check_free, read_create, store
from clickstream_lake.sandbox.athena.dialect import connect, explain_failure, parse, to_duckdb
from clickstream_lake.sandbox.athena.engines import Stop
from clickstream_lake.sandbox.athena.plan import SelectPlan, plan_select
from clickstream_lake.sandbox.athena.scan import ScanPlan, ScanPlanner, load
from clickstream_lake.sandbox.athena.statements import read_statement, run_metadata
from clickstream_lake.sandbox.athena.storage import TableStorage
from clickstream_lake.sandbox.athena.tables import GlueCatalog, result_type

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from sqlglot import exp


@dataclass(frozen=True)
class QueryResult:
    """The answer to a statement.

    Attributes:
        columns: output names, lower case, `_colN` where the statement gives none.
        types: their types, as Athena's `ColumnInfo.Type` spells them.
        table: the rows, as Arrow holds them; its own column names mean nothing.
        bytes_scanned: `DataScannedInBytes`.
        billed_bytes: rounded up as Athena charges them; 0 for statements that are free.
        engine_ms: time spent, in milliseconds.
        written: URIs of the files of a table that the statement made.
        update_count: rows that the statement wrote.
    """

    columns: list[str]
    types: list[str]
    table: pa.Table
    bytes_scanned: int
    billed_bytes: int
    engine_ms: int
    written: tuple[str, ...] = ()
    update_count: int = 0

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as Python values; a timestamp with time zone is an aware datetime."""
        columns = [column.to_pylist() for column in self.table.columns]
        return list(zip(*columns, strict=True))

    @property
    def dollars(self) -> float:
        """The price of this query on AWS, in US dollars."""
        return billing.dollars(self.billed_bytes)


@dataclass(frozen=True)
class Estimate:
    """What a query would scan, found from Glue, listings and footers, without running it.

    Attributes:
        scans: one for each reference to a table.
    """

    scans: list[ScanPlan]

    @property
    def bytes_scanned(self) -> int:
        """`DataScannedInBytes`, as predicted."""
        return sum(scan.bytes_scanned for scan in self.scans)

    @property
    def billed_bytes(self) -> int:
        """Rounded up as Athena charges them; 0 for statements that are free."""
        return billing.billed_bytes(self.bytes_scanned) if self.scans else 0

    @property
    def dollars(self) -> float:
        """The predicted price, in US dollars."""
        return billing.dollars(self.billed_bytes)


class QueryEngine:
    """Athena's statements over any endpoint's Glue and S3. Safe to use from several threads.

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
        self._catalog = GlueCatalog(glue)
        self._storage = TableStorage(s3, cache_dir)

    def close(self) -> None:
        """Drop the temporary cache, if there is one."""
        self._storage.close()

    def query(self, sql: str, database: str, stop: Stop) -> QueryResult:
        """Run a query.

        Raises:
            QueryError: it is not supported, is wrong, or the data fail it as in Athena.
        """
        return self.execute(sql, database, stop=stop)

    def execute(
        self,
        sql: str,
        database: str = "default",
        *,
        new_table: str | None = None,
        stop: Stop | None = None,
    ) -> QueryResult:
        """Run one statement.

        Args:
            sql: in Athena's dialect.
            database: the database of tables that the statement does not qualify.
            new_table: URI where CREATE TABLE … AS puts files if the statement does not say.
            stop: says when to end early.

        Raises:
            QueryError: it is not supported, is wrong, or the data fail it as in Athena.
        """
        started = time.perf_counter()
        statement = read_statement(sql)
        if statement is not None:
            columns, table = run_metadata(statement, self._catalog, self._storage, database)
            return QueryResult(columns, ["string"] * len(columns), table, 0, 0, _since(started))
        tree = parse(sql)
        new = read_create(tree, database, new_table)
        if new is not None:
            check_free(new, self._catalog, self._storage)
        with connect() as connection:
            select, scans = self._plan(connection, new.query if new else tree, database)
            for scan in scans:
                connection.register(scan.scan.name, load(scan, self._storage))
            if stop is not None:
                stop.on_request(partial(_interrupt, connection))
            table = _run(connection, select)
        scanned = Estimate(scans)
        if new is not None:
            written = store(new, select.names, table, self._catalog, self._storage)
            return QueryResult(
                [],
                [],
                pa.table({}),
                scanned.bytes_scanned,
                scanned.billed_bytes,
                _since(started),
                tuple(written),
            )
        return QueryResult(
            columns=select.names,
            types=[result_type(column.type) for column in table.columns],
            table=table,
            bytes_scanned=scanned.bytes_scanned,
            billed_bytes=scanned.billed_bytes,
            engine_ms=_since(started),
        )

    def estimate(self, sql: str, database: str = "default") -> Estimate:
        """Predict what a statement scans, reading no more than listings and Parquet footers.

        Raises:
            QueryError: it is not supported or wrong.
        """
        if read_statement(sql) is not None:
            return Estimate([])
        tree = parse(sql)
        new = read_create(tree, database, "s3://unused/")
        with connect() as connection:
            _, scans = self._plan(connection, new.query if new else tree, database)
        return Estimate(scans)

    def _plan(
        self, connection: duckdb.DuckDBPyConnection, tree: "exp.Expr", database: str
    ) -> tuple[SelectPlan, list[ScanPlan]]:
        select = plan_select(tree, database, self._catalog.table)
        planner = ScanPlanner(self._catalog, self._storage, connection)
        try:
            return select, [planner.plan(scan) for scan in select.scans]
        except duckdb.Error as error:
            raise explain_failure(error) from error


def _run(connection: duckdb.DuckDBPyConnection, select: SelectPlan) -> pa.Table:
    names = [f"c{index}" for index in range(len(select.names))]
    sql = f"SELECT * FROM ({to_duckdb(select.tree)}) AS answer({', '.join(names)})"  # noqa: S608 - built from a parsed tree
    try:
        answer = connection.sql(sql)
        outputs = ", ".join(map(_as_trino, names, answer.types))
        return answer.project(outputs).to_arrow_table()
    except duckdb.Error as error:
        raise explain_failure(error) from error


def _interrupt(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # it is closed once the query has ended
        connection.interrupt()


def _as_trino(name: str, kind: object) -> str:
    """Give a result column the type Trino has for it: no integer is wider than bigint."""
    return f"CAST({name} AS BIGINT)" if str(kind) in {"HUGEINT", "UBIGINT", "UHUGEINT"} else name


def _since(started: float) -> int:
    return round((time.perf_counter() - started) * 1000)
