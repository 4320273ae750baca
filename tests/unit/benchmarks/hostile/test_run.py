import gzip
import os
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.hostile import report, run
from benchmarks.hostile.shapes import Shape, shapes
from benchmarks.results import Results


def measured(*chosen: Shape, kernels: tuple[bool, ...] = (True,)) -> list[run.Row]:
    return run.run(
        [replace(shape, smallest=0) for shape in chosen],
        rounds=1,
        size=20_000,
        kernels=kernels,
        cpu=min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0,
        say=lambda _: None,
    )


def named(name: str) -> Shape:
    return next(shape for shape in shapes() if shape.name == name)


def test_a_shape_is_measured_with_and_without_the_kernel() -> None:
    rows = measured(named("{} and garbage in turn"), kernels=(True, False))
    assert [row.kernel for row in rows] == [True, False]
    for row in rows:
        assert row.failed == ""
        assert row.text_bytes >= 20_000 > row.raw_bytes
        assert row.lines == row.published + row.rejected == 8_000
        assert row.per_mb == pytest.approx(row.cpu / row.text_bytes * 1e6)
        assert row.times_clean > 1
        assert row.times_clean_event > 0
        assert row.rss > 50_000_000
        assert row.json > 1
        assert row.parquet > 0
        assert row.rejects > 1


def test_what_costs_are_counted_by_is_the_larger_size() -> None:
    (row,) = measured(named("empty members"))
    assert row.raw_bytes >= 20_000 > row.text_bytes
    assert row.per_mb == pytest.approx(row.cpu / row.raw_bytes * 1e6)


def test_an_object_that_is_rejected_whole_is_no_measurement() -> None:
    (row,) = measured(
        Shape("broken", "none", lambda *_: b"x", lambda text: gzip.compress(text)[:-1])
    )
    assert row.failed == "gzip_truncated"


def test_shapes_are_picked_by_words_of_name_or_group() -> None:
    assert {shape.group for shape in run.pick("gzip members")} == {"gzip members"}
    assert [shape.name for shape in run.pick("zero,depth 101")] == [
        "depth 101",
        "zero padding",
    ]
    assert len(run.pick(None)) == len(shapes())
    assert run.pick("no such shape") == []


def test_the_report_says_what_was_measured(tmp_path: Path) -> None:
    rows = [
        run.Row("g", "dear | one", True, per_mb=2.5, times_clean=500, rss=10**8, rejects=91.04),
        run.Row("g", "cheap", True, per_mb=0.01, times_clean=2, times_clean_event=1.5),
        run.Row("g", "broken", False, failed="gzip_truncated"),
    ]
    results = Results("hostile", {"rounds": 3, "megabytes": 1.0}, rows)
    page = report.page(results, "hostile")
    assert "## g, with the kernel" in page
    assert r"| `dear \| one` | 2.500 | 500x |  | 100 | 91.04 |" in page
    assert "| `cheap` | 0.010 | 2.0x | 1.5x |" in page
    assert "## g, without the kernel" in page
    assert "fails: gzip_truncated" in page
    assert report.text(results).splitlines()[1].startswith("on\tg\tdear | one\t2.500\t")
    (image,) = report.draw(results, tmp_path)
    assert image.stat().st_size > 1_000
