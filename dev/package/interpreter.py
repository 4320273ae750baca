"""What makes and tries packages: uv, and a Python of the version that Lambda runs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

PYTHON: Final = "3.13"


def find_uv() -> str | None:
    """The project's own uv, which `make` put beside this interpreter, or the machine's."""
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def find_interpreter(version: str = PYTHON) -> str | None:
    """A Python of that version on this machine; None if there is none, or no uv to look for it."""
    uv = find_uv()
    if uv is None:
        return None
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        [uv, "python", "find", "--system", "--no-python-downloads", version],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": os.pathsep.join([*_kept_by_managers(), os.environ["PATH"]])},
    )
    return done.stdout.strip() or None


def _kept_by_managers() -> list[str]:
    """Where version managers keep interpreters.

    What they put on the PATH may be commands that only say which version to choose.
    """
    home = Path.home()
    homes = (
        Path(os.environ.get("PYENV_ROOT", home / ".pyenv")) / "versions",
        home / ".asdf/installs/python",
    )
    return [str(path) for versions in homes for path in sorted(versions.glob("*/bin"))]
