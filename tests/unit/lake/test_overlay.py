from datetime import datetime

import pytest

from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.overlay import Overlay
from tests.protocol.fakes import FakeS3
from tests.protocol.lake import BUCKET


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore(FakeS3(), BUCKET)  # type: ignore[arg-type]  # the in-memory client


def on(day: str) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00:00+00:00")


def names(overlay: Overlay) -> list[tuple[str, str, tuple[str, ...], str]]:
    return [
        (each.name, each.type, each.time_formats, f"{each.at:%Y-%m-%d}")
        for each in overlay.columns()
    ]


def test_a_lake_without_an_overlay_has_its_catalog(store: ObjectStore) -> None:
    overlay = Overlay(store, Layout())
    assert overlay.columns() == []
    assert overlay.over(load_catalog()) is load_catalog()


def test_what_is_added_comes_back_and_is_in_the_catalog(store: ObjectStore) -> None:
    overlay = Overlay(store, Layout())
    overlay.add("seen_at", "timestamp", ("iso", "sql"), on("2025-11-27"), "often")
    overlay.add("coupon", "string", (), on("2025-11-26"), "often")
    assert names(overlay) == [
        ("coupon", "string", (), "2025-11-26"),
        ("seen_at", "timestamp", ("iso", "sql"), "2025-11-27"),
    ]
    assert store.read("manifests/overlay/coupon/2025-11-26T000000Z.string") == b"often\n"
    columns = {column.name: column for column in overlay.over(load_catalog()).columns}
    assert columns["coupon"].type == "string"
    assert columns["seen_at"].time_formats == ("iso", "sql")
    assert overlay.over(load_catalog()).sha256 == overlay.over(load_catalog()).sha256


def test_the_first_of_one_name_counts(store: ObjectStore) -> None:
    overlay = Overlay(store, Layout())
    overlay.add("coupon", "string", (), on("2025-11-27"), "")
    overlay.add("coupon", "bigint", (), on("2025-11-26"), "")
    overlay.add("coupon", "bigint", (), on("2025-11-26"), "")
    assert names(overlay) == [("coupon", "bigint", (), "2025-11-26")]


def test_what_the_file_has_or_may_not_have_is_left_out(store: ObjectStore) -> None:
    overlay = Overlay(store, Layout())
    for name in ("price", "extra", "year", "user_id"):
        overlay.add(name, "string", (), on("2025-11-26"), "")
    assert overlay.over(load_catalog()) is load_catalog()


@pytest.mark.parametrize(
    "key",
    [
        "x",
        "x/",
        "coupon/2025-11-26T000000Z",
        "coupon/2025-11-26T000000Z.text",
        "coupon/2025-11-26.string",
        "seen/2025-11-26T000000Z.timestamp.iso-x",
    ],
)
def test_other_objects_are_no_columns(store: ObjectStore, key: str) -> None:
    store.put_bytes(f"manifests/overlay/{key}", b"")
    overlay = Overlay(store, Layout())
    assert overlay.columns() == []
    with pytest.raises(CatalogError, match=f"{BUCKET}/manifests/overlay/{key} is no column"):
        overlay.columns(strict=True)
