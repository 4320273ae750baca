"""A lake in moto, its events, and how a test invokes the transform function on it."""

import gzip
import json
import os
from dataclasses import dataclass
from io import BytesIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore import endpoint
from botocore.awsrequest import AWSResponse
from moto.core.botocore_stubber import MockRawResponse

from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.transform.function import TransformFunction

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client


BUCKET = "lake"
DAY = "year=2025/month=11/day=26"
KEY = f"raw/{DAY}/file.gz"
EVENT = (
    b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
    b'"page_url":"/p","user_id":"c4n4ry"}\n'
)


@dataclass
class Context:
    """As much of a Lambda context as the function asks for."""

    left_ms: int = 300_000
    function_name: str = "transform"

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Slow:
    """Lets an invocation's time go by, whenever one raw object is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
        self._context = context
        self._times: dict[str, int] = {}
        self.asked: list[str] = []
        session = boto3.Session()
        session.events.register("provide-client-params.s3.GetObject", self._pass)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)

    def takes(self, key: str, milliseconds: int) -> None:
        self._times[key] = milliseconds

    def _pass(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params["Key"])
        self._context.left_ms -= self._times.get(params["Key"], 0)


class Throttling:
    """A Glue that refuses the first so many tries of every call, as an account's rate does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.times = times
        self.refused = 0
        session = boto3.Session()
        # Before moto's own.
        session.events.register_first("before-send.glue", self._refuse)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))

    def _refuse(self, request: Any, **_: object) -> AWSResponse | None:  # noqa: ANN401 - botocore's
        attempt = int(request.headers["amz-sdk-request"].partition(b"attempt=")[2].split(b";")[0])
        if attempt > self.times:
            return None
        self.refused += 1
        body = b'{"__type":"ThrottlingException","Message":"Rate exceeded"}'
        headers = {"x-amzn-errortype": "ThrottlingException"}
        return AWSResponse(request.url, 400, headers, MockRawResponse(body))


class FakeLake:
    """A lake in moto, as Terraform would leave it."""

    def __init__(self, bucket: str = BUCKET, database: str = "clickstream") -> None:
        self.bucket, self.database = bucket, database
        self.s3: S3Client = boto3.client("s3")
        self.glue = boto3.client("glue")
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})
        catalog = load_catalog()
        for fmt in ("json", "parquet", "rejects"):
            self.glue.create_table(
                DatabaseName=self.database,
                TableInput=catalog.glue_table_input(fmt, self.bucket),  # type: ignore[arg-type]  # as API
            )

    def put(self, key: str, lines: bytes, *, raw: bool = False) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=lines if raw else gzip.compress(lines))

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def read(self, prefix: str) -> bytes:
        return b"".join(
            self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            for key in self.keys(prefix)
        )

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read("processed/json/").splitlines()]

    def rows(self) -> list[dict[str, Any]]:
        return [
            row
            for key in self.keys("processed/parquet/")
            for row in pq.read_table(BytesIO(self.read(key))).to_pylist()
        ]

    def rejects(self) -> list[tuple[int, str]]:
        rows = [json.loads(line) for line in self.read("rejected/").splitlines()]
        return [(row["line_number"], row["reason"]) for row in rows]

    def partitions(self, table: str) -> list[list[str]]:
        found = self.glue.get_partitions(DatabaseName=self.database, TableName=table)
        return [partition["Values"] for partition in found["Partitions"]]


def notification(*keys: str, bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket}, "object": {"key": key.replace("=", "%3D")}},
            }
            for key in keys
        ]
    }


def sqs(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "eventSource": "aws:sqs",
                "body": body if isinstance(body, str) else json.dumps(body),
            }
            for number, body in enumerate(bodies)
        ]
    }


def invoke(event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    return TransformFunction(os.environ)(event, context or Context())  # type: ignore[arg-type]  # a stand-in


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
