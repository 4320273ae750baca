"""Which catalog: the one that a setting names, and those that the files of a lake were made by.

A catalog's name is the SHA-256 of its content, so a name stands for the same columns for ever. The
lake itself keeps a copy of each that a file of it was made by: what was deployed may be taken away
when the next one comes, and a retry still needs the one that its first try had.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, read_catalog
from clickstream_lake.lake.errors import CatalogError, ObjectExistsError, ObjectMissingError
from clickstream_lake.lake.layout import Layout, parse_uri

if TYPE_CHECKING:
    from clickstream_lake.lake.aws.objects import ObjectStore

SCHEMA_PATH: Final = CATALOG_PATH.with_name("catalog.schema.json")
"""The JSON Schema of catalogs, for editors."""

_NAME_IN_KEY: Final = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


def find_catalog(address: str, store: Callable[[str], "ObjectStore"]) -> Catalog:
    """The catalog that a setting names.

    Args:
        address: empty for the packaged one; a path, of a packaged one or of any; or
            `s3://bucket/key` with the catalog's SHA-256 in the key. S3 is not asked for one that
            is packaged.
        store: opens a bucket.

    Raises:
        CatalogError: there is none, it is not what its key says, or something in it is wrong.
        StorageError: S3 refused.
    """
    if not address.startswith("s3://"):
        return load_catalog(packaged_path(address))
    bucket, key, name = named_object(address)
    return _packaged().get(name) or _read(store(bucket), key, name, address)


def named_object(address: str, what: str = "catalog") -> tuple[str, str, str]:
    """Bucket, key and SHA-256 of an address whose key names it.

    Raises:
        CatalogError: it does not.
    """
    bucket, key = parse_uri(address)
    named = _NAME_IN_KEY.findall(key.rsplit("/", 1)[-1])
    if len(named) != 1:
        raise CatalogError(
            f"{address}: the last part of its key has to hold the SHA-256 of the {what}, as in "
            f"{what}s/<SHA-256>.json"
        )
    return bucket, key, str(named[0])


def packaged_path(address: str) -> Path:
    """The file that a setting names; a name alone is that of a packaged one."""
    return CATALOG_PATH.parent / address if address else CATALOG_PATH


class Catalogs:
    """The catalogs that files of a lake were made by."""

    def __init__(self, store: "ObjectStore", layout: Layout, own: Catalog) -> None:
        """Those of one lake.

        Args:
            store: the lake's bucket.
            layout: where the lake keeps copies.
            own: the one that new files are made by.
        """
        self._store = store
        self._layout = layout
        self._known = {own.sha256: own}
        self._kept = False
        self.own = own

    def keep(self) -> None:
        """Make sure, once, that the lake has a copy of the own one: before a file is made by it.

        Raises:
            StorageError: S3 refused.
        """
        key = self._layout.catalog_key(self.own.sha256)
        # A look costs a twelfth of a put, and is all that nearly every cold start needs.
        if not self._kept and self._store.head(key) is None:
            with suppress(ObjectExistsError):
                self._store.put_bytes(
                    key, self.own.content, content_type="application/json", if_absent=True
                )
        self._kept = True

    def of(self, name: str) -> Catalog:
        """The catalog of that SHA-256.

        Raises:
            CatalogError: the lake has no copy, or a damaged one.
            StorageError: S3 refused.
        """
        found = self._known.get(name) or _packaged().get(name)
        if found is None:
            key = self._layout.catalog_key(name)
            found = _read(self._store, key, name, f"s3://{self._store.bucket}/{key}")
        self._known[name] = found
        return found


@cache
def _packaged() -> dict[str, Catalog]:
    """The packaged catalogs by their SHA-256."""
    paths = sorted(Path(CATALOG_PATH.parent).glob("*.json"))
    found = (load_catalog(path) for path in paths if path != SCHEMA_PATH)
    return {catalog.sha256: catalog for catalog in found}


def _read(store: "ObjectStore", key: str, name: str, address: str) -> Catalog:
    return read_catalog(named_content(store, key, name, address), address)


def named_content(
    store: "ObjectStore", key: str, name: str, address: str, what: str = "catalog"
) -> bytes:
    """What is at an address, which is what its SHA-256 says.

    Raises:
        CatalogError: there is nothing, or it is something else.
        StorageError: S3 refused.
    """
    try:
        content = store.read(key)
    except ObjectMissingError as error:
        raise CatalogError(
            f"{address}: there is no such {what}; apply the configuration that uploads it again, "
            "or restore the object"
        ) from error
    if sha256(content).hexdigest() != name:
        raise CatalogError(
            f"{address}: its content is not the one that its name says: its SHA-256 is "
            f"{sha256(content).hexdigest()}. Somebody wrote to it: upload the {what} again"
        )
    return content
