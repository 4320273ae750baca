"""What a million events, or a gigabyte of them, cost on Lambda."""

from dataclasses import dataclass
from typing import Final

# us-east-1, tier 1, in dollars per GB-second: https://aws.amazon.com/lambda/pricing/
PRICES_AS_OF: Final = "2026-05-11"
DOLLARS_PER_GB_SECOND: Final = {"arm64": 0.0000133334, "x86_64": 0.0000166667}
DOLLARS_PER_REQUEST: Final = 0.20 / 1_000_000

# Lambda gives one whole vCPU at this much memory, less below.
VCPU_MEMORY_GB: Final = 1_769 / 1_024
EVENTS_PER_REQUEST: Final = 140_000
"""A Firehose object of 64 MiB."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Dollars, S3 requests and start-ups left out."""

    per_million_events: float
    per_gigabyte: float


def cost(seconds: float, events: int, raw_bytes: int, rss: int, architecture: str) -> Cost:
    """Price a measured run, as if a vCPU of that architecture took the same seconds.

    Args:
        seconds: for all events on one vCPU.
        events: how many.
        raw_bytes: their size, decompressed.
        rss: peak resident bytes; the function gets a vCPU's memory, or more where it needs more.
        architecture: `arm64` or `x86_64`.
    """
    memory = max(VCPU_MEMORY_GB, rss / 2**30 * 1.25)
    dollars = seconds * memory * DOLLARS_PER_GB_SECOND[architecture]
    dollars += events / EVENTS_PER_REQUEST * DOLLARS_PER_REQUEST
    return Cost(dollars / events * 1_000_000, dollars / raw_bytes * 2**30)
