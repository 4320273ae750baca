"""What the kernel takes and what it declines; that what it takes is right is in test_block.py."""

import dataclasses
import json
from collections import Counter
from typing import Any

import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.transform.rules.enrich import Rules
from clickstream_lake.transform.rules.kernel import Kernel, ScannedPart, decline_all
from clickstream_lake.transform.rules.native import library
from tests.corpus.lake_files import CATALOG

STAMP = "2025-11-26T12:00:00.123Z"
TAIL = b',"processed_ts":"%s"}\n' % STAMP.encode()


def kernel(**limits: int) -> Kernel:
    rules = Rules(
        catalog=CATALOG,
        limits=Limits(**limits),
        processed_ts=1_764_158_400_123,
        processed_ts_text=STAMP,
        partition_keys=("year", "month", "day"),
    )
    return Kernel(rules)


def scan(data: bytes, **limits: int) -> ScannedPart:
    """By a kernel that knows the keys, so that it does not stop to learn them."""
    scanned = kernel(**limits)
    list(scanned.scan(data))
    (part,) = scanned.scan(data)
    return dataclasses.replace(part, json=memoryview(bytes(part.json)))


@pytest.mark.parametrize(
    "line",
    [
        b"{}",
        b'{"event_id":"a"}',
        b' { "event_id" :\t"a" , "price" : 1.5 } \r',
        b'{"user_id":{"a":[1,"b"]},"event_id":"a"}',
        b'{"event_id":"a","USER_ID":"u"}',
        b'{"event_id":"\\u00e9\\ud83d\\ude00\\n\\/","page_url":"/caf\xc3\xa9"}',
        b'{"event_id":12.50,"event_type":true,"country":false,"referrer":null}',
        b'{"price":-0.0,"quantity":-9223372036854775807}',
        b'{"price":1e22,"quantity":9223372036854775807}',
        b'{"quantity":-5.00}',
        b'{"is_bot":true,"event_ts":"2025-11-26T10:00:00.123456789+05:30"}',
        b'{"properties":{"a":[1, {"b":"\\u003cb\\u003e"}],"c":null},"zz":[true]}',
        b'{"properties":"user_id","new":{"caf\xc3\xa9":1e9}}',
        b'{"event_id":"a"}{"event_id":"b"} {"event_id":"c"}',
        b'{"event_id":"\\u0000","country":"\xef\xbb\xbf\xe2\x80\xa8"}',
    ],
)
def test_what_producers_send_is_taken(line: bytes) -> None:
    assert not scan(line + b"\n").declined
    assert not scan(line).declined


@pytest.mark.parametrize(
    "line",
    [
        b"x",
        b"[]",
        b'{"price":"1.5"}',
        b'{"quantity":5.5}',
        b'{"event_id":{"a":1}}',
        b'{"event_ts":"yesterday"}',
        b'{"event_id":"a","event_id":"b"}',
        b'{"event\\u005fid":"a"}',
        b'{"Event_Id":"a"}',
        b'{"processed_ts":1}',
        b'{"_col3":1}',
        b'{"properties":{"user_id":1}}',
        b'{"properties":{"user\\u005fid":1}}',
        b'{"properties":{"a":\r1}}',
        b'{"%s":1}' % (b"k" * 300),
    ],
)
def test_what_needs_a_closer_look_is_declined_by_itself(line: bytes) -> None:
    plain = b'{"event_id":"a"}\n'
    part = scan(plain + line + b"\n" + plain)
    (declined,) = part.declined
    assert (declined.start, declined.end) == (len(plain), len(plain) + len(line))
    assert (declined.line, declined.row) == (1, 1)
    assert part.json == b'{"event_id":"a"' + TAIL + b'{"event_id":"a"' + TAIL
    assert part.json[: declined.json] == b'{"event_id":"a"' + TAIL
    assert part.batch is not None
    assert part.batch.column("event_id").to_pylist() == ["a", "a"]


def test_blank_lines_are_counted() -> None:
    part = scan(b' \n\n{"event_id":"a"}\n\t\r\n ')
    assert (part.blank, part.lines, part.declined) == (4, 4, ())


def test_keys_that_the_first_events_lack_are_learnt_on_the_way() -> None:
    lines = [b'{"event_id":"e%d","new%d":{"n":%d}}\n' % (n, n % 7, n) for n in range(100)]
    found: list[Any] = []
    for part in kernel().scan(b"".join(lines)):
        assert part.declined == ()
        assert part.batch is not None
        found += part.batch.column("extra").to_pylist()
    assert [json.loads(text) for text in found] == [{f"new{n % 7}": {"n": n}} for n in range(100)]


def test_more_keys_than_it_can_learn_are_declined() -> None:
    scanned = kernel()
    first = b"".join(b'{"k%d":1}\n' % n for n in range(5_000))
    declined = sum(len(part.declined) for part in scanned.scan(first))
    assert 800 < declined < 1_000
    assert sum(len(part.declined) for part in scanned.scan(b'{"k1":1}\n{"k4999":1}\n')) == 1


