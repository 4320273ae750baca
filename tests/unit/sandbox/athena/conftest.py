import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto import mock_aws

from clickstream_lake.sandbox.athena.engine import QueryEngine

BUCKET = "lake"
DATABASE = "web"
JSON_SERDE = "org.apache.hive.hcatalog.data.JsonSerDe"
PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
# One session for all tests: it parses the services' descriptions once.
SESSION = boto3.Session("testing", "testing", region_name="us-east-1")


class Lake:
    """A bucket and a database in memory, and an engine over them."""

    parquet_serde = PARQUET_SERDE

    def __init__(self, cache: Path) -> None:
        self.s3 = SESSION.client("s3")
        self.glue = SESSION.client("glue")
        self.s3.create_bucket(Bucket=BUCKET)
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        self.engine = QueryEngine(s3=self.s3, glue=self.glue, cache_dir=cache)

    def table(
        self,
        name: str,
        columns: dict[str, str],
        *,
        keys: tuple[str, ...] = (),
        serde: str = JSON_SERDE,
    ) -> None:
        self.glue.create_table(
            DatabaseName=DATABASE,
            TableInput={
                "Name": name,
                "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
                "StorageDescriptor": {
                    "Columns": [{"Name": n, "Type": t} for n, t in columns.items()],
                    "Location": f"s3://{BUCKET}/{name}/",
                    "SerdeInfo": {"SerializationLibrary": serde},
                },
            },
        )

    def partition(self, table: str, values: list[str], location: str) -> None:
        self.glue.create_partition(
            DatabaseName=DATABASE,
            TableName=table,
            PartitionInput={
                "Values": values,
                "StorageDescriptor": {"Location": f"s3://{BUCKET}/{location}"},
            },
        )

    def put(self, key: str, body: bytes) -> int:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return len(body)

    def put_json(self, key: str, *rows: dict[str, Any]) -> int:
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return self.put(key, gzip.compress(body) if key.endswith(".gz") else body)

    def put_parquet(self, key: str, table: pa.Table, **options: object) -> int:
        buffer = io.BytesIO()
        pq.write_table(table, buffer, **options)
        return self.put(key, buffer.getvalue())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.engine.execute(sql, DATABASE).rows

    def scanned(self, sql: str) -> int:
        return self.engine.execute(sql, DATABASE).bytes_scanned


@pytest.fixture(scope="session")
def tableless() -> Iterator[QueryEngine]:
    """An engine that is never asked for a table."""
    opened = QueryEngine(s3=SESSION.client("s3"), glue=SESSION.client("glue"))
    yield opened
    opened.close()


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield Lake(tmp_path / "cache")


@pytest.fixture
def events(lake: Lake) -> Lake:
    """The same six events in a JSON and a Parquet table, over two days."""
    columns = {
        "event_id": "string",
        "event_type": "string",
        "price": "double",
        "quantity": "bigint",
    }
    keys = ("year", "month", "day")
    lake.table("events", {**columns, "event_ts": "string"}, keys=keys)
    lake.table(
        "events_parquet", {**columns, "event_ts": "timestamp"}, keys=keys, serde=PARQUET_SERDE
    )
    for day in ("26", "27"):
        rows = [
            {"event_id": f"{day}-0", "event_type": "click", "price": None, "quantity": None},
            {"event_id": f"{day}-1", "event_type": "click", "price": 2.5, "quantity": 1},
            {"event_id": f"{day}-2", "event_type": "purchase", "price": 10.0, "quantity": 3},
        ]
        stamps = [f"2025-11-{day}T10:00:0{second}.500Z" for second in range(3)]
        path = f"year=2025/month=11/day={day}"
        stamped = [{**row, "event_ts": stamp} for row, stamp in zip(rows, stamps, strict=True)]
        lake.put_json(f"events/{path}/a.json", *stamped)
        instants = pa.array(stamps).cast(pa.timestamp("ms", "UTC"))
        table = pa.Table.from_pylist(rows).append_column("event_ts", instants)
        lake.put_parquet(f"events_parquet/{path}/a.parquet", table)
        for name in ("events", "events_parquet"):
            lake.partition(name, ["2025", "11", day], f"{name}/{path}/")
    return lake
