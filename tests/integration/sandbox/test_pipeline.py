"""The real handlers, run as on Lambda: Firehose or S3 -> SQS -> transform -> both tables."""

import gzip
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from clickstream_lake.cli import app
from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
from clickstream_lake.generate import FirehoseSink, generate_events
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.sandbox.sandbox import Sandbox

PARTITION = "year=2025/month=11/day=26"
SEED = (
    b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
    b'"page_url":"/p","user_id":"u1"}\n'
)
COUNT = (
    "SELECT event_type, COUNT(*) FROM {table} WHERE year='2025' AND month='11' AND day='26' "
    "GROUP BY event_type"
)
TABLES = ("clickstream_events", "clickstream_events_parquet")


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    # One process for all tests of the module, warm before the first: a message whose batch takes
    # longer than the visibility timeout comes back, and counts as received once more.
    settings = LakeSettings(
        visibility_timeout=5,
        max_receives=2,
        batch_size=10,
        timeout=30,
        audit_schedule="rate(3650 days)",  # a test fires it
        environment=(("LAKE_AUDIT_GRACE_SECONDS", "0"),),
    )
    with lake_sandbox(provision=by_catalog(settings), concurrency=1) as sandbox:
        sandbox.wait_idle()
        yield sandbox


@pytest.fixture
def lake(running: Sandbox) -> Sandbox:
    """The running lake, without what earlier tests left in it."""
    s3, glue = running.client("s3"), running.client("glue")
    for key in keys(running, ""):
        s3.delete_object(Bucket=running.bucket, Key=key)
    for table in TABLES:
        found = glue.get_partitions(DatabaseName=running.database, TableName=table)["Partitions"]
        for partition in found:
            glue.delete_partition(
                DatabaseName=running.database, TableName=table, PartitionValues=partition["Values"]
            )
    return running


def keys(lake: Sandbox, prefix: str) -> list[str]:
    listed = lake.client("s3").list_objects_v2(Bucket=lake.bucket, Prefix=prefix)
    return [entry["Key"] for entry in listed.get("Contents", [])]


def put_raw(lake: Sandbox, name: str, content: bytes) -> str:
    key = f"raw/{PARTITION}/{name}.gz"
    lake.client("s3").put_object(Bucket=lake.bucket, Key=key, Body=content)
    return key


def read(lake: Sandbox, key: str) -> bytes:
    body: bytes = lake.client("s3").get_object(Bucket=lake.bucket, Key=key)["Body"].read()
    return body


def json_rows(lake: Sandbox) -> list[dict[str, Any]]:
    files = keys(lake, "processed/json/")
    return [json.loads(line) for key in files for line in read(lake, key).splitlines()]


def parquet_rows(lake: Sandbox) -> list[dict[str, Any]]:
    files = keys(lake, "processed/parquet/")
    return [row for key in files for row in pq.read_table(io.BytesIO(read(lake, key))).to_pylist()]


def count_by_type(lake: Sandbox, table: str) -> dict[str, int]:
    rows = lake.engine.execute(COUNT.format(table=table), lake.database).rows
    return dict(rows)


def test_what_firehose_could_not_deliver_rings_by_what_the_function_counts(lake: Sandbox) -> None:
    """From the object to the alarm: S3, queue, function, its log, its metric."""
    alarm = f"{lake.stream}-undelivered"
    assert lake.alarms()[alarm] == "OK"
    s3 = lake.client("s3")
    s3.put_object(Bucket=lake.bucket, Key="errors/processing-failed/x", Body=b"{}")
    lake.wait_idle()

    assert lake.alarms()[alarm] == "ALARM"
    assert lake.dead_letters() == 0


def test_the_seed_case(lake: Sandbox) -> None:
    put_raw(lake, "file", gzip.compress(SEED))
    lake.wait_idle()

    (json_key,) = keys(lake, "processed/json/")
    assert json_key.startswith(f"processed/json/{PARTITION}/")
    assert json_key.endswith(".json")
    (row,) = json_rows(lake)
    processed_ts = row.pop("processed_ts")
    assert row == {
        "event_id": "e1",
        "event_type": "click",
        "event_ts": "2025-11-26T10:00:00Z",
        "page_url": "/p",
    }
    (columns,) = parquet_rows(lake)
    assert columns["event_ts"] == datetime(2025, 11, 26, 10, tzinfo=UTC)
    assert columns["processed_ts"] == datetime.fromisoformat(processed_ts)
    assert {name: columns[name] for name in ("event_id", "event_type", "page_url")} == {
        "event_id": "e1",
        "event_type": "click",
        "page_url": "/p",
    }
    assert "user_id" not in columns
    for table in TABLES:
        assert count_by_type(lake, table) == {"click": 1}


