import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.catalogs import Catalogs
from clickstream_lake.lake.config import Config
from clickstream_lake.lake.errors import DeadlineError, NoRoomError
from clickstream_lake.lake.publish import Publisher
from clickstream_lake.transform import process
from clickstream_lake.transform.process import RawObjectProcessor
from clickstream_lake.transform.read.gunzip import PIECE_BYTES
from clickstream_lake.transform.rules.native import library
from tests.protocol.lake import BUCKET, DATABASE, DAY, LakeUnderTest

KEY = f"raw/{DAY.path}/a.gz"
EVENTS = b"".join(b'{"event_id":"e%d","user_id":"u"}\n' % number for number in range(20))
NOW = datetime(2025, 11, 26, 10, tzinfo=UTC)


@pytest.fixture
def without_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    library.load.cache_clear()
    monkeypatch.setattr(library, "path", lambda: tmp_path / "kernel-gone.so")
    yield
    library.load.cache_clear()


def processor(lake: LakeUnderTest, scratch: Path) -> RawObjectProcessor:
    scratch.mkdir(exist_ok=True)
    return RawObjectProcessor(
        store=lake.store,
        publisher=Publisher(lake),
        catalogs=Catalogs(lake.store, lake.layout, load_catalog()),
        config=Config(BUCKET, DATABASE),
        now=lambda: NOW,
        scratch=scratch,
    )


class Patience:
    """A deadline that passes at the n-th question."""

    def __init__(self, questions: int) -> None:
        self.left = questions

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise DeadlineError("over")


def test_given_up_at_any_moment_it_leaves_nothing_and_a_retry_makes_it_whole(
    memory_lake: LakeUnderTest, tmp_path: Path
) -> None:
    lake, scratch = memory_lake, tmp_path / "scratch"
    lake.store.put_bytes(KEY, gzip.compress(EVENTS + b"broken\n"))
    work = processor(lake, scratch)
    shown: list[list[str]] = []  # what is there each time that it was given up
    with pytest.raises(DeadlineError):
        work.process(KEY, Patience(0).check)
    for questions in range(1, 50):
        patience = Patience(questions)
        try:
            report = work.process(KEY, patience.check)
        except DeadlineError:
            assert list(scratch.iterdir()) == []
            # A copy of the catalog lies outside of all partitions.
            places = {"/".join(key.split("/")[:-4]) for key in lake.keys("")}
            shown.append(sorted(places - {"raw", ""}))
        else:
            break
    reached = [[], ["rejected"], ["processed/json", "rejected"]]
    assert [each for number, each in enumerate(shown) if each not in shown[:number]] == reached
    assert patience.left == 0
    assert report.stats is not None
    assert (report.stats.published, report.stats.rejected_lines) == (20, 1)
    for fmt in ("json", "parquet"):
        assert len(lake.visible(fmt)) == 20


@pytest.mark.parametrize(
    ("text", "least"),
    [
        (EVENTS * 30_000, len(EVENTS) * 30_000 // PIECE_BYTES),
        (b"", 1),
    ],
    ids=["clean", "empty"],
)
def test_the_time_is_asked_for_once_for_each_piece(
    memory_lake: LakeUnderTest, tmp_path: Path, text: bytes, least: int
) -> None:
    memory_lake.store.put_bytes(KEY, gzip.compress(text))
    asked = []
    processor(memory_lake, tmp_path / "scratch").process(KEY, lambda: asked.append(1))
    assert len(asked) >= least


def test_members_that_hold_nothing_are_read_under_the_deadline_too(
    memory_lake: LakeUnderTest, tmp_path: Path
) -> None:
    memory_lake.store.put_bytes(KEY, gzip.compress(b"") * 100_000)  # 2 MB, no piece
    asked = []
    processor(memory_lake, tmp_path / "scratch").process(KEY, lambda: asked.append(1))
    assert len(asked) >= 8


@pytest.mark.parametrize(
    "text", [b"{}\n" * 500, b"x\n" * 500, b"[]" * 500, EVENTS * 25], ids=["{}", "x", "[]", "events"]
)
@pytest.mark.usefixtures("without_kernel")
def test_without_the_kernel_it_is_asked_for_once_for_each_event(
    memory_lake: LakeUnderTest, tmp_path: Path, text: bytes
) -> None:
    memory_lake.store.put_bytes(KEY, gzip.compress(text))
    asked = []
    processor(memory_lake, tmp_path / "scratch").process(KEY, lambda: asked.append(1))
    assert len(asked) >= 500


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
@pytest.mark.parametrize("fmt", ["json", "parquet"])
def test_a_full_disk_is_told_as_such(
    memory_lake: LakeUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fmt: str
) -> None:
    memory_lake.store.put_bytes(KEY, gzip.compress(EVENTS))
    name = memory_lake.layout.source(KEY).source_id

    class Full(TemporaryDirectory[str]):
        def __enter__(self) -> str:
            (Path(self.name) / f"{name}.{fmt}").symlink_to("/dev/full")
            return self.name

    monkeypatch.setattr(process, "TemporaryDirectory", Full)
    with pytest.raises(NoRoomError, match="no room left") as caught:
        processor(memory_lake, tmp_path / "scratch").process(KEY)
    assert KEY in str(caught.value)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert memory_lake.keys() == []
