"""Which path of the kernel takes what, and its parts; that both are right is in test_block.py."""

import ctypes
import json
import mmap
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import RejectedLine, Rules, Tally
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.rules.native import library
from clickstream_lake.transform.rules.reasons import LineReason
from tests.corpus.careful_checks import CHECKS
from tests.corpus.lake_files import CATALOG

STAMP = "2025-11-26T12:00:00.123Z"
TAIL = b',"processed_ts":"%s"}\n' % STAMP.encode()
PLAIN = b'{"event_id":"a"}'
ODD = b'{"price":"1.5"}'


def kernel(**limits: int) -> Kernel:
    rules = Rules(
        catalog=CATALOG,
        limits=Limits(**limits),
        processed_ts=1_764_158_400_123,
        processed_ts_text=STAMP,
        partition_keys=("year", "month", "day"),
    )
    return Kernel(rules)


@dataclass(frozen=True)
class Part:
    """What one call gave.

    Attributes:
        careful: texts that the careful path took.
    """

    json: bytes
    rows: list[dict[str, Any]]
    rejects: list[RejectedLine]
    tallies: list[Tally]
    blank: int
    lines: int
    careful: int


def parts(scanned: Kernel, data: bytes, line: int = 1, offset: int = 0) -> Iterator[Part]:
    for done in scanned.scan(data, line, offset):
        for batch in done.batches:
            batch.validate(full=True)
        yield Part(
            json=b"".join(done.json),
            rows=[row for batch in done.batches for row in batch.to_pylist()],
            rejects=done.rejects,
            tallies=done.tallies,
            blank=done.blank,
            lines=done.lines,
            careful=scanned._scanned.careful,
        )


def scan(data: bytes, **limits: int) -> Part:
    (part,) = parts(kernel(**limits), data)
    return part


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"event_id":"a"}',
        b' { "event_id" :\t"a" , "price" : 1.5 } \r',
        b'{"user_id":{"a":[1,"b"]},"event_id":"a"}',
        b'{"event_id":"a","USER_ID":"u"}',
        b'{"event_id":"a","User-Id":"u","\xef\xbd\x95ser_id":1}',
        b'{"event_id":"\\u00e9\\ud83d\\ude00\\n\\/","page_url":"/caf\xc3\xa9?a=1#b;c"}',
        b'{"event_id":12.50,"event_type":true,"country":false,"referrer":null}',
        b'{"price":-0.0,"quantity":-9223372036854775807}',
        b'{"price":1e22,"quantity":9223372036854775807}',
        b'{"quantity":-5.00}',
        b'{"is_bot":true,"event_ts":"2025-11-26T10:00:00.123456789+05:30"}',
        b'{"properties":{"a":[1, {"b":"\\u003cb\\u003e"}],"c":null},"zz":[true]}',
        b'{"properties":"user_id","new":{"caf\xc3\xa9":1e9}}',
        b'{"price":"1.5"}',
        b'{"quantity":5.5}',
        b'{"event_ts":"yesterday"}',
        b'{"Event_Id":"a"}',
        b'{"processed_ts":1}',
        b'{"_col3":1}',
        b'{"properties":{"user_id":1}}',
        b'{"event_id":"a"}{"event_id":"b"} {"event_id":"c"}',
        b'{"event_id":"\\u0000","country":"\xef\xbb\xbf\xe2\x80\xa8"}',
    ],
)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_the_fast_path_takes_what_producers_send(line: bytes, end: bytes) -> None:
    part = scan(line + end)
    assert (part.careful, part.rejects) == (0, [])
    assert len(part.rows) == line.count(b'{"event_id":"') or len(part.rows) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"[]",
        b'{"event_id":{"a":1}}',
        b'{"event_id":"a","event_id":"b"}',
        b'{"event\\u005fid":"a"}',
        b'{"properties":{"user\\u005fid":1}}',
        b'{"properties":{"a":\r1}}',
        b'{"properties":{"a":1,"a":2}}',
        b'{"page_url":"/?user_id=1"}',
        b'{"country":"{}"}',
        b'{"country":"\\ud83d"}',
        b'{"%s":1}' % (b"k" * 300),
    ],
)
def test_the_careful_path_takes_what_needs_a_closer_look_and_no_more(line: bytes) -> None:
    part = scan(PLAIN + b"\n" + line + b"\n" + PLAIN + b"\n")
    assert part.careful == 1
    assert part.json.startswith(PLAIN[:-1] + TAIL)
    assert part.json.endswith(PLAIN[:-1] + TAIL)
    assert [row["event_id"] for row in (part.rows[0], part.rows[-1])] == ["a", "a"]
    assert len(part.rows) + len(part.rejects) == part.lines == 3


