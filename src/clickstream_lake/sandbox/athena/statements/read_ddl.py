"""Recognises the statements of Hive's language: DDL, DESCRIBE, most of SHOW, and MSCK."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

from clickstream_lake.sandbox.athena.statements.model import (
    AddPartitions,
    AlterColumns,
    AlterDatabase,
    ChangeColumn,
    ColumnDef,
    CreateDatabase,
    CreateTable,
    Describe,
    DropColumn,
    DropDatabase,
    DropPartitions,
    DropTable,
    Name,
    RenamePartition,
    RenameTable,
    Repair,
    SetLocation,
    SetProperties,
    ShowColumns,
    ShowCreate,
    ShowDatabases,
    ShowPartitions,
    ShowProperties,
    ShowTables,
    Spec,
    Statement,
)
from clickstream_lake.sandbox.athena.statements.tokens import Cursor
from clickstream_lake.sandbox.errors import not_supported

SHOWN_BY_THE_ENGINE = (
    ("CATALOGS",),
    ("CREATE", "SCHEMA"),
    ("FUNCTIONS",),
    ("SESSION",),
    ("STATS",),
)
_DATABASE_WORDS = {"DATABASE", "SCHEMA"}
# What DELIMITED fields are called in SerDe properties.
_DELIMITERS = (
    (("FIELDS", "TERMINATED", "BY"), "field.delim"),
    (("ESCAPED", "BY"), "escape.delim"),
    (("COLLECTION", "ITEMS", "TERMINATED", "BY"), "colelction.delim"),  # Hive's own spelling
    (("MAP", "KEYS", "TERMINATED", "BY"), "mapkey.delim"),
    (("LINES", "TERMINATED", "BY"), "line.delim"),
    (("NULL", "DEFINED", "AS"), "serialization.null.format"),
)


def is_hive(words: Sequence[str], text: str) -> bool:
    """Tell by the first words whether Athena gives a statement to Hive's parser."""
    first, second, third = [*words, "", "", ""][:3]
    if first in {"ALTER", "DESC", "DESCRIBE", "MSCK"}:
        return True
    if first == "SHOW":
        others = (*SHOWN_BY_THE_ENGINE, ("CREATE", "VIEW"))
        return not any((second, third)[: len(other)] == other for other in others)
    if first == "DROP":
        return second != "VIEW"
    if first != "CREATE":
        return False
    if second == "TABLE":
        return not Cursor(text, hive=False).has("AS")
    return second in {"EXTERNAL", *_DATABASE_WORDS}


def read(cursor: Cursor, database: str) -> Statement:
    """Read a whole statement.

    Raises:
        QueryError: it is written wrongly.
    """
    for word, reader in _READERS.items():
        if cursor.accept(word):
            statement = reader(cursor, database)
            cursor.end()
            return statement
    raise cursor.wrong("one of ALTER, CREATE, DESCRIBE, DROP, MSCK, SHOW")


def _create(cursor: Cursor, database: str) -> Statement:
    if cursor.accept("DATABASE") or cursor.accept("SCHEMA"):
        return _create_database(cursor)
    external = cursor.accept("EXTERNAL")
    cursor.expect("TABLE")
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.name(database)
    if cursor.at("LIKE"):
        raise not_supported("CREATE TABLE LIKE")
    columns = cursor.columns()
    clauses = _Clauses()
    while not cursor.done:
        clauses.read(cursor)
    return CreateTable(name, columns, external, if_not_exists, **clauses.found)


