"""`python -m benchmarks [transform|compaction|scan] [options]`; without a name, all of them."""

import sys

from benchmarks.compaction import command as compaction
from benchmarks.scan import cli as scan
from benchmarks.transform import command as transform

COMMANDS = {"transform": transform.main, "compaction": compaction.main, "scan": scan.main}


def main(arguments: list[str]) -> int:
    """Run one benchmark, or all with their defaults."""
    if arguments and arguments[0] in COMMANDS:
        return COMMANDS[arguments[0]](arguments[1:])
    if arguments:
        print(f"usage: python -m benchmarks [{'|'.join(COMMANDS)}] [--help]")
        return 0 if arguments[0] in {"-h", "--help"} else 2
    return max(run([]) for run in COMMANDS.values())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
