"""The suite has teeth: each protection taken out of the real code is found by the simulation."""

import pytest

from tests.protocol.simulation.mutations import MUTATIONS
from tests.protocol.simulation.older import NEW_PLACE_ONLY, OLDER, TRUSTING
from tests.protocol.simulation.schedule import run_schedule

# A schedule that finds it moves with every call more or less: one in a hundred is likely to be
# among so many.
SEEDS = 1_000
# Seeds that found it when this was written: tried first, because that is quicker.
HINTS = {
    "no_announcement": 2,
    "no_copy_after_the_announcement": 1,
    "no_grace_for_young_generations": 18,
    "unmerged_landing_files_cleaned_up": 1,
    "partition_read_before_the_put": 33,
    "last_attempt_wins": 16,
    "replaced_sources_swapped_in": 152,
    "retried_by_another_catalog": 4,
    "recipes_forgotten": 1,
    "catalogs_not_kept": 4,
    "columns_over_older_files": 1,
    "columns_announced": 1,
    "columns_before_the_functions": 1,
    "registered_by_the_table": 1,
    "columns_not_followed": 1,
    "outdated_content_published": 162,
}
# Needs one in a hundred schedules or so; a unit test of the publisher finds it at once, too.
RARE = {"outdated_content_published"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.slow] if name in RARE else []) for name in MUTATIONS],
)
def test_the_simulation_finds_a_missing_protection(name: str) -> None:
    missing = MUTATIONS[name]
    parts = {missing.role: missing.parts}
    seeds = [HINTS.get(name, 0), *range(SEEDS)]
    found = any(
        run_schedule(seed, replaces=missing.replaces, parts=parts).findings.bad for seed in seeds
    )
    assert found, f"{SEEDS} schedules went well in spite of {name}: not needed, or not tested"


def test_an_older_version_that_did_not_fail_on_a_missing_manifest_would_be_found() -> None:
    assert any(run_schedule(seed, beside=TRUSTING).findings.bad for seed in range(SEEDS))


def test_a_version_that_did_not_read_older_manifests_would_be_found() -> None:
    parts = dict.fromkeys(("writer", "compactor", "clean-up"), NEW_PLACE_ONLY)
    found = (run_schedule(seed, parts=parts, beside=OLDER).findings for seed in range(SEEDS))
    assert any(findings.lost for findings in found)
