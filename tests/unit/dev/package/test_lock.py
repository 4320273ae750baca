import re
import tomllib

import pytest

from dev.package.command import PROJECT
from dev.package.lock import LOCKS

TRANSFORM, COMPACT = (f"functions/{name}/requirements.txt" for name in ("transform", "compact"))


def pins(path: str) -> dict[str, str]:
    text = (PROJECT / path).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==([^ ;\\]+)", text, re.MULTILINE))


@pytest.mark.parametrize("path", [lock.path for lock in LOCKS])
def test_locks_pin_every_package_with_hashes_and_name_no_index(path: str) -> None:
    text = (PROJECT / path).read_text()
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", text) if "==" in entry]
    assert pins(path)
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"index-url|find-links|https?://|file://", text)


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        (TRANSFORM, "dev/locks/test.txt"),  # tests run on the versions that ship
        (COMPACT, TRANSFORM),  # the layer holds both
        ("dev/locks/demo.txt", "dev/locks/test.txt"),  # the second adds to the first
        ("dev/locks/build.txt", "dev/locks/test.txt"),  # one compiler, so one kernel
        ("dev/locks/uv.txt", "dev/locks/test.txt"),
    ],
)
def test_locks_that_stand_beside_each_other_agree(part: str, whole: str) -> None:
    inside, around = pins(part), pins(whole)
    assert {name: around.get(name) for name in inside} == inside


@pytest.mark.parametrize("path", [TRANSFORM, COMPACT])
def test_a_functions_lock_covers_what_it_imports(path: str) -> None:
    groups = tomllib.loads((PROJECT / "pyproject.toml").read_text())["dependency-groups"]
    for dependency in groups["lambda"]:
        name = re.split(r"[<>=!~\[; ]", dependency)[0]
        assert name in pins(path), f"{name}: run `make lock`"
