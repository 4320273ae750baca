"""What arm64 functions are given, on an arm64 CPython of Lambda's version: QEMU runs it.

The real wheels of the layer, the real kernel, the functions' own files; and the same bytes as here.
"""

import gzip
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dev.kernel import KernelBuildError
from dev.package import check
from dev.package.command import LOCKS, PROJECT, function_files, kernel_files
from dev.package.emulated import EmulationError, arm64_python
from dev.package.interpreter import PYTHON
from dev.package.layer import LayerError, layer_files
from tests.corpus.test_corpus import ALL
from tests.fuzz.hostile import Hostile

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("arm64")]

KEPT = PROJECT / "build" / "arm64"
"""What was downloaded stays here."""
FUNCTIONS = ("transform", "compact")
LARGEST = 100_000  # bytes of a raw object; QEMU takes ten times as long
EVENTS = 2_000
MOST = 700
DIGESTS = Path(__file__).with_name("digests.py")


@pytest.fixture(scope="module")
def interpreter() -> list[str]:
    try:
        return arm64_python(KEPT)
    except EmulationError as error:
        pytest.skip(f"NOT EMULATED: {error}")


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        files = layer_files(LOCKS, "arm64")
    except LayerError as error:
        pytest.skip(f"NOT EMULATED: {error}")
    return unpacked(files, tmp_path_factory.mktemp("opt")) / "python"


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The files of both functions' zips."""
    try:
        kernels = kernel_files()
    except KernelBuildError as error:
        pytest.skip(f"NOT EMULATED: {error}")
    return {
        name: unpacked(
            function_files(name) | (kernels if name == "transform" else {}),
            tmp_path_factory.mktemp(name),
        )
        for name in FUNCTIONS
    }


def unpacked(files: dict[str, bytes], directory: Path) -> Path:
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return directory


def run(command: list[str]) -> dict[str, Any]:
    """What a script prints last, in a process with nothing but its arguments."""
    done = subprocess.run(  # noqa: S603 - an interpreter and scripts of ours
        command, capture_output=True, text=True, check=False, env={"PATH": os.defpath}
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_loads_and_works_on_arm64(
    name: str, interpreter: list[str], layer: Path, code: dict[str, Path]
) -> None:
    isolated = [*interpreter, "-I", "-S", "-B"]
    seen = run([*isolated, check.__file__, name, str(code[name]), str(layer)])
    assert seen["rows"] > 0


@pytest.fixture(scope="module")
def raws(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small objects of the corpus, and hostile events."""
    directory = tmp_path_factory.mktemp("raws")
    for number, case in enumerate(ALL.values()):
        made = case.make()
        if len(made) <= LARGEST:
            data = made if case.raw else gzip.compress(made, mtime=0)
            (directory / f"{number:04}.gz").write_bytes(data)
    hostile = Hostile(random.Random(11))  # noqa: S311 - no secret
    for name, text in (
        ("hostile", hostile.object(EVENTS)),
        ("usual", hostile.mostly_plain(EVENTS)),
    ):
        (directory / f"{name}.gz").write_bytes(gzip.compress(text, mtime=0))
    return directory


def test_arm64_writes_the_same_bytes(
    interpreter: list[str], layer: Path, code: dict[str, Path], raws: Path
) -> None:
    here = run([sys.executable, str(DIGESTS), str(raws)])
    paths = [str(code["transform"]), str(layer)]
    there = run([*interpreter, "-I", "-S", "-B", str(DIGESTS), str(raws), *paths])
    assert (there["machine"], there["python"].startswith(f"{PYTHON}.")) == ("aarch64", True)
    assert there["kernel"]
    assert there["pyarrow"] == here["pyarrow"]
    assert len(there["digests"]) > MOST
    assert there["digests"] == here["digests"]
