import io
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream_lake.sandbox.athena.parquet_format import (
    RowGroup,
    bloom_filter,
    row_groups,
    xxh64,
)


@pytest.mark.parametrize(
    ("body", "expected"),
    [  # by the reference implementation
        (b"", 0xEF46DB3751D8E999),
        (b"a", 0xD24EC4F1A98C6E5B),
        (b"abc", 0x44BC2CF5AD770999),
        (b"Nobody inspects the spammish repetition", 0xFBCEA83C8A378BF1),
    ],
)
def test_hashes_as_the_reference_does(body: bytes, expected: int) -> None:
    assert xxh64(body) == expected


def written(table: pa.Table, **options: object) -> tuple[bytes, list[RowGroup]]:
    sink = io.BytesIO()
    pq.write_table(table, sink, **options)
    body = sink.getvalue()
    length = int.from_bytes(body[-8:-4], "little")
    return body, row_groups(body[-8 - length : -8])


AT = datetime(2025, 11, 26, 10, 0, 0, 500_000, tzinfo=UTC)
TABLE = pa.table(
    {
        "Word": [f"w{i % 3}" for i in range(1_000)],
        "at": pa.array([AT] * 999 + [None], pa.timestamp("ms", "UTC")),
        "day": pa.array([AT.date()] * 1_000, pa.date32()),
        "n": pa.array(range(1_000), pa.int32()),
        "price": [i / 4 for i in range(1_000)],
        "nested": [{"a": i, "b": [i]} for i in range(1_000)],
    }
)


def test_a_footer_has_what_pyarrow_reads_of_it() -> None:
    body, groups = written(TABLE, row_group_size=500, compression="zstd")
    metadata = pq.ParquetFile(pa.BufferReader(body)).metadata
    for index, group in enumerate(groups):
        theirs = metadata.row_group(index)
        assert group.rows == theirs.num_rows
        paths = [theirs.column(i).path_in_schema.lower() for i in range(theirs.num_columns)]
        assert list(group.chunks) == paths
        for place, chunk in enumerate(group.chunks.values()):
            start, end = chunk.range
            assert end - start == theirs.column(place).total_compressed_size
    assert set(groups[0].of(["nested"])) == {"nested.a", "nested.b.list.element"}


def test_statistics_are_comparable_values() -> None:
    _, (group,) = written(TABLE)
    found = {name: chunk.statistics for name, chunk in group.chunks.items()}
    micros = round(AT.timestamp() * 1e6)
    day = micros - micros % 86_400_000_000
    assert [(one.low, one.high, one.nulls) for one in found.values() if one][:5] == [
        (b"w0", b"w2", 0),
        (micros, micros, 1),
        (day, day, 0),
        (0, 999, 0),
        (0.0, 249.75, 0),
    ]


def test_a_page_index_tells_places_and_bounds() -> None:
    body, (group,) = written(
        TABLE, write_page_index=True, max_rows_per_page=100, use_dictionary=False
    )
    chunk = group.chunks["n"]
    assert chunk.offset_index is not None
    assert chunk.column_index is not None
    pages = chunk.pages(body[slice(*chunk.offset_index)])
    assert [page.first_row for page in pages] == list(range(0, 1_000, 100))
    assert pages[0].start == chunk.start
    assert pages[-1].end == chunk.range[1]
    bounds = chunk.page_statistics(body[slice(*chunk.column_index)])
    assert [(one.low, one.high) for one in bounds] == [(i, i + 99) for i in range(0, 1_000, 100)]


@pytest.mark.parametrize("compression", ["none", "snappy", "zstd", "gzip", "brotli", "lz4"])
def test_a_dictionary_is_decoded(compression: str) -> None:
    body, (group,) = written(TABLE, compression=compression)
    for name, values in (("word", [b"w0", b"w1", b"w2"]), ("n", list(range(1_000)))):
        chunk = group.chunks[name]
        assert chunk.dictionary is not None
        page = body[slice(*chunk.dictionary)]
        assert chunk.dictionary_values(page, 1_000) == values
        assert chunk.dictionary_values(page, 2) is None, "too many"


def test_a_chunk_that_left_its_dictionary_has_none_to_look_into() -> None:
    unique = pa.table({"id": [f"{i:0100}" for i in range(20_000)]})
    _, (group,) = written(unique, dictionary_pagesize_limit=10_000)
    assert group.chunks["id"].dictionary is None


def test_a_bloom_filter_knows_what_went_in() -> None:
    options = {"word": {"ndv": 3, "fpp": 0.0001}, "n": {"ndv": 1_000, "fpp": 0.0001}}
    table = TABLE.rename_columns([name.lower() for name in TABLE.column_names])
    body, (group,) = written(table, bloom_filter_options=options)
    for name, inside, outside in (("word", b"w1", b"w9"), ("n", 77, 5_000)):
        chunk = group.chunks[name]
        assert chunk.bloom_filter is not None
        found = bloom_filter(body[chunk.bloom_filter : chunk.bloom_filter + 64])
        assert found is not None
        start = chunk.bloom_filter + found.header
        bits = body[start : start + found.size]
        assert found.may_hold(bits, inside, chunk.kind)
        assert not found.may_hold(bits, outside, chunk.kind)
