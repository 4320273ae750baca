"""The transform's kernel, compiled from C: for this machine in place, and for Lambda in a zip.

The compiler comes as a locked wheel and brings the headers of every target, so that any machine
compiles for all, and a version of it gives the same bytes everywhere.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from functions.packaging import elf
from functions.transform.native import library

PROJECT: Final = Path(__file__).resolve().parents[2]
SOURCES: Final = PROJECT / "functions/transform/native"
COMPILER: Final = (sys.executable, "-m", "ziglang", "cc")

# The compiler keeps what it made of the C library, too: 5 s for a target's first kernel, 0.1 s for
# the same one again. It locks what it writes: processes may share it.
CACHE: Final = PROJECT / "build/zig"

# The name of a shared object, and what it is compiled for. glibc 2.17 is what the layer's oldest
# wheels ask for. The CPUs: every x86_64 one since 2009, every 64-bit Arm one. A library for macOS
# names itself, by its path where it is not told otherwise.
TARGETS: Final = {
    library.file_name("Linux", "x86_64"): ("-target", "x86_64-linux-gnu.2.17", "-mcpu=x86_64_v2"),
    library.file_name("Linux", "aarch64"): ("-target", "aarch64-linux-gnu.2.17"),
    library.file_name("Darwin", "x86_64"): (
        *("-target", "x86_64-macos.11.0", "-mcpu=x86_64_v2"),
        "-Wl,-install_name,kernel",
    ),
    library.file_name("Darwin", "arm64"): (
        *("-target", "aarch64-macos.11.0"),
        "-Wl,-install_name,kernel",
    ),
}
# By Lambda's names.
_LAMBDA: Final = {
    "arm64": library.file_name("Linux", "aarch64"),
    "x86_64": library.file_name("Linux", "x86_64"),
}

_FLAGS: Final = (
    *("-std=c11", "-O3", "-shared", "-fPIC", "-fvisibility=hidden"),
    *("-Wall", "-Wextra", "-Werror"),
    # The same numbers on each architecture: one has multiply-and-add as one operation, which rounds
    # once, the other has not.
    "-ffp-contract=off",
    # No symbols for debuggers, which hold paths; no traps, which this compiler likes to add.
    *("-g0", "-s", "-fno-sanitize=undefined"),
)


class KernelBuildError(RuntimeError):
    """The kernel cannot be compiled; the message says what to do."""


def compile_kernel(
    name: str,
    *,
    sources: Path = SOURCES,
    cache: Path = CACHE,
    compiler: Sequence[str] = COMPILER,
) -> bytes:
    """Compile the kernel for one target.

    Args:
        name: the shared object's, one of `TARGETS`.
        sources: directory of `kernel.c` and what it includes.
        cache: directory that the compiler writes to.
        compiler: command that takes a C compiler's arguments.

    Returns:
        The shared object: the same bytes for the same sources, wherever they are.

    Raises:
        KernelBuildError: there is no such target, no compiler, or an error in the sources.
    """
    if name not in TARGETS:
        raise KernelBuildError(f"{name} is for no known target; there are {', '.join(TARGETS)}")
    caches = {f"ZIG_{kind}_CACHE_DIR": str(cache.resolve()) for kind in ("GLOBAL", "LOCAL")}
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory) / "kernel.so"
        command = [*compiler, *TARGETS[name], *_FLAGS, "kernel.c", "-o", str(target)]
        try:
            done = subprocess.run(  # noqa: S603  # the compiler and its arguments are ours
                command,
                check=False,
                capture_output=True,
                text=True,
                # The sources go by their bare names, so that messages and bytes hold no path.
                cwd=sources,
                # A compiler heeds variables that would change the bytes: it gets no other.
                env={"PATH": os.defpath, "TMPDIR": directory, **caches},
            )
        except OSError as error:
            raise KernelBuildError(f"no C compiler: {error}. Run `make setup`") from None
        if "No module named ziglang" in done.stderr:
            raise KernelBuildError("no C compiler: ziglang is not installed. Run `make setup`")
        if done.returncode != 0 or not target.exists():
            raise KernelBuildError(f"{name} cannot be compiled:\n{done.stderr}")
        return target.read_bytes()


def compile_in_place() -> Path:
    """Compile the kernel for this machine, to where the transform loads it from.

    Raises:
        KernelBuildError: it cannot be compiled, or there is no target for this machine.
    """
    path = library.path()
    if path.name not in TARGETS:
        raise KernelBuildError(
            f"the kernel cannot be compiled for {platform.system()} on {platform.machine()}: "
            "Linux and macOS on x86_64 or arm64 can run the transform"
        )
    data = compile_kernel(path.name)
    # Whole or not at all; and a process that has the old one loaded keeps it.
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    partial.write_bytes(data)
    partial.replace(path)
    return path


def lambda_files() -> dict[str, bytes]:
    """For the transform's zip, which is the same for each architecture: the kernel of them all.

    Raises:
        KernelBuildError: it cannot be compiled.
    """
    files = {}
    for architecture, name in _LAMBDA.items():
        data = compile_kernel(name)
        if elf.machine(data) != elf.MACHINES[architecture]:
            raise KernelBuildError(f"{name} is not built for {architecture}")
        files[(SOURCES / name).relative_to(PROJECT).as_posix()] = data
    return files
