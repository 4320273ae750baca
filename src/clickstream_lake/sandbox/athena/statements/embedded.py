"""Statements that write, on the embedded engine: its rows, and pyarrow's writers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from clickstream_lake.sandbox.athena.answer import QueryResult
from clickstream_lake.sandbox.athena.statements import hive
from clickstream_lake.sandbox.athena.statements.layout import Layout, read_layout
from clickstream_lake.sandbox.athena.statements.views import check_outputs
from clickstream_lake.sandbox.athena.statements.write import Written, check_writable, write_rows
from clickstream_lake.sandbox.athena.tables import (
    ELSEWHERE,
    Partition,
    arrow_type,
    full_type,
    glue_type,
    is_nested,
    is_view,
    trino_type,
)
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.statements.model import (
        CreateTableAs,
        Insert,
        Name,
        Unload,
    )
    from clickstream_lake.sandbox.athena.statements.session import Session
    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import Column, GlueCatalog, Table

# What Trino turns into another type without being asked, from the narrow to the wide.
_WIDENING = ("tinyint", "smallint", "integer", "bigint", "decimal", "real", "double")


@dataclass(frozen=True)
class EmbeddedWriter:
    """Writes what a query answers.

    Attributes:
        query: answers a query in a database.
    """

    catalog: "GlueCatalog"
    storage: "TableStorage"
    query: "Callable[[str, Session], QueryResult]"

    def create_table_as(self, statement: "CreateTableAs", session: "Session") -> QueryResult:
        """Make a table of a query's rows.

        Raises:
            QueryError: the table or its place is taken, or the rows fit into no such table.
        """
        name = statement.name
        if self.catalog.raw(name.database, name.table) is not None:
            if statement.if_not_exists:
                return QueryResult(written=())
            raise QueryError(
                "TABLE_ALREADY_EXISTS",
                f"line 1:1: Destination table 'awsdatacatalog.{name}' already exists",
            )
        if name.database not in self.catalog.databases():
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{name.database}' does not exist")
        layout = read_layout(statement.properties)
        check_writable(layout)
        place = self._free(layout.location or session.new_table, f"awsdatacatalog.{name}")
        answer = self.query(statement.sql, session)
        rows = _named(answer, layout.keys)
        if not statement.with_data:
            rows = rows.slice(0, 0)
        given: Any = _table_input(name.table, rows.schema, place, layout)
        written = write_rows(rows, layout, place, self.storage)
        self.catalog.client.create_table(DatabaseName=name.database, TableInput=given)
        self._register(name, written)
        return _result(answer, written, rows.num_rows)

    def insert(self, statement: "Insert", session: "Session") -> QueryResult:
        """Add a query's rows to a table, and the partitions that are new.

        Raises:
            QueryError: there is no such table, or the rows do not fit it.
        """
        name = statement.name
        raw = self.catalog.raw(name.database, name.table)
        if raw is not None and is_view(raw):
            raise QueryError("NOT_SUPPORTED", "Inserting into views is not supported")
        table = self.catalog.table(name.database, name.table)
        if table.storage.get("BucketColumns"):
            raise not_supported(f"writing bucketed tables {ELSEWHERE}")
        answer = self.query(statement.sql, session)
        rows = _fitted(answer, table, statement.columns)
        keys = tuple(key.name for key in table.partition_keys)
        layout = replace(
            read_layout({"format": table.format, **_compression(raw or {})}), keys=keys
        )
        check_writable(layout)
        known = {one.values: one.location for one in self.catalog.partitions(table) if keys}
        place = table.location.rstrip("/") + "/"
        written = write_rows(rows, layout, place, self.storage, known)
        self._register(name, written, known)
        return _result(answer, written, rows.num_rows)

    def unload(self, statement: "Unload", session: "Session") -> QueryResult:
        """Write a query's rows to a place of their own.

        Raises:
            QueryError: something is there, or the rows cannot be written so.
        """
        layout = read_layout(statement.properties)
        check_writable(layout)
        place = self._free(statement.location, "UNLOAD")
        answer = self.query(statement.sql, session)
        rows = _named(answer, layout.keys)
        return _result(answer, write_rows(rows, layout, place, self.storage), rows.num_rows)

    def _free(self, location: str | None, what: str) -> str:
        """Give the place with a `/` at its end.

        Raises:
            QueryError: there is none, or something is there.
        """
        if location is None:
            raise not_supported("CREATE TABLE … AS without WITH (external_location = 's3://…')")
        if not location.startswith("s3://"):
            raise QueryError("INVALID_TABLE_PROPERTY", f"{location} is not a place in S3")
        place = location.rstrip("/") + "/"
        if next(iter(self.storage.list(place)), None) is not None:
            raise QueryError(
                "HIVE_PATH_ALREADY_EXISTS",
                f"Target directory for table '{what}' already exists: {place}",
            )
        return place

    def _register(
        self, name: "Name", written: Written, known: dict[tuple[str, ...], str] | None = None
    ) -> None:
        new = {
            values: place
            for values, place in written.partitions.items()
            if values not in (known or {})
        }
        raw = self.catalog.raw(name.database, name.table) if new else None
        if raw is not None:
            partitions = [Partition(values, place) for values, place in new.items()]
            self.catalog.add_partitions(self.catalog.describe(raw), partitions)


def _result(answer: QueryResult, written: Written, count: int) -> QueryResult:
    return QueryResult(
        columns=["rows"],
        types=["bigint"],
        table=pa.table({"rows": pa.array([], pa.int64())}),
        bytes_scanned=answer.bytes_scanned,
        billed_bytes=answer.billed_bytes,
        engine_ms=answer.engine_ms,
        written=tuple(written.files),
        update_count=count,
    )


def _named(answer: QueryResult, keys: Sequence[str]) -> pa.Table:
    """Name the rows' columns as the table will, with types that a table can have.

    Raises:
        QueryError: they cannot be a table's columns.
    """
    check_outputs(answer.columns)
    count = len(keys)
    if count and tuple(answer.columns[-count:]) != tuple(keys):
        raise QueryError(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: [{', '.join(keys)}]",
        )
    if count == len(answer.columns):
        raise QueryError("INVALID_TABLE_PROPERTY", "Table contains only partition columns")
    return _storable(answer.table.rename_columns(answer.columns))


def _storable(rows: pa.Table) -> pa.Table:
    """Keep milliseconds of timestamps, as Athena's writer does, and give NULL columns a type."""
    fields: list[Any] = []
    for one in rows.schema:
        kind = one.type
        if (pa.types.is_timestamp(kind) and kind.tz) or pa.types.is_time(kind):
            raise QueryError("NOT_SUPPORTED", f"Unsupported Hive type: {full_type(kind)}")
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp("ms")
        fields.append((one.name, pa.string() if pa.types.is_null(kind) else kind))
    return rows.cast(pa.schema(fields), safe=False)


