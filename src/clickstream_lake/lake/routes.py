"""Routes: which events of one stream are of other families than its own, and where those are.

They are a file, as catalogs are, and what was in force when a raw object was first transformed stays
so for that one: the lake keeps a copy, which names each family's catalog by its SHA-256.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import Catalogs, named_content, named_object
from clickstream_lake.lake.errors import CatalogError, ConfigError, ObjectExistsError
from clickstream_lake.lake.lake import Lake

if TYPE_CHECKING:
    from clickstream_lake.lake.aws.objects import ObjectStore

MOST_FAMILIES: Final = 9
"""Of one stream, besides its own: what landing files say of them has to fit into their metadata."""

_Table = Literal["json", "parquet", "rejects"]
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,14}[a-z0-9]")
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9!_.*'()-]+/)*")
_MOST_TYPE_BYTES: Final = 256
_NO_TYPE: Final = re.compile("[\x00-\x1f\ufffd\ud800-\udfff]")


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stream that the events come by, and where its own family is.

    Attributes:
        name: of the Firehose stream, which its functions are named after.
        prefix: before `processed/` and what else the family has in the bucket.
        tables: Glue table by "json", "parquet" and "rejects".
    """

    name: str
    prefix: str
    tables: dict[_Table, str]


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is of another family, and where that is.

    Attributes:
        event_types: values of the key, decoded, that its events have.
        catalog: the family's, as `LAKE_CATALOG` names one; in the lake's own copy its SHA-256.
        prefix: before `processed/` and what else the family has in the bucket.
        tables: Glue table by "json", "parquet" and "rejects".
    """

    event_types: tuple[str, ...]
    catalog: str
    prefix: str
    tables: dict[_Table, str]


class Routes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The routes of one stream.

    Attributes:
        stream: whose events are routed.
        families: by name.
        route_by: the top-level key that tells families apart.
    """

    stream: Stream
    families: dict[str, Route]
    route_by: str = "event_type"


@dataclass(frozen=True, slots=True)
class Family:
    """A family that events are routed to."""

    name: str
    route: Route
    catalog: Catalog


