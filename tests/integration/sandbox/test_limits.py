"""What AWS refuses, or shares among regions, and moto by itself would not."""

import io
import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import boto3
import pytest
from botocore.exceptions import ClientError

from clickstream_lake.sandbox.lake_formation import EVERYBODY

if TYPE_CHECKING:
    from conftest import Bench

TAGS = {f"tag-{number}": "x" for number in range(11)}
TEN = dict(list(TAGS.items())[:10])
PLATFORM = "AWSLambda-SHA384-ECDSA"


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def test_an_object_has_ten_tags_at_most_however_they_come(bench: "Bench") -> None:
    s3, bucket = bench.client("s3"), bench.sandbox.bucket
    place = {"Bucket": bucket, "Key": bench.name("object")}
    s3.put_object(**place, Body=io.BytesIO(b""), Tagging=urlencode(TEN))
    with pytest.raises(ClientError) as refused:
        s3.put_object(**place, Body=io.BytesIO(b"other"), Tagging=urlencode(TAGS))
    assert code_of(refused) == "BadRequest"
    tag_set = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    with pytest.raises(ClientError) as refused:
        s3.put_object_tagging(**place, Tagging={"TagSet": tag_set})
    assert code_of(refused) == "BadRequest"
    with pytest.raises(ClientError):
        s3.copy_object(
            **place,
            CopySource=place,
            Tagging=urlencode(TAGS),
            TaggingDirective="REPLACE",
            MetadataDirective="REPLACE",
        )
    assert s3.get_object(**place)["Body"].read() == b""


def test_a_signing_profiles_name_is_never_free_again(bench: "Bench") -> None:
    signer, name = bench.client("signer"), bench.name("profile").replace("-", "_")
    signer.put_signing_profile(profileName=name, platformId=PLATFORM)
    signer.cancel_signing_profile(profileName=name)
    with pytest.raises(ClientError) as refused:
        signer.put_signing_profile(profileName=name, platformId=PLATFORM)
    assert code_of(refused) == "ValidationException"


def test_dashboards_are_the_accounts(bench: "Bench") -> None:
    name = bench.name("dashboard")
    for region in ("eu-west-1", "us-east-1"):
        in_region(bench, "cloudwatch", region).put_dashboard(
            DashboardName=name, DashboardBody=json.dumps({"widgets": [region]})
        )
    body = in_region(bench, "cloudwatch", "eu-west-1").get_dashboard(DashboardName=name)
    assert json.loads(body["DashboardBody"]) == {"widgets": ["us-east-1"]}
    in_region(bench, "cloudwatch", "eu-west-1").delete_dashboards(DashboardNames=[name])


def test_workgroups_are_their_regions(bench: "Bench") -> None:
    name = bench.name("workgroup")
    for region in ("us-east-1", "eu-west-1"):
        in_region(bench, "athena", region).create_work_group(
            Name=name, Tags=[{"Key": "Region", "Value": region}]
        )
    elsewhere = in_region(bench, "athena", "eu-west-1")
    elsewhere.delete_work_group(WorkGroup=name)
    names = [
        {
            each["Name"]
            for each in in_region(bench, "athena", region).list_work_groups()["WorkGroups"]
        }
        for region in ("us-east-1", "eu-west-1")
    ]
    assert [name in each for each in names] == [True, False]


