# ruff: noqa: E501 - tables of texts
"""Each check of the kernel, left out of it: then something wrong is taken.

A case is a line and the check in the C sources that is there for it. With the check, the line comes
out as it does line by line; compiled `-DWITHOUT_<the check>` it is taken, and comes out
differently. So no check can be dropped unseen.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clickstream_lake.lake.catalog import CATALOG_PATH, Catalog, parse_catalog
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.rules.native import library
from dev.kernel import COMPILER, SOURCES, compile_kernel, this_machine


def catalog() -> Catalog:
    """With a name with a `k`, which two signs are in lower case, and times of two kinds."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document["pii_keys"] = ["user_id", "key"]
    document["columns"] += [
        {"name": "is_bot", "type": "boolean"},
        {"name": "seconds", "type": "timestamp", "time_formats": ["epoch_s"]},
    ]
    return parse_catalog(document)


RULES = Rules(
    catalog=catalog(),
    limits=Limits(max_keys=12, max_depth=5, max_line_bytes=60_000),
    processed_ts=1_764_158_400_123,
    processed_ts_text="2025-11-26T12:00:00.123Z",
    partition_keys=("year", "month", "day"),
)


@dataclass(frozen=True)
class Case:
    """A check, and the line that it is there for.

    Attributes:
        switch: the check's name in the sources.
    """

    name: str
    line: bytes
    switch: str


def text(content: bytes) -> bytes:
    return b'{"event_id":"%s"}' % content


def value(key: bytes, content: bytes) -> bytes:
    return b'{"%s":%s}' % (key, content)


