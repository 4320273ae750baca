"""`clickstream query`: SQL over the lake's tables, through Athena or the sandbox's stand-in."""

import csv
import sys
from typing import Annotated, Literal

import typer
from rich.markup import escape
from rich.table import Table

from clickstream_lake.cli import connection
from clickstream_lake.console import examples, size, stderr, stdout
from clickstream_lake.operate import query as athena_query
from clickstream_lake.operate.query import Answer
from clickstream_lake.sandbox.athena import billing

_NUMBERS = frozenset({"tinyint", "smallint", "integer", "bigint", "double", "float", "decimal"})


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            'clickstream query "SELECT COUNT(*) FROM clickstream_events_parquet"',
            'clickstream query "SHOW PARTITIONS clickstream_events"',
            'clickstream query "SELECT * FROM clickstream_rejects" --format csv',
        )
    )(query)


def query(
    sql: Annotated[str, typer.Argument(help="One statement in Athena's dialect.")],
    *,
    database: Annotated[str, typer.Option(help="Glue database of the tables.")] = "clickstream",
    workgroup: Annotated[str, typer.Option(help="Athena workgroup.")] = "clickstream",
    limit: Annotated[int, typer.Option(min=0, help="Rows to show at most; 0 for all.")] = 50,
    output: Annotated[
        Literal["table", "csv"], typer.Option("--format", help="How to print the rows.")
    ] = "table",
) -> None:
    """Run SQL over clickstream_events, clickstream_events_parquet and clickstream_rejects."""
    answer = athena_query.run(
        connection.athena(), sql, database=database, workgroup=workgroup, limit=limit or None
    )
    if output == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(answer.columns)
        writer.writerows(answer.rows)
    else:
        stdout.print(_table(answer))
    more = f" (the first {limit:,}; --limit 0 shows all)" if answer.more else ""
    rows = "1 row" if len(answer.rows) == 1 else f"{len(answer.rows):,} rows"
    cost = billing.dollars(billing.billed_bytes(answer.bytes_scanned))
    stderr.print(
        f"{rows}{more}, {size(answer.bytes_scanned)} scanned, "
        f"{answer.milliseconds:,} ms; ${cost:.5f} in Athena",
        style="dim",
        highlight=False,
    )


def _table(answer: Answer) -> Table:
    table = Table()
    for name, kind in zip(answer.columns, answer.types, strict=True):
        table.add_column(escape(name), justify="right" if kind in _NUMBERS else "left")
    for row in answer.rows:
        table.add_row(*("[dim]NULL[/dim]" if cell is None else escape(cell) for cell in row))
    return table
