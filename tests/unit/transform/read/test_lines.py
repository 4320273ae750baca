import json
import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.transform.read.lines import BOM, MOST_VALUES, Block, blocks, split_values

Text = tuple[int, int, bytes, bool]

LIMIT = 100


def texts(pieces: Iterable[bytes], limit: int = LIMIT) -> list[Text]:
    """What blocks hold, however they are grouped: (line, offset, text, too long)."""
    found: list[Text] = []
    line = 1
    for block in blocks(pieces, limit):
        line += block.passed
        if block.too_long:
            found.append((line, block.offset, b"", True))
            continue
        found += texts_of(block, line)
        line += block.data.count(b"\n")
    return found


def texts_of(block: Block, first: int) -> list[Text]:
    found: list[Text] = []
    offset = block.offset
    lines = block.data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, first):
        values = [
            (number, offset + position, value, False) for position, value in split_values(line)
        ]
        found += values or [(number, -1, b"", False)]
        offset += len(line) + 1
    return found


def test_lines_end_at_line_feed_only() -> None:
    data = b'{"a":"\xe2\x80\xa8"}\x0b\x0c\x1c\r{"b":1}\xc2\x85\n2\n'
    (block,) = blocks([data], LIMIT)
    assert block == Block(data, 0, 0)
    assert data.count(b"\n") == 2


def test_last_line_needs_no_line_feed() -> None:
    assert texts([b"1\n2"]) == [(1, 0, b"1", False), (2, 2, b"2", False)]


def test_an_empty_object_has_no_lines() -> None:
    assert texts([]) == []
    assert texts([BOM]) == []


def test_byte_order_mark_at_the_start_is_passed_over() -> None:
    assert texts([BOM + b"1\n"]) == [(1, 3, b"1", False)]


@pytest.mark.parametrize("cut", [1, 2, 3, 4])
def test_byte_order_mark_may_be_split_over_pieces(cut: int) -> None:
    data = BOM + b"{}\n"
    assert texts([data[:cut], data[cut:]]) == [(1, 3, b"{}", False)]
    assert texts([bytes([byte]) for byte in data]) == [(1, 3, b"{}", False)]


@pytest.mark.parametrize("start", [BOM[:1], BOM[:2]])
def test_half_a_byte_order_mark_is_text(start: bytes) -> None:
    assert texts([start]) == [(1, 0, start, False)]
    assert texts([start, b"\n"]) == [(1, 0, start, False)]


def test_byte_order_mark_elsewhere_is_text() -> None:
    assert texts([b"1\n" + BOM + b"2\n"])[1] == (2, 2, BOM + b"2", False)


@pytest.mark.parametrize("blank", [b"", b" ", b"\t", b"\r", b" \t \r"])
def test_white_space_is_a_blank_line(blank: bytes) -> None:
    assert texts([b"1\n" + blank + b"\n2"]) == [
        (1, 0, b"1", False),
        (2, -1, b"", False),
        (3, 3 + len(blank), b"2", False),
    ]


def test_several_values_stand_on_one_line() -> None:
    line = b'{"a":1}{"b":{}} [2]"x" 3 4.5e6 -7true false\tnull NaN-Infinity {"c":"}{\\""}\r'
    assert [value for _, _, value, _ in texts([line + b"\n"])] == [
        b'{"a":1}', b'{"b":{}}', b"[2]", b'"x"', b"3", b"4.5e6", b"-7", b"true", b"false",
        b"null", b"NaN", b"-Infinity", b'{"c":"}{\\""}',
    ]  # fmt: skip


@pytest.mark.parametrize(
    "garbage", [b"x", b"}", b"]", b",", b":", b"nul", b"'a'", b"\xff", b"\0", b"-", b"+1", b"<!--"]
)
def test_what_is_no_value_takes_the_rest_of_its_line_along(garbage: bytes) -> None:
    data = b'{"a":1}' + garbage + b' {"b":2}\n{"c":3}'
    assert [value for _, _, value, _ in texts([data])] == [
        b'{"a":1}',
        garbage + b' {"b":2}',
        b'{"c":3}',
    ]


@pytest.mark.parametrize("open_ended", [b'{"a":1', b"[1,2", b'"abc', b'{"a":"b\\"}', b'{"a}'])
def test_what_does_not_end_takes_the_rest_of_its_line_along(open_ended: bytes) -> None:
    assert [value for _, _, value, _ in texts([b"1 " + open_ended + b"\n2"])] == [
        b"1",
        open_ended,
        b"2",
    ]


def test_a_long_line_of_values_is_cut_between_them() -> None:
    values = [json.dumps({"n": n, "t": '}{"\\' * (n % 5)}).encode() for n in range(200)]
    line = b"".join(values)
    expected = []
    offset = 0
    for value in values:
        expected.append((1, offset, value, False))
        offset += len(value)
    assert len(line) > 20 * LIMIT
    assert texts([line]) == expected
    assert texts([line[start : start + 7] for start in range(0, len(line), 7)]) == expected
    assert texts([line + b" \r\n"]) == expected


