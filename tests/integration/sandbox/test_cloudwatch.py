"""Metrics and alarms of a running sandbox: what happens in it is measured, and judged."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from clickstream_lake.cli import app

if TYPE_CHECKING:
    from conftest import Bench

DEAD: dict[str, Any] = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateNumberOfMessagesVisible",
    "Statistic": "Maximum",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 0,
    "ComparisonOperator": "GreaterThanThreshold",
    "TreatMissingData": "notBreaching",
}


@pytest.fixture(autouse=True)
def later(bench: "Bench") -> None:
    """Each test begins when no alarm sees any more what another did."""
    bench.clock.forward(6 * 3600)


def alarm(bench: "Bench", **more: object) -> str:
    name = bench.name("alarm")
    bench.client("cloudwatch").put_metric_alarm(AlarmName=name, **(DEAD | more))
    return name


def of_queue(name: str) -> dict[str, Any]:
    return {"Dimensions": [{"Name": "QueueName", "Value": name}]}


def measured(bench: "Bench", namespace: str, metric: str, statistic: str, **named: str) -> float:
    """A statistic of the last five minutes."""
    (point,) = bench.client("cloudwatch").get_metric_statistics(
        Namespace=namespace,
        MetricName=metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in named.items()],
        StartTime=bench.clock.now - timedelta(minutes=4),
        EndTime=bench.clock.now + timedelta(minutes=1),
        Period=3600,
        Statistics=[statistic],
    )["Datapoints"]
    value: float = point[statistic]
    return value


def test_a_lake_is_well_from_its_first_minute_on(bench: "Bench") -> None:
    states = bench.sandbox.alarms()
    lake = {name: state for name, state in states.items() if name.startswith("clickstream-")}
    assert len(lake) > 20
    assert set(lake.values()) == {"OK"}


@pytest.mark.parametrize("times", [1, 2])
def test_s3s_test_message_rings_for_every_queue_that_nobody_reads(
    times: int, bench: "Bench"
) -> None:
    """Each change of a bucket's notification sends one to all of its queues."""
    names = [bench.name("queue") for _ in range(2)]
    bucket = bench.bucket()
    configurations = [
        {
            "QueueArn": bench.queue(name)[1],
            "Events": ["s3:ObjectCreated:*"],
            "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": f"{name}/"}]}},
        }
        for name in names
    ]
    alarms = {alarm(bench, **of_queue(name)) for name in names}
    assert {bench.sandbox.alarms()[name] for name in alarms} == {"OK"}
    for _ in range(times):
        bench.client("s3").put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": configurations}
        )
    assert {bench.sandbox.alarms()[name] for name in alarms} == {"ALARM"}
    for name in names:
        assert measured(bench, "AWS/SQS", DEAD["MetricName"], "Maximum", QueueName=name) == times


def test_an_alarm_shows_its_state_and_reason_and_goes_on_and_off(bench: "Bench") -> None:
    name = bench.name("queue")
    url, _ = bench.queue(name)
    alarmed = alarm(bench, **of_queue(name))
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="dead")
    bench.sandbox.alarms()
    cloudwatch = bench.client("cloudwatch")
    (shown,) = cloudwatch.describe_alarms(AlarmNames=[alarmed])["MetricAlarms"]
    assert shown["StateValue"] == "ALARM"
    assert shown["StateReason"] == (
        "alarm if 1 of 1 data points > 0 (periods of 60 s); seen, the oldest first: none, none, 1"
    )
    bench.client("sqs").purge_queue(QueueUrl=url)
    bench.clock.forward(60)
    assert bench.sandbox.alarms()[alarmed] == "OK"


