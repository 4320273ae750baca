"""AWS's prices and what a run costs by them. us-east-1, on demand, in dollars.

Only Athena's price of a query is elsewhere: the local Athena writes that bill, in
`clickstream_lake.sandbox.athena.billing`. README and docs repeat some of these in prose; a test
compares them.
"""

from dataclasses import dataclass
from typing import Final

# https://aws.amazon.com/lambda/pricing/, 2026-05-11: tier 1
AS_OF: Final = "2026-05-11"
LAMBDA_GB_SECOND: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
LAMBDA_REQUEST: Final = 0.20 / 1_000_000
# https://aws.amazon.com/s3/pricing/, 2025-11: standard class, the first 50 TB
S3_GET: Final = 0.0004 / 1_000
S3_PUT: Final = 0.005 / 1_000  # LIST costs the same
S3_GB_MONTH: Final = 0.023
# https://aws.amazon.com/glue/pricing/, 2025-11: requests to the catalog
GLUE_REQUEST: Final = 1.0 / 1_000_000
# https://aws.amazon.com/firehose/pricing/, 2025-11: direct PUT, a record rounded up to 5 KB
FIREHOSE_GB: Final = 0.029

VCPU_GB: Final = 1_769 / 1_024
"""Lambda gives one whole vCPU at this much memory, less below."""
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
