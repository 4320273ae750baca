"""Which raw objects are to be transformed again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class RawObject:
    """One object to replay; `size` in bytes, compressed."""

    key: str
    size: int


def raw_objects(s3: "S3Client", bucket: str, prefix: str) -> Iterator[RawObject]:
    """The raw objects under a prefix, in the order of their keys."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", []):
            if found["Key"].endswith(".gz"):
                yield RawObject(found["Key"], found["Size"])
