"""Publish a landing file: put it, see where the partition reads, copy it there if needed.

The first attempt at a source wins. A landing file is put only where there is none, so two
invocations of one source agree on one `processed_ts` and one catalog: the loser gets a
`SupersededError`, looks the winner's up and redoes its files with them. Formats are published in
the order of `FORMATS`, which makes the first one's landing file the one that decides. Where rules
or a list of people are newer than when it was made, all formats are replaced.
"""

import gzip
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.errors import (
    NewerRecipeError,
    ObjectChangedError,
    ObjectExistsError,
    PartitionMovedError,
    RawReplacedError,
    SupersededError,
)
from clickstream_lake.lake.formats import FORMATS, NDJSON, REJECTS, Format
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.landing import LandingFile, LandingMetadata, quoted
from clickstream_lake.lake.layout import Slot, Source, uri
from clickstream_lake.lake.recipe import UNKNOWN, Recipe

# Each restart means that somebody else moved the partition in between: a swap, a clean-up.
_STARTS: Final = 5


class PublishOutcome(StrEnum):
    """What publishing one source in one format came to."""

    PUBLISHED = "published"
    ALREADY_MERGED = "already_merged"
    # The tables show another content of this raw key; no writer may undo a merge.
    STALE = "stale"


class Presence(StrEnum):
    """Where a source is, in one format."""

    ABSENT = "absent"
    LANDED = "landed"
    MERGED = "merged"


@dataclass(frozen=True, slots=True)
class Published:
    """What is already there of a source in one format; None where it is not known."""

    presence: Presence
    raw_etag: str | None = None
    processed_ts: str | None = None
    rows: int | None = None
    recipe: Recipe = UNKNOWN
    routed: Mapping[str, int] = field(default_factory=dict)


