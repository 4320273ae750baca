"""Each function's role allows exactly the AWS calls that the function makes.

The policies are those that the real provider renders; the calls are recorded while the real
handlers run through everything that can happen to a raw object; moto's IAM evaluates.
"""

import gzip
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto.iam.access_control import IAMPolicy, PermissionResult

from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.demo import terraform
from clickstream_lake.lake.aws import objects
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.sandbox.moto_fixes import moto_fixes
from clickstream_lake.transform.function import TransformFunction
from tests.e2e.needs import need_terraform
from tests.moto_server import moto_server

# In one process, for the sake of its fixtures.
pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.xdist_group("iam")]

REGION, ACCOUNT = "us-east-1", "123456789012"
BUCKET = f"clickstream-{ACCOUNT}-{REGION}"
DAY = "year=2025/month=11/day=26"
QUEUES = f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events"

# What Lambda itself does with the role, outside of the handler's sight.
BY_LAMBDA = {
    "transform": {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
    "compact": {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    },
}

# Statements that Lambda alone uses, whole.
STATEMENTS_OF_LAMBDA = {"KeepFailedTicks"}

# What must not be possible: (role, action, resource).
FORBIDDEN = [
    ("transform", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/processed/json/{DAY}/x.json"),
    ("transform", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/raw/{DAY}/x.gz"),
    ("transform", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/manifests/json/{DAY}/g/manifest.json"),
    ("transform", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/manifests/json/{DAY}/g/manifest.json"),
    ("transform", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/artifacts/layer.zip"),
    ("transform", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/artifacts/catalogs/x.json"),
    ("transform", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/manifests/catalogs/x.json"),
    ("compact", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/artifacts/layer.zip"),
    ("compact", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/artifacts/catalogs/x.json"),
    ("transform", "s3:GetObject", "arn:aws:s3:::another-bucket/raw/x.gz"),
    ("transform", "glue:UpdatePartition", f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"),
    ("transform", "glue:DeletePartition", f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"),
    (
        "transform",
        "sqs:SendMessage",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events-transform",
    ),
    ("compact", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/raw/{DAY}/x.gz"),
    ("compact", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/rejected/{DAY}/x.json"),
    ("compact", "s3:DeleteObjectVersion", f"arn:aws:s3:::{BUCKET}/processed/json/{DAY}/x.json"),
    ("compact", "s3:DeleteObjectVersion", f"arn:aws:s3:::{BUCKET}/manifests/json/{DAY}/g/m.json"),
    ("compact", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/raw/{DAY}/x.gz"),
    ("compact", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/raw/{DAY}/x.gz"),
    ("compact", "glue:DeleteTable", f"arn:aws:glue:{REGION}:{ACCOUNT}:table/clickstream/t"),
    ("compact", "glue:UpdateTable", f"arn:aws:glue:{REGION}:{ACCOUNT}:table/clickstream/t"),
    (
        "compact",
        "glue:UpdateTable",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:table/clickstream/clickstream_rejects",
    ),
    (
        "transform",
        "glue:UpdateTable",
        f"arn:aws:glue:{REGION}:{ACCOUNT}:table/clickstream/clickstream_events",
    ),
    ("transform", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/manifests/overlay/coupon/x.string"),
    (
        "compact",
        "sqs:ReceiveMessage",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events-transform",
    ),
    (
        "compact",
        "sqs:DeleteMessage",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events-transform",
    ),
    (
        "compact",
        "sqs:SendMessage",
        f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events-transform-dead",
    ),
    ("compact", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/rejected/{DAY}/x.json"),
]


@dataclass(frozen=True)
class Need:
    """One permission that one call needs."""

    action: str
    resource: str


class Recorder:
    """Notes what each AWS call needs, by the role that makes it."""

    def __init__(self) -> None:
        self.needs: dict[str, set[Need]] = {"transform": set(), "compact": set()}
        self.calls = 0
        self.role: str | None = None
        self.failing_prefix: str | None = None

    @contextmanager
    def acting_as(self, role: str) -> Iterator[None]:
        self.role = role
        try:
            yield
        finally:
            self.role = None

    def wrap(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(client: BaseClient, operation: str, params: dict[str, Any]) -> Any:  # noqa: ANN401 - botocore's
            if self.role is None:
                return call(client, operation, params)
            service = client.meta.service_model.service_name
            self.calls += 1
            self.needs[self.role] |= set(needs_of(service, operation, params))
            if operation == "UploadPart" and params["Key"].startswith(self.failing_prefix or "-"):
                self.failing_prefix = None
                error = {"Error": {"Code": "InternalError", "Message": "injected"}}
                raise ClientError(error, operation)  # type: ignore[arg-type]  # only these keys matter
            return call(client, operation, params)

        return recorded


def needs_of(service: str, operation: str, params: dict[str, Any]) -> Iterator[Need]:
    """What IAM asks for this call, by the service authorization reference."""
    if service == "s3":
        yield from _s3(operation, params)
    elif service == "glue":
        arn = f"arn:aws:glue:{REGION}:{ACCOUNT}"
        table = params.get("TableName") or params.get("Name") or params["TableInput"]["Name"]
        for resource in ("catalog", f"database/{params['DatabaseName']}"):
            yield Need(f"glue:{operation}", f"{arn}:{resource}")
        yield Need(f"glue:{operation}", f"{arn}:table/{params['DatabaseName']}/{table}")
    elif service == "sqs":
        queue = params["QueueUrl"].rsplit("/", 1)[-1]
        yield Need(
            f"sqs:{operation.removesuffix('Batch')}", f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
        )
    else:
        raise AssertionError(f"a call of a service that no role knows: {service} {operation}")


def _s3(operation: str, params: dict[str, Any]) -> Iterator[Need]:
    bucket = f"arn:aws:s3:::{params['Bucket']}"
    key = f"{bucket}/{params.get('Key', '')}"
    if operation in {"GetObject", "HeadObject"}:
        yield Need("s3:GetObject", key)
        yield Need("s3:ListBucket", bucket)  # or a missing key is 403 instead of 404
    elif operation == "ListObjectsV2":
        yield Need("s3:ListBucket", bucket)
    elif operation == "DeleteObjects":
        for entry in params["Delete"]["Objects"]:
            yield Need("s3:DeleteObject", f"{bucket}/{entry['Key']}")
    elif operation == "AbortMultipartUpload":
        yield Need("s3:AbortMultipartUpload", key)
    elif operation in {
        "PutObject",
        "CopyObject",
        "CreateMultipartUpload",
        "UploadPart",
        "UploadPartCopy",
        "CompleteMultipartUpload",
    }:
        yield Need("s3:PutObject", key)
        if "CopySource" in params:
            yield Need("s3:GetObject", f"{bucket}/{params['CopySource']['Key']}")
    else:
        raise AssertionError(f"S3 {operation}: say above which permission it needs")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    need_terraform()
    with moto_fixes(), moto_server() as address:
        yield address


@pytest.fixture(scope="module")
def policies(endpoint: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The policy document of each function's role, as Terraform made it."""
    targets = ["aws_iam_role_policy.function"]
    targets += ["aws_glue_catalog_table.lake", "aws_sqs_queue.work"]
    workdir = tmp_path_factory.mktemp("iam")
    terraform.apply(
        endpoint,
        workdir,
        {"force_destroy": True, "schema_evolution": "auto"},
        access_key_id="sandbox",
        targets=targets,
    )
    iam = boto3.client("iam", endpoint_url=endpoint, **CREDENTIALS)
    return {
        role: iam.get_role_policy(RoleName=f"clickstream-events-{role}-{REGION}", PolicyName=role)[
            "PolicyDocument"
        ]
        for role in ("transform", "compact")
    }


CREDENTIALS: dict[str, Any] = {
    "region_name": REGION,
    "aws_access_key_id": "sandbox",
    "aws_secret_access_key": "sandbox",
}


class Context:
    """As much of Lambda's context as the handlers ask for."""

    function_name = "function"
    memory_limit_in_mb = 1769
    invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:function"

    def __init__(self) -> None:
        # Forced plans are queued once per request.
        self.aws_request_id = str(uuid.uuid4())

    @staticmethod
    def get_remaining_time_in_millis() -> int:
        return 300_000


class Life:
    """Everything that can happen to raw objects, with the real handlers."""

    def __init__(self, endpoint: str, recorder: Recorder) -> None:
        self.recorder = recorder
        self.s3 = boto3.client("s3", endpoint_url=endpoint, **CREDENTIALS)
        self.sqs = boto3.client("sqs", endpoint_url=endpoint, **CREDENTIALS)
        self.queue = self.queue_url("clickstream-events-compact.fifo")

    def queue_url(self, name: str) -> str:
        url: str = self.sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return url

    def put(self, name: str, body: bytes | None = None) -> str:
        key = f"raw/{DAY}/{name}.gz"
        if body is None:
            line = {"event_id": name, "event_type": "click", "user_id": "u"}
            body = gzip.compress(json.dumps(line).encode() + b"\nnot JSON\n")
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return key

    def transform(self, *keys: str, context: Any = None) -> list[str]:  # noqa: ANN401 - a stand-in
        records = [
            {
                "messageId": key,
                "receiptHandle": key,
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:clickstream-events-transform",
                "body": json.dumps(
                    {
                        "Records": [
                            {
                                "eventSource": "aws:s3",
                                "eventName": "ObjectCreated:Put",
                                "s3": {"bucket": {"name": BUCKET}, "object": {"key": key}},
                            }
                        ]
                    }
                ),
            }
            for key in keys
        ]
        with self.recorder.acting_as("transform"):
            answer = TransformFunction(os.environ)({"Records": records}, context or Context())  # type: ignore[arg-type]  # as much of it as is used
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def compact(self, request: dict[str, Any]) -> dict[str, Any]:
        with self.recorder.acting_as("compact"):
            return CompactFunction(os.environ)(request, Context())  # type: ignore[arg-type]  # as much of it as is used

    def work_off(self) -> list[str]:
        """Hand the queued messages to the compact function; what failed comes back."""
        failed: list[str] = []
        arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.queue.rpartition('/')[2]}"
        while messages := self.sqs.receive_message(
            QueueUrl=self.queue, MaxNumberOfMessages=1, AttributeNames=["All"]
        ).get("Messages"):
            records = [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": message["Attributes"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": arn,
                }
                for message in messages
            ]
            answer = self.compact({"Records": records})
            failed += [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
            for message in messages:  # the second time, for what the function deleted itself
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return failed


@pytest.fixture(scope="module")
def recorder(endpoint: str, policies: dict[str, Any]) -> Recorder:
    assert policies
    recorder = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(("AWS_", "LAKE_"))]:
            patch.delenv(name)
        life = Life(endpoint, recorder)
        # Not the packaged one, which nobody has to be asked for.
        catalog = CATALOG_PATH.read_bytes() + b"\n"
        key = f"artifacts/catalogs/{hashlib.sha256(catalog).hexdigest()}.json"
        life.s3.put_object(Bucket=BUCKET, Key=key, Body=catalog)
        environment = {
            "LAKE_CATALOG": f"s3://{BUCKET}/{key}",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "LAKE_BUCKET": BUCKET,
            "LAKE_DATABASE": "clickstream",
            "LAKE_COMPACT_QUEUE_URL": life.queue,
            "LAKE_GRACE_SECONDS": "0",
            "LAKE_TRANSFORM_QUEUE_URL": life.queue_url("clickstream-events-transform"),
            "LAKE_AUDIT_GRACE_SECONDS": "0",
            "LAKE_LOOKBACK_DAYS": "3650",
            "LAKE_SCHEMA_EVOLUTION": "auto",
            "LAKE_EVOLUTION_HOURS": "0",
            "LAKE_EVOLUTION_DELAY_SECONDS": "0",
        }
        for name, value in environment.items():
            patch.setenv(name, value)
        wrapped = recorder.wrap(vars(BaseClient)["_make_api_call"])
        patch.setattr(BaseClient, "_make_api_call", wrapped)
        live(life, patch)
    return recorder


def live(life: Life, patch: pytest.MonkeyPatch) -> None:
    """New, redelivered, corrupt, missing, late, replaced; in parts; merged; cleaned up."""
    keys = [life.put(f"new-{number}") for number in range(3)]
    assert life.transform(*keys) == []
    assert life.transform(*keys) == []
    assert life.transform(life.put("corrupt", b"no gzip")) == []
    life.transform(f"raw/{DAY}/missing.gz")
    force = {"action": "plan", "force": True, "partitions": [DAY]}
    life.compact({"action": "plan"})
    life.compact(force)
    assert life.work_off() == []
    assert life.transform(life.put("late"), *keys) == []
    life.put("new-0", gzip.compress(b'{"event_id":"replaced"}\n'))
    life.transform(keys[0])
    # Everything is big: uploads and copies in parts, one of them failing.
    patch.setattr(objects, "SINGLE_CALL_BYTES", 0)
    assert life.transform(life.put("big")) == []
    for prefix in ("rejected/", "processed/"):
        life.recorder.failing_prefix = prefix
        assert len(life.transform(life.put(f"failing-in-{prefix[:-1]}"))) == 1
    life.compact(force)
    life.recorder.failing_prefix = "processed/"
    life.work_off()
    life.compact(force)
    assert life.work_off() == []
    life.compact({"action": "cleanup", "partitions": [DAY]})
    # A field that nobody declared: into the overlay, and then into the tables.
    undeclared = b'{"event_id":"x","coupon":"A"}\n' * 100
    assert life.transform(life.put("coupons", gzip.compress(undeclared))) == []
    life.compact(force)
    assert life.work_off() == []
    life.compact({"action": "plan"})
    life.compact({"action": "plan"})
    assert life.work_off() == []
    # Overlooked: what failed above, and one of which nobody was told; and one damaged as a whole.
    life.put("overlooked")
    life.put("unreadable", b"no gzip")
    assert life.transform(f"raw/{DAY}/unreadable.gz") == []
    assert life.compact({"action": "audit"})["requeued"] == 3
    assert life.transform(*keys[1:]) == []


def evaluate(policy: dict[str, Any], need: Need) -> bool:
    """Whether IAM allows it."""
    found = IAMPolicy(json.dumps(policy)).is_action_permitted(need.action, need.resource)
    return bool(found == PermissionResult.PERMITTED)


def permissions(policy: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Each statement's (statement, action, resource)."""
    for statement in policy["Statement"]:
        for action in _list(statement["Action"]):
            for resource in _list(statement["Resource"]):
                yield statement, action, resource


def _list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def without(policy: dict[str, Any], action: str, sid: str) -> dict[str, Any]:
    """The policy less one action of one statement."""
    statements = []
    for statement in policy["Statement"]:
        left = [a for a in _list(statement["Action"]) if a != action or statement["Sid"] != sid]
        if left:
            statements.append({**statement, "Action": left})
    return {**policy, "Statement": statements}


@pytest.mark.parametrize("role", ["transform", "compact"])
def test_nothing_that_a_function_needs_is_missing(
    role: str, policies: dict[str, Any], recorder: Recorder
) -> None:
    denied = [need for need in recorder.needs[role] if not evaluate(policies[role], need)]
    assert len(recorder.needs[role]) > 20
    assert denied == []


@pytest.mark.parametrize("role", ["transform", "compact"])
def test_nothing_is_allowed_that_no_function_uses(
    role: str, policies: dict[str, Any], recorder: Recorder
) -> None:
    unused = []
    for statement, action, resource in permissions(policies[role]):
        alone = {"Version": "2012-10-17"}
        one = {**alone, "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}
        used = any(evaluate(one, need) for need in recorder.needs[role])
        by_lambda = action in BY_LAMBDA[role] or statement["Sid"] in STATEMENTS_OF_LAMBDA
        if not used and not by_lambda:
            unused.append(f"{action} on {resource}")
    assert unused == []


@pytest.mark.parametrize("role", ["transform", "compact"])
def test_one_permission_less_is_one_too_few(
    role: str, policies: dict[str, Any], recorder: Recorder
) -> None:
    removed = 0
    for statement, action in {
        (statement["Sid"], action) for statement, action, _ in permissions(policies[role])
    }:
        if action in BY_LAMBDA[role] or statement in STATEMENTS_OF_LAMBDA:
            continue
        less = without(policies[role], action, statement)
        assert not all(evaluate(less, need) for need in recorder.needs[role]), (statement, action)
        removed += 1
    assert removed > 5


@pytest.mark.parametrize(("role", "action", "resource"), FORBIDDEN)
def test_what_no_function_may_do_is_denied(
    role: str, action: str, resource: str, policies: dict[str, Any]
) -> None:
    assert not evaluate(policies[role], Need(action, resource))


def test_the_figures(
    policies: dict[str, Any], recorder: Recorder, capsys: pytest.CaptureFixture[str]
) -> None:
    allowed = sum(
        evaluate(policies[role], need) for role, needs in recorder.needs.items() for need in needs
    )
    wanted = sum(len(needs) for needs in recorder.needs.values())
    with capsys.disabled():
        print(  # noqa: T201 - the figures that the proof is about
            f"\nIAM: {recorder.calls} calls recorded, {wanted} different permissions needed, "
            f"{allowed} allowed; {len(FORBIDDEN)} forbidden ones denied"
        )
    assert allowed == wanted


def test_delete_stands_alone(policies: dict[str, Any]) -> None:
    deleting = [
        statement["Sid"]
        for statement in policies["compact"]["Statement"]
        if "s3:DeleteObject" in _list(statement["Action"])
    ]
    assert deleting == ["CleanUpReplacedFiles"]
