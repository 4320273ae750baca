"""Every operation of every service, asked with the least that it takes."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.s3.models import s3_backends

from clickstream_lake.demo.provision import QUERIES, lake_sandbox, queries_of
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.sandbox.firehose import ACCOUNT
from clickstream_lake.sandbox.sandbox import Sandbox

# What the sandbox's own page names; the larger ones of moto's take longer.
OFFERED = ["s3", "sqs", "firehose", "lambda", "scheduler", "glue", "athena", "cloudwatch", "sts"]
RARER = ["iam", "kms", "sns", "logs", "events"]
# What moto does not know, and what it could not run without further packages: in all protocols.
UNKNOWN = ["cloudfront", "ecs", "bedrock-agent-runtime", "qapps"]
# It waits, on a host of its own.
APART = {"StartLiveTail"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with lake_sandbox(handlers={"handler.handler": lambda _event, _context: None}) as running:
        yield running


def least(shape: Any, name: str = "", depth: int = 0) -> Any:  # noqa: ANN401 - botocore's own types
    """A value that a client would send of this shape."""
    kind, limits = shape.type_name, shape.metadata
    if kind == "structure":
        wanted = shape.required_members
        if getattr(shape, "is_tagged_union", False):
            wanted = list(shape.members)[:1]
        elif depth and not wanted:
            wanted = [member for member, of in shape.members.items() if of.type_name == "string"]
        return {one: least(shape.members[one], one, depth + 1) for one in wanted}
    if kind == "list":
        return [least(shape.member, name, depth + 1)] * max(limits.get("min", 1), depth < 6)
    if kind == "string" and shape.enum:
        return shape.enum[0]
    number = max(int(limits.get("min", 1)), 1)
    text = "arn:aws:sqs:us-east-1:123456789012:nothing"
    if not name.lower().endswith("arn"):
        text = "nothing-here".ljust(number, "x")[: max(int(limits.get("max", 99)), 1)]
    simple = {"string": text, "integer": number, "long": number, "map": {}, "blob": b"x"}
    simple |= {"float": 1.0, "double": 1.0, "boolean": False}
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

    def _count(self, **_: object) -> None:
        self.attempts += 1

    def call(self, operation: str, **more: str) -> tuple[int, str, str]:
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


def wrong(caller: Caller, operation: str, **more: str) -> str:
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


@pytest.mark.parametrize(
    "service", [*OFFERED, *(pytest.param(name, marks=pytest.mark.slow) for name in RARER)]
)
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


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("glue", "GetBlueprint"),
        ("ecs", "ExecuteCommand"),
        ("iam", "GetOrganizationsAccessReport"),
        pytest.param("ec2", "GetConsoleScreenshot", marks=pytest.mark.slow),  # its description is
        ("lambda", "DeleteProvisionedConcurrencyConfig"),
        ("cloudfront", "GetPublicKeyConfig"),
        ("cloudwatch", "GetMetricWidgetImage"),
        ("s3", "GetBucketAnalyticsConfiguration"),
        ("s3", "RenameObject"),
        ("athena", "StartSession"),
    ],
)
def test_a_refusal_names_the_operation_whatever_its_protocol(
    service: str, operation: str, sandbox: Sandbox
) -> None:
    refused = (501, "NotImplemented", f"{service}:{operation} is not in the sandbox")
    assert Caller(sandbox, service).call(operation) == refused


@pytest.mark.parametrize("mode", ["legacy", "standard", "adaptive"])
@pytest.mark.parametrize("operation", ["GetBlueprint", "CreateTable"])  # lacking; a fault of moto
def test_no_way_to_retry_takes_it_for_temporary(
    operation: str, mode: str, sandbox: Sandbox
) -> None:
    caller = Caller(sandbox, "glue", mode)
    assert caller.call(operation)[0] == 501
    assert caller.attempts == 1


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
    model = caller.client.meta.service_model
    parts = [
        name for name in caller.operations if "?" in model.operation_model(name).http["requestUri"]
    ]
    mistaken = []
    for number, operation in enumerate(parts):
        bucket = f"kept-{number}"
        caller.client.create_bucket(Bucket=bucket)
        caller.client.put_object(Bucket=bucket, Key="a", Body=b"whole")
        caller.call(operation, Bucket=bucket, Key="a")
        mistaken += [operation] if not has_object(bucket) else []
        if operation.startswith("DeleteBucket"):
            caller.client.delete_object(Bucket=bucket, Key="a")  # or S3 would keep it anyway
            caller.call(operation, Bucket=bucket)
            mistaken += [operation] if not has_bucket(bucket) else []
        elif operation.startswith(("PutBucket", "UpdateBucket")):
            caller.call(operation, Bucket=f"{bucket}-new")
            mistaken += [operation] if has_bucket(f"{bucket}-new") else []
    assert len(parts) > 70
    assert [name for name in mistaken if name != "DeleteObjects"] == []


def has_bucket(bucket: str) -> bool:
    """Looked up in moto: some of these calls leave a bucket that answers nothing any more."""
    return bucket in s3_backends[ACCOUNT]["aws"].buckets


def has_object(bucket: str) -> bool:
    found = s3_backends[ACCOUNT]["aws"].buckets[bucket].keys.get("a")
    return found is not None and found.value == b"whole"


def test_a_lake_has_its_saved_queries(sandbox: Sandbox) -> None:
    athena = sandbox.clients.athena
    names = athena.list_named_queries(WorkGroup=sandbox.workgroup)["NamedQueryIds"]
    queries = athena.batch_get_named_query(NamedQueryIds=names)["NamedQueries"]
    assert {query["Name"] for query in queries} == {
        f"{sandbox.stream}: {file.stem.replace('_', ' ')}"
        for directory in (QUERIES, queries_of(CATALOG_PATH))
        for file in directory.glob("*.sql")
    }
    (rejects,) = (one for one in queries if one["Name"].endswith("rejects by reason"))
    assert rejects["Description"].startswith("What was rejected")
    assert "FROM clickstream_rejects" in rejects["QueryString"]
    assert rejects["Database"] == sandbox.database


def test_an_alarm_that_nothing_is_known_of_is_not_well(sandbox: Sandbox) -> None:
    cloudwatch = sandbox.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="dead-letters",
        Namespace="AWS/SQS",
        MetricName="ApproximateNumberOfMessagesVisible",
        Statistic="Maximum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
    )
    # By name: every operation is tried above, those that make alarms too, and a lake has its own.
    (alarm,) = cloudwatch.describe_alarms(AlarmNames=["dead-letters"])["MetricAlarms"]
    assert (alarm["AlarmName"], alarm["StateValue"]) == ("dead-letters", "INSUFFICIENT_DATA")
    cloudwatch.set_alarm_state(AlarmName="dead-letters", StateValue="OK", StateReason="tried")
    well = cloudwatch.describe_alarms(StateValue="OK")["MetricAlarms"]
    assert "dead-letters" in {alarm["AlarmName"] for alarm in well}


def test_a_bucket_and_a_stream_are_encrypted_and_not(sandbox: Sandbox) -> None:
    s3, firehose = sandbox.client("s3"), sandbox.client("firehose")
    s3.create_bucket(Bucket="secret")
    by_key = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(Bucket="secret", ServerSideEncryptionConfiguration={"Rules": [by_key]})
    rules = s3.get_bucket_encryption(Bucket="secret")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    s3.delete_bucket_encryption(Bucket="secret")

    def status() -> str:
        described = firehose.describe_delivery_stream(DeliveryStreamName=sandbox.stream)
        stream = described["DeliveryStreamDescription"]
        return str(stream["DeliveryStreamEncryptionConfiguration"]["Status"])

    firehose.start_delivery_stream_encryption(
        DeliveryStreamName=sandbox.stream,
        DeliveryStreamEncryptionConfigurationInput={"KeyType": "AWS_OWNED_CMK"},
    )
    assert status() == "ENABLED"
    firehose.stop_delivery_stream_encryption(DeliveryStreamName=sandbox.stream)
    assert status() == "DISABLED"


def test_a_key_may_have_any_character(sandbox: Sandbox) -> None:
    s3 = sandbox.clients.s3
    s3.create_bucket(Bucket="any-key")
    for key in ("a\nb", "\n", "a\r\nb", "\x85", "?&=+%"):
        s3.put_object(Bucket="any-key", Key=key, Body=key.encode())
        assert s3.get_object(Bucket="any-key", Key=key)["Body"].read() == key.encode()
