import json

import pytest

from clickstream_lake.sandbox.event_source import failed_messages, make_event

ARN = "arn:aws:sqs:eu-west-1:123456789012:raw"


def test_a_message_becomes_a_record_as_lambda_shapes_it() -> None:
    event = make_event(
        [
            {
                "MessageId": "m1",
                "ReceiptHandle": "r1",
                "Body": "{}",
                "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                "Attributes": {"ApproximateReceiveCount": "2"},
                "MessageAttributes": {"kind": {"DataType": "String", "StringValue": "x"}},
            }
        ],
        ARN,
    )

    assert event == {
        "Records": [
            {
                "messageId": "m1",
                "receiptHandle": "r1",
                "body": "{}",
                "attributes": {"ApproximateReceiveCount": "2"},
                "messageAttributes": {
                    "kind": {
                        "stringValue": "x",
                        "stringListValues": [],
                        "binaryListValues": [],
                        "dataType": "String",
                    }
                },
                "md5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
                "eventSource": "aws:sqs",
                "eventSourceARN": ARN,
                "awsRegion": "eu-west-1",
            }
        ]
    }


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "b"}]}, {"b"}),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "b"}]}, {"a", "b"}),
    ],
)
def test_failures_are_those_that_the_function_reports(answer: object, failed: set[str]) -> None:
    assert failed_messages(json.dumps(answer).encode(), ["a", "b", "c"]) == failed


@pytest.mark.parametrize(
    "answer",
    [
        b"no json",
        b"[1]",
        b'"text"',
        b'{"batchItemFailures": "a"}',
        b'{"batchItemFailures": [{"itemIdentifier": ""}]}',
        b'{"batchItemFailures": [{"itemIdentifier": null}]}',
        b'{"batchItemFailures": [{"itemIdentifier": "foreign"}]}',
        b'{"batchItemFailures": [{"id": "a"}]}',
        b'{"batchItemFailures": [{"itemIdentifier": ["a"]}]}',
    ],
)
def test_an_answer_that_makes_no_sense_fails_the_whole_batch(answer: bytes) -> None:
    assert failed_messages(answer, ["a", "b"]) == {"a", "b"}
