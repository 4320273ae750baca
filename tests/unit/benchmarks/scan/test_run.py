import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import load, write
from benchmarks.results import Results
from benchmarks.scan.against import MAY_MISS, against, missed
from benchmarks.scan.figures import Figures
from benchmarks.scan.layouts import TITLES, Layout, Spec, build
from benchmarks.scan.run import BenchmarkError, Measurement, local_target, run
from benchmarks.scan.stage import Target
from benchmarks.scan.suite import SUITE

pytestmark = pytest.mark.slow

SPEC = Spec(events=3000, days=2, file_events=250)


def ignore(*_: object) -> None:
    pass


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with local_target("bench") as found:
        yield found


@pytest.fixture(scope="module")
def results(target: Target) -> Results[Measurement]:
    return run(SPEC, target, say=ignore, confirm=lambda _dollars, _queries: True)


def test_every_query_answers_in_every_layout(results: Results[Measurement]) -> None:
    assert len(results.measurements) == len(SUITE) * 8
    assert sum(one.rows > 0 for one in results.measurements) == len(results.measurements)


def test_rows_that_differ_between_layouts_are_an_error(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = build

    def one_file_less(spec: Spec, workdir: Path, say: Callable[[str], None]) -> list[Layout]:
        layouts = real(spec, workdir, say)
        layouts[3].files.pop()
        return layouts

    monkeypatch.setattr("benchmarks.scan.run.build", one_file_less)
    with pytest.raises(BenchmarkError, match=r"rows differ .*\('daily counts', 'small_zstd'\)"):
        run(replace(SPEC, events=1000), target, say=ignore, confirm=lambda *_: True)


def test_the_prediction_is_what_the_execution_reports(results: Results[Measurement]) -> None:
    assert all(one.predicted == one.scanned for one in results.measurements)
    assert Figures(results).worst_prediction == 0
    assert missed(results) == []
    assert "96 cells: 96 equal to the byte" in against(results)


def test_a_prediction_far_off_or_often_off_is_missed(results: Results[Measurement]) -> None:
    def off(count: int, share: float) -> list[Measurement]:
        first, rest = results.measurements[:count], results.measurements[count:]
        wrong = [replace(one, predicted=round(one.scanned * (1 + share))) for one in first]
        return missed(replace(results, measurements=[*wrong, *rest]))

    assert off(MAY_MISS, 0.05) == []
    assert len(off(MAY_MISS + 1, 0.05)) == MAY_MISS + 1
    assert len(off(1, 0.2)) == 1


def test_files_are_kept_for_another_run_with_the_same_events(tmp_path: Path) -> None:
    spec = replace(SPEC, events=600)
    first = build(spec, tmp_path, ignore)
    said: list[str] = []
    again = build(replace(spec, row_group_rows=100), tmp_path, said.append)
    assert [one.files for one in again] == [one.files for one in first]
    assert not any("generating" in line for line in said)
    with pytest.raises(ValueError, match="other events"):
        build(replace(spec, seed=8), tmp_path, ignore)


def test_leaves_nothing_behind(results: Results[Measurement], target: Target) -> None:
    assert results.settings["target"] == "sandbox"
    assert target.s3.list_objects_v2(Bucket="bench").get("Contents", []) == []
    names = [entry["Name"] for entry in target.glue.get_databases()["DatabaseList"]]
    assert "clickstream_bench" not in names


def test_runs_no_query_that_nobody_wants_to_pay(target: Target) -> None:
    asked: list[tuple[float, int]] = []

    def refuse(dollars: float, queries: int) -> bool:
        asked.append((dollars, queries))
        return False

    before = target.athena.list_query_executions()["QueryExecutionIds"]
    with pytest.raises(BenchmarkError, match="stopped before any query"):
        run(replace(SPEC, events=1000), target, say=ignore, confirm=refuse)
    assert target.athena.list_query_executions()["QueryExecutionIds"] == before
    ((dollars, queries),) = asked
    assert queries == len(SUITE) * 8
    assert dollars == pytest.approx(queries * 5 * 10 / 1024 / 1024), "10 MB each"


def test_the_page_shows_the_command_every_query_and_its_plots(
    results: Results[Measurement], tmp_path: Path
) -> None:
    figures, page, *plots = write(results, tmp_path / "figures", tmp_path / "scan.md")
    text = page.read_text(encoding="utf-8")
    assert f"```\n{results.command}\n```" in text
    assert "http" not in re.sub(r"```sql.*?```", "", text, flags=re.DOTALL)
    for query in SUITE:
        assert query.title in text
    assert {path.suffix for path in plots} == {".png"}
    shown = re.findall(r"\]\((scan/[^)]+)\)", text)
    assert {tmp_path / name for name in shown} == set(plots)
    assert load(figures) == results


def test_the_same_spec_gives_the_same_events_in_every_layout(tmp_path: Path) -> None:
    layouts = build(replace(SPEC, events=600), tmp_path, ignore)
    assert (
        [layout.name for layout in layouts]
        == list(TITLES)
        == [
            "json",
            "json_gzip",
            "small_snappy",
            "small_zstd",
            "unclustered_snappy",
            "unclustered_zstd",
            "clustered_snappy",
            "clustered_zstd",
        ]
    )
    assert len({len(layout.files) for layout in layouts[:4]}) == 1
    assert all(len(layout.files) == 2 for layout in layouts[4:])
