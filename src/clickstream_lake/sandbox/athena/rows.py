"""Rows that the embedded engine reads and writes: DuckDB over the tables that Glue describes."""

import time
from contextlib import nullcontext, suppress
from functools import partial

import duckdb
import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from clickstream_lake.sandbox.athena import billing
from clickstream_lake.sandbox.athena.answer import QueryResult
from clickstream_lake.sandbox.athena.dialect import connect, explain_failure, parse
from clickstream_lake.sandbox.athena.metadata_tables import metadata_table
from clickstream_lake.sandbox.athena.plan import (
    Scan,
    SelectPlan,
    inline_common_tables,
    plan_select,
)
from clickstream_lake.sandbox.athena.scan import ScanPlan, ScanPlanner, count, load, source_of
from clickstream_lake.sandbox.athena.statements.embedded import EmbeddedWriter
from clickstream_lake.sandbox.athena.statements.model import (
    CreateTableAs,
    Explain,
    Insert,
    Query,
    ShowEngine,
    Statement,
    Unload,
)
from clickstream_lake.sandbox.athena.statements.session import Session
from clickstream_lake.sandbox.athena.statements.tokens import CATALOG
from clickstream_lake.sandbox.athena.statements.views import inline_views
from clickstream_lake.sandbox.athena.storage import TableStorage
from clickstream_lake.sandbox.athena.tables import (
    ELSEWHERE,
    HIDDEN,
    GlueCatalog,
    Table,
    trino_type,
)
from clickstream_lake.sandbox.athena.translate import translate
from clickstream_lake.sandbox.athena.translate.answers import athena_type, shown_value
from clickstream_lake.sandbox.athena.translate.runtime import unswallowed
from clickstream_lake.sandbox.athena.translate.types import Type
from clickstream_lake.sandbox.errors import QueryError, not_supported


class EmbeddedRows:
    """What the embedded engine does for a statement: DuckDB reads, pyarrow writes."""

    def __init__(self, catalog: GlueCatalog, storage: TableStorage) -> None:
        """Read and write the tables of one catalog."""
        self._catalog = catalog
        self._storage = storage
        self._writer = EmbeddedWriter(catalog, storage, self.query)
        self.create_table_as = self._writer.create_table_as
        self.insert = self._writer.insert
        self.unload = self._writer.unload

    def query(self, sql: str, session: Session) -> QueryResult:
        """Answer a query.

        Raises:
            QueryError: it is not supported, is wrong, or the data fail it as in Athena.
        """
        started = time.perf_counter()
        with connect() as connection:
            select, scans = self.plan(connection, sql, session.database)
            for scan in scans:
                connection.register(scan.scan.name, load(scan, self._storage))
            session.stop.on_request(partial(_interrupt, connection))
            table, kinds = _run(connection, select)
            scanned = sum(count(scan, connection) for scan in scans)
        reads = any(scan.scan.table.rows is None for scan in scans)
        return QueryResult(
            columns=select.names,
            types=list(map(athena_type, kinds)),
            table=table,
            bytes_scanned=scanned,
            billed_bytes=billing.billed_bytes(scanned) if reads else 0,
            engine_ms=round((time.perf_counter() - started) * 1000),
        )

    def outputs(self, sql: str, session: Session) -> list[tuple[str, str]]:
        """Tell the names and Trino types of a query's outputs, without reading a file.

        Raises:
            QueryError: it is not supported or wrong.
        """
        with connect() as connection:
            select = self._select(sql, session.database)
            for scan in select.scans:
                connection.execute(_empty_view(scan))
            _, kinds = _run(connection, select)
        return list(zip(select.names, map(str, kinds), strict=True))

    def explain(self, statement: Explain, session: Session) -> QueryResult:
        """Tell what a statement reads; ANALYZE runs it as well.

        Raises:
            QueryError: it is not supported or wrong.
        """
        of = statement.of
        if not isinstance(of, (Query, CreateTableAs, Insert, Unload)):
            raise not_supported(f"EXPLAIN of {of.substatement} {ELSEWHERE}")
        if statement.options.get("type", "VALIDATE") != "VALIDATE":
            raise not_supported(f"EXPLAIN of TYPE {statement.options['type']} {ELSEWHERE}")
        if statement.options.get("format", "TEXT") != "TEXT":
            raise not_supported(f"EXPLAIN in FORMAT {statement.options['format']} {ELSEWHERE}")
        with connect() as connection:
            _, scans = self.plan(connection, of.sql, session.database)
        if statement.options.get("type") == "VALIDATE":
            return QueryResult(["Valid"], ["boolean"], pa.table({"c0": pa.array([True])}))
        lines, answer = _explained(scans), None
        if statement.analyze:
            if not isinstance(of, Query):
                raise not_supported(f"EXPLAIN ANALYZE of {of.substatement} {ELSEWHERE}")
            answer = self.query(of.sql, session)
            lines += [f"Ran in {answer.engine_ms} ms: {answer.table.num_rows} rows"]
        return QueryResult(
            ["Query Plan"],
            ["varchar"],
            pa.table({"c0": pa.array(lines, pa.string())}),
            answer.bytes_scanned if answer else 0,
            answer.billed_bytes if answer else 0,
        )

    def show(self, statement: ShowEngine, session: Session) -> QueryResult:
        """Name the one catalog that there is.

        Raises:
            QueryError: something else is to be shown.
        """
        del session
        if statement.sql.upper() != "SHOW CATALOGS":
            raise not_supported(f"{statement.verb.replace('_', ' ')} {ELSEWHERE}")
        return QueryResult(
            ["Catalog"], ["varchar"], pa.table({"c0": pa.array([CATALOG], pa.string())})
        )

    def iceberg(self, statement: Statement, session: Session) -> QueryResult:
        """Refuse: the embedded engine knows no Iceberg.

        Raises:
            QueryError: always.
        """
        del session
        what = (statement.substatement or getattr(statement, "verb", "")).replace("_", " ")
        raise not_supported(f"{what} of an Iceberg table {ELSEWHERE}")

    def plan(
        self, connection: duckdb.DuckDBPyConnection, sql: str, database: str
    ) -> tuple[SelectPlan, list[ScanPlan]]:
        """Find what a query reads.

        Raises:
            QueryError: it is not supported or wrong.
        """
        select = self._select(sql, database)
        _check(select)
        planner = ScanPlanner(self._catalog, self._storage, connection)
        try:
            return select, [planner.plan(scan) for scan in select.scans]
        except duckdb.Error as error:
            raise explain_failure(error) from error

    def _select(self, sql: str, database: str) -> SelectPlan:
        tree = inline_views(_parsed(sql), database, self._catalog, _parsed)
        try:
            return plan_select(tree, database, self._table)
        except SqlglotError as error:
            first = str(error).split("\n", maxsplit=1)[0]
            raise QueryError("SYNTAX_ERROR", first) from error

    def _table(self, database: str, name: str) -> Table:
        return metadata_table(self._catalog, database, name) or self._catalog.table(database, name)


