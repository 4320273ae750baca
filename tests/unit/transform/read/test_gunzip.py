import gzip
import struct
import zlib
from io import BytesIO
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.errors import CorruptObjectError
from clickstream_lake.transform.read import gunzip as module
from clickstream_lake.transform.read.gunzip import PIECE_BYTES, gunzip, gunzip_or_plain

TEXT = b"".join(b'{"event_id":"e%d"}\n' % number for number in range(50))
MEMBER = gzip.compress(TEXT, mtime=0)
MAGIC = b"\x1f\x8b\x08"


class Trickle:
    """Answers so many bytes at a time, as a network may."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = BytesIO(data)
        self._step = step

    def read(self, size: int, /) -> bytes:
        return self._file.read(min(size, self._step))


def reason(raw: bytes, limits: Limits | None = None) -> str:
    with pytest.raises(CorruptObjectError) as caught:
        list(gunzip(BytesIO(raw), limits or Limits()))
    return caught.value.reason


def unzip(raw: bytes, step: int = 1 << 30, limits: Limits | None = None) -> bytes:
    return b"".join(gunzip(Trickle(raw, step), limits or Limits()))


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_members_and_padding_are_read_however_the_bytes_arrive(step: int) -> None:
    assert unzip(MEMBER + gzip.compress(b"") + MEMBER + bytes(40), step) == TEXT * 2


def test_truncation_at_every_byte_is_told() -> None:
    for cut in range(len(MEMBER)):
        assert reason(MEMBER[:cut]) == "gzip_truncated", cut


def test_every_single_flipped_byte_is_noticed_or_harmless() -> None:
    """The header's time, flags of origin and the like may change; the text may not."""
    for position in range(len(MEMBER)):
        raw = bytearray(MEMBER)
        raw[position] ^= 0xFF
        try:
            assert unzip(bytes(raw)) == TEXT, position
        except CorruptObjectError as error:
            assert error.reason in {"gzip_corrupt", "gzip_truncated", "not_gzip"}  # noqa: PT017


def test_pieces_are_bounded() -> None:
    pieces = list(gunzip(BytesIO(gzip.compress(bytes(range(256)) * 20_000)), Limits()))
    assert max(map(len, pieces)) <= PIECE_BYTES
    assert all(pieces)


def test_the_ratio_counts_from_four_megabytes_on() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), 9)
    assert reason(bomb) == "ratio_too_high"
    assert len(unzip(gzip.compress(bytes(4 * 1024 * 1024), 9))) == 4 * 1024 * 1024
    assert len(unzip(bomb, limits=Limits(max_ratio=1100))) == 64 * 1024 * 1024


def test_the_size_cap_is_exact() -> None:
    assert unzip(MEMBER, limits=Limits(max_object_bytes=len(TEXT))) == TEXT
    assert reason(MEMBER, Limits(max_object_bytes=len(TEXT) - 1)) == "object_too_large"


def test_errors_of_reading_are_not_taken_for_corruption() -> None:
    class Broken:
        def read(self, _size: int, /) -> bytes:
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(gunzip(Broken(), Limits()))


def take(raw: bytes, step: int = 1 << 30, limits: Limits | None = None) -> bytes:
    return b"".join(gunzip_or_plain(Trickle(raw, step), limits or Limits()))


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
@pytest.mark.parametrize("raw", [TEXT, MEMBER], ids=["plain", "gzip"])
def test_a_file_on_a_disk_may_be_plain_however_its_bytes_arrive(raw: bytes, step: int) -> None:
    assert take(raw, step) == TEXT


@pytest.mark.parametrize("raw", [b"", b"\x1f", b"\n", b"\x1f{}", b"\xef\xbb\xbf{}"])
def test_what_does_not_begin_as_gzip_is_taken_as_it_is(raw: bytes) -> None:
    assert take(raw) == raw


def test_what_begins_as_gzip_has_to_be_gzip() -> None:
    with pytest.raises(CorruptObjectError) as caught:
        take(MEMBER[:-1])
    assert caught.value.reason == "gzip_truncated"


def test_plain_text_over_the_cap_is_rejected_too() -> None:
    assert take(bytes(2048), limits=Limits(max_object_bytes=2048)) == bytes(2048)
    with pytest.raises(CorruptObjectError) as caught:
        take(bytes(2049), limits=Limits(max_object_bytes=2048))
    assert caught.value.reason == "object_too_large"


def test_what_the_function_reads_is_never_plain() -> None:
    assert reason(TEXT) == "not_gzip"


FTEXT, FHCRC, FEXTRA, FNAME, FCOMMENT = 1, 2, 4, 8, 16