def test_blank_lines_are_counted() -> None:
    part = scan(b' \n\n{"event_id":"a"}\n\t\r\n ,\\n\x1e')
    assert (part.blank, part.lines, part.careful, len(part.rows)) == (4, 4, 0, 1)


def test_keys_that_the_first_events_lack_are_learnt_on_the_way() -> None:
    lines = [b'{"event_id":"e%d","new%d":{"n":%d}}\n' % (n, n % 7, n) for n in range(100)]
    part = scan(b"".join(lines))
    assert part.careful == 0
    found = [json.loads(row["extra"]) for row in part.rows]
    assert found == [{f"new{n % 7}": {"n": n}} for n in range(100)]


def test_keys_are_forgotten_when_there_are_too_many_and_learnt_again() -> None:
    """So that the first thousands of names that are sent once do not slow all others for good."""
    scanned = kernel()
    careful = 0
    for start in range(0, 40_000, 5_000):
        keys = [b"k%d" % n for n in range(start, start + 5_000)]
        for part in parts(scanned, b"".join(b'{"%s":1}\n' % key for key in keys)):
            careful += part.careful
            assert part.json.count(TAIL) == len(part.rows)
            assert [row["extra"] for row in part.rows] == [
                b'{"%s":1}'.decode() % key.decode() for key in keys
            ]
    assert 5 < careful < 15
    (again,) = parts(scanned, b'{"event_id":"a","k39999":1,"k1":2}\n' * 3)
    assert again.careful <= 1
    assert [row["extra"] for row in again.rows] == ['{"k39999":1,"k1":2}'] * 3


@pytest.mark.parametrize("end", [b"\n", b""])
def test_more_rows_than_one_part_holds_come_in_several(end: bytes) -> None:
    found = list(parts(kernel(), b"{}\n" * 20_000 + b"{}" * 5_000 + end))
    assert [len(part.rows) for part in found] == [8_192, 8_192, 8_192, 424]
    assert [part.lines for part in found] == [8_192, 8_192, 3_616, len(end)]
    assert all(part.careful == part.blank == 0 for part in found)
    assert b"".join(part.json for part in found) == (b"{" + TAIL[1:]) * 25_000


@pytest.mark.parametrize("joined", [1, 2, 1_000, 1_024, 1_025, 3_000])
def test_texts_that_commas_join_may_be_more_than_a_part_holds(joined: int) -> None:
    """They are looked at together, so that a part may hold some more; none is lost or doubled."""
    before = 8_191
    events = b",".join(b'{"quantity":%d}' % n for n in range(joined))
    data = b"{}\n" * before + events + b"\n \n" + ODD + b"\n"
    found = list(parts(kernel(), data))
    rows = [row for part in found for row in part.rows]
    assert [row["quantity"] for row in rows] == [None] * before + [*range(joined), None]
    assert len(found[0].rows) == before + min(joined, 1_024)
    assert (sum(part.lines for part in found), sum(part.blank for part in found)) == (before + 3, 1)


