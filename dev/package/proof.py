"""Proof that the packages work: a fresh interpreter with nothing but the unpacked zips."""

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from dev.package.layer import PYTHON
from dev.package.zips import unpack

_CHECK: Final = Path(__file__).with_name("check.py")
_MACHINES: Final = {"x86_64": "x86_64", "AMD64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


class ProofError(RuntimeError):
    """The packages do not work; the message holds what the interpreter said."""


def prove(layer: Path, functions: dict[str, Path]) -> dict[str, Any] | str:
    """Import each function from its zip and the layer's, and put rows through it.

    Args:
        layer: the layer's zip, of this machine's architecture.
        functions: name of each function and its zip.

    Returns:
        What was seen, by function; or, as text, why it cannot be tried here.

    Raises:
        ProofError: it was tried and failed.
    """
    interpreter = find_interpreter()
    if interpreter is None:
        return f"there is no Python {PYTHON} on this machine"
    return {name: _check(interpreter, name, layer, code) for name, code in functions.items()}


def this_architecture() -> str | None:
    """This machine's architecture by Lambda's names; None where it is not Linux."""
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" else None


def find_interpreter() -> str | None:
    """A Python of the runtime's version that works on this machine."""
    for candidate in _candidates():
        # Version managers put commands on the PATH that only say which version to choose.
        try:
            said = subprocess.run(  # noqa: S603  # a Python interpreter, asked for its version
                [candidate, "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                check=False,
                capture_output=True,
                text=True,
            ).stdout.strip()
        except OSError:
            continue
        if said == PYTHON:
            return candidate
    return None


def _candidates() -> Iterator[str]:
    yield sys.executable
    found = shutil.which(f"python{PYTHON}")
    if found:
        yield found
    home = Path.home()
    homes = (
        Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions",
        home / ".local/share/uv/python",
        home / ".asdf/installs/python",
    )
    for versions in homes:
        for path in sorted(versions.glob(f"*{PYTHON}*/bin/python{PYTHON}"), reverse=True):
            yield str(path)


def _check(interpreter: str, name: str, layer: Path, code: Path) -> Any:  # noqa: ANN401  # JSON
    with tempfile.TemporaryDirectory() as directory:
        task, opt = Path(directory) / "task", Path(directory) / "opt"
        unpack(code, task)
        unpack(layer, opt)
        # Isolated: no site-packages, no environment, no working directory on the path.
        done = subprocess.run(  # noqa: S603  # the interpreter and its arguments are ours
            [interpreter, "-I", "-S", "-B", str(_CHECK), name, str(task), str(opt / "python")],
            check=False,
            capture_output=True,
            text=True,
            cwd=directory,
            env={"PATH": os.defpath},
        )
    if done.returncode != 0:
        raise ProofError(f"the {name} package does not work:\n{done.stderr}{done.stdout}")
    return json.loads(done.stdout.splitlines()[-1])
