import gzip
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow.parquet as pq
import pytest
from botocore import endpoint
from botocore.awsrequest import AWSResponse
from moto import mock_aws
from moto.core.botocore_stubber import MockRawResponse

from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.errors import EventError, FailedObjectsError
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.sandbox.event_source import make_event
from clickstream_lake.transform.function import SERVICE, TransformFunction
from clickstream_lake.transform.rules.native import library

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "lake"
DAY = "year=2025/month=11/day=26"
KEY = f"raw/{DAY}/file.gz"
EVENT = (
    b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
    b'"page_url":"/p","user_id":"c4n4ry"}\n'
)


@dataclass
class Context:
    """As much of a Lambda context as the function asks for."""

    left_ms: int = 300_000
    function_name: str = "transform"

    def get_remaining_time_in_millis(self) -> int:
        return self.left_ms


class Slow:
    """Lets an invocation's time go by, whenever one raw object is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
        self._context = context
        self._times: dict[str, int] = {}
        self.asked: list[str] = []
        session = boto3.Session()
        session.events.register("provide-client-params.s3.GetObject", self._pass)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)

    def takes(self, key: str, milliseconds: int) -> None:
        self._times[key] = milliseconds

    def _pass(self, params: dict[str, Any], **_: object) -> None:
        self.asked.append(params["Key"])
        self._context.left_ms -= self._times.get(params["Key"], 0)


class Throttling:
    """A Glue that refuses the first so many tries of every call, as an account's rate does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.times = times
        self.refused = 0
        session = boto3.Session()
        # Before moto's own.
        session.events.register_first("before-send.glue", self._refuse)
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", session)
        monkeypatch.setattr(endpoint, "time", SimpleNamespace(sleep=lambda _: None))

    def _refuse(self, request: Any, **_: object) -> AWSResponse | None:  # noqa: ANN401 - botocore's
        attempt = int(request.headers["amz-sdk-request"].partition(b"attempt=")[2].split(b";")[0])
        if attempt > self.times:
            return None
        self.refused += 1
        body = b'{"__type":"ThrottlingException","Message":"Rate exceeded"}'
        headers = {"x-amzn-errortype": "ThrottlingException"}
        return AWSResponse(request.url, 400, headers, MockRawResponse(body))


class FakeLake:
    """A lake in moto, as Terraform would leave it."""

    def __init__(self, bucket: str = BUCKET, database: str = "clickstream") -> None:
        self.bucket, self.database = bucket, database
        self.s3: S3Client = boto3.client("s3")
        self.glue = boto3.client("glue")
        self.s3.create_bucket(Bucket=self.bucket)
        self.glue.create_database(DatabaseInput={"Name": self.database})
        catalog = load_catalog()
        for fmt in ("json", "parquet", "rejects"):
            self.glue.create_table(
                DatabaseName=self.database,
                TableInput=catalog.glue_table_input(fmt, self.bucket),  # type: ignore[arg-type]  # as API
            )

    def put(self, key: str, lines: bytes, *, raw: bool = False) -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=lines if raw else gzip.compress(lines))

    def keys(self, prefix: str) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for entry in found.get("Contents", [])]

    def read(self, prefix: str) -> bytes:
        return b"".join(
            self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            for key in self.keys(prefix)
        )

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.read("processed/json/").splitlines()]

    def rows(self) -> list[dict[str, Any]]:
        return [
            row
            for key in self.keys("processed/parquet/")
            for row in pq.read_table(BytesIO(self.read(key))).to_pylist()
        ]

    def rejects(self) -> list[tuple[int, str]]:
        rows = [json.loads(line) for line in self.read("rejected/").splitlines()]
        return [(row["line_number"], row["reason"]) for row in rows]

    def partitions(self, table: str) -> list[list[str]]:
        found = self.glue.get_partitions(DatabaseName=self.database, TableName=table)
        return [partition["Values"] for partition in found["Partitions"]]


@pytest.fixture
def lake(aws_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLake]:
    del aws_environment
    monkeypatch.setenv("LAKE_BUCKET", BUCKET)
    monkeypatch.setenv("LAKE_DATABASE", "clickstream")
    with mock_aws():
        yield FakeLake()


@pytest.fixture(autouse=True)
def log() -> StringIO:
    """What is logged; the logger itself keeps the stream that there was when it was made."""
    written = StringIO()
    handler = Telemetry(SERVICE, {}).logger.registered_handler
    # Not setStream(), which would flush the stream before: of a test that has ended.
    handler.stream = written  # type: ignore[attr-defined]  # a StreamHandler
    return written


