"""Tables and partitions, read from (and, for MSCK REPAIR, written to) the Glue Data Catalog."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from clickstream_lake.sandbox.athena.errors import QueryError, not_supported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import StorageDescriptorOutputTypeDef

Format = Literal["json", "parquet"]

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
    storage: StorageDescriptorOutputTypeDef

    def partition_name(self, values: Sequence[str]) -> str:
        """Spell a partition as Hive does: `year=2025/month=11/day=26`."""
        return "/".join(
            f"{key.name}={value}" for key, value in zip(self.partition_keys, values, strict=True)
        )


class GlueCatalog:
    """The part of Glue that a query needs, through any Glue client."""

    def __init__(self, client: GlueClient) -> None:
        """Use a client of AWS or of a stand-in."""
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
        assert isinstance(entry, dict)  # noqa: S101  # Glue's shape, narrowed for mypy
        columns.append(
            Column(entry["Name"].lower(), entry["Type"], ordinal, entry.get("Comment", ""))
        )
    return tuple(columns)
