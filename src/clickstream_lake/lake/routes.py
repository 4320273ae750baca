"""Routes: which events of one stream are of other families than its own, and where those are.

They are a file, as catalogs are. What was in force when a raw object was first transformed stays so
for that one: the lake keeps a copy, which names each family's catalog by its SHA-256.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalogs import named_content, named_object
from clickstream_lake.lake.errors import CatalogError, ConfigError
from clickstream_lake.lake.formats import lake_tables

if TYPE_CHECKING:
    from clickstream_lake.lake.aws.objects import ObjectStore

MOST_FAMILIES: Final = 9
"""Of one stream, besides its own: what landing files say of them has to fit into their metadata."""

_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,14}[a-z0-9]")
_PREFIX: Final = re.compile(r"(?:[A-Za-z0-9!_.*'()-]+/)*")
_MOST_TYPE_BYTES: Final = 1_024
_NO_TYPE: Final = re.compile("[\x00-\x1f\ufffd\ud800-\udfff]")


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The stream that the events come by, and where its own family is.

    Attributes:
        name: of the Firehose stream, which its functions are named after.
        prefix: before `processed/` and what else the family has in the bucket.
        tables: Glue table by format, and that of "rejects".
    """

    name: str
    prefix: str
    tables: dict[str, str]


class Route(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is of another family, and where that is.

    Attributes:
        event_types: values of the key, decoded, that its events have.
        catalog: the family's, as `LAKE_CATALOG` names one; in the lake's own copy its SHA-256.
        prefix: before `processed/` and what else the family has in the bucket.
        tables: Glue table by format, and that of "rejects".
    """

    event_types: tuple[str, ...]
    catalog: str
    prefix: str
    tables: dict[str, str]


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
        yield f"route_by {routes.route_by!r} has to be a name of ASCII letters, digits, _ . and -"
    if not 1 <= len(routes.families) <= MOST_FAMILIES:
        yield f"there have to be 1 to {MOST_FAMILIES} families, and not {len(routes.families)}"
    own = "the stream's own family"
    places = {routes.stream.prefix: own}
    tables = dict.fromkeys(routes.stream.tables.values(), own)
    yield from _table_problems(routes.stream.tables, own)
    whose: dict[str, str] = {}
    for name, route in routes.families.items():
        family = f"the family {name}"
        if not _NAME.fullmatch(name):
            yield (
                f"{family}: a name has 2 to 16 lower-case letters, digits and hyphens, and starts "
                "with a letter"
            )
        yield from (f"{family}: {problem}" for problem in _type_problems(route, family, whose))
        if not _PREFIX.fullmatch(route.prefix) or route.prefix in places:
            of = places.get(route.prefix, "nothing that a key may begin with")
            yield f"{family}: it needs a prefix of its own, and {route.prefix!r} is of {of}"
        places.setdefault(route.prefix, family)
        yield from _table_problems(route.tables, family)
        for table in route.tables.values():
            if table in tables:
                yield f"{family}: the table {table} is of {tables[table]}, too"
            tables.setdefault(table, family)


def _table_problems(tables: dict[str, str], family: str) -> Iterator[str]:
    wanted = lake_tables()
    if tables.keys() != {*wanted}:
        yield f"{family}: it needs a table each for {', '.join(wanted)}, and no other"


def _type_problems(route: Route, family: str, whose: dict[str, str]) -> Iterator[str]:
    """What is wrong with a family's events; `whose` are those of all families so far."""
    if not route.event_types:
        yield "it has no event_types, so no event would be of it"
    for kind in route.event_types:
        if not 1 <= len(kind.encode(errors="replace")) <= _MOST_TYPE_BYTES:
            yield f"an event type has 1 to {_MOST_TYPE_BYTES} bytes"
        elif _NO_TYPE.search(kind):
            yield f"{kind!r} has a character that no event type may have"
        if kind in whose:
            other = "there twice" if whose[kind] == family else f"of {whose[kind]}, too"
            yield f"{kind!r} is {other}"
        whose.setdefault(kind, family)


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
