import gzip
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clickstream_lake.generate import write_gzip, write_ndjson

LINES = [b'{"event_id":"%d"}\n' % number for number in range(4_321)]


def test_ndjson_holds_the_lines_and_reports_progress(tmp_path: Path) -> None:
    path, seen = tmp_path / "events.json", list[int]()

    size = write_ndjson(path, iter(LINES), seen.append)

    assert path.read_bytes() == b"".join(LINES)
    assert size == len(b"".join(LINES))
    assert sum(seen) == len(LINES)


def test_gzip_gives_the_same_file_for_the_same_lines_whatever_its_name(tmp_path: Path) -> None:
    first, second = tmp_path / "a.gz", tmp_path / "b.gz"

    size = write_gzip(first, LINES)
    write_gzip(second, iter(LINES))

    assert first.read_bytes() == second.read_bytes()
    assert gzip.decompress(first.read_bytes()) == b"".join(LINES)
    assert size == len(b"".join(LINES))


@pytest.mark.parametrize("write", [write_ndjson, write_gzip])
def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, write: Callable[..., int]
) -> None:
    path = tmp_path / "events"
    path.write_bytes(b"old")

    def lines() -> Iterator[bytes]:
        yield from LINES
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write(path, lines())

    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("events", b"old")]


def test_a_symbolic_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")

    write_ndjson(tmp_path / "link", LINES[:1])

    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == LINES[0]


def test_a_device_is_written_to_and_not_replaced() -> None:
    write_ndjson(Path("/dev/null"), LINES)

    assert Path("/dev/null").is_char_device()


def test_no_lines_make_a_readable_empty_file(tmp_path: Path) -> None:
    write_gzip(tmp_path / "none.gz", [])

    assert gzip.decompress((tmp_path / "none.gz").read_bytes()) == b""