def notification(*keys: str, bucket: str = BUCKET) -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket}, "object": {"key": key.replace("=", "%3D")}},
            }
            for key in keys
        ]
    }


def sqs(*bodies: object) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "eventSource": "aws:sqs",
                "body": body if isinstance(body, str) else json.dumps(body),
            }
            for number, body in enumerate(bodies)
        ]
    }


def invoke(event: dict[str, Any], context: Context | None = None) -> dict[str, Any]:
    return TransformFunction(os.environ)(event, context or Context())  # type: ignore[arg-type]  # a stand-in


def failed(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.mark.parametrize("name", ["records.gz", "records"])
def test_what_firehose_could_not_deliver_is_counted_and_not_transformed(
    name: str, lake: FakeLake, log: StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    key = f"errors/processing-failed/{DAY}/{name}"
    lake.put(key, b'{"rawData":"e30="}\n')
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(notification(key), notification(KEY)))) == []
    assert len(lake.events()) == 1
    assert lake.keys("rejected/") == []
    (metrics,) = [
        written
        for line in capsys.readouterr().out.splitlines()
        if "ObjectsUndelivered" in (written := json.loads(line))
    ]
    assert metrics["ObjectsUndelivered"] == [1]
    assert metrics["ObjectsFailed"] == [0]
    assert json.loads(log.getvalue().splitlines()[0])["key"] == key


def test_the_seed_case_is_visible_in_both_tables(lake: FakeLake) -> None:
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(notification(KEY)))) == []
    (event,) = lake.events()
    processed = event.pop("processed_ts")
    assert event == {
        "event_id": "e1",
        "event_type": "click",
        "event_ts": "2025-11-26T10:00:00Z",
        "page_url": "/p",
    }
    (row,) = lake.rows()
    assert row["event_id"] == "e1"
    assert row["processed_ts"].isoformat(timespec="milliseconds") == processed.replace(
        "Z", "+00:00"
    )
    for table in ("clickstream_events", "clickstream_events_parquet"):
        assert lake.partitions(table) == [["2025", "11", "26"]]
    assert lake.keys("rejected/") == []
    (json_key,) = lake.keys("processed/json/")
    assert json_key.startswith(f"processed/json/{DAY}/file-")


@pytest.mark.parametrize(
    "event",
    [
        notification(KEY),
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": BUCKET}, "object": {"key": KEY}},
        },
    ],
    ids=["S3", "EventBridge"],
)
def test_other_triggers_than_sqs_work_too(lake: FakeLake, event: dict[str, Any]) -> None:
    lake.put(KEY, EVENT)
    assert invoke(event) == {"objects": 1}
    assert len(lake.events()) == len(lake.rows()) == 1


def test_a_message_delivered_five_times_publishes_once(lake: FakeLake) -> None:
    lake.put(KEY, EVENT * 3)
    invoke(sqs(notification(KEY)))
    first = {key: lake.read(key) for key in lake.keys("processed/")}
    for _ in range(3):
        assert failed(invoke(sqs(notification(KEY)))) == []
    assert failed(invoke(sqs(notification(KEY), notification(KEY)))) == []
    assert {key: lake.read(key) for key in lake.keys("processed/")} == first
    assert len(lake.events()) == len(lake.rows()) == 3
    assert len({event["processed_ts"] for event in lake.events()}) == 1


def test_a_corrupt_object_holds_up_nothing_and_is_rejected_once(lake: FakeLake) -> None:
    good, corrupt, other = (f"raw/{DAY}/{name}.gz" for name in ("a", "b", "c"))
    lake.put(good, EVENT)
    lake.put(corrupt, gzip.compress(EVENT)[:-5], raw=True)
    lake.put(other, EVENT)
    event = sqs(*(notification(key) for key in (good, corrupt, other)))
    assert failed(invoke(event)) == []
    assert failed(invoke(event)) == []
    assert len(lake.events()) == len(lake.rows()) == 2
    assert lake.rejects() == [(0, "gzip_truncated")]
    assert lake.partitions("clickstream_rejects") == [["2025", "11", "26"]]


def test_only_the_bad_messages_of_a_batch_come_back(lake: FakeLake) -> None:
    lake.put(KEY, EVENT)
    answer = invoke(
        sqs(
            notification(f"raw/{DAY}/missing.gz"),
            notification(KEY, bucket="another-bucket"),
            notification("raw/unpartitioned.gz"),
            notification("processed/x.gz"),
            "no json",
            {"Event": "s3:TestEvent"},
            notification(KEY),
        )
    )
    assert failed(answer) == ["m0", "m1", "m2", "m3", "m4"]
    assert len(lake.events()) == len(lake.rows()) == 1


