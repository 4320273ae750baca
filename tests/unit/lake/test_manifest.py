import json
from typing import Any

import msgspec
import pytest

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.errors import ManifestError, ManifestVersionError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.manifest import (
    Manifest,
    Manifests,
    MergedFile,
    MergedSource,
    decode,
    encode,
)
from clickstream_lake.lake.recipe import UNKNOWN, Recipe
from clickstream_lake.lake.undeclared import Field, Undeclared
from tests.protocol.fakes import FakeS3
from tests.protocol.lake import BUCKET, DAY, EARLY, JSON_DAY

SOURCE = MergedSource(
    "raw/a.gz", "e1", 3, EARLY, lines=6, blank=1, rejected=2, recipe=Recipe("c0ffee", rules=1)
)


def manifest(name: str = "g1", **changes: Any) -> Manifest:  # noqa: ANN401 - any field
    fields: dict[str, Any] = {
        "format": "json",
        "partition": DAY.path,
        "generation_id": name,
        "catalog": "c0ffee",
        "created_at": EARLY,
        "sources": {"a": SOURCE},
        "files": (MergedFile("merged-1.json", 2, 10, "c0ffee"),),
        "dropped_duplicates": 1,
    }
    return Manifest(**(fields | changes))


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(FakeS3(), BUCKET)  # type: ignore[arg-type]  # the in-memory client


def test_a_manifest_comes_back_as_it_was() -> None:
    assert decode(encode(manifest())) == manifest()


def test_a_manifest_holds_an_account_of_undeclared_fields_or_none() -> None:
    assert b"undeclared" not in encode(manifest())
    field = Field(5, {"text": 5}, 3, {"phone": 1}, EARLY)
    held = manifest(undeclared=Undeclared(10, 10, {"coupon": field}))
    assert decode(encode(held)) == held


def test_an_account_may_come_to_say_more() -> None:
    held = manifest(undeclared=Undeclared(10, 10, {"coupon": Field(5, {})}))
    document = json.loads(encode(held))
    document["undeclared"]["more"] = document["undeclared"]["fields"]["coupon"]["more"] = 1
    assert decode(json.dumps(document).encode()) == held


def test_a_manifest_is_readable() -> None:
    assert b'\n  "a": {' in encode(manifest())


@pytest.mark.parametrize(
    "changes",
    [
        {"dropped_duplicates": 0},
        {"files": ()},
        {"files": (MergedFile("x", 1, 1, "c"), MergedFile("x", 1, 1, "c"))},
        {"version": 3},
        {"sources": {"a": msgspec.structs.replace(SOURCE, blank=0)}},
    ],
)
def test_a_manifest_that_does_not_add_up_is_neither_written_nor_read(
    changes: dict[str, Any],
) -> None:
    bad = manifest(**changes)
    with pytest.raises(ManifestError):
        encode(bad)
    with pytest.raises(ManifestError):
        decode(msgspec.json.encode(bad))


@pytest.mark.parametrize(
    "change",
    [
        {"sources": []},
        {"sources": {"a": msgspec.to_builtins(SOURCE) | {"raw_etag": ""}}},
        {"sources": {"a": msgspec.to_builtins(SOURCE) | {"rows": -3}}},
        {"files": [{"name": "x", "rows": "2", "bytes": 1, "catalog": "c"}]},
        {"generation_id": None},
        {"surprise": 1},
    ],
)
def test_anything_else_is_no_manifest(change: dict[str, Any]) -> None:
    document = json.loads(encode(manifest())) | change
    with pytest.raises(ManifestError, match="not a manifest"):
        decode(json.dumps(document).encode())


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"\xff"])
def test_nonsense_is_no_manifest(text: bytes) -> None:
    with pytest.raises(ManifestError):
        decode(text)


