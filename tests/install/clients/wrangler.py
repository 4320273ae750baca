"""awswrangler, by and large as its tutorials use it."""

from typing import Any

import awswrangler as wr
import pandas as pd
from cases import BUCKET, DATABASE, EVENTS, PARQUET, WORKGROUP, case, run

OWN = f"{BUCKET}/wrangler"
FRAME = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "p": ["1", "1", "2"]})


def ask(sql: str, database: str = DATABASE, **more: Any) -> pd.DataFrame:  # noqa: ANN401 - awswrangler's own
    return wr.athena.read_sql_query(
        sql, database=database, workgroup=WORKGROUP, **{"ctas_approach": False} | more
    )


def ctas(name: str, **more: Any) -> int:  # noqa: ANN401 - awswrangler's own
    wr.athena.create_ctas_table(
        "SELECT event_id, event_type FROM clickstream_events_parquet",
        database=DATABASE,
        workgroup=WORKGROUP,
        ctas_table=name,
        s3_output=f"{OWN}/{name}/",
        wait=True,
        **more,
    )
    return int(ask("SELECT COUNT(*) AS n FROM " + name)["n"][0])  # noqa: S608 - a name of ours


@case
def read_by_ctas() -> list[int]:
    return list(ask("SELECT * FROM clickstream_events_parquet", ctas_approach=True).shape)


@case
def read_the_csv() -> list[int]:
    return list(ask("SELECT * FROM clickstream_events").shape)


@case
def read_by_unload() -> list[int]:
    sql = "SELECT event_id, event_type, price FROM clickstream_events_parquet"
    return list(ask(sql, unload_approach=True, s3_output=f"{OWN}/unload/").shape)


@case
def read_in_chunks() -> list[int]:
    return [
        len(chunk)
        for chunk in ask("SELECT event_id FROM clickstream_events_parquet", chunksize=200)
    ]


@case
def named_parameters() -> int:
    sql = "SELECT COUNT(*) AS n FROM clickstream_events_parquet WHERE event_type = :kind"
    return int(ask(sql, params={"kind": "click"}, paramstyle="named")["n"][0])


@case
def parameters_in_order() -> int:
    sql = "SELECT COUNT(*) AS n FROM clickstream_events_parquet WHERE event_type = ?"
    return int(ask(sql, params=["'click'"], paramstyle="qmark")["n"][0])


@case
def read_a_table() -> int:
    return len(wr.athena.read_sql_table(EVENTS, database=DATABASE, workgroup=WORKGROUP))


@case
def make_a_table() -> int:
    return ctas("made")


@case
def make_a_partitioned_table() -> list[object]:
    rows = ctas("made_in_parts", partitioning_info=["event_type"])
    return [rows, len(wr.catalog.get_partitions(database=DATABASE, table="made_in_parts"))]


@case
def make_a_bucketed_table() -> int:
    return ctas("made_in_buckets", bucketing_info=(["event_id"], 2))


@case
def describe_a_table() -> str:
    table = wr.athena.describe_table(PARQUET, database=DATABASE, workgroup=WORKGROUP)
    return str(table.iloc[0, 0])


@case
def show_how_a_table_is_made() -> str:
    text = wr.athena.show_create_table(PARQUET, database=DATABASE, workgroup=WORKGROUP)
    return text.split("(")[0].strip().replace("`", "")


@case
def repair_a_table() -> str:
    return str(wr.athena.repair_table(EVENTS, database=DATABASE, workgroup=WORKGROUP))


@case
def unload() -> int:
    wr.athena.unload(
        "SELECT event_id FROM clickstream_events_parquet",
        path=f"{OWN}/unloaded/",
        database=DATABASE,
        workgroup=WORKGROUP,
    )
    return len(wr.s3.read_parquet(f"{OWN}/unloaded/"))


@case
def prepare_and_execute() -> list[object]:
    sql = "SELECT COUNT(*) AS n FROM clickstream_events_parquet WHERE event_type = ?"
    wr.athena.create_prepared_statement(sql, "by_type", workgroup=WORKGROUP)
    wr.athena.create_prepared_statement(sql, "by_type", workgroup=WORKGROUP, mode="update")
    names = [one["StatementName"] for one in wr.athena.list_prepared_statements(WORKGROUP)]
    count = int(ask("EXECUTE by_type USING 'click'")["n"][0])
    wr.athena.delete_prepared_statement("by_type", workgroup=WORKGROUP)
    return [names, count, wr.athena.list_prepared_statements(WORKGROUP)]


