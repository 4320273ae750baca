import threading
import urllib.error
import urllib.request
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.sandbox.asking import administer

if TYPE_CHECKING:
    from conftest import Bench


def at_once(count: int, work: Any) -> list[Any]:  # noqa: ANN401 - any function of a number
    results: list[Any] = [None] * count
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        results[number] = work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_the_state_can_be_asked_for_and_moved_over_http(bench: "Bench") -> None:
    bench.sandbox.wait_idle()  # S3's test event is a message too, until the function took it
    bench.client("firehose").put_record(
        DeliveryStreamName=bench.sandbox.stream, Record={"Data": b"{}"}
    )

    assert administer(bench.sandbox, "status")["in_flight"] == 1
    flushed = administer(bench.sandbox, "flush")
    assert (flushed["bucket"], flushed["endpoint"]) == (
        bench.sandbox.bucket,
        bench.sandbox.endpoint,
    )
    assert administer(bench.sandbox, "wait-idle")["in_flight"] == 0


def test_an_unknown_request_to_the_sandbox_itself_is_not_found(bench: "Bench") -> None:
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        administer(bench.sandbox, "nonsense")
    caught.value.close()


def test_one_of_many_conditional_puts_wins(bench: "Bench") -> None:
    bucket = bench.bucket()
    s3 = bench.client("s3")

    def put(number: int) -> str:
        try:
            s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    outcomes = at_once(12, put)

    assert outcomes.count("won") == 1
    assert outcomes.count("PreconditionFailed") == 11
    assert bench.read(bucket, "k") == b"%d" % outcomes.index("won")


def test_one_of_many_creations_of_a_partition_wins(bench: "Bench") -> None:
    glue, sandbox = bench.client("glue"), bench.sandbox

    def create(number: int) -> str:
        try:
            glue.create_partition(
                DatabaseName=sandbox.database,
                TableName="clickstream_events",
                PartitionInput={
                    "Values": ["1999", "01", "01"],
                    "StorageDescriptor": {"Location": f"s3://x/{number}"},
                },
            )
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "won"

    outcomes = at_once(12, create)

    assert outcomes.count("won") == 1
    assert outcomes.count("AlreadyExistsException") == 11


def test_a_schedule_fires_when_its_time_comes(bench: "Bench") -> None:
    fired = threading.Event()
    seen: list[Any] = []

    def take(event: Any) -> None:  # noqa: ANN401 - any JSON
        seen.append(event)
        fired.set()

    name = bench.function(take)
    configuration = bench.client("lambda").get_function_configuration(FunctionName=name)
    soon = bench.clock.now + timedelta(seconds=90)
    bench.client("scheduler").create_schedule(
        Name=name,
        ScheduleExpression=f"at({soon:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={
            "Arn": configuration["FunctionArn"],
            "RoleArn": configuration["Role"],
            "Input": '{"action":"plan"}',
        },
    )

    assert not fired.wait(2)
    bench.clock.forward(100)

    assert fired.wait(30)
    assert seen == [{"action": "plan"}]


def test_a_schedule_can_be_fired_by_name_and_a_disabled_one_never_fires(bench: "Bench") -> None:
    seen: list[Any] = []
    name = bench.function(seen.append)
    configuration = bench.client("lambda").get_function_configuration(FunctionName=name)
    for suffix, state in (("on", "ENABLED"), ("off", "DISABLED")):
        bench.client("scheduler").create_schedule(
            Name=f"{name}-{suffix}",
            State=state,
            ScheduleExpression="rate(30 days)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": configuration["FunctionArn"], "RoleArn": configuration["Role"]},
        )

    ticks = bench.sandbox.tick(name)

    assert [tick.schedule for tick in ticks] == [f"{name}-on"]
    assert seen == [{}]
