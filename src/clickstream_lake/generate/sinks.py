"""Where generated events go on a disk: NDJSON, plain or gzipped."""

import gzip
from collections.abc import Callable, Iterable
from pathlib import Path

Progress = Callable[[int], None]
"""Called with the number of events that have just been written."""

_LINES_PER_WRITE = 2_000
_GZIP_LEVEL = 6  # what Firehose's files look like; a higher one costs more than it saves


def write_ndjson(path: Path, lines: Iterable[bytes], progress: Progress | None = None) -> int:
    """Write the lines to `path` and return how many bytes that made."""
    with path.open("wb") as sink:
        for chunk, count in _chunks(lines):
            sink.write(chunk)
            if progress:
                progress(count)
        return sink.tell()


def write_gzip(path: Path, lines: Iterable[bytes], progress: Progress | None = None) -> int:
    """Write the lines to `path` as one gzip member and return the uncompressed bytes.

    The member carries neither a name nor a time, so that the same lines give the same file.
    """
    total = 0
    with (
        path.open("wb") as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, fileobj=raw, mtime=0) as sink,
    ):
        for chunk, count in _chunks(lines):
            total += sink.write(chunk)
            if progress:
                progress(count)
    return total


def _chunks(lines: Iterable[bytes]) -> Iterable[tuple[bytes, int]]:
    pending: list[bytes] = []
    for line in lines:
        pending.append(line)
        if len(pending) == _LINES_PER_WRITE:
            yield b"".join(pending), len(pending)
            pending.clear()
    if pending:
        yield b"".join(pending), len(pending)
