import boto3
import pytest
from botocore.client import BaseClient

from tests.moto_server import moto_server


def glue(endpoint: str) -> BaseClient:
    return boto3.client(
        "glue",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def databases(endpoint: str) -> list[str]:
    return [found["Name"] for found in glue(endpoint).get_databases()["DatabaseList"]]  # type: ignore[attr-defined]  # boto3's


def test_a_server_begins_empty_whatever_another_test_left_in_the_process() -> None:
    with moto_server() as first:
        glue(first).create_database(DatabaseInput={"Name": "left"})  # type: ignore[attr-defined]  # boto3's
        assert databases(first) == ["left"]
    with moto_server() as second:
        assert databases(second) == []


def test_a_test_that_fails_leaves_nothing_either() -> None:
    def fail() -> None:
        with moto_server() as first:
            glue(first).create_database(DatabaseInput={"Name": "left"})  # type: ignore[attr-defined]  # boto3's
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with moto_server() as second:
        assert databases(second) == []
