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
