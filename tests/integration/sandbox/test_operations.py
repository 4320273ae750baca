"""Every operation of every service, asked with the least that it takes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from clickstream_lake.demo.provision import lake_sandbox
from clickstream_lake.sandbox.sandbox import Sandbox

# What the sandbox's own page names, what moto could answer were its packages here, and what moto
# does not know: in all of AWS's protocols.
OFFERED = (
    "s3 sqs firehose lambda scheduler glue athena iam kms cloudwatch sns logs sts events "
    "ecs xray bedrock-agent-runtime route53domains qapps"
).split()
# Of hundreds of operations, none of which anybody asks a sandbox for.
UNKNOWN = ["ec2", "cloudfront", "sagemaker"]
# These wait, answer as a stream, or go to another host.
APART = {"StartLiveTail"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with lake_sandbox(handlers={"handler.handler": lambda _event, _context: None}) as running:
        yield running


def least(shape: Any, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - botocore's own types
    """A value that a client would send of this shape."""
    kind = shape.type_name
    limits = shape.metadata
    if kind == "structure":
        wanted = shape.required_members
        if getattr(shape, "is_tagged_union", False):
            wanted = list(shape.members)[:1]
        elif depth and not wanted:
            wanted = [member for member, of in shape.members.items() if of.type_name == "string"]
        return {one: least(shape.members[one], one, depth + 1) for one in wanted}
    if kind == "list":
        return [least(shape.member, name, depth + 1)] * max(limits.get("min", 1), depth < 6)
    if kind == "string":
        if shape.enum:
            return shape.enum[0]
        if name.lower().endswith("arn"):
            return "arn:aws:sqs:us-east-1:123456789012:nothing"
        return "nothing-here".ljust(limits.get("min", 1), "x")[: max(limits.get("max", 99), 1)]
    if kind in {"integer", "long"}:
        return max(limits.get("min", 1), 1)
    simple = {"map": {}, "float": 1.0, "double": 1.0, "boolean": False, "blob": b"x"}
    return simple.get(kind, datetime(2025, 1, 1, tzinfo=UTC))


class Caller:
    """A client that counts how often it is made to ask."""

    def __init__(self, sandbox: Sandbox, service: str, mode: str = "standard") -> None:
        self.client = boto3.Session(
            sandbox.credentials()["AWS_ACCESS_KEY_ID"], "any", region_name="us-east-1"
        ).client(
            service,  # type: ignore[call-overload]  # the stubs want literals
            endpoint_url=sandbox.endpoint,
            config=Config(
                retries={"mode": mode, "total_max_attempts": 3},
                s3={"addressing_style": "path"},
                inject_host_prefix=False,
                parameter_validation=False,
            ),
        )
        self.operations = [
            name for name in self.client.meta.service_model.operation_names if name not in APART
        ]
        self.attempts = 0
        self.client.meta.events.register("before-send.*.*", self._count)

    def _count(self, **_: Any) -> None:
        self.attempts += 1

    def call(self, operation: str, **more: Any) -> tuple[int, str, str]:
        """Status, code and message; the code of what is no error is empty."""
        shape = self.client.meta.service_model.operation_model(operation).input_shape
        given = least(shape) if shape else {}
        given |= {name: value for name, value in more.items() if shape and name in shape.members}
        self.attempts = 0
        try:
            answer = self.client._make_api_call(operation, given)
        except ClientError as error:
            answer = error.response
        said = answer.get("Error", {}) if "Error" in answer else {}
        status = answer["ResponseMetadata"]["HTTPStatusCode"]
        headers = answer["ResponseMetadata"]["HTTPHeaders"]
        assert "html" not in headers.get("content-type", ""), operation
        return status, said.get("Code", "") if status >= 300 else "", said.get("Message", "")


def wrong(caller: Caller, operation: str, **more: Any) -> str:
    """What is wrong with an answer; empty if nothing is."""
    status, code, message = caller.call(operation, **more)
    if caller.attempts != 1:
        return f"{operation} was asked for {caller.attempts} times: {status} {code} {message}"
    if operation.startswith("Head") and status == 404:
        return ""  # which has no body to say more
    if status < 300:
        return ""
    ours = {"NotImplemented": "is not in the sandbox", "Internal": "the sandbox cannot answer"}
    if status >= 500 and not any(
        code.startswith(k) and text in message for k, text in ours.items()
    ):
        return f"{operation}: {status} {code} {message}"
    return "" if code and not code.isdecimal() else f"{operation}: {status} has no code: {message}"


@pytest.mark.parametrize("service", OFFERED)
def test_every_operation_is_answered_or_refused_in_so_many_words_and_at_once(
    service: str, sandbox: Sandbox
) -> None:
    caller = Caller(sandbox, service)
    assert [said for name in caller.operations if (said := wrong(caller, name))] == []


@pytest.mark.parametrize("service", UNKNOWN)
def test_a_service_that_is_not_there_is_refused_in_its_own_protocol(
    service: str, sandbox: Sandbox
) -> None:
    caller = Caller(sandbox, service)
    some = caller.operations[:: len(caller.operations) // 10]
    assert [said for name in some if (said := wrong(caller, name))] == []


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize(
    ("service", "operation", "named"),
    [
        ("glue", "GetBlueprint", "glue:GetBlueprint"),
        ("sqs", "AddPermission", ""),
        ("ecs", "ExecuteCommand", "ecs:ExecuteCommand"),
        ("iam", "GetOrganizationsAccessReport", "iam:GetOrganizationsAccessReport"),
        ("ec2", "GetConsoleScreenshot", "ec2:GetConsoleScreenshot"),
        ("lambda", "GetAccountSettings", "lambda:GetAccountSettings"),
        ("cloudfront", "GetPublicKeyConfig", "cloudfront:GetPublicKeyConfig"),
        ("cloudwatch", "GetMetricWidgetImage", "cloudwatch:GetMetricWidgetImage"),
        ("s3", "GetBucketAnalyticsConfiguration", "s3:GetBucketAnalyticsConfiguration"),
        ("s3", "RenameObject", "s3:RenameObject"),
        ("athena", "StartSession", "athena:StartSession"),
    ],
)
def test_no_client_asks_again_whatever_its_protocol_and_its_way_to_retry(
    service: str, operation: str, named: str, mode: str, sandbox: Sandbox
) -> None:
    caller = Caller(sandbox, service, mode)
    status, code, message = caller.call(operation)
    assert caller.attempts == 1
    if named:
        assert (status, code, message) == (501, "NotImplemented", f"{named} is not in the sandbox")


def test_a_fault_of_the_stand_in_is_named_logged_and_not_asked_for_again(
    sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    caller = Caller(sandbox, "glue")
    with pytest.raises(ClientError) as caught:
        caller.client._make_api_call("CreateTable", {"DatabaseName": sandbox.database})
    answer = caught.value.response
    assert answer["Error"]["Code"] == "InternalFailure"
    assert "glue:CreateTable" in answer["Error"]["Message"]
    (record,) = (each for each in caplog.records if "glue:CreateTable" in each.message)
    assert answer["ResponseMetadata"]["RequestId"] in record.message
    assert record.exc_info
    assert caller.attempts == 1


def test_what_s3_lacks_is_not_taken_for_something_else(sandbox: Sandbox) -> None:
    """A deletion of a bucket's metrics, say, for the deletion of the bucket."""
    caller = Caller(sandbox, "s3")
    s3 = caller.client
    s3.create_bucket(Bucket="kept")
    destructive = {"DeleteBucket", "DeleteObject", "DeleteObjects", "PutObject", "CopyObject"}
    changed = []
    for operation in caller.operations:
        if operation in destructive or operation.endswith(("Upload", "Part", "PartCopy")):
            continue
        s3.put_object(Bucket="kept", Key="a", Body=b"whole")
        caller.call(operation, Bucket="kept", Key="a")
        if s3.get_object(Bucket="kept", Key="a")["Body"].read() != b"whole":
            changed.append(operation)
        s3.delete_object(Bucket="kept", Key="a")
        for suspended in s3.list_object_versions(Bucket="kept").get("Versions", []):
            s3.delete_object(Bucket="kept", Key="a", VersionId=suspended["VersionId"])
        if operation.startswith("DeleteBucket"):
            caller.call(operation, Bucket="kept")
            try:
                s3.head_bucket(Bucket="kept")
            except ClientError:
                changed.append(operation)
                s3.create_bucket(Bucket="kept")
    assert changed == []
