import json
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.errors import CatalogError, ConfigError
from clickstream_lake.lake.routes import Routing, find_routes, read_routes, routing_of
from tests.catalogs import EXAMPLES
from tests.protocol.fakes import FakeS3

CATALOG = load_catalog()
TABLES = {"json": "events", "parquet": "events_parquet", "rejects": "rejects"}


def route(name: str, *types: str, **other: Any) -> dict[str, Any]:  # noqa: ANN401 - of JSON
    tables = {fmt: f"{name}_{table}" for fmt, table in TABLES.items()}
    route = {"event_types": types, "catalog": "", "prefix": f"{name}/", "tables": tables}
    return {**route, **other}


def content(families: dict[str, Any], **other: Any) -> bytes:  # noqa: ANN401 - of JSON
    stream = {"name": "lake-web", "prefix": "", "tables": TABLES}
    return json.dumps({"stream": stream, "families": families, **other}).encode()


def routing(families: dict[str, Any]) -> Routing:
    routes = read_routes(content(families), "r")
    return routing_of(routes, lambda *_: CATALOG, CATALOG.partition_keys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"{", "r: Input data was truncated"),
        (b"[]", "r: Expected `object`"),
        (content({"orders": {"event_types": ["a"]}}), "missing required field `catalog`"),
        (content({"orders": route("orders", "a", more=1)}), "unknown field `more`"),
        (content({}), "there have to be 1 to 9 families, and not 0"),
        (content({f"f{n}": route(f"f{n}", str(n)) for n in range(10)}), "and not 10"),
        (content({"orders": route("orders")}), "the family orders: it has no event_types"),
        (content({"o": route("o", "a")}), "a name has 2 to 16 lower-case letters"),
        (content({"orders": route("orders", "a", "a")}), "'a' is there twice"),
        (
            content({"orders": route("orders", "a"), "app": route("app", "b", "a")}),
            "the family app: 'a' is of the family orders, too",
        ),
        (content({"orders": route("orders", "")}), "an event type has 1 to 1024 bytes"),
        (content({"orders": route("orders", "é" * 600)}), "an event type has 1 to 1024 bytes"),
        (content({"orders": route("orders", "a\nb")}), "a character that no event type may have"),
        (content({"orders": route("orders", "\ufffd")}), "a character that no event type may"),
        (content({"orders": route("orders", "a", prefix="")}), "'' is of the stream's own family"),
        (
            content({"orders": route("orders", "a"), "app": route("app", "b", prefix="orders/")}),
            "'orders/' is of the family orders",
        ),
        (content({"orders": route("orders", "a", prefix="orders")}), "a prefix of its own"),
        (
            content({"orders": route("orders", "a", tables=TABLES)}),
            "the table events is of the stream's own family, too",
        ),
        (
            content({"orders": route("orders", "a", tables={"json": "j"})}),
            "it needs a table each for json, parquet, rejects, and no other",
        ),
        (content({"orders": route("orders", "a")}, route_by="a b"), "has to be a name of ASCII"),
        (content({"orders": route("orders", "a")}, route_by="$.type"), "has to be a name"),
    ],
)
def test_what_is_wrong_is_said(text: bytes, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_routes(text, "r")
    assert said in str(caught.value)
    assert all(line.startswith("r: ") for line in str(caught.value).splitlines())


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        read_routes(content({"orders": route("orders"), "app": route("app", "")}), "r")
    assert len(str(caught.value).splitlines()) == 2


def test_a_family_inherits_the_partition_keys_of_its_stream() -> None:
    other = load_catalog(EXAMPLES / "app.json")
    routes = read_routes(content({"app": route("app", "a")}), "r")
    with pytest.raises(ConfigError, match="those of raw keys, which all families inherit"):
        routing_of(routes, lambda *_: other, CATALOG.partition_keys)


def test_families_are_numbered_by_their_names() -> None:
    found = routing({"orders": route("orders", "paid", "é"), "app": route("app", "screen")})
    assert [family.name for family in found.families] == ["app", "orders"]
    assert found.numbers == {"screen": 1, "paid": 2, "é": 2}


def test_routes_are_named_by_what_they_mean() -> None:
    families = {"orders": route("orders", "paid", "sent"), "app": route("app", "screen")}
    name = routing(families).sha256
    swapped = {"app": route("app", "screen"), "orders": route("orders", "sent", "paid")}
    assert routing(swapped).sha256 == name
    for changed in (
        {"orders": route("orders", "paid"), "app": route("app", "screen")},
        {**families, "app": route("app", "screen", prefix="apps/")},
        {"orders": families["orders"]},
    ):
        assert routing(changed).sha256 != name
    copy = read_routes(routing(families).content, "copy")
    assert copy.families["app"].catalog == CATALOG.sha256


def test_routes_are_read_from_a_file_or_by_the_name_in_their_key(tmp_path: Path) -> None:
    text = content({"orders": route("orders", "paid")})
    file = tmp_path / "routes.json"
    file.write_bytes(text)
    expected = read_routes(text, "r")
    store = ObjectStore(FakeS3(), "lake")  # type: ignore[arg-type]  # a client's part
    assert find_routes(str(file), lambda _: store) == expected
    with pytest.raises(CatalogError, match="cannot be read: No such file"):
        find_routes(str(tmp_path / "none.json"), lambda _: store)
    name = "a" * 64
    with pytest.raises(CatalogError, match="there is no such route"):
        find_routes(f"s3://lake/routes/{name}.json", lambda _: store)
    store.put_bytes(f"routes/{name}.json", text)
    with pytest.raises(CatalogError, match="its content is not the one that its name says"):
        find_routes(f"s3://lake/routes/{name}.json", lambda _: store)
    with pytest.raises(CatalogError, match="has to hold the SHA-256 of the route"):
        find_routes("s3://lake/routes/mine.json", lambda _: store)