def test_invocations_failures_and_throttles_are_counted(bench: "Bench") -> None:
    def fail(event: object) -> None:
        if event:
            raise ValueError("no")

    function = bench.function(fail)
    client = bench.client("lambda")
    for payload in (b"{}", b"{}", b'{"a": 1}'):
        client.invoke(FunctionName=function, Payload=payload)
    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="Rate Exceeded") as caught:
        client.invoke(FunctionName=function, Payload=b"{}")
    assert caught.value.response["Error"]["Code"] == "TooManyRequestsException"
    client.delete_function_concurrency(FunctionName=function)
    client.invoke(FunctionName=function, Payload=b"{}")

    sums = {
        name: measured(bench, "AWS/Lambda", name, "Sum", FunctionName=function)
        for name in ("Invocations", "Errors", "Throttles")
    }
    # boto3 has asked three times.
    assert sums == {"Invocations": 4, "Errors": 1, "Throttles": 3}
    assert measured(bench, "AWS/Lambda", "Duration", "SampleCount", FunctionName=function) == 4


def test_a_stream_is_measured(bench: "Bench") -> None:
    stream = bench.sandbox.stream

    def firehose(metric: str, statistic: str = "Sum") -> float:
        return measured(bench, "AWS/Firehose", metric, statistic, DeliveryStreamName=stream)

    bench.refusing.add(b"{}")
    for record in (b"{}", b'{"a": 1}', b'{"b": 2}'):
        bench.client("firehose").put_record_batch(
            DeliveryStreamName=stream, Records=[{"Data": record}]
        )
    bench.sandbox.alarms()
    assert firehose("IncomingRecords") == 2
    assert firehose("ThrottledRecords") == 1
    assert firehose("DeliveryToS3.DataFreshness", "Maximum") == 0
    bench.sandbox.flush()
    assert firehose("DeliveryToS3.Records") == 2
    assert firehose("DeliveryToS3.Success", "Average") == 1


def test_a_tick_that_cannot_be_handed_over_becomes_a_dead_letter(bench: "Bench") -> None:
    """And one that the function fails on goes where its failures go."""
    dead_url, dead = bench.queue()
    failed_url, failed = bench.queue()

    def fail(_event: object) -> None:
        raise ValueError("no")

    function = bench.function(fail)
    client = bench.client("lambda")
    arn = client.get_function_configuration(FunctionName=function)["FunctionArn"]
    client.put_function_event_invoke_config(
        FunctionName=function, DestinationConfig={"OnFailure": {"Destination": failed}}
    )
    schedule = bench.name("schedule")
    bench.client("scheduler").create_schedule(
        Name=schedule,
        ScheduleExpression="at(1999-01-01T00:00:00)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": arn,
            "RoleArn": "arn:aws:iam::123456789012:role/any",
            "Input": '{"action": "plan"}',
            "DeadLetterConfig": {"Arn": dead},
        },
    )

    def received(url: str) -> list[dict[str, Any]]:
        answer = bench.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"])
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    (tick,) = bench.sandbox.tick(schedule)
    assert tick.outcome.failed
    (message,) = received(failed_url)
    assert json.loads(message["Body"])["requestPayload"] == '{"action": "plan"}'
    assert received(dead_url) == []

    client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    (tick,) = bench.sandbox.tick(schedule)
    assert tick.outcome.failed
    (message,) = received(dead_url)
    assert message["Body"] == '{"action": "plan"}'
    code = message["MessageAttributes"]["ERROR_CODE"]["StringValue"]
    assert code == "TooManyRequestsException"
    assert received(failed_url) == []
    bench.client("scheduler").delete_schedule(Name=schedule)