CASES = [
    # UTF-8 and escapes
    Case("an overlong pair", text(b"\xc0\x80"), "OVERLONG_PAIR"),
    Case("half a pair", text(b"\xc3("), "SECOND_BYTE"),
    Case("two of three", text(b"\xe2\x82("), "THIRD_BYTE"),
    Case("three of four", text(b"\xf0\x9f\x98("), "FOURTH_BYTE"),
    Case("over U+10FFFF", text(b"\xf5\x80\x80\x80"), "FIRST_BYTE"),
    Case("overlong three", text(b"\xe0\x80\x80"), "OVERLONG_THREE"),
    Case("a surrogate", text(b"\xed\xa0\x80"), "ENCODED_SURROGATE"),
    Case("overlong four", text(b"\xf0\x80\x80\x80"), "OVERLONG_FOUR"),
    Case("U+110000", text(b"\xf4\x90\x80\x80"), "OVER_10FFFF"),
    Case("a control character", text(b"a\tb"), "CONTROL_CHARACTER"),
    Case("no digit", text(b"\\u12g4"), "HEX_DIGIT"),
    Case("no escape", text(b"\\x"), "ESCAPED_CHARACTER"),
    Case("half of a surrogate pair", text(b"\\udc00\\udc00"), "FIRST_SURROGATE"),
    Case("another half", text(b"\\ud83d\\u0041"), "SECOND_SURROGATE"),
    Case("no other half", text(b"\\ud83d__dc00"), "SECOND_ESCAPE"),
    # numbers
    Case("a zero in front", value(b"price", b"01"), "LEADING_ZERO"),
    Case("no digits", value(b"price", b"-"), "FIRST_DIGIT"),
    Case("nothing behind the point", value(b"price", b"1."), "DIGIT_OF_FRACTION"),
    Case("no exponent", value(b"price", b"1e"), "DIGIT_OF_EXPONENT"),
    Case("too large an exponent", value(b"zz", b"1e400"), "LARGE_EXPONENT"),
    Case("too many digits", value(b"zz", b"9" * 400), "LONG_NUMBER"),
    Case("many digits and an exponent", value(b"zz", b"9" * 250 + b"e99"), "ROOM_FOR_AN_EXPONENT"),
    Case("over 64 bits", value(b"quantity", b"18446744073709551617"), "OVER_64_BITS"),
    Case("over 63 bits", value(b"quantity", b"9223372036854775808"), "OVER_63_BITS"),
    Case("a fraction", value(b"quantity", b"5.5"), "FRACTION"),
    Case("a fraction over 2^53", value(b"quantity", b"9007199254740993.0"), "ROUNDED_FRACTION"),
    Case("digits that no double holds", value(b"price", b"586455046669598392.9"), "ROUNDED_DIGITS"),
    Case("an exponent", value(b"price", b"1e2"), "EXPONENT"),
    Case("minus zero", value(b"price", b"-0"), "MINUS_ZERO"),
    # structure
    Case("no object", b'["event_id":"a"}', "OBJECT"),
    Case("something behind an event", b'{"event_id":"a"}x{"event_id":"b"}', "LINE_END"),
    Case("no comma", b'{"event_id":"a";"price":1}', "COMMA"),
    Case("no colon", b'{"event_id";"a"}', "COLON"),
    Case("no colon before PII", b'{"user_id";"a"}', "COLON_OF_PII"),
    Case("a word that is none", value(b"is_bot", b"tree"), "WORD"),
    Case("a nested key that is none", value(b"properties", b'{"a":1,xb":2}'), "NESTED_KEY"),
    Case("no nested comma", value(b"properties", b"[1;2]"), "NESTED_COMMA"),
    Case("no nested colon", value(b"properties", b'{"a";2}'), "NESTED_COLON"),
    Case("the other bracket", value(b"properties", b"[1}"), "SAME_BRACKET"),
    # the data rules
    Case("a key twice", b'{"zz":1,"zz":2}', "KEY_TWICE"),
    Case("a name of ours", b'{"processed_ts":1}', "NAME_OF_OURS"),
    Case("a key not known yet", b'{"zz":1}', "UNKNOWN_KEY"),
    Case("a key with escapes", b'{"event\\u005fid":1}', "ESCAPE_IN_KEY"),
    Case("nested PII", value(b"properties", b'{"USER_ID":1}'), "NESTED_PII"),
    Case("nested PII in capitals", value(b"properties", b'{"USER_ID":1}'), "CAPITAL"),
    Case("nested PII behind an escape", value(b"properties", b'{"user\\u005fid":1}'), "HIDDEN_PII"),
    Case("nested PII with a Kelvin sign", value(b"properties", '{"\u212aey":1}'.encode()), "KELVIN_SIGN"),
    Case("nested PII with an escaped Kelvin sign", value(b"properties", b'{"\\u212Aey":1}'), "ESCAPED_KELVIN_SIGN"),
    Case("a name behind a quote", value(b"properties", b'{"a":"\\/\\"user_id"}'), "NAME_AFTER_A_QUOTE"),
    Case("a carriage return inside", value(b"properties", b'{"a":\r1}'), "CARRIAGE_RETURN"),
    # limits
    Case("too deep", value(b"properties", b"[[[[[]]]]]"), "DEPTH"),
    Case("too many keys", value(b"properties", b"{%s}" % b",".join(b'"k%d":1' % n for n in range(12))), "MANY_KEYS"),
    Case("too many keys, nested", value(b"properties", b"{%s}" % b",".join(b'"k%d":1' % n for n in range(12))), "NESTED_KEYS"),
    Case("too long a key", value(b"properties", b'{"%s":1}' % (b"k" * 10_001)), "LONG_KEY"),
    Case("too long a line", text(b"x" * 60_000), "LONG_EVENT"),
    # timestamps
    *(
        Case(f"the time {sent}", value(b"event_ts", b'"%s"' % sent.encode()), switch)
        for sent, switch in [
            ("0000-12-31T23:00-02:00", "FIRST_YEAR"),
            ("10000-01-01T00:00+02:00", "LAST_YEAR"),
            ("2025-W00", "FIRST_WEEK"),
            ("2025-W53", "LAST_WEEK"),
            ("2025-W48-0", "FIRST_WEEKDAY"),
            ("2025-W48-8", "LAST_WEEKDAY"),
            ("9999-W52-6T00+02:00", "LAST_DAY_OF_WEEKS"),
            ("2025-000", "FIRST_DAY_OF_YEAR"),
            ("2025-366", "LAST_DAY_OF_YEAR"),
            ("2025-13-26", "MONTH"),
            ("2025-11-31", "LAST_DAY"),
            ("2025-02-29", "LEAP_YEAR"),
            ("2025-11-00", "FIRST_DAY"),
            ("2025-11-26_10:00", "TIME_MARK"),
            ("T", "DATE_OR_TIME"),
            ("2025-11-26T10:", "DIGIT_OF_TIME"),
            ("2025-11-26T24:00", "TIME_OF_DAY"),
            ("2025-11-26T10:60", "TIME_OF_DAY"),
            ("2025-11-26T10:00:60", "TIME_OF_DAY"),
            ("2025-11-26T10:00:00.", "DIGIT_OF_FRACTION_OF_TIME"),
            ("2025-11-26T10:00:00Zx", "END_OF_TIME"),
            ("2025-11-26T10:00:00?01", "SIGN"),
            ("2025-11-26T10:00:00+1", "PAIR_OF_DIGITS"),
            ("2025-11-26T10:00:00+", "HOURS_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:", "MINUTES_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:60", "MINUTE_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:0000", "SECOND_COLON_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:00:01", "SECONDS_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:00:000", "POINT_OF_OFFSET"),
            ("2025-11-26T10:00:00+01:00:00.001", "FRACTION_OF_OFFSET"),
            ("2025-11-26T10:00:00+14:01", "WIDEST_OFFSET"),
            ("0001-01-01T00:00:00+01:00", "FIRST_INSTANT"),
            ("9999-12-31T23:59:59-01:00", "LAST_INSTANT"),
            ("0000-12-31 23:00:00", "FIRST_YEAR"),
            ("2025-11-26_10:00:00", "SHAPE_OF_ALL_DIGITS"),
            ("2025-11-26T24:00:00", "HOUR"),
            ("2025-11-26T10:60:00", "MINUTE"),
            ("2025-11-26 10:00:60", "SECOND"),
            ("2025-11-26 10:00:00,5", "POINT_OF_SQL"),
            ("2025-11-26 10:00:00.5Z", "END_OF_SQL"),
            ("", "DIGIT_OF_EPOCH"),
            ("01764151200", "LEADING_ZERO_OF_EPOCH"),
            ("1764151200.", "DIGIT_OF_EPOCH_FRACTION"),
            ("1764151200e", "DIGIT_OF_EPOCH_EXPONENT"),
            ("1764151200 ", "END_OF_EPOCH"),
            ("-1764151200", "BEFORE_1970"),
            ("100000000000000", "AFTER_MILLIS"),
        ]
    ),
    Case("a number before the year 1", value(b"seconds", b"-62135596801"), "FIRST_EPOCH"),
    Case("a number after the year 9999", value(b"seconds", b"253402300800"), "LAST_EPOCH"),
]  # fmt: skip


