"""Rows waiting to become row groups: whole hours where they fit, ordered as the catalog says.

Inputs come in the order of time, so the buffer holds the end of one hour and the beginning of the
next ones: complete hours leave it, and the newest stay until the rest of them has come. An hour
that comes late joins the group that is next. Memory is bounded by the buffer, whatever the inputs.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from clickstream_lake.lake.catalog import ClusterTerm

BUFFERED_GROUPS: Final = 3
"""Full row groups that the buffer holds: with fewer, hours of many rows are torn apart."""
BUFFERED_BYTES: Final = 1.5
"""The same in groups of the most bytes, which only wide rows reach."""
LEAST_SHARE: Final = 0.5
"""Share of a full row group from which on it may end with an hour.

A smaller one makes more groups: each has its own dictionaries, and its own place in the footer.
"""
_MILLIS: Final = {"hour": 3_600_000, "day": 86_400_000}
_NEVER: Final = 2**63 - 1  # the period of rows without a time: after all others


@dataclass(slots=True)
class _Rows:
    """Rows that came together; the first and last period that they are of."""

    table: pa.Table
    periods: pa.Array | None
    first: int
    last: int


class Buffer:
    """Takes rows, gives row groups in the catalog's order.

    Attributes:
        rows: that wait.
    """

    def __init__(
        self, cluster_by: Sequence[ClusterTerm], row_group_rows: int, row_group_bytes: int
    ) -> None:
        """Fill row groups of a number of rows or Arrow bytes, whichever comes first."""
        self._cluster_by = cluster_by
        self._row_group_rows = row_group_rows
        self._row_group_bytes = row_group_bytes
        self._waiting: list[_Rows] = []
        self._counts: Counter[int] = Counter()
        self._bytes = 0
        self.rows = 0

    def add(self, table: pa.Table) -> None:
        """Take any number of rows, even none."""
        if not len(table):
            return
        rows = _rows(table, self._cluster_by[0])
        self._waiting.append(rows)
        if rows.periods is None:
            self._counts[rows.first] += len(table)
        else:
            for entry in pc.value_counts(rows.periods).to_pylist():
                self._counts[entry["values"]] += entry["counts"]
        self.rows += len(table)
        self._bytes += table.nbytes

    @property
    def full(self) -> bool:
        """Whether it is time to take groups out."""
        return (
            self.rows >= BUFFERED_GROUPS * self._row_group_rows
            or self._bytes >= BUFFERED_BYTES * self._row_group_bytes
        )

    def groups(self, *, to_the_end: bool) -> Iterator[pa.Table]:
        """Take row groups out, the oldest rows first: all rows, or so many that half are left."""
        if not self.rows:
            return
        most = min(self._row_group_rows, self.rows * self._row_group_bytes // self._bytes) or 1
        for last, rows in self._plan(most, 0 if to_the_end else self.rows // 2):
            table = _sorted(self._take(last), self._cluster_by)
            for part in self._parts(table) if rows > most else [table]:
                pieces = -(-len(part) // most)
                for piece in range(pieces):
                    start, end = len(part) * piece // pieces, len(part) * (piece + 1) // pieces
                    yield part.slice(start, end - start)
            # Or they would still be there while the next ones are put in order.
            del table, part

    def _parts(self, table: pa.Table) -> list[pa.Table]:
        """The rows without those of the most frequent second value, and those.

        A query for one value then reads a smaller row group. If none is frequent enough for a row
        group of its own, all rows stay together.
        """
        if len(self._cluster_by) == 1:
            return [table]
        start, rows = _longest_run(table.column(self._cluster_by[1].column).combine_chunks())
        if rows < LEAST_SHARE * self._row_group_rows or rows == len(table):
            return [table]
        others = pa.concat_tables([table.slice(0, start), table.slice(start + rows)])
        return [others, table.slice(start, rows)]

    def _plan(self, most: int, keep: int) -> list[tuple[int, int]]:
        """The last period and the rows of each group, oldest first, that leave `keep` at most."""
        groups: list[tuple[int, int]] = []
        waiting, held = 0, self.rows
        for period in sorted(self._counts):
            if held <= keep:
                return groups
            waiting += self._counts[period]
            if waiting >= LEAST_SHARE * most:
                groups.append((period, waiting))
                held -= waiting
                waiting = 0
        if waiting and not keep:
            last, rows = max(self._counts), waiting
            if groups and groups[-1][1] + waiting <= most:
                rows += groups.pop()[1]
            groups.append((last, rows))
        return groups

    def _take(self, last: int) -> list[pa.Table]:
        """All rows up to a period, no longer in the buffer."""
        taken: list[pa.Table] = []
        left: list[_Rows] = []
        waiting, self._waiting = self._waiting[::-1], []
        while waiting:
            rows = waiting.pop()  # so that what is split is in memory once
            if rows.last <= last:
                taken.append(rows.table)
            elif rows.first > last or rows.periods is None:
                left.append(rows)
            else:
                older = pc.less_equal(rows.periods, last)
                taken.append(rows.table.filter(older))
                newer = pc.invert(older)
                rest = _rows(rows.table.filter(newer), self._cluster_by[0])
                left.append(rest)
        self._waiting = left
        self._counts = Counter({at: n for at, n in self._counts.items() if at > last})
        self.rows = sum(len(rows.table) for rows in left)
        self._bytes = sum(rows.table.nbytes for rows in left)
        return taken


def _rows(table: pa.Table, term: ClusterTerm) -> _Rows:
    """Rows with the periods of the first term, if that is an hour or a day, else with one."""
    if term.unit is None:
        return _Rows(table, None, 0, 0)
    times = table.column(term.column)
    extent = pc.min_max(times.cast(pa.int64())).as_py()
    size = _MILLIS[term.unit]
    if not times.null_count and extent["min"] // size == extent["max"] // size:
        return _Rows(table, None, extent["min"] // size, extent["min"] // size)
    periods = pc.fill_null(_periods(times, size), _NEVER)
    found = pc.min_max(periods).as_py()
    return _Rows(table, periods, found["min"], found["max"])


def _periods(times: pa.ChunkedArray, size: int) -> pa.ChunkedArray:
    """Numbers of whole hours or days since 1970, rounded down before it, too."""
    millis = times.cast(pa.int64())
    whole = pc.divide(millis, size)
    short = pc.less(millis, pc.multiply(whole, size))
    return pc.subtract(whole, short.cast(pa.int64()))


def _sorted(tables: list[pa.Table], cluster_by: Sequence[ClusterTerm]) -> pa.Table:
    """The rows of all tables in order; each column is freed as soon as its sorted copy exists."""
    names = tables[0].column_names
    columns = {
        name: [chunk for table in tables for chunk in table.column(name).chunks] for name in names
    }
    tables.clear()
    order = _order({name: _combined(columns[name]) for name in _named(cluster_by)}, cluster_by)
    return pa.table({name: _combined(columns.pop(name)).take(order) for name in names})


def _longest_run(column: pa.Array) -> tuple[int, int]:
    """Where the most rows of one value in a row are: the first of them, and how many they are."""
    values = column.indices if pa.types.is_dictionary(column.type) else column
    ends = pc.run_end_encode(values, run_end_type=pa.int64()).run_ends.to_pylist()
    rows, end = max((end - start, end) for start, end in pairwise([0, *ends]))
    return end - rows, rows


def _named(cluster_by: Sequence[ClusterTerm]) -> list[str]:
    return list(dict.fromkeys(term.column for term in cluster_by))


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


def _order(columns: dict[str, pa.Array], cluster_by: Sequence[ClusterTerm]) -> pa.Array:
    """Row numbers in cluster order, NULLs last."""
    keys = {}
    for number, term in enumerate(cluster_by):
        column = columns[term.column]
        if term.unit is not None:
            column = _periods(column, _MILLIS[term.unit])
        keys[str(number)] = _ranks(column) if pa.types.is_dictionary(column.type) else column
    # NULLs come last by default; only pyarrow 25 and newer lets each key say so.
    return pc.sort_indices(pa.table(keys), sort_keys=[(name, "ascending") for name in keys])


def _ranks(column: pa.DictionaryArray) -> pa.Array:
    """Each row's place in the order of the dictionary's values: far cheaper to sort than text."""
    ranks = pc.rank(column.dictionary, tiebreaker="dense").cast(pa.int32())
    return ranks.take(column.indices)


def by_frequency(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values with a dictionary of those that occur, frequent ones first.

    Small numbers for frequent values compress better: 13 to 17 % of a column of URLs. In between
    (the first, the next 2, the next 4, ...) the dictionary is in the order of its values, so that
    neighbours have beginnings in common: another 5 %.
    """
    counted = pc.value_counts(column.indices.drop_null())
    frequent = pc.array_sort_indices(counted.field("counts"), order="descending")
    codes = counted.field("values").take(frequent)
    values = column.dictionary.take(codes)
    octave = pc.floor(pc.log2(_numbers(1, len(codes), pa.float64())))
    order = pc.sort_indices(
        pa.table({"octave": octave, "value": values}),
        sort_keys=[("octave", "ascending"), ("value", "ascending")],
    )
    former = _numbers(0, len(column.dictionary), codes.type)
    places = pc.index_in(former, value_set=codes.take(order))
    return pa.DictionaryArray.from_arrays(places.take(column.indices), values.take(order))


def _numbers(first: int, count: int, kind: pa.DataType) -> pa.Array:
    """Consecutive numbers."""
    return pc.cumulative_sum(pa.repeat(pa.scalar(1, kind), count), start=first - 1)
