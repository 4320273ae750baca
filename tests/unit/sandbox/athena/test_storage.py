from pathlib import Path
from typing import TYPE_CHECKING

from clickstream_lake.sandbox.athena.storage import TableStorage, in_parallel

if TYPE_CHECKING:
    from conftest import Lake


def test_reads_ranges_and_asks_for_each_once(lake: "Lake", tmp_path: Path) -> None:
    lake.put("t/a", b"0123456789")
    storage = TableStorage(lake.s3, tmp_path / "own")
    (file,) = storage.list("s3://lake/t")
    assert (storage.read(file, 2, 5), storage.read(file)) == (b"234", b"0123456789")
    lake.s3.delete_object(Bucket="lake", Key="t/a")
    assert storage.read(file, 2, 5) == b"234"
    assert storage.read(file, 5, 5) == b""


def test_a_changed_object_is_read_anew(lake: "Lake", tmp_path: Path) -> None:
    storage = TableStorage(lake.s3, tmp_path / "own")
    for body in (b"one", b"two"):
        lake.put("t/a", body)
        (file,) = storage.list("s3://lake/t/")
        assert storage.read(file) == body


def test_the_cache_keeps_to_its_limit(lake: "Lake", tmp_path: Path) -> None:
    cache = tmp_path / "own"
    storage = TableStorage(lake.s3, cache, limit=100)
    for number in range(20):
        lake.put(f"t/{number:02}", b"x" * 10)
    for file in storage.list("s3://lake/t/"):
        assert storage.read(file) == b"x" * 10
        assert sum(path.stat().st_size for path in cache.iterdir()) <= 100


def test_a_location_is_a_directory_and_no_prefix(lake: "Lake", tmp_path: Path) -> None:
    lake.put("t/d=1/a", b"x")
    lake.put("t/d=10/a", b"x")
    storage = TableStorage(lake.s3, tmp_path / "own")
    assert [file.key for file in storage.list("s3://lake/t/d=1")] == ["t/d=1/a"]


def test_a_temporary_cache_goes_with_its_storage(lake: "Lake") -> None:
    storage = TableStorage(lake.s3)
    directory = storage._cache
    assert directory.exists()
    storage.close()
    assert not directory.exists()


def test_reads_only_a_little_ahead() -> None:
    started: list[int] = []

    def work(item: int) -> int:
        started.append(item)
        return -item

    answers = in_parallel(work, range(1000))
    assert next(answers) == 0
    assert len(started) < 50
    assert list(answers) == [-item for item in range(1, 1000)]
