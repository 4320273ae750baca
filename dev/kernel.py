"""The transform's kernel, compiled from C: for a wheel, for this machine in place, for Lambda.

Building a wheel runs this file by its path, without the project installed, so it imports nothing
of it. `CLICKSTREAM_KERNEL_TARGET` chooses the wheel's platform by its tag; `none` builds a wheel
for any machine, without a kernel.

The compiler is a locked wheel with the headers of every target, so that any machine can compile for
all, and one version gives the same bytes everywhere.
"""

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROJECT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = PROJECT / "src/clickstream_lake/transform/rules/native"
TARGET_VARIABLE: Final = "CLICKSTREAM_KERNEL_TARGET"
COMPILER: Final = (sys.executable, "-m", "ziglang", "cc")

# The compiler also keeps its C library: 5 s for a target's first kernel, 0.1 s for the same one
# again. It locks what it writes, so processes may share it.
CACHE: Final = PROJECT / "build/zig"


@dataclass(frozen=True, slots=True)
class Target:
    """What the kernel is compiled for.

    Attributes:
        file: the shared object's name, by which the transform finds it.
        flags: the compiler's.
        tag: platform tag of the wheel that holds it.
    """

    file: str
    flags: tuple[str, ...]
    tag: str


# By system and machine, as `platform` names them. glibc 2.17 is what the oldest wheels of the
# libraries ask for. The CPUs: every x86_64 one since 2009, every 64-bit Arm one. A library for
# macOS names itself, by its path unless told otherwise.
TARGETS: Final = {
    ("Linux", "x86_64"): Target(
        "kernel-linux-x86_64.so",
        ("-target", "x86_64-linux-gnu.2.17", "-mcpu=x86_64_v2"),
        "manylinux_2_17_x86_64",
    ),
    ("Linux", "aarch64"): Target(
        "kernel-linux-aarch64.so",
        ("-target", "aarch64-linux-gnu.2.17"),
        "manylinux_2_17_aarch64",
    ),
    ("Darwin", "x86_64"): Target(
        "kernel-darwin-x86_64.so",
        ("-target", "x86_64-macos.11.0", "-mcpu=x86_64_v2", "-Wl,-install_name,kernel"),
        "macosx_11_0_x86_64",
    ),
    ("Darwin", "arm64"): Target(
        "kernel-darwin-aarch64.so",
        ("-target", "aarch64-macos.11.0", "-Wl,-install_name,kernel"),
        "macosx_11_0_arm64",
    ),
    ("Windows", "AMD64"): Target(
        "kernel-windows-x86_64.so",
        ("-target", "x86_64-windows-gnu", "-mcpu=x86_64_v2"),
        "win_amd64",
    ),
    ("Windows", "ARM64"): Target(
        "kernel-windows-aarch64.so",
        ("-target", "aarch64-windows-gnu"),
        "win_arm64",
    ),
}

# What the code of the kernel depends on.
CODE_FLAGS: Final = (
    *("-std=c11", "-O3", "-fPIC", "-fvisibility=hidden"),
    *("-Wall", "-Wextra", "-Werror"),
    # The same numbers on each architecture: one has multiply-and-add as one operation, which rounds
    # once, the other does not.
    "-ffp-contract=off",
    # No symbols for debuggers, which hold paths; no traps, which this compiler likes to add.
    *("-g0", "-fno-sanitize=undefined"),
)
_FLAGS: Final = (*CODE_FLAGS, "-shared", "-s")


class KernelBuildError(RuntimeError):
    """The kernel cannot be compiled; the message says what to do."""


class NoCompilerError(KernelBuildError):
    """There is no compiler on this machine."""


