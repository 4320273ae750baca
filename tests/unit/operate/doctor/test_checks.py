"""What the sandbox cannot show: quotas, hybrid Lake Formation, and hints from what was seen."""

from typing import Any

import pytest

from clickstream_lake.lake.config import Config
from clickstream_lake.operate.doctor import CHECKS, Deployment, Finding, Seen, Status, examine
from clickstream_lake.operate.doctor.look import NotSeenError

TABLES = {"json": "events", "parquet": "events_parquet", "rejects": "rejects"}
DEPLOYMENT = Deployment("lake-events", Config(bucket="lake", database="lake"), TABLES)
READER = "arn:aws:iam::123456789012:role/reader"
HIDDEN = {
    "Principal": {"DataLakePrincipalIdentifier": READER},
    "Resource": {
        "TableWithColumns": {
            "DatabaseName": "lake",
            "Name": "events",
            "ColumnWildcard": {"ExcludedColumnNames": ["page_url"]},
        }
    },
}
OPEN = {
    "Principal": {"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"},
    "Resource": {"Table": {"DatabaseName": "lake", "Name": "events"}},
    "Permissions": ["ALL"],
}


def finding(check: str, **answers: Any) -> Finding:  # noqa: ANN401 - AWS's own
    (chosen,) = [each for each in CHECKS if each.name == check]
    (found,) = examine(Seen(DEPLOYMENT, answers), [chosen])
    return found


def tables(partitions: int) -> dict[str, Any]:
    one = {"name": "events", "columns": {}, "partitions": {key: {} for key in range(partitions)}}
    return {"json": one, "parquet": one}


@pytest.mark.parametrize(
    ("partitions", "streams", "status"), [(80, 40, "right"), (81, 40, "wrong"), (80, 41, "wrong")]
)
def test_a_quota_is_named_before_it_is_reached(partitions: int, streams: int, status: str) -> None:
    quotas = {"Max partitions per table": 100.0, "Delivery streams": 50.0, "Something else": 1.0}
    found = finding("quotas", tables=tables(partitions), streams=streams, quotas=quotas)
    assert found.status == status


@pytest.mark.parametrize("opted", [True, False])
def test_in_a_hybrid_lake_readers_are_opted_in(*, opted: bool) -> None:
    principal = {"DataLakePrincipalIdentifier": READER}
    found = finding(
        "lake formation",
        permissions=[HIDDEN, OPEN],
        location={"HybridAccessEnabled": True},
        opt_ins=[{"Principal": principal}] if opted else [],
    )
    assert (found.status == Status.RIGHT) is opted
    assert opted or READER in found.found


def test_where_lake_formation_is_not_used_it_is_nobodys_business() -> None:
    assert finding("lake formation", permissions=[OPEN], location={}).status == Status.RIGHT


@pytest.mark.parametrize("grants", [[OPEN], [OPEN, HIDDEN]])
def test_in_a_strict_lake_nobody_reads_by_iam_alone(grants: list[Any]) -> None:
    location = {"ResourceArn": "arn:aws:s3:::lake", "HybridAccessEnabled": False}
    found = finding("lake formation", permissions=grants, location=location)
    assert found.status == Status.WRONG
    assert "--permissions ALL" in found.do
    assert finding("lake formation", permissions=[HIDDEN], location=location).status == "right"


def test_an_unknown_location_hides_nothing() -> None:
    found = finding("lake formation", permissions=[HIDDEN], location={})
    assert (found.status, "does not know the bucket" in found.found) == (Status.WRONG, True)


@pytest.mark.parametrize(
    ("catalog", "hint"),
    [
        ({"encryption": {"SseAwsKmsKeyId": "arn:key"}, "policy": ""}, "kms:Decrypt on arn:key"),
        ({"encryption": {}, "policy": '{"Effect":"Deny"}'}, "resource policy"),
        ({"encryption": {}, "policy": ""}, "terraform/iam.tf"),
        (NotSeenError("not allowed"), "(not allowed)"),
    ],
)
def test_the_way_to_the_catalog_follows_from_what_guards_it(catalog: Any, hint: str) -> None:  # noqa: ANN401 - an answer, or why there is none
    function = {"Role": "arn:aws:iam::1:role/lake-transform"}
    found = finding(
        "catalog",
        answers={"transform": {"tables": {"json": "AccessDenied"}}, "compact": {"tables": {}}},
        functions={"transform": function, "compact": function},
        catalog=catalog,
    )
    assert (found.status, hint in found.do) == (Status.WRONG, True)
    assert "lake-transform" in found.do


def test_what_was_not_read_is_unknown_with_its_reason() -> None:
    found = finding("alarms", alarms=NotSeenError("not allowed to look: grant x:Y"))
    assert (found.status, found.found) == (Status.UNKNOWN, "not allowed to look: grant x:Y")
