"""What importing the handler costs in a fresh process, and which module costs it."""

import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from dev.package.interpreter import PYTHON, find_interpreter

_IMPORT: Final = """
import os, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {int(sys.argv[1])})
wall, cpu = time.perf_counter(), time.process_time()
import clickstream_lake.transform.function
print(time.perf_counter() - wall, time.process_time() - cpu)
"""
_LINE: Final = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \| (\s*)(\S+)")
_SETTINGS: Final = {
    "LAKE_BUCKET": "bench",
    "LAKE_DATABASE": "bench",
    "POWERTOOLS_SERVICE_NAME": "transform",
    "POWERTOOLS_METRICS_NAMESPACE": "Clickstream",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_LAMBDA_FUNCTION_NAME": "bench",
}


@dataclass(frozen=True, slots=True)
class ColdStart:
    """Import of the handler, in milliseconds.

    Attributes:
        packaged: from the unpacked zips; False means from this checkout.
        by_package: what each top-level package takes itself, largest first.
    """

    wall: float
    cpu: float
    packaged: bool
    layer_bytes: int = 0
    by_package: dict[str, float] = field(default_factory=dict)


def cold_start(dist: Path, *, cpu: int, rounds: int = 7) -> ColdStart:
    """Import the handler in fresh processes, from `dist/` if the packages are built."""
    machine = "arm64" if os.uname().machine in {"arm64", "aarch64"} else "x86_64"
    layer, function = dist / f"layer-{machine}.zip", dist / "transform.zip"
    interpreter = find_interpreter()  # of the version that the layer is made for
    with TemporaryDirectory() as folder:
        packaged = layer.exists() and function.exists() and interpreter is not None
        python = interpreter if packaged and interpreter is not None else sys.executable
        if packaged:
            for archive in (layer, function):
                zipfile.ZipFile(archive).extractall(folder)
        paths = [folder, f"{folder}/python", f"{folder}/python/lib/python{PYTHON}/site-packages"]
        environment = {**os.environ, **_SETTINGS}
        if packaged:
            environment["PYTHONPATH"] = os.pathsep.join(paths)
        command = [python, *(["-S", "-P"] if packaged else [])]
        script = ["-c", _IMPORT, str(cpu)]
        _run([*command, *script], environment)  # writes the byte code
        times = [
            [float(n) * 1_000 for n in _run([*command, *script], environment)[0].split()]
            for _ in range(rounds)
        ]
        _, trace = _run([*command, "-X", "importtime", *script], environment)
    return ColdStart(
        wall=median(wall for wall, _ in times),
        cpu=median(seconds for _, seconds in times),
        packaged=packaged,
        layer_bytes=layer.stat().st_size if layer.exists() else 0,
        by_package=_by_package(trace),
    )


def _run(command: list[str], environment: dict[str, str]) -> tuple[str, str]:
    done = subprocess.run(  # noqa: S603 - an interpreter and our own code
        command,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


def _by_package(trace: str) -> dict[str, float]:
    """Milliseconds that the modules of each top-level package take themselves."""
    totals: dict[str, float] = {}
    for own, _, _, name in _LINE.findall(trace):
        package = name.split(".")[0]
        totals[package] = totals.get(package, 0.0) + int(own) / 1_000
    ranked = sorted(totals.items(), key=lambda item: -item[1])
    return {name: round(took, 1) for name, took in ranked[:12]}
