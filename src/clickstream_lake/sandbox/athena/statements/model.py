"""Athena's statements, as read: what each asks for, and what the API calls its kind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Kind = Literal["DDL", "DML", "UTILITY"]
Value = str | int | bool | tuple[str, ...]
Spec = Mapping[str, str]


@dataclass(frozen=True)
class Name:
    """A table, view or database and table; both parts are lower case."""

    database: str
    table: str

    def __str__(self) -> str:
        return f"{self.database}.{self.table}"


@dataclass(frozen=True)
class ColumnDef:
    """A column as DDL declares it; `type` is spelt as Glue spells it."""

    name: str
    type: str
    comment: str = ""


@dataclass(frozen=True)
class Statement:
    """One statement.

    Attributes:
        kind: Athena's `StatementType`. Results of DML are CSV, those of the rest plain text.
        substatement: Athena's `SubstatementType`.
    """

    kind: ClassVar[Kind] = "DDL"
    substatement: ClassVar[str] = ""


@dataclass(frozen=True)
class AboutTable(Statement):
    """A statement about one table or view."""

    name: Name


# What reads or writes rows: an engine has to do it.


@dataclass(frozen=True)
class Query(Statement):
    """SELECT, WITH, VALUES, TABLE."""

    kind, substatement = "DML", "SELECT"
    sql: str


@dataclass(frozen=True)
class CreateTableAs(AboutTable):
    """CREATE TABLE … AS: `properties` as given, by lower-case names."""

    substatement = "CREATE_TABLE_AS_SELECT"
    sql: str
    properties: Mapping[str, Value] = field(default_factory=dict)
    if_not_exists: bool = False
    with_data: bool = True


@dataclass(frozen=True)
class Insert(AboutTable):
    """INSERT INTO; without `columns` it fills all of them."""

    kind, substatement = "DML", "INSERT"
    sql: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unload(Statement):
    """UNLOAD (query) TO location."""

    kind, substatement = "DML", "UNLOAD"
    sql: str
    location: str
    properties: Mapping[str, Value]


@dataclass(frozen=True)
class CreateView(AboutTable):
    """CREATE VIEW."""

    substatement = "CREATE_VIEW"
    sql: str
    replace: bool = False


@dataclass(frozen=True)
class Explain(Statement):
    """EXPLAIN of a statement, which `ANALYZE` also runs; `sql` is the whole text."""

    kind, substatement = "UTILITY", "EXPLAIN"
    sql: str
    of: Statement
    analyze: bool = False
    options: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change(Statement):
    """DELETE, UPDATE or MERGE: rows of an Iceberg table change."""

    kind = "DML"
    verb: str
    sql: str


@dataclass(frozen=True)
class ShowEngine(Statement):
    """SHOW of what the engine itself knows: `verb` is such as `SHOW_FUNCTIONS`."""

    kind = "UTILITY"
    verb: str
    sql: str


@dataclass(frozen=True)
class Optimize(AboutTable):
    """OPTIMIZE … REWRITE DATA USING BIN_PACK; `where` is the condition's text."""

    substatement = "OPTIMIZE"
    where: str = ""


@dataclass(frozen=True)
class Vacuum(AboutTable):
    """VACUUM of an Iceberg table."""

    substatement = "VACUUM"


# Prepared statements.


@dataclass(frozen=True)
class Prepare(Statement):
    """PREPARE name FROM statement."""

    substatement = "PREPARE"
    name: str
    sql: str


@dataclass(frozen=True)
class Execute(Statement):
    """EXECUTE name USING …; each argument is the text of an expression."""

    kind, substatement = "DML", "EXECUTE"
    name: str
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deallocate(Statement):
    """DEALLOCATE PREPARE name."""

    substatement = "DEALLOCATE"
    name: str


# What Glue alone answers or keeps.


@dataclass(frozen=True)
class CreateTable(AboutTable):
    """CREATE [EXTERNAL] TABLE with columns.

    Attributes:
        transforms: partition transforms of an Iceberg table, as text.
        stored: `STORED AS` format, or None.
        formats: input and output format, where they are named.
    """

    substatement = "CREATE_TABLE"
    columns: tuple[ColumnDef, ...]
    external: bool
    if_not_exists: bool = False
    keys: tuple[ColumnDef, ...] = ()
    transforms: tuple[str, ...] = ()
    comment: str = ""
    serde: str | None = None
    serde_properties: Mapping[str, str] = field(default_factory=dict)
    stored: str | None = None
    formats: tuple[str, str] | None = None
    buckets: tuple[tuple[str, ...], int] | None = None
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def iceberg(self) -> bool:
        """Whether the table is to be an Iceberg table."""
        given = {key.lower(): value for key, value in self.properties.items()}
        return given.get("table_type", "").upper() == "ICEBERG"


@dataclass(frozen=True)
class DropTable(AboutTable):
    """DROP TABLE."""

    substatement = "DROP_TABLE"
    if_exists: bool = False


