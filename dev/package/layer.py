"""The dependency layer: locked wheels of one architecture, less what functions never load."""

import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from dev.package import elf
from dev.package.interpreter import PYTHON, find_uv

# Amazon Linux 2023, which python3.13 runs on, has glibc 2.34: it takes wheels for 2.28 and older.
_PLATFORMS: Final = {"arm64": "aarch64-manylinux_2_28", "x86_64": "x86_64-manylinux_2_28"}
ARCHITECTURES: Final = tuple(_PLATFORMS)

# Services whose clients the functions make; botocore describes some 400 others.
_BOTO_SERVICES: Final = "glue|s3|sqs|sts"

_PRUNED: Final = re.compile(
    "|".join(
        (
            # For people who build against pyarrow, and its own tests.
            r"^pyarrow/(include|includes|src|tests)/",
            r"^pyarrow/.*\.(pxd|pyx|pxi|h|hpp|cc)$",
            r"^pyarrow/_pyarrow_cpp_tests\.",
            # File systems, formats and transports that the functions do not use: all object
            # storage goes through boto3. libarrow_substrait stays: libarrow_python is linked to it.
            r"^pyarrow/(lib)?(arrow_python_flight|arrow_flight|arrow_s3|arrow_python_parquet_encryption)\.",
            r"^pyarrow/_?(flight|s3fs|gcsfs|azurefs|hdfs|orc|dataset_orc|substrait|feather|cuda)\.",
            r"^pyarrow/_?(parquet_encryption|dataset_parquet_encryption)\.",
            r"^pyarrow/(conftest|benchmark|jvm|cffi)\.py$",
            # A wheel holds no symbolic links, so each library comes under all of its names; the
            # loader asks for the one with the major version.
            r"^pyarrow/libarrow\w*\.so$",
            r"^pyarrow/libarrow\w*\.so\.\d+\.\d+.*$",
            rf"^botocore/data/(?!({_BOTO_SERVICES})/)[^/]+/",
            r"^boto3/(data|examples)/",
            r"^aws_lambda_powertools/event_handler/",
            # What the installer leaves, and scripts.
            r"(^|/)__pycache__/",
            r"\.(pyc|pyi)$",
            r"(^|/)py\.typed$",
            r"\.dist-info/(RECORD|INSTALLER|REQUESTED|WHEEL|direct_url\.json|top_level\.txt|entry_points\.txt)$",
            r"\.dist-info/sboms/",
            r"^bin/",
            r"^\.lock$",
        )
    )
)


class LayerError(RuntimeError):
    """The layer cannot be built or would not work; the message says why."""


def layer_files(requirements: Iterable[Path], architecture: str) -> dict[str, bytes]:
    """The layer's files: path in the zip -> content.

    Args:
        requirements: the functions' locks, with a hash for each wheel; the layer holds them all.
        architecture: `arm64` or `x86_64`, by Lambda's names.

    Raises:
        LayerError: a wheel cannot be had, or a shared object is missing or of the wrong kind.
    """
    with tempfile.TemporaryDirectory() as directory:
        target = Path(directory)
        _install(requirements, architecture, target)
        found = {
            path.relative_to(target).as_posix(): path.read_bytes()
            for path in target.rglob("*")
            if path.is_file()
        }
    kept = {
        name: elf.strip(data) if elf.is_elf(data) else data
        for name, data in found.items()
        if not _PRUNED.search(name)
    }
    _check_shared_objects(found, kept, architecture)
    return {f"python/{name}": data for name, data in kept.items()}


def _install(requirements: Iterable[Path], architecture: str, target: Path) -> None:
    """Unpack the locked wheels."""
    uv = find_uv()
    if uv is None:
        raise LayerError("uv is not installed: run `make setup`")
    command = [uv, "pip", "install", "--quiet", f"--target={target}"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += [f"--python-version={PYTHON}", f"--python-platform={_PLATFORMS[architecture]}"]
    command += [f"--requirement={path}" for path in requirements]
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        command, check=False, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise LayerError(f"uv could not get the {architecture} wheels:\n{done.stderr}")


def _check_shared_objects(
    found: Mapping[str, bytes], kept: Mapping[str, bytes], architecture: str
) -> None:
    """Check that each object has this architecture, and finds every object of its wheel."""
    brought = {name.rsplit("/", 1)[-1] for name in found}
    shipped = {name.rsplit("/", 1)[-1] for name in kept}
    for name, data in kept.items():
        if not elf.is_elf(data):
            continue
        if elf.machine(data) != elf.MACHINES[architecture]:
            raise LayerError(f"{name} is not built for {architecture}")
        for library in elf.needed(data):
            if library in brought and library not in shipped:
                raise LayerError(f"{name} is linked to {library}, which is pruned away")
