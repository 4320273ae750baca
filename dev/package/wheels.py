"""The sdist and a wheel for every platform, built from it on this machine and checked."""

import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import lief

from dev.kernel import CACHE, TARGET_VARIABLE, TARGETS, Target, compile_kernel

NATIVE: Final = "clickstream_lake/transform/rules/native"
# Format and architecture of a shared object, by the two ends of a wheel's platform tag.
_FORMATS: Final = {
    "manylinux": lief.Binary.FORMATS.ELF,
    "macosx": lief.Binary.FORMATS.MACHO,
    "win": lief.Binary.FORMATS.PE,
}
_ARCHITECTURES: Final = {
    **dict.fromkeys(("x86_64", "amd64"), lief.Header.ARCHITECTURES.X86_64),
    **dict.fromkeys(("aarch64", "arm64"), lief.Header.ARCHITECTURES.ARM64),
}


class WheelError(RuntimeError):
    """A distribution cannot be built or would not work; the message says why."""


def build_sdist(project: Path, out: Path) -> Path:
    """Build the source distribution."""
    return _built("sdist", project, out, target="none")


def build_wheel(sdist: Path, out: Path, *, target: str = "") -> Path:
    """Build a wheel from the sdist, which is all that others have.

    Args:
        sdist: the source distribution.
        out: where the wheel goes.
        target: platform tag of the kernel's; none for this machine's, `none` for no kernel.

    Raises:
        WheelError: it cannot be built.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(sdist) as archive:
            archive.extractall(directory, filter="data")
        (source,) = Path(directory).iterdir()
        (source / "build").symlink_to(CACHE.parent)  # the compiler's cache, as in the checkout
        return _built("wheel", source, out, target=target)


def build_all(project: Path, out: Path) -> list[Path]:
    """The sdist, and wheels from it for each platform and without a kernel, all checked.

    Raises:
        WheelError: one cannot be built, or is not what its name says.
    """
    sdist = build_sdist(project, out)
    made = [sdist, build_wheel(sdist, out, target="none")]
    for target in TARGETS.values():
        wheel = build_wheel(sdist, out, target=target.tag)
        check(wheel, target)
        made.append(wheel)
    return made


def check(wheel: Path, target: Target) -> None:
    """Check that a wheel's kernel is for its platform, and exports what all kernels export.

    Raises:
        WheelError: the message says what is wrong.
    """
    if not wheel.name.endswith(f"-py3-none-{target.tag}.whl"):
        raise WheelError(f"{wheel.name} is not tagged {target.tag}")
    with zipfile.ZipFile(wheel) as archive:
        kernels = [name for name in archive.namelist() if name.endswith(".so")]
        if kernels != [f"{NATIVE}/{target.file}"]:
            raise WheelError(f"{wheel.name} holds {kernels} instead of {target.file}")
        data = archive.read(kernels[0])
    seen = kind(data)
    system, _, machine = target.tag.partition("_")
    expected = (
        _FORMATS[system],
        next(value for end, value in _ARCHITECTURES.items() if machine.endswith(end)),
    )
    if seen != expected:
        raise WheelError(f"{wheel.name} holds a kernel for {seen}")
    # Linux's is what the tests load and run.
    known = exports(compile_kernel(TARGETS["Linux", "x86_64"]))
    if exports(data) != known:
        raise WheelError(f"{wheel.name}: its kernel differs in {exports(data) ^ known}")


def kind(data: bytes) -> tuple[lief.Binary.FORMATS, lief.Header.ARCHITECTURES]:
    """Format and architecture of a shared object."""
    library = _parsed(data)
    return library.format, library.abstract.header.architecture


def exports(data: bytes) -> set[str]:
    """The kernel's functions that a shared object lets others call."""
    # macOS puts an underscore before each, and exports two names of its own.
    names = {str(function.name).removeprefix("_") for function in _parsed(data).exported_functions}
    return {name for name in names if name.startswith("kernel_")}


def _parsed(data: bytes) -> lief.Binary:
    library = lief.parse(data)
    if not isinstance(library, lief.Binary):
        raise WheelError("no shared object of any platform")
    return library


def _built(what: str, source: Path, out: Path, *, target: str) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
            [sys.executable, "-m", "hatchling", "build", "-t", what, "-d", directory],
            check=False,
            capture_output=True,
            text=True,
            cwd=source,
            env={**os.environ, TARGET_VARIABLE: target},
        )
        if done.returncode != 0:
            raise WheelError(f"the {what} cannot be built:\n{done.stderr}")
        (made,) = Path(directory).iterdir()
        # Whole or not at all.
        return made.replace(out / made.name)
