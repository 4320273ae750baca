"""`clickstream sandbox up` as another program sees it: one JSON line, an endpoint, a clean end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.catalogs import EXAMPLES

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("sandbox-up")]

COMMAND = (sys.executable, "-m", "clickstream_lake")
# The same, but it saves its lake every second.
SAVING = "from clickstream_lake.cli import app, sandbox; sandbox.SAVE_SECONDS = 1; app()"
PROMISED = {"endpoint", "bucket", "stream", "database", "workgroup", "queue_url"}


@contextmanager
def sandbox(
    directory: Path, command: tuple[str, ...] = COMMAND, options: tuple[str, ...] = ()
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*command, "sandbox", "up", "--port", "0", "--json", "--dir", str(directory), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()


def clickstream(ready: dict[str, Any], *arguments: str) -> subprocess.CompletedProcess[str]:
    printed = {name: value for name, value in ready.items() if name.startswith("AWS_")}
    environment = (
        {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        | printed
        | {"AWS_ENDPOINT_URL": ready["endpoint"], "AWS_CONFIG_FILE": "/nowhere"}
    )
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def count(ready: dict[str, Any], table: str) -> int:
    sql = f"SELECT COUNT(*) FROM {table}"  # noqa: S608 - our own table
    answer = clickstream(ready, "query", sql, "--format", "csv")
    return int(answer.stdout.splitlines()[1]) if answer.returncode == 0 else -1


def comes_to(ready: dict[str, Any], table: str, rows: int) -> bool:
    """Whether a table has that many rows before long: Firehose delivers by the clock, as in AWS."""
    deadline = time.monotonic() + 60
    while count(ready, table) != rows:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.5)
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_works_with_any_client_stops_cleanly_and_keeps_the_lake(
    tmp_path: Path, number: signal.Signals
) -> None:
    with sandbox(tmp_path / "lake") as (process, ready):
        assert set(ready) >= PROMISED
        buckets = boto3.client(
            "s3",
            endpoint_url=ready["endpoint"],
            aws_access_key_id=ready["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=ready["AWS_SECRET_ACCESS_KEY"],
            region_name=ready["AWS_DEFAULT_REGION"],
        ).list_buckets()["Buckets"]
        assert [bucket["Name"] for bucket in buckets] == [ready["bucket"]]
        sent = clickstream(ready, "generate", "--stream", ready["stream"], "--count", "2000")
        assert sent.returncode == 0, sent.stderr
        assert comes_to(ready, "clickstream_events", 2_000)
        assert comes_to(ready, "clickstream_events_parquet", 2_000)
        wrong = clickstream(ready, "query", "SELECT nothing FROM clickstream_events")
        assert (wrong.returncode, "COLUMN_NOT_FOUND" in wrong.stderr) == (1, True)
        planned = clickstream(ready, "compact", "--force", "--watch")
        assert planned.returncode == 0, planned.stderr
        assert "json year=" in planned.stdout

        process.send_signal(number)
        assert process.wait(60) == 0

    with sandbox(tmp_path / "lake") as (process, ready):
        assert count(ready, "clickstream_events_parquet") == 2_000
        process.send_signal(number)
        assert process.wait(60) == 0


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    with sandbox(tmp_path) as (_, ready):
        port = ready["endpoint"].rsplit(":", 1)[1]
        second = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "sandbox", "up", "--port", port],
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 1
    assert second.stdout == ""
    said, error = second.stderr.splitlines()
    assert said == "Starting the local AWS …"
    assert error.startswith(f"Error: port {port} is in use: ")


def test_killed_it_leaves_what_it_has_saved_and_the_same_key(tmp_path: Path) -> None:
    directory = tmp_path / "lake"
    with sandbox(directory, (sys.executable, "-c", SAVING)) as (process, first):
        sent = clickstream(first, "generate", "--stream", first["stream"], "--count", "2000")
        assert sent.returncode == 0, sent.stderr
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and not list(directory.glob("bucket/raw/**/*.gz")):
            time.sleep(0.1)
        process.kill()

    assert oct(directory.stat().st_mode)[-3:] == "700"
    with sandbox(directory) as (process, second):
        assert second["AWS_ACCESS_KEY_ID"] == first["AWS_ACCESS_KEY_ID"]
        assert comes_to(second, "clickstream_events", 2_000)
        assert comes_to(second, "clickstream_events_parquet", 2_000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_the_directory_of_a_running_one_is_a_clear_error(tmp_path: Path) -> None:
    with sandbox(tmp_path / "lake"):
        second = subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "sandbox", "up", "--port", "0", "--dir", str(tmp_path / "lake")],
            capture_output=True,
            text=True,
            check=False,
        )

    assert second.returncode == 1
    assert second.stderr.splitlines()[-1].startswith("Error: another sandbox keeps its lake in ")


def test_without_its_key_a_command_says_what_to_do(tmp_path: Path) -> None:
    with sandbox(tmp_path) as (_, ready):
        wrong = clickstream(ready | {"AWS_ACCESS_KEY_ID": "testing"}, "query", "SHOW TABLES")

    assert wrong.returncode == 1
    assert "UnrecognizedClientException" in wrong.stderr
    assert "set all the variables that it prints" in wrong.stderr


def test_families_of_events_have_streams_and_catalogs_of_their_own(tmp_path: Path) -> None:
    orders = EXAMPLES / "orders.json"
    options = ("--stream", "web", "--stream", f"orders={orders}")
    with sandbox(tmp_path / "lake", options=options) as (_, ready):
        assert ready["stream"] == "clickstream-web"
        stream = ready["further"]["orders"]["stream"]
        sent = clickstream(
            ready, "generate", "--stream", stream, "--catalog", str(orders), "--count", "50"
        )
        assert sent.returncode == 0, sent.stderr
        assert comes_to(ready, "orders_orders", 50)
        assert comes_to(ready, "orders_orders_parquet", 50)
        assert count(ready, "clickstream_events") == 0


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        (["Web"], "a key has 2 to 16"),
        (["web", "web=orders.json"], "--stream web is there twice"),
        (["web=missing.json"], "there is no catalog to read"),
        ([""], "a key has 2 to 16"),
    ],
)
def test_streams_that_cannot_be_are_one_line(
    tmp_path: Path, streams: list[str], words: str
) -> None:
    options = [part for stream in streams for part in ("--stream", stream)]
    done = subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, "sandbox", "up", "--port", "0", *options],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode in {1, 2}
    assert words in done.stderr
    assert "Traceback" not in done.stderr
