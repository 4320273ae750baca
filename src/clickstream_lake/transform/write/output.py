"""What writes landing files: one output for each format."""

from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name
from typing import Protocol

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import OutputOptions
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.transform.rules.enrich import Enriched


class Output(Protocol):
    """One landing file while it is written."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def rows(self) -> int:
        """Rows in the finished file, as the file itself counts them where it does."""

    def add(self, done: Enriched) -> None:
        """Add events, as lines or as batches of the catalog's columns."""

    def finish(self) -> None:
        """Write what is buffered."""

    def close(self) -> None:
        """Close the file, finished or not; only the caller makes it visible."""


class Writer(Protocol):
    """Begins the landing files of one format."""

    def __call__(self, path: Path, catalog: Catalog, options: OutputOptions) -> Output:
        """Begin one."""


def writers() -> Mapping[Format, Writer]:
    """The writer of each format."""
    return {fmt: resolve_name(spec.writer) for fmt, spec in FORMATS.items()}
