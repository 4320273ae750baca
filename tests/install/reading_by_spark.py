
"""Count a table's rows by Spark, by path and by a catalog; runs on its own, prints JSON.

Arguments: the table's directory, then for each partition `key=value/…` and its location.
"""

import json
import sys
from collections.abc import Callable

from pyspark.sql import SparkSession

root, *places = sys.argv[1:]
spark = (
    SparkSession.builder.master("local[1]")
    .config("spark.ui.enabled", "false")
    .config("spark.driver.bindAddress", "127.0.0.1")
    .config("spark.driver.host", "127.0.0.1")
    .enableHiveSupport()
    .getOrCreate()
)
spark.sparkContext.setLogLevel("OFF")
partitions = dict(zip(places[::2], places[1::2], strict=True))


def by_catalog() -> int:
    spark.sql("DROP TABLE IF EXISTS events")
    spark.sql(
        "CREATE EXTERNAL TABLE events (event_id STRING) PARTITIONED BY"
        f" (year STRING, month STRING, day STRING) STORED AS PARQUET LOCATION '{root}'"
    )
    for path, location in partitions.items():
        keys = ", ".join("{}='{}'".format(*pair.split("=")) for pair in path.split("/"))
        spark.sql(f"ALTER TABLE events ADD PARTITION ({keys}) LOCATION '{location}'")
    return spark.table("events").count()


WAYS: dict[str, Callable[[], int]] = {
    "Spark, a catalog": by_catalog,
    "Spark, the locations": lambda: spark.read.parquet(*partitions.values()).count(),
    "Spark, the prefix": lambda: spark.read.parquet(root).count(),
    "Spark, the prefix, recursively": lambda: (
        spark.read.option("recursiveFileLookup", "true").parquet(root).count()
    ),
}
found: dict[str, object] = {}
for way, count in WAYS.items():
    try:
        found[way] = count()
    except Exception as error:  # noqa: BLE001 - Spark's, or the JVM's
        found[way] = f"{type(error).__name__}: {error}"[:300]
sys.stdout.write(json.dumps(found) + "\n")
