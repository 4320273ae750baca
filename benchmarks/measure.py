"""One measurement: a function in a fresh process on one CPU, its seconds and its peak memory."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Final

Work = Callable[[], dict[str, Any] | None]

# One thread each, so that wall seconds are comparable and CPU seconds mean work.
_ONE_THREAD: Final = {
    "POLARS_MAX_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "ARROW_IO_THREADS": "1",
    "PYTHONHASHSEED": "0",
}


class MeasurementError(Exception):
    """The measured process failed; the message is its last line of output."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one fresh process took.

    Attributes:
        cpu: CPU seconds, user and system, of the work alone, without imports and interpreter.
        wall: seconds of the same.
        startup: CPU seconds of interpreter and imports before it.
        rss: peak resident memory of the whole process, bytes.
        answer: what the function returned.
    """

    cpu: float
    wall: float
    startup: float
    rss: int
    answer: dict[str, Any] = field(default_factory=dict)


def measure(function: str, arguments: dict[str, Any], *, cpu: int) -> Measurement:
    """Run what `package.module:function(**arguments)` prepares, in a fresh process on one CPU.

    The function imports what it needs and returns the work; arguments and the work's answer, a
    dict, travel as JSON.

    Raises:
        MeasurementError: the process failed.
    """
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "benchmarks.measure", str(cpu), function, json.dumps(arguments)],
        env={**os.environ, **_ONE_THREAD},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        raise MeasurementError(last[:300])
    return Measurement(**json.loads(done.stdout.splitlines()[-1]))


def peak_rss() -> int:
    """Peak resident bytes of this process since it was started, without its parent's."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):  # not on Linux
        import resource  # and not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _child(cpu: int, function: str, arguments: dict[str, Any]) -> Measurement:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cpu})
    module, name = function.split(":")
    run = getattr(import_module(module), name)
    prepared: Work = run(**arguments)
    startup = time.process_time()
    wall = time.perf_counter()
    answer = prepared()
    return Measurement(
        cpu=time.process_time() - startup,
        wall=time.perf_counter() - wall,
        startup=startup,
        rss=peak_rss(),
        answer=answer or {},
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_child(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))))