def _parsed(sql: str) -> "exp.Expr":
    tree = parse(sql)
    if isinstance(tree, exp.Values):
        names = [f"_col{place}" for place, _ in enumerate(tree.expressions[0].expressions)]
        tree = exp.select("*").from_(exp.alias_(tree, "rows", table=names, copy=False))
    if not isinstance(tree, exp.Query):
        found = sql.split(maxsplit=1)[0]
        raise QueryError(
            "SYNTAX_ERROR", f"line 1:1: mismatched input '{found}'. Expecting: <query>"
        )
    return inline_common_tables(tree)


def _interrupt(connection: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # it is closed once the query has ended
        connection.interrupt()


def _run(connection: duckdb.DuckDBPyConnection, select: SelectPlan) -> tuple[pa.Table, list[Type]]:
    query = translate(select.tree, {scan.name: source_of(scan) for scan in select.scans})
    names = [f"c{index}" for index in range(len(select.names))]
    shown = ", ".join(map(shown_value, names, query.types))
    sql = f"SELECT {shown} FROM ({query.sql}) AS answer({', '.join(names)})"  # noqa: S608 - built from a parsed tree
    try:
        with unswallowed() if "TRY(" in sql else nullcontext():
            table = connection.sql(sql).to_arrow_table()
    except duckdb.Error as error:
        raise explain_failure(error) from error
    return table, query.types


def _check(select: SelectPlan) -> None:
    """Find what is wrong with a query before a file is read; what is not supported, is found later.

    Raises:
        QueryError: it is wrong.
    """
    try:
        translate(select.tree, {scan.name: source_of(scan) for scan in select.scans})
    except QueryError as error:
        if error.code != "NOT_SUPPORTED":
            raise


def _empty_view(scan: Scan) -> str:
    """Define an empty table for a scan, whose columns have the declared types."""
    types = {column.name: trino_type(column.type) for column in (*scan.columns, *scan.keys)}
    types |= {name: HIDDEN[name] for name in scan.hidden}
    outputs = [
        exp.alias_(exp.cast(exp.null(), kind, dialect="trino"), name, quoted=True)
        for name, kind in types.items()
    ]
    select = exp.select(*(outputs or [exp.alias_(exp.null(), "nothing")])).limit(0)
    return f'CREATE TEMP VIEW "{scan.name}" AS {select.sql("duckdb")}'


def _explained(scans: list[ScanPlan]) -> list[str]:
    lines = [
        "What the embedded engine reads. For Athena's own plan: use --athena trino.",
        f"Bytes scanned, at most: {sum(scan.bytes_scanned for scan in scans)}",
    ]
    for plan in scans:
        table = plan.scan.table
        names = [column.name for column in (*plan.scan.columns, *plan.scan.keys)]
        lines += ["", f"Scan {table.database}.{table.name} [{', '.join(names)}]"]
        lines += [
            f"    where {predicate.sql(dialect='trino')}" for predicate in plan.scan.predicates
        ]
        lines.append(
            f"    {plan.partitions} partitions, {len(plan.files)} files, {plan.bytes_scanned} bytes"
        )
        for file in plan.files:
            groups = f", row groups {len(file.row_groups)} of {file.row_group_count}"
            lines.append(
                f"    {file.file.uri}: {file.bytes_scanned} of {file.file.size} bytes"
                + (groups if file.row_group_count else "")
            )
    return lines
