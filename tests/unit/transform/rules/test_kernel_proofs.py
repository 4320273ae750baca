# ruff: noqa: E501 - tables of texts
"""Each check of the kernel, left out of it: then something comes out wrong.

A case is some lines and the check that is there for them. They come out as they do line by line;
without the check they come out differently. So no check can be dropped unseen. Checks of the fast
path are marked in the C sources; those of the careful path are expressions of its sources, each
with what to put in its place: see `tests/corpus/careful_checks.py`. One kernel is compiled in which
each of them can be left out.
"""

import ctypes
import dataclasses
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.write.rejects import RejectOutput
from dev.kernel import COMPILER, SOURCES, compile_kernel, this_machine
from tests.corpus.careful_checks import CHECKS, CarefulCheck


def catalog() -> Catalog:
    """With a name with a `k`, which two signs are in lower case, and times of two kinds."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document["pii_keys"] = ["user_id", "key", "größe"]
    document["columns"] += [
        {"name": "is_bot", "type": "boolean"},
        {"name": "seconds", "type": "timestamp", "time_formats": ["epoch_s"]},
    ]
    return parse_catalog(document)


def with_rules() -> Catalog:
    """The packaged one with each rule of columns."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    rules: dict[str, dict[str, Any]] = {
        "event_type": {"enum": ["click"]},
        "event_ts": {"min": "2020-01-01", "max": "2030-01-01"},
        "session_id": {"pattern": "[a-z]+", "on_breach": "reject"},
        "country": {"max_length": 2},
        "product_id": {"required": True, "on_breach": "reject"},
        "price": {"min": 0, "max": 5},
        "quantity": {"enum": [1, 3]},
    }
    for column in document["columns"]:
        column.update(rules.get(column["name"], {}))
    return parse_catalog(document)


