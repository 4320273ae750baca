import math

import pytest

from benchmarks.scan.figures import break_even, compaction_cost, query_dollars
from benchmarks.scan.layouts import LayoutFigures
from benchmarks.scan.run import Measurement

MIB = 1 << 20


def measurement(scanned: int, requests: int) -> Measurement:
    return Measurement("q", "l", scanned, scanned, requests, 1, 1, 1)


def test_a_query_costs_its_billed_bytes_and_its_requests() -> None:
    small = query_dollars(measurement(scanned=1, requests=1000))
    assert small == pytest.approx(10 / MIB * 5 + 0.0004)
    large = query_dollars(measurement(scanned=1 << 40, requests=0))
    assert large == pytest.approx(5)


def test_compaction_pays_for_itself_after_enough_queries() -> None:
    saving = query_dollars(measurement(1, 1000)) - query_dollars(measurement(1, 10))
    assert break_even(0.003, saving) == math.ceil(0.003 / (990 * 0.0004 / 1000))


def test_compaction_that_saves_nothing_never_pays() -> None:
    assert break_even(0.003, 0.0) == math.inf


def test_compaction_is_priced_by_files_and_cpu() -> None:
    cost = compaction_cost(LayoutFigures("small", [1500], 1), LayoutFigures("merged", [1], 1, 10.0))
    # 1,500 GETs, 2 PUTs, 3 listings of two pages each, 6 calls of Glue
    assert cost.requests == pytest.approx(1500 * 4e-7 + 8 * 5e-6 + 6e-6)
    assert cost.compute == pytest.approx(10 * 1769 / 1024 * 0.0000133334)
