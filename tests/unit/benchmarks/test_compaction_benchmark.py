import json
import os
from pathlib import Path

import pytest

from benchmarks.compaction import command
from benchmarks.compaction.content import json_rows


@pytest.mark.slow
def test_a_few_small_files_become_one_with_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    cpu = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
    arguments = ["--files", "4", "--rows", "50", "--cpu", str(cpu), "--out", str(tmp_path)]
    assert command.main(arguments) == 0
    found = json.loads((tmp_path / "compaction.json").read_text(encoding="utf-8"))
    for fmt in ("json", "parquet"):
        assert (found[fmt]["files_before"], found[fmt]["files_after"]) == (4, 1)
        assert (found[fmt]["rows"], found[fmt]["same_rows"]) == (200, True)
        assert found[fmt]["requests"]["s3:GetObject"] >= 4
        assert found[fmt]["peak_rss_megabytes"] > 10


def test_the_order_of_lines_does_not_matter_but_each_byte_does(tmp_path: Path) -> None:
    def digest(*texts: bytes) -> tuple[int, int]:
        paths = []
        for at, text in enumerate(texts):
            paths.append(tmp_path / f"{at}.json")
            paths[-1].write_bytes(text)
        return json_rows(paths)

    assert digest(b"a\nb\n", b"c\n") == digest(b"c\nb\na\n")
    assert digest(b"a\nb\n") != digest(b"a\nB\n")
    assert digest(b"a\na\n") != digest(b"a\n")
