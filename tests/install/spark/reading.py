"""Read a lake's tables in every way that Spark has; runs in an environment of its own.

Argument: a file with a JSON object, as `test_spark.py` makes it. Prints a JSON object: of each
state of the lake and each table, what each way finds, or its error.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from digests import digest
from pyspark.sql import DataFrame, SparkSession

Found = dict[str, Any]
asked = json.loads(Path(sys.argv[1]).read_text())
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .config("spark.sql.session.timeZone", "Asia/Kathmandu")  # must not matter
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")


def digest_of(rows: DataFrame, names: list[str]) -> Found:
    kinds = dict(rows.dtypes)
    values = [f"unix_millis({n}) AS {n}" if kinds[n] == "timestamp" else n for n in names]
    return digest([(name, kinds[name]) for name in names], rows.selectExpr(*values).collect())


def by_catalog(table: Found) -> DataFrame:
    """The table in Spark's own catalog: columns and partitions are those that Glue tells of."""
    columns, keys = (
        ", ".join(f"{name} {kind}" for name, kind in table[part]) for part in ("columns", "keys")
    )
    spark.sql("DROP TABLE IF EXISTS events")
    if table["format"] == "parquet":
        shape = f"({columns}) PARTITIONED BY ({keys}) STORED AS PARQUET"
        spark.sql(f"CREATE EXTERNAL TABLE events {shape} LOCATION '{table['root']}'")
    else:
        names = ", ".join(name for name, _ in table["keys"])
        shape = f"({columns}, {keys}) USING json PARTITIONED BY ({names})"
        spark.sql(f"CREATE TABLE events {shape} LOCATION '{table['root']}'")
    for values, location in table["partitions"]:
        pairs = zip(table["keys"], values, strict=True)
        which = ", ".join(f"{name} = '{value}'" for (name, _), value in pairs)
        spark.sql(f"ALTER TABLE events ADD PARTITION ({which}) LOCATION '{location}'")
    return spark.table("events")


def by_path(table: Found, paths: list[str], **options: str) -> DataFrame:
    reader = spark.read.options(**options)
    if table["format"] == "parquet":
        return reader.parquet(*paths)
    return reader.schema(", ".join(f"{name} {kind}" for name, kind in table["columns"])).json(paths)


def ways(table: Found) -> dict[str, Callable[[], object]]:
    root, own = table["root"], [name for name, _ in table["columns"]]
    keys = [name for name, _ in table["keys"]]
    days = root + "".join(f"{key}=*/" for key in keys)
    places = [location for _, location in table["partitions"]]
    recursively = {"recursiveFileLookup": "true"}
    return {
        "the catalog": lambda: digest_of(by_catalog(table), [*own, *keys]),
        "the files": lambda: digest_of(by_path(table, table["files"]), own),
        "the locations": lambda: digest_of(by_path(table, places), own),
        "found by id and hour": lambda: [
            by_path(table, table["files"]).filter(condition).count()
            for condition in asked["conditions"]
        ],
        "the prefix": lambda: by_path(table, [root]).count(),
        "the prefix, recursively": lambda: by_path(table, [root], **recursively).count(),
        "a glob": lambda: by_path(table, [f"{days}*.{table['format']}"]).count(),
    }


def outcome(way: Callable[[], object]) -> object:
    try:
        return way()
    except Exception as error:  # noqa: BLE001 - Spark's own, or one of the machine under it
        return f"{type(error).__name__}: {error}"


found = {
    state: {fmt: {name: outcome(way) for name, way in ways(table).items()} for fmt, table in tables}
    for state, tables in ((state, tables.items()) for state, tables in asked["states"].items())
}
found["version"] = spark.version
sys.stdout.write(json.dumps(found) + "\n")