class Publisher:
    """Makes each landing file visible once, whatever else happens in its partition."""

    def __init__(self, lake: Lake) -> None:
        """Publish into one lake."""
        self._lake = lake
        self._store = lake.store
        self._layout = lake.layout

    def lookup(self, source: Source) -> dict[Format, Published]:
        """Tell what already exists of a source, so that a redelivery can skip work.

        A landed source may still be invisible if its writer died: publish it anyway.
        """
        return {fmt: self._lookup(fmt, source) for fmt in FORMATS}

    def publish(self, fmt: Format, source: Source, landing: LandingFile) -> PublishOutcome:
        """Publish one source in one format, in the order of `FORMATS`.

        Repeating this, at any time and after any failure, changes nothing more.

        Raises:
            SupersededError: another attempt came first with another `processed_ts` or catalog:
                redo the files with those, and publish all formats again.
            NewerRecipeError: a newer version of this software did: leave the source to it.
            RawReplacedError: the raw object is no longer the one that was read: start over.
            LakeError: S3 or Glue failed, or the partition is damaged or kept moving; nothing is
                acknowledged, try again later.
        """
        for attempt in range(1, _STARTS + 1):
            try:
                return self._publish(fmt, source, landing)
            except PartitionMovedError:
                if attempt == _STARTS:
                    raise
        raise AssertionError("the loop returns or raises")

    def publish_rejects(self, source: Source, path: Path, *, rejected: int) -> None:
        """Put the reject rows of a source where the rejects table finds them.

        Without rejects nothing is written, unless an earlier content of the same raw object had
        some: those are then replaced by an empty file.
        """
        key = self._layout.reject_key(source)
        if rejected == 0 and self._store.head(key) is None:
            return
        self._store.put_file(
            key,
            path,
            metadata={"raw-key": quoted(source.key), "rows": str(rejected)},
            content_type=NDJSON,
        )
        table, partitions = self._lake.tables[REJECTS], self._lake.partitions
        if partitions.get(table, source.partition) is None:
            location = uri(self._store.bucket, self._layout.reject_dir(source.partition))
            partitions.create(table, source.partition, location)

    def _publish(self, fmt: Format, source: Source, landing: LandingFile) -> PublishOutcome:
        slot = Slot(fmt, source.partition)
        merged = self._merged(fmt, source)
        if merged is not None:
            self._compare(source, landing, merged)
            is_other = merged.raw_etag != landing.metadata.raw_etag
            return PublishOutcome.STALE if is_other else PublishOutcome.ALREADY_MERGED
        key, size = self._land(fmt, source, landing)
        # Read only after the landing file is in place: a run that announces a generation after this
        # read finds the landing file by itself.
        state = self._lake.registered(slot, landing.columns)
        outcome = PublishOutcome.PUBLISHED
        for generation in self._lake.in_use(slot, state):
            if self._is_stale_in(generation, source, landing):
                outcome = PublishOutcome.STALE
            elif not self._is_shown_by(generation, landing, key):
                name = key.rsplit("/", 1)[-1]
                self._lake.copy_loose(key, name, generation, size=size)
        return outcome

    def _merged(self, fmt: Format, source: Source) -> Published | None:
        slot = Slot(fmt, source.partition)
        state = self._lake.state(slot)
        current = self._lake.at(slot, state.location) if state else None
        entry = current.manifest.sources.get(source.source_id) if current else None
        if entry is None:
            return None
        return Published(
            Presence.MERGED,
            entry.raw_etag,
            entry.processed_ts,
            entry.rows,
            entry.recipe,
            entry.routed,
        )

    def _lookup(self, fmt: Format, source: Source) -> Published:
        merged = self._merged(fmt, source)
        if merged is not None:
            return merged
        landed = self._landed(fmt, source)
        return Published(Presence.ABSENT) if landed is None else _published(landed)

    def _land(self, fmt: Format, source: Source, landing: LandingFile) -> tuple[str, int]:
        """Put the landing file, or find it there; its key and size."""
        key = self._layout.landing_key(fmt, source, gzip=landing.gzip)
        for _ in range(_STARTS):
            # A changed compression setting must not land a source under a second name.
            present = self._landed(fmt, source)
            try:
                if present is None:
                    self._put(fmt, landing, key, landing.path)
                    return key, landing.path.stat().st_size
                if self._compare(source, landing, _published(present)):
                    return present.key, present.size
                self._replace(fmt, landing, present)
            except (ObjectExistsError, ObjectChangedError):
                continue  # another invocation of the same source was faster: look again
        raise PartitionMovedError(f"{key!r} keeps changing: too many writers of one source")

    def _replace(self, fmt: Format, landing: LandingFile, present: ObjectInfo) -> None:
        """Replace a landing file of older content or by an older recipe, under its present name."""
        with _recoded(landing, gzipped=present.key.endswith(".gz")) as path:
            self._put(fmt, landing, present.key, path, if_match=present.etag)

    def _put(
        self,
        fmt: Format,
        landing: LandingFile,
        key: str,
        path: Path,
        *,
        if_match: str | None = None,
    ) -> None:
        self._store.put_file(
            key,
            path,
            metadata=landing.metadata.to_s3(),
            content_type=FORMATS[fmt].content_type,
            if_absent=if_match is None,
            if_match=if_match,
        )

    def _landed(self, fmt: Format, source: Source) -> ObjectInfo | None:
        for key in self._layout.landing_keys(fmt, source):
            found = self._store.head(key)
            if found is not None:
                return found
        return None

    def _is_stale_in(self, generation: Generation, source: Source, landing: LandingFile) -> bool:
        entry = generation.manifest.sources.get(source.source_id)
        if entry is None:
            return False
        if entry.raw_etag != landing.metadata.raw_etag:
            self._check_raw(source, landing)
            return True
        return entry.recipe != landing.metadata.recipe

    def _is_shown_by(self, generation: Generation, landing: LandingFile, key: str) -> bool:
        """Tell whether a generation shows this content, merged or as a loose copy."""
        if generation.names(key):
            return True
        loose = self._store.head(generation.directory + key.rsplit("/", 1)[-1])
        return loose is not None and _published(loose) == _of(landing.metadata)

    def _compare(self, source: Source, landing: LandingFile, present: Published) -> bool:
        """Whether what is there of a source is what was to be published.

        If not, it is of older content, or by an older recipe.
        """
        own, recipe = landing.metadata, landing.metadata.recipe
        if present.raw_etag != own.raw_etag:
            self._check_raw(source, landing)
            return False
        made_by = (present.recipe.catalog, present.recipe.routes)
        by_another = present.recipe.is_known and made_by != (recipe.catalog, recipe.routes)
        if present.processed_ts != own.processed_ts or by_another:
            raise SupersededError(
                f"another attempt published {source.key!r} at {present.processed_ts}"
                + (f" by {present.recipe.words}" if by_another else "")
            )
        if present.recipe.is_newer_than(recipe):
            raise NewerRecipeError(
                f"{source.key!r} was published by newer rules, or a newer list, than this "
                "function has: deploy the newer version everywhere"
            )
        return present.recipe == recipe

    def _check_raw(self, source: Source, landing: LandingFile) -> None:
        """Make sure that the outdated content is not ours."""
        raw = self._store.head(source.key)
        if raw is None or raw.etag != landing.metadata.raw_etag:
            raise RawReplacedError(f"{source.key!r} was replaced while it was transformed")


def _published(landed: ObjectInfo) -> Published:
    return _of(LandingMetadata.from_s3(landed.metadata))


def _of(figures: LandingMetadata | None) -> Published:
    if figures is None:
        return Published(Presence.LANDED)
    return Published(
        Presence.LANDED,
        figures.raw_etag,
        figures.processed_ts,
        figures.rows,
        figures.recipe,
        figures.routed,
    )


@contextmanager
def _recoded(landing: LandingFile, *, gzipped: bool) -> Iterator[Path]:
    """The landing file with the compression that a name asks for."""
    if landing.gzip == gzipped:
        yield landing.path
        return
    with TemporaryDirectory(dir=landing.path.parent) as folder:
        path = Path(folder) / landing.path.name
        reader = gzip.open if landing.gzip else open
        writer = gzip.open if gzipped else open
        with reader(landing.path, "rb") as plain, writer(path, "wb") as recoded:
            shutil.copyfileobj(plain, recoded)
        yield path
