import json
from pathlib import Path

import pytest

from benchmarks.__main__ import load, write
from benchmarks.compaction.run import QUERIES, Compaction
from benchmarks.results import Results, repeated

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def test_a_measurement_is_a_line_and_all_are_read_back(tmp_path: Path) -> None:
    scanned = dict.fromkeys(QUERIES, (5, 4))
    one = Compaction(
        "json", 2.0, 1.5, 1_000_000, {"s3:GetObject": 3}, 3, 1, 10, 9, 30, True, scanned
    )
    results = Results("compaction", {"files": 3, "rows": 10}, [one, one])
    figures, page = write(results, tmp_path)
    lines = figures.read_text(encoding="utf-8").splitlines()
    assert sum('"format": "json"' in line for line in lines) == 2
    assert load(figures) == results
    assert "| json | 3 -> 1 |" in page.read_text(encoding="utf-8")
    assert results.versions["duckdb"]
    assert results.machine["cpus"]


@pytest.mark.parametrize("name", sorted(path.stem for path in RESULTS.glob("*.json")))
def test_committed_pages_show_the_committed_figures(name: str, tmp_path: Path) -> None:
    results = load(RESULTS / f"{name}.json")
    published = {"scan": RESULTS.parents[1] / "docs" / "bytes-scanned.md"}
    expected = published.get(name, RESULTS / f"{name}.md")
    _, page, *plots = write(results, tmp_path, tmp_path / expected.name)
    assert page.read_text(encoding="utf-8") == expected.read_text(encoding="utf-8")
    for plot in plots:
        assert (expected.parent / plot.relative_to(tmp_path)).exists()


def test_figures_are_json_that_other_programs_read() -> None:
    found = json.loads((RESULTS / "transform.json").read_text(encoding="utf-8"))
    assert {row["candidate"] for row in found["measurements"]} >= {"clickstream-lake", "DuckDB"}


@pytest.mark.parametrize("kept", [["--workdir", "/somewhere"], ["--workdir=/somewhere"]])
def test_the_command_on_a_page_does_not_say_where_the_files_were_kept(kept: list[str]) -> None:
    assert repeated(["scan", *kept, "--rounds", "1"]) == "python -m benchmarks scan --rounds 1"
