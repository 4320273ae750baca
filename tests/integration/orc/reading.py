"""Read ORC files."""

from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
from pyarrow import orc

from clickstream_lake.compact.merge.rows import TypedFile, TypedReader


class OrcReader(TypedReader):
    """Reads ORC files stripe by stripe."""

    def open(self, stream: BinaryIO) -> TypedFile:
        """Open a file."""
        file = orc.ORCFile(stream)

        def tables(columns: list[str] | None) -> Iterator[pa.Table]:
            for stripe in range(file.nstripes):
                yield pa.Table.from_batches([file.read_stripe(stripe, columns)])

        return TypedFile(file.schema, file.nrows, tables)
