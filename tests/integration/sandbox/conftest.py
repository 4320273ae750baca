import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.sandbox.runtime.function import Function
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.integration.sandbox.asking import OWN_CODE

TEST_HANDLER = "tests.stand_in.handler"

Answer = Callable[[Any], Any]


class Clock:
    """A clock that a test moves by hand."""

    def __init__(self) -> None:
        self.now = datetime(2025, 11, 26, 23, 59, 50, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def own_code(function: Function) -> str | None:
    """What a test's own functions run in a process of their own."""
    return function.handler if function.handler.startswith(OWN_CODE) else None


class StandIn:
    """A handler that does what the test at hand wants: by function name, in this process."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}

    def __call__(self, event: Any, context: Any) -> Any:  # noqa: ANN401 - Lambda's own shapes
        answer = self.answers.get(context.function_name)
        return answer(event) if answer else None


class Bench:
    """A running sandbox, and names that no other test of the module uses."""

    _numbers = itertools.count(1)

    def __init__(
        self, sandbox: Sandbox, clock: Clock, stand_in: StandIn, refusing: set[bytes]
    ) -> None:
        self.sandbox = sandbox
        self.clock = clock
        self.refusing = refusing
        self._stand_in = stand_in

    def name(self, kind: str) -> str:
        return f"{kind}-{next(self._numbers)}"

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 types clients one by one
        return self.sandbox.client(service)

    def bucket(self) -> str:
        name = self.name("bucket")
        self.client("s3").create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str) -> list[str]:
        listed = self.client("s3").list_objects_v2(Bucket=bucket)
        return [entry["Key"] for entry in listed.get("Contents", [])]

    def read(self, bucket: str, key: str) -> bytes:
        body: bytes = self.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return body

    def queue(self, name: str = "", **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name or self.name("queue"), Attributes=attributes)[
            "QueueUrl"
        ]
        answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return url, answer["Attributes"]["QueueArn"]

    def function(
        self,
        answer: Answer | None = None,
        handler: str = TEST_HANDLER,
        **more: Any,  # noqa: ANN401 - CreateFunction's own
    ) -> str:
        """The name of a new function that answers as `answer` says."""
        name = self.name("function")
        if answer:
            self._stand_in.answers[name] = answer
        lake = self.client("lambda").get_function_configuration(
            FunctionName=f"{self.sandbox.stream}-transform"
        )
        self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=lake["Role"],
            Handler=handler,
            Code={"ZipFile": b"PK\x05\x06" + bytes(18)},
            **more,
        )
        return name

    def answers(self, function: str, answer: Answer) -> None:
        """Have a function that is there already answer so."""
        self._stand_in.answers[function] = answer

    def map(self, queue_arn: str, function: str, **more: Any) -> str:  # noqa: ANN401 - CreateEventSourceMapping's own
        answer = self.client("lambda").create_event_source_mapping(
            EventSourceArn=queue_arn, FunctionName=function, **more
        )
        self.sandbox.event_sources.refresh()
        uuid: str = answer["UUID"]
        return uuid


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    clock, stand_in, refusing = Clock(), StandIn(), set[bytes]()

    def refuse(record: bytes) -> bool:
        if record in refusing:
            refusing.remove(record)
            return True
        return False

    with lake_sandbox(
        provision=by_catalog(
            # Both: time that a test moves on may fire the lake's own schedules, too.
            LakeSettings(transform_handler=TEST_HANDLER, compact_handler=TEST_HANDLER)
        ),
        clock=clock,
        refuse=refuse,
        handlers={TEST_HANDLER: stand_in},
        entry_point=own_code,
    ) as sandbox:
        yield Bench(sandbox, clock, stand_in, refusing)
