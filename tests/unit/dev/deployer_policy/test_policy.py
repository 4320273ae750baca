import json
from collections.abc import Iterator

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult

from dev.deployer_policy import policy
from dev.deployer_policy.policy import (
    IMPLIED,
    LARGEST,
    NOT_NEEDED,
    Lake,
    actions,
    compact,
    policies,
    recorded,
    statements,
)

LAKE = Lake(account="123456789012", region="eu-central-1", name="shop", database="shop")
HERE = "eu-central-1:123456789012"


def allowed(action: str, resource: str) -> bool:
    """Whether one of the policies allows it; conditions are taken to hold."""
    for document in policies(LAKE):
        bare = [{k: v for k, v in one.items() if k != "Condition"} for one in document["Statement"]]
        found = IAMPolicy(json.dumps({**document, "Statement": bare}))
        if found.is_action_permitted(action, resource) == PermissionResult.PERMITTED:
            return True
    return False


def everything_allowed(*, kms: bool = True) -> Iterator[str]:
    for one in statements(LAKE, kms=kms):
        yield from one["Action"]


def test_what_is_allowed_is_what_was_called_and_a_stated_list() -> None:
    called = set(actions(recorded()))

    assert len(called) > 100
    assert called.isdisjoint(IMPLIED), "seen to be called: it needs no statement of its own"
    assert called.isdisjoint(NOT_NEEDED)
    assert set(everything_allowed()) == called | set(IMPLIED)
    assert not any("*" in action for action in everything_allowed())


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:CreateBucket", "arn:aws:s3:::shop-123456789012-eu-central-1"),
        ("s3:PutObject", "arn:aws:s3:::shop-123456789012-eu-central-1/artifacts/layer.zip"),
        ("iam:CreateRole", "arn:aws:iam::123456789012:role/shop-events-transform"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/shop-scheduler"),
        ("lambda:CreateFunction", f"arn:aws:lambda:{HERE}:function:shop-events-compact"),
        ("lambda:PublishLayerVersion", f"arn:aws:lambda:{HERE}:layer:shop-dependencies-arm64"),
        (
            "logs:CreateLogStream",
            f"arn:aws:logs:{HERE}:log-group:/aws/kinesisfirehose/shop-events:*",
        ),
        ("scheduler:CreateSchedule", f"arn:aws:scheduler:{HERE}:schedule/shop/shop-events-compact"),
        ("glue:CreateTable", f"arn:aws:glue:{HERE}:table/shop/clickstream_events"),
    ],
)
def test_the_lakes_own_resources_can_be_made(action: str, resource: str) -> None:
    assert allowed(action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:DeleteBucket", "arn:aws:s3:::another-bucket"),
        ("s3:GetObject", "arn:aws:s3:::shop-123456789012-eu-central-1-other/x"),
        ("iam:PutRolePolicy", "arn:aws:iam::123456789012:role/administrator"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/administrator"),
        ("iam:CreateUser", "arn:aws:iam::123456789012:user/somebody"),
        ("iam:AttachRolePolicy", "arn:aws:iam::123456789012:role/shop-scheduler"),
        ("lambda:InvokeFunction", f"arn:aws:lambda:{HERE}:function:shop-events-compact"),
        ("sqs:DeleteQueue", f"arn:aws:sqs:{HERE}:shopping"),
        ("sqs:ReceiveMessage", f"arn:aws:sqs:{HERE}:shop-events-transform"),
        ("firehose:PutRecord", f"arn:aws:firehose:{HERE}:deliverystream/shop-events"),
        ("glue:DeleteTable", f"arn:aws:glue:{HERE}:table/finance/invoices"),
    ],
)
def test_nothing_else_is_in_reach(action: str, resource: str) -> None:
    assert not allowed(action, resource)


def test_roles_are_passed_to_the_services_of_the_lake_alone() -> None:
    (passing,) = [one for one in statements(LAKE) if "iam:PassRole" in one["Action"]]
    assert passing["Condition"] == {
        "StringEquals": {
            "iam:PassedToService": [
                "lambda.amazonaws.com",
                "firehose.amazonaws.com",
                "scheduler.amazonaws.com",
            ]
        }
    }


def test_without_a_key_there_is_nothing_of_kms() -> None:
    assert any(action.startswith("kms:") for action in everything_allowed())
    assert not any(action.startswith("kms:") for action in everything_allowed(kms=False))


def test_aws_takes_each_policy_and_together_they_are_the_statements() -> None:
    found = policies(LAKE)
    assert all(len(compact(one)) <= LARGEST for one in found)
    assert [one for each in found for one in each["Statement"]] == statements(LAKE)


def test_a_call_of_a_service_without_a_scope_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "recorded", lambda: {"DynamoDB": ["CreateTable"]})
    with pytest.raises(ValueError, match="Dynamodb"):
        statements(LAKE)
