"""Spark, DuckDB and Polars read what compaction writes, as pyarrow does."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from isal import igzip

from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, transform_stream

NOON = datetime(2025, 11, 26, 12, 0, 0, 123_000, tzinfo=UTC)
HOUR = datetime(2025, 11, 26, 19, tzinfo=UTC)
Reader = Callable[[str, str], tuple[list[str], list[str]]]
HOSTILE = [
    {"event_id": "before-1970", "event_ts": "1900-01-01T00:00:00.001Z", "event_type": "zz"},
    {"event_id": "far-future", "event_ts": "9999-12-31T23:59:59.999Z", "price": -0.0},
    {"event_id": "offset", "event_ts": "2025-03-30T02:30:00+05:45", "quantity": 2**63 - 1},
    {"event_id": "none"},
    {"event_id": "text", "page_url": 'ünï "quoted"\t', "extra": 1, "properties": {"a": [1, None]}},
]


@pytest.fixture(scope="module")
def compacted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hive-style partition directory of compacted files, several row groups and files."""
    work = tmp_path_factory.mktemp("work")
    events = generate_events(3, 6_000, NOON)
    inputs = []
    for number in range(6):
        lines = [*islice(events, 1_000), *(json.dumps(e).encode() + b"\n" for e in HOSTILE)]
        source = Layout().source(f"raw/year=2025/month=11/day=26/f-1-2025-11-26-{number}.gz")
        job = Job(source, load_catalog(), Limits(), OutputOptions(), NOON)
        result = transform_stream(io.BytesIO(igzip.compress(b"".join(lines))), job, work)
        inputs.append(Input(result.files["parquet"]))
    directory = tmp_path_factory.mktemp("lake") / "year=2025" / "month=11" / "day=26"
    directory.mkdir(parents=True)
    merged = merge_parquet(
        inputs,
        directory,
        catalog=load_catalog(),
        options=ParquetOptions(row_group_rows=1_500, target_bytes=60_000),
    )
    assert merged.counters.rows_out == 6 * 1_005
    assert len(merged.files) > 1
    return directory


@pytest.fixture(scope="module")
def wanted(compacted: Path) -> list[tuple[Any, ...]]:
    """All rows by pyarrow, instants as milliseconds."""
    names = load_catalog().arrow_schema().names
    paths = sorted(compacted.glob("*.parquet"))
    tables = [pq.ParquetFile(path).read().select(names) for path in paths]
    return _sorted(pa.concat_tables(tables))


def _sorted(table: pa.Table) -> list[tuple[Any, ...]]:
    for at, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            millis = table.column(at).cast(pa.timestamp("ms", "UTC")).cast(pa.int64())
            table = table.set_column(at, field.name, millis)
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return sorted(rows, key=repr)


def test_duckdb_reads_the_same_rows(compacted: Path, wanted: list[tuple[Any, ...]]) -> None:
    names = load_catalog().arrow_schema().names
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Kathmandu'")  # must not matter
        found = connection.sql(
            f"SELECT {', '.join(names)} FROM read_parquet('{compacted}/*.parquet', "  # noqa: S608 - our own names
            "hive_partitioning = false)"
        ).to_arrow_table()
    assert _sorted(found) == wanted


def test_polars_reads_the_same_rows(compacted: Path, wanted: list[tuple[Any, ...]]) -> None:
    names = load_catalog().arrow_schema().names
    found = pl.scan_parquet(compacted / "*.parquet", hive_partitioning=False).select(names)
    assert _sorted(found.collect().to_arrow()) == wanted


def by_polars(files: str, event_id: str) -> tuple[list[str], list[str]]:
    """The ids of one hour, and of one event, each once."""
    events = pl.scan_parquet(files, hive_partitioning=False)
    start = pl.lit(HOUR).cast(pl.Datetime("ms", "UTC"))
    of_hour = (pl.col("event_ts") >= start) & (pl.col("event_ts") < start + pl.duration(hours=1))
    hour, one = (
        events.filter(condition).select("event_id").unique().collect()["event_id"].to_list()
        for condition in (of_hour, pl.col("event_id") == event_id)
    )
    return sorted(hour), one