def test_the_same_message_five_times_leaves_each_event_once(lake: Sandbox) -> None:
    key = put_raw(lake, "file", gzip.compress(SEED))
    lake.wait_idle()
    before = {each: read(lake, each) for each in keys(lake, "processed/")}
    message = {
        "Records": [
            {
                "eventSource": "aws:s3",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "bucket": {"name": lake.bucket},
                    "object": {"key": key.replace("=", "%3D")},
                },
            }
        ]
    }

    for _ in range(5):
        lake.client("sqs").send_message(QueueUrl=lake.queue_url, MessageBody=json.dumps(message))
    lake.wait_idle()

    assert {each: read(lake, each) for each in keys(lake, "processed/")} == before
    for table in TABLES:
        assert count_by_type(lake, table) == {"click": 1}


def test_a_corrupt_object_in_a_batch_is_rejected_and_the_good_ones_are_published(
    lake: Sandbox,
) -> None:
    lines = list(generate_events(1, 300, datetime(2025, 11, 26, tzinfo=UTC)))
    for number in range(3):
        put_raw(lake, f"good-{number}", gzip.compress(b"".join(lines[number * 100 :][:100])))
    corrupt = put_raw(lake, "corrupt", gzip.compress(b"".join(lines))[:-20])
    lake.wait_idle()

    expected = sorted(json.loads(line)["event_id"] for line in lines)
    assert sorted(row["event_id"] for row in json_rows(lake)) == expected
    assert sorted(row["event_id"] for row in parquet_rows(lake)) == expected
    (reject_key,) = keys(lake, "rejected/")
    reject = json.loads(read(lake, reject_key))
    assert (reject["raw_key"], reject["line_number"]) == (corrupt, 0)
    assert lake.dead_letters() == 0


@pytest.mark.slow  # the message comes back after 15 s, and after 30 s more is given up
def test_a_message_that_can_never_be_processed_ends_as_a_dead_letter_and_holds_up_nobody(
    lake: Sandbox,
) -> None:
    sqs = lake.client("sqs")
    sqs.send_message(QueueUrl=lake.queue_url, MessageBody="no notification at all")
    put_raw(lake, "file", gzip.compress(SEED))
    lake.wait_idle()
    dead = sqs.receive_message(QueueUrl=lake.resources.dead_letter_url, MaxNumberOfMessages=10)[
        "Messages"
    ]

    assert [message["Body"] for message in dead] == ["no notification at all"]
    assert count_by_type(lake, "clickstream_events") == {"click": 1}
    sqs.purge_queue(QueueUrl=lake.resources.dead_letter_url)


def test_the_runbook_puts_messages_aside_and_sends_them_back(lake: Sandbox) -> None:
    """With the function's queue stopped, as under *Turn everything off*, and in its words."""
    sqs, dead = lake.client("sqs"), lake.resources.dead_letter_url
    functions = lake.client("lambda")
    name = f"{lake.stream}-transform"
    (mapping,) = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    lake.event_sources.refresh()
    for poller in threading.enumerate():
        if poller.name == f"poller-{name}":
            poller.join()  # it may still wait for a message
    put_raw(lake, "file", gzip.compress(SEED))
    while messages := sqs.receive_message(QueueUrl=lake.queue_url).get("Messages"):
        for message in messages:
            sqs.send_message(QueueUrl=dead, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=lake.queue_url, ReceiptHandle=message["ReceiptHandle"])
    assert lake.dead_letters() == 1
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    lake.event_sources.refresh()
    lake.wait_idle()
    assert json_rows(lake) == []

    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    sqs.start_message_move_task(SourceArn=arn["QueueArn"])
    while sqs.list_message_move_tasks(SourceArn=arn["QueueArn"])["Results"][0]["Status"] == (
        "RUNNING"
    ):
        time.sleep(0.02)
    lake.wait_idle()
    assert lake.dead_letters() == 0
    for table in TABLES:
        assert count_by_type(lake, table) == {"click": 1}


def test_every_event_that_firehose_took_is_in_both_tables_or_in_the_rejects(lake: Sandbox) -> None:
    lines = generate_events(5, 4_000, datetime(2025, 11, 26, tzinfo=UTC), malformed=0.02)

    FirehoseSink(lake.client("firehose"), lake.stream).send(line.rstrip(b"\n") for line in lines)
    lake.wait_idle()

    rejects = [
        json.loads(line) for key in keys(lake, "rejected/") for line in read(lake, key).splitlines()
    ]
    in_json, in_parquet = json_rows(lake), parquet_rows(lake)
    assert len(in_json) + len(rejects) == 4_000
    assert 40 < len(rejects) < 120
    assert sorted(row["event_id"] for row in in_json) == sorted(
        row["event_id"] for row in in_parquet
    )
    assert not any("user_id" in row for row in in_json)
    assert all(key.split("/")[2].startswith("year=") for key in keys(lake, "processed/json/"))


