import gzip
from pathlib import Path

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


def test_no_lines_make_a_readable_empty_file(tmp_path: Path) -> None:
    write_gzip(tmp_path / "none.gz", [])

    assert gzip.decompress((tmp_path / "none.gz").read_bytes()) == b""
