import io
import weakref
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.cluster import Buffer
from clickstream_lake.compact.merge.merging import Bitmap, Input, MergeResult
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.lake.catalog import Catalog, ClusterTerm
from clickstream_lake.lake.catalog_file import load_catalog

Write = Callable[..., Path]
NOON = 1_764_158_400_000


def event(number: int, **fields: object) -> dict[str, Any]:
    return {
        "event_id": f"id-{number:08}",
        "event_type": ("view", "click", "buy")[number % 3],
        "event_ts": NOON + (number * 7919) % 1000,
        "processed_ts": NOON + 5000,
        **fields,
    }


def merge(paths: list[Path], out: Path, **options: Any) -> MergeResult:  # noqa: ANN401 - the options' own types check them
    return merge_parquet(
        [Input(path) for path in paths],
        out,
        catalog=load_catalog(),
        options=ParquetOptions(**options),
    )


def rows_of(result: MergeResult) -> list[dict[str, Any]]:
    names = load_catalog().arrow_schema().names
    tables = [pq.ParquetFile(file.path).read().select(names) for file in result.files]
    return [row for table in tables for row in table.to_pylist()]


def by_id(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: str(row["event_id"]))


def test_all_rows_of_all_inputs_come_out_once(tmp_path: Path, write: Write) -> None:
    paths = [write([event(n) for n in range(at, at + 10)]) for at in range(0, 50, 10)]
    result = merge(paths, tmp_path)
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())
    assert (result.counters.rows_in, result.counters.rows_out) == (50, 50)
    assert [(file.rows, file.bytes) for file in result.files] == [
        (50, result.files[0].path.stat().st_size)
    ]


def test_rows_are_ordered_by_hour_type_and_time_over_the_whole_file(
    tmp_path: Path, write: Write
) -> None:
    paths = [
        write([event(n, event_ts=NOON + n * 90_000 - n % 7 * 40_000) for n in range(at, at + 40)])
        for at in range(0, 200, 40)
    ]
    result = merge(paths, tmp_path, row_group_rows=30)
    hour = {"minute": 0, "second": 0, "microsecond": 0}
    keys = [
        (row["event_ts"].replace(**hour), row["event_type"], row["event_ts"])
        for row in rows_of(result)
    ]
    assert keys == sorted(keys)
    assert len(keys) == 200


def test_rows_are_ordered_by_columns_alone_if_the_catalog_says_so(
    tmp_path: Path, write: Write, catalog: Catalog
) -> None:
    plain = replace(catalog, cluster_by=(ClusterTerm("country"), ClusterTerm("event_ts")), bloom=())
    path = write([event(n, country=("SE", None, "DE")[n % 3]) for n in range(40)])
    options = ParquetOptions(row_group_rows=10)
    result = merge_parquet([Input(path)], tmp_path, catalog=plain, options=options)
    rows = rows_of(result)
    keys = [(row["country"] is None, row["country"] or "", row["event_ts"]) for row in rows]
    assert keys == sorted(keys)
    metadata = pq.read_metadata(result.files[0].path)
    sorting = metadata.row_group(0).sorting_columns
    names = metadata.schema.names
    assert [names[entry.column_index] for entry in sorting] == ["country", "event_ts"]