def member(
    text: bytes = TEXT,
    flags: int = 0,
    *,
    extra: bytes = b"AB\x02\0xy",
    name: bytes = b"events.json",
    comment: bytes = b"a comment",
    method: int = 8,
    header_crc: int | None = None,
    crc: int | None = None,
    size: int | None = None,
    level: int = 6,
) -> bytes:
    """A gzip member as RFC 1952 lays it out, each field of which may be wrong."""
    header = bytes([0x1F, 0x8B, method, flags, 1, 2, 3, 4, 0, 255])
    if flags & FEXTRA:
        header += struct.pack("<H", len(extra)) + extra
    if flags & FNAME:
        header += name + b"\0"
    if flags & FCOMMENT:
        header += comment + b"\0"
    if flags & FHCRC:
        header += struct.pack(
            "<H", zlib.crc32(header) & 0xFFFF if header_crc is None else header_crc
        )
    crc = zlib.crc32(text) if crc is None else crc
    size = len(text) if size is None else size
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    return header + deflate.compress(text) + deflate.flush() + struct.pack("<II", crc, size)


@pytest.mark.parametrize("step", [1, 7, 1 << 30])
@pytest.mark.parametrize("before", [b"", MEMBER], ids=["first", "second"])
@pytest.mark.parametrize(
    "broken",
    [
        *(pytest.param(member(flags=1 << bit), id=f"reserved flag {bit}") for bit in (5, 6, 7)),
        pytest.param(member(flags=0xFF), id="all flags"),
        *(pytest.param(member(method=other), id=f"method {other}") for other in (0, 7, 9, 255)),
        pytest.param(member(flags=FHCRC, header_crc=0), id="header checksum"),
        pytest.param(member(flags=31, header_crc=1), id="header checksum of all fields"),
        pytest.param(member(crc=0), id="checksum"),
        pytest.param(member(size=len(TEXT) + 1), id="length"),
        pytest.param(member(size=len(TEXT) + 2**31), id="length, by its last bit"),
        pytest.param(member(b"", crc=1), id="checksum of nothing"),
        pytest.param(member(b"", size=1), id="length of nothing"),
    ],
)
def test_what_the_rfc_calls_an_error_is_one(broken: bytes, before: bytes, step: int) -> None:
    with pytest.raises(CorruptObjectError) as caught:
        unzip(before + broken + MEMBER, step)
    assert caught.value.reason == "gzip_corrupt"


@pytest.mark.parametrize("step", [1, 100, 1 << 30])
@pytest.mark.parametrize("flags", range(32))
def test_every_combination_of_flags_is_read(flags: int, step: int) -> None:
    assert unzip(member(flags=flags) * 2, step) == TEXT * 2


@pytest.mark.parametrize("step", [1, 1000, 1 << 30])
@pytest.mark.parametrize(
    "fields",
    [
        {"extra": b""},
        {"extra": b"x" * 65_535},
        {"name": b"", "comment": b""},
        {"name": b"\xff" * 300_000},
        {"comment": b"c" * 300_000, "extra": b"y" * 60_000},
    ],
    ids=["no extra", "longest extra", "empty names", "long name", "long comment"],
)
def test_fields_of_any_length_are_passed_over(fields: dict[str, bytes], step: int) -> None:
    assert unzip(member(flags=31, **fields) + MEMBER, step) == TEXT * 2  # type: ignore[arg-type]  # only texts


def test_each_field_of_a_header_may_be_cut() -> None:
    whole = member(flags=31)
    for cut in range(1, len(whole)):
        assert reason(MEMBER + whole[:cut]) == "gzip_truncated", cut


@pytest.mark.parametrize("step", [1, 5_000, 1 << 30])
def test_bgzf_is_read(step: int) -> None:
    """What bgzip writes: members of 64 KB, each with its size in an extra field, an empty last."""
    text = TEXT * 300
    parts = [text[start : start + 65_280] for start in range(0, len(text), 65_280)]
    whole = b""
    for part in [*parts, b""]:
        size = len(member(part, FEXTRA))
        whole += member(part, FEXTRA, extra=b"BC\x02\0" + struct.pack("<H", size - 1))
    assert unzip(whole, step) == text


