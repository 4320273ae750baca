"""Which partitions and files have the columns of today's catalog, and which lag behind it."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from clickstream_lake.lake.aws.partitions import Declares, PartitionState
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake


@dataclass(frozen=True)
class Columns:
    """What partitions declare, and what files hold, beside what today's catalog says.

    Columns are compared and no hashes: a catalog with another comment is another one, but reads
    and writes alike.
    """

    lake: Lake
    catalog: Catalog

    def are_behind(self, fmt: Format, state: PartitionState) -> bool:
        """Whether a partition declares other columns than today's, or has files that lack some.

        Nothing is behind while a deployment is under way: not before the table has the catalog's
        columns, too.
        """
        wanted = self.catalog.tables[fmt].declared
        if state.columns == wanted and not state.has_outdated_files:
            return False
        return self._are_deployed(fmt)

    def fit(self, catalog: str) -> bool:
        """Whether files by the catalog of that SHA-256 are like those of today's."""
        if catalog not in self._fitting:
            self._fitting[catalog] = self._fit(catalog)
        return self._fitting[catalog]

    def to_declare(self, fmt: Format, state: PartitionState, *, complete: bool) -> Declares:
        """What a partition has to declare once it moves.

        Args:
            fmt: its format.
            state: the partition as it was.
            complete: whether it is not behind, or all of its files will have today's columns.
        """
        if not self._are_deployed(fmt):
            return Declares.ITS_OWN
        if complete:
            return Declares.TABLES
        # A file with types that lacks a column reads as NULL. A line of before may hold
        # something under its name that no reader takes for a value of its type.
        wanted = self.catalog.tables[fmt].declared
        adds_only = wanted[: len(state.columns)] == state.columns
        if FORMATS[fmt].typed and adds_only:
            return Declares.TABLES_OVER_OUTDATED
        return Declares.ITS_OWN

    def _are_deployed(self, fmt: Format) -> bool:
        wanted = self.catalog.tables[fmt].declared
        return self.lake.partitions.declared(self.lake.tables[fmt]) == wanted

    def _fit(self, catalog: str) -> bool:
        own = self.catalog
        if catalog == own.sha256:
            return True
        # Without a copy, or of a file that does not say its catalog, nobody knows.
        with suppress(CatalogError):
            return bool(catalog) and self._catalogs.of(catalog).shape == own.shape
        return False

    @cached_property
    def _catalogs(self) -> Catalogs:
        return Catalogs(self.lake.store, self.lake.layout, self.catalog)

    @cached_property
    def _fitting(self) -> dict[str, bool]:
        return {}
