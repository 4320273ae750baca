"""What is built works where it is installed: alone, with its sandbox, with and without kernel."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dev.package.command import PROJECT
from tests.install.conftest import Environment, skip_or_fail, uv

pytestmark = pytest.mark.install

MakeEnvironment = Callable[[str], Environment]
EVENTS = 1_000
# Through both halves of the work, and without what only some machines have.
_COMPACTION = """
from pathlib import Path
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog_file import load_catalog
catalog = load_catalog()
inputs = [Input(path, catalog=catalog.sha256) for path in Path("lake").rglob("*.parquet")]
Path("merged").mkdir()
(merged,) = merge_parquet(inputs * 2, Path("merged"), catalog=catalog).files
print(merged.rows)
"""
_KERNEL = """
from clickstream_lake.transform.rules.native import library
print(library.path().exists())
"""


def generate_and_transform(place: Environment) -> dict[str, Any]:
    """Events of this package, into a lake beside them; how often each number of events is told."""
    place.run("clickstream", "generate", "events.json.gz", "--count", str(EVENTS))
    said = place.run("clickstream", "transform", "events.json.gz", "--out", "lake", "--json")
    (json_lines,) = (place.work / "lake").rglob("*.json")
    assert len(json_lines.read_bytes().splitlines()) == EVENTS
    found: dict[str, Any] = json.loads(said.stdout)
    return found


def compact(place: Environment) -> int:
    return int(place.run("python", "-c", _COMPACTION).stdout)


def has_kernel(place: Environment) -> bool:
    return place.run("python", "-c", _KERNEL).stdout.strip() == "True"


def query_a_sandbox(place: Environment) -> int:
    """Start the local AWS in the background, send it events, and count them by SQL."""
    environment = {"PATH": os.defpath, "HOME": str(place.work)}
    with subprocess.Popen(  # noqa: S603 - programs of an environment that was just made
        [place.path / "bin/clickstream", "sandbox", "up", "--port", "0", "--json"],
        cwd=place.work,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            ready = json.loads(process.stdout.readline())
            printed = {name: value for name, value in ready.items() if name.startswith("AWS_")}
            endpoint = printed | {"AWS_ENDPOINT_URL": ready["endpoint"]}
            send = ("generate", "--stream", ready["stream"], "--count", str(EVENTS))
            place.run("clickstream", *send, **endpoint)
            sql = "SELECT COUNT(*) FROM clickstream_events_parquet"
            count, deadline = 0, time.monotonic() + 120
            while count < EVENTS and time.monotonic() < deadline:
                time.sleep(0.5)
                answer = place.run("clickstream", "query", sql, "--format", "csv", **endpoint)
                count = int(answer.stdout.splitlines()[1])
        finally:
            process.terminate()
    return count


def see_all_of_it_work(place: Environment) -> None:
    generate_and_transform(place)
    assert compact(place) == 2 * EVENTS
    shown = place.run("clickstream", "demo", "--events", str(EVENTS), "--dir", "demo").stdout
    assert f"Nothing lost, nothing doubled: {EVENTS:,} sent" in shown
    assert query_a_sandbox(place) == EVENTS


@pytest.mark.parametrize(
    "version", ["3.11", pytest.param("3.12", marks=pytest.mark.nightly), "3.13"]
)
def test_the_wheel_works_with_its_sandbox(
    version: str, wheel: Path, environment: MakeEnvironment
) -> None:
    place = environment(version)
    place.install(f"{wheel}[sandbox]")
    assert has_kernel(place)
    see_all_of_it_work(place)


def test_the_wheel_works_alone_and_without_numpy(wheel: Path, environment: MakeEnvironment) -> None:
    place = environment("3.13")
    place.install(str(wheel))
    installed = json.loads(uv("pip", "list", f"--python={place.path}", "--format=json"))
    assert "numpy" not in {package["name"] for package in installed}
    generate_and_transform(place)
    assert compact(place) == 2 * EVENTS


def test_without_a_kernel_it_is_the_same(
    wheel: Path, plain_wheel: Path, environment: MakeEnvironment
) -> None:
    place = environment("3.11")
    place.install(f"{wheel}[sandbox]")
    generate_and_transform(place)
    place.install("--reinstall", "--no-deps", str(plain_wheel))
    assert not has_kernel(place)
    place.run("clickstream", "transform", "events.json.gz", "--out", "plain")
    assert rows(place.work / "plain") == rows(place.work / "lake")
    shown = place.run("clickstream", "demo", "--events", str(EVENTS), "--dir", "demo").stdout
    assert f"Nothing lost, nothing doubled: {EVENTS:,} sent" in shown


def rows(lake: Path) -> list[bytes]:
    """The JSON lines, less the time at which they were made."""
    (path,) = lake.rglob("*.json")
    return [
        re.sub(rb'"processed_ts":"[^"]*"', b"", line) for line in path.read_bytes().splitlines()
    ]


@pytest.mark.nightly
def test_it_works_on_the_oldest_of_what_it_asks_for(
    wheel: Path, environment: MakeEnvironment
) -> None:
    place = environment("3.11")
    place.install("--resolution=lowest-direct", f"{wheel}[sandbox]")
    see_all_of_it_work(place)


@pytest.mark.nightly
@pytest.mark.parametrize("installer", ["pip", "pip-editable", "sdist", "uv-tool", "pipx"])
def test_every_installer_installs_it(
    installer: str, sdist: Path, environment: MakeEnvironment, tmp_path: Path
) -> None:
    """The kernel is compiled on the way, by a compiler that comes for the build alone."""
    place = environment("3.12")
    checkout = tmp_path / "checkout"
    uv("venv", "--seed", "--clear", f"--python={place.path}/bin/python", str(tmp_path / "tools"))
    tools = Environment(tmp_path / "tools", place.work)
    subprocess.run(  # noqa: S603 - a copy of what is committed
        ["git", "clone", "--quiet", str(PROJECT), str(checkout)],  # noqa: S607 - from the PATH
        check=True,
    )
    if installer == "uv-tool":
        home = {"UV_TOOL_DIR": str(tmp_path / "tool"), "UV_TOOL_BIN_DIR": str(tmp_path / "bin")}
        uv("tool", "install", f"--python={place.path}/bin/python", str(checkout), **home)
        command = tmp_path / "bin"
    elif installer == "pipx":
        tools.install("pipx")
        home = {"PIPX_HOME": str(tmp_path / "pipx"), "PIPX_BIN_DIR": str(tmp_path / "pipx/bin")}
        tools.run("pipx", "install", str(checkout), **inherited(), **home)
        command = tmp_path / "pipx/bin"
    else:
        what = {
            "pip": [str(checkout)],
            "pip-editable": ["-e", str(checkout)],
            "sdist": [str(sdist)],
        }
        tools.run("python", "-m", "pip", "install", *what[installer], **inherited())
        command = tools.path / "bin"
    (tmp_path / "installed").mkdir()
    (tmp_path / "installed/bin").symlink_to(command)
    generate_and_transform(Environment(tmp_path / "installed", place.work))


def inherited() -> dict[str, str]:
    """What pip needs to know of this machine: certificates and where packages are."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(("PIP_", "SSL_", "REQUESTS_")) or name.endswith("_proxy")
    }


@pytest.mark.nightly
def test_the_distributions_are_clean(sdist: Path, wheel: Path, plain_wheel: Path) -> None:
    for command in (
        ["twine", "check", "--strict", str(sdist), str(wheel), str(plain_wheel)],
        ["check-wheel-contents", str(wheel), str(plain_wheel)],
    ):
        tool = next((PROJECT / ".venv/bin").glob(command[0]), None)
        if tool is None:
            skip_or_fail(f"{command[0]} is not installed")
        done = subprocess.run(  # noqa: S603 - a development tool
            [str(tool), *command[1:]], capture_output=True, text=True, check=False, cwd=PROJECT
        )
        assert done.returncode == 0, done.stdout + done.stderr
