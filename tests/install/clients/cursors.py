"""PyAthena: every cursor that takes an endpoint, and SQLAlchemy on it.

Those of Arrow read results by pyarrow's own file system, which is told of no endpoint.
"""

import asyncio
from importlib import import_module
from typing import Any

import pyathena
import sqlalchemy as sa
from cases import BUCKET, DATABASE, PARQUET, STAGING, WORKGROUP, case, run

OF = {"work_group": WORKGROUP, "schema_name": DATABASE, "s3_staging_dir": STAGING}
BY_TYPE = "SELECT event_type, COUNT(*) AS n FROM clickstream_events_parquet GROUP BY 1 ORDER BY 1"
URL = f"awsathena+{{driver}}://athena.us-east-1.amazonaws.com:443/{DATABASE}"


def cursor(path: str, **more: Any) -> Any:  # noqa: ANN401 - a class of each cursor
    module, _, name = path.rpartition(".")
    connection = pyathena.connect(**OF, poll_interval=0.1)
    return connection.cursor(getattr(import_module(f"pyathena.{module}"), name), **more)


def engine(driver: str) -> sa.Engine:
    query = {"work_group": WORKGROUP, "s3_staging_dir": STAGING, "poll_interval": "0.1"}
    return sa.create_engine(sa.make_url(URL.format(driver=driver)).update_query_dict(query))


@case
def default() -> list[Any]:
    return list(cursor("cursor.Cursor").execute(BY_TYPE).fetchall())


@case
def dictionaries() -> list[Any]:
    return list(cursor("cursor.DictCursor").execute(BY_TYPE).fetchall())


@case
def parameters() -> list[Any]:
    by_name = "SELECT COUNT(*) FROM clickstream_events_parquet WHERE event_type = %(kind)s"
    in_order = "SELECT COUNT(*) FROM clickstream_events_parquet WHERE event_type = ?"
    asked = cursor("cursor.Cursor")
    return [
        asked.execute(by_name, {"kind": "click"}).fetchone(),
        asked.execute(in_order, ["'click'"], paramstyle="qmark").fetchone(),
    ]


@case
def pandas() -> list[Any]:
    frame = cursor("pandas.cursor.PandasCursor").execute(BY_TYPE).as_pandas()
    return frame.to_dict("records")


@case
def pandas_by_unload() -> list[Any]:
    frame = cursor("pandas.cursor.PandasCursor", unload=True).execute(BY_TYPE).as_pandas()
    return frame.sort_values("event_type").to_dict("records")  # files have no order


@case
def polars() -> list[Any]:
    return cursor("polars.cursor.PolarsCursor").execute(BY_TYPE).as_polars().to_dicts()


@case
def s3fs() -> list[Any]:
    return list(cursor("s3fs.cursor.S3FSCursor").execute(BY_TYPE).fetchall())


@case
def in_the_background() -> list[Any]:
    _, running = cursor("async_cursor.AsyncCursor").execute(BY_TYPE)
    _, frame = cursor("pandas.async_cursor.AsyncPandasCursor").execute(BY_TYPE)
    return [list(running.result().fetchall()), len(frame.result().as_pandas())]


@case
def asynchronously() -> list[Any]:
    async def ask() -> list[Any]:
        connection = await pyathena.aio_connect(**OF, poll_interval=0.1)
        rows = await connection.cursor().execute(BY_TYPE)
        return list(await rows.fetchall())

    return asyncio.run(ask())


@case
def an_error() -> str:
    try:
        cursor("cursor.Cursor").execute("SELECT nope FROM clickstream_events")
    except pyathena.error.OperationalError as error:
        return str(error).split(":")[0]
    return ""


@case
def metadata() -> list[Any]:
    asked = cursor("cursor.Cursor")
    table = asked.get_table_metadata(PARQUET)
    return [
        [one.name for one in asked.list_databases("awsdatacatalog") if one.name == DATABASE],
        len(asked.list_table_metadata("awsdatacatalog", DATABASE)),
        table.location,
        [key.name for key in table.partition_keys],
    ]


def reflected(driver: str) -> list[Any]:
    made = engine(driver)
    seen = sa.inspect(made)
    columns = {column["name"]: str(column["type"]) for column in seen.get_columns(PARQUET)}
    table = sa.Table(PARQUET, sa.MetaData(), autoload_with=made)
    return [
        [name for name in seen.get_schema_names() if name == DATABASE],
        seen.get_table_names(),
        seen.get_view_names(),
        seen.has_table("nope"),
        columns["event_ts"],
        len(table.columns) == len(columns),
    ]


@case
def reflect_by_rest() -> list[Any]:
    return reflected("rest")


@case
def reflect_by_pandas() -> list[Any]:
    return reflected("pandas")


@case
def reflect_by_arrow() -> list[Any]:
    return reflected("arrow")


@case
def select_what_was_reflected() -> int:
    made = engine("rest")
    table = sa.Table(PARQUET, sa.MetaData(), autoload_with=made)
    with made.connect() as connection:
        clicks = sa.select(sa.func.count()).where(table.c.event_type == "click")
        return int(connection.execute(clicks).scalar_one())


@case
def make_a_table() -> list[Any]:
    made = engine("rest")
    table = sa.Table(
        "reflected",
        sa.MetaData(),
        sa.Column("a", sa.Integer),
        sa.Column("b", sa.String),
        awsathena_location=f"{BUCKET}/reflected/",
        awsathena_file_format="PARQUET",
    )
    table.create(made)
    there = sa.inspect(made).has_table("reflected")
    with made.connect() as connection:
        connection.execute(sa.insert(table), [{"a": 1, "b": "x"}])
        rows = [list(row) for row in connection.execute(sa.select(table))]
    table.drop(made)
    return [there, rows, sa.inspect(made).has_table("reflected")]


@case
def make_a_view() -> list[Any]:
    made = engine("rest")
    with made.connect() as connection:
        connection.execute(
            sa.text("CREATE OR REPLACE VIEW ids AS SELECT event_id FROM clickstream_events_parquet")
        )
        seen = sa.inspect(made)
        shown = [seen.get_view_names(), "FROM" in seen.get_view_definition("ids")]
        count = connection.execute(sa.text("SELECT COUNT(*) FROM ids")).scalar_one()
        connection.execute(sa.text("DROP VIEW ids"))
    return [*shown, count]


run()
