"""The sandbox as the benchmark needs it: S3, Glue and Athena, and no functions."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from clickstream_lake.demo.provision import lake_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def local_athena(bucket: str) -> Iterator[Callable[[str], Any]]:
    """Run a sandbox with an empty bucket, and give the function that makes its clients."""
    with ExitStack() as stack:
        sandbox = stack.enter_context(lake_sandbox())
        sandbox.client("s3").create_bucket(Bucket=bucket)
        yield sandbox.client
