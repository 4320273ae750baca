import json
from typing import Any

import pytest

from clickstream_lake.lake.errors import EventError
from clickstream_lake.lake.events import (
    ObjectRef,
    is_sqs,
    parse_messages,
    parse_objects,
    parse_objects_of_body,
)


def record(key: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {"eventName": name, "s3": {"bucket": {"name": "b"}, "object": {"key": key}}}


@pytest.mark.parametrize(
    ("sent", "key"),
    [
        ("raw/year%3D2025/f.gz", "raw/year=2025/f.gz"),
        ("raw/a+b.gz", "raw/a b.gz"),
        ("raw/a%2Bb.gz", "raw/a+b.gz"),
        ("raw/%C3%A9%25.gz", "raw/é%.gz"),
        ("raw/plain.gz", "raw/plain.gz"),
    ],
)
def test_keys_of_s3_are_url_encoded(sent: str, key: str) -> None:
    assert parse_objects({"Records": [record(sent)]}) == [ObjectRef("b", key)]


def test_keys_of_event_bridge_are_not() -> None:
    detail = {"bucket": {"name": "b"}, "object": {"key": "raw/a+b%3D.gz"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert parse_objects(event) == [ObjectRef("b", "raw/a+b%3D.gz")]
    assert parse_objects({**event, "detail-type": "Object Deleted"}) == []


@pytest.mark.parametrize(
    "name", ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"]
)
def test_every_way_of_creation_counts(name: str) -> None:
    assert len(parse_objects({"Records": [record("k", name)]})) == 1


def test_other_news_are_passed_over() -> None:
    records = [record("k", "ObjectRemoved:Delete"), record("l"), record("m", "ObjectTagging:Put")]
    assert parse_objects({"Records": records}) == [ObjectRef("b", "l")]


def test_the_test_event_tells_of_no_object() -> None:
    body = json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"})
    assert parse_objects_of_body(body) == []


def test_a_body_may_hold_several_records_or_an_event_of_event_bridge() -> None:
    assert len(parse_objects_of_body(json.dumps({"Records": [record("a"), record("b")]}))) == 2
    detail = {"bucket": {"name": "b"}, "object": {"key": "k"}}
    event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert parse_objects_of_body(json.dumps(event)) == [ObjectRef("b", "k")]


def test_messages_of_sqs_are_told_by_their_source() -> None:
    event = {"Records": [{"messageId": "m", "body": "x", "eventSource": "aws:sqs"}]}
    assert is_sqs(event)
    assert [(m.message_id, m.body) for m in parse_messages(event)] == [("m", "x")]
    assert not is_sqs({"Records": [record("k")]})
    assert not is_sqs({"Records": []})
    assert not is_sqs({})


@pytest.mark.parametrize("records", [None, [], [{}], [{"messageId": "m"}], [record("k")]])
def test_what_is_no_batch_has_no_messages(records: Any) -> None:  # noqa: ANN401 - anything
    if records == []:
        assert parse_messages({"Records": records}) == []
    else:
        with pytest.raises(EventError, match="SQS"):
            parse_messages({"Records": records})


@pytest.mark.parametrize(
    "body", ["", "x", "null", "[1]", "{}", '{"Records":null}', '{"Records":[null]}', "[" * 100_000]
)
def test_anything_else_is_an_error_of_its_own(body: str) -> None:
    with pytest.raises(EventError):
        parse_objects_of_body(body)


def test_no_error_quotes_the_message() -> None:
    for body in ('{"secret":1}', "secret", '{"Records":[{"eventName":"secret"}]}'):
        try:
            parse_objects_of_body(body)
        except EventError as error:
            assert "secret" not in str(error)  # noqa: PT017 - other bodies need not raise