@pytest.mark.parametrize("end", [b"\n", b""])
def test_more_rows_than_one_part_holds_come_in_several(end: bytes) -> None:
    parts = [
        (part.batch.num_rows if part.batch else 0, len(part.declined), bytes(part.json))
        for part in kernel().scan(b"{}\n" * 20_000 + b"{}" * 5_000 + end)
    ]
    assert [rows for rows, _, _ in parts] == [8_192, 8_192, 3_616, 5_000]
    assert all(not declined for _, declined, _ in parts)
    assert b"".join(lines for _, _, lines in parts) == (b"{" + TAIL[1:]) * 25_000


def test_of_a_line_with_more_events_than_one_part_holds_the_rest_is_declined() -> None:
    parts = kernel().scan(b"{}\n" + b"{}" * 9_000 + b"\n{}\n")
    spans = [[(line.start, line.end, line.row) for line in part.declined] for part in parts]
    assert spans == [[], [(3 + 2 * 8_192, 3 + 2 * 9_000, 8_192)], []]


def test_of_a_line_with_several_events_the_first_odd_one_and_all_behind_it_are_declined() -> None:
    start = b'{"event_id":"a"}\n{"event_id":"b"} {"zz":[1]} '
    odd = b'{"price":"1"}{"event_id":"d"}'
    part = scan(start + odd + b'\n{"event_id":"e"}\n')
    (declined,) = part.declined
    assert (declined.start, declined.end) == (len(start), len(start) + len(odd))
    assert (declined.line, declined.row) == (1, 3)
    assert part.batch is not None
    assert part.batch.column("event_id").to_pylist() == ["a", "b", None, "e"]


def test_many_declined_lines_come_in_several_parts() -> None:
    places = [
        line.start
        for part in kernel().scan(b"x\n" * 3_000 + b"{}\n" + b"y\n" * 10)
        for line in part.declined
    ]
    assert places == [*range(0, 6_000, 2), *range(6_003, 6_023, 2)]


def test_arrays_are_valid_and_hold_no_more_than_their_rows() -> None:
    lines = [
        b'{"event_id":"%s","price":%d,"is_bot":%s}\n'
        % (b"x" * (n % 40), n, (b"true", b"null")[n % 2])
        for n in range(1_000)
    ]
    batch = scan(b"".join(lines)).batch
    assert batch is not None
    batch.validate(full=True)
    assert batch.column("is_bot").null_count == 500
    assert batch.column("price").null_count == batch.column("processed_ts").null_count == 0
    assert batch.nbytes < 64 * 1_000 + sum(map(len, lines))


def test_limits_are_those_of_the_configuration() -> None:
    deep = b'{"properties":[[1]]}'
    assert not scan(deep, max_depth=3).declined
    assert scan(deep, max_depth=2).declined
    assert not scan(b'{"a":{"b":1},"c":2}', max_keys=3).declined
    assert scan(b'{"a":{"b":1},"c":2}', max_keys=2).declined
    assert not scan(b'{"a":1}', max_line_bytes=7).declined
    assert scan(b'{"a":12}', max_line_bytes=7).declined


def test_lines_are_counted_whatever_their_length() -> None:
    for size in (0, 1, 15, 16, 17, 4_079, 4_080, 4_081, 10_000):
        for text in (b"\n" * size, b"x" * size, b"ab\n" * size):
            assert library.count_lines(memoryview(bytearray(text))) == text.count(b"\n")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a", [b"a"]),
        (b"a\n", [b"a"]),
        (b"\n", [b""]),
        (b"a\n\n b\r\nc", [b"a", b"", b" b\r", b"c"]),
        (b"x\n" * 100_000 + b"yz", [*[b"x"] * 100_000, b"yz"]),
    ],
    ids=range(6),
)
def test_without_a_kernel_every_line_is_declined(data: bytes, lines: list[bytes]) -> None:
    declined, ends = [], 0
    for part in decline_all(data):
        assert part.batch is None
        declined += [data[line.start : line.end] for line in part.declined]
        assert [line.line for line in part.declined] == list(range(len(part.declined)))
        assert part.declined[-1].end - part.declined[0].start < 200_000
        ends += part.lines
    assert declined == lines
    assert ends == data.count(b"\n")


def test_many_new_keys_of_a_long_line_do_not_make_it_start_again_for_each() -> None:
    long = b"[%s]" % b",".join([b"1.5"] * 100_000)
    line = b'{"zz":%s,%s}' % (long, b",".join(b'"k%d":1' % n for n in range(4_000)))
    scanned = kernel(max_keys=10_000)
    calls = Counter[str]()
    scanned._native = Counting(scanned._native, calls)
    (part,) = scanned.scan(line)
    assert (part.declined, part.batch and part.batch.num_rows) == ((), 1)
    assert calls["kernel_scan"] < 20


class Counting:
    """Counts calls of the library's functions."""

    def __init__(self, native: object, calls: Counter[str]) -> None:
        self._native = native
        self._calls = calls

    def __getattr__(self, name: str) -> object:
        self._calls[name] += 1
        return getattr(self._native, name)