def test_a_line_after_a_cut_one_has_the_next_number() -> None:
    assert texts([b"{} " * 100 + b"\n1\n"])[-1] == (2, 301, b"1", False)
    assert texts([b"{} " * 100, b" ", b"\n", b"1\n"])[-1] == (2, 302, b"1", False)


@pytest.mark.parametrize("end", [b"", b"\n", b" \r\n"])
def test_an_event_at_the_limit_is_whole_and_one_byte_more_is_too_long(end: bytes) -> None:
    fits = b'"' + b"x" * (LIMIT - 2) + b'"'
    assert texts([fits + end]) == [(1, 0, fits, False)]
    assert texts([b'"x' + fits[1:] + end]) == [(1, 0, b"", True)]


@pytest.mark.parametrize(
    "event",
    [
        b'{"a":"' + b"x" * 200 + b'"}',
        b'{"a":"' + b'\\"}' * 100 + b'"}',
        b'{"a":"' + b"\\\\" * 100 + b'"}',
        b'{"a":[' + b'{"b":"]"},' * 30 + b"{}]}",
        b'"' + b"x" * 200 + b'"',
        b"[" * 60 + b"]" * 60,
        b"1" * 200 + b" ",
    ],
)
@pytest.mark.parametrize("step", [1, 3, 64, 1000])
def test_only_the_event_that_is_too_long_is_passed_over(event: bytes, step: int) -> None:
    data = b'{"n":1}' + event + b'{"n":2}\n{"n":3}\n'
    pieces = [data[start : start + step] for start in range(0, len(data), step)]
    assert texts(pieces) == [
        (1, 0, b'{"n":1}', False),
        (1, 7, b"", True),
        (1, 7 + len(event), b'{"n":2}', False),
        (2, len(data) - 8, b'{"n":3}', False),
    ]


@pytest.mark.parametrize("step", [1, 3, 64, 1000])
def test_a_long_line_of_white_space_is_one_blank_line(step: int) -> None:
    for line, numbers in ((b" " * 300 + b"\n1", [1, 2]), (b"\t" * 300, [1]), (b" " * 300, [1])):
        pieces = [line[start : start + step] for start in range(0, len(line), step)]
        assert [number for number, *_ in texts(pieces)] == numbers


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_block_holds_so_many_values_at_most(end: bytes) -> None:
    found = list(blocks([b"{}" * 40_000 + end], 4 * 1024 * 1024))
    assert max(len(block.data) for block in found) == 2 * MOST_VALUES
    assert sum(len(block.data) for block in found) == 80_000


def test_the_unfinished_line_is_all_that_is_kept() -> None:
    """Pieces of an endless value do not pile up once it is over the limit."""
    open_ended = b'{"a":"'
    splitter_input = [open_ended, *([b"x" * 1000] * 1000)]
    held = []
    for block in blocks(splitter_input, 10_000):
        held.append(len(block.data))
        assert block.too_long
    assert len(held) == 1
    assert held[0] < 20_000


WHOLE = [
    b"{}",
    b'{"a":1}',
    b'{"a":"\\"}{"}',
    b"[1,[2]]",
    b'"x y"',
    b"12",
    b"-1.5e3",
    b"null",
    b"NaN",
]
BROKEN = [b"xyz", b"{", b'"', b"}", b"\\", b"nul", b"-", BOM, b"\xff", b"[[[[[[{}"]
SPACE = [b" ", b"\r", b"\t", b"\n", b"\n\n", b" " * 40]
LONG = [
    b'{"a":"' + b"x" * 40 + b'"}',
    b'{"a":"' + b"\\" * 40 + b'"}',
    b"1" * 40,
    b"[" * 20 + b"]" * 20,
]
VALUES = st.sampled_from([*WHOLE, *BROKEN, *SPACE, *LONG])


@given(
    parts=st.lists(VALUES, max_size=30),
    cuts=st.lists(st.integers(0, 400), max_size=12),
    limit=st.sampled_from([20, 30, 1000]),
)
def test_pieces_change_nothing(parts: list[bytes], cuts: list[int], limit: int) -> None:
    data = b"".join(parts)
    at = sorted({0, *(cut for cut in cuts if cut < len(data)), len(data)})
    pieces = [data[start:end] for start, end in pairwise(at)]
    whole = texts([data], limit)
    assert texts(pieces, limit) == whole
    assert texts([bytes([byte]) for byte in data], limit) == whole


def test_every_byte_but_white_space_is_in_a_block_or_too_long() -> None:
    rng = random.Random(7)  # noqa: S311 - test data
    for _ in range(300):
        data = bytes(rng.choice(b'{}[]", \n\\1x') for _ in range(rng.randrange(200)))
        given_out = bytearray(data)
        for block in blocks([data], 10_000):
            assert data[block.offset :].startswith(block.data)
            given_out[block.offset : block.offset + len(block.data)] = b" " * len(block.data)
        assert not given_out.strip()
