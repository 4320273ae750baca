"""DDL carried out on Glue: databases, tables, columns, partitions. Files are never touched.

That is Athena's rule for external tables: DROP leaves their files where they are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.athena.statements import hive
from clickstream_lake.sandbox.athena.statements.model import (
    AddPartitions,
    AlterColumns,
    AlterDatabase,
    ChangeColumn,
    ColumnDef,
    CreateDatabase,
    CreateTable,
    DropDatabase,
    DropPartitions,
    DropTable,
    DropView,
    Name,
    RenamePartition,
    Repair,
    SetLocation,
    SetProperties,
    Spec,
    Statement,
)
from clickstream_lake.sandbox.athena.tables import Partition, columns_of, is_view, trino_type
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog

_TABLE_INPUT = frozenset(
    {
        "Name",
        "Description",
        "Owner",
        "LastAccessTime",
        "LastAnalyzedTime",
        "Retention",
        "StorageDescriptor",
        "PartitionKeys",
        "ViewOriginalText",
        "ViewExpandedText",
        "TableType",
        "Parameters",
    }
)
_PARTITION_INPUT = frozenset(
    {
        "Values",
        "LastAccessTime",
        "StorageDescriptor",
        "Parameters",
    }
)
_DATABASE_INPUT = frozenset(
    {
        "Name",
        "Description",
        "LocationUri",
        "Parameters",
    }
)


@dataclass(frozen=True)
class Ddl:
    """Carries out DDL; `run` gives the lines that Athena answers with, mostly none."""

    catalog: "GlueCatalog"
    storage: "TableStorage"

    @property
    def glue(self) -> "GlueClient":
        """The client that everything goes through."""
        return self.catalog.client

    def handles(self, statement: Statement) -> bool:
        """Tell whether this is DDL that Glue alone carries out."""
        return type(statement) in _HANDLERS

    def run(self, statement: Statement) -> list[str]:
        """Carry out one statement.

        Raises:
            QueryError: Athena, too, would fail it.
        """
        return list(_HANDLERS[type(statement)](self, statement) or ())

    def table(self, name: Name) -> dict[str, Any]:
        """Get a table as Glue has it.

        Raises:
            QueryError: there is none.
        """
        found = self.catalog.raw(name.database, name.table)
        if found is None:
            raise hive.table_not_found(name)
        return found

    def create_database(self, statement: CreateDatabase) -> None:
        """Create a database."""
        given: dict[str, Any] = {
            "Name": statement.database,
            "Description": statement.comment,
            "LocationUri": statement.location,
            "Parameters": dict(statement.properties),
        }
        try:
            self.glue.create_database(
                DatabaseInput=_only(given, frozenset(key for key, value in given.items() if value))
            )
        except self.glue.exceptions.AlreadyExistsException:
            if not statement.if_not_exists:
                raise hive.task_failed(f"Database {statement.database} already exists") from None

    def alter_database(self, statement: AlterDatabase) -> None:
        """Add to a database's properties."""
        found = self._database(statement.database)
        found["Parameters"] = {**found.get("Parameters", {}), **statement.properties}
        self.glue.update_database(
            Name=statement.database, DatabaseInput=_only(found, _DATABASE_INPUT)
        )

    def drop_database(self, statement: DropDatabase) -> None:
        """Drop a database; one with tables only with CASCADE."""
        if statement.database not in self.catalog.databases():
            if statement.if_exists:
                return
            raise hive.database_not_found(statement.database)
        tables = self.catalog.tables(statement.database)
        if tables and not statement.cascade:
            raise hive.task_failed(
                f"InvalidOperationException(message:Database {statement.database} is not empty. "
                "One or more tables exist.)"
            )
        for table in tables:
            self.glue.delete_table(DatabaseName=statement.database, Name=table)
        self.glue.delete_database(Name=statement.database)

    def create_table(self, statement: CreateTable) -> None:
        """Create a table over files that are there, or will be."""
        self._database(statement.name.database)
        if self.catalog.raw(statement.name.database, statement.name.table) is not None:
            if statement.if_not_exists:
                return
            raise hive.task_failed(
                f"AlreadyExistsException(message:Table {statement.name.table} already exists.)"
            )
        self.glue.create_table(
            DatabaseName=statement.name.database,
            TableInput=table_input(statement),
        )

    def drop_table(self, statement: DropTable) -> None:
        """Drop a table, and leave its files."""
        found = self.catalog.raw(statement.name.database, statement.name.table)
        if found is None:
            if statement.if_exists:
                return
            raise hive.table_not_found(statement.name)
        if is_view(found):
            raise semantic_view("DROP TABLE", statement.name)
        self._delete(statement.name)

    def drop_view(self, statement: DropView) -> None:
        """Drop a view."""
        found = self.catalog.raw(statement.name.database, statement.name.table)
        if found is None or not is_view(found):
            if found is None and statement.if_exists:
                return
            what = "does not exist" if found is None else "is a table, not a view"
            raise QueryError(
                "TABLE_NOT_FOUND", f"line 1:1: View 'awsdatacatalog.{statement.name}' {what}"
            )
        self._delete(statement.name)

    def add_partitions(self, statement: AddPartitions) -> None:
        """Register partitions, at the place that Hive would look for unless another is named."""
        raw = self.table(statement.name)
        table = self.catalog.describe(raw)
        known = {one.values for one in self.catalog.partitions(table)}
        new = []
        for spec, location in statement.partitions:
            values = self._values(raw, spec)
            if values in known and not statement.if_not_exists:
                raise hive.task_failed(
                    "AlreadyExistsException(message:Partition already exists: "
                    f"{table.partition_name(values)})"
                )
            if values not in known:
                default = f"{table.location.rstrip('/')}/{table.partition_name(values)}"
                new.append(Partition(values, location or default))
        self.catalog.add_partitions(table, new)

    def drop_partitions(self, statement: DropPartitions) -> None:
        """Drop all partitions that fit; a part of the keys is enough."""
        raw = self.table(statement.name)
        table = self.catalog.describe(raw)
        for spec in statement.specs:
            self._check_keys(raw, spec)
            keys = [key.name for key in table.partition_keys]
            gone = [
                one.values
                for one in self.catalog.partitions(table)
                if all(
                    spec[key] == value
                    for key, value in zip(keys, one.values, strict=True)
                    if key in spec
                )
            ]
            if not gone and not statement.if_exists:
                raise hive.partition_not_found(_spell(spec))
            for values in gone:
                self.glue.delete_partition(
                    DatabaseName=statement.name.database,
                    TableName=statement.name.table,
                    PartitionValues=list(values),
                )

    def rename_partition(self, statement: RenamePartition) -> None:
        """Give a partition other values; its files stay where they are."""
        raw = self.table(statement.name)
        found = self.partition(raw, statement.old)
        new = self._values(raw, statement.new)
        self._update_partition(raw, found, {**found, "Values": list(new)})

    def alter_columns(self, statement: AlterColumns) -> None:
        """Add columns at the end, or replace all of them; partition keys stay."""
        raw = self.table(statement.name)
        for one in statement.columns:
            _check_type(one.type)
        new = [_column(one) for one in statement.columns]
        part = None if statement.partition is None else self.partition(raw, statement.partition)
        storage = (part or raw).setdefault("StorageDescriptor", {})
        kept = [] if statement.replace else columns_of(part or raw)
        names = [one["Name"].lower() for one in (*kept, *new, *raw.get("PartitionKeys", []))]
        for name in names:
            if names.count(name) > 1:
                raise hive.task_failed(f"Duplicate column name: {name}")
        storage["Columns"] = [*kept, *new]
        self._store(raw, part)

    def change_column(self, statement: ChangeColumn) -> None:
        """Rename a column, change its type or comment, or move it."""
        raw = self.table(statement.name)
        _check_type(statement.new.type)
        columns = columns_of(raw)
        names = [one["Name"].lower() for one in columns]
        after = statement.place.removeprefix("AFTER ").lower()
        for needed in (statement.column, *([after] if statement.place.startswith("AFTER") else [])):
            if needed not in names:
                raise hive.semantic(10002, f"Invalid column reference {needed}")
        place = names.index(statement.column)
        columns.pop(place)
        if statement.place == "FIRST":
            place = 0
        elif statement.place:
            place = [one["Name"].lower() for one in columns].index(after) + 1
        columns.insert(place, _column(statement.new))
        self._store(raw, None)

    def set_location(self, statement: SetLocation) -> None:
        """Point a table, or one partition, at other files."""
        raw = self.table(statement.name)
        part = None if statement.partition is None else self.partition(raw, statement.partition)
        (part or raw).setdefault("StorageDescriptor", {})["Location"] = _location(
            statement.location
        )
        self._store(raw, part)

    def set_properties(self, statement: SetProperties) -> None:
        """Add to a table's properties."""
        raw = self.table(statement.name)
        raw["Parameters"] = {**raw.get("Parameters", {}), **statement.properties}
        self._store(raw, None)

    def repair(self, statement: Repair) -> list[str]:
        """Register the `key=value` directories under the table's location that Glue lacks."""
        table = self.catalog.describe(self.table(statement.name))
        known = {partition.values for partition in self.catalog.partitions(table)}
        found = self.storage.partition_directories(table.location, table.partition_keys)
        missing = [Partition(*one) for one in found if one[0] not in known]
        self.catalog.add_partitions(table, missing)
        names = [table.partition_name(one.values) for one in missing]
        if not names:
            return []
        listed = "\t".join(f"{table.name}:{name}" for name in names)
        return [
            f"Partitions not in metastore:\t{listed}",
            *(f"Repair: Added partition to metastore {table.name}:{name}" for name in names),
        ]

    def partition(self, raw: dict[str, Any], spec: Spec) -> dict[str, Any]:
        """Get one partition as Glue has it.

        Raises:
            QueryError: there is none.
        """
        values = self._values(raw, spec)
        try:
            answer = self.glue.get_partition(
                DatabaseName=raw["DatabaseName"], TableName=raw["Name"], PartitionValues=values
            )
        except self.glue.exceptions.EntityNotFoundException:
            raise hive.partition_not_found(_spell(spec)) from None
        return dict(answer["Partition"])

    def _database(self, name: str) -> dict[str, Any]:
        try:
            return dict(self.glue.get_database(Name=name)["Database"])
        except self.glue.exceptions.EntityNotFoundException:
            raise hive.database_not_found(name) from None

    def _delete(self, name: Name) -> None:
        self.glue.delete_table(DatabaseName=name.database, Name=name.table)

    def _check_keys(self, raw: dict[str, Any], spec: Spec) -> list[str]:
        keys = [key["Name"].lower() for key in raw.get("PartitionKeys", [])]
        if not keys:
            raise hive.task_failed(f"Table {raw['Name']} is not a partitioned table")
        for key in spec:
            if key not in keys:
                raise hive.semantic(
                    10098, f"Non-Partition column appears in the partition specification: {key}"
                )
        return keys

    def _values(self, raw: dict[str, Any], spec: Spec) -> tuple[str, ...]:
        keys = self._check_keys(raw, spec)
        if len(spec) < len(keys):
            raise hive.semantic(
                10111, f"Partition spec {_spell(spec)} has too few keys: it needs {', '.join(keys)}"
            )
        return tuple(spec[key] for key in keys)

    def _store(self, raw: dict[str, Any], part: dict[str, Any] | None) -> None:
        if part is not None:
            self._update_partition(raw, part, part)
            return
        self.glue.update_table(
            DatabaseName=raw["DatabaseName"],
            TableInput=_only(raw, _TABLE_INPUT),
        )

    def _update_partition(
        self, raw: dict[str, Any], old: dict[str, Any], new: dict[str, Any]
    ) -> None:
        self.glue.update_partition(
            DatabaseName=raw["DatabaseName"],
            TableName=raw["Name"],
            PartitionValueList=old["Values"],
            PartitionInput=_only(new, _PARTITION_INPUT),
        )


