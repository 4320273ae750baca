import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from clickstream_lake.transform.rules.native import library
from dev import kernel
from dev.kernel import TARGETS, KernelBuildError, Target, compile_in_place, compile_kernel
from dev.package import elf

LINUX = {"x86_64": elf.MACHINES["x86_64"], "aarch64": elf.MACHINES["arm64"]}
THIS = kernel.this_machine()
_EXPORTED = re.compile(r"^EXPORTED [^;{]*?\b((?:kernel|router)_\w+)\(", re.MULTILINE)


def copy_of_sources(directory: Path) -> Path:
    shutil.copytree(kernel.SOURCES, directory, ignore=shutil.ignore_patterns("*.so", "*.py"))
    return directory


def test_setup_compiled_this_machines_kernel_from_the_sources_as_they_are() -> None:
    assert library.path().read_bytes() == compile_kernel(THIS)


def test_what_the_loader_asks_for_is_what_the_sources_export() -> None:
    exported = {name for path in kernel.SOURCES.glob("*.[ch]") for name in found(path)}
    assert exported == set(library._FUNCTIONS)


def found(path: Path) -> list[str]:
    return _EXPORTED.findall(path.read_text(encoding="utf-8"))


def test_there_is_one_for_each_system_and_machine_that_the_project_runs_on() -> None:
    assert {library.file_name(*machine): target.file for machine, target in TARGETS.items()} == {
        target.file: target.file for target in TARGETS.values()
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", LINUX)
def test_a_shared_object_is_of_its_architecture_and_needs_the_c_library_alone(name: str) -> None:
    data = compile_kernel(TARGETS["Linux", name])
    assert elf.machine(data) == LINUX[name]
    assert elf.needed(data) == ["libc.so.6"]
    assert str(kernel.PROJECT).encode() not in data
    asked = re.findall(rb"GLIBC_2\.(\d+)", data)
    assert asked
    assert max(map(int, asked)) <= 17


@pytest.mark.slow
@pytest.mark.parametrize(
    "target",
    [
        # The compiler first builds Windows' C library, for two minutes each.
        pytest.param(target, marks=[pytest.mark.nightly] if system == "Windows" else [])
        for (system, _), target in TARGETS.items()
    ],
    ids=lambda target: target.file,
)
def test_the_same_sources_give_the_same_bytes_wherever_they_are(
    target: Target, tmp_path: Path
) -> None:
    elsewhere = copy_of_sources(tmp_path / "another" / "checkout")
    # A cache of its own, so that it is compiled again.
    again = compile_kernel(target, sources=elsewhere, cache=tmp_path / "cache")
    assert again == compile_kernel(target)


@pytest.mark.slow
@pytest.mark.parametrize("name", LINUX)
def test_a_shared_object_exports_what_the_loader_asks_for_and_nothing_else(
    name: str, tmp_path: Path
) -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed")
    path = tmp_path / name
    path.write_bytes(compile_kernel(TARGETS["Linux", name]))
    said = subprocess.run(  # noqa: S603 - the machine's own tool
        [nm, "-D", "--defined-only", path], check=True, capture_output=True, text=True
    ).stdout
    assert {line.split()[-1] for line in said.splitlines()} == set(library._FUNCTIONS)


def test_it_is_put_in_place_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy_of_sources(tmp_path / "native")
    monkeypatch.setattr(kernel, "SOURCES", tmp_path / "native")
    place = tmp_path / "native" / THIS.file
    place.write_bytes(b"cut off")
    assert compile_in_place() == place
    assert ctypes.CDLL(str(place))["kernel_count_lines"] is not None
    assert [*place.parent.glob("*.so")] == [place]


def test_a_machine_that_there_is_no_kernel_for_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.system", lambda: "Plan9")
    with pytest.raises(KernelBuildError, match="cannot be compiled for Plan9"):
        compile_in_place()


def test_another_c_library_than_glibc_gets_no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.libc_ver", lambda: ("", ""))
    assert kernel.this_machine() is None


def test_a_wheels_target_is_chosen_by_its_tag() -> None:
    assert kernel.wanted_target("") == THIS
    assert kernel.wanted_target("none") is None
    assert kernel.wanted_target("macosx_11_0_arm64") == TARGETS["Darwin", "arm64"]
    with pytest.raises(KernelBuildError, match="CLICKSTREAM_KERNEL_TARGET is none of: manylinux"):
        kernel.wanted_target("amiga")


@pytest.mark.parametrize(
    "compiler", [(sys.executable, "-S", "-m", "ziglang", "cc"), ("no-such-compiler",)]
)
def test_without_a_compiler_the_error_says_how_to_get_one(
    compiler: tuple[str, ...], tmp_path: Path
) -> None:
    with pytest.raises(KernelBuildError, match=r"no C compiler.*`make setup`"):
        compile_kernel(THIS, compiler=compiler, cache=tmp_path)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("int kernel_new(void) { return }", r"kernel\.c:1:\d+: error: expected expression"),
        ("int kernel_new(int unused) { return 0; }", "unused parameter"),
    ],
)
def test_an_error_in_the_sources_is_shown_and_a_warning_is_one(
    line: str, complaint: str, tmp_path: Path
) -> None:
    (tmp_path / "kernel.c").write_text(line + "\n")
    with pytest.raises(KernelBuildError, match=complaint):
        compile_kernel(THIS, sources=tmp_path)


@pytest.mark.slow
def test_variables_that_compilers_heed_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stdlib.h").write_text("#error this machine's own header\n")
    monkeypatch.setenv("CPATH", str(tmp_path))
    assert compile_kernel(THIS, cache=tmp_path / "cache") == compile_kernel(THIS)
