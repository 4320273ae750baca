import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure import MeasurementError, measure
from benchmarks.transform import report
from benchmarks.transform.candidates import OURS, PEERS, json_path
from benchmarks.transform.coldstart import ColdStart
from benchmarks.transform.cost import DOLLARS_PER_GB_SECOND, cost
from benchmarks.transform.data import Scenario, scenarios
from benchmarks.transform.equality import json_digest, parquet_digest
from benchmarks.transform.run import Row, ScenarioResult, run_scenario

MACHINE = {
    "cpu": "a CPU",
    "python": "3.13",
    "rounds": 5,
    "date": "2025-11-26",
    "cpus": 2,
    "load": 0.5,
}


def some_cpu() -> int:
    return min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ScenarioResult:
    """Ours and one peer, really measured, over very few events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("benchmarks.transform.data.DATA", tmp_path_factory.mktemp("data"))
        return run_scenario(
            Scenario("clean", 300),
            [peer for peer in PEERS if peer.name == "naive"],
            rounds=1,
            cpu=some_cpu(),
            workdir=tmp_path_factory.mktemp("work"),
            say=lambda _: None,
        )


def test_a_peer_that_does_the_same_job_has_the_same_rows(result: ScenarioResult) -> None:
    for row in result.rows:
        assert (row.failed, row.same_json, row.same_parquet) == ("", True, True)
        assert row.cpu > 0
        assert row.rss > 10_000_000
        assert row.parquet_bytes > 0


def test_the_report_has_a_row_for_every_candidate(result: ScenarioResult) -> None:
    text = report.markdown([result], ColdStart(1, 1, packaged=False), MACHINE)
    for row in result.rows:
        assert f"| {row.candidate} |" in text


def test_plots_are_written(result: ScenarioResult, tmp_path: Path) -> None:
    assert [path.suffix for path in report.plot([result], tmp_path)] == [".png", ".svg"]
    assert (tmp_path / "transform.svg").read_text(encoding="utf-8").startswith("<?xml")


def made_up(**cpu: float) -> ScenarioResult:
    rows = [Row(name.replace("_", "-"), rounds=5, cpu=took) for name, took in cpu.items()]
    return ScenarioResult(asdict(Scenario("clean", 1_000)), 480_000, rows)


def test_a_missed_target_is_named() -> None:
    found = report.missed(made_up(**{OURS.name: 1.0, "naive": 6.1, "DuckDB": 1.2, "Polars": 2.0}))
    assert found == ["1.20x DuckDB; the target is 1.3x"]


def test_a_later_run_is_compared_by_ratios(tmp_path: Path) -> None:
    earlier = tmp_path / "transform.json"
    before = [made_up(**{OURS.name: 2.0, "naive": 8.0})]
    document = report.as_json(before, ColdStart(1, 1, packaged=False), MACHINE)
    earlier.write_text(json.dumps(document), encoding="utf-8")
    now = [made_up(**{OURS.name: 1.0, "naive": 6.0})]
    assert report.against(now, earlier) == "clean: 6.00x naive, earlier 4.00x"


EVENT = {
    "event_id": "1",
    "event_type": "click",
    "event_ts": "2025-11-26T10:00:00.000Z",
    "session_id": None,
    "page_url": "p",
    "referrer": "r",
    "user_agent": "u",
    "device_type": "d",
    "country": "c",
    "product_id": None,
    "price": 1.5,
    "quantity": 2,
    "properties": {"experiment": "a", "scroll": 0.8},
    "processed_ts": "2025-11-26T12:00:00.000Z",
}


def written(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(e) + "\n" for e in events), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "change",
    [
        {"event_id": "2"},
        {"price": 1.25},
        {"quantity": None},
        {"event_ts": "2025-11-26T10:00:00.001Z"},
        {"properties": {"experiment": "b", "scroll": 0.8}},
        {"country": None},
    ],
)
def test_one_changed_value_changes_the_digest(tmp_path: Path, change: dict[str, Any]) -> None:
    same = json_digest(written(tmp_path / "a.json", EVENT, EVENT | {"event_id": "0"}))
    swapped = json_digest(written(tmp_path / "b.json", EVENT | {"event_id": "0"}, EVENT))
    other = json_digest(written(tmp_path / "c.json", EVENT | change, EVENT | {"event_id": "0"}))
    assert same == swapped
    assert same != other


def test_another_spelling_of_the_same_value_is_the_same(tmp_path: Path) -> None:
    spelt = EVENT | {"event_ts": "2025-11-26T11:00:00+01:00", "price": 1.50}
    assert json_digest(written(tmp_path / "a.json", EVENT)) == json_digest(
        written(tmp_path / "b.json", spelt)
    )


def test_pii_that_is_left_is_no_equal_output(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="user_id"):
        json_digest(written(tmp_path / "a.json", EVENT | {"user_id": "u"}))


def test_a_parquet_file_without_a_column_is_an_error(tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415 - only here

    path = tmp_path / "a.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT 1 AS event_id) TO '{path}' (FORMAT parquet)")
    with pytest.raises(duckdb.Error):
        parquet_digest(path)


def test_a_measured_process_that_fails_says_why() -> None:
    with pytest.raises(MeasurementError, match="No such file"):
        measure(
            OURS.function, {"source": "/nowhere", "out": "/", "gzip_json": False}, cpu=some_cpu()
        )


def test_cost_is_memory_times_seconds_times_price_and_the_request() -> None:
    found = cost(seconds=10, events=1_400_000, raw_bytes=2**30, rss=0, architecture="arm64")
    compute = 10 * (1769 / 1024) * DOLLARS_PER_GB_SECOND["arm64"]
    assert found.per_gigabyte == pytest.approx(compute + 10 * 0.2e-6)
    assert found.per_million_events == pytest.approx(found.per_gigabyte / 1.4)


def test_more_memory_than_a_vcpu_comes_with_costs_more() -> None:
    small, large = (
        cost(seconds=1, events=1, raw_bytes=1, rss=rss, architecture="arm64")
        for rss in (0, 4 << 30)
    )
    assert large.per_gigabyte > 2 * small.per_gigabyte


def test_scenarios_share_a_file_where_only_the_output_differs() -> None:
    by_name = {scenario.name: scenario for scenario in scenarios(100)}
    assert json_path("o", gzip_json=by_name["gzip JSON"].gzip_json).name == "events.json.gz"
    assert len({scenario.name for scenario in scenarios(100)}) == 5
