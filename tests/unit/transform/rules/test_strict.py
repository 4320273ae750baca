import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.strict import (
    MAX_KEY_BYTES,
    RejectedError,
    check_event,
    depth_of,
    parse_event,
)

LIMITS = Limits(max_depth=5, max_keys=4)


def reason(text: bytes) -> str | None:
    try:
        check_event(text, LIMITS)
    except RejectedError as rejected:
        return rejected.reason
    return None


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (b"0." + b"9" * 400, None),
        (b"1e-" + b"9" * 400, None),
        (b"9" * 400 + b"e-399", None),
        (b"0e" + b"9" * 400, None),
        (b"1" + b"0" * 308, None),
        (b'"' + b"9" * 400 + b'"', None),
        (b"1" + b"0" * 309, "number_overflow"),
        (b"-" + b"9" * 400, "number_overflow"),
        (b"9" * 5000, "number_overflow"),
        (b"1e309", "number_overflow"),
        (b"9" * 400 + b"e1", "number_overflow"),
    ],
)
def test_numbers_are_rejected_where_a_double_is_infinite(
    number: bytes, expected: str | None
) -> None:
    assert reason(b'{"a":' + number + b"}") == expected
    assert reason(b'{"a":[{"b":' + number + b',"c":1}]}') == expected


def test_keys_and_values_stay_as_sent() -> None:
    event = parse_event(b'{"\\u0061":[ 1 ],"b":"\\u0062"}')
    assert {key: bytes(raw) for key, raw in event.fields.items()} == {
        "a": b"[ 1 ]",
        "b": b'"\\u0062"',
    }
    assert event.values == {"a": [1], "b": "b"}


def test_a_fault_under_a_duplicate_key_has_its_own_reason() -> None:
    assert reason(b'{"a":1e400,"a":1}') == "number_overflow"
    assert reason(b'{"a":{"b":NaN,"b":1}}') == "non_finite_number"


def test_depth_counts_brackets_outside_strings() -> None:
    assert depth_of(b'{"a":"[[[[[[","b":[{}]}') == 3
    assert depth_of(b'{"a":"\\"[[["}') == 1
    assert depth_of(b'{"a":"[[[') == 1
    assert depth_of(b"}}}[[") == 0
    assert reason(b'{"a":[[[[]]]]}') is None
    assert reason(b'{"a":[[[[[]]]]]}') == "too_deep"
    assert reason(b'{"a":"[[[[[[[["}') is None


def test_keys_are_counted_over_all_depths() -> None:
    assert reason(b'{"a":{"b":1},"c":[{"d":"::::::"}]}') is None
    assert reason(b'{"a":{"b":1},"c":[{"d":1,"e":1}]}') == "too_many_keys"
    assert reason(b'{"a":1,"a":2,"a":3,"a" :4,"a":5}') == "too_many_keys"


@pytest.mark.parametrize("form", [b'{"%s":1}', b'{"a":[{"%s" :1}]}', b'{"a":{"%s":1},"a":2}'])
def test_a_key_has_a_longest_length(form: bytes) -> None:
    assert reason(form % (b"k" * MAX_KEY_BYTES)) is None
    assert reason(form % (b"k" * (MAX_KEY_BYTES + 1))) == "key_too_long"


def test_a_long_text_is_no_long_key() -> None:
    text = b"k" * (MAX_KEY_BYTES + 1)
    assert reason(b'{"a":"' + text + b'","b":["' + text + b'","\\":1"]}') is None
