from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.scan.command import Target, bench, write
from benchmarks.scan.docs import page
from benchmarks.scan.layouts import Spec, build
from benchmarks.scan.local import local_athena
from benchmarks.scan.run import BenchmarkError
from benchmarks.scan.suite import SUITE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from benchmarks.scan.results import Results

pytestmark = pytest.mark.slow

SPEC = Spec(events=3000, days=2, file_events=250)


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def made() -> Iterator[Any]:
    with local_athena("bench") as client:
        yield client


def target(made: Any) -> Target:  # noqa: ANN401  # boto3's overloaded client function
    return Target("sandbox", made("s3"), made("glue"), made("athena"), "bench", "primary")


@pytest.fixture(scope="module")
def results(made: Any) -> Results:  # noqa: ANN401  # boto3's overloaded client function
    return bench(
        SPEC, target(made), command="x", progress=ignore, confirm=lambda _dollars, _queries: True
    )


def test_all_layouts_give_equal_rows_to_every_query(results: Results) -> None:
    assert results.differing == []
    assert len(results.measurements) == len(SUITE) * 8
    assert sum(one.rows > 0 for one in results.measurements) == len(results.measurements)


def test_prediction_report_and_independent_count_agree(results: Results) -> None:
    assert all(one.predicted == one.scanned for one in results.measurements)
    assert results.worst_prediction < 0.02


def test_leaves_nothing_behind(results: Results, made: Any) -> None:  # noqa: ANN401  # as above
    assert results.target == "sandbox"
    assert made("s3").list_objects_v2(Bucket="bench").get("Contents", []) == []
    names = [entry["Name"] for entry in made("glue").get_databases()["DatabaseList"]]
    assert "clickstream_bench" not in names


def test_runs_no_query_that_nobody_wants_to_pay(made: Any) -> None:  # noqa: ANN401  # as above
    asked: list[tuple[float, int]] = []

    def refuse(dollars: float, queries: int) -> bool:
        asked.append((dollars, queries))
        return False

    before = made("athena").list_query_executions()["QueryExecutionIds"]
    with pytest.raises(BenchmarkError, match="stopped before any query"):
        bench(
            replace(SPEC, events=1000),
            target(made),
            command="x",
            progress=ignore,
            confirm=refuse,
        )
    assert made("athena").list_query_executions()["QueryExecutionIds"] == before
    ((dollars, queries),) = asked
    assert queries == len(SUITE) * 8
    assert dollars == pytest.approx(queries * 5 * 10 / 1024 / 1024), "10 MB each"


def test_the_report_is_one_file_that_asks_the_network_for_nothing(
    results: Results, tmp_path: Path
) -> None:
    written = write(results, tmp_path)
    text = written[0].read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="(?!data:)[^"]*"', text) == []
    assert "@import" not in text
    assert "<script" not in text
    assert text.count("data:image/svg+xml;base64,") == 4
    for query in SUITE:
        assert query.title in text


def test_the_page_shows_the_command_and_its_plots(results: Results, tmp_path: Path) -> None:
    first, *plots = page(results, tmp_path / "scan.md")
    text = first.read_text(encoding="utf-8")
    assert "```\nx\n```" in text
    assert {path.suffix for path in plots} == {".png", ".svg"}
    for path in plots:
        assert path.stat().st_size > 0
    for name in re.findall(r"\]\((scan/[^)]+)\)", text):
        assert (tmp_path / name).exists()


def test_the_same_spec_gives_the_same_events_in_every_layout(tmp_path: Path) -> None:
    layouts = build(replace(SPEC, events=600), tmp_path, ignore)
    assert [layout.name for layout in layouts] == [
        "json",
        "json_gzip",
        "small_snappy",
        "small_zstd",
        "unclustered_snappy",
        "unclustered_zstd",
        "clustered_snappy",
        "clustered_zstd",
    ]
    assert len({len(layout.files) for layout in layouts[:4]}) == 1
    assert all(len(layout.files) == 2 for layout in layouts[4:])
