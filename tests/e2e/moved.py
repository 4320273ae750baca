"""Both functions with a clock that a test moves, and an overlay that each invocation looks at."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.lake.aws import clients, partitions
from clickstream_lake.sandbox.runtime.function import Function
from clickstream_lake.transform.function import TransformFunction

CLOCK: Final = "CLICKSTREAM_TEST_CLOCK"
"""Variable with the path of the file that says the time."""


def moved_entry_point(function: Function) -> str:
    """What a function of the lake runs."""
    return f"{__name__}.Moved{function.name.rpartition('-')[2].title()}"


def read_clock(file: Path) -> datetime:
    return datetime.fromtimestamp(float(file.read_text()), UTC)


class MovedCompact(CompactFunction):
    def __init__(self, environ: Mapping[str, str]) -> None:
        look_at_each_invocation()
        clock = Path(os.environ[CLOCK])
        super().__init__(environ, now=lambda: read_clock(clock))


class MovedTransform(TransformFunction):
    def __init__(self, environ: Mapping[str, str]) -> None:
        look_at_each_invocation()
        super().__init__(environ)


def look_at_each_invocation() -> None:
    """The minutes for which a warm function may not know of a column are over at once."""
    vars(clients)["OVERLAY_SECONDS"] = 0.0
    vars(partitions)["_TABLE_TTL_SECONDS"] = 0.0
