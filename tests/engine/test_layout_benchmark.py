"""The benchmark of layouts runs on an engine."""

from datetime import timedelta
from pathlib import Path

import pytest

from benchmarks.__main__ import load, write
from benchmarks.layout.receiving import ASKED, Buffers
from benchmarks.layout.run import DEFAULT, LANDED, SETTINGS, run
from benchmarks.scan.layouts import Spec
from benchmarks.scan.run import by_trino, local_target
from tests.conftest import Engine

pytestmark = pytest.mark.engine

SPEC = Spec(events=30_000, file_events=10_000)
HOURLY = Buffers("an hour", 1 << 30, timedelta(hours=1))


def test_a_setting_is_asked_everything_and_written_down(engine: Engine, tmp_path: Path) -> None:
    with local_target("layouts", port=engine.port, directory=engine.directory) as target:
        ask = by_trino(engine.client, target, rounds=0)
        results = run(
            SPEC, target, ask, say=lambda _: None, settings=SETTINGS[:1], buffers=[HOURLY]
        )
    scanned = {(one.layout, one.query, one.hour): one.scanned for one in results.measurements}
    assert len(scanned) == 2 * 10
    assert all(scanned.values())
    assert all(one.rows for one in results.measurements)
    # Small files are read whole, whatever is asked of them.
    assert scanned[DEFAULT, "export", ""] < scanned[LANDED, "export", ""]
    received = results.facts["receiving"]
    assert len(received) == len(ASKED) * 10
    # Of an hour that has not landed, nothing is read of either.
    assert all(bool(one["scanned"]) == bool(one["scanned_landing"]) for one in received)
    assert all(one["scanned"] for one in received if not one["hour"])
    # Files under 3 MB are read whole, whatever is asked, and merged ones are smaller in all.
    exports = [one for one in received if one["query"] == "export"]
    assert len(exports) == len(ASKED)
    assert all(one["scanned"] <= one["scanned_landing"] for one in exports)
    figures, page = write(results, tmp_path)
    assert load(figures) == results
    assert page.read_text(encoding="utf-8").count("1/") == len(scanned)
