"""A landing file, and what it says about its raw object in metadata that all its copies keep."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

import msgspec

from clickstream_lake.lake.manifest import Count, Name, Routed
from clickstream_lake.lake.recipe import UNKNOWN, Recipe

# Versions before catalogs had names take a file without a counter for a stranger's. No catalog of
# theirs has this one, so they look at each of its rows.
_FOR_OLDER_VERSIONS: Final = {"schema-version": "0"}


class LandingMetadata(msgspec.Struct, frozen=True, rename="kebab"):
    """The figures that travel with a landing file.

    Attributes:
        raw_key: the raw object.
        raw_etag: ETag, without quotes, of the raw content that was read.
        rows: published rows in the file.
        lines: lines of the raw object: blank + rejected + rows + routed; in a family that events
            are routed to, its own.
        processed_ts: ISO 8601, UTC, as in every row.
        recipe: what the file was made by.
        routed: family -> events of the raw object that are of that one.
    """

    raw_key: Name
    raw_etag: Name
    rows: Count
    lines: Count
    blank: Count
    rejected: Count
    processed_ts: Name
    recipe: Recipe = UNKNOWN
    routed: Routed = msgspec.field(default_factory=dict)

    def to_s3(self) -> dict[str, str]:
        """The `x-amz-meta-*` texts of the landing file."""
        figures = msgspec.to_builtins(self)
        recipe = figures.pop("recipe")
        if routed := figures.pop("routed"):
            figures["routed"] = msgspec.json.encode(routed).decode()
        texts = {name: str(value) for name, value in {**figures, **recipe}.items()}
        return {**texts, "raw-key": quoted(self.raw_key), **_FOR_OLDER_VERSIONS}

    @classmethod
    def from_s3(cls, metadata: Mapping[str, str]) -> "LandingMetadata | None":
        """Read the texts; None if a figure is missing: then no transform wrote the file."""
        try:
            texts: dict[str, object] = dict(metadata)
            if "routed" in metadata:
                texts["routed"] = msgspec.json.decode(metadata["routed"], type=Routed)
            found = msgspec.convert(texts, cls, strict=False)
            recipe = msgspec.convert(metadata, Recipe, strict=False)
        except msgspec.DecodeError:  # a ValidationError is one
            return None
        return msgspec.structs.replace(found, raw_key=unquote(found.raw_key), recipe=recipe)


@dataclass(frozen=True, slots=True)
class LandingFile:
    """One finished landing file on disk.

    Attributes:
        gzip: the file is gzip as a whole, and its name ends in `.gz`.
        columns: names of the columns that it was made by; None where nobody knows.
    """

    path: Path
    metadata: LandingMetadata
    gzip: bool = False
    columns: frozenset[str] | None = None


def quoted(raw_key: str) -> str:
    """A raw key in the ASCII that object metadata is limited to."""
    return quote(raw_key, safe="/=")
