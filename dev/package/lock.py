"""The locks: each package pinned, each of its files by hash, no index named."""

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from dev.package.interpreter import PYTHON, find_uv

# The oldest Python that the project takes: a universal lock also holds for all newer ones.
_OLDEST: Final = "3.11"


@dataclass(frozen=True, slots=True)
class Lock:
    """One lock.

    Attributes:
        path: where it is in the project.
        groups: dependency groups of pyproject.toml that it holds.
        package: whether it also holds what the package and its sandbox need.
        python: the oldest version of Python that it is for.
        beside: an earlier lock whose versions it takes.
    """

    path: str
    groups: tuple[str, ...]
    package: bool = False
    python: str = _OLDEST
    beside: str | None = None


_TRANSFORM: Final = "functions/transform/requirements.txt"
_TEST: Final = "dev/locks/test.txt"
LOCKS: Final = (
    Lock(_TRANSFORM, ("lambda",), python=PYTHON),
    Lock("functions/compact/requirements.txt", ("lambda",), python=PYTHON, beside=_TRANSFORM),
    # Tests run on what ships; `make demo` sets up a part of what `make test` does.
    Lock(_TEST, ("dev",), package=True, beside=_TRANSFORM),
    Lock("dev/locks/demo.txt", (), package=True, beside=_TEST),
    Lock("dev/locks/build.txt", ("build",), beside=_TEST),
    Lock("dev/locks/uv.txt", ("uv",), beside=_TEST),
    Lock("dev/locks/docs.txt", ("docs",), beside=_TEST),
    # In an environment of its own: it also pins versions of what the project uses.
    Lock("dev/locks/checkov.txt", ("checkov",)),
)


class LockError(RuntimeError):
    """The requirements cannot be resolved; the message says why."""


def lock(project: Path) -> list[Path]:
    """Resolve pyproject.toml again into every lock.

    Raises:
        LockError: uv is not installed, or there is no solution.
    """
    uv = find_uv()
    if uv is None:
        raise LockError("uv is not installed: run `make setup`")
    for wanted in LOCKS:
        _compile(uv, project, wanted)
    return [project / wanted.path for wanted in LOCKS]


def _compile(uv: str, project: Path, wanted: Lock) -> None:
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--upgrade"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--custom-compile-command=make lock", f"--python-version={wanted.python}"]
    command += [f"--output-file={wanted.path}"]
    command += [f"--group={group}" for group in wanted.groups]
    if wanted.package:
        command += ["pyproject.toml", "--extra=sandbox"]
    if wanted.beside:
        command.append(f"--constraint={wanted.beside}")
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        command, check=False, capture_output=True, text=True, cwd=project
    )
    if done.returncode != 0:
        raise LockError(f"{wanted.path} cannot be resolved:\n{done.stderr}")
