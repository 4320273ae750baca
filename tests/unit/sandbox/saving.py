"""A lake that can be saved without a sandbox, on moto's S3, Glue and SQS inside this process.

Every part of it that changes says the same number, so that a state is whole if it has just one.
Run as a program with a directory, it saves one state after the other there, in a process that it
replaces as often as that is killed: it prints the process's id, and then each number that is saved.
"""

import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from moto import mock_aws

from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.state import restore, save

REGION = "us-east-1"
CHANGING = (
    "raw/year=2025/a.gz",
    "processed/b",
    "dup/a",
    "dup/a/b",
    "../../x",
    "n\nl",
    "comes back",
)
STEADY = {f"raw/steady-{number}": b"%d" % number for number in range(2)} | {"raw/": b"", "é": b"e"}


@dataclass(slots=True)
class Lake:
    """One lake; its clients are those that `state.py` needs."""

    s3: Any
    glue: Any
    sqs: Any
    region: str = REGION
    resources: Resources = field(init=False)

    def __post_init__(self) -> None:
        self.s3.create_bucket(Bucket="lake")
        self.glue.create_database(DatabaseInput={"Name": "web"})
        self.glue.create_table(DatabaseName="web", TableInput={"Name": "events"})
        url = self.sqs.create_queue(QueueName="raw")["QueueUrl"]
        self.resources = Resources(bucket="lake", database="web", queue_url=url)

    def fill(self) -> None:
        """Put what never changes."""
        for key, body in STEADY.items():
            self.s3.put_object(Bucket="lake", Key=key, Body=body, Metadata={"steady": "yes"})

    def change(self, number: int) -> None:
        """Let everything else say another number; one of the objects comes and goes."""
        text = str(number)
        for key in CHANGING:
            self.s3.put_object(Bucket="lake", Key=key, Body=text.encode(), Metadata={"n": text})
        if number % 2:
            self.s3.delete_object(Bucket="lake", Key="comes back")
        for known in self.glue.get_partitions(DatabaseName="web", TableName="events")["Partitions"]:
            self.glue.delete_partition(
                DatabaseName="web", TableName="events", PartitionValues=known["Values"]
            )
        self.glue.create_partition(
            DatabaseName="web",
            TableName="events",
            PartitionInput={"Values": [text], "StorageDescriptor": {"Location": "s3://lake/x"}},
        )
        url = self.resources.queue_url
        for message in self.sqs.receive_message(QueueUrl=url).get("Messages", []):
            self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        self.sqs.send_message(QueueUrl=url, MessageBody=text)

    def save(self, directory: Path) -> int:
        """Save it."""
        return save(self, self.resources, directory)  # type: ignore[arg-type]  # all that it needs

    def restore(self, directory: Path) -> int:
        """Bring back what was saved."""
        return restore(self, self.resources, directory)  # type: ignore[arg-type]  # the same

    def objects(self) -> dict[str, tuple[bytes, dict[str, str]]]:
        """Every object with its metadata."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="lake")
        found = {}
        for key in [entry["Key"] for page in pages for entry in page.get("Contents", [])]:
            answer = self.s3.get_object(Bucket="lake", Key=key)
            found[key] = answer["Body"].read(), answer["Metadata"]
        return found

    def number(self) -> int:
        """The number that everything says.

        Raises:
            AssertionError: not everything is there, or not everything says the same.
        """
        objects = self.objects()
        for key, body in STEADY.items():
            assert objects.pop(key) == (body, {"steady": "yes"}), key
        numbers = {body.decode() for body, _ in objects.values()}
        numbers |= {metadata["n"] for _, metadata in objects.values()}
        partitions = self.glue.get_partitions(DatabaseName="web", TableName="events")["Partitions"]
        numbers |= {partition["Values"][0] for partition in partitions}
        assert len(partitions) == 1
        messages = self.sqs.receive_message(
            QueueUrl=self.resources.queue_url, MaxNumberOfMessages=10, VisibilityTimeout=0
        )["Messages"]
        numbers |= {message["Body"] for message in messages}
        assert len(messages) == 1
        assert len(numbers) == 1, numbers
        number = int(numbers.pop())
        assert set(objects) == set(CHANGING[:-1] if number % 2 else CHANGING)
        return number


@cache
def _clients() -> list[Any]:
    """Making them is most of the time that a lake takes; moto has its hands on all of them."""
    options: dict[str, Any] = {
        "region_name": REGION,
        "aws_access_key_id": "testing",
        "aws_secret_access_key": "testing",
    }
    return [boto3.client(service, **options) for service in ("s3", "glue", "sqs")]


@contextmanager
def lake() -> Iterator[Lake]:
    """A new one, with nothing in it; one at a time."""
    with mock_aws():
        yield Lake(*_clients())


def _say(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _save_until_killed(directory: Path, first: int) -> None:
    with lake() as saved:
        saved.fill()
        for number in itertools.count(first):
            saved.change(number)
            saved.save(directory)
            _say(number)


if __name__ == "__main__":
    # The imports take seconds, a fork takes none.
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _save_until_killed(Path(sys.argv[1]), int(line))
        _say(child)
        os.waitpid(child, 0)
        _say("killed")
