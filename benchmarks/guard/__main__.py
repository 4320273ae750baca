"""`python -m benchmarks.guard [--write]`: say what moved, or accept it."""

import argparse
import json
import shutil
import sys

from benchmarks.guard import imports, kernel


def main() -> int:
    """Compare with the committed figures and lists, or write them; 1 if something moved."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.guard", description=__doc__)
    parser.add_argument("--write", action="store_true", help="rewrite the figures and lists")
    write = parser.parse_args().write
    moved = []
    for name in imports.STARTS:
        found = imports.imported(name)
        if write:
            imports.LISTS.mkdir(exist_ok=True)
            (imports.LISTS / f"{name}.txt").write_text("\n".join([*found, ""]), encoding="utf-8")
        moved += imports.moved(name, found)
    if valgrind := shutil.which("valgrind"):
        figures = kernel.count_all(valgrind)
        if write:
            kernel.FIGURES.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        moved += kernel.moved(figures)
    else:
        print("NOT COUNTED: the kernel's instructions, for valgrind is not installed")
    print("\n".join(moved) or "nothing has moved")
    return int(bool(moved))


if __name__ == "__main__":
    sys.exit(main())
