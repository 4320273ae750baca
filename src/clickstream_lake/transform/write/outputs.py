"""The three files of one source, written locally and counted before anything is uploaded."""

from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from isal import igzip

from clickstream_lake.lake.catalog import PROCESSED_TS, Catalog, Column
from clickstream_lake.lake.config import OutputOptions
from clickstream_lake.lake.units import MIB
from clickstream_lake.transform.rules.enrich import RejectedLine
from clickstream_lake.transform.rules.native.library import count_lines

# Of ISA-L's 0 to 3: 60 MB of events give 9.30, 9.19 and 8.87 MB in 0.07, 0.07 and 0.19 s. The 6 of
# zlib makes 7.21 MB of them, in 0.71 s.
_GZIP_LEVEL: Final = 2
_ZSTD_LEVEL: Final = 1
_ROW_GROUP_BYTES: Final = 64 * MIB
_REJECTS_AT_ONCE: Final = 1_000
_TEXTS: Final = ("string", "json")
# Rows of a gathered batch: the encoder pays for each, and gathering copies it.
_BATCH_ROWS: Final = 2_048

# Less memory than with Arrow's default pool, which keeps what it was given (224 against 246 MB for
# 260,000 events), at the same speed.
pa.set_memory_pool(pa.system_memory_pool())

encode_row = msgspec.json.Encoder().encode


class Writable(Protocol):
    """What is needed of a text output."""

    def write(self, data: bytes | memoryview, /) -> int:
        """Add bytes."""

    def close(self) -> None:
        """Finish the stream."""


class JsonOutput:
    """NDJSON, plain or gzip. Counts the lines it was given."""

    def __init__(self, path: Path, options: OutputOptions) -> None:
        """Open the file."""
        self.path = path
        self.rows = 0
        # Blocks are larger than the default buffer, and so are written without a copy.
        self._below = path.open("wb")
        self._file: Writable = self._below
        if options.json_compression == "gzip":
            # No name and no time in the header: the same lines give the same bytes.
            self._file = igzip.IGzipFile(  # type: ignore[no-untyped-call]  # isal leaves it open
                filename="", mode="wb", compresslevel=_GZIP_LEVEL, fileobj=self._below, mtime=0
            )

    def write(self, lines: bytes | memoryview) -> None:
        """Add whole lines."""
        self._file.write(lines)
        self.rows += count_lines(lines)

    def __enter__(self) -> Self:
        """Nothing to do: the file is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, finished or not; only the caller makes it visible."""
        self._file.close()
        self._below.close()


class ParquetOutput:
    """Parquet with the catalog's columns, in row groups of `row_group_rows` rows.

    Holds at most one row group in memory, as Arrow data; a row group ends early where its rows are
    so large that they come to 64 MiB.
    """

    def __init__(self, path: Path, catalog: Catalog, options: OutputOptions) -> None:
        """Open the file."""
        self.path = path
        self.schema = catalog.arrow_schema()
        self._row_group_rows = options.row_group_rows
        self._batches: list[pa.RecordBatch] = []
        self._buffered = self._buffered_bytes = 0
        self._small: list[pa.RecordBatch] = []
        self._small_rows = 0
        level = options.parquet_level
        if level is None and options.parquet_compression == "zstd":
            level = _ZSTD_LEVEL
        self._writer = pq.ParquetWriter(
            path,
            self.schema,
            compression=options.parquet_compression,
            compression_level=level if options.parquet_compression == "zstd" else None,
            use_dictionary=[
                column.name for column in catalog.tables["parquet"].columns if _repeats(column)
            ],
            # Minima and maxima of texts that come in any order rule nothing out: a seventh less
            # time without. Compaction, which sorts, writes them all.
            write_statistics=[
                column.name
                for column in catalog.tables["parquet"].columns
                if _rules_out(column, catalog)
            ],
            # No page index: it would rule out as little, and is kept until the end, 170 KB for each
            # row group, when all else is constant.
            store_schema=False,
        )

    def write_batch(self, batch: pa.RecordBatch) -> None:
        """Add one batch of the schema."""
        self._small.append(batch)
        self._small_rows += batch.num_rows
        if self._small_rows >= _BATCH_ROWS:
            self._gather()
        if self._buffered >= self._row_group_rows or self._buffered_bytes >= _ROW_GROUP_BYTES:
            self._flush()

    def _gather(self) -> None:
        """Make one batch of many small ones."""
        if self._small:
            one = len(self._small) == 1
            batch = self._small[0] if one else pa.concat_batches(self._small)
            self._small.clear()
            self._small_rows = 0
            self._batches.append(batch)
            self._buffered += batch.num_rows
            self._buffered_bytes += batch.nbytes

    def _flush(self) -> None:
        self._gather()
        if self._batches:
            table = pa.Table.from_batches(self._batches, schema=self.schema)
            self._batches.clear()
            self._buffered = self._buffered_bytes = 0
            self._writer.write_table(table, row_group_size=table.num_rows)

    def finish(self) -> None:
        """Write what is buffered and the footer."""
        self._flush()
        self._writer.close()

    @property
    def rows(self) -> int:
        """Rows that the finished file has by its own footer."""
        return int(pq.read_metadata(self.path).num_rows)

    def __enter__(self) -> Self:
        """Nothing to do: the file is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the writer; only the caller makes the file visible."""
        self._writer.close()


class RejectOutput:
    """One NDJSON row per rejected text, without its payload."""

    def __init__(self, path: Path, *, raw_key: str, source_id: str, processed_ts_text: str) -> None:
        """Open the file."""
        self.path = path
        self.rows = 0
        self._raw_key = raw_key
        self._source_id = source_id
        self._processed_ts = processed_ts_text
        self._file = path.open("wb")

    def write(self, rejects: list[RejectedLine]) -> None:
        """Add rows."""
        for start in range(0, len(rejects), _REJECTS_AT_ONCE):
            some = rejects[start : start + _REJECTS_AT_ONCE]
            self._file.write(
                b"".join(self._row(r.line_number, r.byte_offset, r.reason) for r in some)
            )
        self.rows += len(rejects)

    def write_object(self, reason: str) -> None:
        """Add the one row of a raw object that is rejected whole."""
        self._file.write(self._row(0, 0, reason))
        self.rows += 1

    def _row(self, line_number: int, byte_offset: int, reason: str) -> bytes:
        return (
            encode_row(
                {
                    "raw_key": self._raw_key,
                    "source_id": self._source_id,
                    "line_number": line_number,
                    "byte_offset": byte_offset,
                    "reason": reason,
                    "processed_ts": self._processed_ts,
                }
            )
            + b"\n"
        )

    def __enter__(self) -> Self:
        """Nothing to do: the file is open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()


def _repeats(column: Column) -> bool:
    """Whether a dictionary pays: 8.80 against 9.25 MB for 260,000 events, and faster."""
    if column.type in _TEXTS:
        return column.dictionary
    return column.type == "bigint" or column.name == PROCESSED_TS


def _rules_out(column: Column, catalog: Catalog) -> bool:
    """Whether readers can skip row groups of events as they came by this column's statistics."""
    return column.type not in _TEXTS or column.name in catalog.cluster_by
