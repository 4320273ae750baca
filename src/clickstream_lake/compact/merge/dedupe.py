"""Find the rows of a partition that repeat another row's key: the first event wins.

Among rows with the same key, the one with the earliest `event_time` of the catalog stays, then the
earliest `processed_ts` (NULL last), then the smallest content. The answer depends on the rows
alone, not on how files hold them, so both formats keep the same rows. A NULL key is never a
duplicate.

Memory: keys go to disk in `BUCKETS` parts by their hash, and one part at a time is sorted, so it
is bounded by the largest part (a 64th of the rows, about 100 bytes each), one bit for each row,
and the rows whose key and both times repeat (about 200 bytes each).
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any, BinaryIO, Final, cast
from zlib import crc32

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream_lake.compact.merge.conform import Conformer
from clickstream_lake.compact.merge.json import JsonLines
from clickstream_lake.compact.merge.merging import Bitmap, Input
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.coercion import MISMATCH, coerce
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Format

READ_ROWS: Final = 65_536
BUCKETS: Final = 64
HELD_ROWS: Final = 524_288
"""Keys held in memory before they go to disk; fewer stay in memory."""

_SCHEMA: Final = pa.schema(
    [
        ("key", pa.string()),
        ("event_time", pa.int64()),
        ("processed_ts", pa.int64()),
        ("file", pa.int32()),
        ("row", pa.int64()),
    ]
)
_TIMES: Final = ("event_time", "processed_ts")
Place = tuple[int, int]
"""The number of a file among the inputs, and of a row in it."""
KeyReader = Callable[[Input, Catalog], Iterator[pa.Table]]
"""Tables of a file's rows, in order: key (text), event time and processed_ts (UTC milliseconds)."""

_KEYS: Final = pa.schema(
    [("key", pa.string()), ("event_time", pa.int64()), (PROCESSED_TS, pa.int64())]
)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY: Final = msgspec.json.Decoder()
_canonical = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows to drop, by file name.

    Attributes:
        drops: rows to drop, only for files that have some.
        etags: the versions of the files that were read; rows are dropped from no other version.
    """

    drops: Mapping[str, Bitmap] = field(default_factory=dict)
    etags: Mapping[str, str] = field(default_factory=dict)

    def check(self, name: str, etag: str) -> None:
        """Make sure that a file is still the version that was read.

        Raises:
            PartitionMovedError: it was replaced in between.
        """
        if self.etags.get(name, etag) != etag:
            raise PartitionMovedError(f"{name!r} was replaced while duplicates were looked for")


NO_DUPLICATES = Duplicates()


@dataclass(frozen=True, slots=True)
class DuplicateFinder:
    """Looks for duplicates; only one file at a time is on disk."""

    lake: Lake
    catalog: Catalog
    workdir: Path | None = None

    def find(self, found: Survey) -> Duplicates:
        """Find the rows to drop in all files of a partition; none if this is turned off.

        Raises:
            PartitionMovedError: a file was replaced in between.
        """
        if self.catalog.dedupe_on is None:
            return NO_DUPLICATES
        keys = {self.lake.name_of(found.slot, info.key): info.key for info in found.inputs}
        directory = found.current.directory if found.current else ""
        catalogs = {file.name: file.catalog for file in found.merged}
        keys |= {name: directory + name for name in catalogs}
        names, etags = sorted(keys), dict[str, str]()
        inputs = [
            Input(self._opener(name, keys[name], etags), catalogs.get(name, "")) for name in names
        ]
        with TemporaryDirectory(dir=self.workdir) as folder:
            drops = find_duplicates(
                found.slot.format, inputs, catalog=self.catalog, workdir=Path(folder)
            )
        return Duplicates(
            {name: drop for name, drop in zip(names, drops, strict=True) if drop is not None},
            etags,
        )

    def _opener(self, name: str, key: str, etags: dict[str, str]) -> Callable[[], BinaryIO]:
        def fetch() -> BinaryIO:
            file = cast("BinaryIO", TemporaryFile(dir=self.workdir))  # noqa: SIM115 - the reader closes it
            with self.lake.store.open(key) as (info, stream):
                shutil.copyfileobj(stream, file)
            if etags.setdefault(name, info.etag) != info.etag:
                raise PartitionMovedError(f"{key!r} was replaced while duplicates were looked for")
            file.seek(0)
            return file

        return fetch


def find_duplicates(
    fmt: Format,
    inputs: Sequence[Input],
    *,
    catalog: Catalog,
    workdir: Path,
) -> list[Bitmap | None]:
    """Find the rows to drop, over all files of a partition in one format.

    Args:
        fmt: format of the inputs.
        inputs: every current file of the partition, including those not to be merged. Each is
            opened once, and again if rows agree in key and times.
        catalog: its `dedupe_on` names the key; None finds nothing.
        workdir: local directory for the keys; nothing is left in it.

    Returns:
        The rows to drop for each input; None if there are none.
    """
    if catalog.dedupe_on is None:
        return [None] * len(inputs)
    read: KeyReader = json_keys if fmt == "json" else parquet_keys
    drops = [Bitmap() for _ in inputs]
    tied: list[list[Place]] = []
    with TemporaryDirectory(dir=workdir) as folder:
        spill = _Spill(Path(folder))
        for number, entry in enumerate(inputs):
            first = 0
            for keys in read(entry, catalog):
                spill.add(_placed(keys, number, first))
                first += len(keys)
        for part in spill.parts():
            tied.extend(_drop_later_rows(part, drops))
    _drop_tied_rows(tied, Content(fmt, inputs, catalog), drops)
    return [drop if drop.count else None for drop in drops]


def _placed(keys: pa.Table, file: int, first: int) -> pa.Table:
    """Keys of consecutive rows with their places; without rows that have no key."""
    rows = pa.array(range(first, first + len(keys)), pa.int64())
    files = pa.repeat(pa.scalar(file, pa.int32()), len(keys))
    table = pa.table([*keys.columns, files, rows], schema=_SCHEMA)
    return table.filter(pc.is_valid(table.column("key")))


class _Spill:
    """Keys in parts by their hash: in memory while they are few, then on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[pa.Table] = []
        self._rows = 0
        self._files = ExitStack()
        self._writers: list[pa.RecordBatchStreamWriter] = []

    def add(self, keys: pa.Table) -> None:
        self._held.append(keys)
        self._rows += len(keys)
        if self._rows >= HELD_ROWS:
            self._flush()

    def parts(self) -> Iterator[pa.Table]:
        """Every key once; equal keys in the same part."""
        if not self._writers:
            if self._held:
                yield pa.concat_tables(self._held)
            return
        if self._held:
            self._flush()
        self._files.close()
        for part in range(BUCKETS):
            path = self._path(part)
            with pa.OSFile(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
                table = reader.read_all()
            path.unlink()
            yield table

    def _flush(self) -> None:
        if not self._writers:
            for part in range(BUCKETS):
                stream = self._files.enter_context(pa.OSFile(str(self._path(part)), "wb"))
                self._writers.append(self._files.enter_context(pa.ipc.new_stream(stream, _SCHEMA)))
        table = pa.concat_tables(self._held)
        self._held, self._rows = [], 0
        buckets = pa.array(
            [crc32(key.encode()) % BUCKETS for key in table.column("key").to_pylist()], pa.int8()
        )
        for part, writer in enumerate(self._writers):
            writer.write_table(table.filter(pc.equal(buckets, pa.scalar(part, pa.int8()))))

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:02}.arrow"


