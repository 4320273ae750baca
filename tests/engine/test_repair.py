"""`MSCK REPAIR TABLE`, and the engine's own procedure for it, beside generations."""

import pytest

from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.layout import Slot
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.engine.conftest import NewLake
from tests.engine.eras import DAY, NEXT_DAY, TABLES, Era, changed

pytestmark = pytest.mark.engine


@pytest.fixture
def lake(new_lake: NewLake) -> Era:
    """One day in a generation, whose landing directory is gone, and one that Glue does not know."""
    era = new_lake(changed())
    era.land("compacted", {"event_id": "1"})
    era.compact()
    era.clean_up()
    era.land("forgotten", {"event_id": "2"}, partition=NEXT_DAY)
    for fmt in FORMATS:
        era.clients.glue.delete_partition(
            DatabaseName=era.database, TableName=TABLES[fmt], PartitionValues=NEXT_DAY.values
        )
        assert ids(era, fmt) == ["1"]
        assert not era.lake.landing_files(Slot(fmt, DAY))
    return era


def ids(era: Era, fmt: Format) -> list[str]:
    return [row[0] for row in era.ask(f"SELECT event_id FROM {{{fmt}}} ORDER BY 1")]  # noqa: S608 - our own table


def places(era: Era, fmt: Format) -> dict[str, str]:
    listed = era.lake.partitions.list(TABLES[fmt])
    return {partition.path: state.location for partition, state in listed}


def sync(era: Era, fmt: Format, mode: str) -> None:
    era.ask(
        "CALL awsdatacatalog.system.sync_partition_metadata("
        f"'{era.database}', '{TABLES[fmt]}', '{mode}')"
    )


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("by", ["the engine", "the sandbox"])
def test_adding_what_is_new_leaves_generations_alone(
    lake: Era, sandbox: Sandbox, fmt: Format, by: str
) -> None:
    before = places(lake, fmt)
    if by == "the engine":
        sync(lake, fmt, "ADD")
    else:
        sandbox.engine.execute(f"MSCK REPAIR TABLE {TABLES[fmt]}", lake.database)

    after = places(lake, fmt)
    assert after.keys() == {DAY.path, NEXT_DAY.path}
    assert after[DAY.path] == before[DAY.path]
    assert "/compacted/" in after[DAY.path]
    assert "/compacted/" not in after[NEXT_DAY.path]
    assert ids(lake, fmt) == ["1", "2"]


@pytest.mark.parametrize("mode", ["DROP", "FULL"])
def test_dropping_what_has_no_directory_would_drop_days_that_are_in_a_generation(
    lake: Era, mode: str
) -> None:
    """So docs/schema-changes.md says: never. `clickstream audit --repair` brings them back."""
    # As a clean-up left it that knew no guard file yet.
    lake.lake.store.delete([lake.lake.layout.landing_guard_key(Slot("parquet", DAY))])
    sync(lake, "parquet", mode)

    assert DAY.path not in places(lake, "parquet")
    assert "1" not in ids(lake, "parquet")


@pytest.mark.parametrize("mode", ["DROP", "FULL"])
def test_what_the_clean_up_leaves_keeps_a_day_from_being_dropped(lake: Era, mode: str) -> None:
    before = places(lake, "parquet")
    sync(lake, "parquet", mode)

    assert places(lake, "parquet")[DAY.path] == before[DAY.path]
    assert "1" in ids(lake, "parquet")