def compile_kernel(
    target: Target,
    *,
    sources: Path | None = None,
    cache: Path = CACHE,
    compiler: Sequence[str] = COMPILER,
) -> bytes:
    """Compile the kernel for one target.

    Args:
        target: what to compile for.
        sources: directory of `kernel.c` and what it includes.
        cache: directory that the compiler writes to.
        compiler: command that takes a C compiler's arguments.

    Returns:
        The shared object: the same bytes for the same sources, wherever they are.

    Raises:
        NoCompilerError: there is no compiler.
        KernelBuildError: an error in the sources.
    """
    caches = {f"ZIG_{kind}_CACHE_DIR": str(cache.resolve()) for kind in ("GLOBAL", "LOCAL")}
    with tempfile.TemporaryDirectory() as directory:
        made = Path(directory) / "kernel.so"
        command = [*compiler, *target.flags, *_FLAGS, "kernel.c", "-o", str(made)]
        try:
            done = subprocess.run(  # noqa: S603 - the compiler and its arguments are ours
                command,
                check=False,
                capture_output=True,
                text=True,
                # The sources go by their bare names, so that messages and bytes hold no path.
                cwd=sources or SOURCES,
                # A compiler obeys variables that would change the bytes: it gets only these.
                env={"PATH": os.defpath, "TMPDIR": directory, **caches},
            )
        except OSError as error:
            raise NoCompilerError(f"no C compiler: {error}. Run `make setup`") from None
        if "No module named ziglang" in done.stderr:
            raise NoCompilerError("no C compiler: ziglang is not installed. Run `make setup`")
        if done.returncode != 0 or not made.exists():
            raise KernelBuildError(f"{target.file} cannot be compiled:\n{done.stderr}")
        return made.read_bytes()


def this_machine() -> Target | None:
    """This machine's target; None where the kernel is not known to work."""
    # Linux's other C library, which wheels of these tags do not fit, does not report its name.
    if platform.system() == "Linux" and platform.libc_ver()[0] != "glibc":
        return None
    return TARGETS.get((platform.system(), platform.machine()))


def wanted_target(tag: str) -> Target | None:
    """The target of a wheel's platform tag: this machine's if the tag is empty, None for `none`.

    Raises:
        KernelBuildError: no target has that tag.
    """
    if not tag:
        return this_machine()
    targets = {target.tag: target for target in TARGETS.values()}
    if tag != "none" and tag not in targets:
        raise KernelBuildError(f"{TARGET_VARIABLE} is none of: {', '.join([*targets, 'none'])}")
    return targets.get(tag)


def compile_in_place(target: Target | None = None) -> Path:
    """Compile the kernel, for this machine by default, to where the transform loads it from.

    Raises:
        KernelBuildError: it cannot be compiled, or there is no target for this machine.
    """
    target = target or this_machine()
    if target is None:
        raise KernelBuildError(
            f"the kernel cannot be compiled for {platform.system()} on {platform.machine()}: "
            "there the transform works line by line"
        )
    path = SOURCES / target.file
    # Whole or not at all; a process that has loaded the old one keeps it.
    partial = path.with_name(f".{os.getpid()}-{path.name}")
    partial.write_bytes(compile_kernel(target))
    partial.replace(path)
    return path


class KernelBuildHook(BuildHookInterface[Any]):
    """Puts the kernel into wheels, and compiles it in place for an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the kernel for the wheel's platform.

        Raises:
            KernelBuildError: an error in the sources, or there is no such target.
        """
        target = wanted_target(os.environ.get(TARGET_VARIABLE, ""))
        if self.target_name != "wheel" or target is None:
            return
        try:
            if version == "editable":
                compile_in_place()
                return
            kernel = compile_kernel(target)
        except NoCompilerError as error:
            self.app.display_warning(f"{error}; without its kernel the transform is slower")
            return
        self._made = tempfile.TemporaryDirectory()
        path = Path(self._made.name) / target.file
        path.write_bytes(kernel)
        path.chmod(0o644)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{target.tag}"
        inside = (SOURCES / target.file).relative_to(PROJECT / "src").as_posix()
        build_data["force_include"][str(path)] = inside

    def finalize(
        self,
        version: str,  # noqa: ARG002 - hatchling's interface
        build_data: dict[str, Any],  # noqa: ARG002 - the same
        artifact_path: str,  # noqa: ARG002 - the same
    ) -> None:
        """Remove what was compiled: the wheel has it."""
        if hasattr(self, "_made"):
            self._made.cleanup()


if __name__ == "__main__":
    print(f"compiled {compile_in_place().relative_to(PROJECT)}")
