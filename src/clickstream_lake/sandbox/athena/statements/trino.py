"""Athena's statements in Trino's words: what writes, EXPLAIN, and all about Iceberg.

Athena's Hive tables are the catalog `awsdatacatalog`; Iceberg tables are made in a catalog of
their own, and found through either.
"""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from clickstream_lake.sandbox.athena.answer import QueryResult
from clickstream_lake.sandbox.athena.statements.layout import Layout, read_layout
from clickstream_lake.sandbox.athena.statements.model import (
    AboutTable,
    AlterColumns,
    Change,
    ChangeColumn,
    CreateTable,
    CreateTableAs,
    DropColumn,
    DropTable,
    Explain,
    Insert,
    Name,
    Optimize,
    Query,
    RenameTable,
    ShowEngine,
    Statement,
    Unload,
    Vacuum,
)
from clickstream_lake.sandbox.athena.statements.session import Session
from clickstream_lake.sandbox.athena.tables import is_iceberg, trino_type
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog

_HIVE, _ICEBERG = "awsdatacatalog", "iceberg"
_CODECS = {"ZLIB": "GZIP"}  # what ORC calls ZLIB
_TRINO_CODECS = {"GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE"}
_RETENTION = "7d"  # the shortest that Trino allows; Athena's VACUUM keeps five days
_TRANSFORM = re.compile(r"(bucket|truncate)\(\s*(\d+)\s*,\s*(\w+)\s*\)", re.IGNORECASE)


class Answer(Protocol):
    """What Trino answers."""

    @property
    def columns(self) -> Sequence[Any]:
        """The outputs, each with `name` and `type`."""
        ...


