"""A whole soak with its reckoning, as every test of this package runs one."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.soak.decisions import keep_or_compare
from tests.soak.reader import Reader
from tests.soak.reckoning import complaints
from tests.soak.report import report
from tests.soak.soak import Ran, Say, Scale, Soak

SECONDS: Final = "CLICKSTREAM_SOAK_SECONDS"
_SEED: Final = "CLICKSTREAM_SOAK_SEED"
_JOURNAL: Final = "CLICKSTREAM_SOAK_JOURNAL"
_SHOWN: Final = 40


def run(
    scale: Scale,
    folder: Path,
    say: Say,
    command: str,
    *,
    reader: Callable[..., Reader] = Reader,
    port: int = 0,
    logs: Callable[[], str] = str,
) -> Ran:
    """Run a soak to its end; fails if a promise was broken.

    Args:
        scale: how large.
        folder: for logs and the functions' temporary files.
        say: takes lines of progress.
        command: replays it, behind the seed.
        reader: called as `Reader` is.
        port: of the sandbox; 0 takes a free one.
        logs: what was logged besides, in which nothing may be that is to be scrubbed.
    """
    seed = int(os.environ.get(_SEED, "20251126"))
    again = f"replay with: {_SEED}={seed} {command}"
    say(again)
    soak = Soak(seed, scale, folder, say, port)
    with soak.sandbox:
        ran = soak.run(reader)
        say(report(ran))
        found = list(complaints(ran, soak.canary, logs()))
    if path := os.environ.get(_JOURNAL):
        say(keep_or_compare(ran.decisions.journal(), Path(path)))
    shown = "\n".join(found[:_SHOWN])
    assert not found, f"{len(found)} promises broken; {again}\n{shown}"
    return ran
