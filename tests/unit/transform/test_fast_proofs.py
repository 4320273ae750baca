"""Each thing that the fast path has to show: declined where it does not hold, and why it matters.

Every case names the check that declines it. Without the check the block is taken, and the JSON
lines or rows are wrong: so no check can be dropped unseen.
"""

import json
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from functions.lake.config import Limits
from functions.lake.schema import load_catalog
from functions.transform import columns, fast, nested, shape, splice
from functions.transform.declined import Declined

STAMP = "2025-11-26T12:00:00.123Z"
NEVER = re.compile(b"(?!)")


def enrich(lines: bytes, **limits: int) -> tuple[bytes, pa.RecordBatch] | None:
    """Through the fast path; None where it declines."""
    path = fast.FastPath(
        load_catalog(),
        Limits(**limits),
        processed_ts=1_764_158_400_123,
        processed_ts_text=STAMP,
        partition_keys=("year", "month", "day"),
    )
    try:
        done = path.enrich(lines)
    except Declined:
        return None
    return None if done.odd else (done.json, done.batch)


def skip(*_: object) -> None:
    """Show nothing."""


def yes(*_: object) -> bool:
    """Claim it."""
    return True


def cut_whatever_is_there(lines: bytes, key: bytes, _count: int) -> list[bytes]:
    head, *tails = lines.split(b'"%s":' % key)
    return [head, *(tail[tail.index(b'"', 1) + 1 :] for tail in tails)]


PLAIN = b'{"event_id":"a","user_id":"u"}\n{"event_id":"b","price":1}\n'

CASES: list[tuple[str, bytes, Any, str, Any]] = [
    (
        "two objects on one line",
        b'{"event_id":"a"}{"event_id":"b"}\n',
        splice,
        "_show_framing",
        skip,
    ),
    ("a blank line", b'{"event_id":"a"}\n\n', splice, "_show_framing", skip),
    ("an object over two lines", b'{"event_id":"a"\n,"price":1}\n', splice, "_show_framing", skip),
    ("space behind an object", b'{"event_id":"a"} \n', splice, "_show_framing", skip),
    (
        "a PII key with an escaped letter",
        b'{"event_id":"a","user\\u005fid":"CANARY","user_id":"u"}\n',
        splice,
        "ESCAPED_NAME",
        NEVER,
    ),
    (
        "a PII key twice",
        b'{"event_id":"a","user_id":"u","user_id":"CANARY"}\n',
        splice,
        "_cut",
        lambda lines, key, _: lines.split(b'"%s":"u"' % key, 1),
    ),
    (
        "a PII value with an escaped quote",
        b'{"event_id": "a","user_id":"x\\"CANARY"}\n',
        splice,
        "_cut",
        cut_whatever_is_there,
    ),
    (
        "PII under a duplicate of a json column",
        b'{"event_id":"a","properties":{"USER_ID":"CANARY"},"properties":1}\n',
        splice,
        "_show_once",
        skip,
    ),
    (
        "PII under a duplicate of an undeclared key",
        b'{"event_id":"a","zz":{"USER_ID":"CANARY"},"zz":1}\n',
        splice,
        "_show_once",
        skip,
    ),
    (
        "PII under a duplicate of an undeclared key that is spelt in two ways",
        '{"event_id":"a","caf\\u00e9":{"USER_ID":"CANARY"},"caf\u00e9":1}\n'.encode(),
        splice,
        "_NAME",
        re.compile("(?s).*"),
    ),
    (
        "bytes that are no UTF-8 under a duplicate key",
        b'{"event_id":"a","properties":"\xff","properties":1}\n',
        splice,
        "_show_once",
        skip,
    ),
    (
        "nested PII in capitals",
        b'{"event_id":"a","properties":{"USER_ID":"CANARY"}}\n',
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a nested number that overflows",
        b'{"event_id":"a","properties":{"k":[1E+400]}}\n',
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a nested number with 400 digits",
        b'{"event_id":"a","properties":{"k":1%s}}\n' % (b"0" * 400),
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "nesting over the limit",
        b'{"event_id":"a","properties":%s%s}\n' % (b"[" * 100, b"]" * 100),
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a nested PII key with an escaped letter",
        b'{"event_id":"a","properties":{"user\\u005fid":"CANARY"}}\n',
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a line end inside a nested value",
        b'{"event_id":"a","properties":{"k":1,\n"l":2}}\n',
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a carriage return inside a nested value",
        b'{"event_id":"a","properties":{"k":1,\r"l":2}}\n',
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "more keys than allowed, over several values",
        b'{"event_id":"a","properties":{%s},"zz":{%s}}\n' % ((b",".join([b'"k":1'] * 400),) * 2),
        nested.NestedTexts,
        "show_few_keys",
        skip,
    ),
    (
        "a key longer than allowed, in letters of three bytes",
        b'{"event_id":"a","properties":{"%s":1}}\n' % ("\u20ac".encode() * 3_400),
        nested.NestedTexts,
        "_is_harmless",
        yes,
    ),
    (
        "a blank line, whatever canonical may be",
        b'{"event_id":"a"}\n\n',
        fast.FastPath,
        "_is_canonical",
        yes,
    ),
    (
        "a key that would be taken for a column",
        b'{"event_id":"a","Event_Type":"b"}\n',
        shape.Shapes,
        "_may_stay",
        yes,
    ),
    (
        "a processed_ts of the producer's",
        b'{"event_id":"a","processed_ts":"b"}\n',
        shape,
        "_NEVER_SENT",
        str,
    ),
    (
        "a timestamp that only Arrow takes",
        b'{"event_id":"a","event_ts":"2025-11-26 10:00:00.000Z"}\n',
        columns,
        "_of_one_shape",
        lambda _: True,
    ),
    (
        "a timestamp of the year 0",
        b'{"event_id":"a","event_ts":"0000-01-01T00:00:00.000Z"}\n',
        columns,
        "_of_one_shape",
        lambda _: True,
    ),
]


def test_plain_lines_are_taken() -> None:
    taken = enrich(PLAIN)
    assert taken is not None
    lines, batch = taken
    assert [json.loads(line) for line in lines.splitlines()] == [
        {"event_id": "a", "processed_ts": STAMP},
        {"event_id": "b", "price": 1, "processed_ts": STAMP},
    ]
    assert batch.column("event_id").to_pylist() == ["a", "b"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_what_is_not_shown_is_declined(
    case: tuple[str, bytes, Any, str, Callable[..., object]],
) -> None:
    assert enrich(case[1], max_keys=700) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_without_the_check_it_would_be_taken(
    case: tuple[str, bytes, Any, str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, lines, where, name, instead = case
    monkeypatch.setattr(where, name, instead)
    assert enrich(lines, max_keys=700) is not None