def test_one_row_group_is_in_memory_at_a_time(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[bool] = []
    real = Buffer.groups

    def watched(self: Buffer, *, to_the_end: bool) -> Iterator[pa.Table]:
        for group in real(self, to_the_end=to_the_end):
            seen, given_out = weakref.ref(group), [group]
            del group
            yield given_out.pop()
            kept.append(seen() is not None)

    monkeypatch.setattr(Buffer, "groups", watched)
    merge([write([event(n) for n in range(100)])], tmp_path, row_group_rows=10)
    assert kept == [False] * 11  # four of the type with most rows, seven of the others


def test_many_tiny_inputs_share_a_row_group(tmp_path: Path, write: Write) -> None:
    result = merge([write([event(n)]) for n in range(25)], tmp_path)
    assert pq.read_metadata(result.files[0].path).num_row_groups == 1


def test_a_row_group_ends_at_its_rows_or_its_bytes(tmp_path: Path, write: Write) -> None:
    paths = [write([event(n) for n in range(at, at + 10)]) for at in range(0, 100, 10)]
    by_rows = merge(paths, tmp_path, row_group_rows=30).files[0].path
    assert _groups(by_rows) == [30, 30, 30, 10]
    size = pq.read_table(paths[0]).nbytes
    by_bytes = merge(paths, tmp_path, row_group_bytes=2 * size).files[0].path
    assert sum(_groups(by_bytes)) == 100
    assert max(_groups(by_bytes)) <= 20


def test_a_row_group_ends_with_an_hour_once_it_is_half_full(tmp_path: Path, write: Write) -> None:
    """Hours of 6, 3, 3, 12 and 2 rows, where a full group has 10."""
    hours = [hour for hour, rows in enumerate((6, 3, 3, 12, 2)) for _ in range(rows)]
    rows = [event(n, event_ts=NOON + hour * 3_600_000 + n) for n, hour in enumerate(hours)]
    path = merge([write(rows)], tmp_path, row_group_rows=10).files[0].path
    assert _groups(path) == [6, 6, 6, 6, 2]
    assert _hours(path) == [{12}, {13, 14}, {15}, {15}, {16}]


@pytest.mark.parametrize(
    ("views", "expected"),
    [
        (5, [{"buy", "search"}, {"view"}]),
        (12, [{"buy", "search"}, {"view"}, {"view"}]),  # too many for one
        (4, [{"buy", "search"}, {"search", "view"}]),  # too few for one of their own
    ],
)
def test_the_most_frequent_type_of_an_hour_of_too_many_rows_has_row_groups_of_its_own(
    tmp_path: Path, write: Write, views: int, expected: list[set[str]]
) -> None:
    """Where a full row group has 10 rows."""
    types = [*["view"] * views, *["buy"] * 4, *["search"] * 3]
    rows = [event(n, event_type=kind) for n, kind in enumerate(types)]
    file = pq.ParquetFile(merge([write(rows)], tmp_path, row_group_rows=10).files[0].path)
    groups = [
        file.read_row_group(at, ["event_type"])["event_type"].to_pylist()
        for at in range(file.num_row_groups)
    ]
    assert [set(group) for group in groups] == expected
    assert all(group == sorted(group) for group in groups)


def test_hours_stay_whole_when_files_overlap_and_the_buffer_is_emptied_in_between(
    tmp_path: Path, write: Write
) -> None:
    """Each file has the end of one hour and the beginning of the next."""
    rows = [event(n, event_ts=NOON + n * 300_000 - n % 3 * 500_000) for n in range(120)]
    paths = [write(rows[at : at + 8]) for at in range(0, 120, 8)]
    path = merge(paths, tmp_path, row_group_rows=16).files[0].path
    hours = [hour for group in _hours(path) for hour in group]
    assert len(hours) == len(set(hours))


def test_rows_without_a_time_and_from_far_away_hold_up_no_others(
    tmp_path: Path, write: Write
) -> None:
    odd = (None, -(10**13), 253_402_300_799_999)
    rows = [
        event(n, event_ts=odd[n // 4 % 3] if n % 4 == 0 else NOON + n * 60_000) for n in range(400)
    ]
    paths = [write(rows[at : at + 20]) for at in range(0, 400, 20)]
    result = merge(paths, tmp_path, row_group_rows=20)
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())
    assert max(_groups(result.files[0].path)) <= 20


def test_a_file_ends_at_the_target_size(tmp_path: Path, write: Write) -> None:
    paths = [write([event(n) for n in range(at, at + 10)]) for at in range(0, 40, 10)]
    result = merge(paths, tmp_path, row_group_rows=10, target_bytes=1)
    assert [file.path.name for file in result.files] == [f"part-{n:05}.parquet" for n in range(4)]
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())


def test_the_schema_is_the_catalogs_and_timestamps_are_utc_milliseconds(
    tmp_path: Path, write: Write, catalog: Catalog
) -> None:
    path = merge([write([event(1)])], tmp_path).files[0].path
    schema = pq.read_schema(path)
    assert schema.metadata == catalog.arrow_schema().metadata
    assert sorted(schema, key=str) == sorted(catalog.arrow_schema(), key=str)
    column = pq.read_metadata(path).schema.column(schema.names.index("event_ts"))
    assert column.physical_type == "INT64"
    assert "isAdjustedToUTC=true, timeUnit=milliseconds" in str(column.logical_type)


def test_statistics_are_written_where_they_rule_something_out(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(n, page_url="u") for n in range(10)])], tmp_path).files[0].path
    columns = _columns(path)
    assert (columns["event_type"].statistics.min, columns["event_type"].statistics.max) == (
        "buy",
        "view",
    )
    assert columns["extra"].statistics.null_count == 10
    assert columns["page_url"].statistics is None
    assert columns["event_ts"].has_column_index
    assert all(column.has_offset_index for column in columns.values())
    assert columns["event_type"].compression == "ZSTD"


