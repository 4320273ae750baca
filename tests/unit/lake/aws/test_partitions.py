import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from clickstream_lake.lake.aws.partitions import Declares, PartitionCatalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.errors import PartitionCatalogError, PartitionMovedError
from clickstream_lake.lake.layout import Partition
from tests.protocol.clients import KINDS
from tests.protocol.fakes import FakeGlue, client_error
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES

TABLE = TABLES["parquet"]
NOON = datetime(2025, 11, 26, 12, tzinfo=UTC)


class Clock:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def create_table(glue: Any) -> None:  # noqa: ANN401 - a boto3 client
    table = load_catalog().glue_table_input("parquet", BUCKET)
    glue.create_table(DatabaseName=DATABASE, TableInput=table)


def memory_glue() -> Any:  # noqa: ANN401 - it stands for a boto3 client
    glue = FakeGlue()
    create_table(glue)
    return glue


@pytest.fixture(params=KINDS)
def glue(request: pytest.FixtureRequest) -> Iterator[Any]:
    with KINDS[request.param]() as (_, client):
        create_table(client)
        yield client


@pytest.fixture
def catalog(glue: Any) -> PartitionCatalog:  # noqa: ANN401 - a boto3 client
    return PartitionCatalog(glue, DATABASE)


def test_a_partition_is_created_once(catalog: PartitionCatalog) -> None:
    assert catalog.get(TABLE, DAY) is None
    assert catalog.create(TABLE, DAY, "s3://b/first")
    assert not catalog.create(TABLE, DAY, "s3://b/second")
    state = catalog.get(TABLE, DAY)
    assert state is not None
    assert (state.location, state.next_location, state.became_current) == (
        "s3://b/first/",
        None,
        None,
    )


def test_a_partition_is_created_with_the_columns_that_its_files_have(
    catalog: PartitionCatalog,
) -> None:
    first, *_, last = catalog.declared(TABLE)
    catalog.create(TABLE, DAY, "s3://b/first", names={first[0], last[0], "of_no_table"})
    state = catalog.get(TABLE, DAY)
    assert state is not None
    assert state.columns == (first, last)


def test_announce_and_swap_move_a_partition(catalog: PartitionCatalog) -> None:
    catalog.create(TABLE, DAY, "s3://b/old/")
    catalog.announce(TABLE, DAY, current="s3://b/old", next_location="s3://b/new")
    announced = catalog.get(TABLE, DAY)
    assert announced is not None
    assert (announced.location, announced.next_location) == ("s3://b/old/", "s3://b/new/")
    catalog.swap(TABLE, DAY, location="s3://b/new", now=NOON)
    swapped = catalog.get(TABLE, DAY)
    assert swapped is not None
    assert (swapped.location, swapped.next_location) == ("s3://b/new/", None)
    assert swapped.became_current == NOON


def test_announcing_over_another_location_is_refused(catalog: PartitionCatalog) -> None:
    catalog.create(TABLE, DAY, "s3://b/old/")
    with pytest.raises(PartitionMovedError):
        catalog.announce(TABLE, DAY, current="s3://b/older/", next_location="s3://b/new/")


def test_a_partition_with_older_files_is_marked_until_it_has_none(
    catalog: PartitionCatalog,
) -> None:
    catalog.create(TABLE, DAY, "s3://b/0")

    def is_marked() -> bool:
        state = catalog.get(TABLE, DAY)
        assert state is not None
        return state.has_outdated_files

    seen = []
    over_outdated, its_own = Declares.TABLES_OVER_OUTDATED, Declares.ITS_OWN
    for number, declares in enumerate([its_own, over_outdated, its_own, Declares.TABLES], 1):
        here, there = f"s3://b/{number - 1}", f"s3://b/{number}"
        catalog.announce(TABLE, DAY, current=here, next_location=there)
        catalog.swap(TABLE, DAY, location=there, now=NOON, declares=declares)
        seen.append(is_marked())
    assert seen == [False, True, True, False]
    catalog.announce(TABLE, DAY, current="s3://b/4", next_location="s3://b/5")
    catalog.swap(TABLE, DAY, location="s3://b/5", now=NOON, declares=over_outdated)
    with pytest.raises(PartitionMovedError, match="points at s3://b/5/"):
        catalog.declare(TABLE, DAY, current="s3://b/4")
    assert is_marked()
    catalog.declare(TABLE, DAY, current="s3://b/5")
    assert not is_marked()


