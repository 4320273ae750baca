"""Tables, partitions and column types as the Glue Data Catalog describes them.

It is only read, except by MSCK REPAIR and CREATE TABLE … AS. A type is spelt in four languages:
Glue's, Arrow's, Trino's and the one that a result set shows.
"""

import fnmatch
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
from sqlglot import exp
from sqlglot.errors import SqlglotError

from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import StorageDescriptorOutputTypeDef


Format = Literal["json", "parquet"]

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
    raise not_supported(f"column type {glue_type} is not supported by the local engine")


def trino_type(glue_type: str) -> str:
    """Spell a Glue type as Trino does, for name resolution and type checks."""
    name = glue_type.lower().strip()
    if not is_nested(name):
        return _TRINO_SCALARS.get(name, name)
    try:
        return exp.DataType.build(name, dialect="hive").sql(dialect="trino")
    except SqlglotError as error:
        raise not_supported(f"column type {glue_type} is not understood") from error


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


@dataclass(frozen=True)
class Table:
    """A table as Glue describes it."""

    database: str
    name: str
    format: Format
    columns: tuple[Column, ...]
    partition_keys: tuple[Column, ...]
    location: str
    storage: "StorageDescriptorOutputTypeDef"

    def partition_name(self, values: Sequence[str]) -> str:
        """Spell a partition as Hive does: `year=2025/month=11/day=26`."""
        return "/".join(
            f"{key.name}={value}" for key, value in zip(self.partition_keys, values, strict=True)
        )


class GlueCatalog:
    """The part of Glue that a query needs, through any Glue client."""

    def __init__(self, client: "GlueClient") -> None:
        self._client = client

    def databases(self) -> list[str]:
        """Name all databases."""
        pages = self._client.get_paginator("get_databases").paginate()
        return sorted(entry["Name"] for page in pages for entry in page["DatabaseList"])

    def tables(self, database: str, pattern: str | None = None) -> list[str]:
        """Name a database's tables; `*` in the pattern stands for any text."""
        pages = self._client.get_paginator("get_tables").paginate(DatabaseName=database)
        try:
            names = sorted(entry["Name"] for page in pages for entry in page["TableList"])
        except self._client.exceptions.EntityNotFoundException:
            raise QueryError("SCHEMA_NOT_FOUND", f"Schema '{database}' does not exist") from None
        return [name for name in names if pattern is None or fnmatch.fnmatch(name, pattern)]

    def table(self, database: str, name: str) -> Table:
        """Describe one table.

        Raises:
            QueryError: there is no such table, or no reader for its format.
        """
        try:
            raw = self._client.get_table(DatabaseName=database, Name=name)["Table"]
        except self._client.exceptions.EntityNotFoundException:
            raise QueryError(
                "TABLE_NOT_FOUND", f"Table 'awsdatacatalog.{database}.{name}' does not exist"
            ) from None
        storage = raw["StorageDescriptor"]
        serde = storage.get("SerdeInfo", {}).get("SerializationLibrary", "")
        if serde not in _SERDES:
            raise not_supported(
                f"table {database}.{name} has the SerDe {serde or '(none)'}; the local engine "
                f"reads {' and '.join(_SERDES)}"
            )
        return Table(
            database=database,
            name=name,
            format=_SERDES[serde],
            columns=_columns(storage.get("Columns", [])),
            partition_keys=_columns(raw.get("PartitionKeys", [])),
            location=storage["Location"],
            storage=storage,
        )

    def partitions(self, table: Table) -> Iterator[Partition]:
        """Yield the registered partitions, in Glue's order."""
        if not table.partition_keys:
            yield Partition((), table.location)
            return
        pages = self._client.get_paginator("get_partitions").paginate(
            DatabaseName=table.database, TableName=table.name, ExcludeColumnSchema=True
        )
        for page in pages:
            for raw in page["Partitions"]:
                yield Partition(tuple(raw["Values"]), raw["StorageDescriptor"]["Location"])

    def create_parquet_table(
        self, database: str, name: str, columns: Sequence[dict[str, str]], location: str
    ) -> None:
        """Register an unpartitioned Parquet table."""
        package = "org.apache.hadoop.hive.ql.io.parquet"
        self._client.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"},
                "StorageDescriptor": {
                    "Columns": [{"Name": one["Name"], "Type": one["Type"]} for one in columns],
                    "Location": location,
                    "InputFormat": f"{package}.MapredParquetInputFormat",
                    "OutputFormat": f"{package}.MapredParquetOutputFormat",
                    "SerdeInfo": {
                        "SerializationLibrary": f"{package}.serde.ParquetHiveSerDe",
                    },
                },
            },
        )

    def add_partitions(self, table: Table, partitions: Sequence[Partition]) -> None:
        """Register partitions with the table's own columns and format."""
        for start in range(0, len(partitions), _BATCH_CREATE_LIMIT):
            self._client.batch_create_partition(
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
