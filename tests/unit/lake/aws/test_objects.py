import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from clickstream_lake.lake.aws import multipart, objects
from clickstream_lake.lake.aws.objects import ObjectStore
from clickstream_lake.lake.errors import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
    StorageError,
)
from tests.protocol.clients import moto
from tests.protocol.fakes import FakeS3, client_error
from tests.protocol.lake import BUCKET


@pytest.fixture
def s3() -> Iterator[Any]:
    with moto() as (client, _):
        yield client


@pytest.fixture
def store(s3: Any) -> ObjectStore:  # noqa: ANN401 - a boto3 client
    return ObjectStore(s3, BUCKET)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects of over 100 bytes go in parts of 40, as those of over 5 GiB do otherwise."""
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 1)
    monkeypatch.setattr(objects, "SINGLE_CALL_BYTES", 100)
    monkeypatch.setattr(multipart, "PART_BYTES", 40)


def test_what_is_put_can_be_read(store: ObjectStore, tmp_path: Path) -> None:
    store.put_bytes("k/1", b"bytes", metadata={"rows": "1"}, content_type="text/plain")
    assert store.read("k/1") == b"bytes"
    with store.open("k/1") as (info, stream):
        assert (info.size, info.metadata, stream.read(2)) == (5, {"rows": "1"}, b"by")
    told = store.download("k/1", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == b"bytes"
    assert store.head("k/1") == told


def test_a_file_is_put_with_its_metadata(store: ObjectStore, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    store.put_file("k", path, metadata={"rows": "7"})
    info = store.head("k")
    assert info is not None
    assert (info.size, info.metadata) == (7, {"rows": "7"})


def test_a_missing_object_is_none_or_an_error(store: ObjectStore, tmp_path: Path) -> None:
    assert store.head("none") is None
    for call in (
        lambda: store.read("none"),
        lambda: store.download("none", tmp_path / "x"),
        lambda: store.copy("none", "k", size=1),
    ):
        with pytest.raises(ObjectMissingError):
            call()


def test_a_put_may_ask_for_absence(store: ObjectStore) -> None:
    store.put_bytes("k", b"first", if_absent=True)
    with pytest.raises(ObjectExistsError):
        store.put_bytes("k", b"second", if_absent=True)
    assert store.read("k") == b"first"


def test_a_put_may_ask_for_a_version(store: ObjectStore) -> None:
    store.put_bytes("k", b"first")
    info = store.head("k")
    assert info is not None
    store.put_bytes("k", b"second", if_match=info.etag)
    with pytest.raises(ObjectChangedError):
        store.put_bytes("k", b"third", if_match=info.etag)
    with pytest.raises(ObjectChangedError):
        store.put_bytes("none", b"third", if_match=info.etag)
    assert store.read("k") == b"second"


def test_a_copy_keeps_the_metadata(store: ObjectStore) -> None:
    store.put_bytes("k", b"content", metadata={"rows": "7"}, content_type="text/plain")
    store.copy("k", "copy", size=7)
    info = store.head("copy")
    assert info is not None
    assert (store.read("copy"), info.metadata) == (b"content", {"rows": "7"})


def test_listing_goes_on_after_a_thousand(store: ObjectStore) -> None:
    for number in range(1005):
        store.put_bytes(f"many/{number:04}", b"")
    store.put_bytes("man", b"")
    keys = [info.key for info in store.list("many/")]
    assert keys == [f"many/{number:04}" for number in range(1005)]


def test_deleting_takes_any_number_and_what_has_gone(store: ObjectStore) -> None:
    keys = [f"many/{number:04}" for number in range(1005)]
    store.put_bytes(keys[0], b"")
    store.put_bytes(keys[-1], b"")
    store.delete(keys)
    store.delete([])
    assert list(store.list("many/")) == []


@pytest.mark.usefixtures("small_parts")
def test_a_big_object_goes_up_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    path, content = tmp_path / "big", bytes(range(250))
    path.write_bytes(content)
    store.put_file("big", path, metadata={"rows": "7"}, if_absent=True)
    info = store.head("big")
    assert info is not None
    assert (store.read("big"), info.metadata) == (content, {"rows": "7"})
    with pytest.raises(ObjectExistsError):
        store.put_file("big", path, if_absent=True)
    store.put_file("big", path, if_match=info.etag)


@pytest.mark.usefixtures("small_parts")
def test_a_big_object_is_copied_in_parts_with_its_metadata(store: ObjectStore) -> None:
    content = bytes(range(250))
    store.put_bytes("big", content, metadata={"rows": "7"}, content_type="text/plain")
    store.copy("big", "copy", size=len(content))
    info = store.head("copy")
    assert info is not None
    assert (store.read("copy"), info.metadata) == (content, {"rows": "7"})
    with pytest.raises(ObjectMissingError):
        store.copy("none", "copy", size=len(content))


@pytest.mark.usefixtures("small_parts")
def test_a_failed_upload_in_parts_leaves_nothing(
    s3: Any,  # noqa: ANN401 - a boto3 client
    store: ObjectStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(s3, "upload_part", lambda **_: fail(client_error("SlowDown", "x")))
    with pytest.raises(StorageError):
        store.put_bytes("big", bytes(250))
    assert store.head("big") is None
    assert s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []


def fail(error: Exception) -> Any:  # noqa: ANN401 - never returns
    raise error


@pytest.mark.parametrize(
    "error",
    [
        client_error("SlowDown", "x", 503),
        client_error("AccessDenied", "x", 403),
        EndpointConnectionError(endpoint_url="https://simulated"),
        ReadTimeoutError(endpoint_url="https://simulated"),
    ],
)
def test_what_s3_refuses_is_a_storage_error_that_names_the_key(
    error: Exception, tmp_path: Path
) -> None:
    class Refusing:
        def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - any call of the client
            return lambda **_: fail(error)

    store = ObjectStore(Refusing(), BUCKET)  # type: ignore[arg-type]  # a client that always fails
    (tmp_path / "file").touch()
    for call in (
        lambda: store.head("the-key"),
        lambda: store.read("the-key"),
        lambda: store.download("the-key", tmp_path / "x"),
        lambda: list(store.list("the-key")),
        lambda: store.put_bytes("the-key", b""),
        lambda: store.put_file("the-key", tmp_path / "file"),
        lambda: store.copy("the-key", "k", size=1),
        lambda: store.delete(["the-key"]),
    ):
        with pytest.raises(StorageError, match="the-key"):
            call()


def test_a_body_that_breaks_off_is_a_storage_error() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(size) or fail(ReadTimeoutError(endpoint_url="https://simulated"))

    client: Any = FakeS3()
    store = ObjectStore(client, BUCKET)
    store.put_bytes("k", b"half")
    answer = client.get_object(Key="k") | {"Body": Broken(b"half")}
    client.get_object = lambda **_: answer
    with store.open("k") as (_, stream):
        assert stream.read(4) == b"half"
        with pytest.raises(StorageError, match="cannot read 'k'"):
            stream.read()


def test_an_object_that_cannot_be_deleted_is_named() -> None:
    client: Any = FakeS3()
    client.delete_objects = lambda **_: {
        "Errors": [{"Key": "locked", "Code": "AccessDenied", "Message": "no"}]
    }
    with pytest.raises(StorageError, match="locked"):
        ObjectStore(client, BUCKET).delete(["locked"])