def semantic_view(what: str, name: Name) -> QueryError:
    """Say that a statement for tables was given a view."""
    return hive.semantic(10131, f"Cannot {what.lower()} a view: {name} is a view")


def table_input(statement: CreateTable) -> Any:  # noqa: ANN401 - what Glue takes
    """Describe a new external table as Glue wants it.

    Raises:
        QueryError: something needed is missing, or is not Hive's.
    """
    if statement.iceberg:
        raise not_supported("Iceberg is not supported by the embedded engine: use --athena trino")
    if not statement.external:
        raise QueryError(
            "FAILED", "SemanticException: CREATE TABLE without EXTERNAL is for Iceberg tables; "
            "use CREATE EXTERNAL TABLE"
        )  # fmt: skip
    if statement.transforms:
        raise QueryError("FAILED", "ParseException: PARTITIONED BY needs a type for each column")
    if statement.location is None:
        raise hive.task_failed("MetaException(message:External table needs a LOCATION)")
    for one in (*statement.columns, *statement.keys):
        _check_type(one.type)
    _check_names(statement)
    fmt = _file_format(statement)
    storage: dict[str, Any] = {
        "Columns": [_column(one) for one in statement.columns],
        "Location": _location(statement.location),
        "InputFormat": fmt.input,
        "OutputFormat": fmt.output,
        "Compressed": False,
        "NumberOfBuckets": statement.buckets[1] if statement.buckets else -1,
        "BucketColumns": list(statement.buckets[0]) if statement.buckets else [],
        "SortColumns": [],
        "StoredAsSubDirectories": False,
        "SerdeInfo": {
            "SerializationLibrary": fmt.serde,
            "Parameters": {"serialization.format": "1", **statement.serde_properties},
        },
    }
    return {
        "Name": statement.name.table,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [_column(one) for one in statement.keys],
        "Parameters": {
            "EXTERNAL": "TRUE",
            **({"comment": statement.comment} if statement.comment else {}),
            **statement.properties,
        },
        "StorageDescriptor": storage,
    }


