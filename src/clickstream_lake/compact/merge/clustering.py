"""Rows gathered for one row group and put in the order that the catalog clusters by."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc


class Buffer:
    """Rows waiting for a row group of so many rows or Arrow bytes, whichever comes first."""

    def __init__(
        self, row_group_rows: int, row_group_bytes: int, cluster_by: Sequence[str]
    ) -> None:
        """Start empty."""
        self._cluster_by = cluster_by
        self._row_group_rows = row_group_rows
        self._row_group_bytes = row_group_bytes
        self._tables: list[pa.Table] = []
        self.rows = 0
        self._bytes = 0

    def add(self, rows: pa.Table) -> None:
        """Take rows of any number, none included."""
        if len(rows):
            self._tables.append(rows)
            self.rows += len(rows)
            self._bytes += rows.nbytes

    @property
    def full(self) -> bool:
        """Whether it is time to drain."""
        return self.rows >= self._row_group_rows or self._bytes >= self._row_group_bytes

    def drain(self) -> pa.Table:
        """All rows, clustered; each column is let go of as soon as its sorted copy stands."""
        names = self._tables[0].column_names
        columns = {
            name: [chunk for table in self._tables for chunk in table.column(name).chunks]
            for name in names
        }
        self._tables, self.rows, self._bytes = [], 0, 0
        keys = {name: _combined(columns[name]) for name in self._cluster_by}
        order = _order(keys)
        del keys
        return pa.table({name: _combined(columns.pop(name)).take(order) for name in names})


def _combined(chunks: list[pa.Array]) -> pa.Array:
    """One array of all chunks; dictionaries are unified, mixed encodings become plain."""
    if len({chunk.type for chunk in chunks}) > 1:
        chunks = [
            chunk.dictionary_decode() if pa.types.is_dictionary(chunk.type) else chunk
            for chunk in chunks
        ]
    whole = pa.chunked_array(chunks)
    if pa.types.is_dictionary(whole.type):
        whole = whole.unify_dictionaries()
    return pa.concat_arrays(whole.chunks)


def _order(keys: dict[str, pa.Array]) -> pa.Array:
    """Row numbers in cluster order, NULLs last."""
    ranked = {
        name: _ranks(column) if pa.types.is_dictionary(column.type) else column
        for name, column in keys.items()
    }
    # NULLs come last by default; to say so for each key is understood by pyarrow 25 and newer only.
    return pc.sort_indices(pa.table(ranked), sort_keys=[(name, "ascending") for name in ranked])


def _ranks(column: pa.DictionaryArray) -> pa.Array:
    """Each row's place in the order of the dictionary's values: far cheaper to sort than text."""
    ranks = pc.rank(column.dictionary, tiebreaker="dense").cast(pa.int32())
    return ranks.take(column.indices)
