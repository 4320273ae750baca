"""Merge many small JSON files into few big ones by concatenation, plain or gzip.

Memory is bounded by one chunk of lines (1 MiB), or by the longest line if that is longer.
Nothing is parsed unless it has to be: bytes are copied, and gzip members too if both sides are
gzip (they are decompressed once, to count the rows and to prove them whole).
"""

import gzip
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import msgspec
import pyarrow as pa
from isal import igzip

from clickstream_lake.compact.merge.canonical import Canon, Canonical
from clickstream_lake.compact.merge.conform import LineConformer
from clickstream_lake.compact.merge.merging import (
    TARGET_BYTES,
    Bitmap,
    Input,
    Merge,
    MergeCounters,
    MergeResult,
    OutFiles,
)
from clickstream_lake.compact.merge.rows import Rows
from clickstream_lake.lake.coercion import MISMATCH, raw_coercion_of
from clickstream_lake.lake.units import MIB

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import OutputOptions

CHUNK_BYTES: Final = MIB
_GZIP: Final = b"\x1f\x8b"
GZIP_LEVEL: Final = 2
"""ISA-L's levels end at 3."""
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(frozen=True, slots=True)
class JsonOptions:
    """How merged files are written.

    Attributes:
        target_bytes: stored size at which a file is full. Inputs are never split.
        gzip: whether the merged files are gzip, whatever the inputs were.
    """

    target_bytes: int = TARGET_BYTES
    gzip: bool = False


def merge_json(
    inputs: Sequence[Input],
    out_dir: Path,
    *,
    catalog: "Catalog",
    options: JsonOptions | None = None,
    stem: str = "part",
) -> MergeResult:
    """Merge JSON files into `out_dir/{stem}-00000.json` (`.json.gz`) and so on.

    Lines keep their order and their bytes. Only lines of inputs by another catalog than
    today's are looked at one by one, and rewritten where the catalog's columns require it. Without
    rows there is no file. After an error no output of this call is left.

    Raises:
        EOFError, OSError, isal.isal_zlib.error: reading or writing failed, or a gzip input is
            damaged.
        ValueError: a line that had to be looked at is not a JSON object.
    """
    options = options or JsonOptions()
    counters = MergeCounters(inputs=len(inputs))
    with _Files(out_dir, stem, options) as files:
        for entry in inputs:
            with entry.open() as stream:
                today = entry.catalog == catalog.sha256
                if not today or (entry.drop is not None and entry.drop.count):
                    _rewrite(entry, stream, files, counters, None if today else catalog)
                else:
                    _copy(stream, files, counters)
            files.roll()
    counters.rows_out = sum(file.rows for file in files.done)
    return MergeResult(files.done, counters)


def json_merge(catalog: "Catalog", output: "OutputOptions", target_bytes: int) -> Merge:
    """The merge of JSON files as a lake's settings want it."""
    options = JsonOptions(target_bytes, gzip=output.json_compression == "gzip")
    return partial(merge_json, catalog=catalog, options=options)


class JsonReader:
    """Reads JSON files line by line."""

    def ids(self, entry: Input, catalog: "Catalog") -> Iterator[pa.Array]:
        """The ids."""
        (column,) = (column for column in catalog.columns if column.name == catalog.dedupe_on)
        coercion = raw_coercion_of(column)

        def key(line: bytes) -> str | None:
            raw = _FIELDS.decode(line).get(column.name)
            found = None if raw is None else coercion(bytes(raw))[0]
            return None if found is None or found is MISMATCH else _key_text(found)

        for lines in _conformed(entry, catalog):
            yield pa.array([key(line) for line in lines], pa.string())

    def rows(self, entry: Input, catalog: "Catalog") -> Iterator[Rows]:
        """The rows, some at a time."""
        yield from map(_LineRows, _conformed(entry, catalog))

    def count(self, content: bytes) -> int:
        """How many lines a file has."""
        plain = gzip.decompress(content) if content.startswith(_GZIP) else content
        return plain.count(b"\n")


@dataclass(frozen=True, slots=True)
class _LineRows:
    lines: list[bytes]

    def __len__(self) -> int:
        return len(self.lines)

    def canonical(self, canon: Canon, picked: Sequence[int]) -> Iterator[Canonical]:
        return (canon.of_line(self.lines[row]) for row in picked)


def _key_text(key: object) -> str:
    """What Arrow's cast to text makes of it."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _conformed(entry: Input, catalog: "Catalog") -> Iterator[list[bytes]]:
    """The lines of a file in today's schema, some at a time."""
    with entry.open() as stream:
        today = entry.known_catalog == catalog.sha256
        conformer = None if today else LineConformer(catalog)
        for text in JsonLines(stream):
            lines = text.split(b"\n")[:-1]
            yield lines if conformer is None else [conformer.line(line) for line in lines]


