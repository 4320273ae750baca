"""What Glue says about itself: SHOW and DESCRIBE."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from clickstream_lake.sandbox.athena.statements import hive
from clickstream_lake.sandbox.athena.statements.ddl import Ddl, semantic_view
from clickstream_lake.sandbox.athena.statements.model import (
    Describe,
    ShowColumns,
    ShowCreate,
    ShowDatabases,
    ShowPartitions,
    ShowProperties,
    ShowTables,
    Statement,
)
from clickstream_lake.sandbox.athena.statements.views import read_view
from clickstream_lake.sandbox.athena.tables import columns_of, is_view
from clickstream_lake.sandbox.errors import QueryError

Answer = tuple[list[str], Sequence[Sequence[str]]]
_DESCRIBED = ["col_name", "data_type", "comment"]


@dataclass(frozen=True)
class Show:
    """Answers SHOW and DESCRIBE: column names, and rows of text."""

    ddl: Ddl

    def handles(self, statement: Statement) -> bool:
        """Tell whether this is one of these statements."""
        return type(statement) in _HANDLERS

    def run(self, statement: Statement) -> Answer:
        """Answer one statement.

        Raises:
            QueryError: what it is about does not exist.
        """
        return _HANDLERS[type(statement)](self, statement)

    def databases(self, statement: ShowDatabases) -> Answer:
        """Name the databases."""
        names = self.ddl.catalog.databases()
        return _one_column("database_name", _matching(names, statement.pattern))

    def tables(self, statement: ShowTables) -> Answer:
        """Name tables and views, or views alone."""
        try:
            entries = self.ddl.catalog.entries(statement.database)
        except QueryError:
            raise hive.database_not_found(statement.database) from None
        names = [raw["Name"] for raw in entries if not statement.views_only or is_view(raw)]
        heading = "views" if statement.views_only else "tab_name"
        return _one_column(heading, _matching(names, statement.pattern))

    def partitions(self, statement: ShowPartitions) -> Answer:
        """Name the partitions, as Hive does."""
        table = self.ddl.catalog.describe(self.ddl.table(statement.name))
        if not table.partition_keys:
            raise hive.task_failed(f"Table {table.name} is not a partitioned table")
        names = (table.partition_name(one.values) for one in self.ddl.catalog.partitions(table))
        return _one_column("partition", sorted(names))

    def columns(self, statement: ShowColumns) -> Answer:
        """Name the columns, partition keys last."""
        raw = self.ddl.table(statement.name)
        return _one_column("field", [one["Name"] for one in _all_columns(raw)])

    def create(self, statement: ShowCreate) -> Answer:
        """Give the statement that would create a table or a view."""
        if statement.view:
            return self._create_view(statement)
        raw = self.ddl.table(statement.name)
        if is_view(raw):
            raise semantic_view("SHOW CREATE TABLE", statement.name)
        return _one_column("createtab_stmt", create_statement(raw).split("\n"))

    def _create_view(self, statement: ShowCreate) -> Answer:
        raw = self.ddl.catalog.raw(statement.name.database, statement.name.table)
        if raw is None or not is_view(raw):
            what = "Table is not a view" if raw else "View does not exist"
            raise QueryError(
                "TABLE_NOT_FOUND", f"line 1:1: {what}: awsdatacatalog.{statement.name}"
            )
        text = f"CREATE VIEW {statement.name.table} AS\n{read_view(raw).sql}"
        return _one_column("Create View", text.split("\n"))

    def properties(self, statement: ShowProperties) -> Answer:
        """Give the properties, each as `key<tab>value`."""
        found = dict(sorted(self.ddl.table(statement.name).get("Parameters", {}).items()))
        wanted = statement.property
        if wanted is None:
            return ["prpt_name", "prpt_value"], list(found.items())
        if wanted not in found:
            text = f"Table {statement.name} does not have property: {wanted}"
            return ["prpt_name", "prpt_value"], [(text, "")]
        return ["prpt_name", "prpt_value"], [(wanted, found[wanted])]

    def describe(self, statement: Describe) -> Answer:
        """Describe columns; EXTENDED and FORMATTED also tell where and what the files are."""
        raw = self.ddl.table(statement.name)
        part = self.ddl.partition(raw, statement.partition) if statement.partition else None
        if statement.column is not None:
            return _DESCRIBED, [_described(_find(raw, statement.column))]
        own = columns_of(part or {}) or columns_of(raw)
        keys = raw.get("PartitionKeys", [])
        rows = [_described(one) for one in (*own, *keys)]
        if statement.detail == "FORMATTED":
            rows = [("# col_name", "data_type", "comment"), ("", "", ""), *map(_described, own)]
        if keys:
            rows += [("", "", ""), ("# Partition Information", "", "")]
            rows += [("# col_name", "data_type", "comment"), ("", "", ""), *map(_described, keys)]
        if statement.detail == "EXTENDED":
            rows += [("", "", ""), ("Detailed Table Information", str(_plain(part or raw)), "")]
        elif statement.detail == "FORMATTED":
            rows += _formatted(raw, part)
        return _DESCRIBED, rows


def _one_column(name: str, values: Sequence[str]) -> Answer:
    return [name], [(value,) for value in values]


def _matching(names: Sequence[str], pattern: str | None) -> list[str]:
    """Keep the names that a regular expression of Hive's fits: `*` is any text, `|` is or."""
    if pattern is None:
        return sorted(names)
    # `.*` means what it says; a `*` by itself does, too.
    text = re.sub(r"(?<![.\])])\*", ".*", pattern)
    try:
        wanted = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise QueryError(
            "FAILED", f"SemanticException invalid pattern {pattern}: {error}"
        ) from error
    return sorted(name for name in names if wanted.fullmatch(name))


