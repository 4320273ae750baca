"""What `python -m benchmarks.guard --write` committed, held against this tree."""

import json
import platform
import shutil

import pytest

from benchmarks.guard import imports, kernel

pytestmark = [pytest.mark.guard, pytest.mark.slow]
HINT = "if that is meant: python -m benchmarks.guard --write"
VALGRIND = shutil.which("valgrind")
counted = pytest.mark.skipif(
    VALGRIND is None or platform.machine() != "x86_64",
    reason="NOT COUNTED: the kernel's instructions need valgrind on x86_64",
)


@counted
def test_the_kernel_takes_the_instructions_it_took() -> None:
    assert VALGRIND is not None
    assert kernel.moved(kernel.count_all(VALGRIND)) == [], HINT


def test_rules_of_nine_columns_cost_an_event_a_seventh_at_most() -> None:
    known = json.loads(kernel.FIGURES.read_text())
    assert known["instructions with rules"] <= 1.15 * known["instructions"]


@counted
def test_a_slower_kernel_is_noticed() -> None:
    assert VALGRIND is not None
    moved = kernel.moved(kernel.count(VALGRIND, "-O0"))
    assert any(line.startswith("the kernel's instructions: ") for line in moved)


@pytest.mark.parametrize("name", imports.STARTS)
def test_a_start_imports_what_it_did(name: str) -> None:
    assert imports.moved(name, imports.imported(name)) == [], HINT


def test_a_module_more_or_less_is_noticed() -> None:
    known = (imports.LISTS / "help.txt").read_text().split()
    assert imports.moved("help", [*known[1:], "zz"]) == [
        "help now imports zz",
        f"help no longer imports {known[0]}",
    ]


@pytest.mark.parametrize("percent", [-2, -0.5, 0.5, 2])
def test_one_percent_is_the_tolerance(percent: float) -> None:
    known = json.loads(kernel.FIGURES.read_text())
    found = {**known, "instructions": round(known["instructions"] * (1 + percent / 100))}
    assert bool(kernel.moved(found)) is (abs(percent) > 1)
