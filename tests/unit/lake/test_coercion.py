# ruff: noqa: E501 - tables of values
import tracemalloc
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.lake.catalog import COLUMN_TYPES, ColumnType
from clickstream_lake.lake.coercion import COERCIONS, MISMATCH, coerce, compact, parse_timestamp


def millis(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-11-26", "2025-11-26T00:00:00+00:00"),
        ("2025-11-26T10:00", "2025-11-26T10:00:00+00:00"),
        ("2025-11-26T10:00Z", "2025-11-26T10:00:00+00:00"),
        ("2025-11-26T10:00:01", "2025-11-26T10:00:01+00:00"),
        ("2025-11-26T10:00:01Z", "2025-11-26T10:00:01+00:00"),
        ("2025-11-26T10:00:01.5Z", "2025-11-26T10:00:01.500+00:00"),
        ("2025-11-26T10:00:01,25Z", "2025-11-26T10:00:01.250+00:00"),
        ("2025-11-26T10:00:01.123999999Z", "2025-11-26T10:00:01.123+00:00"),
        ("2025-11-26T10:00:01+01:30", "2025-11-26T08:30:01+00:00"),
        ("2025-11-26T10:00:01-0800", "2025-11-26T18:00:01+00:00"),
        ("2025-11-26T10:00:01+01", "2025-11-26T09:00:01+00:00"),
        ("2025-11-26T10:00:01+14:00", "2025-11-25T20:00:01+00:00"),
        ("2025-11-26T10:00:01-00:00", "2025-11-26T10:00:01+00:00"),
        ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999+00:00"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00+00:00"),
    ],
)
def test_iso_8601_is_an_instant_in_milliseconds(text: str, instant: str) -> None:
    assert parse_timestamp(text) == millis(instant)


def test_the_years_1_to_9999_are_the_whole_range() -> None:
    assert parse_timestamp("0001-01-01T00:00:00Z") == -62_135_596_800_000
    assert parse_timestamp("9999-12-31T23:59:59.999Z") == 253_402_300_799_999
    assert parse_timestamp("0001-01-01T00:00:00+00:01") is None
    assert parse_timestamp("9999-12-31T23:59:59-00:01") is None


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "x", "2025", "2025-11", "20251126", "2025-11-26T", "2025-11-26T10", "2025-11-26 10:00",
        "2025-11-26t10:00:00z", "2025-11-26T10:00:00 Z", " 2025-11-26", "2025-11-26\n", "2025-13-01",
        "2025-00-01", "2025-02-29", "2025-11-31", "2025-11-26T24:00:00Z", "2025-11-26T10:60:00Z",
        "2025-11-26T10:00:60Z", "0000-01-01", "10000-01-01", "-2025-11-26", "+2025-11-26",
        "2025-11-26T10:00:00.Z", "2025-11-26T10:00:00.1234567890Z", "2025-11-26T10:00:00+1",
        "2025-11-26T10:00:00+01:", "2025-11-26T10:00:00+01:0", "2025-11-26T10:00:00+14:01",
        "2025-11-26T10:00:00-15:00", "2025-11-26T10:00:00+01:60", "2025-11-26T10:00:00ZZ",
        "2025-11-26Z", "2025-W48-3", "2025-330", "1764151200", "٢٠٢٥-11-26", "2025-11-26T10:00:00+01:00:00",
    ],
)  # fmt: skip
def test_what_athena_would_not_take_does_not_fit(text: str) -> None:
    assert parse_timestamp(text) is None


@given(st.datetimes(timezones=st.just(UTC)))
def test_any_instant_is_read_as_python_reads_it(moment: datetime) -> None:
    text = moment.isoformat(timespec="microseconds")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    delta = moment - epoch
    assert parse_timestamp(text) == (delta.days * 86_400_000_000 + delta.seconds * 10**6 +
                                     delta.microseconds) // 1000  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "raw", "stored", "kept"),
    [
        ("string", b'"a\\u0062"', "ab", b'"a\\u0062"'),
        ("string", b"1.50", "1.50", b'"1.50"'),
        ("string", b"true", "true", b'"true"'),
        ("string", b'{ "a" : [ 1 , "x y" ] }', '{"a":[1,"x y"]}', b'"{\\"a\\":[1,\\"x y\\"]}"'),
        ("bigint", b"-0", 0, b"0"),
        ("bigint", b"1e18", 10**18, b"1000000000000000000"),
        ("bigint", b"9007199254740994.0", 2**53 + 2, b"9007199254740994"),
        ("double", b"-0", 0.0, b"0"),
        ("bigint", b"5.0", 5, b"5"),
        ("bigint", b"12e2", 1200, b"1200"),
        ("bigint", b"9223372036854775807", 2**63 - 1, b"9223372036854775807"),
        ("double", b"1", 1.0, b"1"),
        ("double", b"1.50", 1.5, b"1.50"),
        ("boolean", b"false", False, b"false"),
        ("timestamp", b'"2025-11-26"', 1764115200000, b'"2025-11-26"'),
        ("json", b'{ "a" : 1.0 }', '{"a":1.0}', b'{ "a" : 1.0 }'),
        ("json", b'"x y"', '"x y"', b'"x y"'),
    ],
)
def test_a_value_that_fits(kind: ColumnType, raw: bytes, stored: Any, kept: bytes) -> None:  # noqa: ANN401
    cell, text = coerce(kind, raw)
    assert (cell, type(cell), text) == (stored, type(stored), kept)


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        *(("bigint", raw) for raw in (b"5.5", b'"5"', b"true", b"[]", b"9223372036854775808", b"1e19")),
        ("bigint", b"4503599627370497.3"),
        ("bigint", b"9223372036854775807.1"),
        *(("double", raw) for raw in (b'"1.5"', b"true", b"{}")),
        *(("boolean", raw) for raw in (b"1", b"0", b'"true"', b"[]")),
        *(("timestamp", raw) for raw in (b"1764115200000", b'"x"', b"true", b"{}", b"5.0")),
    ],
)  # fmt: skip
def test_a_value_that_does_not_fit_stays_as_it_was(kind: ColumnType, raw: bytes) -> None:
    assert coerce(kind, raw) == (MISMATCH, raw)


@pytest.mark.parametrize("kind", COLUMN_TYPES)
def test_null_is_null_in_every_type(kind: ColumnType) -> None:
    assert kind in COERCIONS
    assert coerce(kind, b"null") == (None, b"null")


def test_compact_drops_white_space_between_tokens_only() -> None:
    assert compact(b'{ "a b" :\t[ 1 ,\r\n "c \\" d" ] }') == b'{"a b":[1,"c \\" d"]}'
    assert compact(b'{"a":1}') == b'{"a":1}'


def test_compact_needs_little_memory_for_a_long_text() -> None:
    """A backtracking pattern would keep a mark per character: 640 MB for 4 MiB."""
    raw = b'["' + b"x \\n" * 500_000 + b'" ]'
    tracemalloc.start()
    try:
        assert len(compact(raw)) == len(raw) - 1
        assert tracemalloc.get_traced_memory()[1] < 6 * len(raw)
    finally:
        tracemalloc.stop()
