"""moto's server with the Athena API in front of it, and one small lake inside."""

from __future__ import annotations

import io
import json
import threading
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from clickstream_lake.sandbox.athena.api import AthenaApi
from clickstream_lake.sandbox.athena.engine import QueryEngine
from clickstream_lake.sandbox.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

SESSION = boto3.Session("testing", "testing", region_name="us-east-1")
JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        pass


class _Front:
    def __init__(self) -> None:
        self.moto = DomainDispatcherApplication(create_backend_app)
        self.api: AthenaApi | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., object]
    ) -> Iterable[bytes]:
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if self.api is None or not self.api.handles(target):
            return self.moto(environ, start_response)
        payload = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
        try:
            status, answer = "200 OK", self.api.call(target, payload)
        except ApiError as error:
            status = f"{error.status} Error"
            answer = {"__type": error.code, "Message": error.message}
        start_response(status, [("Content-Type", "application/x-amz-json-1.1")])
        return [json.dumps(answer).encode()]


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    front = _Front()
    server = make_server("127.0.0.1", 0, front, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    url = f"http://127.0.0.1:{server.port}"
    made = {name: SESSION.client(name, endpoint_url=url) for name in ("s3", "glue", "athena")}
    engine = QueryEngine(s3=made["s3"], glue=made["glue"])
    front.api = AthenaApi(engine=engine, s3=made["s3"], athena=made["athena"])
    _reset(url)
    _fill(**made)
    yield url
    front.api.close()
    engine.close()
    for client in made.values():
        client.close()
    server.shutdown()
    server.server_close()
    thread.join()


def _reset(url: str) -> None:
    """Empty moto, whose state is one for the whole process."""
    with urlopen(Request(f"{url}/moto-api/reset", method="POST")):  # noqa: S310 - a loopback URL
        pass


def _fill(s3: S3Client, glue: GlueClient, athena: AthenaClient) -> None:
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
    athena.create_work_group(
        Name="clickstream",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://lake/athena-results/"},
        },
    )
