"""`--route`: a family that some events of a stream are of, as commands take it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.cli.errors import UsageError

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.routes import Routing

Routes = Annotated[
    list[str] | None,
    typer.Option(
        "--route",
        metavar="[STREAM/]KEY[=FILE]:TYPE,…",
        help="A family that events of a stream are of, by their event_type; with a catalog of its "
        "own. Once for each family; without STREAM it is the first stream's.",
    ),
]
RouteBy = Annotated[
    str,
    typer.Option("--route-by", help="The top-level field that says of which family events are."),
]
ROUTE_BY = "event_type"


@dataclass(frozen=True, slots=True)
class RouteOption:
    """What one `--route` says.

    Attributes:
        stream: key of the stream; empty for the first.
        key: name of the family.
        catalog: its file; None for that of the stream.
    """

    stream: str
    key: str
    catalog: Path | None
    event_types: tuple[str, ...]


def parse(texts: Sequence[str]) -> list[RouteOption]:
    """Read `orders=orders.json:order_placed,order_refunded`.

    Raises:
        UsageError: one says no types, or no key.
    """
    found = []
    for text in texts:
        family, colon, types = text.rpartition(":")
        name, _, file = family.partition("=")
        stream, _, key = name.rpartition("/")
        if not (colon and key and types):
            raise UsageError(
                f"--route {text}: it has to say a family and its events, as in "
                "orders=orders.json:order_placed,order_refunded"
            )
        catalog = Path(file).resolve() if file else None
        found.append(RouteOption(stream, key, catalog, tuple(types.split(","))))
    return found


def local_routing(texts: Sequence[str], route_by: str, own: "Catalog") -> "Routing | None":
    """The routes of local files: each family in a directory of its own.

    Raises:
        UsageError: they cannot be.
        CatalogError: a catalog cannot.
    """
    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.errors import ConfigError
    from clickstream_lake.lake.formats import lake_tables
    from clickstream_lake.lake.routes import read_routes, routing_of

    options = parse(texts)
    if not options:
        return None
    given = [option.key for option in options]
    for key in sorted({key for key in given if given.count(key) > 1}):
        raise UsageError(f"--route {key} is there twice: name all its events in one")
    tables = lake_tables()
    families = {
        option.key: {
            "event_types": option.event_types,
            "catalog": str(option.catalog or ""),
            "prefix": f"{option.key}/",
            "tables": {name: f"{option.key}_{name}" for name in tables},
        }
        for option in options
    }
    stream = {"name": "local", "prefix": "", "tables": {name: name for name in tables}}
    document = {"route_by": route_by, "stream": stream, "families": families}
    try:
        return routing_of(
            read_routes(json.dumps(document).encode(), "--route"),
            lambda _, route: load_catalog(Path(route.catalog)) if route.catalog else own,
            own.partition_keys,
        )
    except ConfigError as error:
        raise UsageError(str(error)) from error
