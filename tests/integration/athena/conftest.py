"""A sandbox with one small lake in it, of two tables."""

import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.clients import Clients

JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(provision=_provision) as running:
        yield running


@pytest.fixture
def environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that the sandbox prints, and no session that has read others."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in ({"AWS_ENDPOINT_URL": sandbox.endpoint} | sandbox.credentials()).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def athena(sandbox: Sandbox) -> "AthenaClient":
    return sandbox.clients.athena


@pytest.fixture
def s3(sandbox: Sandbox) -> "S3Client":
    return sandbox.clients.s3


def _provision(clients: "Clients") -> Resources:
    s3, glue = clients.s3, clients.glue
    s3.create_bucket(Bucket="lake")
    glue.create_database(DatabaseInput={"Name": "web"})
    columns = [("id", "bigint"), ("kind", "string"), ("price", "double")]
    for name, serde in (("events", JSON_SERDE), ("events_parquet", PARQUET_SERDE)):
        storage = {
            "Columns": [{"Name": column, "Type": kind} for column, kind in columns],
            "Location": f"s3://lake/{name}/",
            "SerdeInfo": {"SerializationLibrary": serde},
        }
        keys = [{"Name": "day", "Type": "string"}]
        table = {"Name": name, "PartitionKeys": keys, "StorageDescriptor": storage}
        glue.create_table(DatabaseName="web", TableInput=table)
        glue.create_partition(
            DatabaseName="web",
            TableName=name,
            PartitionInput={
                "Values": ["26"],
                "StorageDescriptor": {**storage, "Location": f"s3://lake/{name}/day=26/"},
            },
        )
    rows = [
        {"id": i, "kind": None if i % 10 == 0 else f'say "{i % 3}"', "price": i / 4}
        for i in range(2500)
    ]
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    s3.put_object(Bucket="lake", Key="events/day=26/a.json", Body=body)
    s3.put_object(Bucket="lake", Key="events/day=27/b.json", Body=b'{"id": -1}\n')
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    s3.put_object(Bucket="lake", Key="events_parquet/day=26/a.parquet", Body=buffer.getvalue())
    clients.athena.create_work_group(
        Name="clickstream",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://lake/athena-results/"},
        },
    )
    return Resources(bucket="lake", database="web", workgroup="clickstream")
