"""CPython for arm64, of the version that Lambda runs, on a machine of another architecture.

QEMU runs its instructions, and the system calls are this machine's. Everything comes through
package managers and is kept for the next time: QEMU and the C library from Debian, unless they are
installed, and CPython as a Go module that embeds one built for any Linux.
"""

import gzip
import json
import shutil
import subprocess
from pathlib import Path
from typing import Final

_QEMU: Final = ("qemu-aarch64-static", "qemu-aarch64")
_ROOT: Final = "usr/aarch64-linux-gnu"
# What wheels find on Amazon Linux, too; its glibc is 2.34.
_PACKAGES: Final = (
    "qemu-user-static",
    "libc6-arm64-cross",
    "libstdc++6-arm64-cross",
    "libgcc-s1-arm64-cross",
)
_MODULE: Final = "github.com/kluctl/go-embed-python"
_VERSION: Final = "v0.0.0-3.13.1-20241219-1"
_SUM: Final = "h1:x1cSEj4Ug5mpuZgUHLvUmlc5r//KHFn6iYiRSrRcVy4="
_EMBEDDED: Final = "python/internal/data/linux-arm64"


class EmulationError(RuntimeError):
    """There is no arm64 Python to be had here; the message says what is missing."""


def arm64_python(kept: Path) -> list[str]:
    """The command that starts an arm64 Python.

    Args:
        kept: a directory for what is downloaded, which a later call finds there.

    Raises:
        EmulationError: a part cannot be had.
    """
    python = kept / "python/bin/python3.13"
    if not python.exists():
        _unpack_python(kept / "python")
    qemu = next(filter(None, map(shutil.which, _QEMU)), None)
    root = Path("/", _ROOT)
    if qemu is None or not (root / "lib/libstdc++.so.6").exists():
        debian = kept / "debian"
        if not debian.exists():
            _unpack_debian(debian)
        qemu, root = str(debian / "usr/bin" / _QEMU[0]), debian / _ROOT
    return [qemu, "-L", str(root), str(python)]


def _unpack_python(target: Path) -> None:
    answer = _run("go", "mod", "download", "-json", f"{_MODULE}@{_VERSION}")
    found = json.loads(answer)
    if found["Sum"] != _SUM:
        raise EmulationError(f"{_MODULE} has the sum {found['Sum']}, not {_SUM}")
    partial = target.with_name(f"{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    base = Path(found["Dir"]) / _EMBEDDED
    for packed in base.rglob("*"):
        if packed.is_file():
            file, data = partial / packed.relative_to(base), packed.read_bytes()
            if file.suffix == ".gz":
                file, data = file.with_suffix(""), gzip.decompress(data)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
    (partial / "bin/python3.13").chmod(0o755)
    partial.rename(target)


def _unpack_debian(target: Path) -> None:
    downloads, partial = target.with_name("downloads"), target.with_name(f"{target.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    downloads.mkdir(parents=True, exist_ok=True)
    _run("apt-get", "download", *_PACKAGES, cwd=downloads)
    for name in _PACKAGES:
        (package,) = downloads.glob(f"{name}_*.deb")
        _run("dpkg-deb", "-x", str(package), str(partial))
    partial.rename(target)


def _run(*command: str, cwd: Path | None = None) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - package managers, with arguments of ours
            command, check=True, capture_output=True, text=True, cwd=cwd
        )
    except FileNotFoundError:
        raise EmulationError(f"there is no {command[0]} here") from None
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines()
        raise EmulationError(f"{' '.join(command[:3])} failed: {''.join(said[-1:])}") from error
    return done.stdout