def _drop_later_rows(part: pa.Table, drops: list[Bitmap]) -> Iterator[list[Place]]:
    """Mark all but the first rows of each key; yields the rows that tie for the first place."""
    order = pc.sort_indices(part, sort_keys=[(name, "ascending") for name in ("key", *_TIMES)])
    keys = pc.take(part.column("key"), order).combine_chunks()
    repeats = pc.indices_nonzero(pc.equal(keys.slice(1), keys.slice(0, max(len(keys) - 1, 0))))
    groups = list(_runs(repeats.to_pylist()))
    rows = part.take(order.take(pa.array([at for group in groups for at in group], pa.int64())))
    times = list(zip(*(rows.column(name).to_pylist() for name in _TIMES), strict=True))
    places = list(zip(rows.column("file").to_pylist(), rows.column("row").to_pylist(), strict=True))
    start = 0
    for group in groups:
        end = start + len(group)
        tie_end = start + 1
        while tie_end < end and times[tie_end] == times[start]:
            tie_end += 1
        for file, row in places[tie_end:end]:
            drops[file].set(row)
        if tie_end - start > 1:
            yield places[start:tie_end]
        start = end


def _runs(repeats: Iterable[int]) -> Iterator[range]:
    """Groups of equal neighbours, where `repeats` lists each row that equals its successor."""
    start = end = -1
    for row in repeats:
        if row != end:
            if end > start:
                yield range(start, end + 1)
            start = row
        end = row + 1
    if end > start:
        yield range(start, end + 1)


def _drop_tied_rows(tied: list[list[Place]], content: "Content", drops: list[Bitmap]) -> None:
    """Of rows that agree in key and times, keep the one with the smallest content."""
    groups = {place: group for group, places in enumerate(tied) for place in places}
    kept: dict[int, tuple[bytes, Place]] = {}
    by_file: dict[int, list[int]] = {}
    for file, row in groups:
        by_file.setdefault(file, []).append(row)
    for file, rows in sorted(by_file.items()):
        for row, text in content.of(file, sorted(rows)):
            group = groups[file, row]
            candidate = (text, (file, row))
            worse = max(kept.get(group, candidate), candidate)
            kept[group] = min(kept.get(group, candidate), candidate)
            if worse[1] != kept[group][1]:
                drops[worse[1][0]].set(worse[1][1])