def by_line(line: bytes) -> tuple[bytes, str]:
    enricher = Enricher(RULES)
    events = enricher.line(line, 1, 0, Enriched())
    rows = enricher.batch(events).to_pylist() if events else []
    return b"".join(line for line, _ in events), repr(rows)


def by_kernel(line: bytes) -> tuple[bytes, str] | None:
    """None where it declines."""
    lines, rows = b"", []
    for part in Kernel(RULES).scan(line + b"\n"):
        if part.declined:
            return None
        lines += bytes(part.json)
        try:
            rows += part.batch.to_pylist() if part.batch else []
        except (UnicodeDecodeError, OverflowError):
            return lines, "unreadable"
    return lines, repr(rows)


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Puts a kernel in use that lacks a check."""

    def build(switch: str) -> None:
        place = tmp_path / "kernel.so"
        # A check that is left out may leave a variable unused.
        compiler = (*COMPILER, f"-DWITHOUT_{switch}", "-w")
        place.write_bytes(compile_kernel(this_machine(), compiler=compiler))
        monkeypatch.setattr(library, "path", lambda: place)
        reduced = library.load.__wrapped__()
        monkeypatch.setattr(library, "load", lambda: reduced)

    return build


def test_every_check_in_the_sources_has_a_case() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.c"))
    switches = re.findall(r"\b(?:CHECK|WITHOUT)\((\w+)", sources)
    switches += re.findall(r"\bWITHOUT\(([A-Z]\w+)\)", (SOURCES / "kernel.h").read_text())
    assert {case.switch for case in CASES} == set(switches)
    assert len({case.name for case in CASES}) == len(CASES) == 104


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lines_come_out_as_they_do_line_by_line(case: Case) -> None:
    assert by_kernel(case.line) in (None, by_line(case.line))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_the_check_they_would_not(case: Case, without: Callable[[str], None]) -> None:
    without(case.switch)
    assert by_kernel(case.line) not in (None, by_line(case.line))