def _all_columns(raw: dict[str, Any]) -> list[dict[str, Any]]:
    return [*columns_of(raw), *raw.get("PartitionKeys", [])]


def _find(raw: dict[str, Any], path: str) -> dict[str, Any]:
    name = path.split(".", maxsplit=1)[0]
    for one in _all_columns(raw):
        if one["Name"].lower() == name:
            return one
    raise hive.semantic(10002, f"Invalid column reference {name}")


def _described(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["Name"], one["Type"], one.get("Comment", "")


def _plain(given: dict[str, Any]) -> dict[str, str]:
    storage = given.get("StorageDescriptor", {})
    return {
        "location": storage.get("Location", ""),
        "inputFormat": storage.get("InputFormat", ""),
        "serde": storage.get("SerdeInfo", {}).get("SerializationLibrary", ""),
        "tableType": given.get("TableType", ""),
        **given.get("Parameters", {}),
    }


def _formatted(raw: dict[str, Any], part: dict[str, Any] | None) -> list[tuple[str, str, str]]:
    storage = (part or raw).get("StorageDescriptor", {})
    about = "Partition" if part else "Table"
    rows = [("", "", ""), (f"# Detailed {about} Information", "", "")]
    if part:
        rows.append(("Partition Value:", str(part["Values"]), ""))
    rows += [
        ("Database:", raw["DatabaseName"], ""),
        ("Table:" if part else "Name:", raw["Name"], ""),
        ("Location:", storage.get("Location", ""), ""),
    ]
    if not part:
        rows.append(("Table Type:", raw.get("TableType", ""), ""))
    rows.append((f"{about} Parameters:", "", ""))
    rows += [("", key, value) for key, value in (part or raw).get("Parameters", {}).items()]
    serde = storage.get("SerdeInfo", {})
    rows += [
        ("", "", ""),
        ("# Storage Information", "", ""),
        ("SerDe Library:", serde.get("SerializationLibrary", ""), ""),
        ("InputFormat:", storage.get("InputFormat", ""), ""),
        ("OutputFormat:", storage.get("OutputFormat", ""), ""),
    ]
    return rows + [("", key, value) for key, value in serde.get("Parameters", {}).items()]


def create_statement(raw: dict[str, Any]) -> str:
    """Spell the DDL of a table, so that it makes the same table again."""
    storage = raw.get("StorageDescriptor", {})
    serde = storage.get("SerdeInfo", {})
    properties = dict(raw.get("Parameters", {}))
    external = properties.pop("EXTERNAL", None) or raw.get("TableType") == "EXTERNAL_TABLE"
    parts = [
        f"CREATE {'EXTERNAL ' if external else ''}TABLE `{raw['Name']}`(",
        _columns(columns_of(raw)) + ")",
    ]
    if comment := properties.pop("comment", None):
        parts += ["COMMENT ", f"  {_quoted(comment)}"]
    if keys := raw.get("PartitionKeys"):
        parts += ["PARTITIONED BY ( ", _columns(keys) + ")"]
    if buckets := storage.get("BucketColumns"):
        parts += ["CLUSTERED BY ( ", ", \n".join(f"  `{one}`" for one in buckets) + ") "]
        parts += [f"INTO {storage['NumberOfBuckets']} BUCKETS"]
    if library := serde.get("SerializationLibrary"):
        parts += ["ROW FORMAT SERDE ", f"  {_quoted(library)} "]
    if settings := serde.get("Parameters"):
        parts += ["WITH SERDEPROPERTIES ( ", _pairs(settings) + ") "]
    if storage.get("InputFormat"):
        parts += ["STORED AS INPUTFORMAT ", f"  {_quoted(storage['InputFormat'])} "]
        parts += ["OUTPUTFORMAT ", f"  {_quoted(storage.get('OutputFormat', ''))}"]
    if storage.get("Location"):
        parts += ["LOCATION", f"  {_quoted(storage['Location'])}"]
    if properties:
        parts += ["TBLPROPERTIES (", _pairs(properties) + ")"]
    return "\n".join(parts)


def _columns(columns: Sequence[dict[str, Any]]) -> str:
    return ", \n".join(
        f"  `{one['Name']}` {one['Type']}"
        + (f" COMMENT {_quoted(one['Comment'])}" if one.get("Comment") else "")
        for one in columns
    )


def _pairs(pairs: dict[str, str]) -> str:
    return ", \n".join(f"  {_quoted(key)}={_quoted(value)}" for key, value in pairs.items())


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return "'" + escaped.replace("\n", "\\n").replace("\t", "\\t") + "'"


_HANDLERS: dict[type[Statement], Callable[[Show, Any], Answer]] = {
    ShowDatabases: Show.databases,
    ShowTables: Show.tables,
    ShowPartitions: Show.partitions,
    ShowColumns: Show.columns,
    ShowCreate: Show.create,
    ShowProperties: Show.properties,
    Describe: Show.describe,
}
