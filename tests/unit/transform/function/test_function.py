import gzip
import json
import os
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.lake.aws import clients
from clickstream_lake.lake.catalog_file import CATALOG_PATH
from clickstream_lake.lake.errors import EventError, FailedObjectsError
from clickstream_lake.transform.function import TransformFunction
from clickstream_lake.transform.rules.native import library
from tests.unit.transform.function.world import (
    BUCKET,
    DAY,
    EVENT,
    KEY,
    Context,
    FakeLake,
    Throttling,
    failed,
    invoke,
    notification,
    sqs,
)


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
    assert sum(main["RulesBroken"]) == 0
    logged = [json.loads(line) for line in log.getvalue().splitlines()]
    (done, rejected_whole) = [e for e in logged if e["message"] == "object processed"]
    assert (done["raw_key"], done["lines"], done["published"]) == (KEY, 6, 2)
    assert rejected_whole["corrupt"] == "not_gzip"


def test_events_that_break_rules_are_counted_by_column_and_rule(
    lake: FakeLake, capsys: pytest.CaptureFixture[str]
) -> None:
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    rules = {"country": {"enum": ["DE"]}, "price": {"min": 0, "on_breach": "reject"}}
    for column in document["columns"]:
        column.update(rules.get(column["name"], {}))
    content = json.dumps(document).encode()
    key = f"artifacts/catalogs/{sha256(content).hexdigest()}.json"
    lake.put(key, content, raw=True)
    settings = os.environ | {"LAKE_CATALOG": f"s3://{lake.bucket}/{key}"}
    lake.put(KEY, b'{"country":"x"}\n{"price":-1}\n{"price":1,"country":"DE"}\n{"country":"y"}\n')
    TransformFunction(settings)(sqs(notification(KEY)), Context())  # type: ignore[arg-type]  # a stand-in
    metrics = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    by_rule = {entry["rule"]: entry["RulesBrokenByRule"] for entry in metrics if "rule" in entry}
    assert by_rule == {"country.not_in_enum": [2], "price.below_min": [1]}
    (main,) = [entry for entry in metrics if "Objects" in entry]
    assert (main["RulesBroken"], main["ValuesMismatched"], main["RowsRejected"]) == ([3], [2], [1])


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


def test_a_warm_function_takes_up_what_compaction_has_added(
    lake: FakeLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKE_SCHEMA_EVOLUTION", "auto")
    monkeypatch.setattr(clients, "OVERLAY_SECONDS", 0.0)
    function = TransformFunction(os.environ)
    lines = b'{"event_id":"e1","coupon":"A","score":1}\n'
    later = KEY.replace("file", "later")
    for key in (KEY, later):
        lake.put(key, lines)
        assert failed(function(sqs(notification(key)), Context())) == []  # type: ignore[arg-type]  # as much of it as is used
        lake.put("manifests/overlay/coupon/2025-11-26T120000Z.string", b"")
    rows = [(row.get("coupon"), json.loads(row["extra"])) for row in lake.rows()]
    assert sorted(rows, key=str) == [("A", {"score": 1}), (None, {"coupon": "A", "score": 1})]
