# ruff: noqa: ANN401 - what the libraries take, whatever it is
"""Count a table's rows in every way that readers other than SQL engines have; runs on its own.

Arguments: the bucket, the Glue database and table, the prefix of the table, a file that names the
data files. Prints a JSON object: by way, the rows that it finds, or its error.
"""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import awswrangler as wr
import duckdb
import polars as pl
import pyarrow.dataset as ds
import s3fs
from pyarrow.fs import S3FileSystem

warnings.filterwarnings("ignore")
bucket, database, table, prefix, listed = sys.argv[1:]
names = Path(listed).read_text().split()
root, endpoint = f"s3://{bucket}/{prefix}", os.environ["AWS_ENDPOINT_URL"]
days = f"{root}year=*/month=*/day=*/*.parquet"
key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
region = os.environ["AWS_DEFAULT_REGION"]
arrow = S3FileSystem(endpoint_override=endpoint, access_key=key, secret_key=secret, region=region)
options = {
    "aws_endpoint_url": endpoint,
    "aws_access_key_id": key,
    "aws_secret_access_key": secret,
    "aws_region": region,
    "aws_allow_http": "true",
}
duck = duckdb.connect()
duck.register_filesystem(s3fs.S3FileSystem(endpoint_url=endpoint))


def glue_table(**which: Any) -> int:
    return len(wr.s3.read_parquet_table(database=database, table=table, **which))


def polars(files: Any) -> int:
    found = pl.scan_parquet(files, storage_options=options)
    return int(found.select(pl.len()).collect().item())


def duckdb_files(files: Any) -> int:
    found = duck.execute("SELECT count(*) FROM read_parquet($1)", [files]).fetchall()
    return int(found[0][0])


def arrow_files(files: Any, **how: Any) -> int:
    return int(ds.dataset(files, filesystem=arrow, **how).count_rows())


WAYS = {
    "awswrangler, the table": glue_table,
    "awswrangler, the table with a filter": lambda: glue_table(partition_filter=lambda _: True),
    "awswrangler, the prefix": lambda: len(wr.s3.read_parquet(root, dataset=True)),
    "awswrangler, the files": lambda: len(wr.s3.read_parquet(names)),
    "pyarrow, the prefix": lambda: arrow_files(root[5:], partitioning="hive"),
    "pyarrow, the files": lambda: arrow_files([name[5:] for name in names]),
    "Polars, the prefix": lambda: polars(root),
    "Polars, a glob": lambda: polars(days),
    "Polars, the files": lambda: polars(names),
    "DuckDB, the prefix": lambda: duckdb_files(f"{root}**/*.parquet"),
    "DuckDB, a glob": lambda: duckdb_files(days),
    "DuckDB, the files": lambda: duckdb_files(names),
}

found: dict[str, object] = {}
for way, count in WAYS.items():
    try:
        found[way] = count()
    except Exception as error:  # noqa: BLE001 - each library has errors of its own
        found[way] = f"{type(error).__name__}: {error}"
sys.stdout.write(json.dumps(found))
