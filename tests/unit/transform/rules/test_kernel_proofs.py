# ruff: noqa: E501 - tables of texts
"""Each check of the kernel, taken out of its source: then something wrong is taken.

A case is a line and an edit of the C sources. With them as they are, the line comes out as it does
line by line; without the check it is taken, and comes out differently. So no check can be dropped
unseen.
"""

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.rules.native import library
from dev.kernel import COMPILER, SOURCES, compile_kernel, this_machine
from tests.corpus.lake_files import CATALOG

# A name with a `k`, which two signs are in lower case.
WITH_KEY = dataclasses.replace(CATALOG, pii_keys=frozenset({"user_id", "key"}))
RULES = Rules(
    catalog=WITH_KEY,
    limits=Limits(max_keys=12, max_depth=5, max_line_bytes=60_000),
    processed_ts=1_764_158_400_123,
    processed_ts_text="2025-11-26T12:00:00.123Z",
    partition_keys=("year", "month", "day"),
)


@dataclass(frozen=True)
class Case:
    """A check, and the line that it is there for.

    Attributes:
        edits: file, what stands there, and what is to stand there instead.
    """

    name: str
    line: bytes
    edits: tuple[tuple[str, str, str], ...]


def case(name: str, line: bytes, file: str, there: str, instead: str = "") -> Case:
    return Case(name, line, ((file, there, instead),))


def text(content: bytes) -> bytes:
    return b'{"event_id":"%s"}' % content


def value(key: bytes, content: bytes) -> bytes:
    return b'{"%s":%s}' % (key, content)


