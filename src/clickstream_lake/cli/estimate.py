"""`clickstream estimate`: what a query would scan and cost, without running it."""

from typing import TYPE_CHECKING, Annotated

import boto3
import typer
from rich.markup import escape
from rich.table import Table

from clickstream_lake.cli import connection
from clickstream_lake.console import examples, size, stderr, stdout

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.engine import Estimate


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            'clickstream estimate "SELECT COUNT(*) FROM clickstream_events"',
            'clickstream estimate "SELECT page_url FROM clickstream_events_parquet '
            "WHERE event_type = 'purchase'\"",
        )
    )(estimate)


def estimate(
    sql: Annotated[str, typer.Argument(help="One query in Athena's dialect.")],
    *,
    database: Annotated[str, typer.Option(help="Glue database of the tables.")] = "clickstream",
) -> None:
    """Predict what Athena would scan and charge for a query, without running it.

    Reads the tables in Glue, the lists of their files, and the footers of Parquet files; nothing
    is sent to Athena. Works on AWS as on the sandbox.
    """
    connection.prepare()
    # DuckDB is heavy, and the other commands do without it.
    from clickstream_lake.sandbox.athena.engine import QueryEngine  # noqa: PLC0415 - see above

    engine = QueryEngine(s3=boto3.client("s3"), glue=boto3.client("glue"))
    try:
        predicted = engine.estimate(sql, database)
    finally:
        engine.close()
    stdout.print(_table(predicted))
    stderr.print(
        f"{size(predicted.bytes_scanned)} scanned, {size(predicted.billed_bytes)} billed: "
        f"${predicted.dollars:.6f}, ${predicted.dollars * 1000:,.3f} for 1,000 such queries",
        highlight=False,
    )


def _table(predicted: "Estimate") -> Table:
    table = Table()
    table.add_column("table")
    for name in ("partitions", "files", "row groups", "columns", "bytes"):
        table.add_column(name, justify="right")
    for plan in predicted.scans:
        total = sum(file.row_group_count for file in plan.files)
        kept = sum(len(file.row_groups) for file in plan.files)
        source = plan.scan.table
        table.add_row(
            escape(f"{source.database}.{source.name}"),
            f"{plan.partitions:,}",
            f"{len(plan.files):,}",
            f"{kept:,} of {total:,}" if source.format == "parquet" else "",
            f"{len(plan.scan.columns)} of {len(source.columns)}",
            size(plan.bytes_scanned),
        )
    return table
