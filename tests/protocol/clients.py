"""The two pairs of clients that protocol tests run on: in memory, and moto."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws

from tests.protocol.fakes import FakeGlue, FakeS3
from tests.protocol.lake import BUCKET, DATABASE

OPTIONS: dict[str, Any] = {
    "region_name": "us-east-1",
    "aws_access_key_id": "testing",
    "aws_secret_access_key": "testing",
}


@contextmanager
def memory() -> Iterator[tuple[Any, Any]]:
    yield FakeS3(), FakeGlue()


@contextmanager
def moto() -> Iterator[tuple[Any, Any]]:
    with mock_aws():
        s3 = boto3.client("s3", **OPTIONS)
        glue = boto3.client("glue", **OPTIONS)
        s3.create_bucket(Bucket=BUCKET)
        glue.create_database(DatabaseInput={"Name": DATABASE})
        yield s3, glue


KINDS = {"memory": memory, "moto": moto}
