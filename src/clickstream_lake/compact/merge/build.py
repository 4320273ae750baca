"""Build a new generation: merged files, files carried over, and finally the manifest.

Nobody reads the directory before it is announced, so a build that fails or dies half-way leaves
only files that the clean-up will find.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from clickstream_lake.compact.merge.dedupe import NO_DUPLICATES, Duplicates
from clickstream_lake.compact.merge.merging import Input, Merge, MergeCounters, MergeResult
from clickstream_lake.compact.plan import binpack
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.errors import ConservationError
from clickstream_lake.lake.formats import FORMATS, Format
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.landing import LandingMetadata
from clickstream_lake.lake.layout import source_id_of
from clickstream_lake.lake.manifest import Manifest, MergedFile, MergedSource
from clickstream_lake.lake.undeclared import Undeclared, total

# Small files cost latency: 16 at a time fill one connection pool, more only wait for it.
DOWNLOADS: Final = 16


@dataclass(frozen=True, slots=True)
class _Fetched:
    """One input on disk; `source` is None for a merged file of the previous generation."""

    file: binpack.File
    path: Path
    rows: int
    catalog: str
    source_id: str = ""
    source: MergedSource | None = None


@dataclass(slots=True)
class _Contents:
    """What the manifest will say, and what the merges counted."""

    sources: dict[str, MergedSource]
    files: list[MergedFile] = field(default_factory=list)
    counters: MergeCounters = field(default_factory=MergeCounters)
    undeclared: list[Undeclared] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Built:
    """A new generation that nobody reads yet, and what merging counted on the way."""

    generation: Generation
    counters: MergeCounters


@dataclass(frozen=True, slots=True)
class Builder:
    """Builds generations.

    Attributes:
        merges: the merge of each format.
        catalog: SHA-256 of the one that merged files are written by.
        accounts: whether an account of undeclared fields is kept.
        downloads: files fetched at a time; with 1, one after the other on the caller's thread.
        workdir: where inputs and outputs of one bin are while it is merged; None for the
            system's temporary directory.
    """

    lake: Lake
    merges: dict[Format, Merge]
    catalog: str
    accounts: bool = True
    downloads: int = DOWNLOADS
    workdir: Path | None = None

    def build(
        self,
        found: Survey,
        plan: binpack.Plan,
        duplicates: Duplicates = NO_DUPLICATES,
        *,
        generation_id: str,
        now: datetime,
        out_of_time: Callable[[], bool],
    ) -> Built | None:
        """Build the planned generation from what was found; None if nothing could be merged.

        When time runs out, the generation holds what is merged so far: the remaining merged files
        are carried over unchanged, and landing files stay landing files.

        Raises:
            ConservationError: rows in and rows out do not add up. The generation is abandoned.
            ObjectMissingError: an input was cleaned up in between.
        """
        directory = self.lake.layout.generation_dir(found.slot, generation_id)
        before = found.current.manifest if found.current else None
        contents = _Contents(sources=dict(before.sources) if before else {})
        left: list[binpack.File] = list(plan.carried)
        for number, group in enumerate(plan.bins):
            if contents.counters.inputs and out_of_time():
                left += [file for file in group if file.merged]
            else:
                stem = f"merged-{generation_id}-{number:03d}"
                self._merge_bin(found, group, duplicates, directory + stem, contents)
        if not contents.counters.inputs:
            return None
        self._carry(found, left, directory, contents)
        manifest = Manifest(
            format=found.slot.format,
            partition=found.slot.partition.path,
            generation_id=generation_id,
            catalog=self.catalog,
            created_at=now.isoformat(),
            sources=contents.sources,
            files=tuple(contents.files),
            dropped_duplicates=contents.counters.duplicates
            + (before.dropped_duplicates if before else 0),
            repeated_ids=duplicates.repeated_ids or msgspec.UNSET,
            undeclared=_undeclared(before, contents.undeclared, now),
        )
        self.lake.manifests.write(found.slot, manifest)
        return Built(Generation(generation_id, directory, manifest), contents.counters)

    def _merge_bin(
        self,
        found: Survey,
        group: Sequence[binpack.File],
        duplicates: Duplicates,
        prefix: str,
        contents: _Contents,
    ) -> None:
        """Merge one bin: download its files, upload the merged ones, free the disk."""
        directory, _, stem = prefix.rpartition("/")
        with TemporaryDirectory(dir=self.workdir) as folder:
            fetched = self._fetch_all(found, group, duplicates, Path(folder))
            if not fetched:
                return
            out = Path(folder) / "out"
            out.mkdir()
            inputs = [
                Input(
                    entry.path,
                    entry.catalog,
                    duplicates.drops.get(entry.file.name),
                    fresh=self.accounts and entry.source is not None,
                )
                for entry in fetched
            ]
            result = self.merges[found.slot.format](inputs, out, stem=stem)
            _check_rows(stem, sum(entry.rows for entry in fetched), result)
            for file in result.files:
                self.lake.store.put_file(
                    f"{directory}/{file.path.name}",
                    file.path,
                    metadata={"rows": str(file.rows)},
                    content_type=FORMATS[found.slot.format].content_type,
                )
                contents.files.append(
                    MergedFile(file.path.name, file.rows, file.bytes, self.catalog)
                )
        contents.counters.add(result.counters)
        if self.accounts and result.undeclared is not None:
            contents.undeclared.append(result.undeclared)
        contents.sources.update(
            {entry.source_id: entry.source for entry in fetched if entry.source is not None}
        )

    def _fetch_all(
        self,
        found: Survey,
        group: Sequence[binpack.File],
        duplicates: Duplicates,
        folder: Path,
    ) -> list[_Fetched]:
        landing = {self.lake.name_of(found.slot, info.key): info for info in found.inputs}
        merged = {file.name: file for file in found.merged}
        directory = found.current.directory if found.current else ""

        def fetch(numbered: tuple[int, binpack.File]) -> _Fetched | None:
            number, file = numbered
            path = folder / f"{number:06d}-{file.name[-40:]}"
            key = directory + file.name if file.merged else landing[file.name].key
            info = self.lake.store.download(key, path)
            duplicates.check(file.name, info.etag)
            if file.merged:
                entry = merged[file.name]
                return _Fetched(file, path, entry.rows, entry.catalog)
            return _read_landing(file, path, info)

        if self.downloads == 1:
            fetched = [fetch(numbered) for numbered in enumerate(group)]
        else:
            with ThreadPoolExecutor(self.downloads) as pool:
                fetched = list(pool.map(fetch, enumerate(group)))
        return [entry for entry in fetched if entry is not None]

    def _carry(
        self,
        found: Survey,
        files: Sequence[binpack.File],
        directory: str,
        contents: _Contents,
    ) -> None:
        entries = {file.name: file for file in found.merged}
        before = found.current.directory if found.current else ""
        for file in files:
            self.lake.store.copy(before + file.name, directory + file.name, size=file.size)
            contents.files.append(entries[file.name])


def _read_landing(file: binpack.File, path: Path, info: ObjectInfo) -> _Fetched | None:
    """A landing file with its source; None for one without the transform's figures.

    The figures came with exactly the content that is merged: if the landing file is replaced in
    between, both are old or both are new.
    """
    figures = LandingMetadata.from_s3(info.metadata)
    if figures is None:
        return None  # foreign: it stays a loose copy
    source = msgspec.convert(figures, MergedSource, from_attributes=True)
    written_by = figures.recipe.catalog
    return _Fetched(file, path, source.rows, written_by, str(source_id_of(info.key)), source)


def _undeclared(
    before: Manifest | None, merged: Sequence[Undeclared], now: datetime
) -> Undeclared | msgspec.UnsetType:
    """The account of all rows that were ever merged; unset where the format keeps none.

    A row is counted when it is merged for the first time, so an older manifest's rows, whose
    account was never made, are not in it.
    """
    parts = [part.seen(now) for part in merged]
    if before is not None and before.undeclared is not msgspec.UNSET:
        parts.append(before.undeclared)
    return total(parts) if parts else msgspec.UNSET


def _check_rows(stem: str, expected: int, result: MergeResult) -> None:
    counters, written = result.counters, sum(file.rows for file in result.files)
    if expected != counters.rows_in or counters.rows_in != written + counters.duplicates:
        raise ConservationError(
            f"{stem}: the inputs have {expected} rows, {counters.rows_in} were read, "
            f"{written} written and {counters.duplicates} dropped as duplicates: "
            "this generation is abandoned"
        )
