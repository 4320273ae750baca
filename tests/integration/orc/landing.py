"""The ORC file of one source."""

from pathlib import Path

import pyarrow as pa
from pyarrow import orc

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import OutputOptions
from clickstream_lake.transform.rules.enrich import Enriched


class OrcOutput:
    """ORC with the catalog's columns."""

    def __init__(self, path: Path, catalog: Catalog, options: OutputOptions) -> None:
        del options
        self.path = path
        self._schema = catalog.arrow_schema()
        self._writer = orc.ORCWriter(str(path))
        self._writer.write(self._schema.empty_table())  # or a file without rows had no columns

    def add(self, done: Enriched) -> None:
        """Add events."""
        if done.batches:
            self._writer.write(pa.Table.from_batches(done.batches, self._schema))

    def finish(self) -> None:
        """Write what is buffered."""

    @property
    def rows(self) -> int:
        """Rows in the finished file, according to its own footer."""
        return int(orc.ORCFile(str(self.path)).nrows)

    def close(self) -> None:
        """Close the file, finished or not; only the caller makes it visible."""
        self._writer.close()
