import gzip
from io import BytesIO

import pytest

from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.errors import CorruptObjectError
from clickstream_lake.transform.read.gunzip import PIECE_BYTES, gunzip, gunzip_or_plain

TEXT = b"".join(b'{"event_id":"e%d"}\n' % number for number in range(50))
MEMBER = gzip.compress(TEXT, mtime=0)


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