def test_swapping_to_what_is_not_announced_is_refused(catalog: PartitionCatalog) -> None:
    catalog.create(TABLE, DAY, "s3://b/old/")
    with pytest.raises(PartitionMovedError):
        catalog.swap(TABLE, DAY, location="s3://b/new/", now=NOON)
    catalog.announce(TABLE, DAY, current="s3://b/old/", next_location="s3://b/other/")
    with pytest.raises(PartitionMovedError):
        catalog.swap(TABLE, DAY, location="s3://b/new/", now=NOON)


def test_a_partition_that_has_gone_cannot_be_moved(catalog: PartitionCatalog) -> None:
    with pytest.raises(PartitionMovedError):
        catalog.announce(TABLE, DAY, current="s3://b/old/", next_location="s3://b/new/")


def test_other_parameters_survive_a_move() -> None:
    glue = memory_glue()
    catalog = PartitionCatalog(glue, DATABASE)
    catalog.create(TABLE, DAY, "s3://b/old/")
    glue.partitions[TABLE, tuple(DAY.values)]["Parameters"]["owner"] = "somebody"
    catalog.announce(TABLE, DAY, current="s3://b/old/", next_location="s3://b/new/")
    catalog.swap(TABLE, DAY, location="s3://b/new/", now=NOON)
    state = catalog.get(TABLE, DAY)
    assert state is not None
    assert state.parameters["owner"] == "somebody"


def test_a_swap_writes_the_tables_present_columns_and_an_announcement_keeps_the_partitions() -> (
    None
):
    glue = memory_glue()
    clock = Clock()
    catalog = PartitionCatalog(glue, DATABASE, monotonic=clock)
    catalog.create(TABLE, DAY, "s3://b/old/")
    table = load_catalog().glue_table_input("parquet", BUCKET)
    before = table["StorageDescriptor"]["Columns"]
    columns = [*before, {"Name": "added", "Type": "string"}]
    table["StorageDescriptor"]["Columns"] = columns
    glue.create_table(TableInput=table)
    clock.seconds = 301  # a table is asked for again after five minutes
    catalog.announce(TABLE, DAY, current="s3://b/old/", next_location="s3://b/new/")
    assert catalog.columns(TABLE, DAY) == before  # the files are still those
    catalog.swap(TABLE, DAY, location="s3://b/new/", now=NOON)
    assert catalog.columns(TABLE, DAY) == columns


def test_listing_goes_page_by_page(glue: Any, catalog: PartitionCatalog) -> None:  # noqa: ANN401 - a boto3 client
    days = [Partition.parse(f"year=2025/month=11/day={day:02}") for day in range(1, 8)]
    for day in days:
        catalog.create(TABLE, day, f"s3://b/{day.path}/")
    if isinstance(glue, FakeGlue):
        glue.page_size = 3
    found = dict(catalog.list(TABLE))
    assert sorted(found) == days
    assert found[days[0]].location == f"s3://b/{days[0].path}/"


def test_a_missing_table_says_what_to_do(catalog: PartitionCatalog) -> None:
    for call in (
        lambda: catalog.create("missing", DAY, "s3://b/x/"),
        lambda: list(catalog.list("missing")),
    ):
        with pytest.raises(PartitionCatalogError, match="apply the Terraform configuration"):
            call()


@pytest.mark.parametrize("conflicts", [1, 3, 4])
def test_a_concurrent_modification_is_tried_again(conflicts: int) -> None:
    glue = memory_glue()
    catalog, update, left = PartitionCatalog(glue, DATABASE), glue.update_partition, [conflicts]
    catalog.create(TABLE, DAY, "s3://b/old/")

    def conflicting(**call: Any) -> Any:  # noqa: ANN401 - boto3's parameters and answer
        if left[0]:
            left[0] -= 1
            raise client_error("ConcurrentModificationException", "UpdatePartition")
        return update(**call)

    glue.update_partition = conflicting
    move = {"current": "s3://b/old/", "next_location": "s3://b/new/"}
    if conflicts < 4:
        catalog.announce(TABLE, DAY, **move)
        state = catalog.get(TABLE, DAY)
        assert state is not None
        assert state.next_location == "s3://b/new/"
    else:
        with pytest.raises(PartitionCatalogError):
            catalog.announce(TABLE, DAY, **move)


