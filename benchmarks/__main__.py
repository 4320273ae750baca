"""`python -m benchmarks [transform|compaction|scan] [options]`; without a name, all of them."""

import sys
from typing import Final

from benchmarks.compaction import command as compaction
from benchmarks.scan import cli as scan
from benchmarks.transform import command as transform

COMMANDS = {"transform": transform.main, "compaction": compaction.main, "scan": scan.main}


USAGE: Final = """usage: python -m benchmarks [--full]
       python -m benchmarks {transform,compaction,scan} [--help | options]

Without a name all three are run with a tenth of their events, in about five minutes; the reports
go to .benchmarks/short. --full runs them with their defaults, as published in benchmarks/results
and docs/bytes-scanned.md: three quarters of an hour on two quiet CPUs."""
_SHORT_OUT: Final = ".benchmarks/short"
_SHORT: Final = {
    "transform": ["--events", "100000", "--rounds", "3", "--out", _SHORT_OUT],
    "compaction": ["--files", "200", "--out", _SHORT_OUT],
    "scan": ["--events", "100000", "--days", "3", "--out", _SHORT_OUT],
}


def main(arguments: list[str]) -> int:
    """Run one benchmark, or all of them."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    if arguments not in ([], ["--full"]):
        print(USAGE)
        return 0 if arguments[0] in {"-h", "--help"} else 2
    return max(run([] if arguments else _SHORT[name]) for name, run in COMMANDS.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
