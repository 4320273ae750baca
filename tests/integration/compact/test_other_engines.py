"""Spark and DuckDB read what compaction writes, as pyarrow does."""

import io
import json
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from isal import igzip

from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import ParquetOptions, merge_parquet
from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, transform_stream

NOON = datetime(2025, 11, 26, 12, 0, 0, 123_000, tzinfo=UTC)
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
        assert result.parquet is not None
        inputs.append(Input(result.parquet))
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
