"""The measured process: compact one partition of one format, requests counted."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clickstream_lake.lake.layout import Format


def compact(
    format: "Format",  # noqa: A002 - as everywhere in the lake
    environment: dict[str, str],
) -> Callable[[], dict[str, Any]]:
    """Import and wire everything; the work is the compact function's own."""
    import os  # noqa: PLC0415 - counted as start-up

    import boto3  # noqa: PLC0415 - the same

    from clickstream_lake.compact.wiring import wire  # noqa: PLC0415 - the same
    from clickstream_lake.lake.aws.clients import open_lake  # noqa: PLC0415 - the same
    from clickstream_lake.lake.catalog import load_catalog  # noqa: PLC0415 - the same
    from clickstream_lake.lake.config import load_config  # noqa: PLC0415 - the same
    from clickstream_lake.lake.layout import Layout, Slot  # noqa: PLC0415 - the same

    os.environ.update(environment)
    requests: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:  # noqa: ANN401 - botocore's OperationModel
        requests[f"{model.service_model.service_name}:{model.name}"] += 1

    boto3.setup_default_session()
    if boto3.DEFAULT_SESSION is not None:
        boto3.DEFAULT_SESSION.events.register("before-call", count)
    config, catalog = load_config(environment), load_catalog()
    operations = wire(config, catalog, open_lake(config, catalog), queue=None)
    partition = Layout().source("raw/year=2025/month=11/day=26/any.gz").partition

    def work() -> dict[str, Any]:
        result = operations.compactor.compact(Slot(format, partition), force=True)
        return {"result": asdict(result), "requests": dict(requests)}

    return work
