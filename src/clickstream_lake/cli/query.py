"""`clickstream query`: SQL over the lake's tables, through Athena or the sandbox's stand-in."""

import csv
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import UsageError
from clickstream_lake.console import (
    counted,
    examples,
    new_table,
    print_json,
    print_table,
    size,
    stderr,
    stdout,
)
from clickstream_lake.operate import query as athena_query
from clickstream_lake.operate.costs.prices import athena_dollars
from clickstream_lake.sandbox.athena import billing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

    from clickstream_lake.operate.query import Answer

Output = Literal["table", "tsv", "csv", "json"]

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_WHOLE = frozenset({"tinyint", "smallint", "integer", "bigint"})
_BROKEN = frozenset({"double", "float", "real"})
_NUMBERS = _WHOLE | _BROKEN | {"decimal"}
_TABLE_ROWS = 50
# A tab or a line end in a value would split it in two.
_TSV_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@app.command(
    epilog=examples(
        'clickstream query "SELECT COUNT(*) FROM clickstream_events_parquet"',
        'clickstream query "SHOW PARTITIONS clickstream_events"',
        'clickstream query "SELECT * FROM clickstream_rejects" --csv > rejects.csv',
        "clickstream query --file report.sql --json | jq .event_type",
        'echo "SHOW TABLES" | clickstream query -',
    )
)
def query(
    sql: Annotated[
        str | None,
        typer.Argument(help="One statement in Athena's dialect; - reads it from standard input."),
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option(help="Read the statement from this file.", allow_dash=True)
    ] = None,
    database: connection.Database = connection.DATABASE,
    workgroup: Annotated[str, typer.Option(help="Athena workgroup.")] = "clickstream",
    limit: Annotated[
        int | None,
        typer.Option(min=0, help="Rows to show at most; 0 for all. By default 50 in a table."),
    ] = None,
    output: Annotated[
        Output | None,
        typer.Option(
            "--format", help="How to print the rows: a table on a terminal, TSV elsewhere."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object a row, as --format json.")
    ] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As --format csv.")] = False,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Run SQL over the lake's tables, through Athena.

    The tables are clickstream_events (JSON), clickstream_events_parquet and clickstream_rejects.
    """
    import boto3

    statement = _statement(sql, file)
    form = _form(output, as_json=as_json, as_csv=as_csv)
    most = (_TABLE_ROWS if form == "table" else 0) if limit is None else limit
    connection.connect(profile, region)
    answer = athena_query.run(
        boto3.client("athena"),
        statement,
        database=database,
        workgroup=workgroup,
        limit=most or None,
    )
    if athena_query.names_all(statement):
        pages = boto3.client("glue").get_paginator("get_tables").paginate(DatabaseName=database)
        tables = [dict(table) for page in pages for table in page["TableList"]]
        answer = athena_query.without_retired(answer, statement, tables)
    match form:
        case "table":
            print_table(_table(answer, stdout.width))
        case "json":
            for row in _objects(answer):
                print_json(row, indent=None)
        case "csv":
            writer = csv.writer(sys.stdout)
            writer.writerow(answer.columns)
            writer.writerows(answer.rows)
        case "tsv":
            sys.stdout.write(_tsv(answer.columns))
            sys.stdout.writelines(map(_tsv, answer.rows))
    more = f" (the first {most:,}; --limit 0 shows all)" if answer.more else ""
    cost = athena_dollars(billing.billed_bytes(answer.bytes_scanned))
    stderr.print(
        f"{counted(len(answer.rows), 'row')}{more}, {size(answer.bytes_scanned)} scanned, "
        f"{answer.milliseconds:,} ms; ${cost:.5f} in Athena",
        style="dim",
        highlight=False,
    )


def _statement(sql: str | None, file: Path | None) -> str:
    if (sql is None) == (file is None):
        raise UsageError("give either a statement or --file")
    if sql == "-" or file == Path("-"):
        return sys.stdin.read()
    if file is None:
        return str(sql)
    if not file.exists():
        raise UsageError(f"{file}: there is no such file")
    return file.read_text(encoding="utf-8")


def _form(output: Output | None, *, as_json: bool, as_csv: bool) -> Output:
    asked: list[Output] = [output] if output else []
    asked += ["json"] if as_json else []
    asked += ["csv"] if as_csv else []
    if len(set(asked)) > 1:
        raise UsageError(f"choose one of {' and '.join(asked)}")
    return asked[0] if asked else "table" if sys.stdout.isatty() else "tsv"


def _tsv(cells: "Iterable[str | None]") -> str:
    return "\t".join((cell or "").translate(_TSV_ESCAPES) for cell in cells) + "\n"


def _objects(answer: "Answer") -> "Iterator[dict[str, object]]":
    """A row as JSON; a value stays Athena's text if JSON has no such type."""
    seen = Counter[str]()
    names = []
    for name in answer.columns:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    for row in answer.rows:
        yield {
            name: _value(cell, kind)
            for name, cell, kind in zip(names, row, answer.types, strict=True)
        }


def _value(cell: str | None, kind: str) -> object:
    if cell is None:
        return None
    if kind in _WHOLE:
        return int(cell)
    if kind in _BROKEN and cell not in {"NaN", "Infinity", "-Infinity"}:
        return float(cell)
    return cell == "true" if kind == "boolean" else cell


def _table(answer: "Answer", width: int) -> "Table":
    # A column is at least as wide as its name, and has three characters around it.
    if sum(len(name) + 3 for name in answer.columns) + 1 > width:
        return _records(answer)
    table = new_table()
    for name, kind in zip(answer.columns, answer.types, strict=True):
        table.add_column(
            escape(name),
            justify="right" if kind in _NUMBERS else "left",
            min_width=len(name),
            overflow="fold",
        )
    for row in answer.rows:
        table.add_row(*map(_cell, row))
    return table


def _records(answer: "Answer") -> "Table":
    """Each row as lines of name and value, when there are more columns than fit the terminal."""
    table = new_table()
    table.add_column("column", no_wrap=True)
    table.add_column("value", overflow="fold")
    for row in answer.rows:
        for name, cell in zip(answer.columns, row, strict=True):
            table.add_row(escape(name), _cell(cell))
        table.add_section()
    return table


def _cell(cell: str | None) -> str:
    return "[dim]NULL[/dim]" if cell is None else escape(cell)
