"""Every command that README and docs print, run as printed and in order, against the sandbox."""

import gzip
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clickstream_lake.demo import terraform
from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.generate import FirehoseSink, generate_events
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.sandbox.resources import Resources
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.catalogs import EXAMPLES
from tests.e2e.needs import need_terraform

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

PROJECT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PAGES = ["README.md", *sorted(f"docs/{page.name}" for page in (PROJECT / "docs").glob("*.md"))]
CONTRIBUTING = "CONTRIBUTING.md"

# Commands that this test does not run, by how they begin, and why.
NOT_RUN = {
    "make demo": "tests/e2e/test_demo.py; in a fresh clone it is what a release is tried by",
    "make test": "this is one of the tests",
    "make bench": "minutes to hours",
    "make setup": "done, or this would not run",
    "pytest": "these are tests, too",
    "CLICKSTREAM_SCHEDULES": "these are tests, too",
    "python -m benchmarks": "minutes each; tests/unit/benchmarks runs them small",
    "clickstream package": "tests/unit/cli/test_package.py; it would build for minutes",
    "clickstream engine": "tests/engine/test_commands.py, where there is a Trino",
    "clickstream sandbox up --athena trino": "the same",
    "clickstream demo": "tests/e2e/test_demo.py and test_terraform.py",
    "source .venv": "the test's PATH has it",
}
# A page with one of these deploys a lake, as README does.
DEPLOYS = re.compile(r"make deploy|terraform -chdir=terraform apply")
# What a page leaves to its reader, and what replaces it here.
BLANKS = {
    "BUCKET=...": "BUCKET={bucket}",
    "DAY=year=2025/month=11/day=26": "DAY={day}",
    "AWS_PROFILE=...": "UNUSED=",
}
AWS = """#!/usr/bin/env bash
# The real command, version 1, which does not know this option of version 2 (it takes raw text
# anyway) and for some services not AWS_ENDPOINT_URL.
arguments=()
while [ $# -gt 0 ]; do
  if [ "$1" = --cli-binary-format ]; then shift 2; else arguments+=("$1"); shift; fi
done
exec {uv} tool run --quiet --from 'awscli<2' aws \\
  --endpoint-url "$AWS_ENDPOINT_URL" "${{arguments[@]}}"
"""
# Where there is no jq: its input has to be JSON all the same.
JQ = """#!/usr/bin/env python3
import json, sys
text = sys.stdin.read()
assert text.strip()
try:
    json.loads(text)
except ValueError:
    for line in text.splitlines():
        json.loads(line)
"""
# Files that a page takes for given.
FILES = {
    "orders.json": (EXAMPLES / "orders.json").read_bytes(),
    "mine.json": CATALOG_PATH.read_bytes().replace(
        b'    {"name": "price"',
        b'    {"name": "coupon", "type": "string", "added": "2026-11-27"},\n    {"name": "price"',
    ),
    "report.sql": b"SELECT event_type, COUNT(*) AS n FROM clickstream_events GROUP BY 1",
    "raw/year=2025/month=11/day=26/file.gz": gzip.compress(b'{"event_id":"e1"}\n'),
}
# The day that the pages name.
NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)
PRELUDE = r"""
set -euo pipefail
until_ready() { # Start what runs until Ctrl-C, wait for its endpoint, and press Ctrl-C.
  # One after the other, whatever page or worker it is: they all take the same port.
  exec 9>"${TMPDIR:-/tmp}/clickstream-docs-$(id -u).lock"
  flock 9
  : >ready.log  # here: what an earlier one has said must be gone before the first look
  setsid "$@" >ready.log 2>&1 9>&- &
  local running=$! ended=1
  for _ in $(seq 600); do
    if grep -qE 'AWS_ENDPOINT_URL|"endpoint"' ready.log; then
      kill -INT $running; wait $running && ended=0 || ended=$?; break
    fi
    sleep 0.2
  done
  exec 9>&-
  if [ $ended -ne 0 ]; then cat ready.log; kill $running 2>/dev/null || true; return 1; fi
}
"""


