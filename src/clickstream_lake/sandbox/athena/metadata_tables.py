"""Tables whose rows come from Glue: `information_schema`, and `"t$partitions"`."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from clickstream_lake.sandbox.athena.statements.views import read_view
from clickstream_lake.sandbox.athena.tables import (
    DEFAULT_PARTITION,
    Column,
    GlueCatalog,
    Table,
    arrow_type,
    is_view,
    trino_type,
)
from clickstream_lake.sandbox.errors import QueryError

_SCHEMA = "information_schema"
_CATALOG = "awsdatacatalog"
_PARTITIONS = "$partitions"

Row = dict[str, Any]
_Described = tuple[str, str, str, str | None]  # name, type, comment, and what else there is


def metadata_table(catalog: GlueCatalog, database: str, name: str) -> Table | None:
    """Give the table of this name, if it is one of these.

    Raises:
        QueryError: it would be one, but there is nothing that it could tell of.
    """
    if database == _SCHEMA:
        if name not in _TABLES:
            raise QueryError(
                "TABLE_NOT_FOUND", f"Table '{_CATALOG}.{_SCHEMA}.{name}' does not exist"
            )
        columns, rows = _TABLES[name]
        return _in_memory(database, name, columns, list(rows(catalog)))
    if name.endswith(_PARTITIONS):
        return _partitions(catalog, database, name)
    return None


def _partitions(catalog: GlueCatalog, database: str, name: str) -> Table:
    raw = catalog.raw(database, name.removesuffix(_PARTITIONS))
    table = None if raw is None or is_view(raw) else catalog.describe(raw)
    if table is None or not table.partition_keys:
        raise QueryError("TABLE_NOT_FOUND", f"Table '{_CATALOG}.{database}.{name}' does not exist")
    keys = {key.name: key.type for key in table.partition_keys}
    rows = [
        {
            key: None if value == DEFAULT_PARTITION else value
            for key, value in zip(keys, one.values, strict=True)
        }
        for one in catalog.partitions(table)
    ]
    return _in_memory(database, name, keys, rows)


def _in_memory(database: str, name: str, columns: dict[str, str], rows: Sequence[Row]) -> Table:
    arrays = {
        column: pa.array([row[column] for row in rows], _held_as(kind)).cast(arrow_type(kind))
        for column, kind in columns.items()
    }
    declared = tuple(Column(one, kind, place) for place, (one, kind) in enumerate(columns.items()))
    return Table(database, name, "memory", declared, (), "", {}, pa.table(arrays))


def _held_as(kind: str) -> pa.DataType:
    return pa.int64() if kind == "bigint" else pa.string()


def _databases(catalog: GlueCatalog) -> list[str]:
    return [*catalog.databases(), _SCHEMA]


def _schemata(catalog: GlueCatalog) -> Iterator[Row]:
    for database in _databases(catalog):
        yield {"catalog_name": _CATALOG, "schema_name": database}


def _entries(catalog: GlueCatalog) -> Iterator[tuple[Row, dict[str, Any]]]:
    for database in catalog.databases():
        for raw in catalog.entries(database):
            yield _place(database, raw["Name"]), raw


def _place(database: str, name: str) -> Row:
    return {"table_catalog": _CATALOG, "table_schema": database, "table_name": name}


def _tables(catalog: GlueCatalog) -> Iterator[Row]:
    for place, raw in _entries(catalog):
        yield place | {"table_type": "VIEW" if is_view(raw) else "BASE TABLE"}
    for name in _TABLES:
        yield _place(_SCHEMA, name) | {"table_type": "BASE TABLE"}


def _columns(catalog: GlueCatalog) -> Iterator[Row]:
    for place, raw in _entries(catalog):
        if is_view(raw):
            columns: list[_Described] = [
                (name, kind, "", None) for name, kind in _view_columns(raw)
            ]
        else:
            table = catalog.describe(raw)
            columns = [
                (one.name, _spelled(one.type), one.comment, extra)
                for part, extra in ((table.columns, None), (table.partition_keys, "partition key"))
                for one in part
            ]
        yield from _column_rows(place, columns)
    for name, (declared, _) in _TABLES.items():
        columns = [(one, trino_type(kind), "", None) for one, kind in declared.items()]
        yield from _column_rows(_place(_SCHEMA, name), columns)


def _column_rows(place: Row, columns: Sequence[_Described]) -> Iterator[Row]:
    for ordinal, (name, kind, comment, extra) in enumerate(columns, start=1):
        yield place | {
            "column_name": name,
            "ordinal_position": ordinal,
            "column_default": None,
            "is_nullable": "YES",
            "data_type": kind,
            "comment": comment or None,
            "extra_info": extra,
        }


def _view_columns(raw: dict[str, Any]) -> Sequence[tuple[str, str]]:
    try:
        return read_view(raw).columns
    except QueryError:  # one broken view does not hide the rest
        return ()


def _spelled(kind: str) -> str:
    try:
        name = trino_type(kind)
    except QueryError:
        return kind
    return "timestamp(3)" if name == "timestamp" else name


def _views(catalog: GlueCatalog) -> Iterator[Row]:
    for place, raw in _entries(catalog):
        if is_view(raw):
            try:
                sql = read_view(raw).sql
            except QueryError:
                continue
            yield place | {"view_definition": sql}


def _text(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "string")


_TABLES: dict[str, tuple[dict[str, str], Callable[[GlueCatalog], Iterator[Row]]]] = {
    "schemata": (_text("catalog_name", "schema_name"), _schemata),
    "tables": (_text("table_catalog", "table_schema", "table_name", "table_type"), _tables),
    "columns": (
        _text("table_catalog", "table_schema", "table_name", "column_name")
        | {"ordinal_position": "bigint"}
        | _text("column_default", "is_nullable", "data_type", "comment", "extra_info"),
        _columns,
    ),
    "views": (_text("table_catalog", "table_schema", "table_name", "view_definition"), _views),
}