@dataclass(frozen=True)
class TrinoRows:
    """What a Trino does for a statement.

    Attributes:
        ask: runs a statement of Trino's, with session properties.
        shown: makes Athena's result of an answer.
    """

    catalog: "GlueCatalog"
    storage: "TableStorage"
    ask: Callable[[str, Session, Mapping[str, str]], Any]
    shown: Callable[[Any], QueryResult]

    def query(self, sql: str, session: Session) -> QueryResult:
        """Answer a query."""
        return self._run(sql, session)

    def outputs(self, sql: str, session: Session) -> list[tuple[str, str]]:
        """Tell the names and Trino types of a query's outputs, without reading a row."""
        none = f"SELECT * FROM (\n{sql}\n) LIMIT 0"  # noqa: S608 - the user's own query
        answer: Answer = self.ask(none, session, {})
        return [(column.name, column.type) for column in answer.columns]

    def create_table_as(self, statement: CreateTableAs, session: Session) -> QueryResult:
        """Write a query's rows into a new table."""
        layout = read_layout(statement.properties)
        place = layout.location or session.new_table
        if place is None:
            raise not_supported("CREATE TABLE … AS without WITH (external_location = 's3://…')")
        place = place.rstrip("/") + "/"
        layout = replace(layout, location=place)
        if not statement.if_not_exists and not layout.iceberg:
            self._check_free(place)
        result = self._run(_create_table_as(statement, layout), session, _codec(layout))
        return self._written(result, self._uris(place))

    def insert(self, statement: Insert, session: Session) -> QueryResult:
        """Write a query's rows into a table."""
        raw = self.catalog.raw(statement.name.database, statement.name.table)
        place = None if raw is None else raw.get("StorageDescriptor", {}).get("Location")
        before = self._uris(place)
        result = self._run(_insert(statement), session)
        return self._written(result, self._uris(place) - before)

    def unload(self, statement: Unload, session: Session) -> QueryResult:
        """Write a query's rows into files: of a table that is there only meanwhile."""
        place = statement.location.rstrip("/") + "/"
        layout = replace(read_layout(statement.properties), location=place)
        self._check_free(place)
        with self._passing_table(session) as name:
            made = _create_table_as(CreateTableAs(name, statement.sql), layout)
            result = self._run(made, session, _codec(layout))
        return self._written(result, self._uris(place))

    def explain(self, statement: Explain, session: Session) -> QueryResult:
        """Tell how Trino would carry out, or carries out, a statement."""
        of = statement.of
        if isinstance(of, (Query, Change, Unload)):
            sql = of.sql
        elif isinstance(of, Insert):
            sql = _insert(of)
        elif isinstance(of, CreateTableAs) and not statement.analyze:
            place = session.new_table or "s3://nowhere/"
            layout = read_layout(of.properties)
            sql = _create_table_as(of, replace(layout, location=layout.location or place))
        else:
            raise not_supported(f"EXPLAIN of {of.substatement}")
        options = ", ".join(f"{key} {value}" for key, value in statement.options.items())
        words = [
            "EXPLAIN",
            "ANALYZE" if statement.analyze else "",
            f"({options})" if options else "",
        ]
        result = self._run(f"{' '.join(filter(None, words))} {sql}", session)
        if result.columns != ["Query Plan"]:
            return result
        lines = "\n".join(str(row[0]) for row in result.rows).split("\n")
        return replace(result, table=pa.table({"c0": pa.array(lines, pa.string())}))

    def show(self, statement: ShowEngine, session: Session) -> QueryResult:
        """Tell what Trino knows."""
        return self._run(statement.sql, session)

    def iceberg(self, statement: Statement, session: Session) -> QueryResult:
        """Carry out what only an Iceberg table can have done to it."""
        if isinstance(statement, AboutTable) and not isinstance(statement, CreateTable):
            name = statement.name
            raw = self.catalog.raw(name.database, name.table)
            if raw is not None and not is_iceberg(raw):
                what = statement.substatement.replace("_", " ")
                raise QueryError("NOT_SUPPORTED", f"{what}: {name} is no Iceberg table")
        result = QueryResult()
        for sql in _iceberg(statement):
            result = self._run(sql, session)
        return result

    def _run(
        self, sql: str, session: Session, properties: Mapping[str, str] | None = None
    ) -> QueryResult:
        return self.shown(self.ask(sql, session, properties or {}))

    def _check_free(self, place: str) -> None:
        if self._uris(place):
            raise QueryError(
                "HIVE_PATH_ALREADY_EXISTS", f"Target directory already exists: {place}"
            )

    def _uris(self, place: str | None) -> set[str]:
        return {file.uri for file in self.storage.list(place)} if place else set()

    def _written(self, result: QueryResult, uris: set[str]) -> QueryResult:
        table = pa.table({"rows": pa.array([], pa.int64())})
        return replace(
            result, columns=["rows"], types=["bigint"], table=table, written=tuple(sorted(uris))
        )

    @contextmanager
    def _passing_table(self, session: Session) -> "Iterator[Name]":
        databases = self.catalog.databases()
        if not databases:
            raise QueryError("SCHEMA_NOT_FOUND", "UNLOAD needs a database, and there is none")
        database = session.database if session.database in databases else databases[0]
        name = Name(database, f"unload_{uuid.uuid4().hex}")
        try:
            yield name
        finally:
            if self.catalog.raw(name.database, name.table) is not None:
                self.catalog.client.delete_table(DatabaseName=name.database, Name=name.table)


def _create_table_as(statement: CreateTableAs, layout: Layout) -> str:
    location, partitions = (
        ("location", "partitioning") if layout.iceberg else ("external_location", "partitioned_by")
    )
    properties = {"format": _quoted(layout.format), location: _quoted(layout.location or "")}
    if keys := layout.transforms or layout.keys:
        properties[partitions] = _array(map(_transform, keys) if layout.iceberg else keys)
    if layout.buckets:
        properties["bucketed_by"] = _array(layout.buckets)
        properties["bucket_count"] = str(layout.bucket_count)
    if layout.delimiter and layout.format == "TEXTFILE":
        properties["textfile_field_separator"] = _quoted(layout.delimiter)
    given = ", ".join(f"{key} = {value}" for key, value in properties.items())
    exists = "IF NOT EXISTS " if statement.if_not_exists else ""
    table = _full(statement.name, _ICEBERG if layout.iceberg else _HIVE)
    no_data = "" if statement.with_data else "\nWITH NO DATA"
    return f"CREATE TABLE {exists}{table} WITH ({given}) AS\n{statement.sql}{no_data}"


def _insert(statement: Insert) -> str:
    columns = f" ({', '.join(map(_name, statement.columns))})" if statement.columns else ""
    return f"INSERT INTO {_full(statement.name, _HIVE)}{columns}\n{statement.sql}"


