import tarfile
import zipfile
from pathlib import Path

import lief
import pytest

from dev.kernel import TARGETS, Target, compile_kernel
from dev.package import wheels
from dev.package.command import PROJECT
from dev.package.wheels import NATIVE, WheelError

LINUX = TARGETS["Linux", "x86_64"]


def wheel(directory: Path, target: Target, kernel: bytes) -> Path:
    path = directory / f"clickstream_lake-1-py3-none-{target.tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{NATIVE}/{target.file}", kernel)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS.values(), ids=lambda target: target.tag)
def test_a_wheel_holds_its_platforms_kernel(target: Target, tmp_path: Path) -> None:
    kernel = compile_kernel(target)
    wheels.check(wheel(tmp_path, target, kernel), target)
    assert len(wheels.exports(kernel)) > 10


def test_another_platforms_kernel_is_refused(tmp_path: Path) -> None:
    made = wheel(tmp_path, TARGETS["Linux", "aarch64"], compile_kernel(LINUX))
    with pytest.raises(WheelError, match="holds a kernel for"):
        wheels.check(made, TARGETS["Linux", "aarch64"])


def test_a_kernel_that_lacks_a_function_is_refused(tmp_path: Path) -> None:
    kernel = compile_kernel(LINUX).replace(b"kernel_count_lines", b"kernel_count_linez")
    with pytest.raises(WheelError, match="kernel_count_line"):
        wheels.check(wheel(tmp_path, LINUX, kernel), LINUX)


def test_a_wheel_without_its_kernel_is_refused(tmp_path: Path) -> None:
    path = tmp_path / f"clickstream_lake-1-py3-none-{LINUX.tag}.whl"
    zipfile.ZipFile(path, "w").close()
    with pytest.raises(WheelError, match="instead of kernel-linux"):
        wheels.check(path, LINUX)


def test_what_is_no_shared_object_is_refused() -> None:
    lief.logging.disable()
    with pytest.raises(WheelError, match="no shared object"):
        wheels.exports(b"#!/bin/sh")


def test_the_sdist_has_what_the_wheel_is_built_from_and_nothing_else(tmp_path: Path) -> None:
    with tarfile.open(wheels.build_sdist(PROJECT, tmp_path)) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "dev/kernel.py", "PKG-INFO"} <= names
    assert {f"src/{NATIVE}/kernel.c", "src/clickstream_lake/py.typed"} <= names
    inside = {name.split("/", 1)[0] for name in names}
    assert inside == {
        "src",
        "dev",
        "pyproject.toml",
        "LICENSE",
        "README.md",
        "PKG-INFO",
        ".gitignore",
    }
    assert [name for name in names if name.startswith("dev/")] == ["dev/kernel.py"]
    assert not [name for name in names if name.endswith(".so")]


def test_the_wheel_has_the_package_and_its_licence_and_nothing_else(tmp_path: Path) -> None:
    made = wheels.build_wheel(wheels.build_sdist(PROJECT, tmp_path), tmp_path, target="none")
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
        (metadata,) = (archive.read(name) for name in names if name.endswith("/METADATA"))
    assert made.name.endswith("-py3-none-any.whl")
    assert {name.split("/")[0].split("-")[0] for name in names} == {"clickstream_lake"}
    assert {"clickstream_lake/py.typed", "clickstream_lake/catalogs/clickstream.json"} <= names
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert {Path(name).suffix for name in names if "dist-info" not in name} <= {
        *(".py", ".json", ".sql", ".tsv", ".typed")
    }
    needed = [line for line in metadata.splitlines() if line.startswith(b"Requires-Dist: numpy")]
    assert all(b"extra == 'sandbox'" in line for line in needed), needed
