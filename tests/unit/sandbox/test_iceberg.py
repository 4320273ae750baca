import json
from collections.abc import Iterator
from typing import Any

import pytest

from clickstream_lake.sandbox.iceberg import marked_columns
from tests.protocol.clients import moto
from tests.protocol.lake import BUCKET, DATABASE

PLACE = "table/metadata/00001.metadata.json"
METADATA = {
    "current-schema-id": 1,
    "schemas": [
        {"schema-id": 0, "fields": [{"id": 1, "name": "a", "required": False, "type": "int"}]},
        {
            "schema-id": 1,
            "fields": [
                {"id": 1, "name": "Now", "required": True, "type": "long"},
                {"id": 4, "name": "b", "required": False, "type": "string"},
            ],
        },
    ],
}
MARKED = [
    {
        "iceberg.field.id": "1",
        "iceberg.field.optional": "false",
        "iceberg.field.current": "true",
        "trino_type_id": "bigint",
    },
    {
        "iceberg.field.id": "4",
        "iceberg.field.optional": "true",
        "iceberg.field.current": "true",
    },
]


@pytest.fixture
def glue() -> Iterator[Any]:
    with moto() as (s3, glue), marked_columns():
        s3.put_object(Bucket=BUCKET, Key=PLACE, Body=json.dumps(METADATA).encode())
        yield glue


def table(name: str, **parameters: str) -> dict[str, Any]:
    """A table as Trino writes it."""
    columns = [
        {"Name": "now", "Type": "bigint", "Parameters": {"trino_type_id": "bigint"}},
        {"Name": "b", "Type": "string"},
    ]
    return {
        "Name": name,
        "StorageDescriptor": {"Columns": columns},
        "Parameters": {"table_type": "ICEBERG", "metadata_location": f"s3://{BUCKET}/{PLACE}"}
        | parameters,
    }


def marks(glue: Any, name: str) -> list[dict[str, str] | None]:  # noqa: ANN401 - a boto3 client
    found = glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
    return [column.get("Parameters") for column in found["StorageDescriptor"]["Columns"]]


def test_columns_are_marked_as_athena_marks_them(glue: Any) -> None:  # noqa: ANN401 - a boto3 client
    glue.create_table(DatabaseName=DATABASE, TableInput=table("made"))
    assert marks(glue, "made") == MARKED


def test_they_stay_marked_through_every_change(glue: Any) -> None:  # noqa: ANN401 - a boto3 client
    glue.create_table(DatabaseName=DATABASE, TableInput=table("made"))
    for _ in range(2):  # Trino writes the columns anew each time
        glue.update_table(DatabaseName=DATABASE, TableInput=table("made"))
        assert marks(glue, "made") == MARKED


def test_what_a_client_has_marked_itself_stays(glue: Any) -> None:  # noqa: ANN401 - a boto3 client
    own = table("own")
    own["StorageDescriptor"]["Columns"][0]["Parameters"]["iceberg.field.id"] = "7"
    glue.create_table(DatabaseName=DATABASE, TableInput=own)
    assert marks(glue, "own") == [{"iceberg.field.id": "7", "trino_type_id": "bigint"}, MARKED[1]]


@pytest.mark.parametrize(
    "parameters",
    [
        {"table_type": "HIVE"},
        {"metadata_location": f"s3://{BUCKET}/nothing"},
        {"metadata_location": "s3://nowhere/x"},
        {"metadata_location": ""},
    ],
)
def test_tables_without_such_metadata_are_as_they_were_given(
    glue: Any,  # noqa: ANN401 - a boto3 client
    parameters: dict[str, str],
) -> None:
    glue.create_table(DatabaseName=DATABASE, TableInput=table("plain", **parameters))
    assert [bool(each and "iceberg.field.id" in each) for each in marks(glue, "plain")] == [
        False,
        False,
    ]