def _copy(stream: BinaryIO, files: "_Files", counters: MergeCounters) -> None:
    """Copy one input; its stored bytes if inputs and outputs are gzip."""
    lines = JsonLines(stream, record=files.gzip)
    before = counters.rows_in
    for text in lines:
        rows = text.count(b"\n")
        counters.rows_in += rows
        if files.gzip and lines.gzip:
            files.write_members(lines.recorded(), rows)
        else:
            files.write(text, rows)
    if files.gzip and lines.gzip and counters.rows_in > before:
        files.write_members(lines.recorded(), 0)
        if lines.mended:
            files.write(b"\n", 0)


def _rewrite(
    entry: Input,
    stream: BinaryIO,
    files: "_Files",
    counters: MergeCounters,
    catalog: "Catalog | None",
) -> None:
    """Copy one input line by line: without its dropped rows, by the rules of `catalog`."""
    conformer = None if catalog is None else LineConformer(catalog)
    first = 0
    for text in JsonLines(stream):
        lines = text.split(b"\n")[:-1]
        kept = _without(lines, entry.drop, first)
        first += len(lines)
        counters.duplicates += len(lines) - len(kept)
        if conformer is not None:
            kept = [conformer.line(line) for line in kept]
        if kept:
            files.write(b"\n".join((*kept, b"")), len(kept))
    counters.rows_in += first
    if conformer is not None:
        counters.lifted += conformer.lifted
        counters.returned += conformer.returned


def _without(lines: list[bytes], drop: Bitmap | None, first: int) -> list[bytes]:
    """The lines of a chunk that starts at line `first` of its file, without dropped ones."""
    if drop is None or not drop.count:
        return lines
    return [line for row, line in enumerate(lines, first) if row not in drop]


class _Files(OutFiles["_OpenFile"]):
    """The files being written: a new one between two inputs, once the last is full."""

    def __init__(self, out_dir: Path, stem: str, options: JsonOptions) -> None:
        self.gzip = options.gzip
        super().__init__(out_dir, stem, "json.gz" if self.gzip else "json")
        self._target_bytes = options.target_bytes

    def write(self, text: bytes, rows: int) -> None:
        """Write whole lines."""
        file = self._current()
        file.write(text)
        file.rows += rows

    def write_members(self, stored: bytes, rows: int) -> None:
        """Write a stored piece of gzip members; the last piece ends a member."""
        file = self._current()
        file.write_members(stored)
        file.rows += rows

    def roll(self) -> None:
        """Between two inputs: end the file if it is full."""
        if self.open is not None and self.open.size >= self._target_bytes:
            self.finish()

    def _current(self) -> "_OpenFile":
        if self.open is None:
            self.open = _OpenFile(self.next_path(), gzip=self.gzip)
        return self.open


class _OpenFile:
    """One file while it is written."""

    def __init__(self, path: Path, *, gzip: bool) -> None:
        self.path = path
        self.rows = 0
        self._gzip = gzip
        self._sink = path.open("wb")
        self._member: Any = None  # the gzip member that takes text

    @property
    def size(self) -> int:
        """Bytes written so far, about."""
        return self._sink.tell()

    def write(self, text: bytes) -> None:
        """Write text, compressed if the file is."""
        if self._gzip and self._member is None:
            self._member = igzip.GzipFile(  # type: ignore[no-untyped-call]  # isal's own gap
                fileobj=self._sink, mode="wb", compresslevel=GZIP_LEVEL, mtime=0
            )
        (self._member or self._sink).write(text)

    def write_members(self, stored: bytes) -> None:
        """Write what is already compressed, after the member that takes text."""
        self._end_member()
        self._sink.write(stored)

    def close(self) -> None:
        """Write what is left."""
        try:
            self._end_member()
        finally:
            self._sink.close()

    def _end_member(self) -> None:
        if self._member is not None:
            member, self._member = self._member, None
            member.close()


class JsonLines:
    """The lines of one file; iterate over it once.

    Attributes:
        gzip: the file is compressed.
        mended: its last line had no line end and was given one. Known after the last chunk.
    """

    def __init__(self, stream: BinaryIO, *, record: bool = False) -> None:
        """Look at the first bytes of a stream; `record` keeps what is read for `recorded`."""
        self._raw = _Recorder(stream, record=record)
        self.gzip = self._raw.head == _GZIP
        self.mended = False

    def __iter__(self) -> Iterator[bytes]:
        r"""Chunks of whole lines, about `CHUNK_BYTES` each, every line ending in `\n`.

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