@pytest.mark.parametrize(
    "body",
    [
        "",
        "null",
        "[]",
        "5",
        "{}",
        '{"Records":5}',
        '{"Records":[5]}',
        '{"Records":[{"eventName":1}]}',
        '{"Records":[{"eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"b"},"object":{"key":7}}}]}',
        '{"source":"aws.s3","detail-type":"Object Created","detail":null}',
        "[" * 100_000,
    ],
)
def test_no_message_whatever_it_holds_fails_its_batch(lake: FakeLake, body: str) -> None:
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(body, notification(KEY)))) == ["m0"]
    assert len(lake.events()) == 1


def test_a_key_of_odd_characters_is_logged_and_returned(lake: FakeLake, log: StringIO) -> None:
    body = json.dumps(notification(f"raw/{DAY}/\ud800.gz"))
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(body, notification(KEY)))) == ["m0"]
    assert "object failed" in log.getvalue()


def test_a_message_that_time_does_not_allow_goes_back_untouched(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (f"raw/{DAY}/{name}.gz" for name in ("first", "second"))
    context = Context()
    Slow(monkeypatch, context).takes(first, 255_000)
    lake.put(first, EVENT)
    lake.put(second, EVENT)
    assert failed(invoke(sqs(notification(first), notification(second)), context)) == ["m1"]
    assert len(lake.events()) == 1


def test_an_object_is_begun_only_in_the_time_that_the_slowest_took(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"raw/{DAY}/{number}.gz" for number in range(4)]
    context = Context()
    slow = Slow(monkeypatch, context)
    for key in keys:
        slow.takes(key, 100_000)
        lake.put(key, EVENT)
    assert failed(invoke(sqs(*map(notification, keys)), context)) == ["m2", "m3"]


@pytest.mark.parametrize("timeout_ms", [10_000, 60_000, 900_000])
def test_a_single_object_is_begun_whatever_the_timeout(lake: FakeLake, timeout_ms: int) -> None:
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(notification(KEY)), Context(left_ms=timeout_ms))) == []
    assert len(lake.events()) == 1


