"""The command as a shell runs it: a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[bytes]]

COMMAND = (sys.executable, "-m", "clickstream_lake")


def environment(**more: str) -> dict[str, str]:
    """Ours, without what points at a cloud or at a terminal."""
    ours = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "LAKE_")) and name not in {"FORCE_COLOR", "COLUMNS"}
    }
    return ours | {"AWS_CONFIG_FILE": "/nowhere", "AWS_EC2_METADATA_DISABLED": "true"} | more


@pytest.fixture
def clickstream(tmp_path: Path) -> Run:
    """Run the command in an empty directory: `clickstream("query", "-", stdin=b"…", NAME="…")`."""

    def run(
        *arguments: str, stdin: bytes = b"", cwd: Path = tmp_path, **more: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            check=False,
            env=environment(**more),
            cwd=cwd,
        )

    return run


@pytest.fixture
def pipeline(tmp_path: Path) -> Run:
    """Run a line of bash in an empty directory; `clickstream` in it is the command."""

    def run(line: str, **more: str) -> subprocess.CompletedProcess[bytes]:
        function = f'clickstream() {{ {" ".join(COMMAND)} "$@"; }}'
        return subprocess.run(  # noqa: S603 - our own command
            ["/bin/bash", "-c", f"{function}\n{line}"],
            capture_output=True,
            check=False,
            env=environment(**more),
            cwd=tmp_path,
        )

    return run
