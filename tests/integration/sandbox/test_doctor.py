"""Break one thing in a lake that is well: the doctor's check of it turns red, and no other."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from clickstream_lake.cli import app
from clickstream_lake.compact.function import CompactFunction
from clickstream_lake.demo.provision import HANDLER, entry_point, lake_sandbox
from clickstream_lake.lake.aws.clients import open_lake
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import load_config
from clickstream_lake.operate.doctor import (
    CHECKS,
    PERMISSIONS,
    Deployment,
    Finding,
    Status,
    examine,
    look,
)
from clickstream_lake.sandbox.sandbox import Sandbox
from clickstream_lake.transform.function import TransformFunction

CLASSES = {"transform": TransformFunction, "compact": CompactFunction}
STREAM = "clickstream-events"
DOCS = Path(__file__).parents[3] / "docs" / "cli.md"
# IAM's names of actions, where they are not the operations'.
ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "service-quotas:ListServiceQuotas": "servicequotas:ListServiceQuotas",
}
# What the sandbox does not know.
NOT_HERE = {"quotas"}


class Lake:
    """A lake in a sandbox, its doctor, and what a test wants of its functions and of IAM."""

    def __init__(self, sandbox: Sandbox, answers: dict[str, dict[str, Any] | Exception]) -> None:
        self.sandbox = sandbox
        self.answers = answers
        self.denied: set[str] = set()
        self.asked: set[str] = set()
        self._clients: dict[str, Any] = {}
        self._tables: dict[str, str] = {}

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 types clients one by one
        """A client that only the doctor uses."""
        if service not in self._clients:
            made = boto3.client(service)  # type: ignore[call-overload]  # any service's
            made.meta.events.register("provide-client-params.*.*", self._ask)
            self._clients[service] = made
        return self._clients[service]

    def _ask(self, model: Any, **more: Any) -> None:  # noqa: ANN401 - botocore's
        del more
        operation = f"{model.service_model.endpoint_prefix}:{model.name}"
        operation = operation.replace("monitoring:", "cloudwatch:")
        operation = operation.replace("servicequotas:", "service-quotas:")
        action = ACTIONS.get(operation, operation)
        self.asked.add(action)
        if action in self.denied:
            error = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
            raise ClientError(error, model.name)  # type: ignore[arg-type]  # only these matter

    def findings(self) -> list[Finding]:
        """What the doctor says now."""
        functions = self.sandbox.client("lambda")
        asked = functions.get_function_configuration(FunctionName=f"{STREAM}-compact")
        config = load_config(asked["Environment"]["Variables"])
        if not self._tables:
            self._tables.update(open_lake(config, load_catalog()).tables)
        return examine(look(self.client, Deployment(STREAM, config, self._tables)))

    def statuses(self) -> dict[str, set[str]]:
        """The names of the checks by status."""
        found = self.findings()
        return {
            status.value: {each.check for each in found if each.status is status}
            for status in Status
        }


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    answers: dict[str, dict[str, Any] | Exception] = {}
    functions: dict[tuple[object, ...], Any] = {}

    def handler(event: Any, context: Any) -> Any:  # noqa: ANN401 - Lambda's own shapes
        name = context.function_name
        kind = name.rpartition("-")[2]
        meant = answers.get(kind, {})
        if isinstance(meant, Exception):
            raise meant
        asked = sandbox.client("lambda").get_function_configuration(FunctionName=name)
        environment = asked["Environment"]["Variables"]
        warm = (kind, *sorted(environment.items()))
        if warm not in functions:
            functions[warm] = CLASSES[kind](environment)
        return functions[warm](event, context) | meant

    begun = datetime.now(UTC)
    with (
        pytest.MonkeyPatch.context() as patch,
        # Time stands still: else what one test breaks rings an alarm in another one.
        lake_sandbox(
            handlers={HANDLER: handler}, entry_point=entry_point, clock=lambda: begun
        ) as sandbox,
    ):
        # One that another test left has other credentials.
        patch.setattr(boto3, "DEFAULT_SESSION", None)
        patch.setenv("AWS_ENDPOINT_URL", sandbox.endpoint)
        for name, value in sandbox.credentials().items():
            patch.setenv(name, value)
        sandbox.wait_idle()
        yield Lake(sandbox, answers)


Break = Callable[[Lake], AbstractContextManager[None]]
BREAKS: dict[str, tuple[str, Break]] = {}


def breaks(check: str) -> Callable[[Callable[[Lake], Iterator[None]]], Break]:
    """Name a way to break what a check is about; what follows its `yield` mends it."""

    def named(way: Callable[[Lake], Iterator[None]]) -> Break:
        made = contextmanager(way)
        BREAKS[way.__name__] = (check, made)
        return made

    return named


# --- functions -----------------------------------------------------------------------------------


@breaks("functions")
def a_layer_that_does_not_load(lake: Lake) -> Iterator[None]:
    lake.answers["compact"] = ImportError("libarrow.so: cannot open shared object file")
    yield
    lake.answers.clear()


@breaks("functions")
def no_kernel(lake: Lake) -> Iterator[None]:
    lake.answers["transform"] = {"kernel": False}
    yield
    lake.answers.clear()


@breaks("versions")
def one_function_of_another_version(lake: Lake) -> Iterator[None]:
    lake.answers["transform"] = {"version": "0.0.1"}
    yield
    lake.answers.clear()


@breaks("catalog")
def a_table_that_the_function_does_not_see(lake: Lake) -> Iterator[None]:
    functions = lake.sandbox.client("lambda")
    name = f"{STREAM}-transform"
    known = functions.get_function_configuration(FunctionName=name)["Environment"]
    other = {"Variables": known["Variables"] | {"LAKE_JSON_TABLE": "gone"}}
    functions.update_function_configuration(FunctionName=name, Environment=other)
    yield
    functions.update_function_configuration(FunctionName=name, Environment=known)


@breaks("concurrency")
def a_new_account(lake: Lake) -> Iterator[None]:
    usual, lake.sandbox.functions.concurrency = lake.sandbox.functions.concurrency, 4
    yield
    lake.sandbox.functions.concurrency = usual


@breaks("concurrency")
def others_reserve_everything(lake: Lake) -> Iterator[None]:
    functions = lake.sandbox.client("lambda")
    name = f"{STREAM}-compact"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=996)
    yield
    functions.delete_function_concurrency(FunctionName=name)


# --- the way of a raw object ---------------------------------------------------------------------


def _destination(lake: Lake, **change: Any) -> Iterator[None]:  # noqa: ANN401 - AWS's own
    firehose = lake.sandbox.client("firehose")

    def update(settings: dict[str, Any]) -> None:
        asked = firehose.describe_delivery_stream(DeliveryStreamName=STREAM)
        described = asked["DeliveryStreamDescription"]
        firehose.update_destination(
            DeliveryStreamName=STREAM,
            CurrentDeliveryStreamVersionId=described["VersionId"],
            DestinationId=described["Destinations"][0]["DestinationId"],
            ExtendedS3DestinationUpdate=settings,
        )

    asked = firehose.describe_delivery_stream(DeliveryStreamName=STREAM)
    destination = asked["DeliveryStreamDescription"]["Destinations"][0]
    known = destination["ExtendedS3DestinationDescription"]
    update(change)
    yield
    update({name: known[name] for name in change})


@breaks("stream")
def another_prefix(lake: Lake) -> Iterator[None]:
    yield from _destination(lake, Prefix="events/year=!{timestamp:yyyy}/")


@breaks("stream")
def other_partition_keys(lake: Lake) -> Iterator[None]:
    yield from _destination(lake, Prefix="raw/year=!{timestamp:yyyy}/month=!{timestamp:MM}/")


@breaks("stream")
def no_gzip(lake: Lake) -> Iterator[None]:
    yield from _destination(lake, CompressionFormat="UNCOMPRESSED")


Configurations = list[dict[str, Any]]


def _notified(lake: Lake, change: Callable[[dict[str, Any]], Configurations]) -> Iterator[None]:
    s3, bucket = lake.sandbox.client("s3"), lake.sandbox.bucket
    known = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    (raw,) = [each for each in known if _prefix_of(each) == "raw/"]
    others = [each for each in known if each is not raw]

    def put(configurations: Configurations) -> None:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": configurations}
        )
        # S3's test message needs functions that work: it may not meet what is broken next.
        lake.sandbox.wait_idle()

    put([*change(json.loads(json.dumps(raw))), *others])
    yield
    put(known)


def _prefix_of(configuration: dict[str, Any]) -> str:
    rules = configuration["Filter"]["Key"]["FilterRules"]
    return next(str(rule["Value"]) for rule in rules if rule["Name"].lower() == "prefix")


def _filtered(prefix: str, suffix: str) -> Callable[[dict[str, Any]], Configurations]:
    rules = [{"Name": "prefix", "Value": prefix}, {"Name": "suffix", "Value": suffix}]
    return lambda known: [known | {"Filter": {"Key": {"FilterRules": rules}}}]


@breaks("notification")
def no_notification(lake: Lake) -> Iterator[None]:
    yield from _notified(lake, lambda _: [])


@breaks("notification")
def no_notification_of_what_could_not_be_delivered(lake: Lake) -> Iterator[None]:
    s3, bucket = lake.sandbox.client("s3"), lake.sandbox.bucket
    known = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    for told in ([each for each in known if _prefix_of(each) == "raw/"], known):
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": told}
        )
        if told is not known:
            yield


@breaks("notification")
def a_notification_of_another_prefix(lake: Lake) -> Iterator[None]:
    yield from _notified(lake, _filtered("raw/year=2025/", ".gz"))


@breaks("notification")
def a_notification_of_another_suffix(lake: Lake) -> Iterator[None]:
    yield from _notified(lake, _filtered("raw/", ".json.gz"))


@breaks("notification")
def a_notification_of_puts_alone(lake: Lake) -> Iterator[None]:
    yield from _notified(lake, lambda known: [known | {"Events": ["s3:ObjectCreated:Put"]}])


@breaks("notification")
def a_notification_to_another_queue(lake: Lake) -> Iterator[None]:
    yield from _notified(lake, lambda known: [known | {"QueueArn": f"{known['QueueArn']}-dead"}])


def _queue(lake: Lake, **attributes: str) -> Iterator[None]:
    sqs, url = lake.sandbox.client("sqs"), lake.sandbox.queue_url
    known = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    yield
    sqs.set_queue_attributes(QueueUrl=url, Attributes={name: known[name] for name in attributes})


def _policy(effect: str, source: str) -> str:
    statement = {
        "Effect": effect,
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": "*",
        "Condition": {"ArnEquals": {"aws:SourceArn": source}},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@breaks("queue policy")
def a_policy_for_another_bucket(lake: Lake) -> Iterator[None]:
    yield from _queue(lake, Policy=_policy("Allow", "arn:aws:s3:::another"))


@breaks("queue policy")
def a_policy_that_denies(lake: Lake) -> Iterator[None]:
    yield from _queue(lake, Policy=_policy("Deny", f"arn:aws:s3:::{lake.sandbox.bucket}"))


@breaks("queues")
def messages_that_come_back_too_soon(lake: Lake) -> Iterator[None]:
    yield from _queue(lake, VisibilityTimeout="59")


@breaks("queues")
def no_dead_letter_queue(lake: Lake) -> Iterator[None]:
    yield from _queue(lake, RedrivePolicy="")


def _mapping(lake: Lake, kind: str, **change: Any) -> Iterator[None]:  # noqa: ANN401 - AWS's own
    functions = lake.sandbox.client("lambda")
    (known,) = functions.list_event_source_mappings(FunctionName=f"{STREAM}-{kind}")[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=known["UUID"], **change)
    yield
    functions.update_event_source_mapping(
        UUID=known["UUID"],
        Enabled=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


@breaks("event source")
def a_mapping_that_is_off(lake: Lake) -> Iterator[None]:
    yield from _mapping(lake, "compact", Enabled=False)


@breaks("event source")
def a_mapping_that_hears_of_no_single_failure(lake: Lake) -> Iterator[None]:
    yield from _mapping(lake, "transform", FunctionResponseTypes=[])


# --- what happens by itself ----------------------------------------------------------------------


def _schedule(lake: Lake, name: str, **change: Any) -> Iterator[None]:  # noqa: ANN401 - AWS's own
    scheduler = lake.sandbox.client("scheduler")
    known = scheduler.get_schedule(Name=f"{STREAM}-{name}")
    fields = ("Name", "ScheduleExpression", "FlexibleTimeWindow", "Target", "State")
    given = {field: known[field] for field in fields}
    scheduler.update_schedule(**given | change)
    yield
    scheduler.update_schedule(**given)


@breaks("schedules")
def a_schedule_that_is_off(lake: Lake) -> Iterator[None]:
    yield from _schedule(lake, "audit", State="DISABLED")


@breaks("schedules")
def a_schedule_that_asks_for_something_else(lake: Lake) -> Iterator[None]:
    known = lake.sandbox.client("scheduler").get_schedule(Name=f"{STREAM}-compact")["Target"]
    target = known | {"Input": '{"action":"cleanup"}'}
    yield from _schedule(lake, "compact", Target=target)


def _rule(lake: Lake, **rule: Any) -> Iterator[None]:  # noqa: ANN401 - AWS's own
    s3, bucket = lake.sandbox.client("s3"), lake.sandbox.bucket
    rules = [{"ID": "mine", "Status": "Enabled", "Expiration": {"Days": 30}} | rule]
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": rules})
    yield
    s3.delete_bucket_lifecycle(Bucket=bucket)


@breaks("lifecycle")
def a_rule_over_everything(lake: Lake) -> Iterator[None]:
    yield from _rule(lake, Filter={"Prefix": ""})


@breaks("lifecycle")
def a_rule_within_what_is_processed(lake: Lake) -> Iterator[None]:
    yield from _rule(lake, Filter={"Prefix": "processed/json/"})


@breaks("lifecycle")
def a_rule_over_manifests(lake: Lake) -> Iterator[None]:
    yield from _rule(lake, Filter={"And": {"Prefix": "mani", "Tags": [{"Key": "a", "Value": "b"}]}})


@breaks("partitions")
def a_partition_with_a_column_of_another_type(lake: Lake) -> Iterator[None]:
    glue, database = lake.sandbox.client("glue"), lake.sandbox.database
    table = glue.get_table(DatabaseName=database, Name="clickstream_events")["Table"]
    storage = table["StorageDescriptor"]
    columns = [c | {"Type": "array<string>"} for c in storage["Columns"]]
    values = ["2025", "11", "26"]
    glue.create_partition(
        DatabaseName=database,
        TableName="clickstream_events",
        PartitionInput={"Values": values, "StorageDescriptor": storage | {"Columns": columns}},
    )
    yield
    glue.delete_partition(
        DatabaseName=database, TableName="clickstream_events", PartitionValues=values
    )


@breaks("lake formation")
def columns_that_are_hidden_from_nobody(lake: Lake) -> Iterator[None]:
    formation = lake.sandbox.client("lakeformation")
    table = {"DatabaseName": lake.sandbox.database, "Name": "clickstream_events"}
    bucket = f"arn:aws:s3:::{lake.sandbox.bucket}"
    formation.register_resource(ResourceArn=bucket, RoleArn="arn:aws:iam::123456789012:role/r")
    reader = {"DataLakePrincipalIdentifier": "arn:aws:iam::123456789012:role/reader"}
    hidden = {"ColumnWildcard": {"ExcludedColumnNames": ["page_url"]}}
    granted = [
        (reader, {"TableWithColumns": table | hidden}, ["SELECT"]),
        ({"DataLakePrincipalIdentifier": "IAM_ALLOWED_PRINCIPALS"}, {"Table": table}, ["ALL"]),
    ]
    for principal, resource, permissions in granted:
        formation.grant_permissions(Principal=principal, Resource=resource, Permissions=permissions)
    yield
    for principal, resource, permissions in granted:
        formation.revoke_permissions(
            Principal=principal, Resource=resource, Permissions=permissions
        )
    formation.deregister_resource(ResourceArn=bucket)


def _alarm(lake: Lake, *, state: str, actions: bool = True) -> Iterator[None]:
    cloudwatch = lake.sandbox.client("cloudwatch")
    name = f"{STREAM}-of-a-test"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Test",
        MetricName="Nothing",
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=0,
        ComparisonOperator="GreaterThanThreshold",
        ActionsEnabled=actions,
        TreatMissingData="ignore",  # what it is made to be stays
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="a test")
    yield
    cloudwatch.delete_alarms(AlarmNames=[name])


@breaks("alarms")
def an_alarm_that_is_on(lake: Lake) -> Iterator[None]:
    yield from _alarm(lake, state="ALARM")


@breaks("alarms")
def an_alarm_that_tells_nobody(lake: Lake) -> Iterator[None]:
    yield from _alarm(lake, state="OK", actions=False)


# --- tests ---------------------------------------------------------------------------------------


def test_a_lake_that_is_well_has_nothing_wrong(lake: Lake) -> None:
    assert lake.statuses() == {
        "right": {check.name for check in CHECKS} - NOT_HERE,
        "wrong": set(),
        "unknown": NOT_HERE,
    }


@pytest.mark.parametrize("way", BREAKS)
def test_what_is_broken_turns_its_check_red_and_no_other(way: str, lake: Lake) -> None:
    check, broken = BREAKS[way]
    with broken(lake):
        found = [each for each in lake.findings() if each.status is Status.WRONG]
    assert {each.check for each in found} == {check}
    assert all(each.do for each in found)


def test_every_check_is_broken_by_some_test() -> None:
    assert {check for check, _ in BREAKS.values()} == {c.name for c in CHECKS} - NOT_HERE


def test_a_rule_of_just_the_raw_zone_is_its_retention(lake: Lake) -> None:
    with contextmanager(_rule)(lake, Filter={"Prefix": "raw/"}):
        assert lake.statuses()["wrong"] == set()


@pytest.mark.slow
@pytest.mark.parametrize("action", [each for each in PERMISSIONS if "Quotas" not in each])
def test_what_may_not_be_looked_at_is_unknown_and_says_what_to_grant(
    action: str, lake: Lake
) -> None:
    lake.denied = {action}
    found = lake.findings()
    lake.denied = set()
    assert action in lake.asked or action == "lakeformation:ListLakeFormationOptIns"
    unknown = [each for each in found if each.status is Status.UNKNOWN and "grant" in each.found]
    assert all(action in each.found for each in unknown)
    assert not [each for each in found if each.status is Status.WRONG]
    # What only other checks' findings need, or what is asked in a hybrid lake alone.
    quiet = {
        "glue:GetDataCatalogEncryptionSettings",
        "glue:GetResourcePolicy",
        "lakeformation:ListLakeFormationOptIns",
    }
    assert bool(unknown) == (action not in quiet)


def test_the_policy_of_the_documentation_is_all_that_it_asks_for(lake: Lake) -> None:
    lake.findings()
    (text,) = re.findall(
        r"^```json\n(\{\n  \"Version\".*?)^```", DOCS.read_text(), re.MULTILINE | re.DOTALL
    )
    actions: list[str] = []
    for statement in json.loads(text)["Statement"]:
        one = statement["Action"]
        actions += [one] if isinstance(one, str) else one
    assert sorted(actions) == PERMISSIONS
    assert lake.asked <= set(actions)


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_command_tells_by_its_status(lake: Lake, options: list[str]) -> None:
    well = CliRunner().invoke(app, ["doctor", *options], env={"COLUMNS": "200"})
    assert well.exit_code == 0, well.output
    with BREAKS["no_notification"][1](lake):
        ill = CliRunner().invoke(app, ["doctor", *options], env={"COLUMNS": "200"})
    assert ill.exit_code == 1
    if options:
        told = json.loads(ill.stdout)
        assert (told["well"], json.loads(well.stdout)["well"]) == (False, True)
        (wrong,) = [each for each in told["findings"] if each["status"] == "wrong"]
        assert wrong["check"] == "notification"
        assert "clickstream audit --repair" in wrong["do"]
    else:
        assert "notification" in ill.stdout
        assert "wrong" not in well.stdout
