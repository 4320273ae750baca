import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clickstream_lake.compact.merge.merging import Bitmap, Input, MergeResult
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.lake.catalog import Catalog, load_catalog

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
    tables = [pq.ParquetFile(file.path).read() for file in result.files]
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


def test_rows_are_ordered_by_type_then_time_inside_each_row_group(
    tmp_path: Path, write: Write
) -> None:
    paths = [write([event(n) for n in range(at, at + 40)]) for at in range(0, 200, 40)]
    result = merge(paths, tmp_path, row_group_rows=100)
    file = pq.ParquetFile(result.files[0].path)
    for group in range(file.num_row_groups):
        rows = file.read_row_group(group).to_pylist()
        keys = [(row["event_type"], row["event_ts"]) for row in rows]
        assert keys == sorted(keys)
        sorting = file.metadata.row_group(group).sorting_columns
        assert [entry.column_index for entry in sorting] == [1, 2]


def test_many_tiny_inputs_share_a_row_group(tmp_path: Path, write: Write) -> None:
    result = merge([write([event(n)]) for n in range(25)], tmp_path)
    assert pq.read_metadata(result.files[0].path).num_row_groups == 1


def test_a_row_group_ends_at_its_rows_or_its_bytes(tmp_path: Path, write: Write) -> None:
    paths = [write([event(n) for n in range(at, at + 10)]) for at in range(0, 100, 10)]
    by_rows = merge(paths, tmp_path, row_group_rows=30).files[0].path
    assert _groups(by_rows) == [30, 30, 30, 10]
    by_bytes = merge(paths, tmp_path, row_group_bytes=1).files[0].path
    assert _groups(by_bytes) == [10] * 10


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
    assert schema.equals(catalog.arrow_schema(), check_metadata=True)
    column = pq.read_metadata(path).schema.column(schema.names.index("event_ts"))
    assert column.physical_type == "INT64"
    assert "isAdjustedToUTC=true, timeUnit=milliseconds" in str(column.logical_type)


def test_statistics_and_page_index_are_written(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(n) for n in range(10)])], tmp_path).files[0].path
    column = pq.read_metadata(path).row_group(0).column(1)
    assert (column.statistics.min, column.statistics.max) == ("buy", "view")
    assert column.has_column_index
    assert column.has_offset_index
    assert column.compression == "ZSTD"


def test_repeating_columns_get_a_dictionary_and_ids_do_not(tmp_path: Path, write: Write) -> None:
    path = merge([write([event(n) for n in range(500)])], tmp_path).files[0].path
    group = pq.read_metadata(path).row_group(0)
    assert not group.column(0).has_dictionary_page
    assert group.column(1).has_dictionary_page


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


def _groups(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]


def test_the_clock_of_the_fixtures_is_noon() -> None:
    moment = pc.cast(pa.scalar(NOON), pa.timestamp("ms", tz="UTC")).as_py()
    assert moment == datetime(2025, 11, 26, 12, tzinfo=UTC)