@pytest.mark.parametrize("length", [0, 1, 20, 1_000, 400_000, PIECE_BYTES + 1])
def test_pieces_are_gathered_across_members(length: int) -> None:
    one = member(bytes(length), level=1)
    raw = one * (40_000 // (1 + length // 100))
    pieces = [len(piece) for piece in gunzip(BytesIO(raw), Limits(max_ratio=1100))]
    assert sum(pieces) == raw.count(MAGIC) * length
    assert max(pieces, default=0) <= PIECE_BYTES
    assert min(pieces[:-1], default=PIECE_BYTES) >= PIECE_BYTES // 2


@pytest.fixture
def given_to_isal(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each call of a decompressor was given."""
    lengths = []

    class Counting:
        def __init__(self, flag: int) -> None:
            self._real = real(flag=flag)

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever is asked for
            return getattr(self._real, name)

        def decompress(self, data: bytes, room: int) -> bytes:
            lengths.append(len(data))
            return bytes(self._real.decompress(data, room))

    real = module.igzip_lib.IgzipDecompressor
    monkeypatch.setattr(module.igzip_lib, "IgzipDecompressor", Counting)
    return lengths


@pytest.mark.parametrize("flags", [0, 31])
@pytest.mark.parametrize("length", [0, 1, 300, 70_000])
def test_a_member_does_not_cost_what_follows_it(
    length: int, flags: int, given_to_isal: list[int]
) -> None:
    """What a decompressor leaves of its input is copied, so it must not be given much too much."""
    raw = member(TEXT[:1] * length, flags, level=0) * (3_000_000 // (30 + length))
    unzip(raw, limits=Limits(max_ratio=1100))
    assert sum(given_to_isal) < 20 * len(raw)


def test_a_large_member_after_small_ones_is_read_in_large_steps(given_to_isal: list[int]) -> None:
    small, large = member(b"{}") * 100, member(bytes(10_000_000), level=0)
    unzip(small + large)
    assert len(given_to_isal) < 100 + 200


def reference(raw: bytes) -> bytes | None:
    """What RFC 1952 makes of an object, with zero padding; None where it demands an error."""
    text = b""
    position = 0
    while not position or raw[position:].strip(b"\0"):
        try:
            found, position = _reference_member(raw, position)
        except (IndexError, struct.error):  # it ends too early
            return None
        if found is None:
            return None
        text += found
    return text


def _reference_member(raw: bytes, start: int) -> tuple[bytes | None, int]:
    magic, method, flags = struct.unpack_from("<HBB", raw, start)
    at = start + 10
    if flags & FEXTRA:
        at += 2 + int(struct.unpack_from("<H", raw, at)[0])
    for flag in (FNAME, FCOMMENT):
        while flags & flag:
            at += 1
            if not raw[at - 1]:
                break
    if flags & FHCRC:
        if struct.unpack_from("<H", raw, at)[0] != zlib.crc32(raw[start:at]) & 0xFFFF:
            return None, at
        at += 2
    if magic != 0x8B1F or method != 8 or flags & 0xE0:
        return None, at
    inflate = zlib.decompressobj(-15)
    try:
        text = inflate.decompress(raw[at:])
    except zlib.error as error:
        # isal decodes with sets of codes that leave codes unused, which RFC 1951 does not forbid.
        assume(not str(error).endswith(" set"))
        return None, at
    if not inflate.eof:
        return None, at
    at = len(raw) - len(inflate.unused_data)
    wanted = struct.unpack_from("<II", raw, at)
    return text if wanted == (zlib.crc32(text), len(text)) else None, at + 8


_MEMBERS = st.builds(
    member,
    st.binary(max_size=60) | st.integers(0, 2_000).map(lambda length: TEXT[:length]),
    st.integers(0, 31) | st.integers(0, 255),
    extra=st.binary(max_size=20),
    name=st.binary(max_size=20).map(lambda name: name.replace(b"\0", b"")),
    header_crc=st.none() | st.integers(0, 0xFFFF),
    level=st.sampled_from([0, 1, 9]),
)


@given(
    members=st.lists(_MEMBERS, min_size=1, max_size=4),
    padding=st.integers(0, 30),
    changes=st.lists(
        st.tuples(
            st.floats(0, 1, exclude_max=True),
            st.sampled_from(["replace", "insert", "delete", "cut", "double"]),
            st.integers(0, 255),
        ),
        max_size=3,
    ),
    step=st.sampled_from([1, 3, 64, 1 << 30]),
)
def test_changed_members_are_read_as_the_rfc_says(
    members: list[bytes], padding: int, changes: list[tuple[float, str, int]], step: int
) -> None:
    raw = b"".join(members) + bytes(padding)
    for place, change, value in changes:
        at = int(place * len(raw))
        replaced = {
            "replace": bytes([value]) + raw[at + 1 :],
            "insert": bytes([value]) + raw[at:],
            "delete": raw[at + 1 :],
            "cut": b"",
            "double": raw[max(at - value, 0) :],
        }
        raw = raw[:at] + replaced[change]
    expected = reference(raw)
    try:
        found = unzip(raw, step)
    except CorruptObjectError:
        found = None
    assert found == expected