def by_duckdb(files: str, event_id: str) -> tuple[list[str], list[str]]:
    with duckdb.connect() as connection:
        events = connection.read_parquet(files, hive_partitioning=False)
        hour, one = (
            events.filter(condition).select("event_id").distinct().fetchall()
            for condition in (
                f"event_ts >= '{HOUR}' AND event_ts < '{HOUR + timedelta(hours=1)}'",
                f"event_id = '{event_id}'",
            )
        )
    return sorted(name for (name,) in hour), [name for (name,) in one]


@pytest.mark.parametrize("reader", [by_polars, by_duckdb])
def test_hours_and_ids_are_found(reader: Reader, compacted: Path) -> None:
    """By statistics, pages and Bloom filters, which skip what cannot match and nothing else."""
    files = [pq.ParquetFile(path) for path in compacted.glob("*.parquet")]
    groups = [file.metadata.row_group(at) for file in files for at in range(file.num_row_groups)]
    assert len(groups) > len(files)
    assert all(_column(group, "event_id").bloom_filter_offset for group in groups)
    assert "DELTA_BINARY_PACKED" in _column(groups[0], "event_ts").encodings
    rows = pa.concat_tables(file.read(["event_id", "event_ts"]) for file in files).to_pylist()
    of_hour = {
        row["event_id"]
        for row in rows
        if row["event_ts"] and HOUR <= row["event_ts"] < HOUR + timedelta(hours=1)
    }
    assert 0 < len(of_hour) < len(rows) / 2
    for event_id in ("far-future", min(of_hour)):
        assert reader(f"{compacted}/*.parquet", event_id) == (sorted(of_hour), [event_id])
    assert reader(f"{compacted}/*.parquet", "of nobody")[1] == []


def _column(group: Any, name: str) -> Any:  # noqa: ANN401 - pyarrow is untyped
    columns = (group.column(at) for at in range(group.num_columns))
    return next(column for column in columns if column.path_in_schema == name)


@pytest.mark.slow
def test_spark_reads_the_same_rows_by_explicit_partition_location(
    compacted: Path,
    wanted: list[tuple[Any, ...]],
    spark: Any,  # noqa: ANN401 - pyspark is optional
    tmp_path: Path,
) -> None:
    kinds = {"string": "STRING", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}
    schema = load_catalog().arrow_schema()
    columns = ", ".join(f"{f.name} {kinds.get(str(f.type), 'TIMESTAMP')}" for f in schema)
    spark.sql(
        f"CREATE TABLE events ({columns}, year STRING, month STRING, day STRING) USING parquet "
        f"PARTITIONED BY (year, month, day) LOCATION '{tmp_path}/empty'"
    )
    spark.sql(
        "ALTER TABLE events ADD PARTITION (year='2025', month='11', day='26') "
        f"LOCATION '{compacted}'"
    )
    selected = ", ".join(
        f"unix_millis({f.name}) AS {f.name}" if pa.types.is_timestamp(f.type) else f.name
        for f in schema
    )
    found = spark.sql(
        f"SELECT {selected} FROM events WHERE year='2025' AND month='11' AND day='26'"  # noqa: S608 - our own names
    ).collect()
    assert sorted((tuple(row) for row in found), key=repr) == wanted
    names = schema.names
    start, end = (int(at.timestamp() * 1000) for at in (HOUR, HOUR + timedelta(hours=1)))
    for condition, kept in (
        ("event_id = 'far-future'", lambda row: row[names.index("event_id")] == "far-future"),
        (
            f"event_ts >= timestamp_millis({start}) AND event_ts < timestamp_millis({end})",
            lambda row: start <= (row[names.index("event_ts")] or 0) < end,
        ),
    ):
        found = spark.sql(f"SELECT {selected} FROM events WHERE {condition}").collect()  # noqa: S608 - our own names
        assert sorted((tuple(row) for row in found), key=repr) == list(filter(kept, wanted))
