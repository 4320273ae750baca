import gzip
import io
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.json import JsonOptions, merge_json
from clickstream_lake.compact.merge.merging import Bitmap, Input, MergeCounters, MergeResult
from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import load_catalog

Newer = Callable[..., Catalog]


def stored(body: bytes, drop: Bitmap | None = None, catalog: str | None = None) -> Input:
    written_by = load_catalog().sha256 if catalog is None else catalog
    return Input(lambda: io.BytesIO(body), catalog=written_by, drop=drop)


def merge(
    *bodies: bytes | Input, out: Path, catalog: Catalog | None = None, **options: int
) -> MergeResult:
    inputs = [body if isinstance(body, Input) else stored(body) for body in bodies]
    return merge_json(
        inputs,
        out,
        catalog=catalog or load_catalog(),
        options=JsonOptions(**options),  # type: ignore[arg-type]  # a flag is an int, too
    )


def text_of(result: MergeResult) -> bytes:
    bodies = [file.path.read_bytes() for file in result.files]
    return b"".join(gzip.decompress(b) if b[:2] == b"\x1f\x8b" else b for b in bodies)


def test_files_are_concatenated_in_order(tmp_path: Path) -> None:
    result = merge(b'{"a":1}\n{"a":2}\n', b'{"a":3}\n', out=tmp_path)
    assert text_of(result) == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    (file,) = result.files
    assert (file.path.name, file.rows, file.bytes) == ("part-00000.json", 3, 24)
    assert (result.counters.inputs, result.counters.rows_in, result.counters.rows_out) == (2, 3, 3)


def test_a_missing_newline_at_the_end_is_mended(tmp_path: Path) -> None:
    result = merge(b'{"a":1}\n{"a":2}', b'{"a":3}', out=tmp_path)
    assert text_of(result) == b'{"a":1}\n{"a":2}\n{"a":3}\n'
    assert result.counters.rows_in == 3


@pytest.mark.parametrize("out_gzip", [False, True])
@pytest.mark.parametrize("in_gzip", [False, True])
def test_plain_and_gzip_go_in_and_come_out(
    tmp_path: Path, *, in_gzip: bool, out_gzip: bool
) -> None:
    bodies = [b'{"a":1}\n', b'{"a":2}', b'{"a":3}\n']
    given_ = [gzip.compress(body) if in_gzip else body for body in bodies]
    result = merge(*given_, gzip.compress(b'{"a":4}\n'), b'{"a":5}\n', out=tmp_path, gzip=out_gzip)
    assert text_of(result) == b'{"a":1}\n{"a":2}\n{"a":3}\n{"a":4}\n{"a":5}\n'
    assert result.files[0].path.name == ("part-00000.json.gz" if out_gzip else "part-00000.json")
    assert result.counters.rows_out == result.files[0].rows == 5


def test_gzip_members_are_copied_as_they_are_stored(tmp_path: Path) -> None:
    bodies = [gzip.compress(b'{"a":%d}\n' % n) for n in range(3)]
    result = merge(*bodies, out=tmp_path, gzip=True)
    assert result.files[0].path.read_bytes() == b"".join(bodies)


def test_several_members_in_one_input_are_read_to_the_end(tmp_path: Path) -> None:
    body = gzip.compress(b'{"a":1}\n{"a"') + gzip.compress(b":2}\n")
    assert text_of(merge(body, out=tmp_path)) == b'{"a":1}\n{"a":2}\n'


@pytest.mark.parametrize("out_gzip", [False, True])
def test_a_damaged_gzip_input_leaves_no_output_behind(tmp_path: Path, *, out_gzip: bool) -> None:
    body = gzip.compress(b'{"a":1}\n' * 100)
    for broken in (body[:-4], body[:-8] + b"\0\0\0\0" + body[-4:], body[:20]):
        with pytest.raises((EOFError, OSError, zlib.error)):
            merge(b'{"a":0}\n', broken, out=tmp_path, gzip=out_gzip, target_bytes=1)
        assert list(tmp_path.iterdir()) == []


def test_files_end_at_the_target_size_between_inputs(tmp_path: Path) -> None:
    result = merge(*[b'{"a":1}\n'] * 5, out=tmp_path, target_bytes=16)
    assert [file.rows for file in result.files] == [2, 2, 1]
    assert [file.path.name for file in result.files] == [f"part-{n:05}.json" for n in range(3)]


@pytest.mark.parametrize("body", [b"", gzip.compress(b"", mtime=0)], ids=["empty", "empty member"])
@pytest.mark.parametrize("out_gzip", [False, True])
def test_no_rows_no_file(tmp_path: Path, body: bytes, *, out_gzip: bool) -> None:
    assert merge(body, out=tmp_path, gzip=out_gzip).files == []
    assert list(tmp_path.iterdir()) == []


def test_dropped_lines_are_counted_and_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_lake.compact.merge.json.CHUNK_BYTES", 16)
    drop = Bitmap()
    for row in (0, 3, 9):
        drop.set(row)
    body = b"".join(b'{"a":%d}\n' % n for n in range(10))
    result = merge(stored(body, drop), out=tmp_path)
    assert text_of(result) == b"".join(b'{"a":%d}\n' % n for n in range(10) if n not in {0, 3, 9})
    counters = result.counters
    assert (counters.rows_in, counters.rows_out, counters.duplicates) == (10, 7, 3)


