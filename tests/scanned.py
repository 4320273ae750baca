"""Small tables that need each of the rules by which an engine counts what it reads.

An engine counted these queries once; what it said is kept beside the rules' own tests.
"""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

BUCKET: Final = "scanned"
DATABASE: Final = "scanned"
RECORDED: Final = Path(__file__).parent / "unit/sandbox/athena/rules/trino_476.json"
"""Bytes by layout and query, as Trino 476 counted them; a test in `tests/engine` compares."""
COLUMNS: Final = {"id": "string", "kind": "string", "n": "bigint", "body": "string"}
_ROWS: Final = 60_000
_KINDS: Final = ["add", "buy", "click", "view"]

QUERIES: Final = {
    "one column": "SELECT kind, COUNT(*) FROM {table} GROUP BY kind",
    "no column": "SELECT COUNT(*) FROM {table}",
    "by id": "SELECT n, body FROM {table} WHERE id = '{id}'",
    "no such id": "SELECT body FROM {table} WHERE id = '0000'",
    "a span": "SELECT SUM(length(body)) FROM {table} WHERE n BETWEEN 30100 AND 30900",
    "rare": "SELECT id, body FROM {table} WHERE kind = 'buy' AND n < 20000",
    "absent kind": "SELECT COUNT(body) FROM {table} WHERE kind = 'bye'",
    "export": "SELECT * FROM {table}",
}


def _rows(count: int, seed: int) -> pa.Table:
    """Sorted by `n`; in every third are four kinds, and buying is rare."""
    values = random.Random(seed)  # noqa: S311 - the same for everybody
    return pa.table(
        {
            "id": [f"{values.getrandbits(128):032x}" for _ in range(count)],
            "kind": [values.choices(_KINDS, [30, 1, 30, 90])[0] for _ in range(count)],
            "n": pa.array(range(count), pa.int64()),
            "body": [f"{values.getrandbits(200):050x}" for _ in range(count)],
        }
    )


def _parquet(rows: pa.Table, **options: Any) -> bytes:  # noqa: ANN401 - those of the writer
    sink = io.BytesIO()
    settings = {"compression": "none", "use_dictionary": ["kind"], **options}
    pq.write_table(rows, sink, **settings)
    return sink.getvalue()


def _text() -> dict[str, bytes]:
    lines = (json.dumps(row) for row in _rows(5_000, 1).to_pylist())
    return {"a.json": "".join(line + "\n" for line in lines).encode()}


def _small() -> dict[str, bytes]:
    """Two files under the threshold; nothing of the second is below 30,000."""
    rows = _rows(_ROWS, 2)
    halves = {"a": rows.slice(0, 10_000), "b": rows.slice(30_000, 10_000)}
    return {f"{name}.parquet": _parquet(half) for name, half in halves.items()}


def _paged() -> dict[str, bytes]:
    """Three row groups with a page index, and a bloom filter on `id`."""
    options = {
        "row_group_size": _ROWS // 3,
        "write_page_index": True,
        "max_rows_per_page": 1_000,
        "bloom_filter_options": {"id": {"ndv": _ROWS // 3, "fpp": 0.01}},
    }
    return {"a.parquet": _parquet(_rows(_ROWS, 3), **options)}


def _long() -> dict[str, bytes]:
    """One row group, whose columns are longer than one read, and which has no index."""
    return {"a.parquet": _parquet(_rows(5 * _ROWS, 4), row_group_size=5 * _ROWS)}


LAYOUTS: Final[dict[str, Callable[[], dict[str, bytes]]]] = {
    "text": _text,
    "small": _small,
    "paged": _paged,
    "long": _long,
}


def put(s3: Any, glue: Any) -> None:  # noqa: ANN401 - clients
    """Put all files, and a table for each layout."""
    s3.create_bucket(Bucket=BUCKET)
    glue.create_database(DatabaseInput={"Name": DATABASE})
    for name, make in LAYOUTS.items():
        for file, body in make().items():
            s3.put_object(Bucket=BUCKET, Key=f"{name}/{file}", Body=body)
        glue.create_table(DatabaseName=DATABASE, TableInput=_table(name))


def _table(name: str) -> dict[str, Any]:
    serde = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    formats = (
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    )
    if name == "text":
        serde = "org.apache.hive.hcatalog.data.JsonSerDe"
        formats = (
            "org.apache.hadoop.mapred.TextInputFormat",
            "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        )
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": n, "Type": kind} for n, kind in COLUMNS.items()],
            "Location": f"s3://{BUCKET}/{name}/",
            "InputFormat": formats[0],
            "OutputFormat": formats[1],
            "SerdeInfo": {"SerializationLibrary": serde},
        },
    }


def questions() -> dict[str, str]:
    """Every query of every layout, by `layout, query`."""
    seeds = {"text": (5_000, 1), "small": (_ROWS, 2), "paged": (_ROWS, 3), "long": (5 * _ROWS, 4)}
    found = {}
    for table, (count, seed) in seeds.items():
        wanted = _rows(count, seed)["id"][count // 9].as_py()
        for name, sql in QUERIES.items():
            found[f"{table}, {name}"] = sql.format(table=table, id=wanted)
    return found
