"""Which rows of a partition to drop as duplicates, where the catalog asks for it.

All files of the partition are looked at, those to be carried over too; see
`clickstream_lake.compact.merge.dedupe` for which row stays.
"""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import BinaryIO, cast

from clickstream_lake.compact.merge.dedupe import find_duplicates
from clickstream_lake.compact.merge.merging import Bitmap, Input
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.errors import PartitionMovedError
from clickstream_lake.lake.lake import Lake


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Rows to drop, by file name.

    Attributes:
        drops: only files that have some.
        etags: the versions of the files that were looked at; others cannot be dropped from.
    """

    drops: Mapping[str, Bitmap] = field(default_factory=dict)
    etags: Mapping[str, str] = field(default_factory=dict)

    def check(self, name: str, etag: str) -> None:
        """Make sure that a file still is the one that was looked at.

        Raises:
            PartitionMovedError: it was replaced meanwhile.
        """
        if self.etags.get(name, etag) != etag:
            raise PartitionMovedError(f"{name!r} was replaced while duplicates were looked for")


NO_DUPLICATES = Duplicates()


@dataclass(frozen=True, slots=True)
class DuplicateFinder:
    """Looks for duplicates; one file at a time is on disk."""

    lake: Lake
    catalog: Catalog
    workdir: Path | None = None

    def find(self, found: Survey) -> Duplicates:
        """Find the rows to drop over all files of a partition; none where it is turned off.

        Raises:
            PartitionMovedError: a file was replaced meanwhile.
        """
        if self.catalog.dedupe_on is None:
            return NO_DUPLICATES
        keys = {self.lake.name_of(found.slot, info.key): info.key for info in found.inputs}
        directory = found.current.directory if found.current else ""
        versions = {file.name: file.schema_version for file in found.merged}
        keys |= {name: directory + name for name in versions}
        names, etags = sorted(keys), dict[str, str]()
        inputs = [
            Input(self._opener(name, keys[name], etags), versions.get(name)) for name in names
        ]
        with TemporaryDirectory(dir=self.workdir) as folder:
            drops = find_duplicates(
                found.slot.format, inputs, catalog=self.catalog, workdir=Path(folder)
            )
        return Duplicates(
            {name: drop for name, drop in zip(names, drops, strict=True) if drop is not None},
            etags,
        )

    def _opener(self, name: str, key: str, etags: dict[str, str]) -> Callable[[], BinaryIO]:
        def fetch() -> BinaryIO:
            file = cast("BinaryIO", TemporaryFile(dir=self.workdir))  # noqa: SIM115 - the reader closes it
            with self.lake.store.open(key) as (info, stream):
                shutil.copyfileobj(stream, file)
            if etags.setdefault(name, info.etag) != info.etag:
                raise PartitionMovedError(f"{key!r} was replaced while duplicates were looked for")
            file.seek(0)
            return file

        return fetch
