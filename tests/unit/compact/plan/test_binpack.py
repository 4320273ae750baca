from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.compact.plan.binpack import NEAR_TARGET, File, Plan, pack, plan

TARGET = 100


def landing(*sizes: int) -> list[File]:
    return [File(f"l{at:04}", size) for at, size in enumerate(sizes)]


def merged(*sizes: int) -> list[File]:
    return [File(f"m{at:04}", size, merged=True) for at, size in enumerate(sizes)]


def sizes(result: Plan) -> tuple[list[int], list[list[int]]]:
    return [file.size for file in result.carried], [[f.size for f in b] for b in result.bins]


def test_nothing_to_do_is_an_empty_plan() -> None:
    assert plan([], target_bytes=TARGET) == Plan((), ())


def test_small_landing_files_share_a_bin_in_name_order() -> None:
    files = landing(10, 20, 30)
    assert sizes(plan(reversed(files), target_bytes=TARGET)) == ([], [[10, 20, 30]])


def test_bins_end_at_the_target() -> None:
    assert sizes(plan(landing(60, 40, 60, 40), target_bytes=TARGET)) == ([], [[60, 40], [60, 40]])


def test_a_later_file_leaves_the_room_in_an_earlier_bin_to_its_neighbours() -> None:
    assert sizes(plan(landing(70, 60, 30), target_bytes=TARGET)) == ([], [[70], [60, 30]])


def test_files_stand_in_the_order_of_the_times_in_their_names() -> None:
    names = [
        "merged-20251126T020500Z-0a1b2c3d-000-00000.parquet",
        "merged-20251126T020500Z-0a1b2c3d-000-00001.parquet",
        "web-events-1-2025-11-26-02-30-00-6c1f-0123456789ab.parquet",
        "app-events-2-2025-11-26-03-00-00-77aa-0123456789ab.parquet",
        "web-events-1-2025-11-26-03-00-00-6c1f-0123456789ab.parquet",
        "merged-20251126T030500Z-0a1b2c3d-000-00000.parquet",
        "a-producer-without-a-clock-0123456789ab.parquet",
    ]
    files = [File(name, 1, merged=name.startswith("merged")) for name in names]
    (group,) = plan(reversed(files), target_bytes=TARGET).bins
    assert [file.name for file in group] == names


def test_merged_files_near_the_target_are_carried() -> None:
    files = merged(75, 74, 300) + landing(5)
    assert sizes(plan(files, target_bytes=TARGET)) == ([75, 300], [[5, 74]])


def test_a_lone_small_merged_file_is_carried_because_rewriting_it_gains_nothing() -> None:
    assert sizes(plan(merged(10), target_bytes=TARGET)) == ([10], [])


def test_a_lone_landing_file_is_merged_because_its_rows_are_not_clustered_yet() -> None:
    assert sizes(plan(landing(10), target_bytes=TARGET)) == ([], [[10]])


def test_a_stale_file_is_rewritten_however_big() -> None:
    stale = File("m", 300, merged=True, stale=True)
    assert sizes(plan([stale], target_bytes=TARGET)) == ([], [[300]])


def test_a_file_above_the_target_has_a_bin_of_its_own() -> None:
    assert sizes(plan(landing(10, 250, 20), target_bytes=TARGET)) == ([], [[10], [250], [20]])


def test_the_plan_counts_what_it_merges() -> None:
    result = plan(landing(60, 60) + merged(90), target_bytes=TARGET)
    assert result.files_merged == 2


@pytest.mark.parametrize("target", [0, -1])
def test_a_target_that_is_no_size_is_refused(target: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        plan([], target_bytes=target)


def test_two_files_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        plan([File("a", 1), File("a", 2)], target_bytes=TARGET)


FILES = st.lists(
    st.builds(
        File,
        name=st.integers(0, 10_000).map(str),
        size=st.integers(0, 3 * TARGET),
        merged=st.booleans(),
        stale=st.booleans(),
    ),
    unique_by=lambda file: file.name,
    max_size=60,
)


@given(FILES)
def test_every_file_stands_in_exactly_one_place(files: list[File]) -> None:
    result = plan(files, target_bytes=TARGET)
    placed = [*result.carried, *(file for group in result.bins for file in group)]
    assert sorted(placed) == sorted(files)


@given(FILES)
def test_no_bin_of_several_files_is_above_the_target(files: list[File]) -> None:
    for group in plan(files, target_bytes=TARGET).bins:
        assert len(group) == 1 or sum(file.size for file in group) <= TARGET


@given(FILES)
def test_only_good_merged_files_are_carried_and_big_ones_always(files: list[File]) -> None:
    result = plan(files, target_bytes=TARGET)
    assert all(file.merged and not file.stale for file in result.carried)
    for group in result.bins:
        for file in group:
            assert not file.merged or file.stale or file.size < NEAR_TARGET * TARGET


@given(FILES, st.randoms())
def test_the_plan_does_not_depend_on_the_order_of_the_listing(
    files: list[File], random: Random
) -> None:
    shuffled = list(files)
    random.shuffle(shuffled)
    assert plan(shuffled, target_bytes=TARGET) == plan(files, target_bytes=TARGET)


@given(FILES)
def test_compacting_again_and_again_comes_to_rest(files: list[File]) -> None:
    for round_ in range(len(files) + 2):
        result = plan(files, target_bytes=TARGET)
        if not result.bins:
            return
        files = list(result.carried) + [
            File(f"g{round_}-{at}", sum(file.size for file in group), merged=True)
            for at, group in enumerate(result.bins)
        ]
    pytest.fail(f"still merging {result.bins}")


@given(st.lists(st.integers(1, TARGET), max_size=80))
def test_bins_are_runs_of_files_and_no_two_neighbours_would_fit_into_one(
    file_sizes: list[int],
) -> None:
    files = landing(*file_sizes)
    bins = pack(files, TARGET)
    assert [file for group in bins for file in group] == files
    fills = [sum(file.size for file in group) for group in bins]
    assert all(a + b[0].size > TARGET for a, b in zip(fills, bins[1:], strict=False))
