"""Where everything is: raw key -> partition, source id, landing and generation keys.

Pure functions of their arguments. The same raw key always gives the same names, so a retry writes
what the first attempt wrote.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from typing import Annotated, Final
from urllib.parse import urlsplit

from msgspec import Meta
from msgspec.structs import replace

from clickstream_lake.lake.errors import ConfigError, LayoutError
from clickstream_lake.lake.formats import FORMATS, REJECTS, Format
from clickstream_lake.lake.settings import Settings

MANIFEST_NAME: Final = "manifest.json"
OLD_MANIFEST_NAME: Final = "_manifest.json"
"""What a manifest was called while it stood among its generation's data files."""

_COMPACTED: Final = "compacted"
# Beside the formats: a catalog is of both.
_CATALOGS: Final = "catalogs"
_OVERLAY: Final = "overlay"
_ROUTES: Final = "routes-"
# Athena, Trino and Hive skip names that start with an underscore, and so does everything here.
# Spark does not skip those that have an equals sign, too.
_LANDING_GUARD: Final = "_=READ-BY-GLUE-PARTITIONS"
_HASH_LENGTH: Final = 12
# An S3 key holds 1,024 bytes; people recognise the stem, and the hash makes it unique.
_STEM_LENGTH: Final = 160
_SOURCE_ID: Final = re.compile(rf"^[A-Za-z0-9][A-Za-z0-9._-]*-[0-9a-f]{{{_HASH_LENGTH}}}$")


@dataclass(frozen=True, slots=True, order=True)
class Partition:
    """The `key=value` path segments that a raw key carries, in order.

    Attributes:
        keys: pairs such as `(("year", "2025"), ("month", "11"), ("day", "26"))`.
    """

    keys: tuple[tuple[str, str], ...]

    @classmethod
    def parse(cls, path: str) -> "Partition":
        """Read `year=2025/month=11/day=26`.

        Raises:
            LayoutError: a segment is not `key=value`.
        """
        segments = path.strip("/").split("/")
        partition = cls.among(segments)
        if len(partition.keys) != len(segments):
            raise LayoutError(f"{path!r} has a segment that is not key=value")
        return partition

    @classmethod
    def among(cls, segments: Iterable[str]) -> "Partition":
        """The `key=value` segments of a longer path."""
        pairs = (segment.partition("=") for segment in segments)
        return cls(tuple((name, value) for name, _, value in pairs if name and value))

    @property
    def path(self) -> str:
        """The partition as a path without outer slashes: `year=2025/month=11/day=26`."""
        return "/".join(f"{name}={value}" for name, value in self.keys)

    @property
    def names(self) -> tuple[str, ...]:
        """The partition keys: `("year", "month", "day")`."""
        return tuple(name for name, _ in self.keys)

    @property
    def values(self) -> list[str]:
        """The partition values, as Glue needs them: `["2025", "11", "26"]`."""
        return [value for _, value in self.keys]

    @property
    def date(self) -> date | None:
        """The partition's day; None if year, month and day cannot be read."""
        values = dict(self.keys)
        try:
            return date(int(values["year"]), int(values["month"]), int(values["day"]))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """One partition of one format: it is published, compacted and cleaned up by itself."""

    format: Format
    partition: Partition

    @property
    def path(self) -> str:
        """The slot as a path without outer slashes: `json/year=2025/month=11/day=26`."""
        return f"{self.format}/{self.partition.path}"


@dataclass(frozen=True, slots=True)
class Source:
    """A raw object and its stable name.

    Attributes:
        key: the raw key as S3 has it (not URL-encoded).
        source_id: file stem plus a short hash of the whole key.
        partition: inherited from the key, never recomputed.
    """

    key: str
    source_id: str
    partition: Partition


def _prefix(description: str) -> Meta:
    pattern = r"^(?:[A-Za-z0-9!_.*'()-]+/)+$"
    return Meta(pattern=pattern, examples=["web/raw/"], description=description)


