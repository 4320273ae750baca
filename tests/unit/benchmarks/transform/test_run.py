import os
from pathlib import Path

import pytest

from benchmarks.transform.candidates import PEERS, json_path
from benchmarks.transform.data import Scenario, scenarios
from benchmarks.transform.run import Row, run_scenario


def some_cpu() -> int:
    return min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def measured(peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    """Ours and one peer, really measured, over very few events."""
    monkeypatch.setattr("benchmarks.transform.data.DATA", tmp_path / "data")
    return run_scenario(
        Scenario("clean", 300),
        [one for one in PEERS if one.name == peer],
        rounds=1,
        cpu=some_cpu(),
        workdir=tmp_path / "work",
        say=lambda _: None,
    )


@pytest.mark.parametrize("peer", ["naive", "ClickHouse"])
def test_a_peer_that_does_the_same_job_has_the_same_rows(
    peer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if peer == "ClickHouse":
        pytest.importorskip("chdb")
    rows = measured(peer, tmp_path, monkeypatch)
    assert [row.candidate for row in rows] == ["clickstream-lake", peer]
    for row in rows:
        assert (row.failed, row.same_json, row.same_parquet) == ("", True, True)
        assert row.cpu > 0
        assert row.rss > 10_000_000
        assert row.parquet_bytes > 0
        assert row.raw_bytes > 300 * 100


def test_pandas_loses_digits_and_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, pandas = measured("pandas", tmp_path, monkeypatch)
    assert (ours.same_json, ours.same_parquet) == (True, True)
    assert (pandas.same_json, pandas.same_parquet) == (True, False)


def test_a_peer_that_is_not_installed_stays_away(monkeypatch: pytest.MonkeyPatch) -> None:
    (clickhouse,) = (peer for peer in PEERS if peer.needs)
    assert clickhouse.name == "ClickHouse"
    monkeypatch.setattr("benchmarks.transform.candidates.find_spec", lambda _: None)
    assert not clickhouse.available
    assert sum(peer.available for peer in PEERS) == len(PEERS) - 1


def test_scenarios_share_a_file_where_only_the_output_differs() -> None:
    by_name = {scenario.name: scenario for scenario in scenarios(100)}
    assert json_path("o", gzip_json=by_name["gzip JSON"].gzip_json).name == "events.json.gz"
    assert len({scenario.name for scenario in scenarios(100)}) == 5
