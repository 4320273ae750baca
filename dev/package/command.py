"""Build what Terraform deploys: `python -m dev.package`.

Writes to `dist/`: one zip per function and one layer of their dependencies per architecture. The
same inputs give the same bytes, so that Terraform redeploys only what changed. If a Python of
the runtime's version is found, it tries the packages and adds bytecode for faster cold starts.
`--wheels` builds the Python package for every platform instead, and `--lock` the locks that all of
it is built from.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

from dev.kernel import SOURCES, TARGETS, KernelBuildError, compile_kernel
from dev.package import elf
from dev.package.bytecode import BytecodeError, with_bytecode
from dev.package.interpreter import PYTHON, find_interpreter
from dev.package.layer import ARCHITECTURES, LayerError, layer_files
from dev.package.lock import LockError, lock
from dev.package.proof import ProofError, prove, this_architecture
from dev.package.wheels import WheelError, build_all
from dev.package.zips import unpacked_size, write_zip

PROJECT: Final = Path(__file__).resolve().parents[2]
FUNCTIONS: Final = ("transform", "compact")
LOCKS: Final = tuple(PROJECT / "functions" / name / "requirements.txt" for name in FUNCTIONS)

# Lambda's quota for a function with its layers, unpacked.
UNPACKED_LIMIT: Final = 250 * 1024 * 1024
_MIB: Final = 1024 * 1024


class PackageError(RuntimeError):
    """A package cannot be deployed; the message says why."""


_ERRORS: Final = (
    BytecodeError,
    KernelBuildError,
    LayerError,
    LockError,
    PackageError,
    ProofError,
    WheelError,
)


# By Lambda's names.
_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_PACKAGE: Final = "clickstream_lake"


def function_files(name: str) -> dict[str, bytes]:
    """The files of one function's zip: its handler, its own package, the lake's, the catalogs.

    Without anything compiled.
    """
    source = PROJECT / "src"
    files = {"handler.py": PROJECT / "functions" / name / "handler.py"}
    files[f"{_PACKAGE}/__init__.py"] = source / _PACKAGE / "__init__.py"
    for package in ("lake", "catalogs", name):
        for path in (source / _PACKAGE / package).rglob("*"):
            if path.suffix in {".py", ".json"} and path.is_file():
                files[path.relative_to(source).as_posix()] = path
    return {target: path.read_bytes() for target, path in files.items()}


def kernel_files() -> dict[str, bytes]:
    """The kernels of all architectures for the transform's zip, which is the same for each.

    Raises:
        KernelBuildError: it cannot be compiled.
    """
    files = {}
    for architecture, machine in _MACHINES.items():
        target = TARGETS["Linux", machine]
        data = compile_kernel(target)
        if elf.machine(data) != elf.MACHINES[architecture]:
            raise KernelBuildError(f"{target.file} is not built for {architecture}")
        files[(SOURCES / target.file).relative_to(PROJECT / "src").as_posix()] = data
    return files


def build(out: Path, architectures: Sequence[str], say: Callable[[str], None]) -> None:
    """Build all zips and check their sizes; prove those that this machine can run.

    Raises:
        BytecodeError: a module could not be compiled.
        KernelBuildError: the transform's kernel could not be compiled.
        LayerError: a layer could not be built.
        PackageError: a function with its layer is over Lambda's limit.
        ProofError: a package does not work.
    """
    interpreter = find_interpreter()
    if interpreter is None:
        say(
            f"there is no Python {PYTHON} here: no bytecode, so cold starts take half a second more"
        )
    functions = {}
    for name in FUNCTIONS:
        functions[name] = out / f"{name}.zip"
        compiled = kernel_files() if name == "transform" else {}
        files = with_bytecode(function_files(name), interpreter, "/var/task")
        write_zip(functions[name], files | compiled)
        say(_sizes(functions[name]))
    for architecture in architectures:
        layer = out / f"layer-{architecture}.zip"
        files = with_bytecode(layer_files(LOCKS, architecture), interpreter, "/opt")
        write_zip(layer, files)
        say(_sizes(layer))
        _check_limit(layer, functions.values())
        if architecture != this_architecture():
            say(
                f"  not tried: this machine does not run {architecture}; its shared objects are "
                "of that architecture and find each other"
            )
            continue
        seen = prove(layer, functions)
        if isinstance(seen, str):
            say(f"  not tried: {seen}")
        else:
            for name, facts in seen.items():
                say(f"  {name} works: {facts}")


def _sizes(path: Path) -> str:
    packed, unpacked = path.stat().st_size / _MIB, unpacked_size(path) / _MIB
    return f"{path.name:<18} {packed:6.1f} MiB zipped {unpacked:7.1f} MiB unpacked"


def _check_limit(layer: Path, functions: Iterable[Path]) -> None:
    sizes = [unpacked_size(path) for path in functions]
    total = unpacked_size(layer) + max(sizes)
    if total > UNPACKED_LIMIT:
        raise PackageError(
            f"{layer.name} and the largest function take {total / _MIB:.0f} MiB unpacked; Lambda "
            f"allows {UNPACKED_LIMIT / _MIB:.0f}"
        )


def _say(line: str) -> None:
    print(line, flush=True)  # a command reports


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the packages; 0 if they can be deployed."""
    parser = argparse.ArgumentParser(
        prog="python -m dev.package",
        description=__doc__,
        epilog="example: python -m dev.package --architecture arm64",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=PROJECT / "dist", help="default: dist")
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        action="append",
        help="build this layer only (may be repeated); default: all",
    )
    parser.add_argument(
        "--lock", action="store_true", help="resolve every lock again and build nothing"
    )
    parser.add_argument(
        "--wheels",
        action="store_true",
        help="build the sdist and a wheel for every platform, and nothing else",
    )
    options = parser.parse_args(arguments)
    try:
        if options.lock:
            _say("\n".join(f"locked {path}" for path in lock(PROJECT)))
        elif options.wheels:
            for path in build_all(PROJECT, options.out / "python"):
                _say(f"{path.name:<62} {path.stat().st_size / 1024:7.0f} KiB")
        else:
            build(options.out, options.architecture or ARCHITECTURES, _say)
    except _ERRORS as error:
        print(f"package: {error}", file=sys.stderr)  # a command reports
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