def parquet_keys(entry: Input, catalog: Catalog) -> Iterator[pa.Table]:
    """Keys of a Parquet file; columns that it lacks are lifted out of its `extra`."""
    wanted = [str(catalog.dedupe_on), catalog.event_time, PROCESSED_TS]
    for table in _conformed(entry, catalog, wanted):
        columns = [_column(table, name) for name in wanted]
        yield pa.table(
            [columns[0].cast(pa.string()), *(column.cast(pa.int64()) for column in columns[1:])],
            schema=_KEYS,
        )


def json_keys(entry: Input, catalog: Catalog) -> Iterator[pa.Table]:
    """Keys of a JSON file."""
    known = {column.name: column for column in catalog.columns}
    names = [str(catalog.dedupe_on), catalog.event_time, PROCESSED_TS]

    def value(fields: dict[str, msgspec.Raw], name: str) -> Any:  # noqa: ANN401 - by its column
        raw = fields.get(name)
        if raw is None or name not in known:
            return None
        found, _ = coerce(known[name], bytes(raw))
        return None if found is MISMATCH else found

    with entry.open() as stream:
        for text in JsonLines(stream):
            rows = [_FIELDS.decode(line) for line in text.split(b"\n")[:-1]]
            columns = [[value(row, name) for row in rows] for name in names]
            columns[0] = [None if key is None else _key_text(key) for key in columns[0]]
            yield pa.table(columns, schema=_KEYS)


class Content:
    """Whole rows in a form that both formats share, so that they can be compared."""

    def __init__(self, fmt: Format, inputs: Sequence[Input], catalog: Catalog) -> None:
        self._fmt = fmt
        self._inputs = inputs
        self._catalog = catalog
        self._columns = {c.name: c for c in catalog.columns if c.name != EXTRA}

    def of(self, file: int, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """The content of some rows of a file, row numbers ascending."""
        read = self._json if self._fmt == "json" else self._parquet
        yield from read(self._inputs[file], rows)

    def _parquet(self, entry: Input, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        first = at = 0
        for table in _conformed(entry, self._catalog, None):
            end = first + len(table)
            until = at
            while until < len(rows) and rows[until] < end:
                until += 1
            picked = table.take(pa.array([row - first for row in rows[at:until]], pa.int64()))
            times = [n for n, column in self._columns.items() if column.type == "timestamp"]
            for name in times:
                column = picked.schema.get_field_index(name)
                picked = picked.set_column(column, name, picked.column(name).cast(pa.int64()))
            for row, values in zip(rows[at:until], picked.to_pylist(), strict=True):
                extra = values.pop(EXTRA)
                yield row, _text(values, {} if extra is None else _ANY.decode(extra))
            first, at = end, until

    def _json(self, entry: Input, rows: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        wanted = set(rows)
        first = 0
        with entry.open() as stream:
            for text in JsonLines(stream):
                lines = text.split(b"\n")[:-1]
                for row, line in enumerate(lines, first):
                    if row in wanted:
                        yield row, self._line(line)
                first += len(lines)

    def _line(self, line: bytes) -> bytes:
        fields = _FIELDS.decode(line)
        extra = _ANY.decode(fields.pop(EXTRA, b"{}"))
        values: dict[str, Any] = {}
        for name, raw in fields.items():
            column = self._columns.get(name)
            found = MISMATCH if column is None else coerce(column, bytes(raw))[0]
            if found is MISMATCH:
                extra[name] = _ANY.decode(raw)
            else:
                values[name] = found
        return _text(values, extra)


def _text(values: dict[str, Any], extra: object) -> bytes:
    return _canonical([{k: v for k, v in values.items() if v is not None}, extra])


def _key_text(key: object) -> str:
    """What Arrow's cast to text makes of it."""
    return str(key).lower() if isinstance(key, bool) else str(key)


def _column(table: pa.Table, name: str) -> pa.ChunkedArray:
    if name in table.column_names:
        return table.column(name)
    return pa.chunked_array([pa.nulls(len(table))])


def _conformed(entry: Input, catalog: Catalog, names: Sequence[str] | None) -> Iterator[pa.Table]:
    """The rows of a Parquet file in today's schema; only some columns if that is enough."""
    with entry.open() as stream, pq.ParquetFile(stream, pre_buffer=False) as file:
        conformer = Conformer(catalog, file.schema_arrow)
        columns = list(dict.fromkeys(names)) if names and conformer.is_aligned else None
        for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False):
            table = pa.Table.from_batches([batch])
            yield table if columns else conformer.apply(table)
