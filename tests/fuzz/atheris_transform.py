"""Coverage-guided fuzzing of the transform; for local runs.

    pip install atheris
    python -m tests.fuzz.atheris_transform .fuzz-corpus/

The folder keeps what was found to reach new code. Without one, runs start from the cases of the
corpus. See docs/reliability.md.
"""

import sys
from pathlib import Path

from tests.corpus.cases import CASES
from tests.corpus.lake_files import CATALOG, check, run
from tests.fuzz.oracle import expect

_LARGEST_SEED = 4_096


def one_input(data: bytes) -> None:
    """Transform one text and hold it against the oracle, unless it forges the canary."""
    limits = CASES["no events"].limits
    if b"c4n4ry" not in data.lower():
        check(run(data), expect(data, CATALOG, limits))


def write_seeds(folder: Path) -> None:
    """Start from the corpus."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, case in enumerate(CASES.values()):
        data = case.make()
        if not case.raw and len(data) <= _LARGEST_SEED:
            (folder / f"case-{number}").write_bytes(data.replace(b"c4n4ry", b"nobody"))


def main() -> None:
    """Fuzz until stopped or broken."""
    # Optional: it has no wheels for every platform.
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415

    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".fuzz-corpus")
    write_seeds(folder)
    atheris.instrument_all()
    atheris.Setup([sys.argv[0], *(sys.argv[1:] or [str(folder)])], one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
