import os
from pathlib import Path

import pytest

from benchmarks.__main__ import load, main


@pytest.mark.slow
def test_a_few_small_files_become_one_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    cpu = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    arguments = ["--files", "4", "--rows", "50", "--cpu", str(cpu), "--out", str(tmp_path)]
    assert main(["compaction", *arguments]) == 0
    for found in load(tmp_path / "compaction.json").measurements:
        assert (found.files_before, found.files_after) == (4, 1)
        assert (found.rows, found.same_rows) == (200, True)
        assert found.requests["s3:GetObject"] >= 4
        assert found.rss > 10_000_000
