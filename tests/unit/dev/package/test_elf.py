import ctypes
import importlib.machinery
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import _speedups

from dev.package import elf
from dev.package.proof import this_architecture

pytestmark = pytest.mark.skipif(this_architecture() is None, reason="reads this Linux's own files")


@pytest.fixture
def shared_object() -> bytes:
    return Path(_speedups.__file__).read_bytes()


def test_the_machine_is_this_ones(shared_object: bytes) -> None:
    assert elf.machine(shared_object) == elf.MACHINES[this_architecture() or ""]


def test_the_libraries_are_those_that_the_loader_asks_for(shared_object: bytes) -> None:
    assert any(name.startswith("libc.so") for name in elf.needed(shared_object))


def test_a_stripped_object_is_smaller_and_still_loads(shared_object: bytes, tmp_path: Path) -> None:
    stripped = elf.strip(shared_object)
    name = "_speedups" + importlib.machinery.EXTENSION_SUFFIXES[0]
    (tmp_path / name).write_bytes(stripped)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import _speedups as s; "
    code += "print(s._escape_inner('a<b'), s.__file__)"
    said = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-I", "-S", "-c", code], check=True, capture_output=True, text=True
    ).stdout
    assert len(stripped) < len(shared_object)
    assert said.split() == ["a&lt;b", str(tmp_path / name)]


def test_stripping_twice_changes_nothing_more(shared_object: bytes) -> None:
    assert elf.strip(elf.strip(shared_object)) == elf.strip(shared_object)


def test_a_stripped_object_still_names_its_libraries(shared_object: bytes) -> None:
    assert elf.needed(elf.strip(shared_object)) == elf.needed(shared_object)


@pytest.mark.parametrize("data", [b"", b"\x7fELF\x01\x01", b"#!/bin/sh\n"])
def test_what_is_no_64_bit_object_is_refused(data: bytes) -> None:
    with pytest.raises(elf.ElfError, match="not a 64-bit"):
        elf.needed(data)


def test_readelf_agrees(shared_object: bytes, tmp_path: Path) -> None:
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf is not installed")
    path = tmp_path / "object.so"
    path.write_bytes(shared_object)
    said = subprocess.run(  # noqa: S603 - the machine's own tool
        [readelf, "-d", path], check=True, capture_output=True, text=True
    ).stdout
    expected = [line.split("[")[1].rstrip("]") for line in said.splitlines() if "(NEEDED)" in line]
    assert elf.needed(shared_object) == expected


def test_the_loader_takes_a_stripped_library(shared_object: bytes, tmp_path: Path) -> None:
    path = tmp_path / "library.so"
    path.write_bytes(elf.strip(shared_object))
    assert ctypes.CDLL(str(path))._name == str(path)
