"""From a scan of a table to the files, row groups and bytes that it reads, and then to its rows."""

import functools
import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
from sqlglot import exp

from clickstream_lake.sandbox.athena.dialect import to_duckdb
from clickstream_lake.sandbox.athena.hive_json import JsonReader
from clickstream_lake.sandbox.athena.parquet_scan import (
    chunk_ranges,
    joined,
    read_columns,
    read_footer,
)
from clickstream_lake.sandbox.athena.prune import (
    ROWS,
    Knowledge,
    maximum,
    may_match,
    minimum,
    null_rows,
)
from clickstream_lake.sandbox.athena.storage import in_parallel
from clickstream_lake.sandbox.athena.tables import DEFAULT_PARTITION, arrow_type, is_nested
from clickstream_lake.sandbox.errors import bad_data

if TYPE_CHECKING:
    import duckdb
    import pyarrow.parquet as pq

    from clickstream_lake.sandbox.athena.parquet_scan import Footer
    from clickstream_lake.sandbox.athena.plan import Scan
    from clickstream_lake.sandbox.athena.storage import DataFile, TableStorage
    from clickstream_lake.sandbox.athena.tables import Column, GlueCatalog, Partition


@dataclass(frozen=True)
class FileScan:
    """What a scan takes from one file.

    Attributes:
        values: those of the partition keys.
        row_groups: those that statistics cannot rule out; empty for text.
        row_group_count: how many the file has; 0 for text.
        bytes_scanned: what Athena counts for it.
        requests: GETs that reading it takes at least.
    """

    file: "DataFile"
    values: tuple[str, ...]
    bytes_scanned: int
    metadata: "pq.FileMetaData | None" = None
    row_groups: tuple[int, ...] = ()
    row_group_count: int = 0
    requests: int = 1


@dataclass(frozen=True)
class ScanPlan:
    """All that one scan reads."""

    scan: "Scan"
    partitions: int
    files: tuple[FileScan, ...]

    @property
    def bytes_scanned(self) -> int:
        """Sum up what Athena counts."""
        return sum(file.bytes_scanned for file in self.files)


class ScanPlanner:
    """Resolves scans against Glue and S3, for one query."""

    def __init__(
        self,
        catalog: "GlueCatalog",
        storage: "TableStorage",
        connection: "duckdb.DuckDBPyConnection",
    ) -> None:
        self._catalog = catalog
        self._storage = storage
        self._connection = connection

    def plan(self, scan: "Scan") -> ScanPlan:
        """Choose partitions, list their files, and choose row groups by the files' footers."""
        if scan.table.rows is not None:
            return ScanPlan(scan, 0, ())
        partitions = self._surviving(scan, list(self._catalog.partitions(scan.table)))
        listings = in_parallel(lambda one: list(self._storage.list(one.location)), partitions)
        files = [
            (file, partition.values)
            for partition, listing in zip(partitions, listings, strict=True)
            for file in listing
        ]
        if scan.table.format == "json":
            text = (FileScan(file, values, file.size) for file, values in files)
            return ScanPlan(scan, len(partitions), tuple(text))
        return ScanPlan(scan, len(partitions), tuple(self._parquet(scan, files)))

    def _surviving(self, scan: "Scan", partitions: "list[Partition]") -> "list[Partition]":
        keys = [key.name for key in scan.table.partition_keys]
        known = {
            name: [partition.values[index] for partition in partitions]
            for index, name in enumerate(keys)
        }
        keep = self._keep(scan.predicates, known, Knowledge(frozenset(keys), {}), len(partitions))
        return [partitions[index] for index in keep]

    def _parquet(
        self, scan: "Scan", files: "Sequence[tuple[DataFile, tuple[str, ...]]]"
    ) -> Iterable[FileScan]:
        footers = list(in_parallel(lambda one: self._footer(one[0]), files))
        groups = [
            (index, group)
            for index, footer in enumerate(footers)
            for group in range(footer.metadata.num_row_groups)
        ]
        keys = [key.name for key in scan.table.partition_keys]
        known: dict[str, list[object]] = {
            name: [files[index][1][position] for index, _ in groups]
            for position, name in enumerate(keys)
        }
        used = {column.name for one in scan.predicates for column in one.find_all(exp.Column)}
        bounded = {
            column.name: column
            for column in scan.table.columns
            if column.name in used and not is_nested(column.type)
        }
        known |= _statistics(bounded.values(), [footers[i].metadata for i, _ in groups], groups)
        knowledge = Knowledge(frozenset(keys), {name: c.type for name, c in bounded.items()})
        kept: dict[int, list[int]] = {}
        for position in self._keep(scan.predicates, known, knowledge, len(groups), bounded):
            index, group = groups[position]
            kept.setdefault(index, []).append(group)
        wanted = [column.name for column in scan.columns]
        for index, ((file, values), footer) in enumerate(zip(files, footers, strict=True)):
            chosen = tuple(kept.get(index, ()))
            chunks = chunk_ranges(footer.metadata, chosen, wanted)
            yield FileScan(
                file=file,
                values=values,
                bytes_scanned=footer.length + sum(end - start for start, end in chunks),
                metadata=footer.metadata,
                row_groups=chosen,
                row_group_count=footer.metadata.num_row_groups,
                requests=1 + len(joined(chunks)),
            )

    def _footer(self, file: "DataFile") -> "Footer":
        return read_footer(file, functools.partial(self._storage.read, file))

    def _keep(
        self,
        predicates: Sequence[exp.Expr],
        known: dict[str, list[str]] | dict[str, list[object]],
        knowledge: Knowledge,
        count: int,
        bounded: "dict[str, Column] | None" = None,
    ) -> list[int]:
        """Evaluate predicates over what is known, and give the places that survive."""
        tests = [may_match(predicate, knowledge) for predicate in predicates]
        tests = [test for test in tests if test != exp.true()]
        if not tests or not count:
            return list(range(count))
        types = _known_types(known, bounded or {})
        arrays = {name: pa.array(values, types[name]) for name, values in known.items()}
        table = pa.table({**arrays, "place": pa.array(range(count))})
        self._connection.register("known", table)
        sql = f"SELECT place FROM known WHERE {to_duckdb(exp.and_(*tests))} ORDER BY place"  # noqa: S608 - built from a parsed tree
        try:
            return [place for (place,) in self._connection.execute(sql).fetchall()]
        finally:
            self._connection.unregister("known")


