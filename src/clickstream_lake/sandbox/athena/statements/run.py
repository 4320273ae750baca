"""Carries out any statement: by Glue alone where that is enough, else by an engine."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from clickstream_lake.sandbox.athena.answer import QueryResult
from clickstream_lake.sandbox.athena.statements import views
from clickstream_lake.sandbox.athena.statements.bind import bind_parameters
from clickstream_lake.sandbox.athena.statements.ddl import Ddl
from clickstream_lake.sandbox.athena.statements.model import (
    AboutTable,
    Change,
    CreateTable,
    CreateTableAs,
    CreateView,
    Deallocate,
    DropColumn,
    Execute,
    Explain,
    Insert,
    Optimize,
    Prepare,
    Query,
    RenameTable,
    ShowEngine,
    Statement,
    Unload,
    Vacuum,
)
from clickstream_lake.sandbox.athena.statements.read import read_statement
from clickstream_lake.sandbox.athena.statements.show import Show
from clickstream_lake.sandbox.athena.tables import is_iceberg
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.statements.session import RowEngine, Session
    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog


class Statements:
    """Athena's statements over one engine. Safe to use from several threads."""

    def __init__(
        self, catalog: "GlueCatalog", storage: "TableStorage", engine: "RowEngine"
    ) -> None:
        """Use Glue and S3 for what they can do, and the engine for the rest."""
        self._ddl = Ddl(catalog, storage)
        self._show = Show(self._ddl)
        self._engine = engine

    def run(self, sql: str, session: "Session") -> QueryResult:
        """Run one statement.

        Raises:
            QueryError: it is not supported, is wrong, or the data fail it as in Athena.
        """
        database = session.database.strip("`").lower()  # awswrangler quotes the database of its DDL
        session = replace(session, database=database)
        try:
            return self._run(read_statement(sql, database), session)
        except RecursionError:
            raise QueryError(
                "STACK_OVERFLOW", "statement is too large (stack overflow during analysis)"
            ) from None

    def _run(self, statement: Statement, session: "Session") -> QueryResult:  # noqa: PLR0911 - one return for each kind
        if self._is_for_iceberg(statement):
            return self._engine.iceberg(statement, session)
        if self._ddl.handles(statement):
            lines = self._ddl.run(statement)
            return _text(["result"], [(line,) for line in lines]) if lines else QueryResult()
        if self._show.handles(statement):
            return _text(*self._show.run(statement))
        if isinstance(statement, Prepare):
            session.prepared.put(session.workgroup, statement.name, statement.sql)
            return QueryResult()
        if isinstance(statement, Deallocate):
            if not session.prepared.drop(session.workgroup, statement.name):
                raise _not_prepared(statement.name)
            return QueryResult()
        if isinstance(statement, Execute):
            text = session.prepared.query(session.workgroup, statement.name)
            if text is None:
                raise _not_prepared(statement.name)
            return self.run(bind_parameters(text, statement.arguments, all_given=True), session)
        return self._ask(statement, session)

    def _ask(self, statement: Statement, session: "Session") -> QueryResult:  # noqa: PLR0911 - one return for each kind
        engine = self._engine
        if isinstance(statement, Query):
            return engine.query(statement.sql, session)
        if isinstance(statement, CreateView):
            outputs = engine.outputs(statement.sql, session)
            views.create_view(statement, session.database, self._ddl.catalog, outputs)
            return QueryResult()
        if isinstance(statement, CreateTableAs):
            return engine.create_table_as(statement, session)
        if isinstance(statement, Insert):
            return engine.insert(statement, session)
        if isinstance(statement, Unload):
            return engine.unload(statement, session)
        if isinstance(statement, Explain):
            return engine.explain(statement, session)
        if isinstance(statement, ShowEngine):
            return engine.show(statement, session)
        return engine.iceberg(statement, session)

    def _is_for_iceberg(self, statement: Statement) -> bool:
        """Tell whether a statement needs an engine that knows Iceberg."""
        if isinstance(statement, (Change, Optimize, Vacuum, RenameTable, DropColumn)):
            return True
        if isinstance(statement, CreateTable):
            return statement.iceberg
        if not (self._ddl.handles(statement) and isinstance(statement, AboutTable)):
            return False
        raw = self._ddl.catalog.raw(statement.name.database, statement.name.table)
        return raw is not None and is_iceberg(raw)


def _not_prepared(name: str) -> QueryError:
    return QueryError("NOT_FOUND", f"Prepared statement not found: {name}")


def _text(columns: list[str], rows: Sequence[Sequence[str]]) -> QueryResult:
    fields = list(zip(*rows, strict=True)) or [()] * len(columns)
    table = pa.table({f"c{i}": pa.array(list(one), pa.string()) for i, one in enumerate(fields)})
    return QueryResult(columns, ["string"] * len(columns), table)
