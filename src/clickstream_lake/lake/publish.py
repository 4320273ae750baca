"""Publish a landing file: put it, see where the partition reads, copy it there if needed.

The first attempt at a source wins. A landing file is put only where there is none, so two
invocations of one source agree on one `processed_ts`: the loser gets a `SupersededError`, looks the
winner's up and redoes its files with it. JSON is published before Parquet, which makes the JSON
landing file the one that decides.
"""

import gzip
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.errors import (
    ObjectChangedError,
    ObjectExistsError,
    PartitionMovedError,
    RawReplacedError,
    SupersededError,
)
from clickstream_lake.lake.lake import Generation, Lake
from clickstream_lake.lake.landing import CONTENT_TYPES, LandingFile, LandingMetadata, quoted
from clickstream_lake.lake.layout import FORMATS, Format, Slot, Source, uri

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
        """Publish one source in one format; "json" first, then "parquet".

        Repeating this, at any time and after any failure, changes nothing more.

        Raises:
            SupersededError: another attempt came first with another `processed_ts`: redo the
                files with that one, and publish both formats again.
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
            content_type=CONTENT_TYPES["json"],
        )
        table, partitions = self._lake.tables["rejects"], self._lake.partitions
        if partitions.get(table, source.partition) is None:
            location = uri(self._store.bucket, self._layout.reject_dir(source.partition))
            partitions.create(table, source.partition, location)

    def _publish(self, fmt: Format, source: Source, landing: LandingFile) -> PublishOutcome:
        slot = Slot(fmt, source.partition)
        merged = self._merged(fmt, source)
        if merged is not None:
            return self._compare(source, landing, merged)
        key, size = self._land(fmt, source, landing)
        # Read only after the landing file is in place: a run that announces a generation after this
        # read finds the landing file by itself.
        state = self._lake.registered(slot)
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
        return Published(Presence.MERGED, entry.raw_etag, entry.processed_ts, entry.rows)

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
                if _published(present).raw_etag == landing.metadata.raw_etag:
                    self._compare(source, landing, _published(present))
                    return present.key, present.size
                self._replace(fmt, source, landing, present)
            except (ObjectExistsError, ObjectChangedError):
                continue  # another invocation of the same source was faster: look again
        raise PartitionMovedError(f"{key!r} keeps changing: too many writers of one source")

    def _replace(
        self, fmt: Format, source: Source, landing: LandingFile, present: ObjectInfo
    ) -> None:
        """Replace a landing file whose raw object was replaced, under its present name."""
        self._check_raw(source, landing)
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
            content_type=CONTENT_TYPES[fmt],
            if_absent=if_match is None,
            if_match=if_match,
        )

    def _landed(self, fmt: Format, source: Source) -> ObjectInfo | None:
        for gzipped in (False, True) if fmt == "json" else (False,):
            found = self._store.head(self._layout.landing_key(fmt, source, gzip=gzipped))
            if found is not None:
                return found
        return None

    def _is_stale_in(self, generation: Generation, source: Source, landing: LandingFile) -> bool:
        entry = generation.manifest.sources.get(source.source_id)
        if entry is None or entry.raw_etag == landing.metadata.raw_etag:
            return False
        self._check_raw(source, landing)
        return True

    def _is_shown_by(self, generation: Generation, landing: LandingFile, key: str) -> bool:
        """Tell whether a generation shows this content, merged or as a loose copy."""
        if generation.names(key):
            return True
        loose = self._store.head(generation.directory + key.rsplit("/", 1)[-1])
        return loose is not None and _published(loose) == _of(landing.metadata)

    def _compare(self, source: Source, landing: LandingFile, present: Published) -> PublishOutcome:
        """Judge a source that is already there."""
        if present.raw_etag != landing.metadata.raw_etag:
            self._check_raw(source, landing)
            return PublishOutcome.STALE
        if present.processed_ts != landing.metadata.processed_ts:
            raise SupersededError(
                f"another attempt published {source.key!r} at {present.processed_ts}"
            )
        return PublishOutcome.ALREADY_MERGED

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
    return Published(Presence.LANDED, figures.raw_etag, figures.processed_ts, figures.rows)


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
