"""The measured work. It is a module of its own, so that its process holds no more than Lambda's."""

from collections import Counter
from typing import Any

from benchmarks.measure import Work
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.layout import Partition, Slot


def work(format: Format, partition: str, environment: dict[str, str]) -> Work:  # noqa: A002 - as in the lake
    """Import and wire everything; the work is the compact function's own, requests counted."""
    import os

    import boto3

    from clickstream_lake.compact.wiring import wire
    from clickstream_lake.lake.aws.clients import open_lake
    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import load_config

    os.environ.update(environment)
    # Files are fetched by several threads: appending is one step, counting up is not.
    requests: list[str] = []

    def count(model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's OperationModel
        requests.append(f"{model.service_model.service_name}:{model.name}")

    boto3.setup_default_session()
    if boto3.DEFAULT_SESSION is not None:
        boto3.DEFAULT_SESSION.events.register("before-call", count)
    config, catalog = load_config(environment), load_catalog()
    operations = wire(config, catalog, open_lake(config, catalog), queue=None)

    def compact() -> dict[str, Any]:
        result = operations.compactor.compact(Slot(format, Partition.parse(partition)), force=True)
        names = ("files_before", "files_after", "bytes_before", "bytes_after")
        counted = dict(Counter(requests))
        return {"requests": counted, **{name: getattr(result, name) for name in names}}

    return compact
