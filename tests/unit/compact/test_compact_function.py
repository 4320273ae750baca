import json
import os
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import boto3
import pytest

from clickstream_lake.compact.function import SERVICE, CompactFunction
from clickstream_lake.compact.merge import build
from clickstream_lake.lake.aws import clients
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.errors import EventError
from clickstream_lake.lake.events import parse_objects_of_body
from clickstream_lake.lake.layout import Partition, Slot
from clickstream_lake.lake.overlay import Overlay
from clickstream_lake.lake.telemetry import Telemetry
from clickstream_lake.sandbox.event_source import make_event
from tests.protocol.clients import OPTIONS
from tests.protocol.lake import BUCKET, DATABASE, DAY, TABLES, LakeUnderTest
from tests.unit.lake.test_accounts import land

PLENTY = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000, aws_request_id="request-1")
LITTLE = SimpleNamespace(get_remaining_time_in_millis=lambda: 20_000, aws_request_id="request-2")


@pytest.fixture
def lake(
    aws_environment: None, moto_lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch
) -> LakeUnderTest:
    del aws_environment
    monkeypatch.setenv("LAKE_BUCKET", BUCKET)
    monkeypatch.setenv("LAKE_DATABASE", DATABASE)
    monkeypatch.setenv("LAKE_MIN_FILES", "2")
    for name in "ab":
        for fmt in ("json", "parquet"):
            moto_lake.publish(fmt, moto_lake.put_raw(name), [name])
    return moto_lake


@pytest.fixture
def queue_url(lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch) -> str:
    del lake
    sqs = boto3.client("sqs", **OPTIONS)
    url = sqs.create_queue(QueueName="compact.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    monkeypatch.setenv("LAKE_COMPACT_QUEUE_URL", url)
    return str(url)


def call(event: dict[str, Any], context: SimpleNamespace = PLENTY) -> dict[str, Any]:
    answer = CompactFunction(os.environ)(event, context)  # type: ignore[arg-type]  # as much of it as is used
    json.dumps(answer)  # Lambda will
    return answer


def record(body: str, message_id: str = "m1") -> dict[str, str]:
    return {"messageId": message_id, "body": body, "eventSource": "aws:sqs"}


def order(fmt: str, partition: str = DAY.path) -> str:
    return json.dumps({"format": fmt, "partition": partition})


def test_a_request_by_hand_compacts_and_tells(lake: LakeUnderTest) -> None:
    told = call({"partitions": [DAY.path], "formats": ["json"]})
    assert [result["outcome"] for result in told["results"]] == ["compacted"]
    assert told["partitions"][0]["reason"] == "2 landing files"
    assert lake.visible("json") == ["a", "b"]


def test_a_tick_queues_and_the_queue_compacts(lake: LakeUnderTest, queue_url: str) -> None:
    told = call({"action": "plan", "partitions": [DAY.path]})
    assert [entry["queued"] for entry in told["partitions"]] == [True, True]
    sqs = boto3.client("sqs", **OPTIONS)
    found = sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId"]
    )["Messages"]
    assert {message["Attributes"]["MessageGroupId"] for message in found} == {
        f"json/{DAY.path}",
        f"parquet/{DAY.path}",
    }
    records = [record(message["Body"], message["MessageId"]) for message in found]
    assert call({"Records": records}) == {"batchItemFailures": []}
    assert lake.visible("json") == lake.visible("parquet") == ["a", "b"]
    assert "/compacted/" in str(lake.location("parquet"))


def test_a_schedule_tick_of_any_shape_plans(lake: LakeUnderTest) -> None:
    del lake
    assert list(call({})["partitions"]) == []  # the test data are older than the look-back window
    assert call({"version": "0", "detail-type": "Scheduled Event", "detail": {}})["left"] == 0


def test_a_bad_message_holds_up_no_other(lake: LakeUnderTest) -> None:
    records = [record("nonsense", "bad"), record(order("json"), "good")]
    assert call({"Records": records}) == {"batchItemFailures": [{"itemIdentifier": "bad"}]}
    assert "/compacted/" in str(lake.location("json"))


