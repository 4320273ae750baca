"""Columns that compaction has added by itself, beside the catalog that was deployed.

Each is one small object of its own, whose key says all: name, day, type, formats of a timestamp. So
adding one is one atomic write, a list is all that a reader needs, Terraform among them, and nobody
rewrites what another reads. What the object holds is for people.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from clickstream_lake.lake.catalog import COLUMN_TYPES, TIME_FORMATS, Catalog, ColumnType
from clickstream_lake.lake.catalog_file import read_catalog
from clickstream_lake.lake.errors import CatalogError, ObjectExistsError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.proposals import obstacle, with_columns

if TYPE_CHECKING:
    from clickstream_lake.lake.aws.objects import ObjectStore

COMMENT: Final = "Added by schema_evolution"
_PARTS: Final = 2
_STAMP: Final = "%Y-%m-%dT%H%M%SZ"
"""Of UTC, as in a key."""


@dataclass(frozen=True, slots=True)
class Added:
    """One column.

    Attributes:
        at: when it was added, to the second.
    """

    name: str
    type: ColumnType
    time_formats: tuple[str, ...]
    at: datetime

    def entry(self) -> dict[str, Any]:
        """The column as a catalog's file has it."""
        entry: dict[str, Any] = {"name": self.name, "type": self.type, "comment": COMMENT}
        entry["added"] = f"{self.at:%Y-%m-%d}"
        if self.time_formats:
            entry["time_formats"] = list(self.time_formats)
        return entry


class Overlay:
    """The added columns of one lake."""

    def __init__(self, store: "ObjectStore", layout: Layout) -> None:
        """Those in a lake's bucket, laid out by `layout`."""
        self._store = store
        self._layout = layout

    def columns(self, *, strict: bool = False) -> list[Added]:
        """The columns, in the order in which they were added, and of their names.

        Args:
            strict: whether an object that is no column is an error; it is overlooked otherwise.

        Raises:
            CatalogError: there is such an object.
            StorageError: S3 refused.
        """
        found: dict[str, Added] = {}
        base = self._layout.overlay_dir
        for info in self._store.list(base):
            added = _added(info.key.removeprefix(base))
            if added is None and strict:
                raise CatalogError(
                    f"s3://{self._store.bucket}/{info.key} is no column that compaction has added, "
                    "as coupon/2026-11-28T103000Z.string would be: delete it"
                )
            # Two at the same instant may have had two types: the first key counts.
            if added is not None:
                found.setdefault(added.name, added)
        return sorted(found.values(), key=lambda each: (each.at, each.name))

    def add(
        self, name: str, kind: ColumnType, time_formats: Sequence[str], at: datetime, why: str
    ) -> None:
        """Add one column; nothing happens if it is there.

        Raises:
            StorageError: S3 refused.
        """
        said = ".".join(filter(None, (f"{at:{_STAMP}}", kind, "-".join(time_formats))))
        key = f"{self._layout.overlay_dir}{name}/{said}"
        with suppress(ObjectExistsError):
            text = f"{why}\n".encode()
            self._store.put_bytes(key, text, content_type="text/plain", if_absent=True)

    def over(self, catalog: Catalog) -> Catalog:
        """The catalog with the columns that its file does not have yet.

        Raises:
            StorageError: S3 refused.
        """
        return overlaid(catalog, self.columns(), self._layout.partition_keys)


def overlaid(catalog: Catalog, columns: Sequence[Added], partition_keys: Sequence[str]) -> Catalog:
    """A catalog with more columns, but for those that it has or cannot have by now."""
    entries = [
        entry
        for entry in missing(catalog, columns)
        if not obstacle(entry["name"], catalog, partition_keys)
    ]
    if not entries:
        return catalog
    name = "the catalog with what was added to it"
    return read_catalog(with_columns(catalog.content, name, entries, partition_keys), name)


def missing(catalog: Catalog, columns: Sequence[Added]) -> list[dict[str, Any]]:
    """The columns that a catalog's file does not have, as it would have them.

    The tables have one whose field is another column's by now, too: it keeps its place, and takes
    nothing more.
    """
    has = {column.name for column in catalog.columns}
    sources = {source for column in catalog.sent for source in column.sources}
    return [
        each.entry() | ({"retired": f"{each.at:%Y-%m-%d}"} if each.name in sources else {})
        for each in columns
        if each.name not in has
    ]


def _added(key: str) -> Added | None:
    """What a key says; None for any other object."""
    name, _, said = key.partition("/")
    stamp, *rest = said.split(".")
    if not 1 <= len(rest) <= _PARTS or rest[0] not in COLUMN_TYPES:
        return None
    formats = tuple(rest[1].split("-")) if len(rest) == _PARTS else ()
    if not set(formats) <= set(TIME_FORMATS):
        return None
    try:
        at = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None
    return Added(name, rest[0], formats, at)
