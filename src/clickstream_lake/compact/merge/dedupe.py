"""Find the rows of a partition that repeat another row: its id and all it holds.

Ids alone tell nothing: bots and proxies send an id again with other content, and those rows stay.
So rows are the same where their ids and their *content* are: every field but `processed_ts` and the
catalog's `dedupe_ignore`, in the canonical form of `canonical.py`, which all formats share. Of
such rows the one with the earliest `event_time` of the catalog stays, then the earliest
`processed_ts` (NULL last), then the smallest digest of what is ignored. That is the least of a
total order, and what is equal stays equal when files are merged. So all formats keep the same
rows, whichever files each merges, and when. A NULL id repeats nothing.

Ids are read of all rows, content only of those whose id repeats: their files are read twice.

Memory: ids go to disk in `BUCKETS` parts by their hash, and one part at a time is sorted, so it is
bounded by the largest part (a 64th of the rows, about 100 bytes each), a bit for each row, and 16
bytes for each row whose id repeats.
"""

import shutil
from array import array
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile, mkdtemp
from typing import BinaryIO, Final, cast
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_lake.compact.merge.canonical import Canon, Canonical
from clickstream_lake.compact.merge.merging import Bitmap, Input
from clickstream_lake.compact.merge.rows import reader_of
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.catalog import PROCESSED_TS, Catalog
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingMetadata

BUCKETS: Final = 64
HELD_ROWS: Final = 524_288
"""Keys held in memory before they go to disk; fewer stay in memory."""

_KEYS: Final = pa.schema([("key", pa.string())])
_RANKED: Final = pa.schema(
    [*_KEYS, ("event_time", pa.int64()), (PROCESSED_TS, pa.int64()), ("ignored", pa.string())]
)
_PLACE: Final = [pa.field("file", pa.int32()), pa.field("row", pa.int64())]


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows to drop, by file name.

    Attributes:
        drops: rows to drop, only for files that have some.
        etags: the versions of the files that were read; rows are dropped from no other version.
        repeated_ids: rows that stay though an id is another's, because their content is not.
    """

    drops: Mapping[str, Bitmap] = field(default_factory=dict)
    etags: Mapping[str, str] = field(default_factory=dict)
    repeated_ids: int = 0

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
        landing = defaultdict[str, str](str)
        inputs = [
            Input(
                self._opener(name, keys[name], etags, landing),
                catalogs.get(name, ""),
                once_open=partial(landing.__getitem__, name),
            )
            for name in names
        ]
        with TemporaryDirectory(dir=self.workdir) as folder:
            repeats = find_duplicates(
                found.slot.format, inputs, catalog=self.catalog, workdir=Path(folder)
            )
        drops = zip(names, repeats.drops, strict=True)
        return Duplicates(
            {name: drop for name, drop in drops if drop is not None}, etags, repeats.repeated_ids
        )

    def _opener(
        self, name: str, key: str, etags: dict[str, str], catalogs: dict[str, str]
    ) -> Callable[[], BinaryIO]:
        def fetch() -> BinaryIO:
            file = cast("BinaryIO", TemporaryFile(dir=self.workdir))  # noqa: SIM115 - the reader closes it
            with self.lake.store.open(key) as (info, stream):
                shutil.copyfileobj(stream, file)
            if etags.setdefault(name, info.etag) != info.etag:
                raise PartitionMovedError(f"{key!r} was replaced while duplicates were looked for")
            if (figures := LandingMetadata.from_s3(info.metadata)) is not None:
                catalogs[name] = figures.recipe.catalog
            file.seek(0)
            return file

        return fetch


@dataclass(frozen=True, slots=True)
class Repeats:
    """What repeats in some files.

    Attributes:
        drops: the rows to drop of each file; None if there are none.
        repeated_ids: rows that stay though another row that stays has their id.
    """

    drops: list[Bitmap | None]
    repeated_ids: int = 0


def find_duplicates(
    fmt: Format,
    inputs: Sequence[Input],
    *,
    catalog: Catalog,
    workdir: Path,
) -> Repeats:
    """Find the rows to drop, over all files of a partition in one format.

    Args:
        fmt: format of the inputs.
        inputs: every current file of the partition, including those not to be merged. Each is
            opened once, and again if ids of its rows repeat.
        catalog: its `dedupe_on` names the id; None finds nothing.
        workdir: local directory for what does not fit into memory; nothing is left in it.
    """
    if catalog.dedupe_on is None:
        return Repeats([None] * len(inputs))
    with TemporaryDirectory(dir=workdir) as folder:
        repeated, ids = _rows_of_repeated_ids(fmt, inputs, catalog, Path(folder))
        drops = _repeated_rows(Content(fmt, catalog), inputs, repeated, Path(folder))
    stay = sum(map(len, repeated)) - sum(drop.count for drop in drops)
    return Repeats([drop if drop.count else None for drop in drops], stay - ids)


def _rows_of_repeated_ids(
    fmt: Format, inputs: Sequence[Input], catalog: Catalog, folder: Path
) -> tuple["list[array[int]]", int]:
    """By file the rows whose id repeats, in order; and how many such ids there are."""
    reader = reader_of(fmt)
    spill = _Spill(folder, _KEYS)
    for number, entry in enumerate(inputs):
        first = 0
        for ids in reader.ids(entry, catalog):
            keys = pa.table([ids], schema=_KEYS)
            spill.add(keys, number, pa.array(range(first, first + len(keys)), pa.int64()))
            first += len(keys)
    repeated = [array("q") for _ in inputs]
    ids = 0
    for part in spill.parts():
        for group in _groups(part, order=_KEYS.names):
            ids += 1
            for file, row in group:
                repeated[file].append(row)
    return [array("q", sorted(rows)) for rows in repeated], ids


def _repeated_rows(
    content: "Content", inputs: Sequence[Input], repeated: "list[array[int]]", folder: Path
) -> list[Bitmap]:
    """Of the rows given, those that another one makes needless, by file."""
    spill = _Spill(folder, _RANKED)
    for number, (entry, of_file) in enumerate(zip(inputs, repeated, strict=True)):
        for rows, ranked in content.of(entry, of_file):
            spill.add(ranked, number, pa.array(rows, pa.int64()))
    drops = [Bitmap() for _ in inputs]
    for part in spill.parts():
        for _, *later in _groups(part, order=_RANKED.names):
            for file, row in later:
                drops[file].set(row)
    return drops


class _Spill:
    """Keys with their places, in parts by their hash: in memory while few, then on disk."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self._folder = Path(mkdtemp(dir=folder))
        self._schema = pa.schema([*schema, *_PLACE])
        self._held: list[pa.Table] = []
        self._rows = 0
        self._files = ExitStack()
        self._writers: list[pa.RecordBatchStreamWriter] = []

    def add(self, keys: pa.Table, file: int, rows: pa.Array) -> None:
        """Add rows of a file; those without a key are left out."""
        files = pa.repeat(pa.scalar(file, pa.int32()), len(keys))
        table = pa.table([*keys.columns, files, rows], schema=self._schema)
        self._held.append(table.filter(pc.is_valid(table.column("key"))))
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
                self._writers.append(
                    self._files.enter_context(pa.ipc.new_stream(stream, self._schema))
                )
        table = pa.concat_tables(self._held)
        self._held, self._rows = [], 0
        buckets = pa.array(
            [crc32(key.encode()) % BUCKETS for key in table.column("key").to_pylist()], pa.int8()
        )
        for part, writer in enumerate(self._writers):
            writer.write_table(table.filter(pc.equal(buckets, pa.scalar(part, pa.int8()))))

    def _path(self, part: int) -> Path:
        return self._folder / f"{part:02}.arrow"


