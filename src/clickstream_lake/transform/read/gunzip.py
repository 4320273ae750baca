"""A raw object's bytes, decompressed in bounded pieces and checked to the last byte.

A raw object is one or more gzip members, perhaps with zero padding after the last. Anything else
raises `CorruptObjectError`, but only when it reaches the bytes that show it, so the caller must
publish nothing before the iterator has ended.
"""

import zlib
from collections.abc import Iterator
from typing import Final, Protocol

from isal import igzip_lib

from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.errors import CorruptObjectError
from clickstream_lake.transform.rules.reasons import ObjectReason

_MAGIC: Final = b"\x1f\x8b"
_HEADER_BYTES: Final = 10  # without the optional fields
_DEFLATE: Final = 8
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_READ_BYTES: Final = 256 * 1024
_SMALLEST_STEP: Final = 256
PIECE_BYTES: Final = 1_000_000
"""Most bytes of one decompressed piece. What the kernel reads from a piece and writes should stay
in the cache, and each piece makes a batch, which has a cost in the encoder. From 500 KB to 2 MB
the size makes no difference."""
# Tiny objects may be one repeated character: the ratio means something only above this size.
_RATIO_FROM_BYTES: Final = 4 * 1024 * 1024


class Readable(Protocol):
    """What is needed from a raw object: a binary file, or the body of an S3 response."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; no bytes mean the end."""


def gunzip(raw: Readable, limits: Limits, piece_bytes: int = PIECE_BYTES) -> Iterator[bytes]:
    """Decompress a raw object piece by piece.

    Yields:
        Pieces of at most `piece_bytes` and at least half of that; the last one may be shorter, but
        is not empty.

    Raises:
        CorruptObjectError: with an `ObjectReason`.
    """
    members = _Members(raw)
    total = 0
    for piece in members.pieces(piece_bytes):
        total += len(piece)
        if total > limits.max_object_bytes:
            raise corrupt(ObjectReason.OBJECT_TOO_LARGE)
        if total > max(members.read_bytes * limits.max_ratio, _RATIO_FROM_BYTES):
            raise corrupt(ObjectReason.RATIO_TOO_HIGH)
        yield piece


def gunzip_or_plain(
    raw: Readable, limits: Limits, piece_bytes: int = PIECE_BYTES
) -> Iterator[bytes]:
    """Like `gunzip`, but uncompressed text is taken as it is. For local files.

    Raises:
        CorruptObjectError: with an `ObjectReason`.
    """
    start = raw.read(len(_MAGIC))
    while 0 < len(start) < len(_MAGIC) and (more := raw.read(1)):
        start += more
    again = _Ahead(start, raw)
    if start == _MAGIC:
        yield from gunzip(again, limits, piece_bytes)
        return
    total = 0
    while piece := again.read(piece_bytes):
        total += len(piece)
        if total > limits.max_object_bytes:
            raise corrupt(ObjectReason.OBJECT_TOO_LARGE)
        yield piece


class _Ahead:
    """A file whose first bytes have been looked at."""

    def __init__(self, start: bytes, raw: Readable) -> None:
        self._start = start
        self._raw = raw

    def read(self, size: int, /) -> bytes:
        start, self._start = self._start, b""
        return start or self._raw.read(size)


def corrupt(reason: ObjectReason) -> CorruptObjectError:
    """The error of a raw object that is rejected whole."""
    return CorruptObjectError(reason, reason.meaning)