@dataclass(frozen=True)
class Routing:
    """Routes with their catalogs.

    Attributes:
        families: in the order of their names; their numbers begin with 1.
    """

    routes: Routes
    families: tuple[Family, ...]

    @property
    def key(self) -> str:
        """The top-level key that tells families apart."""
        return self.routes.route_by

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Value of the key -> number of its family."""
        return {
            kind: number
            for number, family in enumerate(self.families, 1)
            for kind in family.route.event_types
        }

    @cached_property
    def content(self) -> bytes:
        """The routes as the lake keeps them: the same text for the same meaning."""
        families = {
            family.name: msgspec.structs.replace(
                family.route,
                event_types=tuple(sorted(family.route.event_types)),
                catalog=family.catalog.sha256,
            )
            for family in self.families
        }
        plain = msgspec.structs.replace(self.routes, families=families)
        return msgspec.json.format(msgspec.json.encode(plain, order="sorted"), indent=1)

    @cached_property
    def sha256(self) -> str:
        """Their name."""
        return sha256(self.content).hexdigest()


def find_routes(address: str, store: Callable[[str], "ObjectStore"]) -> Routes:
    """The routes that a setting names.

    Args:
        address: a file, or `s3://bucket/key` with its SHA-256 in the key.
        store: opens a bucket.

    Raises:
        CatalogError: there are none, or they are not what their key says.
        ConfigError: something in them is wrong.
        StorageError: S3 refused.
    """
    if address.startswith("s3://"):
        bucket, key, name = named_object(address, "route")
        return read_routes(named_content(store(bucket), key, name, address, "route"), address)
    try:
        content = Path(address).read_bytes()
    except OSError as error:
        raise CatalogError(f"{address}: it cannot be read: {error.strerror}") from error
    return read_routes(content, address)


def read_routes(content: bytes, name: str) -> Routes:
    """Read and check routes; `name` is what errors call them.

    Raises:
        ConfigError: everything that is wrong with them.
    """
    try:
        routes = msgspec.json.decode(content, type=Routes)
    except msgspec.DecodeError as error:
        raise ConfigError(f"{name}: {error}") from error
    problems = list(_problems(routes))
    if problems:
        raise ConfigError("\n".join(f"{name}: {problem}" for problem in problems))
    return routes


def _problems(routes: Routes) -> Iterator[str]:
    if not _KEY.fullmatch(routes.route_by):
        yield f"route_by {routes.route_by!r} has to be one name, of ASCII letters, digits, _ . and -"
    if not 1 <= len(routes.families) <= MOST_FAMILIES:
        yield f"there have to be 1 to {MOST_FAMILIES} families, and not {len(routes.families)}"
    whose: dict[str, str] = {}
    places = {routes.stream.prefix: "the stream's own family"}
    tables = dict.fromkeys(routes.stream.tables.values(), "the stream's own family")
    for name, route in routes.families.items():
        if not _NAME.fullmatch(name):
            yield (
                f"the family {name!r}: a name has 2 to 16 lower-case letters, digits and hyphens, "
                "and starts with a letter"
            )
        if not route.event_types:
            yield f"the family {name}: it has no event_types, so no event would be of it"
        for kind in route.event_types:
            if not kind or len(kind.encode(errors="replace")) > _MOST_TYPE_BYTES:
                yield f"the family {name}: an event type has 1 to {_MOST_TYPE_BYTES} bytes"
            elif _NO_TYPE.search(kind):
                yield f"the family {name}: {kind!r} has a character that no event type may have"
            if kind in whose:
                other = "twice there" if whose[kind] == name else f"of the family {whose[kind]}, too"
                yield f"the family {name}: {kind!r} is {other}"
            whose.setdefault(kind, name)
        if not _PREFIX.fullmatch(route.prefix) or route.prefix in places:
            whom = places.get(route.prefix, "no directory")
            yield f"the family {name}: it needs a prefix of its own; {route.prefix!r} is {whom}"
        places.setdefault(route.prefix, f"that of the family {name}")
        if len(route.tables) != len(routes.stream.tables):
            yield f"the family {name}: it needs a table for json, parquet and rejects each"
        for table in route.tables.values():
            if table in tables:
                yield f"the family {name}: the table {table} is of {tables[table]}, too"
            tables.setdefault(table, f"the family {name}")


def routing_of(
    routes: Routes, catalog_of: Callable[[str, Route], Catalog], partition_keys: tuple[str, ...]
) -> Routing:
    """Routes with their catalogs.

    Args:
        routes: the routes.
        catalog_of: the catalog of a family.
        partition_keys: of the stream's own catalog, which are those of its raw keys.

    Raises:
        CatalogError: a catalog is missing, or something in it is wrong.
        ConfigError: a family has other partition keys.
    """
    families = tuple(
        Family(name, route, catalog_of(name, route))
        for name, route in sorted(routes.families.items())
    )
    for family in families:
        if family.catalog.partition_keys != partition_keys:
            raise ConfigError(
                f"the family {family.name} has the partition keys "
                f"{', '.join(family.catalog.partition_keys)}, and its stream "
                f"{', '.join(partition_keys)}: those of raw keys, which all families inherit"
            )
    return Routing(routes, families)


class Routings:
    """The routes that files of a stream's lake were made by."""

    def __init__(self, lake: Lake, catalog: Catalog, own: Routing | None) -> None:
        """Those of one lake.

        Args:
            lake: of the stream's own family.
            catalog: the own family's.
            own: the ones that new raw objects are transformed by.
        """
        self._lake = lake
        self._catalog = catalog
        self._known = {own.sha256: own} if own else {}
        self._lakes: dict[object, Lake] = {}
        self._kept = False
        self.own = own

    def keep(self) -> None:
        """Make sure, once, that the lake has a copy of the own ones and of their catalogs.

        Raises:
            StorageError: S3 refused.
        """
        if self._kept or self.own is None:
            return
        for family in self.own.families:
            Catalogs(self._lake.store, self.lake_of(family).layout, family.catalog).keep()
        key = self._lake.layout.routes_key(self.own.sha256)
        if self._lake.store.head(key) is None:
            with suppress(ObjectExistsError):
                self._lake.store.put_bytes(
                    key, self.own.content, content_type="application/json", if_absent=True
                )
        self._kept = True

    def of(self, name: str) -> Routing | None:
        """The routes of that SHA-256; None if the name is empty.

        Raises:
            CatalogError: the lake has no copy of them, or of a catalog, or a damaged one.
            StorageError: S3 refused.
        """
        if not name:
            return None
        if name not in self._known:
            store = self._lake.store
            key = self._lake.layout.routes_key(name)
            address = f"s3://{store.bucket}/{key}"
            routes = read_routes(named_content(store, key, name, address, "route"), address)
            self._known[name] = routing_of(routes, self._kept_catalog, self._catalog.partition_keys)
        return self._known[name]

    def _kept_catalog(self, _name: str, route: Route) -> Catalog:
        layout = self._lake.layout.family(route.prefix)
        return Catalogs(self._lake.store, layout, self._catalog).of(route.catalog)

    def lake_of(self, family: Family) -> Lake:
        """The lake of a family; what is known of its manifests is kept."""
        place = (family.route.prefix, *family.route.tables.items())
        if place not in self._lakes:
            self._lakes[place] = lake_at(self._lake, family.route)
        return self._lakes[place]


def lake_at(lake: Lake, place: Stream | Route) -> Lake:
    """The lake of another family of the same raw objects."""
    layout = lake.layout.family(place.prefix)
    return Lake(lake.store, lake.partitions, layout, {**place.tables})
