"""The locks in `requirements/`: each package pinned, each of its files by hash, no index named."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from dev.package.layer import PYTHON

# The oldest Python that the project takes: a universal lock holds for all newer ones, too.
_OLDEST: Final = "3.11"


class LockError(RuntimeError):
    """The requirements cannot be resolved; the message says why."""


def lock(project: Path) -> list[Path]:
    """Resolve pyproject.toml anew into requirements/layer.txt and requirements/dev.txt.

    dev.txt takes layer.txt's versions, so that tests run on what ships. checkov.txt
    locks the tool that checks Terraform.

    Raises:
        LockError: uv is not installed, or there is no solution.
    """
    directory = project / "requirements"
    layer, dev = directory / "layer.txt", directory / "dev.txt"
    _compile(project, layer, f"--python-version={PYTHON}", "--upgrade")
    arguments = ("--extra=dev", f"--constraint={layer.relative_to(project)}", "--upgrade")
    _compile(project, dev, f"--python-version={_OLDEST}", *arguments)
    # In an environment of its own: it pins versions of what the project uses, too.
    checkov = directory / "checkov.txt"
    oldest = f"--python-version={_OLDEST}"
    _compile(project, checkov, oldest, "--upgrade", source=directory / "checkov.in")
    return [layer, dev, checkov]


def _compile(project: Path, target: Path, *arguments: str, source: Path | None = None) -> None:
    # uv beside this interpreter first: the project's own.
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is None:
        raise LockError("uv is not installed: run `make setup`")
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--no-emit-index-url", "--no-emit-find-links", "--no-annotate"]
    command += ["--custom-compile-command=make lock", *arguments]
    command += [str((source or project / "pyproject.toml").relative_to(project))]
    command += [f"--output-file={target}"]
    done = subprocess.run(  # noqa: S603  # the program and its arguments are ours
        command, check=False, capture_output=True, text=True, cwd=project
    )
    if done.returncode != 0:
        raise LockError(f"{target.name} cannot be resolved:\n{done.stderr}")
