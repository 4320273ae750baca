"""What compaction costs against what it saves, in dollars of the on-demand price list."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clickstream_lake.sandbox.athena import billing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.scan.layouts import Layout
    from benchmarks.scan.run import Measurement

# us-east-1, on demand, 2025.
GET_DOLLARS = 0.0004 / 1000
PUT_DOLLARS = 0.005 / 1000  # LIST costs the same
GLUE_DOLLARS = 1.0 / 1_000_000
LAMBDA_GB_SECOND_DOLLARS = 0.0000133334  # arm64
LAMBDA_GB = 1769 / 1024  # the size at which a function has one whole vCPU
_LISTED_AT_ONCE = 1000
_LISTINGS = 3  # survey, after the announcement, after the swap
_GLUE_CALLS = 6  # reads and updates of one partition's compaction


@dataclass(frozen=True)
class CompactionCost:
    """What merging one layout once came to.

    Attributes:
        requests: dollars for S3 and Glue.
        compute: dollars for Lambda.
    """

    layout: str
    requests: float
    compute: float

    @property
    def total(self) -> float:
        """Dollars in all."""
        return self.requests + self.compute


@dataclass(frozen=True)
class BreakEven:
    """When compaction has paid for itself, for one query.

    Attributes:
        billed_saving: dollars a query as it is billed, the 10 MB minimum and S3 requests included.
        scale_saving: dollars a query by bytes alone, as it is once tables are large.
    """

    query: str
    billed_saving: float
    scale_saving: float
    cost: float

    @property
    def queries(self) -> float:
        """Queries until the cost is earned back, as billed; infinite where nothing is saved."""
        return math.ceil(self.cost / self.billed_saving) if self.billed_saving > 0 else math.inf


def compaction_cost(small: Layout, compacted: Layout) -> CompactionCost:
    """Price one compaction of a layout from the files it read and wrote and the CPU it took."""
    partitions = len({path.parent for path in small.files})
    lists = _LISTINGS * sum(
        -(-len([path for path in small.files if path.parent == parent]) // _LISTED_AT_ONCE)
        for parent in {path.parent for path in small.files}
    )
    puts = len(compacted.files) + partitions  # merged files, and a manifest for each partition
    requests = (
        len(small.files) * GET_DOLLARS
        + (puts + lists) * PUT_DOLLARS
        + partitions * _GLUE_CALLS * GLUE_DOLLARS
    )
    compute = compacted.seconds * LAMBDA_GB * LAMBDA_GB_SECOND_DOLLARS
    return CompactionCost(compacted.name, requests, compute)


def query_dollars(measurement: Measurement) -> float:
    """Price one query as billed: Athena's bytes, and S3's requests."""
    return billing.dollars(measurement.billed) + measurement.requests * GET_DOLLARS


def scale_dollars(measurement: Measurement) -> float:
    """Price one query by its bytes alone, without rounding and minimum."""
    return measurement.scanned / billing.TERABYTE * billing.DOLLARS_PER_TERABYTE


def break_even(
    before: Sequence[Measurement], after: Sequence[Measurement], cost: CompactionCost
) -> list[BreakEven]:
    """Compare the same queries before and after a compaction."""
    return [
        BreakEven(
            query=old.query,
            billed_saving=query_dollars(old) - query_dollars(new),
            scale_saving=scale_dollars(old) - scale_dollars(new),
            cost=cost.total,
        )
        for old, new in zip(before, after, strict=True)
    ]
