"""What a run costs by AWS's prices, which stand in `clickstream_lake.operate.costs`.

README and docs repeat some of them in prose; a test compares them.
"""

from dataclasses import dataclass
from typing import Final

from clickstream_lake.operate.costs import prices
from clickstream_lake.operate.costs.prices import all_prices, price

VCPU_GB: Final = prices.VCPU_GB
AS_OF: Final = all_prices().services["Lambda"].as_of
LAMBDA_GB_SECOND: Final = {name: price("Lambda", name).each for name in ("arm64", "x86_64")}
LAMBDA_REQUEST: Final = price("Lambda", "request").each
S3_GET: Final = price("S3", "get").each
S3_PUT: Final = price("S3", "put").each
S3_GB_MONTH: Final = price("S3", "standard").each
GLUE_REQUEST: Final = price("Glue", "request").each
FIREHOSE_GB: Final = price("Firehose", "ingest").each
ATHENA_TB: Final = price("Athena", "scanned").each

EVENTS_PER_REQUEST: Final = 140_000
"""A Firehose object of 64 MiB."""


@dataclass(frozen=True, slots=True)
class TransformCost:
    """Dollars, without S3 requests and start-ups."""

    per_million_events: float
    per_gigabyte: float


def transform_cost(
    seconds: float, events: int, raw_bytes: int, rss: int, architecture: str
) -> TransformCost:
    """Price a measured run, as if a vCPU of that architecture took the same seconds.

    Args:
        seconds: for all events on one vCPU.
        events: how many.
        raw_bytes: their size, decompressed.
        rss: peak resident bytes; the function gets a vCPU's memory, or more where it needs more.
        architecture: `arm64` or `x86_64`.
    """
    memory = max(VCPU_GB, rss / 2**30 * 1.25)
    dollars = seconds * memory * LAMBDA_GB_SECOND[architecture]
    dollars += events / EVENTS_PER_REQUEST * LAMBDA_REQUEST
    return TransformCost(dollars / events * 1_000_000, dollars / raw_bytes * 2**30)