def test_columns_that_queries_use_together_are_neighbours(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(1)])], tmp_path).files[0].path
    assert list(_columns(path))[:7] == [
        *("price", "quantity", "processed_ts", "event_id", "session_id"),
        *("event_ts", "event_type"),
    ]


def test_times_in_order_are_stored_as_differences(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(n) for n in range(100)])], tmp_path).files[0].path
    assert "DELTA_BINARY_PACKED" in _columns(path)["event_ts"].encodings


def test_a_page_has_the_catalogs_rows(tmp_path: Path, write: Write, catalog: Catalog) -> None:
    path = write([event(n) for n in range(2_000)])
    sizes = []
    for rows in (20_000, 100):
        some = replace(catalog, page_rows=rows)
        (file,) = merge_parquet([Input(path)], tmp_path, catalog=some, stem=f"p{rows}").files
        sizes.append(_columns(file.path)["event_ts"].total_uncompressed_size)
    assert sizes[1] > sizes[0] + 19 * 20  # a header each


def test_a_bloom_filter_excludes_ids_that_are_not_there(tmp_path: Path, write: Write) -> None:
    ids = [f"id-{n:08}" for n in range(3_000)]
    path = merge([write([event(n) for n in range(3_000)])], tmp_path, row_group_rows=1_000)
    file = path.files[0].path
    probe = "SELECT bloom_filter_excludes FROM parquet_bloom_probe(?, 'event_id', ?)"
    with duckdb.connect() as connection:

        def excluded(event_id: str) -> int:
            found = connection.execute(probe, [str(file), event_id]).fetchall()
            assert len(found) == 3
            return sum(one for (one,) in found)

        assert all(excluded(event_id) <= 2 for event_id in ids[::100])
        assert sum(excluded(f"no-{n}") for n in range(300)) > 0.97 * 900
    assert _columns(file)["page_url"].bloom_filter_offset is None


def test_an_older_pyarrow_writes_the_same_rows_without_pages_and_filters(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_lake.compact.merge.parquet._WRITER", {})
    paths = [write([event(n) for n in range(100)])]
    result = merge(paths, tmp_path)
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())
    assert _columns(result.files[0].path)["event_id"].bloom_filter_offset is None


def test_repeating_columns_get_a_dictionary_and_ids_do_not(tmp_path: Path, write: Write) -> None:
    columns = _columns(merge([write([event(n) for n in range(500)])], tmp_path).files[0].path)
    assert not columns["event_id"].has_dictionary_page
    assert columns["event_type"].has_dictionary_page


def test_codec_and_level_can_be_chosen(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(1)])], tmp_path, compression="snappy").files[0].path
    assert pq.read_metadata(path).row_group(0).column(0).compression == "SNAPPY"


def test_dropped_rows_are_counted_and_gone(tmp_path: Path, write: Write, catalog: Catalog) -> None:
    drop = Bitmap()
    for row in (0, 9, 17):
        drop.set(row)
    path = write([event(n) for n in range(20)])
    result = merge_parquet([Input(path, drop=drop), Input(path)], tmp_path, catalog=catalog)
    counters = result.counters
    assert (counters.rows_in, counters.rows_out, counters.duplicates) == (40, 37, 3)
    seen = [row["event_id"] for row in rows_of(result)]
    assert [n for n in range(20) if seen.count(f"id-{n:08}") == 1] == [0, 9, 17]


def test_rows_are_dropped_at_their_place_in_a_file_read_in_pieces(
    tmp_path: Path, write: Write, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clickstream_lake.compact.merge.parquet.READ_ROWS", 7)
    drop = Bitmap()
    for row in (6, 7, 13, 19):
        drop.set(row)
    path = write([event(n) for n in range(20)])
    result = merge_parquet([Input(path, drop=drop)], tmp_path, catalog=catalog)
    kept = [n for n in range(20) if n not in {6, 7, 13, 19}]
    assert [row["event_id"] for row in by_id(rows_of(result))] == [f"id-{n:08}" for n in kept]


def test_inputs_may_be_opened_by_a_function(tmp_path: Path, write: Write, catalog: Catalog) -> None:
    body = write([event(1)]).read_bytes()
    streams: list[io.BytesIO] = []

    def opens() -> io.BytesIO:
        streams.append(io.BytesIO(body))
        return streams[-1]

    result = merge_parquet([Input(opens)], tmp_path, catalog=catalog)
    assert result.counters.rows_out == 1
    assert all(stream.closed for stream in streams)


def test_columns_that_vary_from_row_to_row_are_not_read_as_dictionaries_for_long(
    tmp_path: Path, write: Write
) -> None:
    paths = [
        write([event(n, page_url=f"u{n}") for n in range(at, at + 50)]) for at in range(0, 300, 50)
    ]
    result = merge(paths, tmp_path, row_group_rows=100)
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())


