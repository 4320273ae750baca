"""A raw object's bytes, decompressed in bounded pieces and checked to the last byte.

A raw object is one or more gzip members, perhaps with zero padding after the last. Anything else
raises `CorruptObjectError`, but only when it reaches the bytes that show it, so the caller must
publish nothing before the iterator has ended.
"""

from collections.abc import Generator, Iterator
from typing import Final, Protocol

from isal import igzip_lib, isal_zlib

from clickstream_lake.lake.config import Limits
from clickstream_lake.lake.errors import CorruptObjectError
from clickstream_lake.transform.rules.reasons import ObjectReason

_MAGIC: Final = b"\x1f\x8b"
_GZIP_WINDOW: Final = 31  # 15 bits of window, with a gzip header and trailer
_READ_BYTES: Final = 256 * 1024
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


def gunzip(raw: Readable, limits: Limits) -> Iterator[bytes]:
    """Decompress a raw object piece by piece.

    Yields:
        Non-empty pieces of at most `PIECE_BYTES`.

    Raises:
        CorruptObjectError: with an `ObjectReason`.
    """
    members = _Members(raw)
    total = 0
    for piece in members.pieces():
        total += len(piece)
        if total > limits.max_object_bytes:
            raise corrupt(ObjectReason.OBJECT_TOO_LARGE)
        if total > max(members.read_bytes * limits.max_ratio, _RATIO_FROM_BYTES):
            raise corrupt(ObjectReason.RATIO_TOO_HIGH)
        yield piece


def gunzip_or_plain(raw: Readable, limits: Limits) -> Iterator[bytes]:
    """Like `gunzip`, but uncompressed text is taken as it is. For local files.

    Raises:
        CorruptObjectError: with an `ObjectReason`.
    """
    start = raw.read(len(_MAGIC))
    while 0 < len(start) < len(_MAGIC) and (more := raw.read(1)):
        start += more
    again = _Ahead(start, raw)
    if start == _MAGIC:
        yield from gunzip(again, limits)
        return
    total = 0
    while piece := again.read(PIECE_BYTES):
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
    """Walks the members of one gzip file."""

    def __init__(self, raw: Readable) -> None:
        self._raw = raw
        self.read_bytes = 0

    def _read(self) -> bytes:
        data = self._raw.read(_READ_BYTES)
        self.read_bytes += len(data)
        return data

    def pieces(self) -> Iterator[bytes]:
        data = self._magic(b"")
        if data is None:
            empty = self.read_bytes == 0
            raise corrupt(ObjectReason.GZIP_TRUNCATED if empty else ObjectReason.NOT_GZIP)
        while data is not None:
            rest = yield from self._member(data)
            data = self._magic(rest)

    def _member(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Decompress one member; the generator returns what was read beyond its end."""
        member = isal_zlib.decompressobj(wbits=_GZIP_WINDOW)
        while True:
            try:
                piece = member.decompress(data, PIECE_BYTES)
            except igzip_lib.IsalError as error:  # type: ignore[misc]  # its stub names an instance
                raise corrupt(ObjectReason.GZIP_CORRUPT) from error
            if piece:
                yield piece
            if member.eof:
                return bytes(member.unused_data)
            data = member.unconsumed_tail
            # A full piece may leave output inside the decompressor, with no input left to give.
            if not data and len(piece) < PIECE_BYTES:
                data = self._read()
                if not data:
                    raise corrupt(ObjectReason.GZIP_TRUNCATED)

    def _magic(self, data: bytes) -> bytes | None:
        """Find the start of the next member; None where the object ends.

        Raises:
            CorruptObjectError: something other than a member or zero padding follows.
        """
        first = self.read_bytes == 0
        while len(data) < len(_MAGIC):
            more = self._read()
            if not more:
                break
            data += more
        if data.startswith(_MAGIC):
            return data
        if data and _MAGIC.startswith(data):
            raise corrupt(ObjectReason.GZIP_TRUNCATED)
        if first:
            return None
        while data:
            if data.strip(b"\0"):
                raise corrupt(ObjectReason.GZIP_TRAILING_GARBAGE)
            data = self._read()
        return None
