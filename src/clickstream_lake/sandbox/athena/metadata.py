"""What Athena tells of catalogs, databases and tables: Glue's, in Athena's words."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from clickstream_lake.sandbox.athena.requests import Operations, Payload, invalid, page, required
from clickstream_lake.sandbox.errors import ApiError

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

_CATALOG: Final = "AwsDataCatalog"
_ACCOUNT: Final = "123456789012"
# What Athena adds to a table's own parameters, and where Glue has it.
_OF_STORAGE: Final = {
    "location": "Location",
    "inputformat": "InputFormat",
    "outputformat": "OutputFormat",
}


class Metadata:
    """Answers about the one catalog that there is; every other one is unknown."""

    def __init__(self, glue: "GlueClient") -> None:
        """Tell what `glue` holds."""
        self._glue = glue
        self.operations: Operations = {
            "ListDataCatalogs": self._catalogs,
            "GetDataCatalog": self._catalog,
            "ListDatabases": self._databases,
            "GetDatabase": self._database,
            "ListTableMetadata": self._tables,
            "GetTableMetadata": self._table,
        }

    def _catalogs(self, payload: Payload) -> Payload:
        return page(payload, "DataCatalogsSummary", [{"CatalogName": _CATALOG, "Type": "GLUE"}])

    def _catalog(self, payload: Payload) -> Payload:
        _known(required(payload, "Name"))
        parameters = {"catalog-id": _ACCOUNT}
        return {"DataCatalog": {"Name": _CATALOG, "Type": "GLUE", "Parameters": parameters}}

    def _databases(self, payload: Payload) -> Payload:
        _known(required(payload, "CatalogName"))
        pages = self._glue.get_paginator("get_databases").paginate()
        found = [_describe_database(each) for one in pages for each in one["DatabaseList"]]
        return page(payload, "DatabaseList", sorted(found, key=lambda each: str(each["Name"])))

    def _database(self, payload: Payload) -> Payload:
        _known(required(payload, "CatalogName"))
        name = required(payload, "DatabaseName")
        try:
            found = self._glue.get_database(Name=name.lower())["Database"]
        except ClientError as error:
            raise _metadata(error) from error
        return {"Database": _describe_database(found)}

    def _tables(self, payload: Payload) -> Payload:
        _known(required(payload, "CatalogName"))
        database = required(payload, "DatabaseName").lower()
        try:
            wanted = re.compile(payload.get("Expression") or ".*", re.IGNORECASE)
        except re.error as error:
            raise invalid(f"Expression is no regular expression: {error}") from error
        try:
            pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
            tables = [table for one in pages for table in one["TableList"]]
        except ClientError as error:
            raise _metadata(error) from error
        named = sorted(
            (table for table in tables if wanted.fullmatch(table["Name"])),
            key=lambda table: table["Name"],
        )
        return page(payload, "TableMetadataList", [_describe_table(table) for table in named])

    def _table(self, payload: Payload) -> Payload:
        _known(required(payload, "CatalogName"))
        database, name = required(payload, "DatabaseName"), required(payload, "TableName")
        try:
            found = self._glue.get_table(DatabaseName=database.lower(), Name=name.lower())["Table"]
        except ClientError as error:
            raise _metadata(error) from error
        return {"TableMetadata": _describe_table(found)}


def _known(catalog: str) -> None:
    if catalog.lower() != _CATALOG.lower():
        raise invalid(f"DataCatalog {catalog} was not found")


def _metadata(error: ClientError) -> ApiError:
    said = error.response["Error"]
    # Clients look for Glue's code in Athena's message, by all of this.
    service = (
        f"Service: AmazonDataCatalog; Status Code: 400; Error Code: {said['Code']}; "
        f"Request ID: {error.response['ResponseMetadata']['RequestId']}; Proxy: null"
    )
    return ApiError("MetadataException", f"{said['Message']} ({service})")


def _describe_database(raw: Any) -> Payload:  # noqa: ANN401 - Glue's shape
    return {
        "Name": raw["Name"],
        "Description": raw.get("Description", ""),
        "Parameters": raw.get("Parameters", {}),
    }


def _describe_table(raw: Any) -> Payload:  # noqa: ANN401 - Glue's shape
    storage = raw.get("StorageDescriptor", {})
    serde = storage.get("SerdeInfo", {})
    added = {name: storage[glue] for name, glue in _OF_STORAGE.items() if storage.get(glue)}
    if serde.get("SerializationLibrary"):
        added["serde.serialization.lib"] = serde["SerializationLibrary"]
    for name, value in serde.get("Parameters", {}).items():
        added[f"serde.param.{name}"] = value
    described = {
        "Name": raw["Name"],
        "TableType": raw.get("TableType", "EXTERNAL_TABLE"),
        "Columns": _columns(storage.get("Columns", [])),
        "PartitionKeys": _columns(raw.get("PartitionKeys", [])),
        "Parameters": raw.get("Parameters", {}) | added,
    }
    if "CreateTime" in raw:
        described["CreateTime"] = raw["CreateTime"].timestamp()
    return described


def _columns(raw: Iterable[Payload]) -> list[Payload]:
    return [
        {name: each[name] for name in ("Name", "Type", "Comment") if name in each} for each in raw
    ]