def test_a_column_that_starts_with_a_dictionary_keeps_its_rows_when_later_files_have_none(
    tmp_path: Path, write: Write, catalog: Catalog
) -> None:
    plain = tmp_path / "plain.parquet"
    table = pa.Table.from_pylist([event(n) for n in range(100, 200)], schema=catalog.arrow_schema())
    pq.write_table(table, plain, use_dictionary=False)
    paths = [
        write([event(n) for n in range(100)]),
        plain,
        write([event(n) for n in range(200, 260)]),
    ]
    result = merge(paths, tmp_path, row_group_rows=100)
    assert by_id(rows_of(result)) == by_id(pq.read_table(paths).to_pylist())


def test_nothing_in_nothing_out(tmp_path: Path, write: Write) -> None:
    assert merge([], tmp_path).files == []
    assert merge([write([])], tmp_path).files == []
    assert list(tmp_path.glob("part-*")) == []


def test_an_input_that_is_no_parquet_file_leaves_no_output_behind(
    tmp_path: Path, write: Write
) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 but not really")
    with pytest.raises(pa.ArrowInvalid):
        merge([write([event(1)]), write([event(2)]), broken], tmp_path, row_group_rows=1)
    assert list(tmp_path.glob("part-*")) == []


@pytest.mark.parametrize("step", ["write_table", "close"])
def test_a_full_disk_leaves_no_output_behind(
    tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(writer: pq.ParquetWriter, *_: object, **__: object) -> None:
        writer.is_open = False  # its own clean-up would try once more
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, step, fail)
    with pytest.raises(OSError, match="No space"):
        merge([write([event(1)])], tmp_path)
    assert list(tmp_path.glob("part-*")) == []


VALUES = st.fixed_dictionaries(
    {
        "event_id": st.none() | st.text(max_size=3),
        "event_type": st.none() | st.sampled_from(["a", "b", "ä", ""]),
        "event_ts": st.none() | st.integers(-(10**13), 10**13),
        "price": st.none() | st.floats(allow_nan=False),
        "quantity": st.none() | st.integers(-(2**63), 2**63 - 1),
        "extra": st.none() | st.just('{"a":1}'),
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(VALUES, max_size=8), max_size=6), st.integers(1, 20))
def test_no_row_is_changed_whatever_it_holds(
    tmp_path: Path, files: list[list[dict[str, Any]]], row_group_rows: int
) -> None:
    schema = load_catalog().arrow_schema()
    paths = [tmp_path / f"{at}.parquet" for at in range(len(files))]
    for path, rows in zip(paths, files, strict=True):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    result = merge(paths, tmp_path, row_group_rows=row_group_rows)
    got = [str(row) for row in rows_of(result)]
    table = pa.Table.from_pylist([row for rows in files for row in rows], schema=schema)
    assert sorted(got) == sorted(str(row) for row in table.to_pylist())


def _columns(path: Path) -> dict[str, pq.ColumnChunkMetaData]:
    group = pq.read_metadata(path).row_group(0)
    columns = [group.column(at) for at in range(group.num_columns)]
    return {column.path_in_schema: column for column in columns}


def _hours(path: Path) -> list[set[int]]:
    """The hours that each row group has rows of, counted from midnight of the fixtures' day."""
    file = pq.ParquetFile(path)
    groups = [file.read_row_group(at, ["event_ts"]) for at in range(file.num_row_groups)]
    midnight = datetime(2025, 11, 26, tzinfo=UTC)
    hour = timedelta(hours=1)
    return [{(at - midnight) // hour for at in group["event_ts"].to_pylist()} for group in groups]


def _groups(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]


def test_the_clock_of_the_fixtures_is_noon() -> None:
    moment = pc.cast(pa.scalar(NOON), pa.timestamp("ms", tz="UTC")).as_py()
    assert moment == datetime(2025, 11, 26, 12, tzinfo=UTC)