class Layout(Settings, frozen=True):
    """The lake's prefixes and partition keys, and every name that follows from them.

    The default partition keys are those of the packaged catalog.
    """

    raw_prefix: Annotated[str, _prefix("where Firehose lands raw objects")] = "raw/"
    processed_prefix: Annotated[str, _prefix("where both tables are")] = "processed/"
    rejected_prefix: Annotated[str, _prefix("where the rejects are")] = "rejected/"
    manifests_prefix: Annotated[
        str, _prefix("where generations' manifests are, apart from everything that queries read")
    ] = "manifests/"
    errors_prefix: Annotated[
        str, _prefix("where Firehose puts what it cannot deliver to the raw prefix")
    ] = "errors/"
    partition_keys: Annotated[
        tuple[Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")], ...],
        Meta(
            examples=["year,month,day"],
            description="the keys that raw keys carry, in order; by default the catalog's",
        ),
    ] = ("year", "month", "day")

    def __post_init__(self) -> None:
        """Keep manifests apart from what queries read, and what is no event from the raw prefix.

        Raises:
            ConfigError: one prefix lies within the other.
        """
        apart = {
            "LAKE_MANIFESTS_PREFIX": (
                self.manifests_prefix,
                (self.raw_prefix, self.processed_prefix, self.rejected_prefix),
            ),
            "LAKE_ERRORS_PREFIX": (self.errors_prefix, (self.raw_prefix,)),
        }
        for name, (own, others) in apart.items():
            for other in others:
                if own.startswith(other) or other.startswith(own):
                    raise ConfigError(
                        f"{name} {own!r} and the prefix {other!r} may not lie within each other"
                    )

    def source(self, raw_key: str) -> Source:
        """Name the source of a raw key.

        Raises:
            LayoutError: the key is outside the raw prefix, does not end in `.gz`, or does not
                carry exactly this lake's partition keys in order.
        """
        if not raw_key.startswith(self.raw_prefix) or not raw_key.endswith(".gz"):
            raise LayoutError(f"{raw_key!r} is not a .gz object under {self.raw_prefix!r}")
        partition = Partition.among(raw_key.removeprefix(self.raw_prefix).split("/")[:-1])
        if partition.names != self.partition_keys:
            expected = "/".join(f"{name}=…" for name in self.partition_keys)
            raise LayoutError(
                f"{raw_key!r} carries the partition {partition.path!r}, but this lake's keys are "
                f"{expected}: check the Firehose prefix against LAKE_PARTITION_KEYS"
            )
        return Source(raw_key, source_id(raw_key), partition)

    def family(self, prefix: str) -> "Layout":
        """That of another family of the same raw objects, whose files have this prefix."""
        own = Layout()
        return replace(
            self,
            processed_prefix=f"{prefix}{own.processed_prefix}",
            rejected_prefix=f"{prefix}{own.rejected_prefix}",
            manifests_prefix=f"{prefix}{own.manifests_prefix}",
        )

    def raw_before(self, day: date) -> str:
        """A key before those of all raw objects of a day and later, as Firehose writes them.

        Where the partition keys begin otherwise than with year, month and day, it is before those
        of all days.
        """
        if self.partition_keys[:3] != ("year", "month", "day"):
            return self.raw_prefix
        return f"{self.raw_prefix}{day:year=%Y/month=%m/day=%d}"

    def table_dir(self, table: str) -> str:
        """The directory of a whole table, with a trailing slash."""
        return self.rejected_prefix if table == REJECTS else f"{self.processed_prefix}{table}/"

    def landing_dir(self, slot: Slot) -> str:
        """The directory of a slot's landing files, with a trailing slash."""
        return f"{self.table_dir(slot.format)}{slot.partition.path}/"

    def landing_guard_key(self, slot: Slot) -> str:
        """Where a file that is no data, and that queries skip, tells that landing files went."""
        return self.landing_dir(slot) + landing_name(slot.format, _LANDING_GUARD)

    def landing_key(self, fmt: Format, source: Source, *, gzip: bool = False) -> str:
        """Where the transform writes one source in one format."""
        return self.landing_dir(Slot(fmt, source.partition)) + landing_name(
            fmt, source.source_id, gzip=gzip
        )

    def landing_keys(self, fmt: Format, source: Source) -> list[str]:
        """Where one source may be in one format, under whatever settings it was written."""
        base = self.landing_dir(Slot(fmt, source.partition)) + source.source_id
        return [base + ending for ending in FORMATS[fmt].endings]

    def generations_dir(self, slot: Slot) -> str:
        """The directory that holds all generations of a slot, with a trailing slash."""
        return f"{self.table_dir(slot.format)}{_COMPACTED}/{slot.partition.path}/"

    def generation_dir(self, slot: Slot, generation_id: str) -> str:
        """The directory of one generation, with a trailing slash."""
        return f"{self.generations_dir(slot)}{generation_id}/"

    def manifests_dir(self, slot: Slot) -> str:
        """The directory of the manifests of all generations of a slot, with a trailing slash."""
        return f"{self.manifests_prefix}{slot.path}/"

    def manifest_key(self, slot: Slot, generation_id: str) -> str:
        """Where a generation's manifest is; what else is known of it may stand beside."""
        return f"{self.manifests_dir(slot)}{generation_id}/{MANIFEST_NAME}"

    def catalog_key(self, name: str) -> str:
        """Where a copy of the catalog of that SHA-256 is, once a file was made by it."""
        return f"{self.manifests_prefix}{_CATALOGS}/{name}.json"

    def routes_key(self, name: str) -> str:
        """Where a copy of the routes of that SHA-256 is, once a file was made by them."""
        return f"{self.manifests_prefix}{_CATALOGS}/{_ROUTES}{name}.json"

    @property
    def overlay_dir(self) -> str:
        """Where the columns are that compaction has added by itself, with a trailing slash."""
        return f"{self.manifests_prefix}{_OVERLAY}/"

    def old_manifest_key(self, slot: Slot, generation_id: str) -> str:
        """Where the manifest is if an older version of this software built the generation."""
        return self.generation_dir(slot, generation_id) + OLD_MANIFEST_NAME

    def generation_id(self, slot: Slot, location: str) -> str | None:
        """Tell which generation a location belongs to; None for the landing directory.

        Args:
            slot: whose location it is.
            location: a key prefix (`processed/…`) with or without a slash at its end.

        Raises:
            LayoutError: it is neither a generation nor the landing directory of that slot.
        """
        directory = location.rstrip("/") + "/"
        if directory == self.landing_dir(slot):
            return None
        base = self.generations_dir(slot)
        name = directory.removeprefix(base).rstrip("/")
        if not directory.startswith(base) or not name or "/" in name:
            raise LayoutError(
                f"{location!r} is neither the landing directory nor a generation of {slot.path}"
            )
        return name

    def reject_dir(self, partition: Partition) -> str:
        """The directory of a partition's reject files, with a trailing slash."""
        return f"{self.rejected_prefix}{partition.path}/"

    def reject_key(self, source: Source) -> str:
        """Where the rejects of one source go."""
        return f"{self.reject_dir(source.partition)}{source.source_id}.json"


def source_id(raw_key: str) -> str:
    """The stable name of a raw object: its file stem plus a short hash of its whole key.

    A stem that starts with `_` or `.` would hide the files from Athena, and characters other than
    letters, digits, `.`, `_`, `-` would have to be escaped somewhere: both are replaced. The hash
    still keeps names unique.
    """
    stem = raw_key.rsplit("/", 1)[-1].removesuffix(".gz")
    readable = re.sub(r"[^A-Za-z0-9._-]", "-", stem).lstrip("._-")[:_STEM_LENGTH]
    digest = sha256(raw_key.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{readable or 'object'}-{digest}"


def landing_name(fmt: Format, name: str, *, gzip: bool = False) -> str:
    """The file name of one source in one format; Athena tells gzip by the `.gz` ending."""
    return f"{name}.{fmt}.gz" if gzip and FORMATS[fmt].gzip else f"{name}.{fmt}"


def source_id_of(key: str) -> str | None:
    """The source id that a landing file or loose copy carries in its name.

    None for anything else: a merged file, a foreign file.
    """
    name = key.rsplit("/", 1)[-1]
    for spec in FORMATS.values():
        for ending in spec.endings:
            if name.endswith(ending) and _SOURCE_ID.match(stem := name.removesuffix(ending)):
                return stem
    return None


def is_hidden(key: str) -> bool:
    """Tell whether queries skip an object: its own name starts with `_` or `.`, or it has none.

    Athena and Hive promise this only for files. They promise nothing for directories, so a file
    is as visible in `_tmp/` as anywhere else.
    """
    name = key.rsplit("/", 1)[-1]
    return not name or name.startswith(("_", "."))


def uri(bucket: str, key: str) -> str:
    """The `s3://` address of a key or prefix."""
    return f"s3://{bucket}/{key}"


def parse_uri(address: str) -> tuple[str, str]:
    """Split an `s3://`, `s3a://` or `s3n://` address into bucket and key.

    Raises:
        LayoutError: it is not such an address.
    """
    parts = urlsplit(address, allow_fragments=False)
    if parts.scheme not in {"s3", "s3a", "s3n"} or not parts.netloc:
        raise LayoutError(f"{address!r} is not an s3:// address")
    # A key may hold a question mark, which urlsplit takes for a query.
    return parts.netloc, address.split("://", 1)[1].removeprefix(parts.netloc).removeprefix("/")
