"""What the results come to: found by query and layout, as ratios, and as dollars."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec

from benchmarks import prices
from benchmarks.results import Results
from benchmarks.scan.layouts import LayoutFigures
from benchmarks.scan.run import Measurement
from benchmarks.scan.suite import SUITE
from clickstream_lake.operate.costs.prices import athena_dollars
from clickstream_lake.sandbox.athena import billing

QUERIES: Final = tuple(query.name for query in SUITE)
_LISTED_AT_ONCE: Final = 1000
_LISTINGS: Final = 3  # survey, after the announcement, after the swap
_GLUE_CALLS: Final = 6  # reads and updates of one partition's compaction


class Figures:
    """The results of one run."""

    def __init__(self, results: Results[Measurement]) -> None:
        self.measurements = results.measurements
        self.layouts = msgspec.convert(results.facts["layouts"], list[LayoutFigures])
        self._found = {(one.query, one.layout): one for one in results.measurements}

    def of(self, query: str, layout: str) -> Measurement:
        """Find one measurement."""
        return self._found[query, layout]

    def layout(self, name: str) -> LayoutFigures:
        """Find one layout."""
        return next(layout for layout in self.layouts if layout.name == name)

    def ratio(self, query: str, large: str, small: str) -> float:
        """Say how many times fewer bytes one layout's query scans than another's."""
        return self.of(query, large).scanned / max(1, self.of(query, small).scanned)

    @property
    def worst_prediction(self) -> float:
        """The largest deviation of the prediction from what the engine counted, as a share."""
        return max(abs(one.deviation) for one in self.measurements)

    @cached_property
    def compaction(self) -> "CompactionCost":
        """What merging the landing files into the final layout cost."""
        return compaction_cost(self.layout("small_zstd"), self.layout("clustered_zstd"))

    def saving(self, query: str) -> float:
        """Dollars that compaction saves a query as it is billed."""
        before, after = self.of(query, "small_zstd"), self.of(query, "clustered_zstd")
        return query_dollars(before) - query_dollars(after)

    def mean_dollars(self, layout: str) -> float:
        """What a query of the suite's mix costs as it is billed."""
        return sum(query_dollars(self.of(query, layout)) for query in QUERIES) / len(QUERIES)


@dataclass(frozen=True, slots=True)
class CompactionCost:
    """What merging one layout once came to.

    Attributes:
        requests: dollars for S3 and Glue.
        compute: dollars for Lambda.
    """

    requests: float
    compute: float

    @property
    def total(self) -> float:
        """Dollars in all."""
        return self.requests + self.compute


def compaction_cost(small: LayoutFigures, compacted: LayoutFigures) -> CompactionCost:
    """Price one compaction of a layout from the files it read and wrote and the CPU it took."""
    partitions = len(small.files)
    lists = _LISTINGS * sum(-(-files // _LISTED_AT_ONCE) for files in small.files)
    puts = sum(compacted.files) + partitions  # merged files, and a manifest for each partition
    return CompactionCost(
        requests=sum(small.files) * prices.S3_GET
        + (puts + lists) * prices.S3_PUT
        + partitions * _GLUE_CALLS * prices.GLUE_REQUEST,
        compute=compacted.merge_cpu_seconds * prices.VCPU_GB * prices.LAMBDA_GB_SECOND["arm64"],
    )


def billed_dollars(measurement: Measurement) -> float:
    """What Athena charges for one query: rounded up, with its minimum."""
    return athena_dollars(billing.billed_bytes(measurement.scanned))


def query_dollars(measurement: Measurement) -> float:
    """Price one query as billed: Athena's bytes, and S3's requests."""
    return billed_dollars(measurement) + measurement.requests * prices.S3_GET


def scale_dollars(measurement: Measurement) -> float:
    """Price one query by its bytes alone, without rounding and minimum, as large tables pay."""
    return athena_dollars(measurement.scanned)


def break_even(cost: float, saving: float) -> float:
    """Queries until a cost in dollars is earned back; infinite if a query saves nothing."""
    return math.ceil(cost / saving) if saving > 0 else math.inf


def queries(count: float) -> str:
    """A number of queries, as `break_even` counts them, in words."""
    if math.isinf(count):
        return "never"
    return f"{count:,.0f} {'query' if count == 1 else 'queries'}"
