"""JSON files as chunks of whole lines, plain or gzip, read once from front to back."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

from isal import igzip

from clickstream_lake.lake.units import MIB

CHUNK_BYTES: Final = MIB
_GZIP: Final = b"\x1f\x8b"


class JsonLines:
    """The lines of one file; iterate over it once.

    Attributes:
        gzip: the file is compressed.
        mended: its last line had no end, and was given one. Known after the last chunk.
    """

    def __init__(self, stream: BinaryIO, *, record: bool = False) -> None:
        """Look at the first bytes of a stream; `record` keeps what is read for `recorded`."""
        self._raw = _Recorder(stream, record=record)
        self.gzip = self._raw.head == _GZIP
        self.mended = False

    def __iter__(self) -> Iterator[bytes]:
        r"""Chunks of whole lines, about `CHUNK_BYTES` each, every line ended by `\n`.

        Raises:
            EOFError, OSError, isal.isal_zlib.error: a gzip input is damaged or cut off.
        """
        text: Any = self._raw
        if self.gzip:
            text = igzip.GzipFile(fileobj=self._raw)  # type: ignore[no-untyped-call]  # isal's gap
        rest: list[bytes] = []
        while piece := text.read(CHUNK_BYTES):
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield b"".join((*rest, piece[:cut]))
                rest = [piece[cut:]] if cut < len(piece) else []
            else:
                rest.append(piece)
        if rest:
            self.mended = True
            yield b"".join((*rest, b"\n"))

    def recorded(self) -> bytes:
        """The stored bytes that were read since the last call."""
        taken, self._raw.seen = b"".join(self._raw.seen), []
        return taken


class _Recorder(io.RawIOBase):
    """A stream whose first bytes are known in advance, and which can keep what was read of it."""

    def __init__(self, stream: BinaryIO, *, record: bool) -> None:
        self._stream = stream
        self._record = record
        self.head = self._ahead = stream.read(len(_GZIP))
        self.seen: list[bytes] = []

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - any writable buffer of bytes
        if self._ahead:
            piece, self._ahead = self._ahead[: len(buffer)], self._ahead[len(buffer) :]
        else:
            piece = self._stream.read(len(buffer))
        buffer[: len(piece)] = piece
        if self._record:
            self.seen.append(piece)
        return len(piece)
