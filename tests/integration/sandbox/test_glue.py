from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from conftest import Bench

TABLE = "clickstream_events_parquet"
LONG = {
    "Type": "LONG",
    "LongColumnStatisticsData": {
        "MinimumValue": 1,
        "NumberOfNulls": 0,
        "NumberOfDistinctValues": 2,
    },
}


@pytest.fixture
def glue(bench: "Bench") -> Any:  # noqa: ANN401 - boto3's own
    return bench.client("glue")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"SearchText": "clickstream"}, {"clickstream_events", TABLE, "clickstream_rejects"}),
        ({"SearchText": "PARQUET events"}, {TABLE}),
        ({"SearchText": '"clickstream_events_parquet"'}, {TABLE}),
        ({"SearchText": "event_type"}, {"clickstream_events", TABLE}),  # a column
        ({"SearchText": "nothing-has-this"}, set()),
        ({"Filters": [{"Key": "Name", "Value": TABLE, "Comparator": "EQUALS"}]}, {TABLE}),
        ({"Filters": [{"Key": "DatabaseName", "Value": "no"}]}, set()),
    ],
)
def test_tables_are_searched(
    glue: Any,  # noqa: ANN401 - boto3's own
    asked: dict[str, Any],
    names: set[str],
) -> None:
    found = glue.search_tables(**asked)["TableList"]
    assert {table["Name"] for table in found} == names
    assert {table["DatabaseName"] for table in found} <= {"clickstream"}


def test_a_search_is_sorted_and_comes_in_pages(glue: Any) -> None:  # noqa: ANN401 - boto3's own
    order = [{"FieldName": "Name", "Sort": "DESC"}]
    first = glue.search_tables(SortCriteria=order, MaxResults=2)
    rest = glue.search_tables(SortCriteria=order, NextToken=first["NextToken"])
    names = [table["Name"] for table in first["TableList"] + rest["TableList"]]
    assert names == sorted(names, reverse=True)
    assert len(names) == 3
    assert "NextToken" not in rest


def test_statistics_are_a_tables_own(bench: "Bench", glue: Any) -> None:  # noqa: ANN401 - boto3's own
    name = {"DatabaseName": bench.sandbox.database, "TableName": "counted"}
    table = {"Name": "counted", "StorageDescriptor": {"Columns": [{"Name": "n", "Type": "bigint"}]}}

    def known() -> list[str]:
        answer = glue.get_column_statistics_for_table(**name, ColumnNames=["n", "other"])
        assert answer["Errors"] == []
        return [one["ColumnName"] for one in answer["ColumnStatisticsList"]]

    glue.create_table(DatabaseName=name["DatabaseName"], TableInput=table)
    assert known() == []
    one = {
        "ColumnName": "n",
        "ColumnType": "bigint",
        "AnalyzedTime": 1,
        "StatisticsData": LONG,
    }
    glue.update_column_statistics_for_table(**name, ColumnStatisticsList=[one])
    assert known() == ["n"]
    for _ in range(2):  # the second time there is nothing to delete, which is no error
        glue.delete_column_statistics_for_table(**name, ColumnName="n")
        assert known() == []
    glue.update_column_statistics_for_table(**name, ColumnStatisticsList=[one])
    glue.delete_table(DatabaseName=name["DatabaseName"], Name="counted")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        known()
    glue.create_table(DatabaseName=name["DatabaseName"], TableInput=table)
    assert known() == []
    glue.delete_table(DatabaseName=name["DatabaseName"], Name="counted")


def test_functions_are_kept_by_name(bench: "Bench", glue: Any) -> None:  # noqa: ANN401 - boto3's own
    database = bench.sandbox.database
    of = {"DatabaseName": database, "Pattern": ".*"}
    assert glue.get_user_defined_functions(**of)["UserDefinedFunctions"] == []
    glue.create_user_defined_function(
        DatabaseName=database, FunctionInput={"FunctionName": "f", "ClassName": "C"}
    )
    (found,) = glue.get_user_defined_functions(**of)["UserDefinedFunctions"]
    assert (found["FunctionName"], found["ClassName"]) == ("f", "C")
    glue.delete_user_defined_function(DatabaseName=database, FunctionName="f")
    with pytest.raises(ClientError, match="EntityNotFoundException"):
        glue.get_user_defined_function(DatabaseName=database, FunctionName="f")


@pytest.fixture
def days(bench: "Bench", glue: Any) -> Iterator[dict[str, str]]:  # noqa: ANN401 - boto3's own
    """A table with three partitions."""
    of = {"DatabaseName": bench.sandbox.database, "TableName": "days"}
    types = {"year": "string", "day": "string", "n": "int", "on_day": "date"}
    keys = [{"Name": name, "Type": kind} for name, kind in types.items()]
    table = {"Name": of["TableName"], "PartitionKeys": keys}
    glue.create_table(DatabaseName=of["DatabaseName"], TableInput=table)
    for day in (1, 2, 10):
        values = ["2025", f"{day:02}", f"{day}", f"2025-11-{day:02}"]
        glue.create_partition(**of, PartitionInput={"Values": values})
    yield of
    glue.delete_table(DatabaseName=of["DatabaseName"], Name="days")


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("", {1, 2, 10}),
        ("day = '01'", {1}),
        ("DAY = '01' OR (day='10')", {1, 10}),
        ("((year = '2025') AND (day in ('01', '02')))", {1, 2}),
        ("NOT day = '01'", {2, 10}),
        ("NOT (day = '01' OR day = '02') AND n > 1", {10}),
        ("day != '01' and day <> '02'", {10}),
        ("day NOT IN ('01')", {2, 10}),
        ("day BETWEEN '01' AND '02'", {1, 2}),
        ("day BETWEEN '02' AND '01'", set()),
        ("n NOT BETWEEN 2 AND 9", {1, 10}),
        ("n >= 2", {2, 10}),  # numbers, not texts
        ("2 > n", {1}),
        ("n = -1", set()),
        ("day LIKE '0%'", {1, 2}),
        ("day NOT LIKE '_1'", {2, 10}),
        ("on_day >= DATE '2025-11-02'", {2, 10}),
        ("on_day = '2025-11-10'", {10}),
        ("day IS NULL", set()),
        ("day IS NOT NULL", {1, 2, 10}),
        ("year = 2025", {1, 2, 10}),
    ],
)
def test_partitions_are_filtered_as_glue_does(
    glue: Any,  # noqa: ANN401 - boto3's own
    days: dict[str, str],
    expression: str,
    found: set[int],
) -> None:
    answer = glue.get_partitions(**days, Expression=expression)["Partitions"]
    assert {int(partition["Values"][1]) for partition in answer} == found


@pytest.mark.parametrize(
    "expression",
    ["nope = 1", "n = 'x'", "day =", "n = n", "day = '01' OR nope = 1", "lower(day) = 'a'"],
)
def test_a_wrong_filter_is_refused(
    glue: Any,  # noqa: ANN401 - boto3's own
    days: dict[str, str],
    expression: str,
) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        glue.get_partitions(**days, Expression=expression)