def test_places_are_right_in_a_part_that_starts_within_a_line() -> None:
    data = b"\n{}" + b"{}" * 8_191 + b" x\n\ny"
    found = list(parts(kernel(), data, line=10, offset=100))
    assert [len(part.rows) for part in found] == [8_192, 0]
    assert [part.lines for part in found] == [1, 2]
    assert [part.blank for part in found] == [1, 1]
    assert [place for part in found for place in part.rejects] == [
        RejectedLine(11, 100 + data.index(b"x"), LineReason.NOT_JSON, 1),
        RejectedLine(13, 100 + data.index(b"y"), LineReason.NOT_JSON, 1),
    ]


def test_a_line_that_a_full_part_ends_with_is_not_blank() -> None:
    for end in (b"", b" ", b" , ", b"\n", b" \n"):
        found = list(parts(kernel(), b"{}" * 8_192 + end))
        assert [sum(part.blank for part in found), sum(part.lines for part in found)] == [
            0,
            end.count(b"\n"),
        ]


def test_a_new_block_starts_a_new_line() -> None:
    """Even where the block before it ended within one."""
    scanned = kernel()
    assert [part.blank for part in parts(scanned, b"{}")] == [0]
    assert [part.blank for part in parts(scanned, b"\n")] == [1]


def test_the_first_thousand_rejects_are_named_and_all_others_tallied() -> None:
    scanned = kernel()
    (first,) = parts(scanned, b"x\n" * 600)
    (second,) = parts(scanned, b"{}\n" + b"x\n" * 500 + b'[{"a":{}}]\n' + b"x", 601, 1_200)
    (third,) = parts(scanned, b"x\n", 1_104, 5_000)
    assert [reject.line_number for reject in first.rejects] == [*range(1, 601)]
    assert [reject.byte_offset for reject in second.rejects] == [*range(1_203, 2_003, 2)]
    assert (first.tallies, third.rejects) == ([], [])
    x, array = second.tallies
    assert (x.texts, x.events, array.texts, array.events) == (101, 101, 1, 2)
    assert (x.first.line_number, x.first.byte_offset) == (1_002, 2_003)
    assert (x.last.line_number, x.last.byte_offset) == (1_103, 2_214)
    assert (x.first.reason, array.first.reason) == (LineReason.NOT_JSON, LineReason.NOT_OBJECT)
    assert array.first == array.last
    assert [(tally.texts, tally.first.line_number) for tally in third.tallies] == [(1, 1_104)]


def test_arrays_are_valid_and_hold_no_more_than_their_rows() -> None:
    lines = [
        b'{"event_id":"%s","price":%d,"is_bot":%s}\n'
        % (b"x" * (n % 40), n, (b"true", b"null")[n % 2])
        for n in range(1_000)
    ]
    (done,) = kernel().scan(b"".join(lines), 1, 0)
    (batch,) = done.batches
    batch.validate(full=True)
    assert batch.column("is_bot").null_count == 500
    assert batch.column("price").null_count == batch.column("processed_ts").null_count == 0
    assert batch.nbytes < 64 * 1_000 + sum(map(len, lines))


def test_limits_are_those_of_the_configuration() -> None:
    deep = b'{"properties":[[1]]}'
    for line, enough, too_little in [
        (deep, {"max_depth": 3}, {"max_depth": 2}),
        (b'{"a":{"b":1},"c":2}', {"max_keys": 3}, {"max_keys": 2}),
        (b'{"a":12}', {"max_line_bytes": 8}, {"max_line_bytes": 7}),
    ]:
        assert (scan(line, **enough).careful, scan(line, **enough).rejects) == (0, [])
        assert len(scan(line, **too_little).rejects) == 1


