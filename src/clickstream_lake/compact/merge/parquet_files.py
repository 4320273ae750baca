"""Merged Parquet files while they are written, and how: codec, encodings, pages, statistics."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from clickstream_lake.compact.merge.merging import TARGET_BYTES, MergedFile
from clickstream_lake.lake.units import MIB

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog

PAGE_ROWS: Final = 20_000
"""Rows of one page: what the page index can skip, however well a column compresses."""
# pyarrow before 24, which the function's layer never has, ends pages by their bytes alone: files
# are as right, and queries skip less of columns that compress well.
_PAGES: Final = (
    {"max_rows_per_page": PAGE_ROWS}
    if "max_rows_per_page" in inspect.signature(pq.ParquetWriter.__init__).parameters
    else {}
)
DICTIONARY_SHARE: Final = 0.5
"""Distinct values per row, up to which a dictionary pays."""
SAMPLE_ROWS: Final = 131_072


@dataclass(frozen=True, slots=True)
class ParquetOptions:
    """How merged files are written.

    Attributes:
        target_bytes: stored size from which on a file is full.
        row_group_rows: rows of a full row group.
        row_group_bytes: Arrow bytes of its rows in memory, dictionary-encoded columns as such;
            the row group ends at whichever limit comes first.
        compression: `zstd` or `snappy`.
        level: zstd level. Level 1 is measured smaller (36.8 against 38.1 MB) and a quarter faster
            than 3 on events whose bulk is random ids.
    """

    target_bytes: int = TARGET_BYTES
    row_group_rows: int = 1_048_576
    row_group_bytes: int = 128 * MIB
    compression: str = "zstd"
    level: int | None = 1


class ParquetFiles:
    """The files being written: rolls at the target size, leaves nothing behind after an error."""

    def __init__(
        self, out_dir: Path, stem: str, catalog: "Catalog", options: ParquetOptions
    ) -> None:
        """Write to `out_dir/{stem}-NNNNN.parquet`."""
        self._cluster_by = catalog.cluster_by
        self._out_dir = out_dir
        self._stem = stem
        self._schema = catalog.arrow_schema()
        self._options = options
        self._open: _OpenFile | None = None
        self._paths: list[Path] = []
        self.done: list[MergedFile] = []

    def __enter__(self) -> Self:
        """Nothing is opened before the first row group."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End the last file, or remove all of them after an error."""
        try:
            if self._open is not None:
                self._finish(self._open)
        except BaseException:
            kind = kind or BaseException
            raise
        finally:
            if kind is not None:
                for path in self._paths:
                    path.unlink(missing_ok=True)

    def write_row_group(self, rows: pa.Table) -> None:
        """Write one row group, at least one row, in the catalog's columns."""
        if self._open is None:
            path = self._out_dir / f"{self._stem}-{len(self._paths):05}.parquet"
            self._paths.append(path)
            self._open = _OpenFile(
                path, _schema_of(rows, self._schema), rows, self._options, self._cluster_by
            )
        self._open.write(rows)
        if self._open.size >= self._options.target_bytes:
            self._finish(self._open)

    def _finish(self, file: "_OpenFile") -> None:
        self._open = None
        file.close()
        self.done.append(MergedFile(file.path, file.rows, file.path.stat().st_size))


class _OpenFile:
    """One file while its row groups are written; its first rows decide the encodings."""

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        sample: pa.Table,
        options: ParquetOptions,
        cluster_by: Sequence[str],
    ) -> None:
        self.path = path
        self.rows = 0
        self._schema = schema
        self._sink = pa.OSFile(str(path), "wb")
        try:
            self._writer = pq.ParquetWriter(
                self._sink,
                schema,
                compression=options.compression,
                compression_level=options.level if options.compression == "zstd" else None,
                use_dictionary=_worth_a_dictionary(sample),
                write_statistics=True,
                write_page_index=True,
                **_PAGES,
                sorting_columns=pq.SortingColumn.from_ordering(
                    schema, [(name, "ascending") for name in cluster_by]
                ),
                # Arrow's own schema would bring the dictionary types back on reading.
                store_schema=False,
            )
            self._writer.add_key_value_metadata(schema.metadata or {})
        except BaseException:
            self._sink.close()
            raise

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return int(self._sink.tell())

    def write(self, rows: pa.Table) -> None:
        """Write one row group."""
        columns = [
            _as(column, field.type) for column, field in zip(rows, self._schema, strict=True)
        ]
        self._writer.write_table(pa.table(columns, schema=self._schema), row_group_size=len(rows))
        self.rows += len(rows)

    def close(self) -> None:
        """Write the footer."""
        try:
            self._writer.close()
        finally:
            self._sink.close()


def _schema_of(rows: pa.Table, schema: pa.Schema) -> pa.Schema:
    """The catalog's schema, with dictionary types where these rows have them."""
    return pa.schema(
        [field.with_type(rows.schema.field(field.name).type) for field in schema],
        metadata=schema.metadata,
    )


def _as(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    """A later row group's column in the encoding that the first one set."""
    if column.type == wanted:
        return column
    if pa.types.is_dictionary(wanted):
        return column.dictionary_encode()
    return column.cast(wanted)


def _worth_a_dictionary(sample: pa.Table) -> list[str]:
    """Columns whose values repeat often enough; never ids that are all different."""
    head = sample.slice(0, SAMPLE_ROWS)
    return [
        name
        for name, column in zip(head.column_names, head.columns, strict=True)
        if pa.types.is_dictionary(column.type)
        or (
            not pa.types.is_boolean(column.type)
            and pc.count_distinct(column).as_py() <= DICTIONARY_SHARE * len(head)
        )
    ]