def _codec(layout: Layout) -> dict[str, str]:
    codec = _CODECS.get(layout.codec, layout.codec)
    if codec not in _TRINO_CODECS:
        raise not_supported(f"compression {layout.codec} of {layout.format} is not Trino's")
    if layout.iceberg:
        return {f"{_ICEBERG}.compression_codec": codec}
    return {f"{_HIVE}.compression_codec": codec}


def _iceberg(statement: Statement) -> list[str]:  # noqa: PLR0911 - one return for each kind
    """Translate a statement about an Iceberg table."""
    if isinstance(statement, Change):
        return [statement.sql]
    if isinstance(statement, CreateTable):
        return [_create_table(statement)]
    assert isinstance(statement, AboutTable)  # noqa: S101 - all others are about one table
    name = statement.name
    table = f"ALTER TABLE {_full(name, _ICEBERG)}"
    if isinstance(statement, Optimize):
        where = f" WHERE {statement.where}" if statement.where else ""
        return [f"{table} EXECUTE optimize{where}"]
    if isinstance(statement, Vacuum):
        return [
            f"{table} EXECUTE {procedure}(retention_threshold => '{_RETENTION}')"
            for procedure in ("expire_snapshots", "remove_orphan_files")
        ]
    if isinstance(statement, DropTable):
        return [f"DROP TABLE {_full(name, _ICEBERG)}"]
    if isinstance(statement, RenameTable):
        return [f"{table} RENAME TO {_full(statement.new, _ICEBERG)}"]
    if isinstance(statement, DropColumn):
        return [f"{table} DROP COLUMN {_name(statement.column)}"]
    if isinstance(statement, AlterColumns) and not statement.replace:
        return [
            f"{table} ADD COLUMN {_name(one.name)} {_iceberg_type(one.type)}"
            for one in statement.columns
        ]
    if isinstance(statement, ChangeColumn):
        return _change_column(statement, table)
    what = statement.substatement.replace("_", " ")
    raise QueryError("NOT_SUPPORTED", f"{what} is not supported for Iceberg tables")


def _change_column(statement: ChangeColumn, table: str) -> list[str]:
    new = statement.new
    kind = _iceberg_type(new.type)
    found = [f"{table} ALTER COLUMN {_name(statement.column)} SET DATA TYPE {kind}"]
    if new.name != statement.column:
        found.append(f"{table} RENAME COLUMN {_name(statement.column)} TO {_name(new.name)}")
    return found


def _create_table(statement: CreateTable) -> str:
    if statement.location is None:
        raise QueryError("FAILED", "SemanticException: an Iceberg table needs a LOCATION")
    columns = ", ".join(
        f"{_name(one.name)} {_iceberg_type(one.type)}"
        + (f" COMMENT {_quoted(one.comment)}" if one.comment else "")
        for one in (*statement.columns, *statement.keys)
    )
    properties = {"location": _quoted(statement.location)}
    given = {key.lower(): value for key, value in statement.properties.items()}
    if "format" in given:
        properties["format"] = _quoted(given["format"].upper())
    keys = (*statement.transforms, *(key.name for key in statement.keys))
    if keys:
        properties["partitioning"] = _array(map(_transform, keys))
    settings = ", ".join(f"{key} = {value}" for key, value in properties.items())
    exists = "IF NOT EXISTS " if statement.if_not_exists else ""
    return f"CREATE TABLE {exists}{_full(statement.name, _ICEBERG)} ({columns}) WITH ({settings})"


def _transform(text: str) -> str:
    """Turn Athena's `bucket(16, a)` into Trino's `bucket(a, 16)`."""
    return _TRANSFORM.sub(r"\1(\3, \2)", text)


def _iceberg_type(kind: str) -> str:
    name = trino_type(kind)
    return {"timestamp": "timestamp(6)", "tinyint": "integer", "smallint": "integer"}.get(
        name, name
    )


def _full(name: Name, catalog: str) -> str:
    return f"{_name(catalog)}.{_name(name.database)}.{_name(name.table)}"


def _name(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"


def _array(items: "Iterator[str] | map[str] | Sequence[str]") -> str:
    return f"ARRAY[{', '.join(map(_quoted, items))}]"
