"""From a scan of a table to the files, row groups and bytes that it reads, and then to its rows."""

import functools
import gzip
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from clickstream_lake.sandbox.athena.domains import Domains, domains, in_order
from clickstream_lake.sandbox.athena.hive_json import JsonReader
from clickstream_lake.sandbox.athena.parquet_scan import read_columns, read_footer
from clickstream_lake.sandbox.athena.prune import bare, is_settled, may_match
from clickstream_lake.sandbox.athena.rules import trino_476 as rules
from clickstream_lake.sandbox.athena.storage import in_parallel
from clickstream_lake.sandbox.athena.tables import (
    DEFAULT_PARTITION,
    HIDDEN,
    arrow_type,
    is_nested,
    trino_type,
)
from clickstream_lake.sandbox.athena.translate import Source, translate
from clickstream_lake.sandbox.athena.translate.answers import of_glue
from clickstream_lake.sandbox.athena.translate.runtime import unswallowed
from clickstream_lake.sandbox.athena.translate.types import BIGINT
from clickstream_lake.sandbox.errors import QueryError, bad_data

if TYPE_CHECKING:
    import pyarrow.parquet as pq

    from clickstream_lake.sandbox.athena.parquet_format import ByteRange
    from clickstream_lake.sandbox.athena.plan import Scan
    from clickstream_lake.sandbox.athena.storage import DataFile, TableStorage
    from clickstream_lake.sandbox.athena.tables import Column, GlueCatalog, Partition

_PLACE = "$place"  # no column has such a name


@dataclass(frozen=True)
class FileScan:
    """What a scan takes from one file.

    Attributes:
        values: those of the partition keys.
        bytes_scanned: what is counted for it at most.
        splits: the parts that are read on their own; empty for text.
        row_groups: those that nothing rules out; empty for text.
        row_group_count: how many the file has; 0 for text.
        requests: GETs that reading it takes at most.
    """

    file: "DataFile"
    values: tuple[str, ...]
    bytes_scanned: int
    splits: tuple[rules.SplitPlan, ...] = ()
    metadata: "pq.FileMetaData | None" = None
    row_group_count: int = 0
    requests: int = 1

    @property
    def row_groups(self) -> tuple[int, ...]:
        """Row groups that nothing rules out, in the order of the file."""
        return tuple(group.index for split in self.splits for group in split.groups)

    @property
    def is_lazy(self) -> bool:
        """Whether some of its reads may turn out not to be needed."""
        return any(any(split.reads) for split in self.splits)


@dataclass(frozen=True)
class ScanPlan:
    """All that one scan reads.

    Attributes:
        conditions: that the engine evaluates row by row, in its order.
    """

    scan: "Scan"
    partitions: int
    files: tuple[FileScan, ...]
    conditions: tuple[exp.Expr, ...] = ()

    @property
    def bytes_scanned(self) -> int:
        """Sum up what is counted at most."""
        return sum(file.bytes_scanned for file in self.files)

    @property
    def is_exact(self) -> bool:
        """Whether the engine cannot read less."""
        return not self.depends_on_rows and not self.scan.may_end_early

    @property
    def depends_on_rows(self) -> bool:
        """Whether the rows have a say in what is counted."""
        hands_on = self.scan.is_plain and not self.conditions
        return not hands_on and any(file.is_lazy for file in self.files)


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
        """Choose partitions, list their files, and choose row groups and pages."""
        if scan.table.rows is not None:
            return ScanPlan(scan, 0, ())
        keys = {key.name for key in scan.table.partition_keys}
        partitions = self._surviving(scan, list(self._catalog.partitions(scan.table)))
        types = {c.name: c.type for c in scan.table.columns if not is_nested(c.type)}
        left = [one for one in scan.predicates if {c.name for c in _columns(one)} - keys]
        conditions = tuple(in_order(left, types, self._constant))
        allowed = domains(left, types, self._constant)
        if allowed is None:  # the engine sees it before it lists a file
            return ScanPlan(scan, len(partitions), (), conditions)
        listings = in_parallel(lambda one: list(self._storage.list(one.location)), partitions)
        files = [
            (file, partition.values)
            for partition, listing in zip(partitions, listings, strict=True)
            for file in listing
        ]
        parts = rules.splits(
            [file.size for file, _ in files],
            [not file.key.endswith(".gz") for file, _ in files],
        )
        planned = self._text if scan.table.format == "json" else self._parquet
        found = tuple(planned(scan, files, parts, allowed))
        return ScanPlan(scan, len(partitions), found, conditions)

    def _surviving(self, scan: "Scan", partitions: "list[Partition]") -> "list[Partition]":
        keys = scan.table.partition_keys
        names = {key.name for key in keys}
        tests = [may_match(predicate, names) for predicate in scan.predicates]
        tests = [test for test in tests if test != exp.true()]
        if not tests or not partitions:
            return partitions
        known = {
            key.name: _key_values(key, [one.values[key.ordinal] for one in partitions])
            for key in keys
        }
        columns = [(key.name, of_glue(key.type)) for key in keys]
        source = Source([*columns, (_PLACE, BIGINT)], frozenset([*names, _PLACE]))
        kept = exp.select(exp.column(_PLACE, quoted=True)).from_("known AS k").where(*tests)
        self._connection.register("known", pa.table({**known, _PLACE: range(len(partitions))}))
        try:
            with unswallowed():
                found = self._connection.execute(translate(kept, {"known": source}).sql).fetchall()
        except (duckdb.Error, QueryError):  # the whole query will say it, or need not evaluate it
            return partitions
        finally:
            self._connection.unregister("known")
        return [partitions[place] for (place,) in sorted(found)]

    def _constant(self, node: exp.Expr) -> Any:  # noqa: ANN401 - of whatever type it has
        if not is_settled(node):
            raise ValueError(f"{node} is no constant")
        try:
            sql = translate(exp.select(node.copy()), {}).sql
            (row,) = self._connection.execute(sql).fetchall()
        except (duckdb.Error, QueryError) as error:
            raise ValueError(f"{node} is no constant") from error
        return row[0]

    def _text(
        self,
        _scan: "Scan",
        files: "Sequence[tuple[DataFile, tuple[str, ...]]]",
        parts: "Sequence[Sequence[ByteRange]]",
        _allowed: Domains,
    ) -> Iterable[FileScan]:
        for (file, values), mine in zip(files, parts, strict=True):
            compressed = file.key.endswith(".gz")
            size = rules.text_bytes(file.size, mine, compressed=compressed)
            yield FileScan(file, values, size, requests=len(mine))

    def _parquet(
        self,
        scan: "Scan",
        files: "Sequence[tuple[DataFile, tuple[str, ...]]]",
        parts: "Sequence[Sequence[ByteRange]]",
        allowed: Domains,
    ) -> Iterable[FileScan]:
        columns = [column.name for column in scan.columns]

        def one(work: "tuple[tuple[DataFile, tuple[str, ...]], Sequence[ByteRange]]") -> FileScan:
            (file, values), mine = work
            read = functools.partial(self._storage.read, file)
            footer = read_footer(file, read)
            stored = rules.StoredFile(file.size, len(footer.body), footer.row_groups, read)
            splits = tuple(rules.plan_split(stored, part, columns, allowed) for part in mine)
            return FileScan(
                file=file,
                values=values,
                bytes_scanned=sum(split.most for split in splits),
                splits=splits,
                metadata=footer.metadata,
                row_group_count=len(stored.groups),
                requests=sum(split.requests + sum(map(bool, split.reads)) for split in splits),
            )

        return in_parallel(one, zip(files, parts, strict=True))


