"""`clickstream estimate`: what a query would scan and cost, without running it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import sandbox_extra
from clickstream_lake.console import (
    examples,
    new_table,
    print_json,
    print_table,
    size,
    stderr,
)

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.sandbox.athena.engine import Estimate

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        'clickstream estimate "SELECT COUNT(*) FROM clickstream_events"',
        'clickstream estimate "SELECT page_url FROM clickstream_events_parquet '
        "WHERE event_type = 'purchase'\"",
    )
)
def estimate(
    sql: Annotated[str, typer.Argument(help="One query in Athena's dialect.")],
    *,
    database: connection.Database = connection.DATABASE,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Predict what Athena would scan and charge for a query.

    Reads the tables in Glue, the lists of their files, and the footers and indexes of Parquet
    files; nothing is sent to Athena. Works on AWS as on the sandbox. Bytes are counted as Trino
    476 reads, of which Athena's engine is a relative. Where only the rows decide what is read,
    the figure is an upper bound.
    """
    import boto3

    with sandbox_extra():
        from clickstream_lake.sandbox.athena.engine import QueryEngine

    connection.connect(profile, region)
    engine = QueryEngine(s3=boto3.client("s3"), glue=boto3.client("glue"))
    try:
        predicted = engine.estimate(sql, database)
    finally:
        engine.close()
    if as_json:
        print_json(_plain(predicted))
        return
    print_table(_table(predicted))
    stderr.print(
        f"{'' if predicted.is_exact else 'at most '}"
        f"{size(predicted.bytes_scanned)} scanned, {size(predicted.billed_bytes)} billed: "
        f"${predicted.dollars:.6f}, ${predicted.dollars * 1000:,.3f} for 1,000 such queries",
        highlight=False,
    )


def _scans(predicted: "Estimate") -> list[dict[str, Any]]:
    return [
        {
            "table": f"{plan.scan.table.database}.{plan.scan.table.name}",
            "format": plan.scan.table.format,
            "partitions": plan.partitions,
            "files": len(plan.files),
            "row_groups": sum(len(file.row_groups) for file in plan.files),
            "row_groups_in_all": sum(file.row_group_count for file in plan.files),
            "columns": len(plan.scan.columns),
            "columns_in_all": len(plan.scan.table.columns),
            "bytes": plan.bytes_scanned,
        }
        for plan in predicted.scans
    ]


def _plain(predicted: "Estimate") -> dict[str, object]:
    return {
        "scans": _scans(predicted),
        "bytes_scanned": predicted.bytes_scanned,
        "exact": predicted.is_exact,
        "rules": predicted.rules,
        "bytes_billed": predicted.billed_bytes,
        "dollars": predicted.dollars,
    }


def _table(predicted: "Estimate") -> "Table":
    table = new_table()
    table.add_column("table", overflow="fold")
    for name in ("partitions", "files", "row groups", "columns", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for scan in _scans(predicted):
        groups = f"{scan['row_groups']:,} of {scan['row_groups_in_all']:,}"
        table.add_row(
            escape(scan["table"]),
            f"{scan['partitions']:,}",
            f"{scan['files']:,}",
            groups if scan["format"] == "parquet" else "",
            f"{scan['columns']} of {scan['columns_in_all']}",
            size(scan["bytes"]),
        )
    return table