def _groups(part: pa.Table, *, order: Sequence[str]) -> Iterator[list[tuple[int, int]]]:
    """The places (file, row) of rows with one key, of keys with several, in the order given."""
    indices = pc.sort_indices(part, sort_keys=[(name, "ascending") for name in order])
    keys = pc.take(part.column("key"), indices).combine_chunks()
    repeats = pc.indices_nonzero(pc.equal(keys.slice(1), keys.slice(0, max(len(keys) - 1, 0))))
    groups = list(_runs(repeats.to_pylist()))
    rows = part.take(indices.take(pa.array([at for group in groups for at in group], pa.int64())))
    places = list(zip(rows.column("file").to_pylist(), rows.column("row").to_pylist(), strict=True))
    start = 0
    for group in groups:
        yield places[start : start + len(group)]
        start += len(group)


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


class Content:
    """What rows hold, as digests that all formats share."""

    def __init__(self, fmt: Format, catalog: Catalog) -> None:
        self._reader = reader_of(fmt)
        self._catalog = catalog
        self._canon = Canon(catalog)
        self._event_time = catalog.event_time

    def of(self, entry: Input, rows: Sequence[int]) -> Iterator[tuple[Sequence[int], pa.Table]]:
        """Some rows of a file, row numbers ascending: a few at a time, with digests and times."""
        if not rows:
            return
        first = at = 0
        for some in self._reader.rows(entry, self._catalog):
            until = bisect_left(rows, first + len(some), at)
            if until > at:
                picked = [row - first for row in rows[at:until]]
                yield rows[at:until], self._ranked(some.canonical(self._canon, picked))
            first, at = first + len(some), until

    def _ranked(self, found: Iterable[Canonical]) -> pa.Table:
        columns = zip(
            *(
                (row.content, row.times[self._event_time], row.times[PROCESSED_TS], row.ignored)
                for row in found
            ),
            strict=True,
        )
        return pa.table(list(map(list, columns)), schema=_RANKED)
