"""Which partitions and files have the columns of today's catalog, and which lag behind it."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.aws.partitions import Declares, PartitionState
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.landing import LandingMetadata


@dataclass(frozen=True)
class Columns:
    """What partitions declare, and what files hold, beside what today's catalog says.

    Columns are compared and no hashes: a catalog with another comment is another one, but reads
    and writes alike.
    """

    lake: Lake
    catalog: Catalog

    def is_behind(self, found: Survey) -> bool:
        """Whether a partition, or a landing file of it that waits, has other columns than today's.

        A retry makes its files by the catalog of its first try, however late it comes.
        """
        fmt = found.slot.format
        if self.are_behind(fmt, found.state):
            return True
        # Most lakes have none that came later, and need not look.
        later = any(column.added for column in self.catalog.tables[fmt].columns)
        older = (self._is_older(fmt, file) for file in found.inputs)
        return later and self._are_deployed(fmt) and any(older)

    def are_behind(self, fmt: Format, state: PartitionState) -> bool:
        """Whether a partition declares other columns than today's, or is marked to have old files.

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

    def _is_older(self, fmt: Format, file: ObjectInfo) -> bool:
        """Whether a landing file was made by a catalog of other columns, as far as it says so."""
        at = file.key, file.last_modified
        if at not in self._older:
            head = self.lake.store.head(file.key)
            figures = LandingMetadata.from_s3(head.metadata) if head else None
            with suppress(CatalogError):
                self._older[at] = (
                    figures is not None
                    and self._catalogs.of(figures.recipe.catalog).tables[fmt].declared
                    != self.catalog.tables[fmt].declared
                )
        return self._older.get(at, False)

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

    @cached_property
    def _older(self) -> dict[tuple[str, datetime], bool]:
        return {}
