"""What Athena's API tells of catalogs, keeps in workgroups, and refuses."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_athena import AthenaClient

    from clickstream_lake.sandbox.sandbox import Sandbox

CATALOG = "AwsDataCatalog"


def code_of(call: "Callable[..., Any]", **parameters: object) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def pages(client: Any, operation: str, size: int, **parameters: str) -> list[Any]:  # noqa: ANN401 - boto3's stubs want literals
    found = client.get_paginator(operation).paginate(
        **parameters, PaginationConfig={"PageSize": size}
    )
    return [page for page in found if page["ResponseMetadata"]["HTTPStatusCode"] == 200]


def test_there_is_one_catalog_with_glues_databases(athena: "AthenaClient") -> None:
    listed = athena.list_data_catalogs()["DataCatalogsSummary"]
    assert [(one["CatalogName"], one["Type"]) for one in listed] == [(CATALOG, "GLUE")]
    assert athena.get_data_catalog(Name=CATALOG)["DataCatalog"]["Type"] == "GLUE"
    databases = athena.list_databases(CatalogName=CATALOG)["DatabaseList"]
    assert [one["Name"] for one in databases] == ["web"]
    assert athena.get_database(CatalogName=CATALOG, DatabaseName="WEB")["Database"]["Name"] == "web"


def test_a_tables_metadata_are_glues_in_athenas_words(athena: "AthenaClient") -> None:
    answer = athena.get_table_metadata(
        CatalogName=CATALOG, DatabaseName="web", TableName="Events_Parquet"
    )
    table = answer["TableMetadata"]
    assert table["Name"] == "events_parquet"
    assert [(one["Name"], one["Type"]) for one in table["Columns"]] == [
        ("id", "bigint"),
        ("kind", "string"),
        ("price", "double"),
    ]
    assert [one["Name"] for one in table["PartitionKeys"]] == ["day"]
    assert table["Parameters"]["location"] == "s3://lake/events_parquet/"
    assert table["Parameters"]["serde.serialization.lib"].endswith("ParquetHiveSerDe")


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        (None, ["events", "events_parquet"]),
        (".*", ["events", "events_parquet"]),
        ("events", ["events"]),
        (".*parquet", ["events_parquet"]),
        ("EVENTS|nothing", ["events"]),
        ("event", []),
    ],
)
def test_tables_are_listed_by_regular_expression(
    athena: "AthenaClient", expression: str | None, names: list[str]
) -> None:
    given = {"Expression": expression} if expression else {}
    answer = athena.list_table_metadata(CatalogName=CATALOG, DatabaseName="web", **given)  # type: ignore[arg-type]  # the stubs want literals
    assert [one["Name"] for one in answer["TableMetadataList"]] == names


def test_lists_come_in_pages(athena: "AthenaClient") -> None:
    found = pages(athena, "list_table_metadata", 1, CatalogName=CATALOG, DatabaseName="web")
    names = [[one["Name"] for one in page["TableMetadataList"]] for page in found]
    assert names == [["events"], ["events_parquet"]]
    assert code_of(athena.list_work_groups, MaxResults=50, NextToken="x") == (
        "InvalidRequestException"
    )


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("get_data_catalog", {"Name": "other"}, "InvalidRequestException"),
        ("list_databases", {"CatalogName": "other"}, "InvalidRequestException"),
        ("get_database", {"CatalogName": CATALOG, "DatabaseName": "no"}, "MetadataException"),
        (
            "get_table_metadata",
            {"CatalogName": CATALOG, "DatabaseName": "web", "TableName": "no"},
            "MetadataException",
        ),
        (
            "list_table_metadata",
            {"CatalogName": CATALOG, "DatabaseName": "no"},
            "MetadataException",
        ),
        (
            "list_table_metadata",
            {"CatalogName": CATALOG, "DatabaseName": "web", "Expression": "("},
            "InvalidRequestException",
        ),
        ("get_work_group", {"WorkGroup": "no"}, "InvalidRequestException"),
        ("update_work_group", {"WorkGroup": "no"}, "InvalidRequestException"),
        ("create_work_group", {"Name": "clickstream"}, "InvalidRequestException"),
        ("delete_work_group", {"WorkGroup": "primary"}, "InvalidRequestException"),
        ("get_named_query", {"NamedQueryId": "no"}, "InvalidRequestException"),
        ("list_named_queries", {"WorkGroup": "no"}, "InvalidRequestException"),
        (
            "get_prepared_statement",
            {"StatementName": "no", "WorkGroup": "clickstream"},
            "ResourceNotFoundException",
        ),
        (
            "delete_prepared_statement",
            {"StatementName": "no", "WorkGroup": "clickstream"},
            "ResourceNotFoundException",
        ),
        (
            "create_prepared_statement",
            {"StatementName": "1 p", "WorkGroup": "primary", "QueryStatement": "SELECT 1"},
            "InvalidRequestException",
        ),
    ],
)
def test_what_is_not_there_has_athenas_error(
    athena: "AthenaClient", operation: str, parameters: dict[str, str], code: str
) -> None:
    assert code_of(getattr(athena, operation), **parameters) == code


def test_a_query_is_saved_changed_and_deleted(athena: "AthenaClient") -> None:
    first, second = (
        athena.create_named_query(
            Name=name, Database="web", QueryString="SELECT 1", WorkGroup="clickstream"
        )["NamedQueryId"]
        for name in ("first", "second")
    )
    assert athena.list_named_queries(WorkGroup="clickstream")["NamedQueryIds"] == [first, second]
    assert athena.list_named_queries()["NamedQueryIds"] == []
    athena.update_named_query(NamedQueryId=first, Name="renamed", QueryString="SELECT 2")
    query = athena.get_named_query(NamedQueryId=first)["NamedQuery"]
    assert (query["Name"], query["QueryString"], query["WorkGroup"]) == (
        "renamed",
        "SELECT 2",
        "clickstream",
    )
    batch = athena.batch_get_named_query(NamedQueryIds=[second, "no"])
    assert [one["Name"] for one in batch["NamedQueries"]] == ["second"]
    assert [one["NamedQueryId"] for one in batch["UnprocessedNamedQueryIds"]] == ["no"]
    athena.delete_named_query(NamedQueryId=first)
    assert athena.list_named_queries(WorkGroup="clickstream")["NamedQueryIds"] == [second]
    athena.delete_named_query(NamedQueryId=second)


def test_a_statement_is_prepared_changed_and_deleted(athena: "AthenaClient") -> None:
    of = {"WorkGroup": "clickstream"}
    athena.create_prepared_statement(StatementName="p", QueryStatement="SELECT ?", **of)
    again = {"StatementName": "p", "QueryStatement": "SELECT 1", **of}
    assert code_of(athena.create_prepared_statement, **again) == "InvalidRequestException"
    athena.update_prepared_statement(
        StatementName="p", QueryStatement="SELECT 1 + ?", Description="one more", **of
    )
    found = athena.get_prepared_statement(StatementName="p", **of)["PreparedStatement"]
    assert (found["QueryStatement"], found["Description"]) == ("SELECT 1 + ?", "one more")
    assert found["LastModifiedTime"].year > 2000
    listed = athena.list_prepared_statements(**of)["PreparedStatements"]
    assert [one["StatementName"] for one in listed] == ["p"]
    batch = athena.batch_get_prepared_statement(PreparedStatementNames=["p", "no"], **of)
    assert [one["StatementName"] for one in batch["PreparedStatements"]] == ["p"]
    assert [one["StatementName"] for one in batch["UnprocessedPreparedStatementNames"]] == ["no"]
    athena.delete_prepared_statement(StatementName="p", **of)
    assert athena.list_prepared_statements(**of)["PreparedStatements"] == []


def test_a_workgroup_is_updated_and_its_queries_follow(
    athena: "AthenaClient", sandbox: "Sandbox"
) -> None:
    athena.create_work_group(
        Name="moving",
        Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/first/"}},
        Tags=[{"Key": "a", "Value": "b"}],
    )
    arn = f"arn:aws:athena:{sandbox.clients.region}:123456789012:workgroup/moving"
    athena.tag_resource(ResourceARN=arn, Tags=[{"Key": "c", "Value": "d"}])
    athena.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert athena.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "c", "Value": "d"}]
    athena.update_work_group(
        WorkGroup="moving",
        Description="moved",
        ConfigurationUpdates={
            "BytesScannedCutoffPerQuery": 10_000_000,
            "ResultConfigurationUpdates": {"OutputLocation": "s3://lake/second/"},
        },
    )
    group = athena.get_work_group(WorkGroup="moving")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 10_000_000
    assert group["Configuration"]["EnforceWorkGroupConfiguration"] is True
    assert group["Configuration"]["EngineVersion"]["EffectiveEngineVersion"] == (
        "Athena engine version 3"
    )
    started = athena.start_query_execution(QueryString="SELECT 1", WorkGroup="moving")
    name = started["QueryExecutionId"]
    execution = athena.get_query_execution(QueryExecutionId=name)["QueryExecution"]
    assert execution["ResultConfiguration"]["OutputLocation"].startswith("s3://lake/second/")

    athena.update_work_group(
        WorkGroup="moving",
        State="DISABLED",
        ConfigurationUpdates={
            "RemoveBytesScannedCutoffPerQuery": True,
            "ResultConfigurationUpdates": {"RemoveOutputLocation": True},
        },
    )
    group = athena.get_work_group(WorkGroup="moving")["WorkGroup"]
    assert "BytesScannedCutoffPerQuery" not in group["Configuration"]
    assert group["Configuration"]["ResultConfiguration"] == {}
    listed = {one["Name"]: one["State"] for one in athena.list_work_groups()["WorkGroups"]}
    assert listed["moving"] == "DISABLED"
    assert (
        code_of(athena.start_query_execution, QueryString="SELECT 1", WorkGroup="moving")
        == "InvalidRequestException"
    )


def test_a_workgroup_goes_with_what_is_in_it_if_it_is_told_to(athena: "AthenaClient") -> None:
    athena.create_work_group(Name="going")
    query = athena.create_named_query(
        Name="q", Database="web", QueryString="SELECT 1", WorkGroup="going"
    )["NamedQueryId"]
    assert code_of(athena.delete_work_group, WorkGroup="going") == "InvalidRequestException"
    athena.delete_work_group(WorkGroup="going", RecursiveDeleteOption=True)
    assert code_of(athena.get_named_query, NamedQueryId=query) == "InvalidRequestException"
    assert "going" not in [one["Name"] for one in athena.list_work_groups()["WorkGroups"]]


def test_the_engine_has_one_version(athena: "AthenaClient") -> None:
    versions = athena.list_engine_versions()["EngineVersions"]
    assert {one["EffectiveEngineVersion"] for one in versions} == {"Athena engine version 3"}