@pytest.mark.parametrize(
    "error",
    [
        client_error("ThrottlingException", "x"),
        client_error("AccessDeniedException", "x"),
        EndpointConnectionError(endpoint_url="https://simulated"),
    ],
)
def test_what_glue_refuses_is_a_catalog_error(error: Exception) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of the client
            def call(**_: Any) -> None:  # noqa: ANN401 - boto3's parameters
                raise error

            return call

    catalog = PartitionCatalog(Refusing(), DATABASE)  # type: ignore[arg-type]  # always fails
    for call in (
        lambda: catalog.get(TABLE, DAY),
        lambda: list(catalog.list(TABLE)),
        lambda: catalog.create(TABLE, DAY, "s3://b/x/"),
        lambda: catalog.announce(TABLE, DAY, current="s3://b/x/", next_location="s3://b/y/"),
    ):
        with pytest.raises(PartitionCatalogError):
            call()


def test_columns_are_added_at_the_end_of_a_table_and_nothing_else_changes(
    catalog: PartitionCatalog,
    glue: Any,  # noqa: ANN401 - a boto3 client
) -> None:
    before = copy.deepcopy(glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"])
    columns = [
        {"Name": "coupon", "Type": "string", "Comment": "c"},
        {"Name": "price", "Type": "string", "Comment": "is there"},
        {"Name": "score", "Type": "double", "Comment": ""},
    ]
    assert catalog.add_columns(TABLE, columns) == ["coupon", "score"]
    assert catalog.add_columns(TABLE, columns) == []
    after = copy.deepcopy(glue.get_table(DatabaseName=DATABASE, Name=TABLE)["Table"])
    had = before["StorageDescriptor"].pop("Columns")
    has = after["StorageDescriptor"].pop("Columns")
    assert has == [*had, columns[0], columns[2]]
    assert catalog.columns(TABLE) == has
    for name in ("StorageDescriptor", "PartitionKeys", "TableType", "Parameters"):
        assert after[name] == before[name], name


def test_columns_that_somebody_else_adds_at_the_same_time_are_kept() -> None:
    theirs, ours = ({"Name": name, "Type": "string"} for name in ("theirs", "ours"))

    class Shared(FakeGlue):
        others = 0

        def get_table(self, *, Name: str, **_: Any) -> dict[str, Any]:  # noqa: ANN401, N803 - boto3's
            answer = copy.deepcopy(super().get_table(Name=Name))
            if self.others:
                self.others -= 1
                other = PartitionCatalog(self, DATABASE)  # type: ignore[arg-type]  # as if it were
                other.add_columns(TABLE, [theirs])
            return answer

    glue: Any = Shared()
    create_table(glue)
    had = load_catalog().tables["parquet"].glue_columns()
    catalog = PartitionCatalog(glue, DATABASE)
    assert len(catalog.declared(TABLE)) == len(had)  # kept for five minutes
    PartitionCatalog(glue, DATABASE).add_columns(TABLE, [theirs])
    catalog.add_columns(TABLE, [ours])
    assert catalog.columns(TABLE) == [*had, theirs, ours]
    glue.create_table(TableInput=load_catalog().glue_table_input("parquet", BUCKET))
    glue.others = 1
    with pytest.raises(PartitionCatalogError, match="ConcurrentModification"):
        PartitionCatalog(glue, DATABASE).add_columns(TABLE, [ours])
    assert PartitionCatalog(glue, DATABASE).columns(TABLE) == [*had, theirs]


def test_columns_of_no_table_are_an_error(catalog: PartitionCatalog) -> None:
    with pytest.raises(PartitionCatalogError, match="there is no table"):
        catalog.add_columns("other", [])