CASES = [
    # UTF-8 and escapes
    case("an overlong pair", text(b"\xc0\x80"), "scan.h", "if (first < 0xC2) return NULL;"),
    case("half a pair", text(b"\xc3("), "scan.h", "if (!continues(second)) return NULL;"),
    case("two of three", text(b"\xe2\x82("), "scan.h", "if (!continues(p[2])) return NULL;"),
    case("three of four", text(b"\xf0\x9f\x98("), "scan.h", "!continues(p[3]) || "),
    case("over U+10FFFF", text(b"\xf5\x80\x80\x80"), "scan.h", " || first > 0xF4"),
    case("overlong three", text(b"\xe0\x80\x80"), "scan.h", "first == 0xE0 &&", "false &&"),
    case("a surrogate", text(b"\xed\xa0\x80"), "scan.h", "first == 0xED &&", "false &&"),
    case("overlong four", text(b"\xf0\x80\x80\x80"), "scan.h", "first == 0xF0 &&", "false &&"),
    case("U+110000", text(b"\xf4\x90\x80\x80"), "scan.h", "first == 0xF4 &&", "false &&"),
    Case(
        "a control character",
        text(b"a\tb"),
        (("scan.h", "(found < 0x20)", "(found < 0x20 & found != 9)"), ("scan.h", "(*p >= 0x20 &&", "((*p >= 0x20 || *p == 9) &&")),
    ),
    case("no digit", text(b"\\u12g4"), "scan.h", "else return -1;", "else digit = 0;"),
    case("no escape", text(b"\\x"), "scan.h", "default:\n        return NULL;", "default:\n        return p + 2;"),
    case("half of a surrogate pair", text(b"\\udc00\\udc00"), "scan.h", " || (code >= 0xDC00 && code < 0xE000)"),
    case("another half", text(b"\\ud83d\\u0041"), "scan.h", "return low >= 0xDC00 && low < 0xE000 ? p + 12 : NULL;", "return p + 12;"),
    case("no other half", text(b"\\ud83d__0041"), "scan.h", "if (p[6] != '\\\\' || p[7] != 'u') return NULL;\n        low = hex4(p + 8);", "low = 0xDC00;"),
    # numbers
    case("a zero in front", value(b"price", b"01"), "scan.h", "if (*p == '0') p++;\n    else for", "for"),
    case("no digits", value(b"price", b"-"), "scan.h", "if (!is_digit(*p)) return NULL;"),
    case("nothing behind the point", value(b"price", b"1."), "scan.h", "if (p == first) return NULL;"),
    case("no exponent", value(b"price", b"1e"), "scan.h", "first == last || "),
    case("too large an exponent", value(b"zz", b"1e400"), "scan.h", " || last - first > MOST_EXPONENT_DIGITS"),
    case("too many digits", value(b"zz", b"9" * 400), "scan.h", "p - start > MOST_NUMBER_BYTES ? NULL : p", "p"),
    case("many digits and an exponent", value(b"zz", b"9" * 250 + b"e99"), "scan.h", "MOST_NUMBER_BYTES 200", "MOST_NUMBER_BYTES 300"),
    case("over 64 bits", value(b"quantity", b"18446744073709551617"), "cells.h", "!p || !number.exact", "!p"),
    case("over 63 bits", value(b"quantity", b"9223372036854775808"), "cells.h", "(number.whole ? INT64_MAX : MOST_EXACT)", "UINT64_MAX"),
    case("a fraction", value(b"quantity", b"5.5"), "cells.h", "if (number.digits % power) return NULL;"),
    case("a fraction over 2^53", value(b"quantity", b"9007199254740993.0"), "cells.h", "(number.whole ? INT64_MAX : MOST_EXACT)", "INT64_MAX"),
    case("digits that no double holds", value(b"price", b"586455046669598392.9"), "cells.h", " && number->digits <= MOST_EXACT"),
    case("an exponent", value(b"price", b"1e2"), "scan.h", "number->whole = number->exact = false;", "number->whole = false;"),
    case("minus zero", value(b"price", b"-0"), "cells.h", "(number.whole ? 0.0 : -0.0)", "-0.0"),
    # structure
    case("no object", b'["event_id":"a"}', "events.h", "*p != '{' || "),
    case("something behind an event", b'{"event_id":"a"}x{"event_id":"b"}', "events.h", "if (*p != '\\n') return NULL;"),
    case("no comma", b'{"event_id":"a";"price":1}', "events.h", "if (*p != ',') return NULL;"),
    case("no colon", b'{"event_id";"a"}', "events.h", "p = skip_white(p);\n            if (*p != ':') return NULL;\n            if (p == k", "p = skip_white(p);\n            if (p == k"),
    case("no colon before PII", b'{"user_id";"a"}', "events.h", "if (*p != ':') return NULL;\n            p = scan_value", "p = scan_value"),
    case("a word that is none", value(b"is_bot", b"tree"), "scan.h", "strncmp((const char *)p, word, size) ? NULL :", "p[1] == 'x' ? NULL :"),
    case("a time without its quote", b'{"event_ts":x2025-11-26"}', "cells.h", "if (*p != '\"') return NULL;"),
    case("a nested key that is none", value(b"properties", b'{"a":1,xb":2}'), "nested.h", "if (*p != '\"') return NULL;"),
    case("no nested comma", value(b"properties", b"[1;2]"), "nested.h", "if (*p != ',') return NULL;"),
    case("no nested colon", value(b"properties", b'{"a";2}'), "nested.h", "if (*p != ':') return NULL;"),
    case("the other bracket", value(b"properties", b"[1}"), "nested.h", "if (*p != open[depth]) break;", "if (*p != ']' && *p != '}') break;"),
    # the data rules
    case("a key twice", b'{"zz":1,"zz":2}', "events.h", "key->seen == k->number || "),
    Case(
        "a name of ours",
        b'{"processed_ts":1}',
        (("events.h", " || key->column == REFUSED", ""), ("cells.h", "key->column == UNDECLARED", "key->column < 0")),
    ),
    case("a key not known yet", b'{"zz":1}', "events.h", "if (k->scanned.unknown) return NULL;"),
    case("a key with escapes", b'{"event\\u005fid":1}', "events.h", "if (!end || has) return 0;", "if (!end) return 0;"),
    case("nested PII", value(b"properties", b'{"USER_ID":1}'), "nested.h", " || is_name(k, start, p)"),
    case("nested PII in capitals", value(b"properties", b'{"USER_ID":1}'), "nested.h", "return (u8)(c - 'A') < 26 ? c | 32 : c;", "return c;"),
    case("nested PII behind an escape", value(b"properties", b'{"user\\u005fid":1}'), "nested.h", "(has & HIDDEN_NAME) || "),
    case("nested PII with a Kelvin sign", value(b"properties", '{"\u212aey":1}'.encode()), "scan.h", "if (p[0] == 0xE2 && p[1] == 0x84 && p[2] == 0xAA) *has |= HIDDEN_NAME;"),
    case("nested PII with an escaped Kelvin sign", value(b"properties", b'{"\\u212Aey":1}'), "scan.h", " ||\n           code == '-' || code == 0x212A;", " || code == '-';"),
    case("a name behind a quote", value(b"properties", b'{"a":"\\/\\"user_id"}'), "nested.h", "tail[-1] != '\"'", "tail != start"),
    case("a carriage return inside", value(b"properties", b'{"a":\r1}'), "scan.h", "if (*p != ' ' && *p != '\\t') return p;\n    *seen = true;\n    do p++;\n    while (*p == ' ' || *p == '\\t');", "while (*p == ' ' || *p == '\\t' || *p == '\\r') p++, *seen = true;"),
    # limits
    case("too deep", value(b"properties", b"[[[[[]]]]]"), "nested.h", "if (++depth > k->max_depth) return NULL;", "++depth;"),
    case("too many keys", value(b"properties", b"{%s}" % b",".join(b'"k%d":1' % n for n in range(12))), "events.h", "if (k->keys_seen > k->max_keys) return NULL;"),
    case("too many keys, nested", value(b"properties", b"{%s}" % b",".join(b'"k%d":1' % n for n in range(12))), "nested.h", "k->keys_seen++;"),
    case("too long a key", value(b"properties", b'{"%s":1}' % (b"k" * 10_001)), "nested.h", "is_key && (size_t)(p - start) > k->max_key_bytes ? NULL : p", "p"),
    case("too long a line", text(b"x" * 60_000), "events.h", " || (u64)(p - start) > k->max_line_bytes"),
    # timestamps
    *(
        case(f"the time {sent}", value(b"event_ts", b'"%s"' % sent.encode()), "instant.h", there, instead)
        for sent, there, instead in [
            ("2025/11-26", "p[4] != '-' || ", ""),
            ("2025-11/26", " || p[7] != '-'", ""),
            ("2025-13-26", "month < 1 || month > 12", "month < 1"),
            ("2025-11-31", "day > days_in(year, month)", "day > 31"),
            ("2025-02-29", "month == 2 && leap", "month == 2"),
            ("2025-11-00", "day < 1 || ", ""),
            ("2025-11-26 10:00", "*p != 'T' || ", ""),
            ("2025-11-26T10.00", " || p[3] != ':'", ""),
            ("2025-11-26T24:00", "hour > 23 || ", ""),
            ("2025-11-26T10:60", "minute > 59 || ", ""),
            ("2025-11-26T10:00:60", " || second > 59", ""),
            ("2025-11-26T10:00:0x", "if (second < 0) return false;", "second = 0;"),
            ("2025-11-26T10:00:00.", "count < 1 || ", ""),
            ("2025-11-26T10:00:00.1234567890", " || count > 9", ""),
            ("2025-11-26T10:00:00Zx", "if (p != end) return false;", ""),
            ("2025-11-26T10:00:00?01", "!sign || ", ""),
            ("2025-11-26T10:00:00+01:", "if (rest < 0) return false;\n                p += 2;", "if (rest < 0) rest = 0;\n                else p += 2;"),
            ("2025-11-26T10:00:00+01:60", "rest > 59 || ", ""),
            ("2025-11-26T10:00:00+14:01", " || offset > WIDEST_OFFSET_MINUTES", ""),
            ("0001-01-01T00:00:00+01:00", "found >= FIRST_MILLIS && ", ""),
            ("9999-12-31T23:59:59-01:00", " && found <= LAST_MILLIS", ""),
        ]
    ),
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
def without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Case], None]:
    """Puts a kernel in use whose sources were edited."""

    def build(case: Case) -> None:
        sources = tmp_path / "native"
        shutil.copytree(SOURCES, sources)
        for file, there, instead in case.edits:
            before = (sources / file).read_text()
            assert before.count(there) == 1, f"{there!r} stands {before.count(there)} times there"
            (sources / file).write_text(before.replace(there, instead))
        place = tmp_path / "kernel.so"
        place.write_bytes(
            compile_kernel(this_machine(), sources=sources, compiler=(*COMPILER, "-w"))
        )
        monkeypatch.setattr(library, "path", lambda: place)
        edited = library.load.__wrapped__()
        monkeypatch.setattr(library, "load", lambda: edited)

    return build


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lines_come_out_as_they_do_line_by_line(case: Case) -> None:
    assert by_kernel(case.line) in (None, by_line(case.line))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_without_the_check_they_would_not(case: Case, without: Callable[[Case], None]) -> None:
    without(case)
    assert by_kernel(case.line) not in (None, by_line(case.line))
