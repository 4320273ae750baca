# ruff: noqa: E501 - tables of values
import tracemalloc
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from clickstream_lake.lake.catalog import COLUMN_TYPES, Column, ColumnType, TimeFormat
from clickstream_lake.lake.coercion import (
    MISMATCH,
    Coerced,
    compact,
    exact_number,
    judged_coercion_of,
    raw_coercion_of,
)
from clickstream_lake.lake.quality import Quality


def column(kind: ColumnType, formats: tuple[TimeFormat, ...] = ("iso",)) -> Column:
    return Column("a", kind, "", time_formats=formats)


def coerce(of: Column, raw: bytes) -> Coerced:
    return raw_coercion_of(of)(raw)


def test_a_value_that_breaks_a_rule_does_not_fit_where_rules_are_asked() -> None:
    ruled = replace(column("bigint"), quality=Quality(most=5))
    for raw, judged in [
        (b"5.0", (5, b"5")),
        (b"6", (MISMATCH, b"6")),
        (b'"x"', (MISMATCH, b'"x"')),
        (b"null", (None, b"null")),
    ]:
        assert judged_coercion_of(ruled)(raw) == judged
    assert raw_coercion_of(ruled)(b"6") == (6, b"6")


@pytest.mark.parametrize(
    "ways",
    [
        ["0", "-0", "0.000", "-0e5", "0e400"],
        ["1", "1.0", "10e-1", "0.001E3", "1e+0"],
        ["-1200", "-12e2", "-1200.000"],
        ["0.1", "1e-1", "100e-3"],
        ["9007199254740993", "9007199254740993.0"],
        ["9007199254740992", "9007199254740992.0"],
        ["1e-400", "10e-401"],
    ],
)
def test_a_number_has_one_exact_form(ways: list[str]) -> None:
    forms = {exact_number(way.encode()) for way in ways}
    assert len(forms) == 1
    assert Decimal(forms.pop().decode()) == Decimal(ways[0])


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
    cell, text = coerce(column(kind), raw)
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
    assert coerce(column(kind), raw) == (MISMATCH, raw)


@pytest.mark.parametrize("kind", COLUMN_TYPES)
def test_null_is_null_in_every_type(kind: ColumnType) -> None:
    assert coerce(column(kind), b"null") == (None, b"null")


@pytest.mark.parametrize(
    ("raw", "millis", "kept"),
    [
        (b'"2025-W48-3"', 1764115200000, b'"2025-W48-3"'),
        (b'"2025-11-26\\u005410:00"', 1764151200000, b'"2025-11-26\\u005410:00"'),
        (b'"2025-11-26 10:00:00.1239"', 1764151200123, b'"2025-11-26T10:00:00.123Z"'),
        (b"1764151200123.9", 1764151200123, b'"2025-11-26T10:00:00.123Z"'),
        (b"1764151200.5e0", 1764151200500, b'"2025-11-26T10:00:00.500Z"'),
        (b'"1764151200"', 1764151200000, b'"2025-11-26T10:00:00.000Z"'),
    ],
)
def test_a_timestamp_that_is_not_iso_8601_is_written_as_such(
    raw: bytes, millis: int, kept: bytes
) -> None:
    assert coerce(column("timestamp", ("iso", "sql", "auto_epoch")), raw) == (millis, kept)


@pytest.mark.parametrize("raw", [b"true", b"[1764151200]", b'{"a":1}', b"-1", b"1e14", b'"x"'])
def test_what_is_no_timestamp_in_any_format_stays_as_it_was(raw: bytes) -> None:
    assert coerce(column("timestamp", ("iso", "sql", "auto_epoch")), raw) == (MISMATCH, raw)


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