def _table_input(name: str, schema: pa.Schema, place: str, layout: Layout) -> dict[str, Any]:
    columns = [{"Name": one.name, "Type": glue_type(full_type(one.type))} for one in schema]
    fmt = hive.FORMATS[layout.format]
    delimiter = layout.delimiter or "\x01"
    text = {"field.delim": delimiter, "serialization.format": delimiter}
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [one for one in columns if one["Name"] in layout.keys],
        "Parameters": {
            "EXTERNAL": "TRUE",
            "classification": {"TEXTFILE": "csv"}.get(layout.format, layout.format.lower()),
            f"{layout.format.lower()}.compression": layout.codec,
        },
        "StorageDescriptor": {
            "Columns": [one for one in columns if one["Name"] not in layout.keys],
            "Location": place,
            "InputFormat": fmt.input,
            "OutputFormat": fmt.output,
            "SerdeInfo": {
                "SerializationLibrary": fmt.serde,
                "Parameters": text if layout.format == "TEXTFILE" else {},
            },
        },
    }


def _compression(raw: dict[str, Any]) -> dict[str, str]:
    """Find the codec that a table's properties name for its next files."""
    given = raw.get("Parameters", {})
    for key in ("parquet.compression", "parquet.compress", "write.compression"):
        if key in given:
            return {"write_compression": given[key]}
    return {}


def _fitted(answer: QueryResult, table: "Table", given: Sequence[str]) -> pa.Table:
    """Turn a query's outputs into a table's columns; those not given are NULL.

    Raises:
        QueryError: their number or types do not fit.
    """
    declared = {column.name: column for column in (*table.columns, *table.partition_keys)}
    for place, name in enumerate(given):
        if name not in declared:
            raise QueryError(
                "COLUMN_NOT_FOUND",
                f"line 1:1: Insert column name does not exist in target table: {name}",
            )
        if name in given[:place]:
            raise QueryError(
                "DUPLICATE_COLUMN_NAME",
                f"line 1:1: Insert column name is specified more than once: {name}",
            )
    targets = [declared[name] for name in given or declared]
    kinds = [field.type for field in answer.table.schema]
    if len(kinds) != len(targets) or not all(map(_fits, kinds, targets)):
        wanted = ", ".join(trino_type(column.type) for column in targets)
        found = ", ".join(map(full_type, kinds))
        raise QueryError(
            "TYPE_MISMATCH",
            "line 1:1: Insert query has mismatched column types: "
            f"Table: [{wanted}], Query: [{found}]",
        )
    columns = dict(zip((one.name for one in targets), answer.table.columns, strict=True))
    count = answer.table.num_rows
    arrays = {}
    for name, column in declared.items():
        values = columns.get(name)
        arrays[name] = _cast(values, column) if values is not None else _nulls(count, column)
    return _storable(pa.table(arrays))


def _fits(kind: pa.DataType, column: "Column") -> bool:
    """Tell whether Trino would take the type for this column without a cast."""
    found, wanted = full_type(kind), trino_type(column.type)
    if pa.types.is_null(kind) or found == wanted:
        return True
    narrow, wide = found.split("(")[0], wanted.split("(")[0]
    if narrow in _WIDENING and wide in _WIDENING:
        return _WIDENING.index(narrow) <= _WIDENING.index(wide)
    if (narrow, wide) == ("date", "timestamp") or narrow == wide != "row":
        return True
    return narrow == "varchar" and wide in {"varchar", "char"}


def _cast(values: pa.ChunkedArray, column: "Column") -> pa.ChunkedArray:
    if is_nested(column.type):
        return values
    try:
        return values.cast(arrow_type(column.type), safe=False)
    except pa.ArrowInvalid as error:
        raise QueryError("INVALID_CAST_ARGUMENT", f"column {column.name}: {error}") from error


def _nulls(count: int, column: "Column") -> pa.ChunkedArray:
    if is_nested(column.type):
        what = f"INSERT without column {column.name} of type {column.type}"
        raise not_supported(f"{what} {ELSEWHERE}")
    return pa.chunked_array([pa.nulls(count, arrow_type(column.type))])