def test_what_clients_measure_is_answered_and_judged(bench: "Bench") -> None:
    cloudwatch = bench.client("cloudwatch")
    own = bench.name("Own")
    for name, values in {
        "Bad": {"Value": 3},
        "All": {"Values": [10, 20], "Counts": [2, 1]},
    }.items():
        datum = {"MetricName": name, "Timestamp": bench.clock.now, **values}
        cloudwatch.put_metric_data(Namespace=own, MetricData=[datum])
    sums = [
        {
            "Id": id_,
            "MetricStat": {
                "Metric": {"Namespace": own, "MetricName": name},
                "Period": 300,
                "Stat": "Sum",
            },
        }
        for id_, name in (("bad", "Bad"), ("lines", "All"))
    ]
    share = {"Id": "share", "Expression": "100 * bad / lines"}
    answers = cloudwatch.get_metric_data(
        MetricDataQueries=[share, *sums],
        StartTime=bench.clock.now - timedelta(hours=1),
        EndTime=bench.clock.now + timedelta(minutes=1),
    )["MetricDataResults"]
    assert {each["Id"]: each["Values"] for each in answers} == {
        "bad": [3],
        "lines": [40],
        "share": [7.5],
    }
    assert all(each["Timestamps"][0].minute % 5 == 0 for each in answers)
    listed = cloudwatch.list_metrics(Namespace=own)["Metrics"]
    assert {each["MetricName"] for each in listed} == {"Bad", "All"}

    name = bench.name("alarm")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Metrics=[share | {"ReturnData": True}, *(each | {"ReturnData": False} for each in sums)],
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanThreshold",
    )
    assert bench.sandbox.alarms()[name] == "ALARM"


def test_the_command_shows_what_rings_first_and_fails_by_it(
    bench: "Bench", monkeypatch: pytest.MonkeyPatch
) -> None:
    name = bench.name("queue")
    url, _ = bench.queue(name)
    bench.client("sqs").send_message(QueueUrl=url, MessageBody="dead")
    alarmed = alarm(bench, **of_queue(name))
    bench.sandbox.alarms()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    environment = bench.sandbox.credentials() | {"AWS_ENDPOINT_URL": bench.sandbox.endpoint}

    def run(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["sandbox", "alarms", *options], env=environment)
        return done.exit_code, done.stdout

    code, table = run()
    assert code == 1
    assert alarmed in table
    code, listed = run("--json")
    assert code == 1
    rows = json.loads(listed)
    assert {row["state"] for row in rows if row["alarm"] == alarmed} == {"ALARM"}
    states = [row["state"] == "ALARM" for row in rows]
    assert states == sorted(states, reverse=True)

    bench.client("sqs").purge_queue(QueueUrl=url)
    for row in rows:
        bench.client("cloudwatch").set_alarm_state(
            AlarmName=row["alarm"], StateValue="OK", StateReason="tried"
        )
    assert run()[0] == 0


@pytest.mark.parametrize("expression", ["SEARCH('{a} b', 'Sum', 300)", "RATE(bad)"])
def test_metric_math_that_the_sandbox_lacks_is_refused(expression: str, bench: "Bench") -> None:
    stat = {"Metric": {"Namespace": "Own", "MetricName": "Bad"}, "Period": 300, "Stat": "Sum"}
    with pytest.raises(ClientError, match="metric math that the sandbox knows"):
        bench.client("cloudwatch").get_metric_data(
            MetricDataQueries=[
                {"Id": "bad", "MetricStat": stat},
                {"Id": "rate", "Expression": expression},
            ],
            StartTime=bench.clock.now - timedelta(hours=1),
            EndTime=bench.clock.now,
        )


def test_an_alarm_that_the_sandbox_cannot_judge_keeps_its_state_and_is_named(
    bench: "Bench", caplog: pytest.LogCaptureFixture
) -> None:
    slow = bench.name("alarm")
    more = {name: value for name, value in DEAD.items() if name != "Statistic"}
    bench.client("cloudwatch").put_metric_alarm(AlarmName=slow, ExtendedStatistic="p99", **more)
    for _ in range(2):
        assert bench.sandbox.alarms()[slow] == "INSUFFICIENT_DATA"
    assert [slow in record.getMessage() for record in caplog.records].count(True) == 1
    bench.client("cloudwatch").delete_alarms(AlarmNames=[slow])
