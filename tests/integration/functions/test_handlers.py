"""Each packed handler, in a process of its own, does with every sample what its class does here."""

import gzip
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
import requests

from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.transform.function import TransformFunction
from clickstream_lake.transform.rules.native import library
from dev.package.command import FUNCTIONS, PROJECT, function_files
from tests.moto_server import moto_server

BUCKET, DATABASE = "lake", "clickstream"
DAY = "raw/year=2025/month=11/day=26"
LINES = b'{"event_id":"%s","event_type":"click","price":1.5,"user_id":"u"}\nbroken\n'
SAMPLES = [
    (name, path.stem)
    for name in FUNCTIONS
    for path in sorted((PROJECT / "functions" / name / "events").glob("*.json"))
]
CLASSES: dict[str, Callable[[dict[str, str]], Any]] = {
    "transform": TransformFunction,
    "compact": CompactFunction,
}
CONTEXT = SimpleNamespace(
    get_remaining_time_in_millis=lambda: 300_000, aws_request_id="request", function_name="f"
)
# As Lambda's runtime does it: the root of the zip first on the path, `handler.handler` called.
_CALL = """
import json, sys
from types import SimpleNamespace
root, event = sys.argv[1:]
sys.path.insert(0, root)
import clickstream_lake, handler
assert clickstream_lake.__file__.startswith(root) and handler.__file__.startswith(root)
context = SimpleNamespace(
    get_remaining_time_in_millis=lambda: 300_000, aws_request_id="request", function_name="f"
)
answer = handler.handler(json.loads(event), context)
print("\\n" + json.dumps(answer))
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture
def environment(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    variables = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "LAKE_BUCKET": BUCKET,
        "LAKE_DATABASE": DATABASE,
        "LAKE_MIN_FILES": "2",
        "LAKE_GRACE_SECONDS": "0",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The functions' files as their zips unpack them, with this machine's kernel."""
    directory = tmp_path_factory.mktemp("packed")
    for name in FUNCTIONS:
        files = function_files(name)
        if name == "transform":
            kernel = library.path().relative_to(PROJECT / "src").as_posix()
            files[kernel] = library.path().read_bytes()
        for file, data in files.items():
            path = directory / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return directory


def fresh_lake(function: str, environment: dict[str, str]) -> None:
    """A lake as Terraform leaves it, with one raw object, or two landed ones for compaction."""
    reset = f"{environment['AWS_ENDPOINT_URL']}/moto-api/reset"
    requests.post(reset, timeout=60).raise_for_status()
    s3, glue = boto3.client("s3"), boto3.client("glue")
    s3.create_bucket(Bucket=BUCKET)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    for table in ("json", "parquet", "rejects"):
        glue.create_table(
            DatabaseName=DATABASE,
            TableInput=load_catalog().glue_table_input(table, BUCKET),  # type: ignore[arg-type]  # as API
        )
    names = ["sample"] if function == "transform" else ["first", "second"]
    for name in names:
        body = gzip.compress(LINES % name.encode(), mtime=0)
        s3.put_object(Bucket=BUCKET, Key=f"{DAY}/{name}.gz", Body=body)
        if function == "compact":
            key = f"{DAY}/{name}.gz".replace("=", "%3D")
            s3_part = {"bucket": {"name": BUCKET}, "object": {"key": key}}
            landed = {"Records": [{"eventName": "ObjectCreated:Put", "s3": s3_part}]}
            CLASSES["transform"](environment)(landed, CONTEXT)


def objects() -> dict[str, Any]:
    """Every object but what differs from run to run: names of generations, times of processing."""
    s3 = boto3.client("s3")
    found: dict[str, Any] = {}
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        key = entry["Key"]
        body = s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        found[without_chance(key)] = content(key, body)
    return found


def content(key: str, body: bytes) -> Any:  # noqa: ANN401 - JSON and rows
    if key.endswith(".parquet"):
        rows = pq.read_table(io.BytesIO(body)).to_pylist()
    elif key.endswith(".json") and not key.startswith("manifests/"):
        rows = [json.loads(line) for line in body.splitlines()]
    else:
        # A raw object as it is; of a manifest, that it is there.
        return body if not key.startswith("manifests/") else None
    return [{name: value for name, value in row.items() if name != "processed_ts"} for row in rows]


def without_chance(text: str) -> str:
    text = re.sub(r"\d{8}T\d{6}Z-[0-9a-f]{8}", "GENERATION", text)
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", text)


def comparable(answer: Any) -> Any:  # noqa: ANN401 - JSON
    """An answer without measured times and the random names of generations."""
    if isinstance(answer, dict):
        return {
            name: comparable(value)
            for name, value in answer.items()
            if not name.endswith("seconds")
            and not (isinstance(value, str) and "generation" in name)
        }
    if isinstance(answer, list):
        return [comparable(value) for value in answer]
    return without_chance(answer) if isinstance(answer, str) else answer


def in_a_process(
    root: Path, event: dict[str, Any], environment: dict[str, str], work: Path
) -> dict[str, Any]:
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _CALL, str(root), json.dumps(event)],
        capture_output=True,
        text=True,
        check=False,
        cwd=work,
        env={"PATH": os.defpath, **environment},
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.parametrize(("function", "sample"), SAMPLES)
def test_a_packed_handler_does_what_its_class_does(
    function: str, sample: str, environment: dict[str, str], packed: Path, tmp_path: Path
) -> None:
    event = json.loads((PROJECT / f"functions/{function}/events/{sample}.json").read_text())
    fresh_lake(function, environment)
    before = objects()
    expected = CLASSES[function](environment)(event, CONTEXT)
    wanted = objects()
    fresh_lake(function, environment)
    answer = in_a_process(packed / function, event, environment, tmp_path)
    assert comparable(answer) == comparable(json.loads(json.dumps(expected)))
    assert objects() == wanted
    # Three find nothing to do: no day is recent, nothing was replaced yet.
    assert (wanted == before) == (sample in {"tick", "cleanup", "audit"})


def test_every_shape_of_event_has_its_sample() -> None:
    assert {sample for name, sample in SAMPLES if name == "transform"} >= {
        "sqs",
        "s3",
        "eventbridge",
    }
    assert {sample for name, sample in SAMPLES if name == "compact"} >= {
        "tick",
        "cleanup",
        "audit",
        "queue",
        "by_hand",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_handler_is_at_most_thirty_lines(name: str) -> None:
    lines = (PROJECT / "functions" / name / "handler.py").read_text().splitlines()
    assert len(lines) <= 30