class _Members:
    """Walks the members of one gzip file (RFC 1952).

    Headers are read here: isal's own reader of them does not look at the reserved flags, and fails
    on a good header whose fields come in two parts.
    """

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self._data = b""
        self._position = 0  # in self._data: everything before it is done with
        self._step = _READ_BYTES  # most bytes that a decompressor is given at once
        self.read_bytes = 0

    def pieces(self, most: int) -> Iterator[bytes]:
        """Yield the text in pieces, whichever members it comes from.

        From half of the most bytes on a piece goes on as it is; less waits for more.
        """
        if not self._available(1):
            raise corrupt(ObjectReason.GZIP_TRUNCATED)
        if not _MAGIC.startswith(self._data[: len(_MAGIC)]):
            raise corrupt(ObjectReason.NOT_GZIP)
        texts: list[bytes] = []
        room = most
        while self._member_follows():
            self._header()
            member = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP_NO_HDR_VER)
            while not member.eof:
                text = self._decompress(member, room)
                if not text:
                    continue
                texts.append(text)
                room -= len(text)
                if room <= most - most // 2:
                    yield b"".join(texts)
                    texts, room = [], most
        if texts:
            yield b"".join(texts)

    def _member_follows(self) -> bool:
        """Whether a member starts here; False where the object ends, perhaps after zero padding.

        Raises:
            CorruptObjectError: something else follows.
        """
        self._available(len(_MAGIC))
        start = self._data[self._position : self._position + len(_MAGIC)]
        if start == _MAGIC:
            return True
        if start and _MAGIC.startswith(start):
            raise corrupt(ObjectReason.GZIP_TRUNCATED)
        while self._available(1):
            if self._data[self._position :].strip(b"\0"):
                raise corrupt(ObjectReason.GZIP_TRAILING_GARBAGE)
            self._position = len(self._data)
        return False

    def _header(self) -> None:
        """Pass over the header of a member.

        Raises:
            CorruptObjectError: it ends too early, or is not as the RFC demands.
        """
        fixed = self._take(_HEADER_BYTES)
        method, flags = fixed[2], fixed[3]
        # A reserved flag may mean one more field, and so that the text starts elsewhere.
        if method != _DEFLATE or flags & _RESERVED:
            raise corrupt(ObjectReason.GZIP_CORRUPT)
        crc = zlib.crc32(fixed)
        if flags & _FEXTRA:
            size = self._take(2)
            crc = zlib.crc32(self._take(int.from_bytes(size, "little")), zlib.crc32(size, crc))
        for flag in (_FNAME, _FCOMMENT):
            ended = not flags & flag
            while not ended:  # up to a zero
                self._available(1)
                end = self._data.find(b"\0", self._position) + 1
                crc = zlib.crc32(self._take(((end or len(self._data)) - self._position) or 1), crc)
                ended = end > 0
        if flags & _FHCRC and int.from_bytes(self._take(2), "little") != crc & 0xFFFF:
            raise corrupt(ObjectReason.GZIP_CORRUPT)

    def _decompress(self, member: igzip_lib.IgzipDecompressor, room: int) -> bytes:
        """Give a member some of the bytes that follow; return at most `room` bytes of its text.

        What it leaves is copied by isal. So it is given less where members are small: each would
        copy many others.

        Raises:
            CorruptObjectError: text or trailer are wrong, or end too early.
        """
        given = b""
        if member.needs_input:
            if not self._available(1):
                raise corrupt(ObjectReason.GZIP_TRUNCATED)
            given = self._data[self._position : self._position + self._step]
            self._position += len(given)
        try:
            text: bytes = member.decompress(given, room)
        except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub names an instance
            raise corrupt(ObjectReason.GZIP_CORRUPT) from error
        if member.eof:
            self._position -= len(member.unused_data)
            self._step = max(self._step // 2, _SMALLEST_STEP)
        else:
            self._step = min(self._step * 2, _READ_BYTES)
        return text

    def _take(self, size: int) -> bytes:
        """Return the next bytes.

        Raises:
            CorruptObjectError: there are not so many.
        """
        if self._available(size) < size:
            raise corrupt(ObjectReason.GZIP_TRUNCATED)
        start, self._position = self._position, self._position + size
        return self._data[start : self._position]

    def _available(self, wanted: int) -> int:
        """Read on until so many bytes follow the position, or all that there are; return both."""
        while (there := len(self._data) - self._position) < wanted:
            more = self._raw.read(_READ_BYTES)
            if not more:
                break
            self.read_bytes += len(more)
            self._data = self._data[self._position :] + more
            self._position = 0
        return there