def test_a_partition_that_fails_goes_back_to_the_queue(
    lake: LakeUnderTest, caplog: pytest.LogCaptureFixture
) -> None:
    key = lake.layout.landing_key("json", lake.layout.source(f"raw/{DAY.path}/a.gz"))
    head = lake.store.head(key)
    assert head is not None
    lake.store.put_bytes(key, b'{"event_id":"secret"}\n' * 2, metadata=head.metadata)
    answer = call({"Records": [record(order("json"))]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    told = [vars(entry) for entry in caplog.records if entry.message == "partition failed"]
    assert [entry["error"] for entry in told] == ["ConservationError"]
    assert "secret" not in str(told)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_full_disk_is_told_as_such(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = f"{lake.layout.source(f'raw/{DAY.path}/a.gz').source_id}.json"

    class Full(TemporaryDirectory[str]):
        def __enter__(self) -> str:
            (Path(self.name) / f"000000-{name[-40:]}").symlink_to("/dev/full")
            return self.name

    monkeypatch.setattr(build, "TemporaryDirectory", Full)
    answer = call({"Records": [record(order("json"))]})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    (told,) = [vars(entry) for entry in caplog.records if entry.message == "partition failed"]
    assert told["error"] == "NoRoomError"
    assert f"json/{DAY.path}" in told["detail"]


def test_what_is_done_is_deleted_and_what_failed_comes_back_soon(
    lake: LakeUnderTest, queue_url: str
) -> None:
    sqs = boto3.client("sqs", **OPTIONS)
    for number, body in enumerate([order("json"), "nonsense", order("parquet")]):
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=body,
            MessageGroupId=f"{number}",
            MessageDeduplicationId=f"{number}",
        )

    def receive() -> dict[str, Any]:
        answer = sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        )
        arn = "arn:aws:sqs:us-east-1:123456789012:compact.fifo"
        return make_event(answer.get("Messages", []), arn)

    function = CompactFunction(os.environ, first_pause_seconds=0)
    answer = function(receive(), PLENTY)  # type: ignore[arg-type]  # as much of it as is used
    assert len(answer["batchItemFailures"]) == 1
    (again,) = receive()["Records"]
    assert again["body"] == "nonsense"
    assert "/compacted/" in str(lake.location("json"))
    assert "/compacted/" in str(lake.location("parquet"))


def test_messages_without_time_left_go_back(lake: LakeUnderTest) -> None:
    answer = call({"Records": [record(order("json"))]}, LITTLE)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert "/compacted/" not in str(lake.location("json"))


def test_clean_up_tells_and_deletes(lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_GRACE_SECONDS", "0")
    call({"partitions": [DAY.path], "formats": ["json"]})
    request = {"action": "cleanup", "partitions": [DAY.path], "formats": ["json"]}
    told = call({**request, "dry_run": True})
    assert [entry["outcome"] for entry in told["partitions"]] == ["would_clean"]
    assert len(lake.keys(f"processed/json/{DAY.path}/")) == 2
    assert call(request)["partitions"][0]["landing_files"] == 2
    (left,) = lake.keys(f"processed/json/{DAY.path}/")
    assert left.endswith("/_=READ-BY-GLUE-PARTITIONS.json")
    assert lake.visible("json") == ["a", "b"]


@pytest.mark.parametrize(
    "event",
    [
        {"action": "delete everything"},
        {"partitions": ["nonsense"]},
        {"partitions": "year=2025/month=11/day=26"},
        {"formats": ["orc"]},
        {"formats": []},
        {"force": "yes"},
        {"Records": [{"s3": {}}]},
    ],
)
def test_anything_else_is_refused_with_what_would_do(
    lake: LakeUnderTest, event: dict[str, Any]
) -> None:
    del lake
    with pytest.raises(EventError):
        call(event)


def test_what_was_done_is_counted(lake: LakeUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    del lake
    call({"partitions": [DAY.path]})
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = {key: value for line in lines if "_aws" in line for key, value in line.items()}
    assert metrics["PartitionsPlanned"] == [2.0]
    assert metrics["PartitionsCompacted"] == [1.0, 1.0]
    assert metrics["FilesMerged"] == [2.0, 2.0]
    assert metrics["FilesBefore"] == [2.0, 2.0]
    assert metrics["FilesAfter"] == [1.0, 1.0]
    assert metrics["OldestWaiting"][0] >= 0


def test_an_audit_queues_what_no_transform_took_and_counts_it(
    lake: LakeUnderTest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sqs = boto3.client("sqs", **OPTIONS)
    url = sqs.create_queue(QueueName="transform")["QueueUrl"]
    settings = {"TRANSFORM_QUEUE_URL": url, "LOOKBACK_DAYS": "3650", "AUDIT_GRACE_SECONDS": "0"}
    for name, value in settings.items():
        monkeypatch.setenv(f"LAKE_{name}", value)
    key = lake.put_raw("overlooked").key
    assert call({"action": "audit", "dry_run": True})["requeued"] == 0
    told = call({"action": "audit"})
    assert (told["keys"], told["requeued"]) == ((key,), 1)
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert [ref.key for ref in parse_objects_of_body(message["Body"])] == [key]
    printed = capsys.readouterr().out
    assert '"RawObjectsUntaken":[1.0]' in printed.replace(" ", "")
    assert '"RawObjectsRequeued":[1.0]' in printed.replace(" ", "")


def test_columns_that_were_added_are_counted_and_logged_and_so_is_a_failure(
    moto_lake: LakeUnderTest,
    aws_environment: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del aws_environment
    monkeypatch.setattr(clients, "OVERLAY_SECONDS", 0.0)
    settings = {"BUCKET": BUCKET, "DATABASE": DATABASE, "MIN_FILES": "2"}
    for name, value in (settings | {"SCHEMA_EVOLUTION": "auto"}).items():
        monkeypatch.setenv(f"LAKE_{name}", value)
    begun = datetime.now(UTC)
    now = [begun]
    day = Partition.parse(f"{begun:year=%Y/month=%m/day=%d}")
    for name in "ab":
        land(moto_lake, name, [{"coupon": "A", "mail": "ann@example.com"}] * 20, day)
    function = CompactFunction(os.environ, now=lambda: now[0])
    log = StringIO()
    # The logger keeps the stream that there was when it was made.
    monkeypatch.setattr(Telemetry(SERVICE, {}).logger.registered_handler, "stream", log)

    def said(**later: int) -> list[dict[str, Any]]:
        now[0] = begun + timedelta(**later)
        function({}, PLENTY)  # type: ignore[arg-type]  # as much of it as is used
        lines = capsys.readouterr().out.splitlines() + log.getvalue().splitlines()
        log.truncate(0)
        log.seek(0)
        return [json.loads(line) for line in lines]

    def metric(lines: list[dict[str, Any]], name: str) -> list[float]:
        return next(line[name] for line in lines if name in line)

    assert metric(said(), "ColumnsAdded") == [0.0]
    lines = said(hours=25)
    assert metric(lines, "ColumnsAdded") == [1.0]
    assert metric(lines, "EvolutionFailed") == [0.0]
    (told,) = [line for line in lines if line.get("message") == "columns added"]
    assert (told["level"], told["columns"], told["declared"]) == ("WARNING", ["coupon string"], [])
    (told,) = [line for line in said(hours=26) if line.get("message") == "columns added"]
    assert told["declared"] == [f"{TABLES[fmt]}.coupon" for fmt in ("json", "parquet")]
    # It knows them itself by now, and merges by them.
    said(hours=27)
    generation = moto_lake.at(Slot("parquet", day), moto_lake.location("parquet", day))
    assert generation is not None
    live = Overlay(moto_lake.store, moto_lake.layout).over(load_catalog())
    assert {file.catalog for file in generation.manifest.files} == {live.sha256}
    moto_lake.store.put_bytes("manifests/overlay/notes.txt", b"")
    lines = said(hours=28)
    assert metric(lines, "EvolutionFailed") == [1.0]
    (told,) = [line for line in lines if line.get("message") == "evolution failed"]
    assert "manifests/overlay/notes.txt is no column" in told["detail"]
    assert "planned" in {line.get("message") for line in lines}
