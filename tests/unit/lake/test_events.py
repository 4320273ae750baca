import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


# --- wrappings ---


def of_s3(keys: list[str]) -> dict[str, Any]:
    return {"Records": [{"eventSource": "aws:s3", **record(quote_plus(key))} for key in keys]}


def of_event_bridge(key: str) -> dict[str, Any]:
    detail = {"bucket": {"name": "b"}, "object": {"key": key, "size": 1}}
    return {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


TEST_EVENT = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b", "HostId": "h"}


def sns(event: dict[str, Any], kind: str = "Notification") -> dict[str, Any]:
    """A topic's message as it is in a queue, without raw delivery."""
    return {
        "Type": kind,
        "MessageId": "m",
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:t",
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(event),
        "Timestamp": "2025-11-26T10:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "x",
        "SigningCertURL": "https://x",
        "UnsubscribeURL": "https://x",
    }


def sns_to_lambda(*events: dict[str, Any]) -> dict[str, Any]:
    """The same where the topic invokes the function; it sends one record, the form allows more."""
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": "arn:aws:sns:us-east-1:123456789012:t:s",
                "Sns": sns(event),
            }
            for event in events
        ]
    }


KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
# What S3 sends, and the objects that it tells of.
SENT: st.SearchStrategy[tuple[dict[str, Any], list[str]]] = st.one_of(
    st.lists(KEYS, max_size=3).map(lambda keys: (of_s3(keys), keys)),
    KEYS.map(lambda key: (of_event_bridge(key), [key])),
    st.just((TEST_EVENT, [])),
)
WRAP: list[Callable[[dict[str, Any]], dict[str, Any]]] = [sns, sns_to_lambda]


@given(SENT, st.lists(st.sampled_from(WRAP), max_size=3))
def test_a_notification_says_the_same_in_whatever_wrapping(
    sent: tuple[dict[str, Any], list[str]], wraps: list[Callable[[dict[str, Any]], dict[str, Any]]]
) -> None:
    event, keys = sent
    for wrap in wraps:
        event = wrap(event)
    wanted = [ObjectRef("b", key) for key in keys]
    assert parse_objects(event) == wanted
    assert parse_objects_of_body(json.dumps(event)) == wanted  # raw delivery, if nothing wraps it
    assert not is_sqs(event)


@given(st.lists(SENT, max_size=3))
def test_records_of_a_topic_are_all_read(sent: list[tuple[dict[str, Any], list[str]]]) -> None:
    event = sns_to_lambda(*(each for each, _ in sent))
    assert [ref.key for ref in parse_objects(event)] == [key for _, keys in sent for key in keys]


@given(SENT, st.integers(3, 12), st.sampled_from(WRAP))
def test_wrapping_has_an_end(
    sent: tuple[dict[str, Any], list[str]],
    depth: int,
    wrap: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    text = json.dumps(sent[0])
    for _ in range(depth):
        text = json.dumps({**sns({}), "Message": text})
    with pytest.raises(EventError, match="wrapped"):
        parse_objects_of_body(json.dumps(wrap(json.loads(text))))


@pytest.mark.parametrize("kind", ["SubscriptionConfirmation", "UnsubscribeConfirmation", ""])
def test_a_topic_that_wants_to_be_confirmed_is_told_apart(kind: str) -> None:
    with pytest.raises(EventError, match="SubscribeURL"):
        parse_objects_of_body(json.dumps(sns(TEST_EVENT, kind)))


NAMES = st.sampled_from(
    [
        *("Records", "eventName", "eventSource", "s3", "Sns", "Type", "Message", "TopicArn"),
        *("Event", "source", "detail-type", "detail", "bucket", "object", "name", "key"),
        *("messageId", "body", "receiptHandle", "eventSourceARN", "attributes"),
        *("ApproximateReceiveCount", "MessageGroupId"),
    ]
)
VALUES = st.sampled_from(
    ["aws:sqs", "aws.s3", "Object Created", "ObjectCreated:Put", "s3:TestEvent", "Notification"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | VALUES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(NAMES, JSON, max_size=5))
def test_anything_else_fails_with_an_error_of_its_own(event: dict[str, Any]) -> None:
    read: list[Callable[[], object]] = [
        lambda: is_sqs(event),
        lambda: parse_messages(event),
        lambda: parse_objects(event),
        lambda: parse_objects_of_body(json.dumps(event)),
        lambda: parse_objects_of_body(json.dumps(sns(event))),
        lambda: parse_objects(sns_to_lambda(event)),
    ]
    for each in read:
        with suppress(EventError):
            each()


@pytest.mark.parametrize("count", ["", "many", "-1", "1.5"])
def test_a_count_that_is_none_counts_as_the_first(count: str) -> None:
    event = {"messageId": "m", "body": "", "attributes": {"ApproximateReceiveCount": count}}
    (message,) = parse_messages({"Records": [event]})
    assert (message.receives, message.group, message.receipt) == (1, "", "")
