"""The manifest of a generation: which sources are merged into it, and into which files.

It stands apart from the data files, which readers that are no SQL engines list without a look at
names. It is written once, before the generation is announced, and never changed, so it may be
cached for as long as the process lives.
"""

from collections import OrderedDict
from contextlib import suppress
from typing import Annotated, Final

import msgspec

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.errors import ManifestError, ManifestVersionError, ObjectMissingError
from clickstream_lake.lake.layout import MANIFEST_NAME, OLD_MANIFEST_NAME, Layout, Slot
from clickstream_lake.lake.recipe import UNKNOWN, UNKNOWN_CATALOG, Recipe
from clickstream_lake.lake.undeclared import Undeclared

MANIFEST_VERSION: Final = 2
"""The version that is written. Version 1 is read, too: it has counters instead of recipes."""
_COUNTERS: Final = 1
# A day of one-minute Firehose files is some 300 kB of manifest.
_CACHED_MANIFESTS: Final = 64

Count = Annotated[int, msgspec.Meta(ge=0)]
Name = Annotated[str, msgspec.Meta(min_length=1)]
Routed = dict[str, Count]
"""Family -> events."""


class MergedSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One raw object whose rows are in a generation's merged files.

    Attributes:
        raw_key: the raw object.
        raw_etag: its content when it was transformed, without quotes.
        rows: rows that it brought in, before de-duplication.
        processed_ts: what its rows carry; a late retry in the other format must use it too.
        lines: lines of the raw object: blank + rejected + rows + routed; in a family that events
            are routed to, its own.
        recipe: what its landing file was made by; a late retry has to use its catalog, too.
        routed: family -> events of the raw object that are of that one; left out where there are
            none, as older versions did of all.
    """

    raw_key: Name
    raw_etag: Name
    rows: Count
    processed_ts: Name
    lines: Count
    blank: Count
    rejected: Count
    recipe: Recipe = UNKNOWN
    routed: Routed = msgspec.field(default_factory=dict)


class MergedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One merged file of a generation, by its name in the generation's directory.

    Attributes:
        bytes: size as stored.
        catalog: SHA-256 of the one that it was written by; a file carried over keeps its own.
    """

    name: Name
    rows: Count
    bytes: Count
    catalog: str


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a generation consists of, loose copies aside.

    Attributes:
        catalog: SHA-256 of the one that the generation was built by.
        sources: by source id.
        dropped_duplicates: rows of `sources` left out as duplicates, here or in a generation
            that this one took over, so that sources' rows = files' rows + dropped rows.
        repeated_ids: rows of the partition that were not dropped though another has their id,
            because they hold something else; left out where there is none, as older versions did.
        undeclared: an account of the fields that no column takes, of the format that has them in
            one place; left out of the other's manifests, as older versions did of all.
        created_at: ISO 8601, UTC.
    """

    version: int = MANIFEST_VERSION
    format: str
    partition: str
    generation_id: Name
    catalog: str
    created_at: str
    sources: dict[str, MergedSource]
    files: tuple[MergedFile, ...]
    dropped_duplicates: Count = 0
    repeated_ids: Count | msgspec.UnsetType = msgspec.UNSET
    undeclared: Undeclared | msgspec.UnsetType = msgspec.UNSET

    def check(self) -> None:
        """Make sure that the manifest adds up.

        Raises:
            ManifestVersionError: it has another version.
            ManifestError: says what does not add up.
        """
        _check_version(self.version, self.generation_id)
        if len({file.name for file in self.files}) != len(self.files):
            raise ManifestError(f"manifest of {self.generation_id} names a file twice")
        for source in self.sources.values():
            routed = sum(source.routed.values())
            if source.lines != source.blank + source.rejected + source.rows + routed:
                raise ManifestError(f"the lines of {source.raw_key!r} do not add up")
        taken = sum(source.rows for source in self.sources.values())
        kept = sum(file.rows for file in self.files)
        if taken != kept + self.dropped_duplicates:
            raise ManifestError(
                f"manifest of {self.generation_id} does not add up: {taken} rows of sources, "
                f"{kept} in files, {self.dropped_duplicates} dropped as duplicates"
            )


def encode(manifest: Manifest) -> bytes:
    """The manifest as indented JSON: people read it too.

    Raises:
        ManifestError: it does not add up.
    """
    manifest.check()
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode(text: bytes) -> Manifest:
    """Read and check a manifest.

    Raises:
        ManifestVersionError: it has another version, whatever else that version may hold.
        ManifestError: it is not a manifest, or does not add up.
    """
    try:
        found = msgspec.json.decode(text, type=_AnyManifest)
        if found.version == _COUNTERS:
            manifest = msgspec.json.decode(text, type=_CountedManifest).named()
        else:
            _check_version(found.version, found.generation_id)
            manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise ManifestError(f"this is not a manifest: {error}") from error
    manifest.check()
    return manifest


class _CountedFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A merged file of version 1."""

    name: Name
    rows: Count
    bytes: Count
    schema_version: int


