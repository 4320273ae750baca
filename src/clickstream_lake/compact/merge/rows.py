"""What de-duplication and the audit read of files, whatever their format."""

import io
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import BinaryIO, NamedTuple, Protocol

import pyarrow as pa

from clickstream_lake.compact.merge.canonical import Canon, Canonical, plain_rows
from clickstream_lake.compact.merge.conform import Conformer
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.formats import FORMATS, Format


class Rows(Protocol):
    """Some rows of a file, one after the other, in today's schema."""

    def __len__(self) -> int:
        """How many."""

    def canonical(self, canon: Canon, picked: Sequence[int]) -> Iterator[Canonical]:
        """Some of them, by their places among these rows."""


class Reader(Protocol):
    """Reads the files of one format."""

    def ids(self, entry: Input, catalog: Catalog) -> Iterator[pa.Array]:
        """The values of the column that `dedupe_on` names, as text, in the order of the rows."""

    def rows(self, entry: Input, catalog: Catalog) -> Iterator[Rows]:
        """The rows, some at a time."""

    def count(self, content: bytes) -> int:
        """How many rows a file has, by the file itself.

        Raises:
            OSError, EOFError, ValueError: it cannot be read.
        """


def reader_of(fmt: Format) -> Reader:
    """The reader of a format."""
    kind: Callable[[], Reader] = resolve_name(FORMATS[fmt].reader)
    return kind()


class TypedFile(NamedTuple):
    """A file with types, opened.

    Attributes:
        row_count: of all its rows.
        tables: reads its rows, some at a time; of all columns, or of those named.
    """

    schema: pa.Schema
    row_count: int
    tables: Callable[[list[str] | None], Iterable[pa.Table]]


class TypedReader(ABC):
    """Reads files with types; a format says how they are opened."""

    @abstractmethod
    def open(self, stream: BinaryIO) -> TypedFile:
        """Open a file, which the stream has all of."""

    def ids(self, entry: Input, catalog: Catalog) -> Iterator[pa.Array]:
        """The ids; where the column lacks, they are lifted out of `extra`."""
        name = str(catalog.dedupe_on)
        for table in self._conformed(entry, catalog, [name]):
            yield table.column(name).cast(pa.string())

    def rows(self, entry: Input, catalog: Catalog) -> Iterator[Rows]:
        """The rows, some at a time."""
        yield from map(_TableRows, self._conformed(entry, catalog, None))

    def count(self, content: bytes) -> int:
        """How many rows a file has."""
        return self.open(io.BytesIO(content)).row_count

    def _conformed(
        self, entry: Input, catalog: Catalog, names: list[str] | None
    ) -> Iterator[pa.Table]:
        """The rows in today's schema; only some columns if that is enough."""
        with entry.open() as stream:
            file = self.open(stream)
            conformer = Conformer(catalog, file.schema, entry.known_catalog)
            columns = names if names and conformer.is_aligned else None
            for table in file.tables(columns):
                yield table if columns else conformer.apply(table)


@dataclass(frozen=True, slots=True)
class _TableRows:
    table: pa.Table

    def __len__(self) -> int:
        return len(self.table)

    def canonical(self, canon: Canon, picked: Sequence[int]) -> Iterator[Canonical]:
        return map(canon.of_row, plain_rows(self.table.take(pa.array(picked, pa.int64()))))
