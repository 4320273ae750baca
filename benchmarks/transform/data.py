"""Seeded raw objects: generated once, kept in `.benchmarks/`, the same on every machine."""

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from clickstream_lake.generate.events import generate_events
from clickstream_lake.generate.sinks import write_gzip

SEED: Final = 20251126
START: Final = datetime(2025, 11, 26, tzinfo=UTC)
DATA: Final = Path(__file__).resolve().parents[2] / ".benchmarks" / "data"


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of input and output.

    Attributes:
        events: lines in the raw object.
        malformed: share of lines that are not publishable events.
        undeclared: every event has fields that the catalog does not know.
        gzip_json: the JSON output is gzip.
    """

    name: str
    events: int
    malformed: float = 0.0
    undeclared: bool = False
    gzip_json: bool = False

    def source(self) -> Path:
        """The raw object, generated if it does not exist yet."""
        kind = "undeclared" if self.undeclared else "clean"
        bad = f"-{self.malformed:.0%}bad" if self.malformed else ""
        path = DATA / f"{kind}{bad}-{self.events}.gz"
        if not path.exists():
            DATA.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            lines = generate_events(
                SEED, self.events, START, 1.0, self.malformed, undeclared=self.undeclared
            )
            write_gzip(part, lines)
            part.rename(path)
        return path


def firehose_events(megabytes: int = 64) -> int:
    """Events in a Firehose object of its largest buffer size, uncompressed."""
    return megabytes * 1024 * 1024 // 480


def scenarios(events: int) -> list[Scenario]:
    """What is measured: first the clean file, then shorter ones with faults or options."""
    fewer = max(events // 4, 1)
    return [
        Scenario("clean", events),
        Scenario("1 % malformed", fewer, malformed=0.01),
        Scenario("gzip JSON", fewer, gzip_json=True),
        Scenario("undeclared fields", fewer, undeclared=True),
        Scenario("Firehose object", firehose_events()),
    ]


def fresh_folder(path: Path) -> Path:
    """An empty folder at a path."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path