@case
def saved_query() -> str:
    client = wr._utils.client("athena")
    names = client.list_named_queries(WorkGroup=WORKGROUP)["NamedQueryIds"]
    return wr.athena.get_named_query_statement(names[0]).splitlines()[0]


@case
def look_around() -> list[object]:
    return [
        [name for name in wr.catalog.databases()["Database"] if name == DATABASE],
        len(wr.catalog.tables(database=DATABASE, name_prefix="clickstream_ev")),
        len(wr.catalog.tables(database=DATABASE, name_contains="rejec")),
        len(wr.catalog.tables(database=DATABASE, name_suffix="events_parquet")),
        [one["Name"] for one in wr.catalog.search_tables("clickstream_rejects")],
        wr.catalog.does_table_exist(DATABASE, "no"),
        wr.catalog.get_table_types(database=DATABASE, table=PARQUET)["event_ts"],
        wr.catalog.get_table_number_of_versions(database=DATABASE, table=PARQUET),
    ]


@case
def filter_partitions() -> list[int]:
    expressions = (
        "year = '2025' AND (month = '11' OR month = '12')",
        "year <> '2024' AND NOT (month = '12')",
        "year != '2024' AND MONTH IN ('11', '12') AND day BETWEEN '01' AND '31'",
        "year NOT IN ('2025')",
    )
    return [
        len(wr.catalog.get_partitions(database=DATABASE, table=PARQUET, expression=each))
        for each in expressions
    ]


@case
def write_a_dataset() -> list[object]:
    wr.catalog.create_database("wrangled", exist_ok=True)
    place = {"path": f"{OWN}/dataset/", "dataset": True, "database": "wrangled", "table": "t"}
    wr.s3.to_parquet(FRAME, partition_cols=["p"], **place)
    wr.s3.to_parquet(
        FRAME.assign(c=1.5), partition_cols=["p"], mode="append", schema_evolution=True, **place
    )
    answer = ask("SELECT COUNT(*) AS n, SUM(c) AS c FROM t", "wrangled")
    wr.s3.to_parquet(FRAME, partition_cols=["p"], mode="overwrite_partitions", **place)
    left = ask("SELECT COUNT(*) AS n FROM t", "wrangled")
    return [int(answer["n"][0]), float(answer["c"][0]), int(left["n"][0])]


@case
def read_the_lakes_files() -> list[int]:
    of = {"database": DATABASE, "table": PARQUET}  # without a filter it would list the prefix
    every = {"partition_filter": lambda _: True}
    day = {"partition_filter": lambda values: values["day"] == "26"}
    return [len(wr.s3.read_parquet_table(**of, **one)) for one in (every, day)]


@case
def write_iceberg() -> list[object]:
    table = {"database": "wrangled", "table": "iceberg", "workgroup": WORKGROUP}
    # Files that it kept would be among the rows of the next one.
    table |= {"temp_path": f"{OWN}/temporary/", "keep_files": False}
    count = "SELECT COUNT(*) AS n, SUM(c) AS c FROM iceberg"
    for _ in range(2):
        wr.athena.to_iceberg(FRAME, table_location=f"{OWN}/iceberg/", **table)
    wr.athena.to_iceberg(FRAME.assign(c=1.5), schema_evolution=True, **table)
    appended = ask(count, "wrangled")
    wr.athena.to_iceberg(pd.DataFrame({"a": [3, 4], "c": [1.0, 2.0]}), merge_cols=["a"], **table)
    merged = ask(count, "wrangled")
    wr.athena.delete_from_iceberg_table(FRAME[FRAME["a"] == 1], merge_cols=["a"], **table)
    left = ask(count, "wrangled")
    return [[int(each["n"][0]), float(each["c"][0])] for each in (appended, merged, left)]


@case
def clean_up() -> list[bool]:
    for name in ("made", "made_in_parts", "made_in_buckets"):
        wr.catalog.delete_table_if_exists(database=DATABASE, table=name)
    gone = [
        wr.catalog.delete_table_if_exists(database="wrangled", table=name)
        for name in ("t", "iceberg", "no")
    ]
    wr.catalog.delete_database("wrangled")
    return [gone[0], gone[2]]


run()
