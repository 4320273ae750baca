from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.lake.coercion import MISMATCH, coerce, compact, parse_timestamp


@pytest.mark.parametrize(
    ("raw", "compacted"),
    [
        (b'{ "a" : 1 , "b c" : [ 1 , 2 ] }', b'{"a":1,"b c":[1,2]}'),
        (b'{"a":" \\" , "}', b'{"a":" \\" , "}'),
        (b'"\\\\" ', b'"\\\\"'),
        (b"[1,\t2,\r3]", b"[1,2,3]"),
        (b"1.50", b"1.50"),
    ],
)
def test_compact_takes_white_space_between_tokens_only(raw: bytes, compacted: bytes) -> None:
    assert compact(raw) == compacted


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001 - read as UTC
def test_what_python_writes_is_read_to_the_millisecond(moment: datetime) -> None:
    expected = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    millis = parse_timestamp(moment.isoformat())
    assert millis is not None
    assert (expected - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) == millis


@pytest.mark.parametrize(
    "text",
    [
        *("", "2025", "2025-11", "20251126", "2025-W48-3", "2025-11-26T10", "10:00:00Z"),
        *("2025-11-26 10:00:00", "2025-11-26t10:00:00z", "2025-11-26T10:00:00+15:00"),
        *("2025-11-26T10:00:00+01:", "2025-11-26T24:00:00Z", "2025-11-26T10:00:60Z"),
        *(
            "2025-13-01",
            "0000-01-01",
            "0001-01-01T00:00:00+01:00",
            "\u0662\u0660\u0662\u0665-11-26",
        ),
        *(
            "2025-11-26T10:00:00.1234567890Z",
            " 2025-11-26",
            "2025-11-26Z ",
            "9999-12-31T23:59-14:00",
        ),
    ],
)
def test_other_texts_are_no_timestamps(text: str) -> None:
    assert parse_timestamp(text) is None


@pytest.mark.parametrize(
    ("kind", "raw", "cell", "text"),
    [
        ("string", b'"a"', "a", b'"a"'),
        ("string", b'{"a": 1}', '{"a":1}', b'"{\\"a\\":1}"'),
        ("bigint", b"9223372036854775807", 2**63 - 1, b"9223372036854775807"),
        ("bigint", b"5.0", 5, b"5"),
        ("double", b"5", 5.0, b"5"),
        ("boolean", b"true", True, b"true"),
        ("timestamp", b'"1970-01-01T00:00:01Z"', 1000, b'"1970-01-01T00:00:01Z"'),
        ("json", b"[1, 2]", "[1,2]", b"[1, 2]"),
        ("json", b"null", None, b"null"),
        ("bigint", b"null", None, b"null"),
    ],
)
def test_a_value_that_fits(kind: str, raw: bytes, cell: object, text: bytes) -> None:
    assert coerce(kind, raw) == (cell, text)  # type: ignore[arg-type]  # parametrised


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *(("bigint", raw) for raw in (b"5.5", b"9223372036854775808", b'"5"', b"true", b"[]")),
        *(("bigint", raw) for raw in (b"1e300", b"9007199254740994.0")),
        *(("double", raw) for raw in (b'"1"', b"false", b"{}")),
        *(("boolean", raw) for raw in (b"0", b"1", b'"true"')),
        *(("timestamp", raw) for raw in (b"0", b'"now"', b"{}")),
    ],
)
def test_a_value_that_does_not(kind: str, raw: bytes) -> None:
    assert coerce(kind, raw)[0] is MISMATCH  # type: ignore[arg-type]  # parametrised
