"""What every benchmark writes: one JSON format, from which its report is made."""

import json
import os
import platform
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import msgspec

M = TypeVar("M")

_LIBRARIES: Final = ("chdb", "duckdb", "isal", "msgspec", "numpy", "pandas", "polars", "pyarrow")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an optional one
    return found


def _machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        names = (line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        model = next(names, model)
    return {"cpu": model, "cpus": os.cpu_count(), "load": round(os.getloadavg()[1], 1)}


def repeated(arguments: Sequence[str]) -> str:
    """The command that repeats a run; where its files were kept is nobody else's matter."""
    kept = [
        argument
        for before, argument in zip(("", *arguments), arguments, strict=False)
        if before != "--workdir" and not argument.startswith("--workdir")
    ]
    return shlex.join(["python", "-m", "benchmarks", *kept])


@dataclass(frozen=True, slots=True)
class Results(Generic[M]):
    """One run of one benchmark.

    Attributes:
        benchmark: its name.
        settings: what was asked for.
        measurements: one record each.
        facts: what else was found out, by name.
    """

    benchmark: str
    settings: dict[str, Any]
    measurements: list[M]
    facts: dict[str, Any] = field(default_factory=dict)
    command: str = field(default_factory=lambda: repeated(sys.argv[1:]))
    date: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())
    machine: dict[str, Any] = field(default_factory=_machine)
    versions: dict[str, str] = field(default_factory=_versions)

    def text(self) -> str:
        """As JSON, with a line for each field and each measurement."""
        lines = []
        for name, value in msgspec.to_builtins(self).items():
            items = isinstance(value, list) and ",\n  ".join(map(json.dumps, value))
            lines.append(f' "{name}": ' + (f"[\n  {items}\n ]" if items else json.dumps(value)))
        return "{\n" + ",\n".join(lines) + "\n}\n"