def test_another_region_has_queries_tables_and_an_athena_of_its_own(bench: "Bench") -> None:
    name = bench.name("here").replace("-", "_")
    glue, athena = (in_region(bench, service, "eu-west-1") for service in ("glue", "athena"))
    glue.create_database(DatabaseInput={"Name": name})
    saved = athena.create_named_query(Name=name, Database=name, QueryString="SELECT 1")
    started = athena.start_query_execution(
        QueryString=f"SHOW DATABASES LIKE '{name}'",
        ResultConfiguration={"OutputLocation": f"s3://{bench.sandbox.bucket}/results/"},
    )["QueryExecutionId"]
    while (found := athena.get_query_execution(QueryExecutionId=started)["QueryExecution"])[
        "Status"
    ]["State"] in {"QUEUED", "RUNNING"}:
        time.sleep(0.05)
    rows = athena.get_query_results(QueryExecutionId=started)["ResultSet"]["Rows"]
    assert found["Status"]["State"] == "SUCCEEDED"
    assert [row["Data"][0]["VarCharValue"] for row in rows] == [name]
    athena.delete_named_query(NamedQueryId=saved["NamedQueryId"])
    assert saved["NamedQueryId"] not in athena.list_named_queries()["NamedQueryIds"]


def in_region(bench: "Bench", service: Any, region: str) -> Any:  # noqa: ANN401 - boto3's
    credentials = bench.sandbox.clients.credentials.environment(region)
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=bench.sandbox.endpoint,
        aws_access_key_id=credentials["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=credentials["AWS_SECRET_ACCESS_KEY"],
    )


def test_iam_alone_suffices_for_a_new_table_until_it_is_revoked(bench: "Bench") -> None:
    glue, formation = bench.client("glue"), bench.client("lakeformation")
    database, table = bench.name("db").replace("-", "_"), "t"
    glue.create_database(DatabaseInput={"Name": database})
    glue.create_table(DatabaseName=database, TableInput={"Name": table})
    resources: list[dict[str, Any]] = [
        {"Database": {"Name": database}},
        {"Table": {"DatabaseName": database, "Name": table}},
    ]
    everybody = {"DataLakePrincipalIdentifier": EVERYBODY}
    for resource in resources:
        (grant,) = formation.list_permissions(Resource=resource)["PrincipalResourcePermissions"]
        assert (grant["Principal"], grant["Permissions"]) == (everybody, ["ALL"])
        asked = {"Principal": everybody, "Resource": resource, "Permissions": ["ALL"]}
        formation.revoke_permissions(**asked)
        with pytest.raises(ClientError) as refused:
            formation.revoke_permissions(**asked)
        assert code_of(refused) == "InvalidInputException"
    # Another table has the default of its database, unless that says otherwise.
    glue.create_table(DatabaseName=database, TableInput={"Name": "u"})
    assert len(grants_on(formation, database, "u")) == 1
    glue.update_database(
        Name=database,
        DatabaseInput={"Name": database, "CreateTableDefaultPermissions": []},
    )
    glue.create_table(DatabaseName=database, TableInput={"Name": "v"})
    assert grants_on(formation, database, "v") == []
    # A table's grants go with it.
    glue.delete_table(DatabaseName=database, Name="u")
    assert grants_on(formation, database, "u") == []
    glue.delete_database(Name=database)


def grants_on(formation: Any, database: str, table: str) -> list[dict[str, Any]]:  # noqa: ANN401 - boto3's
    resource = {"Table": {"DatabaseName": database, "Name": table}}
    found = formation.list_permissions(Resource=resource)["PrincipalResourcePermissions"]
    return list(found)


def test_principals_opt_in_and_out(bench: "Bench") -> None:
    formation = bench.client("lakeformation")
    principal = {"DataLakePrincipalIdentifier": f"arn:aws:iam::123456789012:role/{bench.name('r')}"}
    resource = {"Table": {"DatabaseName": "d", "Name": "t"}}
    for _ in range(2):
        formation.create_lake_formation_opt_in(Principal=principal, Resource=resource)
    found = formation.list_lake_formation_opt_ins(Principal=principal)
    assert [each["Resource"]["Table"]["Name"] for each in found["LakeFormationOptInsInfoList"]] == [
        "t"
    ]
    formation.delete_lake_formation_opt_in(Principal=principal, Resource=resource)
    with pytest.raises(ClientError) as refused:
        formation.delete_lake_formation_opt_in(Principal=principal, Resource=resource)
    assert code_of(refused) == "EntityNotFoundException"
