import json
import random
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream_lake.transform.read.lines import (
    BOM,
    MOST_JOINED,
    Block,
    Finder,
    blocks,
    bracket_end,
    split_texts,
)
from clickstream_lake.transform.rules.native import library

Text = tuple[int, int, bytes, bool]

LIMIT = 100


def texts(pieces: Iterable[bytes], limit: int = LIMIT, finder: Finder | None = None) -> list[Text]:
    """What blocks hold, however they are grouped: (line, offset, text, too long)."""
    found: list[Text] = []
    line = 1
    for block in blocks(pieces, limit, finder):
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
        inside = [
            (number, offset + text.start, line[text.start : text.end], False)
            for text in split_texts(line)
        ]
        found += inside or [(number, -1, b"", False)]
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


SEPARATORS = [b" ", b"\t", b"\r", b",", b"\0", b"\x1e", BOM, b"\\n", b"\\r", b"\\t"]


@pytest.mark.parametrize("blank", [b"", *SEPARATORS, b" \t \r", b"".join(SEPARATORS)])
def test_a_line_of_separators_is_blank(blank: bytes) -> None:
    assert texts([b"1\n" + blank + b"\n2"]) == [
        (1, 0, b"1", False),
        (2, -1, b"", False),
        (3, 3 + len(blank), b"2", False),
    ]


@pytest.mark.parametrize("separator", [b"", *SEPARATORS, b"".join(SEPARATORS)])
def test_separators_around_texts_are_passed_over(separator: bytes) -> None:
    line = separator + separator.join([b'{"a":1}', b"[2]", b'{"c":"}{\\""}']) + separator
    assert [text for _, _, text, _ in texts([line + b"\n"])] == [
        b'{"a":1}',
        b"[2]",
        b'{"c":"}{\\""}',
    ]


@pytest.mark.parametrize(
    "garbage",
    [
        *(b"x", b"nul", b"'a'", b"\xff", b"\xef\xbb", b"-", b"+1", b"<!--", b"\\", b"\\x", b"1 2"),
        *(b'"a"', b'"{"', b'"a" , "b"', b":", b'"a":', b'"k":{"b":[1]} x', b"x:[[[[[[1]]]]]]"),
        b'"a": \\n\xef\xbb\xbf{"x":{}}',
    ],
)
def test_garbage_ends_where_another_text_starts(garbage: bytes) -> None:
    around = [b'{"a":1}', b'{"b":2}', b'{"c":3}']
    expected = [around[0], garbage, around[1], around[2]]
    if garbage.endswith(b":"):  # then what follows is a part of it
        expected = [around[0], garbage + b" " + around[1], around[2]]
    line = around[0] + garbage + b" " + around[1] + b"\n" + around[2]
    assert [text for _, _, text, _ in texts([line])] == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'"a":{"b":1}}{"c":2}', [b'"a":{"b":1}}', b'{"c":2}']),
        (b'{"n":1}"a":{"b":1}}{"c":2}', [b'{"n":1}"a":{"b":1}}', b'{"c":2}']),
        (b'{"n":1}{"x":1},"y":{"z":1}}', [b'{"n":1}', b'{"x":1},"y":{"z":1}}']),
        (b'{"b":2},{"d":4}],"c":3} {"e":5}', [b'{"b":2},{"d":4}],"c":3}', b'{"e":5}']),
        (b'{"n":1} {"b":2},{"d":4}]', [b'{"n":1}', b'{"b":2},{"d":4}]']),
        (b'{"b":2}}}, {"d":4}', [b'{"b":2}}}', b'{"d":4}']),
        (b'{"x":""}","y":1}', [b'{"x":""}","y":1}']),
        (b'{"x":""}{\\"y\\":1}"}{"z":1}', [b'{"x":""}{\\"y\\":1}"}', b'{"z":1}']),
        (b'{"x":1}a{\\"y":1}', [b'{"x":1}a{\\"y":1}']),
        (b'{\\"y":1}{"z":1}', [b'{\\"y":1}', b'{"z":1}']),
        (b'{"a":[1}{"z":1}', [b'{"a":[1}{"z":1}']),
        (b'{"a":[1}} {"z":1}', [b'{"a":[1}}', b'{"z":1}']),
    ],
)
def test_what_shows_that_something_is_torn_takes_along_what_it_is_a_part_of(
    line: bytes, expected: list[bytes]
) -> None:
    assert [text for _, _, text, _ in texts([line])] == expected


