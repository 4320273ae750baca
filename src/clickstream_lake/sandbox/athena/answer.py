"""What a statement answers with, whichever engine carried it out."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa


@dataclass(frozen=True)
class QueryResult:
    """The answer to a statement.

    Attributes:
        columns: output names, lower case, `_colN` where the statement gives none.
        types: their types, as Athena's `ColumnInfo.Type` spells them.
        table: the rows, as Arrow holds them; its own column names mean nothing.
        bytes_scanned: `DataScannedInBytes`.
        billed_bytes: rounded up as Athena charges them; 0 for statements that are free.
        engine_ms: time spent, in milliseconds.
        written: URIs of the files that the statement made; None if it is none that makes files.
        update_count: rows that it wrote or changed.
    """

    columns: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    table: pa.Table = field(default_factory=lambda: pa.table({}))
    bytes_scanned: int = 0
    billed_bytes: int = 0
    engine_ms: int = 0
    written: tuple[str, ...] | None = None
    update_count: int = 0

    @cached_property
    def rows(self) -> list[tuple[Any, ...]]:
        """The rows as Python values; a timestamp with time zone is an aware datetime."""
        columns = [column.to_pylist() for column in self.table.columns]
        return list(zip(*columns, strict=True))