def blocks(page: str) -> list[str]:
    text = (PROJECT / page).read_text(encoding="utf-8")
    found = re.findall(r"^```(sh|bash|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [typed(body) if kind == "console" else body for kind, body in found]


def typed(body: str) -> str:
    lines = body.splitlines(keepends=True)
    return "".join(line.removeprefix("$ ") for line in lines if line.startswith("$ "))


def commands(page: str) -> Iterator[str]:
    """One by one: lines are added until the shell finds nothing missing."""
    for block in blocks(page):
        command = ""
        for line in block.splitlines(keepends=True):
            command += line
            parsed = subprocess.run(
                ["bash", "-n"],  # noqa: S607 - the machine's shell
                input=command,
                capture_output=True,
                text=True,
                check=False,
            )
            if parsed.returncode == 0 and not command.rstrip().endswith("\\"):
                yield command
                command = ""
        assert not command, f"{page}: no whole command: {command}"


def is_run(command: str) -> bool:
    return not command.startswith(tuple(NOT_RUN))


def filled_in(command: str, blanks: dict[str, str]) -> str:
    for blank, value in BLANKS.items():
        command = command.replace(blank, value.format(**blanks))
    if command.startswith("clickstream sandbox up"):
        return f"until_ready {command}"
    if "| head" in command:  # which closes the pipe, as a reader may
        return f"{{ {command}}} || test $? -eq 141"
    return command


def run(page: str, directory: Path, environment: dict[str, str], blanks: dict[str, str]) -> None:
    chosen = [command for command in commands(page) if is_run(command)]
    lines = [PRELUDE]
    for command in chosen:
        lines += [f"echo + {shlex.quote(command)} >&2", filled_in(command, blanks)]
    done = subprocess.run(  # noqa: S603 - our own pages
        ["bash", "-c", "\n".join(lines)],  # noqa: S607 - the machine's shell
        input="yes\n",  # Terraform asks once
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=environment,
    )
    assert done.returncode == 0, f"{done.stderr[-6_000:]}\n{done.stdout[-3_000:]}"


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for the PATH with what the pages use beside `clickstream`."""
    uv = shutil.which("uv") or str(BIN / "uv")
    directory = tmp_path_factory.mktemp("bin")
    scripts = {"aws": AWS.format(uv=uv)}
    if not shutil.which("jq"):
        scripts["jq"] = JQ
    for name, script in scripts.items():
        (directory / name).write_text(script)
        (directory / name).chmod(0o755)
    return directory


def environment_of(sandbox: Sandbox, programs: Path) -> dict[str, str]:
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "TF_VAR_", "LAKE_"))
    }
    path = os.pathsep.join(map(str, (programs, BIN, os.environ["PATH"])))
    return (
        inherited
        | sandbox.credentials()
        | {"PATH": path, "AWS_ENDPOINT_URL": sandbox.endpoint, "TF_IN_AUTOMATION": "1"}
    )


def test_every_exception_is_still_printed_somewhere() -> None:
    printed = [command for page in [*PAGES, CONTRIBUTING] for command in commands(page)]
    unused = [start for start in NOT_RUN if not any(c.startswith(start) for c in printed)]
    assert unused == []
    assert sum(map(is_run, printed)) > 30


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_a_pages_commands_work_as_printed(page: str, tmp_path: Path, programs: Path) -> None:
    if not any(map(is_run, commands(page))):
        pytest.skip("it prints no command that is run here")
    if DEPLOYS.search("".join(commands(page))):
        pytest.skip("the commands of README, which are run")
    work = tmp_path / "work"
    for name, content in FILES.items():
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_bytes(content)
    with lake_sandbox(directory=tmp_path / "sandbox", clock=lambda: NOON) as sandbox:
        send(sandbox, 2_000, undeclared=page == "docs/schemas.md")
        run(page, work, environment_of(sandbox, programs), blanks_of(sandbox))
        sandbox.wait_idle()
        assert sandbox.dead_letters() == 0


def send(sandbox: Sandbox, events: int, *, undeclared: bool = False) -> None:
    sink = FirehoseSink(sandbox.clients.firehose, sandbox.stream, in_flight=2)
    begun = NOON - timedelta(days=1)
    lines = generate_events(7, events, begun, undeclared=undeclared)
    sink.send(line.rstrip(b"\n") for line in lines)
    sandbox.wait_idle()


def blanks_of(sandbox: Sandbox) -> dict[str, str]:
    return {"bucket": sandbox.bucket, "day": NOON.strftime("year=%Y/month=%m/day=%d")}


@pytest.mark.xdist_group("readme")
def test_the_readmes_commands_work_as_printed(tmp_path: Path, programs: Path) -> None:
    need_terraform()
    copy = copy_of_the_project(tmp_path)
    with lake_sandbox(provision=nothing_yet, directory=tmp_path / "sandbox") as sandbox:
        key = sandbox.clients.credentials.access_key_id
        terraform._write_provider(copy / "terraform", sandbox.endpoint, key)
        environment = environment_of(sandbox, programs) | mirror(tmp_path)
        run("README.md", copy, environment, blanks_of(sandbox))
        sandbox.wait_idle(timeout=300)
        assert sandbox.dead_letters() == 0
        sql = "SELECT COUNT(*) FROM clickstream_events_parquet"
        rows = sandbox.engine.execute(sql, sandbox.database).rows
        # One by `aws`, and what `clickstream generate` sends.
        assert [list(row) for row in rows] == [[100_001]]


def nothing_yet(clients: object) -> Resources:
    """The names that `make deploy` will give, with the settings of terraform.tfvars.example."""
    del clients
    return Resources(
        bucket="clickstream-123456789012-us-east-1",
        stream="clickstream-events",
        database="clickstream",
        workgroup="clickstream",
        queue_url="http://localhost/clickstream-events-transform",
        dead_letter_url="http://localhost/clickstream-events-transform-dead",
        compact_queue_url="http://localhost/clickstream-events-compact.fifo",
    )


def copy_of_the_project(directory: Path) -> Path:
    """What git tracks, older than the environment that it shares with this checkout."""
    copy = directory / "project"
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - the machine's git
        capture_output=True,
        text=True,
        check=True,
        cwd=PROJECT,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = copy / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, target)
        os.utime(target, (0, 0))
    (copy / ".venv").symlink_to(BIN.parent)
    return copy


def mirror(directory: Path) -> dict[str, str]:
    """Let a plain `terraform init` find the provider on this machine."""
    config = directory / "terraformrc"
    provider = f'filesystem_mirror {{ path = "{terraform.provider_mirror()}" }}'
    config.write_text(f"provider_installation {{\n  {provider}\n}}\n")
    return {"TF_CLI_CONFIG_FILE": str(config)}
