# ruff: noqa: ANN401 - boto3 clients and their answers
"""The in-memory clients behave as moto's do, call by call."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from clickstream_lake.lake.catalog_file import load_catalog
from tests.protocol.clients import KINDS
from tests.protocol.fakes import FakeS3
from tests.protocol.lake import BUCKET, DATABASE, TABLES

B = {"Bucket": BUCKET}
PART = {"DatabaseName": DATABASE, "TableName": TABLES["json"]}
DAY = ["2025", "11", "26"]


def outcome(call: Callable[[], dict[str, Any]], *fields: str) -> Any:
    """What a caller can tell of a call: chosen fields of its answer, or its error's code."""
    try:
        answer = call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return {field: answer.get(field) for field in fields}


def put(s3: Any, key: str, body: bytes, **extra: Any) -> Any:
    return outcome(lambda: s3.put_object(**B, Key=key, Body=body, **extra), "ETag")


def head(s3: Any, key: str) -> Any:
    fields = ("ETag", "ContentLength", "Metadata", "ContentType")
    return outcome(lambda: s3.head_object(**B, Key=key), *fields)


def objects_script(s3: Any, _: Any) -> list[Any]:
    told = [
        head(s3, "a/none"),
        put(s3, "a/1", b"x", Metadata={"k": "v"}, ContentType="text/plain"),
        put(s3, "a/1", b"y", IfNoneMatch="*"),
        put(s3, "a/2", b"y", IfNoneMatch="*"),
        put(s3, "a/1", b"z", IfMatch='"bad"'),
        put(s3, "a/none", b"z", IfMatch='"bad"'),
        head(s3, "a/1"),
    ]
    etag = s3.head_object(**B, Key="a/1")["ETag"]
    told += [
        put(s3, "a/1", b"z", IfMatch=etag, Metadata={"k": "w"}),
        head(s3, "a/1"),
        outcome(lambda: s3.get_object(**B, Key="a/none"), "ETag"),
        s3.get_object(**B, Key="a/1")["Body"].read(),
        s3.get_object(**B, Key="a/1", Range="bytes=0-99")["Body"].read(),
        outcome(lambda: s3.get_object(**B, Key="a/1", Range="bytes=9-99"), "ETag"),
    ]
    copy = {**B, "Key": "b/copy", "MetadataDirective": "COPY"}
    told += [
        outcome(lambda: s3.copy_object(**copy, CopySource={**B, "Key": "a/none"})),
        outcome(lambda: s3.copy_object(**copy, CopySource={**B, "Key": "a/1"})),
        head(s3, "b/copy"),
    ]
    gone = {"Objects": [{"Key": "a/2"}, {"Key": "a/never"}], "Quiet": True}
    told += [outcome(lambda: s3.delete_objects(**B, Delete=gone), "Errors"), head(s3, "a/2")]
    return told


def listing_script(s3: Any, _: Any) -> list[Any]:
    for key in ("p/b", "p/a/x", "p/a-", "q/1", "p"):
        put(s3, key, key.encode())
    told = []
    for prefix in ("p/", "p", "nothing/", "p/a"):
        page = s3.list_objects_v2(**B, Prefix=prefix)
        told.append(
            [(entry["Key"], entry["Size"], entry["ETag"]) for entry in page.get("Contents", [])]
        )
        told.append(page["IsTruncated"])
    return told


def partitions_script(_: Any, glue: Any) -> list[Any]:
    def described(parameters: dict[str, str], location: str) -> dict[str, Any]:
        storage = {"Location": location, "Columns": [{"Name": "event_id", "Type": "string"}]}
        return {"Values": DAY, "StorageDescriptor": storage, "Parameters": parameters}

    def read() -> Any:
        try:
            found = glue.get_partition(**PART, PartitionValues=DAY)["Partition"]
        except ClientError as error:
            return error.response["Error"]["Code"]
        storage = found["StorageDescriptor"]
        return storage["Location"], storage["Columns"], found.get("Parameters")

    first, second = described({"k": "v"}, "s3://b/one/"), described({}, "s3://b/two/")
    told = [
        outcome(lambda: glue.get_table(DatabaseName=DATABASE, Name=TABLES["json"])),
        outcome(lambda: glue.create_partition(**PART, PartitionInput=first)),
    ]
    table = load_catalog().glue_table_input("json", BUCKET)
    glue.create_table(DatabaseName=DATABASE, TableInput=table)
    update = {**PART, "PartitionValueList": DAY}
    told += [
        glue.get_table(DatabaseName=DATABASE, Name=TABLES["json"])["Table"]["PartitionKeys"],
        read(),
        outcome(lambda: glue.update_partition(**update, PartitionInput=first)),
        outcome(lambda: glue.create_partition(**PART, PartitionInput=first)),
        outcome(lambda: glue.create_partition(**PART, PartitionInput=second)),
        read(),
        outcome(lambda: glue.update_partition(**update, PartitionInput=second)),
        read(),
        [entry["Values"] for entry in glue.get_partitions(**PART)["Partitions"]],
    ]
    return told


@pytest.mark.parametrize("script", [objects_script, listing_script, partitions_script])
def test_the_in_memory_clients_answer_as_moto_does(script: Callable[[Any, Any], list[Any]]) -> None:
    answers = {}
    for kind, clients in KINDS.items():
        with clients() as (s3, glue):
            answers[kind] = script(s3, glue)
    assert answers["memory"] == answers["moto"]


def test_in_memory_listings_go_page_by_page() -> None:
    s3 = FakeS3(page_size=2)
    for number in range(5):
        put(s3, f"p/{number}", b"")
    pages: list[list[str]] = []
    token: dict[str, str] = {}
    while True:
        page = s3.list_objects_v2(**B, Prefix="p/", **token)
        pages.append([entry["Key"] for entry in page["Contents"]])
        if not page["IsTruncated"]:
            break
        token = {"ContinuationToken": page["NextContinuationToken"]}
    assert pages == [["p/0", "p/1"], ["p/2", "p/3"], ["p/4"]]
