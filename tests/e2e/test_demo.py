"""`clickstream demo` on few events: the whole pipeline, and what it prints."""

import subprocess
import sys
from pathlib import Path

import pytest

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("demo")]


def test_the_demo_ends_well_and_says_where_its_files_are(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    done = subprocess.run(  # noqa: S603 - our own command
        [
            *(sys.executable, "-m", "clickstream_lake", "demo", "--events", "20000"),
            *("--malformed", "0.01", "--dir", str(directory)),
        ],
        capture_output=True,
        text=True,
        check=False,
        env={"COLUMNS": "200", "PATH": ""},
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "Nothing lost, nothing doubled: 20,000 sent" in done.stdout
    for shown in ("page_view", "purchase", "SELECT *", "Rejected rows by reason", "not_json"):
        assert shown in done.stdout
    for folder in ("raw", "processed/json", "processed/parquet", "rejected"):
        assert f"{directory}/bucket/{folder}/" in done.stdout
        assert any((directory / "bucket" / folder).rglob("*"))
