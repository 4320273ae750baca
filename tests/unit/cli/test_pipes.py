"""Standard input, standard output, and what happens when a reader has seen enough."""

import gzip
import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import COMMAND, Run, environment

OPTIONS = ("--count", "300", "--seed", "4", "--start", "2025-11-26")


@pytest.mark.parametrize(
    "line",
    [
        "clickstream generate - --count 200000 | head -1",
        "clickstream generate /dev/stdout --count 200000 | head -1",
        "clickstream generate - --count 5000 | clickstream transform - --out - | true",
        "clickstream --help | true",
    ],
)
def test_a_closed_pipe_is_quiet(pipeline: Run, line: str) -> None:
    done = pipeline(line)

    for noise in (b"Traceback", b"Broken", b"Exception", b"Error"):
        assert noise not in done.stderr


def test_a_closed_pipe_ends_with_the_status_of_sigpipe(pipeline: Run) -> None:
    done = pipeline('clickstream generate - --count 200000 | head -1; exit "${PIPESTATUS[0]}"')

    assert (done.returncode, done.stdout.count(b"\n")) == (141, 1)


def test_generate_writes_to_standard_output_what_it_writes_to_a_file(
    clickstream: Run, tmp_path: Path
) -> None:
    clickstream("generate", "events.json", *OPTIONS)

    piped = clickstream("generate", "-", *OPTIONS)

    assert piped.stdout == (tmp_path / "events.json").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.json"]


@pytest.mark.parametrize("pack", [gzip.compress, bytes], ids=["gzip", "plain"])
def test_transform_reads_standard_input(clickstream: Run, tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    events = clickstream("generate", "-", *OPTIONS).stdout

    done = clickstream("transform", "-", "--json", stdin=pack(events))

    told = json.loads(done.stdout)
    assert (done.returncode, told["published"], told["file"]) == (0, 300, "-")
    assert told["written"]["json"].startswith("lake/processed/json/stdin-")
    assert (tmp_path / told["written"]["parquet"]).exists()


def test_transform_prints_the_json_lines_and_keeps_nothing(pipeline: Run, tmp_path: Path) -> None:
    done = pipeline(
        "clickstream generate - --count 300 --malformed 0.1 | clickstream transform - --out -",
        LAKE_JSON_COMPRESSION="gzip",
    )

    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert 200 < len(rows) < 300
    assert {"processed_ts"} <= rows[0].keys()
    assert "user_id" not in rows[0]
    assert list(tmp_path.iterdir()) == []


def test_what_generate_writes_by_default_is_what_transform_takes(pipeline: Run) -> None:
    done = pipeline(
        "clickstream generate events.json --count 40 && clickstream transform events.json"
    )

    assert done.returncode == 0
    assert b"40" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("transform", "none.gz"),
        ("transform", "none.gz", "--json"),
        ("query", "--file", "none.gz"),
    ],
)
def test_a_missing_file_is_one_line_and_status_2(
    clickstream: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = clickstream(*arguments)

    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"Error: none.gz: there is no such file\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["events.json", "events.gz"])
def test_what_was_interrupted_leaves_no_file(tmp_path: Path, name: str) -> None:
    with subprocess.Popen(  # noqa: S603 - our own command
        [*COMMAND, "generate", name, "--count", "100000000"],
        cwd=tmp_path,
        env=environment(),
        stderr=subprocess.PIPE,
    ) as process:
        deadline = time.monotonic() + 60
        while not any(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert [path.name.startswith(".") for path in tmp_path.iterdir()] == [True]
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]

    assert (process.returncode, said) == (130, b"")
    assert list(tmp_path.iterdir()) == []


def test_colour_that_is_forced_stays_out_of_json_and_tsv(clickstream: Run) -> None:
    events = clickstream("generate", "-", *OPTIONS).stdout

    done = clickstream("transform", "-", "--json", stdin=events, FORCE_COLOR="1")

    assert b"\x1b" not in done.stdout
    json.loads(done.stdout)
