"""Which rows of a partition repeat the key of another row: the first event wins.

Of rows with one key, the earliest by the catalog's `event_time` stays, then the earliest
`processed_ts` (NULL last), then the smallest content. The answer depends on the rows alone, not on
how files hold them, so both formats keep the same rows. A NULL key repeats nothing.

Memory: keys go to disk in `BUCKETS` parts by their hash, and one part at a time is sorted, so it
is bounded by the largest part (a 64th of the rows, about 100 bytes each), one bit for each row,
and the rows whose key and both times repeat (about 200 bytes each).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final
from zlib import crc32

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_lake.compact.merge.dedupe_keys import Content, KeyReader, json_keys, parquet_keys
from clickstream_lake.compact.merge.merging import Bitmap, Input

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.layout import Format

BUCKETS: Final = 64
HELD_ROWS: Final = 524_288
"""Keys held before they go to disk; fewer never do."""

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
"""A file's number among the inputs, and a row's in it."""


def find_duplicates(
    fmt: "Format",
    inputs: Sequence[Input],
    *,
    catalog: "Catalog",
    workdir: Path,
) -> list[Bitmap | None]:
    """Find the rows to drop, over all files of a partition in one format.

    Args:
        fmt: format of the inputs.
        inputs: every current file of the partition, also those not to be merged. Each is opened
            once, and once more where rows agree in key and times.
        catalog: its `dedupe_on` names the key; None finds nothing.
        workdir: local directory for the keys; nothing is left in it.

    Returns:
        For each input the rows to drop, None where there are none.
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
    """Keys of consecutive rows with their places; rows without a key left out."""
    rows = pa.array(range(first, first + len(keys)), pa.int64())
    files = pa.repeat(pa.scalar(file, pa.int32()), len(keys))
    table = pa.table([*keys.columns, files, rows], schema=_SCHEMA)
    return table.filter(pc.is_valid(table.column("key")))


class _Spill:
    """Keys, in parts by their hash: in memory while they are few, then on disk."""

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


def _drop_tied_rows(tied: list[list[Place]], content: Content, drops: list[Bitmap]) -> None:
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
