"""The event that Lambda makes of SQS messages, and what the function's answer means for them.

Pure functions; the rules are those of the Lambda developer guide, "Handling errors for an SQS
event source".
"""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef


def make_event(messages: "Sequence[MessageTypeDef]", queue_arn: str) -> dict[str, Any]:
    """The event with one record per message, in the order they were received in."""
    region = queue_arn.split(":")[3]
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": dict(message.get("Attributes", {})),
                "messageAttributes": {
                    name: _attribute(value)
                    for name, value in message.get("MessageAttributes", {}).items()
                },
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": queue_arn,
                "awsRegion": region,
            }
            for message in messages
        ]
    }


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "stringValue": value.get("StringValue"),
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }


def failed_messages(payload: bytes, message_ids: Sequence[str]) -> set[str]:
    """The ids of the messages that go back to the queue, by a function's `batchItemFailures`.

    An answer that Lambda cannot make sense of (no JSON, an id that is empty, missing or not of
    this batch) counts as the failure of the whole batch; an empty one as its success.
    """
    everything = set(message_ids)
    try:
        answer = json.loads(payload or b"null") or {}
        failures = answer.get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (ValueError, AttributeError, TypeError, KeyError):
        return everything
    return failed if failed.issubset(everything) else everything
