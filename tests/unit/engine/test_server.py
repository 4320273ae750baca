"""Starts and ends a server: with programs in Java's place that end at once, or never."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clickstream_lake.engine import supervise
from clickstream_lake.engine.configuration import Storage
from clickstream_lake.engine.errors import EngineError
from clickstream_lake.engine.server import Trino, free_port

STORAGE = Storage("us-east-1", "http://127.0.0.1:1", {"AWS_ACCESS_KEY_ID": "k"})


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the server's own directory is made."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # One that nobody has waited for yet has ended all the same.
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" not in status.read_text()


def wait_for(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return path.read_text().strip()


def test_a_server_that_ends_at_once_is_an_error_with_its_last_words(
    tmp_path: Path, temporary: Path
) -> None:
    java = program(tmp_path / "java", "echo 'Configuration is invalid'; exit 100")
    with (
        pytest.raises(EngineError, match="Configuration is invalid"),
        Trino(STORAGE, server=tmp_path, java=java),
    ):
        pass
    assert [*temporary.iterdir()] == []


def test_a_server_that_never_answers_is_ended(tmp_path: Path, temporary: Path) -> None:
    java = program(tmp_path / "java", f"echo $$ >{tmp_path}/pid; echo 'still busy'; exec sleep 60")
    with (
        pytest.raises(EngineError, match=r"did not answer within 1 s(.|\n)*still busy"),
        Trino(STORAGE, server=tmp_path, java=java, start_seconds=1),
    ):
        pass
    assert not alive(int(wait_for(tmp_path / "pid")))
    assert [*temporary.iterdir()] == []


def test_its_files_are_private_and_have_no_credential_in_them(
    tmp_path: Path, temporary: Path
) -> None:
    java = program(
        tmp_path / "java",
        f"cp -rp {temporary} {tmp_path}/copy; echo $AWS_ACCESS_KEY_ID >{tmp_path}/key; exit 1",
    )
    with pytest.raises(EngineError), Trino(STORAGE, server=tmp_path, java=java):
        pass
    assert (tmp_path / "key").read_text() == "k\n"
    (directory,) = (tmp_path / "copy").iterdir()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    settings = {
        path.name: path.read_text() for path in directory.rglob("etc/**/*") if path.is_file()
    }
    assert "node.bind-ip=127.0.0.1\n" in settings["config.properties"]
    assert "sql.forced-session-time-zone=UTC\n" in settings["config.properties"]
    assert "s3.endpoint=http://127.0.0.1:1\n" in settings["awsdatacatalog.properties"]
    assert [name for name, text in settings.items() if "access-key" in text] == []


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    import socket  # noqa: PLC0415 - only here

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(EngineError, match=f"port {port} of this machine is not free"),
            Trino(STORAGE, server=tmp_path, java=tmp_path, port=port),
        ):
            pass
    assert free_port() != port


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", Path, Path]]:
    """A process that supervises another: itself, the other's process id, and its directory."""
    directory, pid = tmp_path / "own", tmp_path / "pid"
    directory.mkdir()
    running = program(tmp_path / "run", f"echo $$ >{pid}; exec sleep 60")
    # In between stands who is killed: it holds the supervisor's input.
    code = (
        "import subprocess, sys, time; p = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE,"
        " start_new_session=True); print(p.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-I", supervise.__file__, str(directory), str(running)]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", code, *command], stdout=subprocess.PIPE
    ) as holder:
        yield holder, pid, directory
        holder.kill()


def test_the_server_ends_with_who_wanted_it_even_if_that_is_killed(
    supervised: tuple["subprocess.Popen[bytes]", Path, Path],
) -> None:
    holder, pid_file, directory = supervised
    pid = int(wait_for(pid_file))
    assert alive(pid)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    deadline = time.monotonic() + 60
    while alive(pid) or directory.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