def _check_type(name: str) -> None:
    try:
        trino_type(name)
    except QueryError:
        raise QueryError(
            "FAILED", f"ParseException cannot recognize input near '{name}' in column type"
        ) from None


def _check_names(statement: CreateTable) -> None:
    names = [one.name for one in (*statement.columns, *statement.keys)]
    for name in names:
        if names.count(name) > 1:
            raise hive.semantic(10036, f"Duplicate column name: {name}")
    for name in statement.buckets[0] if statement.buckets else ():
        if name not in names:
            raise hive.semantic(10002, f"Invalid column reference {name}")


def _file_format(statement: CreateTable) -> hive.FileFormat:
    stored = statement.stored or "TEXTFILE"
    if stored not in hive.FORMATS:
        raise QueryError(
            "FAILED",
            f"SemanticException Unrecognized file format in STORED AS clause: '{stored}'",
        )
    known = hive.FORMATS[stored]
    given, output = statement.formats or (known.input, known.output)
    return hive.FileFormat(given, output, statement.serde or known.serde)


def _location(uri: str) -> str:
    if not uri.startswith("s3://"):
        raise hive.task_failed(f"MetaException(message:location {uri} is not in S3)")
    return uri


def _column(one: ColumnDef) -> dict[str, str]:
    return {"Name": one.name, "Type": one.type, "Comment": one.comment}


def _only(given: Mapping[str, Any], keys: frozenset[str]) -> Any:  # noqa: ANN401 - what Glue takes
    return {key: value for key, value in given.items() if key in keys}


def _spell(spec: Spec) -> str:
    return "(" + ", ".join(f"{key} = '{value}'" for key, value in spec.items()) + ")"


_HANDLERS: dict[type[Statement], Callable[[Ddl, Any], Sequence[str] | None]] = {
    CreateDatabase: Ddl.create_database,
    AlterDatabase: Ddl.alter_database,
    DropDatabase: Ddl.drop_database,
    CreateTable: Ddl.create_table,
    DropTable: Ddl.drop_table,
    DropView: Ddl.drop_view,
    AddPartitions: Ddl.add_partitions,
    DropPartitions: Ddl.drop_partitions,
    RenamePartition: Ddl.rename_partition,
    AlterColumns: Ddl.alter_columns,
    ChangeColumn: Ddl.change_column,
    SetLocation: Ddl.set_location,
    SetProperties: Ddl.set_properties,
    Repair: Ddl.repair,
}
