"""From what Terraform called to IAM statements, each on the lake's own resources."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CALLS_PATH: Final = Path(__file__).with_name("calls.json")
LARGEST: Final = 6_144
"""Characters that AWS takes in one managed policy, without white space."""

_PREFIXES: Final = {"CloudWatch Logs": "logs"}
"""Services whose actions do not begin with their name in lower case."""

_ACTIONS: Final = {
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeleteBucketOwnershipControls": "s3:PutBucketOwnershipControls",
    "s3:DeleteBucketTagging": "s3:PutBucketTagging",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "s3:GetAccelerateConfiguration",
    "s3:GetBucketCors": "s3:GetBucketCORS",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketReplication": "s3:GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
"""Calls whose permission has another name."""

NOT_NEEDED: Final = {
    "iam:GetUser": "asked of the local AWS in place of a check of credentials",
    "sts:GetCallerIdentity": "needs no permission",
}

IMPLIED: Final = {
    "glue:UpdateTable": "a change of the schema, which no variable makes",
    "iam:PassRole": "Lambda, Firehose and the scheduler are given a role",
    "kms:CreateGrant": "Firehose and Lambda get grants on the key",
    "kms:Decrypt": "Lambda and the layer's upload use the key for whoever deploys",
    "kms:GenerateDataKey": "the same",
    "s3:DeleteObjectVersion": "a version is deleted by its id",
}
"""Allowed although no call has that name: AWS asks for it within another call."""


@dataclass(frozen=True, slots=True)
class Lake:
    """Where a policy applies."""

    account: str
    region: str
    name: str = "clickstream"
    database: str = "clickstream"
    bucket: str = ""
    partition: str = "aws"

    def arn(self, service: str, resource: str) -> str:
        """A resource of this account and region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the actions of a statement are allowed on."""

    resources: tuple[str, ...]
    condition: Mapping[str, Mapping[str, Any]] | None = None


def scopes(lake: Lake) -> dict[str, Scope]:
    """Each statement's scope, by its id."""
    name, iam = lake.name, f"arn:{lake.partition}:iam::{lake.account}"
    bucket = lake.bucket or f"{name}-{lake.account}-{lake.region}"
    functions = lake.arn("lambda", f"function:{name}-*")
    groups = [f"/aws/{kind}/{name}-*" for kind in ("lambda", "kinesisfirehose")]
    services = ("lambda", "firehose", "scheduler")
    dashboard = f"arn:{lake.partition}:cloudwatch::{lake.account}:dashboard/{name}"
    return {
        "Everywhere": Scope(("*",)),
        "Athena": Scope((lake.arn("athena", f"workgroup/{name}"),)),
        "Cloudwatch": Scope((lake.arn("cloudwatch", f"alarm:{name}-*"), dashboard)),
        "Firehose": Scope((lake.arn("firehose", f"deliverystream/{name}-*"),)),
        "Glue": Scope(
            tuple(
                lake.arn("glue", resource)
                for resource in (
                    "catalog",
                    f"database/{lake.database}",
                    f"table/{lake.database}/*",
                    f"userDefinedFunction/{lake.database}/*",
                )
            )
        ),
        "Iam": Scope((f"{iam}:role/{name}-*",)),
        "PassRole": Scope(
            (f"{iam}:role/{name}-*",),
            {
                "StringEquals": {
                    "iam:PassedToService": [f"{each}.amazonaws.com" for each in services]
                }
            },
        ),
        "Kms": Scope(
            (lake.arn("kms", "key/*"),), {"StringEquals": {"aws:ResourceTag/Project": name}}
        ),
        "KmsAlias": Scope((lake.arn("kms", f"alias/{name}*"), lake.arn("kms", "key/*"))),
        "Lambda": Scope(
            (
                functions,
                lake.arn("lambda", f"layer:{name}-*"),
                lake.arn("lambda", "event-source-mapping:*"),
            )
        ),
        "EventSources": Scope(("*",), {"ArnLike": {"lambda:FunctionArn": functions}}),
        "Logs": Scope(
            tuple(
                lake.arn("logs", f"log-group:{group}{suffix}")
                for group in groups
                for suffix in ("", ":*")
            )
        ),
        "S3": Scope(
            (f"arn:{lake.partition}:s3:::{bucket}", f"arn:{lake.partition}:s3:::{bucket}/*")
        ),
        "Scheduler": Scope(
            (
                lake.arn("scheduler", f"schedule-group/{name}"),
                lake.arn("scheduler", f"schedule/{name}/*"),
            )
        ),
        "Sns": Scope((lake.arn("sns", f"{name}-*"),)),
        "Sqs": Scope((lake.arn("sqs", f"{name}-*"),)),
    }


_ELSEWHERE: Final = {
    # AWS takes no resource for these, or has none yet.
    "cloudwatch:DescribeAlarms": "Everywhere",
    "kms:CreateKey": "Everywhere",
    "kms:ListAliases": "Everywhere",
    "kms:TagResource": "Everywhere",
    "logs:DescribeLogGroups": "Everywhere",
    "iam:PassRole": "PassRole",
    "kms:CreateAlias": "KmsAlias",
    "kms:DeleteAlias": "KmsAlias",
    "lambda:CreateEventSourceMapping": "EventSources",
    "lambda:DeleteEventSourceMapping": "EventSources",
    "lambda:UpdateEventSourceMapping": "EventSources",
}
"""Actions whose statement is not that of their service."""


def recorded() -> dict[str, list[str]]:
    """The operations that Terraform was seen to call, by service."""
    found: dict[str, list[str]] = json.loads(CALLS_PATH.read_text(encoding="utf-8"))
    return found


def actions(operations: Mapping[str, list[str]]) -> Iterator[str]:
    """The permissions that operations need, but for those that need none."""
    for service, names in operations.items():
        prefix = _PREFIXES.get(service, service.lower())
        for name in names:
            call = f"{prefix}:{name}"
            if call not in NOT_NEEDED:
                yield _ACTIONS.get(call, call)


def sid_of(action: str) -> str:
    """The statement that an action belongs to."""
    return _ELSEWHERE.get(action) or action.split(":", maxsplit=1)[0].capitalize()


def statements(lake: Lake, *, kms: bool = True) -> list[dict[str, Any]]:
    """The policy's statements; without `kms` those of a lake with no key of its own."""
    by_sid: dict[str, set[str]] = {}
    for action in {*actions(recorded()), *IMPLIED}:
        if kms or not action.startswith("kms:"):
            by_sid.setdefault(sid_of(action), set()).add(action)
    found = []
    for sid, scope in scopes(lake).items():
        if sid in by_sid:
            one: dict[str, Any] = {"Sid": sid, "Effect": "Allow", "Action": sorted(by_sid.pop(sid))}
            one["Resource"] = list(scope.resources)
            if scope.condition:
                one["Condition"] = scope.condition
            found.append(one)
    if by_sid:
        raise ValueError(f"give these statements a scope: {sorted(by_sid)}")
    return found


def policies(lake: Lake, *, kms: bool = True) -> list[dict[str, Any]]:
    """The statements, in as few managed policies as take them."""
    found: list[dict[str, Any]] = []
    for one in statements(lake, kms=kms):
        if not found or len(compact(_policy([*found[-1]["Statement"], one]))) > LARGEST:
            found.append(_policy([]))
        found[-1]["Statement"].append(one)
    return found


def compact(policy: Mapping[str, Any]) -> str:
    """As AWS counts it."""
    return json.dumps(policy, separators=(",", ":"))


def _policy(those: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": those}