def test_so_many_texts_are_taken_along_at_most() -> None:
    line = b"{}," * (MOST_JOINED + 5) + b"1}"
    assert [len(text) for _, _, text, _ in texts([line], 10_000)] == [2] * MOST_JOINED + [17]


def test_a_text_is_whole_from_a_brace_to_where_it_closes() -> None:
    found = split_texts(b'{"a":1} [{}] x {"b":2}} {')
    assert [text.whole for text in found] == [True, False, False, False, False]


@pytest.mark.parametrize("open_ended", [b'{"a":1', b"[1,2", b'{"a":"b\\"}', b'{"a}'])
def test_what_does_not_end_takes_the_rest_of_its_line_along(open_ended: bytes) -> None:
    assert [value for _, _, value, _ in texts([b"1 " + open_ended + b"{}\n2"])] == [
        b"1",
        open_ended + b"{}",
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
    fits = b'{"a":"' + b"x" * (LIMIT - 8) + b'"}'
    assert texts([fits + end]) == [(1, 0, fits, False)]
    assert texts([b'{"x' + fits[2:] + end]) == [(1, 0, b"", True)]
    garbage = b"x" * LIMIT
    assert texts([garbage + end.lstrip()]) == [(1, 0, garbage, False)]
    assert texts([garbage + b"x" + end]) == [(1, 0, b"", True)]


@pytest.mark.parametrize(
    "event",
    [
        b'{"a":"' + b"x" * 200 + b'"}',
        b'{"a":"' + b'\\"}' * 100 + b'"}',
        b'{"a":"' + b"\\\\" * 100 + b'"}',
        b'{"a":[' + b'{"b":"]"},' * 30 + b"{}]}",
        b"[" * 60 + b"]" * 60,
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
def test_a_block_of_a_long_line_is_no_longer_than_it_takes(end: bytes) -> None:
    found = list(blocks([b"{}" * 100_000 + end], 4 * 1024 * 1024))
    assert max(len(block.data) for block in found) <= 64 * 1024 + 2
    assert sum(len(block.data) for block in found) == 200_000


@pytest.mark.parametrize("finder", [None, library], ids=["here", "kernel"])
@pytest.mark.parametrize("piece", [b" ", b"\0", b"x", b'{"a":[', b'x "', b"{} "])
def test_nothing_makes_more_be_kept_than_the_limit(piece: bytes, finder: Finder | None) -> None:
    for filling in (piece, b" ", b"\0", b"x", b"[", b"}", b"{},", b"1}", b"x:{}"):
        kept = max(
            len(block.data)
            for block in blocks([piece, *([filling * 500] * 200), b"\n{}\n"], 9_000, finder)
        )
        assert kept < 20_000


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
BROKEN = [b"xyz", b"{", b'"', b"}", b"]", b":", b"\\", b"nul", b"-", b"\xef", b"{\\", b"[[[[[[{}"]
SPACE = [*SEPARATORS, b"\n", b"\n\n", b" " * 40]
LONG = [
    b'{"a":"' + b"x" * 40 + b'"}',
    b'{"a":"' + b"\\" * 40 + b'"}',
    b"1" * 40,
    b":" * 40,
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
    assert texts(pieces, limit, library) == texts([data], limit, library) == whole


@given(st.lists(VALUES, max_size=30))
def test_the_kernel_finds_the_same_brackets(parts: list[bytes]) -> None:
    data = b"[" + b"".join(parts)
    assert library.bracket_end(data, 0, len(data)) == bracket_end(data, 0, len(data))


def test_every_byte_but_separators_is_in_a_block() -> None:
    rng = random.Random(7)  # noqa: S311 - test data
    for _ in range(300):
        data = bytes(rng.choice(b'{}[]", \n\\1x') for _ in range(rng.randrange(200)))
        given_out = bytearray(data)
        for block in blocks([data], 10_000):
            if block.data == b"\r":  # in place of a long blank line
                continue
            assert data[block.offset :].startswith(block.data)
            given_out[block.offset : block.offset + len(block.data)] = b" " * len(block.data)
        assert not given_out.replace(b"\\n", b"").strip(b" ,\n")
