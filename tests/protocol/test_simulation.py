"""Random schedules of the real code over failing services: nothing lost, doubled or hidden.

Every schedule interleaves two writers, a compactor, the clean-up and a reader call by call, with
a simulated clock; calls fail, lose their answers, are repeated, or are the last of their process.
A schedule is its seed: `run_schedule(seed)` replays it exactly.
"""

import os

import pytest

from tests.protocol.simulation.older import OLDER
from tests.protocol.simulation.schedule import Figures, run_schedule
from tests.protocol.simulation.world import Parts

# Schedules of a block. More of them at length: CLICKSTREAM_SCHEDULES=250 runs 3,000.
BLOCK = int(os.environ.get("CLICKSTREAM_SCHEDULES", "100"))


def run_all(seeds: range, **options: int | bool | Parts) -> Figures:
    total = Figures()
    for seed in seeds:
        figures = run_schedule(seed, **options)  # type: ignore[arg-type]  # passed through
        assert figures.findings.bad == 0, (
            f"run_schedule({seed}, **{options}) found:\n  "
            + "\n  ".join(figures.findings.details[:10])
        )
        total.add(figures)
    return total


def tell(capsys: pytest.CaptureFixture[str], figures: Figures) -> None:
    with capsys.disabled():
        print(f"\n{figures}")  # noqa: T201 - the figures are what such a run is for


def test_nothing_goes_wrong_in_random_schedules(capsys: pytest.CaptureFixture[str]) -> None:
    tell(capsys, run_all(range(30)))


def test_nothing_is_lost_or_doubled_by_two_racing_compactors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(capsys, run_all(range(10), compactors=2))


def test_nothing_is_lost_unreported_when_raw_objects_are_replaced(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(capsys, run_all(range(10), replaces=True))


def test_nothing_goes_wrong_while_an_older_version_works_beside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(capsys, run_all(range(15), beside=OLDER))


def test_a_list_of_files_holds_every_row_once_whatever_happens_meanwhile(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(capsys, run_all(range(15), by_files=True))


@pytest.mark.slow
def test_nothing_goes_wrong_in_more_schedules_of_each_kind(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tell(capsys, run_all(range(30, 100)))
    tell(capsys, run_all(range(10, 25), compactors=2))
    tell(capsys, run_all(range(10, 25), replaces=True))
    tell(capsys, run_all(range(15, 50), beside=OLDER))
    tell(capsys, run_all(range(15, 40), by_files=True))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_nothing_goes_wrong_in_hundreds_of_schedules(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(capsys, run_all(range(1000 + block * 250, 1000 + block * 250 + BLOCK)))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(2))
def test_nothing_is_lost_or_doubled_in_hundreds_of_races_of_compactors(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = range(1000 + block * 250, 1000 + block * 250 + BLOCK)
    tell(capsys, run_all(seeds, compactors=2))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(2))
def test_nothing_is_lost_unreported_in_hundreds_of_replacements(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = range(1000 + block * 250, 1000 + block * 250 + BLOCK)
    tell(capsys, run_all(seeds, replaces=True))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_nothing_goes_wrong_in_hundreds_of_deployments(
    block: int, capsys: pytest.CaptureFixture[str]
) -> None:
    seeds = range(1000 + block * 250, 1000 + block * 250 + BLOCK)
    tell(capsys, run_all(seeds, beside=OLDER))
    tell(capsys, run_all(seeds, beside=OLDER, compactors=2))


@pytest.mark.parametrize("seed", [3, 8, 21])
def test_a_seed_replays_exactly(seed: int) -> None:
    assert run_schedule(seed) == run_schedule(seed)