class _CountedManifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A manifest of version 1, whose catalogs had counters."""

    version: int
    format: str
    partition: str
    generation_id: Name
    schema_version: int
    created_at: str
    sources: dict[str, MergedSource]
    files: tuple[_CountedFile, ...]
    dropped_duplicates: Count = 0

    def named(self) -> Manifest:
        """The same as a manifest of today: what its files were made by is not known."""
        return Manifest(
            format=self.format,
            partition=self.partition,
            generation_id=self.generation_id,
            catalog=UNKNOWN_CATALOG,
            created_at=self.created_at,
            sources=self.sources,
            files=tuple(
                MergedFile(file.name, file.rows, file.bytes, UNKNOWN_CATALOG) for file in self.files
            ),
            dropped_duplicates=self.dropped_duplicates,
        )


class _AnyManifest(msgspec.Struct):
    """What a manifest of every version tells."""

    version: int
    generation_id: str = "a generation"


def _check_version(version: int, generation_id: str) -> None:
    if version != MANIFEST_VERSION:
        raise ManifestVersionError(
            f"manifest of {generation_id} has version {version}; this software "
            f"knows {MANIFEST_VERSION}: deploy the newer version everywhere"
        )


class Manifests:
    """Reads and writes manifests; reads each only once."""

    def __init__(self, store: ObjectStore, layout: Layout) -> None:
        """Keep the manifests of `store`, laid out by `layout`."""
        self._store = store
        self._layout = layout
        self._cache: OrderedDict[str, Manifest] = OrderedDict()

    def read(self, slot: Slot, generation_id: str) -> Manifest:
        """The manifest of a generation.

        Raises:
            ManifestError: it is missing, unreadable, or another generation's.
        """
        key = self._layout.manifest_key(slot, generation_id)
        manifest = self._cache.get(key)
        if manifest is None:
            manifest = self._load(slot, generation_id)
            named = (manifest.format, manifest.partition, manifest.generation_id)
            if named != (slot.format, slot.partition.path, generation_id):
                raise ManifestError(f"{key!r} belongs to {'/'.join(named)}")
            self._remember(key, manifest)
        self._cache.move_to_end(key)
        return manifest

    def names(self, slot: Slot) -> list[str]:
        """The ids of all generations that have a manifest, in order."""
        found = set()
        for base, file in (
            (self._layout.manifests_dir(slot), MANIFEST_NAME),
            (self._layout.generations_dir(slot), OLD_MANIFEST_NAME),
        ):
            for info in self._store.list(base):
                name, _, rest = info.key.removeprefix(base).partition("/")
                if rest == file:
                    found.add(name)
        return sorted(found)

    def write(self, slot: Slot, manifest: Manifest) -> None:
        """Write a new generation's manifest.

        Raises:
            ManifestError: it does not add up.
        """
        key = self._layout.manifest_key(slot, manifest.generation_id)
        self._store.put_bytes(key, encode(manifest), content_type="application/json")
        self._remember(key, manifest)

    def _load(self, slot: Slot, generation_id: str) -> Manifest:
        key = self._layout.manifest_key(slot, generation_id)
        # An older version's generation lives until it is replaced: the second look costs a call
        # once a process, and none where all generations are new.
        for place in (key, self._layout.old_manifest_key(slot, generation_id)):
            with suppress(ObjectMissingError):
                return decode(self._store.read(place))
        raise ManifestError(f"the manifest {key!r} is missing")

    def _remember(self, key: str, manifest: Manifest) -> None:
        self._cache[key] = manifest
        while len(self._cache) > _CACHED_MANIFESTS:
            self._cache.popitem(last=False)