def test_a_manifest_is_read_once(store: ObjectStore) -> None:
    Manifests(store, Layout()).write(JSON_DAY, manifest())
    manifests = Manifests(store, Layout())
    first = manifests.read(JSON_DAY, "g1")
    store.delete(["manifests/json/year=2025/month=11/day=26/g1/manifest.json"])
    assert manifests.read(JSON_DAY, "g1") is first


def test_only_so_many_manifests_are_kept(store: ObjectStore) -> None:
    manifests = Manifests(store, Layout())
    for number in range(65):
        manifests.write(JSON_DAY, manifest(f"g{number}"))
    store.delete([found.key for found in store.list("manifests/")])
    for number in range(1, 65):
        assert manifests.read(JSON_DAY, f"g{number}") == manifest(f"g{number}")
    with pytest.raises(ManifestError, match="missing"):
        manifests.read(JSON_DAY, "g0")


def test_a_missing_manifest_is_an_error(store: ObjectStore) -> None:
    with pytest.raises(ManifestError, match="missing"):
        Manifests(store, Layout()).read(JSON_DAY, "g1")


def test_an_older_versions_manifest_is_found_at_its_old_place(store: ObjectStore) -> None:
    key = "processed/json/compacted/year=2025/month=11/day=26/g1/_manifest.json"
    store.put_bytes(key, encode(manifest()))
    manifests = Manifests(store, Layout())
    assert manifests.read(JSON_DAY, "g1") == manifest()
    manifests.write(JSON_DAY, manifest("g2"))
    assert manifests.names(JSON_DAY) == ["g1", "g2"]


def test_a_manifest_costs_one_call_where_all_generations_are_new(store: ObjectStore) -> None:
    Manifests(store, Layout()).write(JSON_DAY, manifest())
    reads = []
    read = store.read
    store.read = lambda key: reads.append(key) or read(key)  # type: ignore[func-returns-value,method-assign]  # to count
    Manifests(store, Layout()).read(JSON_DAY, "g1")
    assert reads == [Layout().manifest_key(JSON_DAY, "g1")]


@pytest.mark.parametrize(
    "change", [{"version": 3}, {"version": 3, "segments": ["a"]}, {"version": 4, "sources": None}]
)
def test_a_newer_version_is_named_whatever_it_holds(change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(encode(manifest())) | change).encode()
    with pytest.raises(ManifestVersionError, match="deploy the newer version everywhere"):
        decode(text)


OF_VERSION_1 = {
    "version": 1,
    "format": "json",
    "partition": DAY.path,
    "generation_id": "g1",
    "schema_version": 7,
    "created_at": EARLY,
    "sources": {
        "a": {
            "raw_key": "raw/a.gz",
            "raw_etag": "e1",
            "rows": 3,
            "processed_ts": EARLY,
            "lines": 6,
            "blank": 1,
            "rejected": 2,
        }
    },
    "files": [{"name": "merged-1.json", "rows": 2, "bytes": 10, "schema_version": 7}],
    "dropped_duplicates": 1,
}


def test_a_manifest_with_counters_is_read_as_by_an_unknown_catalog() -> None:
    found = decode(json.dumps(OF_VERSION_1).encode())
    assert found.sources["a"] == msgspec.structs.replace(SOURCE, recipe=UNKNOWN)
    assert [(file.name, file.catalog) for file in found.files] == [("merged-1.json", "")]
    # What takes it over is of today's version.
    assert decode(encode(found)) == found


@pytest.mark.parametrize("name", OF_VERSION_1)
def test_a_manifest_with_counters_that_lacks_something_is_none(name: str) -> None:
    document = {key: value for key, value in OF_VERSION_1.items() if key != name}
    with pytest.raises(ManifestError):
        decode(json.dumps(document).encode())


def test_another_generations_manifest_is_an_error(store: ObjectStore) -> None:
    key = Layout().manifest_key(JSON_DAY, "g2")
    store.put_bytes(key, encode(manifest("g1")))
    with pytest.raises(ManifestError, match="belongs to"):
        Manifests(store, Layout()).read(JSON_DAY, "g2")
