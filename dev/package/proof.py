"""Proof that the packages work: a fresh interpreter with nothing but the unpacked zips."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from dev.package.interpreter import PYTHON, find_interpreter
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
        What was seen, by function; or a text that says why it cannot be tried here.

    Raises:
        ProofError: it was tried and failed.
    """
    interpreter = find_interpreter()
    if interpreter is None:
        return f"there is no Python {PYTHON} on this machine"
    return {name: _check(interpreter, name, layer, code) for name, code in functions.items()}


def this_architecture() -> str | None:
    """This machine's architecture by Lambda's names; None if it is not Linux."""
    return _MACHINES.get(platform.machine()) if sys.platform == "linux" else None


def _check(interpreter: str, name: str, layer: Path, code: Path) -> Any:  # noqa: ANN401 - JSON
    with tempfile.TemporaryDirectory() as directory:
        task, opt = Path(directory) / "task", Path(directory) / "opt"
        unpack(code, task)
        unpack(layer, opt)
        # Isolated: no site-packages, no environment, no working directory on the path.
        done = subprocess.run(  # noqa: S603 - the interpreter and its arguments are ours
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
