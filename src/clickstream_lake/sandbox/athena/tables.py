"""Tables, partitions and column types as the Glue Data Catalog describes them.

A type is spelt in four languages: Glue's, Arrow's, Trino's and the one that a result set shows.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import StorageDescriptorOutputTypeDef


Format = Literal["json", "parquet", "other", "memory"]

_ARROW_SCALARS = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_TRINO_SCALARS = {"string": "varchar", "int": "integer", "float": "real", "binary": "varbinary"}
_SIZED_TEXT = re.compile(r"(?:var)?char\(\d+\)")
_DECIMAL = re.compile(r"decimal(?:\((\d+),\s*(\d+)\))?")
_NESTED = ("array<", "map<", "struct<")


def is_nested(glue_type: str) -> bool:
    """Tell arrays, maps and structs from scalars."""
    return glue_type.lower().startswith(_NESTED)


def arrow_type(glue_type: str) -> pa.DataType:
    """Give the Arrow type that holds a scalar Glue column.

    Raises:
        QueryError: the type is nested, or Athena does not know it.
    """
    name = glue_type.lower().strip()
    if name in _ARROW_SCALARS:
        return _ARROW_SCALARS[name]
    if _SIZED_TEXT.fullmatch(name):
        return pa.string()
    if decimal := _DECIMAL.fullmatch(name):
        precision, scale = decimal.groups(default="")
        return pa.decimal128(int(precision or 10), int(scale or 0))
    raise not_supported(f"column type {glue_type} {ELSEWHERE}")


def trino_type(glue_type: str) -> str:
    """Spell a Glue type as Trino does, for name resolution and type checks.

    Raises:
        QueryError: Athena does not know it.
    """
    name = glue_type.lower().strip()
    if not is_nested(name):
        arrow_type(name)
        return _TRINO_SCALARS.get(name, name)
    try:
        return exp.DataType.build(name, dialect="hive").sql(dialect="trino")
    except SqlglotError as error:
        raise not_supported(f"column type {glue_type} is not understood") from error


def glue_type(trino: str) -> str:
    """Spell a type of Trino's as Glue does."""
    try:
        name = exp.DataType.build(trino, dialect="trino").sql(dialect="hive")
    except SqlglotError:
        return "string"
    return _PRECISION.sub("timestamp", name.lower().replace(" ", ""))


def full_type(arrow: pa.DataType) -> str:
    """Spell an Arrow type as Trino does, with the types inside it."""
    if pa.types.is_map(arrow):
        return f"map({full_type(arrow.key_type)}, {full_type(arrow.item_type)})"
    if pa.types.is_struct(arrow):
        fields = (arrow.field(place) for place in range(arrow.num_fields))
        return f"row({', '.join(f'{one.name} {full_type(one.type)}' for one in fields)})"
    if pa.types.is_nested(arrow):
        return f"array({full_type(arrow.value_type)})"
    if pa.types.is_timestamp(arrow):
        return "timestamp(3) with time zone" if arrow.tz else "timestamp(3)"
    return _FULL_NAMES.get(result_type(arrow), result_type(arrow))


_FULL_NAMES = {"float": "real"}
_PRECISION = re.compile(r"timestamp(?:\(\d+\))?(?:withtimezone)?")
_RESULT_TYPES = (
    (pa.types.is_string, "varchar"),
    (pa.types.is_large_string, "varchar"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "integer"),
    (pa.types.is_integer, "bigint"),
    (pa.types.is_float32, "float"),
    (pa.types.is_floating, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_time, "time"),
    (pa.types.is_binary, "varbinary"),
    (pa.types.is_map, "map"),
    (pa.types.is_struct, "row"),
    (pa.types.is_nested, "array"),
)


def result_type(arrow: pa.DataType) -> str:
    """Name a result column's type as `ColumnInfo.Type` does."""
    if pa.types.is_timestamp(arrow):
        return "timestamp with time zone" if arrow.tz else "timestamp"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    for matches, name in _RESULT_TYPES:
        if matches(arrow):
            return name
    return "varchar"


_SERDES: dict[str, Format] = {
    "org.apache.hive.hcatalog.data.JsonSerDe": "json",
    "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe": "parquet",
}
# How Hive spells a NULL partition value.
DEFAULT_PARTITION = "__HIVE_DEFAULT_PARTITION__"
# How a refusal ends where Athena would answer.
ELSEWHERE = "is not supported by the embedded engine: use --athena trino"
_BATCH_CREATE_LIMIT = 100  # Glue's own limit for BatchCreatePartition


@dataclass(frozen=True)
class Column:
    """A declared column: lower-case name, Glue type, and its position in the table."""

    name: str
    type: str
    ordinal: int
    comment: str = ""


@dataclass(frozen=True)
class Partition:
    """One registered partition; a table without partition keys has one with no values."""

    values: tuple[str, ...]
    location: str


# Columns that no table declares, and that only a query sees which names them, with Trino types.
HIDDEN = {
    "$path": "varchar",
    "$file_size": "bigint",
    "$file_modified_time": "timestamp with time zone",
    "$partition": "varchar",
}