@dataclass(frozen=True)
class DropView(AboutTable):
    """DROP VIEW."""

    substatement = "DROP_VIEW"
    if_exists: bool = False


@dataclass(frozen=True)
class CreateDatabase(Statement):
    """CREATE DATABASE or SCHEMA."""

    substatement = "CREATE_DATABASE"
    database: str
    if_not_exists: bool = False
    comment: str = ""
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AlterDatabase(Statement):
    """ALTER DATABASE … SET DBPROPERTIES."""

    substatement = "ALTER_DATABASE"
    database: str
    properties: Mapping[str, str]


@dataclass(frozen=True)
class DropDatabase(Statement):
    """DROP DATABASE or SCHEMA."""

    substatement = "DROP_DATABASE"
    database: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True)
class AddPartitions(AboutTable):
    """ALTER TABLE … ADD PARTITION: each with its location, or None."""

    substatement = "ALTER_TABLE_ADD_PARTITION"
    partitions: Sequence[tuple[Spec, str | None]]
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropPartitions(AboutTable):
    """ALTER TABLE … DROP PARTITION."""

    substatement = "ALTER_TABLE_DROP_PARTITION"
    specs: Sequence[Spec]
    if_exists: bool = False


@dataclass(frozen=True)
class RenamePartition(AboutTable):
    """ALTER TABLE … PARTITION … RENAME TO PARTITION …."""

    substatement = "ALTER_TABLE_RENAME_PARTITION"
    old: Spec
    new: Spec


@dataclass(frozen=True)
class AlterColumns(AboutTable):
    """ALTER TABLE … ADD COLUMNS or REPLACE COLUMNS."""

    substatement = "ALTER_TABLE_COLUMNS"
    columns: tuple[ColumnDef, ...]
    replace: bool
    partition: Spec | None = None


@dataclass(frozen=True)
class ChangeColumn(AboutTable):
    """ALTER TABLE … CHANGE COLUMN; `place` is "", "FIRST", or "AFTER column"."""

    substatement = "ALTER_TABLE_CHANGE_COLUMN"
    column: str
    new: ColumnDef
    place: str = ""


@dataclass(frozen=True)
class DropColumn(AboutTable):
    """ALTER TABLE … DROP COLUMN: of an Iceberg table."""

    substatement = "ALTER_TABLE_DROP_COLUMN"
    column: str


@dataclass(frozen=True)
class RenameTable(AboutTable):
    """ALTER TABLE … RENAME TO …: of an Iceberg table."""

    substatement = "ALTER_TABLE_RENAME"
    new: Name


@dataclass(frozen=True)
class SetLocation(AboutTable):
    """ALTER TABLE … SET LOCATION, of the table or one partition."""

    substatement = "ALTER_TABLE_SET_LOCATION"
    location: str
    partition: Spec | None = None


@dataclass(frozen=True)
class SetProperties(AboutTable):
    """ALTER TABLE … SET TBLPROPERTIES."""

    substatement = "ALTER_TABLE_SET_TBLPROPERTIES"
    properties: Mapping[str, str]


@dataclass(frozen=True)
class Repair(AboutTable):
    """MSCK REPAIR TABLE."""

    substatement = "MSCK_REPAIR_TABLE"


@dataclass(frozen=True)
class Describe(AboutTable):
    """DESCRIBE of a table, one of its columns or partitions, or a view."""

    kind, substatement = "UTILITY", "DESCRIBE_TABLE"
    detail: Literal["", "EXTENDED", "FORMATTED"] = ""
    partition: Spec | None = None
    column: str | None = None


@dataclass(frozen=True)
class ShowDatabases(Statement):
    """SHOW DATABASES or SCHEMAS."""

    kind, substatement = "UTILITY", "SHOW_DATABASES"
    pattern: str | None = None


@dataclass(frozen=True)
class ShowTables(Statement):
    """SHOW TABLES, or SHOW VIEWS."""

    kind, substatement = "UTILITY", "SHOW_TABLES"
    database: str
    pattern: str | None = None
    views_only: bool = False


@dataclass(frozen=True)
class ShowPartitions(AboutTable):
    """SHOW PARTITIONS."""

    kind, substatement = "UTILITY", "SHOW_PARTITIONS"


@dataclass(frozen=True)
class ShowColumns(AboutTable):
    """SHOW COLUMNS."""

    kind, substatement = "UTILITY", "SHOW_COLUMNS"


@dataclass(frozen=True)
class ShowCreate(AboutTable):
    """SHOW CREATE TABLE or VIEW."""

    kind, substatement = "UTILITY", "SHOW_CREATE_TABLE"
    view: bool = False


@dataclass(frozen=True)
class ShowProperties(AboutTable):
    """SHOW TBLPROPERTIES, all or one."""

    kind, substatement = "UTILITY", "SHOW_TBLPROPERTIES"
    property: str | None = None
