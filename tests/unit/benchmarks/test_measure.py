import os

import pytest

from benchmarks.measure import MeasurementError, measure
from benchmarks.transform.candidates import OURS


def some_cpu() -> int:
    return min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def test_a_measured_process_that_fails_says_why() -> None:
    with pytest.raises(MeasurementError, match="No such file"):
        measure(
            OURS.function, {"source": "/nowhere", "out": "/", "gzip_json": False}, cpu=some_cpu()
        )
