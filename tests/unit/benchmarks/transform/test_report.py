from dataclasses import asdict
from pathlib import Path

from benchmarks.__main__ import write
from benchmarks.results import Results
from benchmarks.transform import report
from benchmarks.transform.candidates import OURS
from benchmarks.transform.coldstart import ColdStart
from benchmarks.transform.run import Row


def made_up(scenario: str = "clean", **cpu: float) -> Results[Row]:
    rows = [
        Row(scenario, name.replace("_", "-"), 1_000, 480_000, rounds=5, cpu=took)
        for name, took in cpu.items()
    ]
    facts = {"floors": {"parse": 0.5}, "cold_start": asdict(ColdStart(1, 1, packaged=False))}
    return Results("transform", {"rounds": 5}, rows, facts)


def test_the_report_has_a_row_for_every_candidate() -> None:
    text = report.page(made_up(**{OURS.name: 1.0, "naive": 8.0}), "images")
    assert f"| {OURS.name} | 1.00 |" in text
    assert "| naive | 8.00 |" in text
    assert "8.00x" in text
    assert "2.00 times the sum" in text


def test_rows_that_differ_and_failures_are_named() -> None:
    results = made_up(**{OURS.name: 1.0, "naive": 8.0, "DuckDB": 2.0})
    ours, naive, duckdb = results.measurements
    ours.same_json = ours.same_parquet = naive.same_json = True
    naive.same_parquet = False
    duckdb.failed = "OutOfRangeError"
    lines = [line for line in report.page(results, "").splitlines() if line.startswith("| ")]
    assert any(line.startswith("| clickstream-lake | 1.00") and "| yes |" in line for line in lines)
    assert any("| naive" in line and "| no: Parquet |" in line for line in lines)
    assert any(line.startswith("| DuckDB | fails: OutOfRangeError |") for line in lines)


def test_the_plot_is_a_png_beside_the_page(tmp_path: Path) -> None:
    results = made_up(**{OURS.name: 1.0, "naive": 8.0})
    failing = made_up("1 % malformed", **{OURS.name: 1.0, "naive": 8.0})
    failing.measurements[1].failed = "it does"
    results.measurements.extend(failing.measurements)
    _, page, plot = write(results, tmp_path)
    assert f"]({plot.relative_to(tmp_path)})" in page.read_text(encoding="utf-8")
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_a_missed_target_is_named() -> None:
    found = report.missed(made_up(**{OURS.name: 1.0, "naive": 6.1, "DuckDB": 1.2, "Polars": 2.0}))
    assert found == ["1.20x DuckDB; the target is 1.3x"]


def test_a_later_run_is_compared_by_ratios() -> None:
    before = made_up(**{OURS.name: 2.0, "naive": 8.0})
    now = made_up(**{OURS.name: 1.0, "naive": 6.0})
    assert report.against(now, before) == "clean: 6.00x naive, earlier 4.00x"