def _columns(predicate: exp.Expr) -> Iterable[exp.Column]:
    return predicate.find_all(exp.Column)


def source_of(scan: "Scan") -> Source:
    """Say what a translated query sees of a table."""
    declared = (*scan.table.columns, *scan.table.partition_keys)
    columns = [(column.name, of_glue(column.type)) for column in declared]
    columns += [(name, of_glue(HIDDEN[name])) for name in scan.hidden]
    read = (one.name for one in (*scan.columns, *scan.keys))
    return Source(columns, frozenset([*read, *scan.hidden]))


def _key_values(key: "Column", texts: Sequence[str]) -> pa.Array:
    """Turn a partition key's values, as Glue has them, into those of its type.

    Raises:
        QueryError: one of them is none.
    """
    values = pa.array([None if one == DEFAULT_PARTITION else one for one in texts], pa.string())
    try:
        return values.cast(arrow_type(key.type))
    except pa.ArrowInvalid as error:
        raise QueryError(
            "HIVE_INVALID_PARTITION_VALUE",
            f"Invalid partition value for {trino_type(key.type)} partition key: {key.name}",
        ) from error


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


def count(plan: ScanPlan, connection: "duckdb.DuckDBPyConnection") -> int:
    """Count what the engine reads, now that the scan's rows are registered under its name."""
    if not plan.depends_on_rows:
        return plan.bytes_scanned
    passed = _passed(plan, connection)
    stages = [[column.name for column in _columns(one)] for one in plan.conditions] + [
        [column.name for column in plan.scan.output]
    ]
    total = at = 0
    for file in plan.files:
        for split in file.splits:
            known = []
            for group in split.groups:
                known.append(passed[at : at + group.rows])
                at += group.rows
            total += rules.counted(split, stages, known, at_once=False)
    return total


def _passed(
    plan: ScanPlan, connection: "duckdb.DuckDBPyConnection"
) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Say of each row how many conditions it passes before one fails."""
    rows = sum(group.rows for file in plan.files for s in file.splits for group in s.groups)
    every = np.full(rows, len(plan.conditions), dtype=np.int64)
    if not plan.conditions:
        return every
    test = exp.Case()
    for number, condition in enumerate(plan.conditions):
        fails = exp.not_(exp.func("COALESCE", bare(condition), exp.false()))
        test = test.when(fails, exp.Literal.number(number))
    test = test.else_(exp.Literal.number(len(plan.conditions)))
    passed = exp.alias_(exp.cast(test, "bigint"), "passed")
    select = exp.select(passed).from_(f"{plan.scan.name} AS s")
    try:
        sql = translate(select, {plan.scan.name: source_of(plan.scan)}).sql
        return connection.execute(sql).fetchnumpy()["passed"]
    except (duckdb.Error, QueryError):
        return every  # such as a subquery in a condition: what every row passes is read


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
    count = rows.num_rows
    for key in scan.keys:
        (held,) = _key_values(key, [file.values[key.ordinal]])
        rows = rows.append_column(key.name, pa.repeat(held, count))
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
