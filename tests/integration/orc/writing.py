"""Write ORC files: landing files, and merged ones."""

from collections.abc import Sequence
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
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import OutputOptions
from clickstream_lake.transform.rules.enrich import Enriched
from tests.integration.orc.reading import OrcReader


class OrcOutput:
    """A file while it is written."""

    def __init__(self, path: Path, catalog: Catalog, options: OutputOptions) -> None:
        del options
        self.path = path
        self.rows = 0
        self._schema = catalog.arrow_schema()
        self._writer = orc.ORCWriter(str(path))
        self.write(self._schema.empty_table())  # or a file without rows had no columns

    def add(self, done: Enriched) -> None:
        """Add events."""
        if done.batches:
            self.write(pa.Table.from_batches(done.batches, self._schema))

    def write(self, rows: pa.Table) -> None:
        """Add rows."""
        self._writer.write(rows)
        self.rows += len(rows)

    def finish(self) -> None:
        """Write what is buffered."""

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def orc_merge(catalog: Catalog, output: OutputOptions, target_bytes: int) -> Merge:
    """Merge into one file, whatever its size."""
    del target_bytes

    def merge(inputs: Sequence[Input], out_dir: Path, *, stem: str) -> MergeResult:
        counters = MergeCounters(inputs=len(inputs))
        with OutFiles[OrcOutput](out_dir, stem, "orc") as files:
            for entry in inputs:
                with entry.open() as stream:
                    rows = _without(entry, _read(stream, entry, catalog, counters), counters)
                if len(rows):
                    files.open = files.open or OrcOutput(files.next_path(), catalog, output)
                    files.open.write(rows)
        counters.rows_out = sum(file.rows for file in files.done)
        return MergeResult(files.done, counters)

    return merge


def _read(stream: BinaryIO, entry: Input, catalog: Catalog, counters: MergeCounters) -> pa.Table:
    file = OrcReader().open(stream)
    conformer = Conformer(catalog, file.schema, entry.catalog)
    tables = [conformer.apply(table) for table in file.tables(None)]
    counters.rows_in += file.row_count
    counters.lifted += conformer.lifted
    counters.returned += conformer.returned
    return pa.concat_tables([catalog.arrow_schema().empty_table(), *tables])


def _without(entry: Input, rows: pa.Table, counters: MergeCounters) -> pa.Table:
    if entry.drop is None:
        return rows
    counters.duplicates += entry.drop.count
    return rows.filter(pa.array([row not in entry.drop for row in range(len(rows))]))
