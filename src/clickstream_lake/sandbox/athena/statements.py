"""Statements about tables rather than over them: SHOW, DESCRIBE and MSCK REPAIR TABLE."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from clickstream_lake.sandbox.athena.tables import Partition
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog, Table

_NAME = r"[`\"]?(?:(?P<database>\w+)[`\"]?\.[`\"]?)?(?P<table>\w+)[`\"]?"
_KINDS = {
    "show databases": r"SHOW\s+(?:DATABASES|SCHEMAS)",
    "show tables": r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+[`\"]?(?P<database>\w+)[`\"]?)?"
    r"(?:\s+(?:LIKE\s+)?'(?P<pattern>[^']*)')?",
    "show partitions": rf"SHOW\s+PARTITIONS\s+{_NAME}",
    "show columns": rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{_NAME}",
    "describe": rf"(?:DESCRIBE|DESC)\s+(?:EXTENDED\s+|FORMATTED\s+)?{_NAME}",
    "repair": rf"MSCK\s+REPAIR\s+TABLE\s+{_NAME}",
}
_PATTERNS = {kind: re.compile(text, re.IGNORECASE) for kind, text in _KINDS.items()}
_QUERY = re.compile(r"\(*\s*(?:SELECT|WITH|VALUES|TABLE|CREATE)\b", re.IGNORECASE)
_COMMENTS = re.compile(r"^(?:\s+|--[^\n]*(?:\n|$)|/\*.*?\*/)+", re.DOTALL)


@dataclass(frozen=True)
class Statement:
    """A statement that reads no data; `kind` is a key of what this module knows."""

    kind: str
    database: str | None
    table: str
    pattern: str | None


def read_statement(sql: str) -> Statement | None:
    """Recognise a statement about tables; None means a query, or CREATE.

    Raises:
        QueryError: it is neither.
    """
    text = _COMMENTS.sub("", sql).strip().rstrip(";").strip()
    for kind, pattern in _PATTERNS.items():
        if match := pattern.fullmatch(text):
            parts = match.groupdict()
            database = parts.get("database")
            return Statement(
                kind,
                database.lower() if database else None,
                (parts.get("table") or "").lower(),
                parts.get("pattern"),
            )
    if not text or _QUERY.match(text):
        return None
    raise not_supported(
        f"{text.split(maxsplit=1)[0].upper()} statements; supported are SELECT, "
        "CREATE TABLE … AS SELECT, SHOW DATABASES, "
        "SHOW TABLES, SHOW PARTITIONS, SHOW COLUMNS, DESCRIBE and MSCK REPAIR TABLE"
    )


def run_metadata(
    statement: Statement, catalog: "GlueCatalog", storage: "TableStorage", default_database: str
) -> tuple[list[str], pa.Table]:
    """Answer a statement about tables: its column names, and its rows as text."""
    database = statement.database or default_database
    if statement.kind == "show databases":
        return _column("database_name", catalog.databases())
    if statement.kind == "show tables":
        return _column("tab_name", catalog.tables(database, statement.pattern))
    table = catalog.table(database, statement.table)
    if statement.kind == "show partitions":
        if not table.partition_keys:
            raise QueryError("INVALID_TABLE", f"Table {table.name} is not a partitioned table")
        names = (table.partition_name(one.values) for one in catalog.partitions(table))
        return _column("partition", sorted(names))
    if statement.kind == "show columns":
        return _column("field", [one.name for one in (*table.columns, *table.partition_keys)])
    if statement.kind == "describe":
        return _describe(table)
    return _column("result", _repair(table, catalog, storage))


def _column(name: str, values: Sequence[str]) -> tuple[list[str], pa.Table]:
    return [name], pa.table({"c0": pa.array(values, pa.string())})


def _describe(table: "Table") -> tuple[list[str], pa.Table]:
    columns = (*table.columns, *table.partition_keys)
    fields = ([c.name for c in columns], [c.type for c in columns], [c.comment for c in columns])
    arrays = {f"c{index}": pa.array(values, pa.string()) for index, values in enumerate(fields)}
    return ["col_name", "data_type", "comment"], pa.table(arrays)


def _repair(table: "Table", catalog: "GlueCatalog", storage: "TableStorage") -> list[str]:
    """Register the `key=value` directories under the table's location that Glue lacks."""
    known = {partition.values for partition in catalog.partitions(table)}
    missing = [one for one in _on_storage(table, storage) if one.values not in known]
    catalog.add_partitions(table, missing)
    names = [table.partition_name(one.values) for one in missing]
    if not names:
        return []
    listed = "\t".join(f"{table.name}:{name}" for name in names)
    return [
        f"Partitions not in metastore:\t{listed}",
        *(f"Repair: Added partition to metastore {table.name}:{name}" for name in names),
    ]


def _on_storage(table: "Table", storage: "TableStorage") -> Iterator[Partition]:
    found = [Partition((), table.location.rstrip("/"))]
    for key in table.partition_keys:
        found = [
            Partition((*parent.values, name.split("=", 1)[1]), f"{parent.location}/{name}")
            for parent in found
            for name in storage.directories(parent.location)
            if name.lower().startswith(f"{key.name}=")
        ]
    yield from (found if table.partition_keys else ())