def load(plan: ScanPlan, storage: "TableStorage") -> pa.Table:
    """Read all rows of a planned scan: its data columns, and its partition keys as text."""
    scan = plan.scan
    if scan.table.rows is not None:
        return scan.table.rows
    parts = [
        _with_keys(rows, scan, file)
        for file, rows in zip(plan.files, _file_rows(plan, storage), strict=True)
    ]
    return pa.concat_tables([_empty(scan), *parts], promote_options="permissive")


def _file_rows(plan: ScanPlan, storage: "TableStorage") -> Iterable[pa.Table]:
    columns = plan.scan.columns
    if plan.scan.table.format == "parquet":

        def parquet(one: FileScan) -> pa.Table:
            read = functools.partial(storage.read, one.file)
            return read_columns(one.file, one.metadata, one.row_groups, columns, read)

        return in_parallel(parquet, plan.files)
    reader = JsonReader(columns)
    bodies = in_parallel(lambda one: storage.read(one.file), plan.files)
    return (
        reader.read(_uncompressed(one.file, body), one.file.uri)
        for one, body in zip(plan.files, bodies, strict=True)
    )


def _uncompressed(file: "DataFile", body: bytes) -> bytes:
    """Choose the codec by the file's name, as Hive does."""
    if not file.key.endswith(".gz"):
        return body
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise bad_data(f"{file.uri} is not a valid gzip file: {error}") from error


def _with_keys(rows: pa.Table, scan: "Scan", file: FileScan) -> pa.Table:
    places = {key.name: key.ordinal for key in scan.table.partition_keys}
    count = rows.num_rows
    for key in scan.keys:
        value = file.values[places[key.name]]
        held = pa.scalar(None if value == DEFAULT_PARTITION else value, pa.string())
        rows = rows.append_column(key.name, pa.repeat(held, count).cast(arrow_type(key.type)))
    for name in scan.hidden:
        rows = rows.append_column(name, pa.repeat(_hidden_value(name, scan, file), count))
    if not rows.column_names:
        return pa.table({_NOTHING: pa.nulls(count, pa.bool_())})
    return rows


def _hidden_value(name: str, scan: "Scan", file: FileScan) -> pa.Scalar:
    values: dict[str, object] = {
        "$path": file.file.uri,
        "$file_size": file.file.size,
        "$file_modified_time": file.file.modified,
        "$partition": scan.table.partition_name(file.values),
    }
    return pa.scalar(values[name], _HIDDEN_TYPES[name])


_HIDDEN_TYPES = {
    "$path": pa.string(),
    "$file_size": pa.int64(),
    "$file_modified_time": pa.timestamp("us", "UTC"),
    "$partition": pa.string(),
}
_NOTHING = "no column"  # carries the number of rows where a query reads no column at all


def _empty(scan: "Scan") -> pa.Table:
    columns = [*scan.columns, *scan.keys]
    fields = [
        (column.name, pa.null() if is_nested(column.type) else arrow_type(column.type))
        for column in columns
    ]
    fields += [(name, _HIDDEN_TYPES[name]) for name in scan.hidden]
    return pa.schema(fields or [(_NOTHING, pa.bool_())]).empty_table()


def _statistics(
    columns: "Iterable[Column]",
    metadata: "Sequence[pq.FileMetaData]",
    groups: Sequence[tuple[int, int]],
) -> dict[str, list[object]]:
    """Lay out the row groups' statistics in columns, as `prune` names them."""
    known: dict[str, list[object]] = {ROWS: []}
    wanted = [column.name for column in columns]
    for name in wanted:
        known |= {minimum(name): [], maximum(name): [], null_rows(name): []}
    for file, (_, group) in zip(metadata, groups, strict=True):
        row_group = file.row_group(group)
        known[ROWS].append(row_group.num_rows)
        places = _places(row_group)
        for name in wanted:
            low, high, nulls = _bounds(row_group, places.get(name))
            known[minimum(name)].append(low)
            known[maximum(name)].append(high)
            known[null_rows(name)].append(nulls)
    return known


def _places(row_group: "pq.RowGroupMetaData") -> dict[str, int]:
    return {
        row_group.column(place).path_in_schema.lower(): place
        for place in range(row_group.num_columns)
    }


def _bounds(row_group: "pq.RowGroupMetaData", place: int | None) -> tuple[object, object, object]:
    if place is None:
        return None, None, row_group.num_rows  # the file lacks the column: all its rows are NULL
    statistics = row_group.column(place).statistics
    if statistics is None:
        return None, None, None
    nulls = statistics.null_count if statistics.has_null_count else None
    if not statistics.has_min_max:
        return None, None, nulls
    return statistics.min, statistics.max, nulls


def _known_types(known: Iterable[str], bounded: "dict[str, Column]") -> dict[str, pa.DataType]:
    types = dict.fromkeys(known, pa.string())
    if ROWS in types:
        types[ROWS] = pa.int64()
    for name, column in bounded.items():
        types[minimum(name)] = types[maximum(name)] = arrow_type(column.type)
        types[null_rows(name)] = pa.int64()
    return types