class _Clauses:
    """What follows the columns of a new table, in any order."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def read(self, cursor: Cursor) -> None:
        """Read one clause."""
        for words, clause in (
            (("COMMENT",), self._comment),
            (("PARTITIONED", "BY"), self._partitioned),
            (("CLUSTERED", "BY"), self._clustered),
            (("ROW", "FORMAT", "SERDE"), self._serde),
            (("ROW", "FORMAT", "DELIMITED"), self._delimited),
            (("WITH", "SERDEPROPERTIES"), self._serde_properties),
            (("STORED", "AS", "INPUTFORMAT"), self._formats),
            (("STORED", "AS"), self._stored),
            (("LOCATION",), self._location),
            (("TBLPROPERTIES",), self._properties),
        ):
            if cursor.accept(*words):
                clause(cursor)
                return
        raise cursor.wrong("a clause of CREATE TABLE")

    def _comment(self, cursor: Cursor) -> None:
        self.found["comment"] = cursor.string()

    def _partitioned(self, cursor: Cursor) -> None:
        """Read partition columns, or an Iceberg table's transforms of columns."""
        keys: list[ColumnDef] = []
        transforms: list[str] = []
        cursor.expect("(")
        while True:
            name = cursor.identifier()
            if cursor.at("("):
                transforms.append(name + cursor.balanced().replace("`", "").lower())
            elif cursor.at(",") or cursor.at(")"):
                transforms.append(name)
            else:
                keys.append(cursor.column(name))
            if not cursor.accept(","):
                break
        cursor.expect(")")
        self.found |= {"keys": tuple(keys), "transforms": tuple(transforms)}

    def _clustered(self, cursor: Cursor) -> None:
        columns = cursor.identifiers()
        cursor.expect("INTO")
        self.found["buckets"] = (columns, cursor.integer())
        cursor.expect("BUCKETS")

    def _serde(self, cursor: Cursor) -> None:
        self.found["serde"] = cursor.string()

    def _serde_properties(self, cursor: Cursor) -> None:
        self.found["serde_properties"] = cursor.strings()

    def _delimited(self, cursor: Cursor) -> None:
        found: dict[str, str] = {}
        while True:
            for words, key in _DELIMITERS:
                if cursor.accept(*words):
                    found[key] = cursor.string()
                    break
            else:
                break
        if "field.delim" in found:
            found["serialization.format"] = found["field.delim"]
        self.found["serde_properties"] = found

    def _formats(self, cursor: Cursor) -> None:
        given = cursor.string()
        cursor.expect("OUTPUTFORMAT")
        self.found["formats"] = (given, cursor.string())

    def _stored(self, cursor: Cursor) -> None:
        self.found["stored"] = cursor.identifier().upper()

    def _location(self, cursor: Cursor) -> None:
        self.found["location"] = cursor.string()

    def _properties(self, cursor: Cursor) -> None:
        self.found["properties"] = cursor.strings()


def _create_database(cursor: Cursor) -> Statement:
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    name = cursor.database()
    comment = cursor.string() if cursor.accept("COMMENT") else ""
    location = cursor.string() if cursor.accept("LOCATION") else None
    properties = cursor.strings() if cursor.accept("WITH", "DBPROPERTIES") else {}
    return CreateDatabase(name, if_not_exists, comment, location, properties)


def _drop(cursor: Cursor, database: str) -> Statement:
    if cursor.accept("TABLE"):
        if_exists = cursor.accept("IF", "EXISTS")
        name = cursor.name(database)
        cursor.accept("PURGE")
        return DropTable(name, if_exists)
    if not (cursor.accept("DATABASE") or cursor.accept("SCHEMA")):
        raise cursor.wrong("one of DATABASE, SCHEMA, TABLE, VIEW")
    if_exists = cursor.accept("IF", "EXISTS")
    name_ = cursor.database()
    cascade = cursor.accept("CASCADE") or (cursor.accept("RESTRICT") and False)
    return DropDatabase(name_, if_exists, cascade)


def _alter(cursor: Cursor, database: str) -> Statement:
    if cursor.accept("DATABASE") or cursor.accept("SCHEMA"):
        name_ = cursor.database()
        cursor.expect("SET", "DBPROPERTIES")
        return AlterDatabase(name_, cursor.strings())
    cursor.expect("TABLE")
    name = cursor.name(database)
    partition = cursor.partition() if cursor.accept("PARTITION") else None
    if cursor.accept("ADD", "COLUMNS"):
        return AlterColumns(name, cursor.columns(), replace=False, partition=partition)
    if cursor.accept("REPLACE", "COLUMNS"):
        return AlterColumns(name, cursor.columns(), replace=True, partition=partition)
    if cursor.accept("SET", "LOCATION"):
        return SetLocation(name, cursor.string(), partition)
    if partition is not None:
        cursor.expect("RENAME", "TO", "PARTITION")
        return RenamePartition(name, partition, cursor.partition())
    return _alter_table(cursor, name, database)


def _alter_table(cursor: Cursor, name: Name, database: str) -> Statement:
    if cursor.accept("ADD"):
        return _add_partitions(cursor, name)
    if cursor.accept("DROP", "COLUMN"):
        return DropColumn(name, cursor.identifier())
    if cursor.accept("DROP"):
        return _drop_partitions(cursor, name)
    if cursor.accept("SET", "TBLPROPERTIES"):
        return SetProperties(name, cursor.strings())
    if cursor.accept("RENAME", "TO"):
        return RenameTable(name, cursor.name(database))
    if cursor.accept("CHANGE"):
        cursor.accept("COLUMN")
        column = cursor.identifier()
        new = cursor.column(cursor.identifier())
        place = "FIRST" if cursor.accept("FIRST") else ""
        if cursor.accept("AFTER"):
            place = f"AFTER {cursor.identifier()}"
        return ChangeColumn(name, column, new, place)
    raise cursor.wrong("one of ADD, CHANGE, DROP, PARTITION, RENAME, REPLACE, SET")