def test_an_object_that_outlives_its_deadline_goes_back_alone(
    lake: FakeLake,
    monkeypatch: pytest.MonkeyPatch,
    log: StringIO,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    good, bad, other = (f"raw/{DAY}/{name}.gz" for name in ("good", "bad", "other"))
    context = Context()
    Slow(monkeypatch, context).takes(bad, 290_000)
    for key in (good, bad, other):
        lake.put(key, EVENT)
    event = sqs(*(notification(key) for key in (good, bad, other)))
    assert failed(invoke(event, context)) == ["m1", "m2"]
    assert context.left_ms > 0
    assert [key.partition(f"{DAY}/")[2][:4] for key in lake.keys("processed/json/")] == ["good"]
    assert list(tmp_path.iterdir()) == []
    (told,) = [e for e in map(json.loads, log.getvalue().splitlines()) if e["level"] == "ERROR"]
    assert (told["error"], told["key"]) == ("DeadlineError", bad)
    assert "0 of its 1" in told["detail"]
    assert "Firehose" in told["detail"]
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert metrics["ObjectsOverDeadline"] == [1]
    # With time for it, it is done as if nothing had been.
    assert failed(invoke(event, Context())) == []
    assert len(lake.events()) == len(lake.rows()) == 3


def test_what_comes_after_the_deadline_is_not_asked_for(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [f"raw/{DAY}/{number}.gz" for number in range(5)]
    context = Context()
    slow = Slow(monkeypatch, context)
    slow.takes(keys[1], 290_000)
    for key in keys:
        lake.put(key, EVENT)
    with pytest.raises(FailedObjectsError, match="4 of 5"):
        invoke(notification(*keys), context)
    assert [key for key in slow.asked if key.startswith("raw/")] == keys[:2]


def test_what_was_tried_before_comes_after_what_is_new(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (f"raw/{DAY}/{name}.gz" for name in ("bad", "good"))
    context = Context()
    Slow(monkeypatch, context).takes(bad, 290_000)
    lake.put(bad, EVENT)
    lake.put(good, EVENT)
    event = sqs(notification(bad), notification(good))
    event["Records"][0]["attributes"] = {"ApproximateReceiveCount": "2"}
    assert failed(invoke(event, context)) == ["m0"]
    assert len(lake.events()) == 1


class Killed(BaseException):
    """Nothing of the function runs after it."""


@pytest.mark.parametrize("done", [0, 1, 3])
def test_a_killed_function_gets_again_only_what_it_had_not_done(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    sqs_client = boto3.client("sqs")
    url = sqs_client.create_queue(QueueName="q")["QueueUrl"]
    keys = [f"raw/{DAY}/{number}.gz" for number in range(4)]
    for key in keys:
        lake.put(key, EVENT)
        sqs_client.send_message(QueueUrl=url, MessageBody=json.dumps(notification(key)))
    session = boto3.Session()
    opened: list[str] = []

    def kill(params: dict[str, Any], **_: object) -> None:
        opened.append(params["Key"])
        if len([key for key in opened if key.startswith("raw/")]) > done:
            raise Killed

    session.events.register("provide-client-params.s3.GetObject", kill)
    batch = received(url)
    with monkeypatch.context() as patch:
        patch.setattr(boto3, "DEFAULT_SESSION", session)
        with pytest.raises(Killed):
            invoke(batch)
    for record in batch["Records"]:  # the queue's visibility timeout is over
        with suppress(sqs_client.exceptions.ReceiptHandleIsInvalid):
            sqs_client.change_message_visibility(
                QueueUrl=url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
            )
    again = received(url)
    assert len(again["Records"]) == len(keys) - done
    assert failed(invoke(again)) == []
    assert received(url)["Records"] == []
    assert len(lake.events()) == len(lake.rows()) == len(keys)


def received(url: str) -> dict[str, Any]:
    """A batch as Lambda's event source takes it from a queue."""
    answer = boto3.client("sqs").receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
    )
    arn = f"arn:aws:sqs:us-east-1:123456789012:{url.rpartition('/')[2]}"
    return make_event(answer.get("Messages", []), arn)


def test_a_queue_that_is_gone_costs_a_warning_each_and_nothing_else(
    lake: FakeLake, log: StringIO
) -> None:
    lake.put(KEY, EVENT)
    event = sqs(notification(KEY), "no notification")
    for number, record in enumerate(event["Records"]):
        record["receiptHandle"] = f"r{number}"
        record["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:gone"
    assert failed(invoke(event)) == ["m1"]
    told = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [each["message"] for each in told if each["level"] == "WARNING"] == [
        "message not deleted",
        "message not given back early",
    ]


def test_other_triggers_raise_once_every_object_had_its_turn(lake: FakeLake) -> None:
    lake.put(KEY, EVENT)
    with pytest.raises(FailedObjectsError, match="1 of 2"):
        invoke(notification(f"raw/{DAY}/missing.gz", KEY))
    assert len(lake.events()) == 1
    with pytest.raises(EventError):
        invoke({"hello": "world"})


def test_a_replaced_object_replaces_its_events(lake: FakeLake) -> None:
    lake.put(KEY, EVENT + b"oops\n")
    invoke(sqs(notification(KEY)))
    assert lake.rejects() == [(2, "not_json")]
    lake.put(KEY, EVENT * 2)
    invoke(sqs(notification(KEY)))
    assert len(lake.events()) == len(lake.rows()) == 2
    assert lake.rejects() == []


def test_a_glue_that_throttles_costs_tries_and_no_object(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    throttling = Throttling(monkeypatch, times=3)
    keys = [f"raw/{DAY}/{number}.gz" for number in range(3)]
    for key in keys:
        lake.put(key, EVENT)
    assert failed(invoke(sqs(*(notification(key) for key in keys)))) == []
    assert len(lake.events()) == len(lake.rows()) == 3
    assert throttling.refused > 3 * len(keys)
    assert '"ObjectsFailed":[0.0,0.0,0.0]' in capsys.readouterr().out.replace(" ", "")


def test_a_glue_that_throttles_for_longer_fails_the_object_and_is_counted(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    throttling = Throttling(monkeypatch, times=8)
    lake.put(KEY, EVENT)
    assert failed(invoke(sqs(notification(KEY)))) == ["m0"]
    assert throttling.refused == 8
    assert '"ObjectsFailed":[1.0]' in capsys.readouterr().out.replace(" ", "")
    throttling.times = 0
    assert failed(invoke(sqs(notification(KEY)))) == []
    assert len(lake.events()) == len(lake.rows()) == 1


def test_without_a_kernel_it_warns_once_and_counts_each_invocation(
    lake: FakeLake,
    log: StringIO,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    lake.put(KEY, EVENT * 3 + b"oops\n")
    library.load.cache_clear()
    monkeypatch.setattr(library, "path", lambda: tmp_path / "kernel-gone.so")
    function = TransformFunction(os.environ)
    for _ in range(2):
        function(sqs(notification(KEY)), Context())  # type: ignore[arg-type]  # a stand-in
    assert len(lake.events()) == len(lake.rows()) == 3
    assert lake.rejects() == [(4, "not_json")]
    (warning,) = [e for e in map(json.loads, log.getvalue().splitlines()) if e["level"] != "INFO"]
    assert warning["level"] == "WARNING"
    assert "kernel-gone.so cannot be loaded" in warning["detail"]
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [entry["KernelMissing"] for entry in metrics if "Objects" in entry] == [[1], [1]]


def test_logs_and_metrics_hold_counts_and_no_payload(
    lake: FakeLake, capsys: pytest.CaptureFixture[str], log: StringIO
) -> None:
    corrupt = f"raw/{DAY}/corrupt.gz"
    lake.put(
        KEY,
        EVENT + b'{"user_id":"c4n4ry","price":{"secret":"payl0ad"}}\n\n'
        b'{"user_id":"c4n4ry\npayl0ad\n{"c4n4ry":"payl0ad","x":NaN}\n',
    )
    lake.put(corrupt, b"c4n4ry payl0ad", raw=True)
    missing = f"raw/{DAY}/missing.gz"
    invoke(sqs(notification(KEY), notification(corrupt), notification(missing), "c4n4ry payl0ad"))
    out, err = capsys.readouterr()
    for secret in ("c4n4ry", "payl0ad"):
        assert secret not in out + err + log.getvalue()
    assert "c4n4ry" not in str(lake.read("processed/") + lake.read("rejected/"))
    metrics = [json.loads(line) for line in out.splitlines()]
    assert {entry["_aws"]["CloudWatchMetrics"][0]["Namespace"] for entry in metrics} == {
        "Clickstream"
    }
    assert {entry["service"] for entry in metrics} == {"transform"}
    (main,) = [entry for entry in metrics if "Objects" in entry]
    assert {name: sum(main[name]) for name in main if name.startswith(("Rows", "Objects"))} == {
        "Objects": 2,
        "ObjectsFailed": 1,
        "ObjectsOverDeadline": 0,
        "ObjectsCorrupt": 1,
        "ObjectsStale": 0,
        "RowsIn": 7,
        "RowsBlank": 1,
        "RowsPublished": 2,
        "RowsRejected": 4,
    }
    assert sum(main["HalvesRepaired"]) == 0
    assert {"ValuesMismatched", "BytesIn", "BytesJson", "BytesParquet", "Duration"} <= set(main)
    by_reason = {
        entry["reason"]: entry["RowsRejectedByReason"] for entry in metrics if "reason" in entry
    }
    assert by_reason == {"not_json": [2], "non_finite_number": [1], "not_gzip": [1]}
    (by_column,) = [entry for entry in metrics if "column" in entry]
    assert (by_column["column"], by_column["ValuesMismatchedByColumn"]) == ("price", [1])
    logged = [json.loads(line) for line in log.getvalue().splitlines()]
    (done, rejected_whole) = [e for e in logged if e["message"] == "object processed"]
    assert (done["raw_key"], done["lines"], done["published"]) == (KEY, 6, 2)
    assert rejected_whole["corrupt"] == "not_gzip"


def test_several_lakes_live_in_one_process(
    lake: FakeLake, capsys: pytest.CaptureFixture[str]
) -> None:
    other = FakeLake("other-lake", "other")
    lake.put(KEY, EVENT)
    other.put(KEY, EVENT * 2)
    settings = {"LAKE_BUCKET": "other-lake", "LAKE_DATABASE": "other"}
    functions = [
        TransformFunction(os.environ | settings | {"POWERTOOLS_SERVICE_NAME": "other-transform"}),
        TransformFunction(os.environ),
    ]
    for function, made in zip(functions, (other, lake), strict=True):
        event = sqs(notification(KEY, bucket=made.bucket))
        function(event, Context())  # type: ignore[arg-type]  # a stand-in
    assert (len(other.events()), len(lake.events())) == (2, 1)
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = {entry["service"]: entry["RowsPublished"] for entry in metrics if "Objects" in entry}
    assert rows == {"other-transform": [2], "transform": [1]}
