"""Iceberg tables in Glue as Athena leaves them, where a Trino stands for it.

Athena marks each column with its number in the table's own metadata and with whether it is there
now. Clients such as awswrangler look at that, and Trino does not write it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.glue.models import GlueBackend
from moto.s3.models import s3_backends

from clickstream_lake.sandbox.athena.tables import columns_of, is_iceberg

_LOCATION = "metadata_location"
_ID = "iceberg.field.id"


@contextmanager
def marked_columns() -> Iterator[None]:
    """A context in which whoever writes an Iceberg table into Glue leaves its columns marked."""
    with (
        patch.object(GlueBackend, "create_table", _marking(GlueBackend.create_table)),
        patch.object(GlueBackend, "update_table", _marking(GlueBackend.update_table)),
    ):
        yield


def _marking(write: Callable[..., Any]) -> Callable[..., Any]:
    def marked(
        backend: GlueBackend,
        database_name: str,
        table_name: str,
        table_input: dict[str, Any],
        *more: Any,  # noqa: ANN401 - moto's own
    ) -> Any:  # noqa: ANN401 - moto's own
        if is_iceberg(table_input):
            _mark(table_input)
        return write(backend, database_name, table_name, table_input, *more)

    return marked


def _mark(table: dict[str, Any]) -> None:
    unmarked = [each for each in columns_of(table) if _ID not in (each.get("Parameters") or {})]
    fields = _fields(table.get("Parameters", {}).get(_LOCATION, "")) if unmarked else {}
    for column in unmarked:
        if field := fields.get(column["Name"]):
            column["Parameters"] = (column.get("Parameters") or {}) | {
                _ID: str(field["id"]),
                "iceberg.field.optional": str(not field["required"]).lower(),
                "iceberg.field.current": "true",
            }


def _fields(location: str) -> dict[str, dict[str, Any]]:
    """The columns of a table by their names in Glue, as its metadata have them now."""
    address = urlsplit(location)
    bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.get(address.netloc)
    found = bucket.keys.get(address.path.lstrip("/")) if bucket else None
    if found is None:
        return {}
    metadata = json.loads(found.value)
    (schema,) = (
        each for each in metadata["schemas"] if each["schema-id"] == metadata["current-schema-id"]
    )
    return {field["name"].lower(): field for field in schema["fields"]}