def test_a_tick_of_the_schedule_compacts_and_queries_notice_nothing(lake: Sandbox) -> None:
    lines = list(generate_events(3, 2_000, datetime(2025, 11, 26, tzinfo=UTC)))
    # Today's partition: the look-back window of the schedule ends today.
    prefix = datetime.now(UTC).strftime("raw/year=%Y/month=%m/day=%d")
    for number in range(10):
        lake.client("s3").put_object(
            Bucket=lake.bucket,
            Key=f"{prefix}/part-{number}.gz",
            Body=gzip.compress(b"".join(lines[number * 200 :][:200])),
        )
    lake.wait_idle()
    sql = "SELECT event_type, COUNT(*), SUM(price) FROM {} GROUP BY 1 ORDER BY 1"
    before = [lake.engine.execute(sql.format(table), lake.database).rows for table in TABLES]

    ticks = lake.tick("compact")
    lake.wait_idle()

    after = [lake.engine.execute(sql.format(table), lake.database).rows for table in TABLES]
    assert [tick.outcome.failed for tick in ticks] == [False]
    assert sum(row[1] for row in before[0]) == 2_000
    assert [[row[:2] for row in rows] for rows in after] == [
        [row[:2] for row in rows] for rows in before
    ]
    for table in TABLES:
        (partition,) = lake.client("glue").get_partitions(
            DatabaseName=lake.database, TableName=table
        )["Partitions"]
        location = partition["StorageDescriptor"]["Location"]
        assert "/compacted/" in location
        names = [key.rsplit("/", 1)[-1] for key in keys(lake, location.split("/", 3)[3])]
        assert len([name for name in names if not name.startswith("_")]) == 1


def test_fields_that_a_producer_begins_to_send_become_columns_of_the_file(
    lake: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = datetime.now(UTC).strftime("raw/year=%Y/month=%m/day=%d")
    for number in range(10):
        lines = [
            SEED[:-2] + b',"coupon":"SAVE%d","score":%d.5,"contact":"a%d@example.com"}' % (n, n, n)
            for n in range(20)
        ]
        lake.client("s3").put_object(
            Bucket=lake.bucket,
            Key=f"{prefix}/part-{number}.gz",
            Body=gzip.compress(b"\n".join(lines[number:])),
        )
    lake.wait_idle()
    lake.tick("compact")
    lake.wait_idle()
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for name, value in {**lake.credentials(), "AWS_ENDPOINT_URL": lake.endpoint}.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "events.json"
    file.write_bytes(CATALOG_PATH.read_bytes())

    def propose(*options: str) -> dict[str, Any]:
        outcome = CliRunner().invoke(app, ["catalog", "propose", str(file), "--json", *options])
        assert outcome.exception is None
        told: dict[str, Any] = json.loads(outcome.stdout)
        return told

    told = propose()
    assert told["rows"] == 155
    assert [(each["name"], each["type"], each["share"]) for each in told["fields"]] == [
        ("contact", "string", 1.0),
        ("coupon", "string", 1.0),
        ("score", "double", 1.0),
    ]
    assert [bool(each["suspicions"]) for each in told["fields"]] == [True, False, False]
    assert propose("--until", "2025-11-26")["rows"] == 0
    assert propose("--write")["written"] == ["coupon", "score"]
    names = [column.name for column in load_catalog(file).columns]
    assert names[-4:] == ["processed_ts", "extra", "coupon", "score"]
    # What is in the file by now is proposed no more; a suspect is written if it is named.
    assert propose("--write", "--column", "contact")["written"] == ["contact"]
    assert propose("--write")["fields"] == []


def test_the_rows_of_notifications_that_never_came_come_by_themselves(lake: Sandbox) -> None:
    s3 = lake.client("s3")
    prefix = datetime.now(UTC).strftime("raw/year=%Y/month=%m/day=%d")

    def put(name: str, content: bytes = gzip.compress(SEED)) -> None:
        s3.put_object(Bucket=lake.bucket, Key=f"{prefix}/{name}.gz", Body=content)

    def audited() -> tuple[int, int]:
        (tick,) = lake.tick("audit")
        lake.wait_idle()
        told = json.loads(tick.outcome.payload)
        return told["untaken"], told["requeued"]

    put("told")
    put("damaged", b"no gzip")
    lake.wait_idle()
    known = s3.get_bucket_notification_configuration(Bucket=lake.bucket)
    s3.put_bucket_notification_configuration(Bucket=lake.bucket, NotificationConfiguration={})
    for number in range(12):
        put(f"dropped-{number}")
    lake.wait_idle()
    assert len(json_rows(lake)) == len(parquet_rows(lake)) == 1
    assert audited() == (12, 12)
    assert len(json_rows(lake)) == len(parquet_rows(lake)) == 13
    assert audited() == (0, 0)
    s3.put_bucket_notification_configuration(
        Bucket=lake.bucket,
        NotificationConfiguration={"QueueConfigurations": known["QueueConfigurations"]},
    )
    assert lake.dead_letters() == 0
