"""Keep a lake's files in a directory, and bring them back into a new sandbox.

What is kept is what a lake consists of: the objects with their metadata, and the Glue partitions.
Queues are empty when a sandbox has come to rest, and everything else is provisioned again.

    DIRECTORY/bucket/<key>   every object, as a file
    DIRECTORY/state.json     metadata of the objects, partitions of the tables
"""

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clickstream_lake.sandbox.errors import SandboxError

if TYPE_CHECKING:
    from clickstream_lake.sandbox.clients import Clients
    from clickstream_lake.sandbox.resources import Resources

_BUCKET_DIR = "bucket"
_STATE_FILE = "state.json"
_EMPTY: dict[str, Any] = {"bucket": "", "metadata": {}, "partitions": {}}
# Answers to queries, and packages that Terraform put there, are not part of a lake.
_NOT_KEPT = ("athena-results/", "artifacts/")
# What Glue returns for a partition but does not accept.
_OWNED_BY_GLUE = frozenset({"DatabaseName", "TableName", "CreationTime", "CatalogId"})


def save(clients: "Clients", resources: "Resources", directory: Path) -> int:
    """Write the lake to `directory`, in place of one that was saved there before.

    Returns:
        How many objects there are.

    Raises:
        SandboxError: the directory holds something that a sandbox did not write.
    """
    files = directory / _BUCKET_DIR
    claim(directory)
    if files.exists():
        shutil.rmtree(files)
    metadata: dict[str, dict[str, str]] = {}
    for key in _keys(clients, resources.bucket):
        if key.startswith(_NOT_KEPT):
            continue
        answer = clients.s3.get_object(Bucket=resources.bucket, Key=key)
        path = files / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink:
            shutil.copyfileobj(answer["Body"], sink, 1024 * 1024)
        metadata[key] = answer["Metadata"]
    state = {
        "bucket": resources.bucket,
        "metadata": metadata,
        "partitions": _partitions(clients, resources.database),
    }
    (directory / _STATE_FILE).write_text(json.dumps(state))
    return len(metadata)


def claim(directory: Path) -> None:
    """Make `directory` ready for a lake.

    Raises:
        SandboxError: it holds something that a sandbox did not write.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / _STATE_FILE).exists() and any(directory.iterdir()):
        raise SandboxError(
            f"{directory} is neither empty nor a sandbox's: choose another directory"
        )
    if not (directory / _STATE_FILE).exists():
        (directory / _STATE_FILE).write_text(json.dumps(_EMPTY))


def forget(directory: Path) -> None:
    """Delete everything that a sandbox has written to its directory.

    Raises:
        SandboxError: it holds something that a sandbox did not write.
    """
    claim(directory)
    for name in (_BUCKET_DIR, "logs", "terraform"):
        shutil.rmtree(directory / name, ignore_errors=True)
    (directory / _STATE_FILE).write_text(json.dumps(_EMPTY))


def restore(clients: "Clients", resources: "Resources", directory: Path) -> int:
    """Bring back what `save` wrote, if anything.

    Returns:
        How many objects there are.
    """
    file = directory / _STATE_FILE
    if not file.exists():
        return 0
    text = file.read_text()
    # A lake that Terraform made has another bucket, and partitions name theirs.
    was = json.loads(text)["bucket"]
    state = json.loads(text.replace(f"s3://{was}/", f"s3://{resources.bucket}/"))
    s3, bucket = clients.s3, resources.bucket
    # What was transformed in an earlier life must not be announced again.
    notifications = s3.get_bucket_notification_configuration(Bucket=bucket)
    queues = notifications.get("QueueConfigurations", [])
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    for key, metadata in state["metadata"].items():
        with (directory / _BUCKET_DIR / key).open("rb") as body:
            s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata=metadata)
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": queues}
    )
    for table, partitions in state["partitions"].items():
        for partition in partitions:
            clients.glue.create_partition(
                DatabaseName=resources.database, TableName=table, PartitionInput=partition
            )
    return len(state["metadata"])


def _keys(clients: "Clients", bucket: str) -> list[str]:
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


def _partitions(clients: "Clients", database: str) -> dict[str, list[dict[str, Any]]]:
    tables = clients.glue.get_tables(DatabaseName=database)["TableList"]
    found: dict[str, list[dict[str, Any]]] = {}
    for table in tables:
        pages = clients.glue.get_paginator("get_partitions").paginate(
            DatabaseName=database, TableName=table["Name"]
        )
        found[table["Name"]] = [
            {name: value for name, value in partition.items() if name not in _OWNED_BY_GLUE}
            for page in pages
            for partition in page["Partitions"]
        ]
    return found