def conform(
    line: str, catalog: Catalog, tmp_path: Path, written_by: str | None = None
) -> tuple[object, MergeCounters]:
    result = merge(stored(line.encode() + b"\n", catalog=written_by), out=tmp_path, catalog=catalog)
    return json.loads(text_of(result)), result.counters


def test_a_field_in_the_extra_object_moves_into_its_column(tmp_path: Path, newer: Newer) -> None:
    catalog = newer(quantity="double")
    line, counters = conform('{"a":1,"extra":{"quantity":5.5,"b":2}}', catalog, tmp_path)
    assert line == {"a": 1, "quantity": 5.5, "extra": {"b": 2}}
    assert (counters.lifted, counters.returned) == (1, 0)


def test_an_empty_extra_object_goes(tmp_path: Path, newer: Newer) -> None:
    line, _ = conform('{"extra":{"quantity":5.5}}', newer(quantity="double"), tmp_path)
    assert line == {"quantity": 5.5}


def test_what_a_column_takes_by_now_moves_into_it(tmp_path: Path, newer: Newer) -> None:
    """As in Parquet; what is not ISO 8601 becomes ISO 8601, so that both tables agree."""
    sent = '{"event_ts":null,"extra":{"event_ts":1764151200.5}}'
    line, counters = conform(sent, newer(), tmp_path)
    assert line == {"event_ts": "2025-11-26T10:00:00.500Z"}
    assert counters.lifted == 1
    sent = '{"event_ts":"2025-W48-3","extra":{"event_ts":-1}}'
    assert conform(sent, newer(), tmp_path)[0] == json.loads(sent)


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        ("bigint", "7", {"fresh": 7}),
        ("bigint", '"x"', {"extra": {"fresh": "x"}}),
        ("bigint", "{}", {"extra": {"fresh": {}}}),
        ("string", "[1, 2]", {"fresh": "[1,2]"}),
        ("string", "5", {"fresh": "5"}),
        ("timestamp", '"soon"', {"extra": {"fresh": "soon"}}),
        ("json", "[1, 2]", {"fresh": [1, 2]}),
        ("boolean", "null", {"fresh": None}),
    ],
)
def test_a_field_of_an_old_line_fits_its_new_column_or_goes_into_extra(
    tmp_path: Path, newer: Newer, kind: str, raw: str, expected: object
) -> None:
    line, _ = conform(f'{{"fresh":{raw}}}', newer(fresh=kind), tmp_path)
    assert line == expected


def test_a_field_that_would_now_be_taken_for_a_column_goes_into_extra(
    tmp_path: Path, newer: Newer
) -> None:
    line, counters = conform('{"Fresh":1,"other":2}', newer(fresh="bigint"), tmp_path)
    assert line == {"other": 2, "extra": {"Fresh": 1}}
    assert counters.returned == 1


def test_an_old_line_that_fits_keeps_its_bytes(tmp_path: Path, newer: Newer) -> None:
    body = b'{ "event_id" : "x","fresh":1.50,"extra":{"Q" : 1}}\n'
    result = merge(stored(body, catalog=""), out=tmp_path, catalog=newer(fresh="double"))
    assert text_of(result) == body


def test_lines_of_todays_schema_are_not_looked_at(tmp_path: Path, newer: Newer) -> None:
    body = b"not even JSON\n"
    result = merge(
        stored(body, catalog=newer(fresh="double").sha256),
        out=tmp_path,
        catalog=newer(fresh="double"),
    )
    assert text_of(result) == body
    with pytest.raises(ValueError, match="not a JSON object"):
        merge(stored(body), out=tmp_path, catalog=newer(fresh="double"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b" ") or b"x")),
            st.booleans(),
            st.booleans(),
        ),
        max_size=5,
    ),
    st.booleans(),
    st.integers(1, 40),
)
def test_no_byte_is_changed_whatever_the_lines_hold(
    tmp_path: Path,
    files: list[tuple[list[bytes], bool, bool]],
    out_gzip: bool,  # noqa: FBT001 - hypothesis passes by position
    chunk: int,
) -> None:
    bodies, wanted = [], b""
    for lines, compress, ended in files:
        whole = b"".join(line + b"\n" for line in lines)
        wanted += whole
        body = whole if ended else whole.removesuffix(b"\n")
        # What starts like gzip would be taken for it: no JSON line does.
        body = b" " + body[1:] if body[:2] == b"\x1f\x8b" else body
        wanted = wanted[: len(wanted) - len(whole)] + (
            body if body.endswith(b"\n") or not body else body + b"\n"
        )
        bodies.append(gzip.compress(body) if compress else body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("clickstream_lake.compact.merge.json.CHUNK_BYTES", chunk)
        result = merge(*bodies, out=tmp_path, gzip=out_gzip, target_bytes=50)
    assert text_of(result) == wanted
    assert result.counters.rows_out == wanted.count(b"\n")
