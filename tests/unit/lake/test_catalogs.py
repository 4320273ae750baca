import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.catalogs import Catalogs, find_catalog
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.layout import Layout
from tests.catalogs import CATALOGS
from tests.protocol.fakes import FakeS3, Steps

ORDERS = next(path for path in CATALOGS if path.stem == "orders")
NAME = sha256(ORDERS.read_bytes()).hexdigest()


class Counted(Steps):
    def __init__(self) -> None:
        self.calls: list[str] = []

    def call(self, name: str, target: str, effect: Any) -> Any:  # noqa: ANN401 - Steps'
        self.calls.append(f"{name} {target}")
        return effect()


@pytest.fixture
def steps() -> Counted:
    return Counted()


@pytest.fixture
def store(steps: Counted) -> ObjectStore:
    return ObjectStore(FakeS3(steps), "lake")  # type: ignore[arg-type]  # the in-memory client


def catalogs(store: ObjectStore, path: Path = CATALOG_PATH) -> Catalogs:
    return Catalogs(store, Layout(), load_catalog(path))


def test_a_catalog_is_read_from_its_address(store: ObjectStore) -> None:
    store.put_bytes(f"x/{NAME}.json", ORDERS.read_bytes())
    found = find_catalog(f"s3://lake/x/{NAME}.json", lambda _: store)
    assert found == load_catalog(ORDERS)
    assert found.sha256 == NAME


def test_a_packaged_one_costs_no_call() -> None:
    name = load_catalog().sha256

    def no_store(bucket: str) -> ObjectStore:
        raise AssertionError(bucket)

    assert find_catalog(f"s3://elsewhere/{name}.json", no_store) is load_catalog()
    assert find_catalog("", no_store) is find_catalog("clickstream.json", no_store)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("s3://lake/catalog.json", "the last part of its key has to hold the SHA-256"),
        (f"s3://lake/{NAME}/catalog.json", "the last part of its key"),
        (f"s3://lake/{NAME}-{NAME}.json", "the last part of its key"),
        (f"s3://lake/{NAME}0.json", "the last part of its key"),
        (f"s3://lake/none/{NAME}.json", "there is no such catalog; apply the configuration"),
        (f"s3://lake/other/{NAME}.json", "its content is not the one that its name says"),
        ("/nowhere/catalog.json", "/nowhere/catalog.json: there is no catalog to read"),
    ],
)
def test_what_is_not_there_or_not_itself_is_refused(
    address: str, said: str, store: ObjectStore
) -> None:
    store.put_bytes(f"other/{NAME}.json", ORDERS.read_bytes() + b"\n")
    with pytest.raises(CatalogError, match=said):
        find_catalog(address, lambda _: store)


def test_a_bad_catalog_in_s3_is_named_by_its_address_and_line(store: ObjectStore) -> None:
    bad = b'{\n"columns": 7}'
    address = f"s3://lake/{sha256(bad).hexdigest()}.json"
    store.put_bytes(address.removeprefix("s3://lake/"), bad)
    with pytest.raises(CatalogError) as caught:
        find_catalog(address, lambda _: store)
    assert f"{address}:2:1: columns is a list of columns" in str(caught.value)


def test_a_copy_is_kept_once_and_found_by_whoever_has_another(
    store: ObjectStore, steps: Counted
) -> None:
    first = catalogs(store, ORDERS)
    first.keep()
    first.keep()
    catalogs(store, ORDERS).keep()
    key = f"manifests/catalogs/{NAME}.json"
    assert steps.calls == [f"s3.{name} {key}" for name in ("HeadObject", "PutObject", "HeadObject")]
    later = catalogs(store)
    assert later.of(NAME) == load_catalog(ORDERS)
    assert later.of(NAME) is later.of(NAME)
    assert later.of(later.own.sha256) is later.own
    assert steps.calls[3:] == [f"s3.GetObject {key}"]


def test_a_copy_that_is_gone_or_damaged_is_refused(store: ObjectStore) -> None:
    with pytest.raises(CatalogError, match="there is no such catalog"):
        catalogs(store).of(NAME)
    store.put_bytes(f"manifests/catalogs/{NAME}.json", b"{}")
    with pytest.raises(CatalogError, match="Somebody wrote to it"):
        catalogs(store).of(NAME)


def test_a_catalog_without_a_file_is_named_by_what_it_says(store: ObjectStore) -> None:
    document = json.loads(ORDERS.read_text())
    made = parse_catalog(document)
    Catalogs(store, Layout(), made).keep()
    assert catalogs(store).of(made.sha256) == made
