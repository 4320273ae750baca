"""The commands that start a Trino, as processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from clickstream_lake.engine import distribution, java
from clickstream_lake.engine.client import Client
from clickstream_lake.engine.errors import EngineError

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def there_is_one() -> None:
    if distribution.installed() is None:
        pytest.skip("there is no Trino here: `clickstream engine install` brings it")
    try:
        java.find_java()
    except EngineError as error:
        pytest.skip(str(error))


@contextmanager
def command(*arguments: str, temporary: Path) -> Iterator[dict[str, Any]]:
    """What it says of itself when it is ready; at the end it is told to stop, and has to."""
    environment = os.environ | {"AWS_DEFAULT_REGION": "us-east-1", "TMPDIR": str(temporary)}
    environment.pop("AWS_ENDPOINT_URL", None)
    # Compiled less, it starts in half the processor time.
    environment["JAVA_TOOL_OPTIONS"] = "-XX:TieredStopAtLevel=1"
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "clickstream_lake", *arguments],
        stdout=subprocess.PIPE,
        env=environment,
    ) as running:
        assert running.stdout is not None
        try:
            yield json.loads(running.stdout.readline())
        finally:
            running.send_signal(signal.SIGTERM)
        assert running.wait() == 0


def processes_of(directory: Path) -> list[str]:
    found = []
    for one in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = one.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if str(directory).encode() in words:
            found.append(words.decode(errors="replace"))
    return found


def test_engine_up_says_how_to_reach_it_and_leaves_nothing(tmp_path: Path) -> None:
    with command("engine", "up", "--port", "0", "--json", temporary=tmp_path) as said:
        assert said["aws"] == "us-east-1"
        assert Client(said["endpoint"]).run("SELECT 40 + 2").rows == [[42]]
        assert processes_of(tmp_path)
    assert processes_of(tmp_path) == []
    assert [*tmp_path.iterdir()] == []


def test_the_sandboxs_athena_is_answered_by_a_trino_of_its_own(tmp_path: Path) -> None:
    arguments = ("sandbox", "up", "--athena", "trino", "--port", "0", "--json")
    with command(*arguments, temporary=tmp_path) as said:
        athena = boto3.client(
            "athena",
            endpoint_url=said["endpoint"],
            region_name="us-east-1",
            aws_access_key_id=said["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=said["AWS_SECRET_ACCESS_KEY"],
        )
        name = athena.start_query_execution(
            QueryString="SELECT version(), count(*) FROM clickstream_events_parquet",
            QueryExecutionContext={"Database": said["database"]},
            WorkGroup=said["workgroup"],
        )["QueryExecutionId"]
        while True:
            status = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]["Status"]
            if status["State"] not in {"QUEUED", "RUNNING"}:
                break
        assert status["State"] == "SUCCEEDED", status
        rows = athena.get_query_results(QueryExecutionId=name)["ResultSet"]["Rows"]
        assert [cell["VarCharValue"] for cell in rows[1]["Data"]] == ["476", "0"]
    assert processes_of(tmp_path) == []