def fed() -> Catalog:
    """The packaged one with columns that have their values from fields of other names."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    sources = {"price": ["unit_price", "price"], "page_url": ["page"], "referrer": ["ref"]}
    for column in document["columns"]:
        if column["name"] in sources:
            column["from"] = sources[column["name"]]
    came_from = {"name": "came_from", "type": "string", "from": ["referrer"]}
    document["columns"].append(came_from)
    return parse_catalog(document)


RULES = Rules(
    catalog=catalog(),
    limits=Limits(max_keys=12, max_depth=5, max_line_bytes=60_000),
    processed_ts=1_764_158_400_123,
    processed_ts_text="2025-11-26T12:00:00.123Z",
    partition_keys=("year", "month", "day"),
)
RULED = dataclasses.replace(RULES, catalog=with_rules())
FED = dataclasses.replace(RULES, catalog=fed())
NO_TEXTS = dataclasses.replace(RULES, catalog=dataclasses.replace(catalog(), scrub_text=False))


@dataclass(frozen=True)
class Case:
    """A check, and the line that it is there for.

    Attributes:
        switch: the check's name in the sources.
        rules: columns have rules.
        fed: columns have their values from fields of other names.
    """

    name: str
    line: bytes
    switch: str
    rules: bool = False
    fed: bool = False


def ruled(key: bytes, content: bytes, switch: str, product: bytes = b'"product_id":"p",') -> Case:
    """An event that breaks a rule."""
    line = b'{%s"%s":%s}' % (product, key, content)
    return Case(f"{switch.lower()} of {key.decode()}", line, switch, rules=True)


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
    Case("digits that no double holds", value(b"price", b"586455046669598392.9"), "ROUNDED_DIGITS"),
    Case("an exponent", value(b"price", b"1e2"), "EXPONENT"),
    Case("minus zero", value(b"price", b"-0"), "MINUS_ZERO"),
    Case("minus zero of a whole number", value(b"quantity", b"-0"), "MINUS_ZERO_OF_BIGINT"),
    # structure
    Case("a torn event", b'{"event_id":"a"},x}', "TORN"),
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
    Case("a key with escapes", b'{"event\\u005fid":1}', "ESCAPE_IN_KEY"),
    Case("a time with escapes", value(b"event_ts", b'"2025-11-2\\u0036"'), "ESCAPE_IN_TIME"),
    Case("nested PII", value(b"properties", b'{"USER_ID":1}'), "NESTED_PII"),
    Case("nested PII behind an escape", value(b"properties", b'{"user\\u005fid":1}'), "ESCAPE_IN_NESTED_KEY"),
    Case("nested PII in other letters", value(b"properties", '{"\u212aey":1}'.encode()), "NESTED_PII_IN_OTHER_LETTERS"),
    Case("a nested key twice", value(b"properties", b'{"a":1,"a":2}'), "NESTED_KEY_TWICE"),
    Case("PII in a text", text(b'{\\"user_id\\":1}'), "JSON_IN_TEXT"),
    Case("PII in a nested text", value(b"properties", b'{"a":"{\\"user_id\\":1}"}'), "JSON_IN_NESTED_TEXT"),
    Case("PII in a URL", value(b"page_url", b'"/p?user_id=1"'), "PII_IN_URL"),
    Case("PII in a URL behind an escaped mark", value(b"page_url", b'"/p\\u003fuser_id=1"'), "ESCAPED_DELIMITER"),
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
    # rules of columns
    ruled(b"event_type", b'"clic"', "ENUM_OF_TEXTS"),
    ruled(b"session_id", b'"a1"', "PATTERN"),
    ruled(b"country", b'"\xc3\xa9\xc3\xa9\xc3\xa9"', "MAX_LENGTH"),
    ruled(b"quantity", b"2", "ENUM_OF_NUMBERS"),
    ruled(b"price", b"-0.5", "LEAST_DOUBLE"),
    ruled(b"price", b"5.5", "MOST_DOUBLE"),
    ruled(b"event_ts", b'"2019-12-31"', "LEAST_WHOLE"),
    ruled(b"event_ts", b'"2030-01-02"', "MOST_WHOLE"),
    ruled(b"zz", b"1", "LACKING_REJECTS", product=b""),
    ruled(b"price", b"6", "BREACH"),
    # fields that have the value of a column of another name
    Case("two of them", b'{"unit_price":1,"price":2}', "SOURCE_TWICE", fed=True),
    Case("no colon behind one", b'{"unit_price";1}', "COLON_OF_SOURCE", fed=True),
    Case("a URL of a column without", b'{"referrer":"/p?user_id=1"}', "URL_IN_OTHER_COLUMN", fed=True),
    Case("a URL that nobody asks for", b'{"page_url":"/p?user_id=1"}', "REFUSED_URL", fed=True),
]  # fmt: skip


Outcome = dict[str, Any]


def outcome(parts: Iterator[Enriched], path: Path) -> Outcome:
    """What came of some lines; of what cannot be read, that it cannot."""
    found: dict[str, Any] = defaultdict(int, json=b"", rows=[])
    output = RejectOutput(path, raw_key="raw", source_id="source", processed_ts_text="now")
    for done in parts:
        found["json"] += b"".join(done.json)
        for batch in done.batches:
            try:
                batch.validate(full=True)
                found["rows"] += map(exact, batch.to_pylist())
            except (pa.ArrowInvalid, UnicodeDecodeError, OverflowError) as error:
                found["rows"].append(type(error))
        output.write(done.rejects, done.tallies)
        for name in ("blank", "lines", "repaired"):
            found[name] += getattr(done, name)
        for column, count in done.mismatched.items():
            found[column] += count
    output.finish()
    output.close()
    return {**found, "rejects": path.read_bytes()}


def exact(row: dict[str, Any]) -> dict[str, Any]:
    """A row in which zero is not minus zero."""
    return {k: v.hex() if isinstance(v, float) else v for k, v in row.items()}


def by_line(case: Case | CarefulCheck, path: Path) -> Outcome:
    return outcome(Enricher(rules_of(case)).scan(case.line + b"\n", 1, 0), path / "by_line")


def by_kernel(case: Case | CarefulCheck, path: Path) -> Outcome:
    return outcome(Kernel(rules_of(case)).scan(case.line + b"\n", 1, 0), path / "by_kernel")


def rules_of(case: Case | CarefulCheck) -> Rules:
    if case.fed:
        return FED
    if isinstance(case, Case):
        return RULED if case.rules else RULES
    return RULED if case.rules else RULES if case.scrub_text else NO_TEXTS


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """A kernel that can leave out each check."""
    sources = tmp_path_factory.mktemp("native")
    for path in SOURCES.glob("*.[ch]"):
        text = path.read_text(encoding="utf-8")
        checks = [check for check in CHECKS if check.file == path.name]
        (sources / path.name).write_text(with_switches(text, checks), encoding="utf-8")
    place = sources / "kernel.so"
    compiler = (*COMPILER, "-DPROOFS", "-w")  # checks that are left out leave much unused
    target = this_machine()
    assert target is not None
    place.write_bytes(compile_kernel(target, sources=sources, compiler=compiler))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "path", lambda: place)
        loaded: ctypes.CDLL = library.load.__wrapped__()
    return loaded


def with_switches(source: str, checks: list[CarefulCheck]) -> str:
    """The sources with each check's expression and what may take its place."""
    grown: list[tuple[int, int]] = []
    # From the end, and inner ones first, so that the places of the others are known.
    for start, first_end, check in sorted(
        ((*check.place(source), check) for check in checks),
        key=lambda found: (-found[0], found[1]),
    ):
        end = first_end + sum(more for place, more in grown if start <= place < first_end)
        code = source[start:end]
        switched = f"(WITHOUT({check.switch}) ? ({check.instead}) : ({code}))"
        grown.append((start, len(switched) - len(code)))
        source = source[:start] + switched + source[end:]
    return source


@pytest.fixture
def without(
    monkeypatch: pytest.MonkeyPatch, reduced: ctypes.CDLL
) -> Iterator[Callable[[str], None]]:
    """Puts a kernel in use that lacks a check."""
    left_out = ctypes.c_char_p.in_dll(reduced, "left_out")
    monkeypatch.setattr(library, "load", lambda: reduced)

    def leave_out(switch: str) -> None:
        left_out.value = switch.encode()

    yield leave_out
    left_out.value = b""


ALL = [*CASES, *CHECKS]


def test_every_check_in_the_sources_has_a_case() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.c"))
    switches = re.findall(r"\b(?:CHECK|WITHOUT)\((\w+)", sources)
    switches += re.findall(r"\bWITHOUT\(([A-Z]\w+)\)", (SOURCES / "kernel.h").read_text())
    assert {case.switch for case in CASES} == set(switches)
    assert len({case.name for case in CASES}) == len(CASES) == 118
    assert len({check.switch for check in CHECKS}) == len(CHECKS) == 287


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_lines_come_out_as_they_do_line_by_line(case: Case | CarefulCheck, tmp_path: Path) -> None:
    assert by_kernel(case, tmp_path) == by_line(case, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("case", ALL, ids=lambda case: case.name)
def test_without_the_check_they_would_not(
    case: Case | CarefulCheck, without: Callable[[str], None], tmp_path: Path
) -> None:
    without("")
    assert by_kernel(case, tmp_path) == by_line(case, tmp_path)
    without(case.switch)
    assert by_kernel(case, tmp_path) != by_line(case, tmp_path)