@dataclass(frozen=True)
class Table:
    """A table as Glue describes it; `rows` are those of one that has no files."""

    database: str
    name: str
    format: Format
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    location: str
    storage: "StorageDescriptorOutputTypeDef"
    rows: pa.Table | None = None

    def partition_name(self, values: Sequence[str]) -> str:
        """Spell a partition as Hive does: `year=2025/month=11/day=26`."""
        return "/".join(
            f"{key.name}={value}" for key, value in zip(self.partition_keys, values, strict=True)
        )


def columns_of(raw: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Give the columns of a table or a partition as Glue has it; either may lack them."""
    columns: list[dict[str, Any]] = raw.get("StorageDescriptor", {}).get("Columns", [])
    return columns


def is_view(raw: Mapping[str, Any]) -> bool:
    """Tell a view from a table, as Glue has it."""
    return raw.get("TableType") == "VIRTUAL_VIEW"


def is_iceberg(raw: Mapping[str, Any]) -> bool:
    """Tell an Iceberg table from others, as Glue has it."""
    return str(raw.get("Parameters", {}).get("table_type", "")).upper() == "ICEBERG"


class GlueCatalog:
    """The part of Glue that a query needs, through any Glue client."""

    def __init__(self, client: "GlueClient") -> None:
        self.client = client

    def databases(self) -> list[str]:
        """Name all databases."""
        pages = self.client.get_paginator("get_databases").paginate()
        return sorted(entry["Name"] for page in pages for entry in page["DatabaseList"])

    def entries(self, database: str) -> list[dict[str, Any]]:
        """Give a database's tables and views as Glue has them.

        Raises:
            QueryError: there is no such database.
        """
        pages = self.client.get_paginator("get_tables").paginate(DatabaseName=database)
        try:
            return [dict(entry) for page in pages for entry in page["TableList"]]
        except self.client.exceptions.EntityNotFoundException:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist") from None

    def tables(self, database: str) -> list[str]:
        """Name a database's tables and views."""
        return sorted(entry["Name"] for entry in self.entries(database))

    def raw(self, database: str, name: str) -> dict[str, Any] | None:
        """Give a table or view as Glue has it, if there is one."""
        try:
            return dict(self.client.get_table(DatabaseName=database, Name=name)["Table"])
        except self.client.exceptions.EntityNotFoundException:
            return None

    def table(self, database: str, name: str) -> Table:
        """Describe one table that can be read.

        Raises:
            QueryError: there is no such table, or no reader for its format.
        """
        raw = self.raw(database, name)
        if raw is None:
            raise QueryError(
                "TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{name}' does not exist"
            )
        if is_iceberg(raw):
            raise not_supported(f"Iceberg table {database}.{name} {ELSEWHERE}")
        table = self.describe(raw)
        if table.format == "other":
            serde = table.storage.get("SerdeInfo", {}).get("SerializationLibrary")
            raise not_supported(
                f"table {database}.{name} has the SerDe {serde or '(none)'}, which {ELSEWHERE}"
            )
        return table

    def describe(self, raw: dict[str, Any]) -> Table:
        """Describe a table that Glue has, whatever its format."""
        storage = raw.get("StorageDescriptor", {})
        serde = storage.get("SerdeInfo", {}).get("SerializationLibrary", "")
        return Table(
            database=raw["DatabaseName"],
            name=raw["Name"],
            format=_SERDES.get(serde, "other"),
            columns=_columns(storage.get("Columns", [])),
            partition_keys=_columns(raw.get("PartitionKeys", [])),
            location=storage.get("Location", ""),
            storage=storage,
        )

    def partitions(self, table: Table) -> Iterator[Partition]:
        """Yield the registered partitions, in Glue's order."""
        if not table.partition_keys:
            yield Partition((), table.location)
            return
        pages = self.client.get_paginator("get_partitions").paginate(
            DatabaseName=table.database, TableName=table.name, ExcludeColumnSchema=True
        )
        for page in pages:
            for raw in page["Partitions"]:
                yield Partition(tuple(raw["Values"]), raw["StorageDescriptor"]["Location"])

    def add_partitions(self, table: Table, partitions: Sequence[Partition]) -> None:
        """Register partitions with the table's own columns and format."""
        for start in range(0, len(partitions), _BATCH_CREATE_LIMIT):
            self.client.batch_create_partition(
                DatabaseName=table.database,
                TableName=table.name,
                PartitionInputList=[
                    {
                        "Values": list(partition.values),
                        "StorageDescriptor": {**table.storage, "Location": partition.location},
                    }
                    for partition in partitions[start : start + _BATCH_CREATE_LIMIT]
                ],
            )


def _columns(raw: Sequence[object]) -> tuple[Column, ...]:
    columns = []
    for ordinal, entry in enumerate(raw):
        assert isinstance(entry, dict)  # noqa: S101 - Glue's shape, narrowed for mypy
        columns.append(
            Column(entry["Name"].lower(), entry["Type"], ordinal, entry.get("Comment", ""))
        )
    return tuple(columns)
