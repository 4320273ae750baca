"""A small lake, always the same: events as JSON and as Parquet, and users."""

import gzip
import io
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

DATABASE = "corpus"
_KEYS = ("year", "month", "day")
_SERDES = {
    "json": "org.apache.hive.hcatalog.data.JsonSerDe",
    "parquet": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
}
_HIVE = "org.apache.hadoop.hive.ql.io"
_FORMATS = {
    "json": ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE}.HiveIgnoreKeyTextOutputFormat"),
    "parquet": (
        f"{_HIVE}.parquet.MapredParquetInputFormat",
        f"{_HIVE}.parquet.MapredParquetOutputFormat",
    ),
}
_COLUMNS = {
    "event_id": "string",
    "event_type": "string",
    "event_ts": "timestamp",
    "session_id": "string",
    "user_key": "bigint",
    "page_url": "string",
    "price": "double",
    "quantity": "bigint",
    "is_new": "boolean",
    "properties": "string",
}
_USERS = {"user_key": "bigint", "country": "string", "signup": "date", "balance": "decimal(10,2)"}


def _events(day: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(day)  # noqa: S311 - a lake that is always the same
    for number in range(90):
        kind = chance.choice(
            ["page_view", "page_view", "click", "add_to_cart", "purchase", "search"]
        )
        user = chance.randrange(14) if number % 11 else None
        moment = datetime(2025, 11, day, tzinfo=UTC) + timedelta(
            milliseconds=chance.randrange(86_400_000)
        )
        properties = {
            "campaign": chance.choice(["spring", "höst", None]),
            "ab": {"test": chance.choice("AB"), "score": round(chance.random(), 3)},
            "tags": chance.sample(["new", "sale", "vip"], chance.randrange(4)),
        }
        yield {
            "event_id": f"e{day}-{number:03}",
            "event_type": kind,
            "event_ts": moment,
            "session_id": f"s{user}-{moment.hour // 6}" if user is not None else None,
            "user_key": user,
            "page_url": chance.choice(
                [
                    "https://shop.example/",
                    "https://shop.example/p/42?ref=mail&q=a%20b",
                    "/cart?step=2",
                ]
            ),
            "price": round(chance.uniform(1, 99), 2)
            if kind in {"add_to_cart", "purchase"}
            else None,
            "quantity": chance.randrange(1, 5) if kind == "purchase" else None,
            "is_new": chance.random() < 0.3,
            "properties": json.dumps(properties, ensure_ascii=False),
        }


def build(s3: "S3Client", glue: "GlueClient", bucket: str) -> None:
    """Put the files, and register the tables."""
    glue.create_database(DatabaseInput={"Name": DATABASE})
    text = {**_COLUMNS, "event_ts": "string"}
    for name, form, columns in (("events", "json", text), ("events_parquet", "parquet", _COLUMNS)):
        _table(glue, bucket, name, form, columns, _KEYS)
        for day in (24, 25, 26):
            values = ["2025", "11", str(day)]
            place = "/".join(f"{k}={v}" for k, v in zip(_KEYS, values, strict=True))
            folder = f"{DATABASE}/{name}/{place}"
            rows = list(_events(day))
            body = _json(rows) if form == "json" else _parquet(rows)
            suffix = "json.gz" if form == "json" else "parquet"
            s3.put_object(Bucket=bucket, Key=f"{folder}/part.{suffix}", Body=body)
            glue.create_partition(
                DatabaseName=DATABASE,
                TableName=name,
                PartitionInput={
                    "Values": values,
                    "StorageDescriptor": _storage(form, columns, f"s3://{bucket}/{folder}"),
                },
            )
    _table(glue, bucket, "users", "parquet", _USERS, ())
    users = pa.table(
        {
            "user_key": pa.array(range(12), pa.int64()),
            "country": [["DE", "US", "SE", None][key % 4] for key in range(12)],
            "signup": [datetime(2025, 1 + key, 3, tzinfo=UTC).date() for key in range(12)],
            "balance": pa.array([f"{key * 7}.{key:02}" for key in range(12)]).cast(
                pa.decimal128(10, 2)
            ),
        }
    )
    target = io.BytesIO()
    pq.write_table(users, target)
    s3.put_object(Bucket=bucket, Key=f"{DATABASE}/users/part.parquet", Body=target.getvalue())


def _json(rows: list[dict[str, Any]]) -> bytes:
    lines = []
    for row in rows:
        stamp = row["event_ts"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines.append(json.dumps({**row, "event_ts": stamp}, ensure_ascii=False))
    return gzip.compress("\n".join(lines).encode())


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    table = pa.table(
        {
            "event_id": [row["event_id"] for row in rows],
            "event_type": [row["event_type"] for row in rows],
            "event_ts": pa.array(
                [r["event_ts"].replace(tzinfo=None) for r in rows], pa.timestamp("ms")
            ),
            "session_id": [row["session_id"] for row in rows],
            "user_key": pa.array([row["user_key"] for row in rows], pa.int64()),
            "page_url": [row["page_url"] for row in rows],
            "price": pa.array([row["price"] for row in rows], pa.float64()),
            "quantity": pa.array([row["quantity"] for row in rows], pa.int64()),
            "is_new": [row["is_new"] for row in rows],
            "properties": [row["properties"] for row in rows],
        }
    )
    target = io.BytesIO()
    pq.write_table(table, target)
    return target.getvalue()


def _storage(form: str, columns: dict[str, str], location: str) -> Any:  # noqa: ANN401 - Glue's own
    read, write = _FORMATS[form]
    return {
        "Columns": [{"Name": name, "Type": kind} for name, kind in columns.items()],
        "Location": location,
        "InputFormat": read,
        "OutputFormat": write,
        "SerdeInfo": {"SerializationLibrary": _SERDES[form]},
    }


def _table(  # noqa: PLR0917 - one call each
    glue: "GlueClient",
    bucket: str,
    name: str,
    form: str,
    columns: dict[str, str],
    keys: tuple[str, ...],
) -> None:
    glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": {"EXTERNAL": "TRUE"},
            "PartitionKeys": [{"Name": key, "Type": "string"} for key in keys],
            "StorageDescriptor": _storage(form, columns, f"s3://{bucket}/{DATABASE}/{name}"),
        },
    )