def _add_partitions(cursor: Cursor, name: Name) -> Statement:
    if_not_exists = cursor.accept("IF", "NOT", "EXISTS")
    found: list[tuple[Spec, str | None]] = []
    cursor.expect("PARTITION")
    while True:
        spec = cursor.partition()
        found.append((spec, cursor.string() if cursor.accept("LOCATION") else None))
        cursor.accept(",")
        if not cursor.accept("PARTITION"):
            return AddPartitions(name, found, if_not_exists)


def _drop_partitions(cursor: Cursor, name: Name) -> Statement:
    if_exists = cursor.accept("IF", "EXISTS")
    cursor.expect("PARTITION")
    specs = [cursor.partition()]
    while cursor.accept(","):
        cursor.expect("PARTITION")
        specs.append(cursor.partition())
    cursor.accept("PURGE")
    return DropPartitions(name, specs, if_exists)


def _repair(cursor: Cursor, database: str) -> Statement:
    cursor.expect("REPAIR", "TABLE")
    return Repair(cursor.name(database))


def _describe(cursor: Cursor, database: str) -> Statement:
    detail: Literal["", "EXTENDED", "FORMATTED"] = ""
    if cursor.accept("EXTENDED"):
        detail = "EXTENDED"
    elif cursor.accept("FORMATTED"):
        detail = "FORMATTED"
    cursor.accept("TABLE")
    cursor.accept("VIEW")
    name = cursor.name(database)
    partition = cursor.partition() if cursor.accept("PARTITION") else None
    column = None
    if not cursor.done:
        column = cursor.identifier()
        while cursor.accept("."):
            column = f"{column}.{cursor.identifier()}"
    return Describe(name, detail, partition, column)


def _show(cursor: Cursor, database: str) -> Statement:
    for word, reader in _SHOW.items():
        if cursor.accept(word):
            return reader(cursor, database)
    raise cursor.wrong("one of COLUMNS, CREATE, DATABASES, PARTITIONS, SCHEMAS, TABLES, …")


def _show_databases(cursor: Cursor, _: str) -> Statement:
    cursor.accept("LIKE")
    return ShowDatabases(None if cursor.done else cursor.string())


def _show_tables(*, views_only: bool) -> Callable[[Cursor, str], Statement]:
    def reader(cursor: Cursor, database: str) -> Statement:
        if cursor.accept("IN") or cursor.accept("FROM"):
            database = cursor.database()
        cursor.accept("LIKE")
        return ShowTables(database, None if cursor.done else cursor.string(), views_only)

    return reader


def _show_partitions(cursor: Cursor, database: str) -> Statement:
    return ShowPartitions(cursor.name(database))


def _show_columns(cursor: Cursor, database: str) -> Statement:
    if not (cursor.accept("IN") or cursor.accept("FROM")):
        raise cursor.wrong("one of FROM, IN")
    name = cursor.name(database)
    if cursor.accept("IN") or cursor.accept("FROM"):
        name = Name(cursor.database(), name.table)
    return ShowColumns(name)


def _show_create(cursor: Cursor, database: str) -> Statement:
    cursor.expect("TABLE")
    return ShowCreate(cursor.name(database))


def _show_properties(cursor: Cursor, database: str) -> Statement:
    name = cursor.name(database)
    return ShowProperties(name, next(iter(cursor.strings())) if cursor.at("(") else None)


_SHOW: dict[str, Callable[[Cursor, str], Statement]] = {
    "DATABASES": _show_databases,
    "SCHEMAS": _show_databases,
    "TABLES": _show_tables(views_only=False),
    "VIEWS": _show_tables(views_only=True),
    "PARTITIONS": _show_partitions,
    "COLUMNS": _show_columns,
    "CREATE": _show_create,
    "TBLPROPERTIES": _show_properties,
}
_READERS: dict[str, Callable[[Cursor, str], Statement]] = {
    "CREATE": _create,
    "DROP": _drop,
    "ALTER": _alter,
    "MSCK": _repair,
    "DESCRIBE": _describe,
    "DESC": _describe,
    "SHOW": _show,
}