def test_the_json_of_the_worst_fields_has_room() -> None:
    """Six bytes for each byte and 64 for each row: what the caller has allocated."""
    worst = 0.0
    for line in [
        b'{"quantity":1e18}',
        b'{"quantity":""}',
        b'{"is_bot":1,"price":"","quantity":"","event_ts":""}',
        b'{"event_id":[%s]}' % b",".join([b'""'] * 5_000),
        b'{"event_id":"%s"}' % (b"\\u0001" * 1_000),
        b'{"event_id":["%s"]}' % (b"\\\\" * 1_000),
        b'{"%s":1,"year":""}' % (b"\\u0001" * 1_000),
        b'{"Year":{},"YEAR":{},"yeaR":[]}',
        b"{}",
    ]:
        data = line * 100
        for part in parts(kernel(), data):
            growth = (len(part.json) - 64 * len(part.rows)) / len(data)
            worst = max(worst, growth)
    assert 1.5 < worst <= 6


@pytest.mark.skipif(sys.platform == "win32", reason="memory is protected in another way there")
@pytest.mark.slow
@pytest.mark.parametrize("side", ["before", "behind"])
def test_nothing_outside_of_its_memory_is_touched(side: str) -> None:
    """Blocks of every size have forbidden pages before or behind them, and the JSON behind it."""
    process = multiprocessing.get_context("spawn").Process(target=guarded, args=(side,))
    process.start()
    process.join()
    assert process.exitcode == 0


def guarded(side: str) -> None:
    scanned = kernel()
    scanned._native = Guarded(scanned._native, at_its_end=side == "behind")
    lines = [check.line for check in CHECKS if len(check.line) < 300]
    for line in [b'{"":{"":1}}', b'{"":[{"":1}]}', *lines]:
        for size in range(len(line) + 1):
            for _ in scanned.scan(line[:size], 1, 0):
                pass


class Guarded:
    """Gives the library memory that ends, or starts, with a page that may not be touched."""

    def __init__(self, native: ctypes.CDLL, *, at_its_end: bool) -> None:
        self._native = native
        self._at_its_end = at_its_end
        self._block = Pages(mmap.PAGESIZE)
        self._json = Pages(64 * 9_217 + 6 * mmap.PAGESIZE)

    def __getattr__(self, name: str) -> object:
        return getattr(self._native, name)

    def kernel_scan(self, kernel: int, data: bytes, size: int, start: int, _json: object) -> object:
        held = size + 1  # with the zero byte
        at = self._block.end - held if self._at_its_end else self._block.start
        ctypes.memmove(at, data, held)
        json_at = self._json.end - (64 * 9_217 + 6 * size)
        return self._native.kernel_scan(kernel, ctypes.c_char_p(at), size, start, json_at)


class Pages:
    """Memory between two pages that may not be touched."""

    def __init__(self, size: int) -> None:
        page = mmap.PAGESIZE
        size = -(-size // page) * page
        self._memory = mmap.mmap(-1, size + 2 * page)
        before = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        self.start = before + page
        self.end = self.start + size
        for forbidden in (before, self.end):
            assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(forbidden), page, 0) == 0


def test_lines_are_counted_whatever_their_length() -> None:
    for size in (0, 1, 15, 16, 17, 4_079, 4_080, 4_081, 10_000):
        for text in (b"\n" * size, b"x" * size, b"ab\n" * size):
            assert library.count_lines(memoryview(bytearray(text))) == text.count(b"\n")


def test_many_new_keys_of_a_long_line_do_not_make_it_start_again_for_each() -> None:
    long = b"[%s]" % b",".join([b"1.5"] * 100_000)
    line = b'{"zz":%s,%s}' % (long, b",".join(b'"k%d":1' % n for n in range(4_000)))
    scanned = kernel(max_keys=10_000)
    calls = Counter[str]()
    scanned._native = Counting(scanned._native, calls)
    (part,) = parts(scanned, line)
    assert (part.careful, len(part.rows)) == (0, 1)
    assert calls["kernel_scan"] < 20


class Counting:
    """Counts calls of the library's functions."""

    def __init__(self, native: object, calls: Counter[str]) -> None:
        self._native = native
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        self._calls[name] += 1
        return getattr(self._native, name)
