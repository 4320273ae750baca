from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmarks.scan.costs import CompactionCost, break_even, compaction_cost, query_dollars
from benchmarks.scan.layouts import Layout
from benchmarks.scan.run import Measurement

MIB = 1 << 20


def measurement(scanned: int, requests: int) -> Measurement:
    return Measurement("q", "l", scanned, scanned, None, requests, 1, 1, "")


def test_a_query_costs_its_billed_bytes_and_its_requests() -> None:
    small = query_dollars(measurement(scanned=1, requests=1000))
    assert small == pytest.approx(10 / MIB * 5 + 0.0004)
    large = query_dollars(measurement(scanned=1 << 40, requests=0))
    assert large == pytest.approx(5)


def test_compaction_pays_for_itself_after_enough_queries() -> None:
    cost = CompactionCost("clustered", requests=0.002, compute=0.001)
    before, after = measurement(1, 1000), measurement(1, 10)
    (one,) = break_even([before], [after], cost)
    assert one.queries == math.ceil(0.003 / (990 * 0.0004 / 1000))


def test_compaction_that_saves_nothing_never_pays() -> None:
    cost = CompactionCost("clustered", requests=0.002, compute=0.001)
    same = measurement(1, 10)
    assert break_even([same], [same], cost)[0].queries == math.inf


def test_compaction_is_priced_by_files_and_cpu() -> None:
    small = Layout("small", "", "parquet", Path("r"), files=[Path(f"r/a/{i}") for i in range(1500)])
    merged = Layout("merged", "", "parquet", Path("r"), "small", 10.0, [Path("r/a/0")])
    cost = compaction_cost(small, merged)
    # 1,500 GETs, 2 PUTs, 3 listings of two pages each, 6 calls of Glue
    assert cost.requests == pytest.approx(1500 * 4e-7 + 8 * 5e-6 + 6e-6)
    assert cost.compute == pytest.approx(10 * 1769 / 1024 * 0.0000133334)
