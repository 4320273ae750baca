"""The modules that commands and handlers import: each one more is start-up for everybody."""

import gzip
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from dev.kernel import PROJECT

LISTS: Final = Path(__file__).parent / "imports"
_COMMAND: Final = "runpy.run_module('clickstream_lake', run_name='__main__', alter_sys=True)"
_HANDLER: Final = "runpy.run_path(sys.argv[1])"
# Name of the list -> what Python runs, and its arguments. `{}` is a directory with a raw object.
STARTS: Final[dict[str, tuple[str, ...]]] = {
    "help": (_COMMAND, "--help"),
    "transform": (_COMMAND, "transform", "{}/raw.gz", "--out", "{}/lake"),
    "transform-handler": (_HANDLER, f"{PROJECT}/functions/transform/handler.py"),
    "compact-handler": (_HANDLER, f"{PROJECT}/functions/compact/handler.py"),
}
_PROGRAM: Final = """
import atexit, os, runpy, sys
atexit.register(lambda: open(os.environ["MODULES"], "w").write("\\n".join(sys.modules)))
"""
_SETTINGS: Final = {
    "AWS_DEFAULT_REGION": "eu-central-1",
    "LAKE_BUCKET": "guard",
    "LAKE_DATABASE": "guard",
}


def imported(name: str) -> list[str]:
    """What one start imports, sorted: our own modules, and the packages of others.

    The standard library's are left out, and so is what any Python here starts with.

    Raises:
        subprocess.CalledProcessError: the start failed; `stderr` says why.
    """
    program, *arguments = STARTS[name]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "raw.gz").write_bytes(gzip.compress(b'{"event_id":"e1"}\nx\n'))
        filled = [argument.format(directory) for argument in arguments]
        found = _modules(program, filled, Path(directory)) - _modules("", [], Path(directory))
    ours = {module for module in found if module.partition(".")[0] == "clickstream_lake"}
    packages = {module.partition(".")[0] for module in found - ours} - sys.stdlib_module_names
    # urllib3 asks for a package in this one, which development tools bring another part of.
    packages.discard("backports")
    # Those with an underscore are named after the platform, or after the version of a generator.
    return sorted(ours | {package for package in packages if not package.startswith("_")})


def _modules(program: str, arguments: list[str], directory: Path) -> set[str]:
    listed = directory / "modules"
    subprocess.run(  # noqa: S603  # our own code
        [sys.executable, "-c", _PROGRAM + program, *arguments],
        check=True,
        capture_output=True,
        text=True,
        cwd=directory,
        env={**os.environ, **_SETTINGS, "MODULES": str(listed)},
    )
    return set(listed.read_text(encoding="utf-8").split())


def moved(name: str, found: list[str]) -> list[str]:
    """What one start imports beside its committed list, or no longer, in words."""
    known = (LISTS / f"{name}.txt").read_text(encoding="utf-8").split()
    return [
        *(f"{name} now imports {module}" for module in found if module not in known),
        *(f"{name} no longer imports {module}" for module in known if module not in found),
    ]
