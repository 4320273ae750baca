"""Files for generated events: NDJSON, plain or gzipped."""

import gzip
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

Progress = Callable[[int], None]
"""Called with the number of events that have just been written."""

_LINES_PER_WRITE = 2_000
_GZIP_LEVEL = 6  # what Firehose's files look like; a higher one costs more than it saves


def pass_on(
    lines: Iterable[bytes], write: Callable[[bytes], int], progress: Progress | None = None
) -> int:
    """Give the lines to `write`, many at a time, and return how many bytes that made."""
    total = 0
    for chunk, count in _chunks(lines):
        total += write(chunk)
        if progress:
            progress(count)
    return total


def write_ndjson(path: Path, lines: Iterable[bytes], progress: Progress | None = None) -> int:
    """Write the lines to `path`, whole or not at all, and return how many bytes that made."""
    with _whole(path) as sink:
        return pass_on(lines, sink.write, progress)


def write_gzip(path: Path, lines: Iterable[bytes], progress: Progress | None = None) -> int:
    """Write the lines to `path` as one gzip member and return the uncompressed bytes.

    The file is there whole or not at all. The member carries neither a name nor a time, so that
    the same lines give the same file.
    """
    with (
        _whole(path) as raw,
        gzip.GzipFile("", "wb", _GZIP_LEVEL, fileobj=raw, mtime=0) as sink,
    ):
        return pass_on(lines, sink.write, progress)


@contextmanager
def _whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file that gets its name once it is written to the end."""
    if path.exists() and not path.is_file():
        # A device or a pipe stays what it is.
        with path.open("wb") as sink:
            yield sink
        return
    target = path.resolve()  # what a symbolic link points at, and not the link, is replaced
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as sink:
            yield sink
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _chunks(lines: Iterable[bytes]) -> Iterable[tuple[bytes, int]]:
    pending: list[bytes] = []
    for line in lines:
        pending.append(line)
        if len(pending) == _LINES_PER_WRITE:
            yield b"".join(pending), len(pending)
            pending.clear()
    if pending:
        yield b"".join(pending), len(pending)
