"""Merge ORC files, and read them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import orc

from clickstream_lake.compact.merge.conform import Conformer
from clickstream_lake.compact.merge.merging import (
    Input,
    Merge,
    MergeCounters,
    MergeResult,
    OutFiles,
)
from clickstream_lake.compact.merge.rows import TypedFile, TypedReader
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import OutputOptions


class OrcReader(TypedReader):
    """Reads ORC files stripe by stripe."""

    def open(self, stream: BinaryIO) -> TypedFile:
        """Open a file."""
        file = orc.ORCFile(stream)

        def tables(columns: list[str] | None) -> Iterator[pa.Table]:
            for stripe in range(file.nstripes):
                yield pa.Table.from_batches([file.read_stripe(stripe, columns)])

        return TypedFile(file.schema, file.nrows, tables)


def orc_merge(catalog: Catalog, output: OutputOptions, target_bytes: int) -> Merge:
    """Merge into one file, whatever its size."""
    del output, target_bytes

    def merge(inputs: Sequence[Input], out_dir: Path, *, stem: str) -> MergeResult:
        counters = MergeCounters(inputs=len(inputs))
        with OutFiles["_OutFile"](out_dir, stem, "orc") as files:
            for entry in inputs:
                for rows in _kept(entry, catalog, counters):
                    files.open = files.open or _OutFile(files.next_path())
                    files.open.write(rows)
        counters.rows_out = sum(file.rows for file in files.done)
        return MergeResult(files.done, counters)

    return merge


def _kept(entry: Input, catalog: Catalog, counters: MergeCounters) -> Iterator[pa.Table]:
    """The rows of a file in today's schema, without dropped ones."""
    with entry.open() as stream:
        file = OrcReader().open(stream)
        conformer = Conformer(catalog, file.schema, entry.catalog)
        first = 0
        for table in file.tables(None):
            drop = entry.drop or ()
            keep = [row not in drop for row in range(first, first + len(table))]
            first += len(table)
            counters.duplicates += keep.count(False)
            yield conformer.apply(table.filter(pa.array(keep)))
        counters.rows_in += first
        counters.lifted += conformer.lifted
        counters.returned += conformer.returned


class _OutFile:
    """A file while it is written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        self._writer = orc.ORCWriter(str(path))

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self._writer.write(rows)
        self.rows += len(rows)

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()
