"""`clickstream catalog`: the file that says what a lake's events are."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clickstream_lake.cli import connection
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

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.operate.evolution import Difference

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _catalog() -> None:
    """Check a catalog, the file that says the columns, and compare it with a lake."""


@app.command(
    epilog=examples(
        "clickstream catalog check orders.json", "clickstream catalog check orders.json --json"
    )
)
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE", help="Catalogs to check.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a file.")] = False,
) -> None:
    """Say what is wrong with a catalog, and with which line.

    Nothing is asked of AWS. The exit status is 1 if anything is wrong with one of the files.
    """
    from clickstream_lake.lake.catalog_file import read_catalog
    from clickstream_lake.lake.errors import CatalogError, Problem

    problems: list[Problem] = []
    for file in files:
        try:
            found = read_catalog(file.read_bytes(), str(file))
        except CatalogError as error:
            problems += error.problems
            continue
        if as_json:
            print_json(_account(file, found), indent=None)
        else:
            columns = counted(len(found.columns), "column")
            text = f"{file}: nothing is wrong with its {columns}. Its name is {found.sha256}."
            stdout.print(text, markup=False, highlight=False, soft_wrap=True)
        for column in found.sent:
            if column.sources and column.name not in column.sources:
                text = (
                    f"{file}: column {column.name!r}: from does not name {column.name!r} itself: "
                    "what is sent under that name goes into extra"
                )
                stderr.print(f"Warning: {text}", style="yellow", markup=False, soft_wrap=True)
    if problems:
        raise CatalogError.of(problems)


@app.command(
    epilog=examples(
        "clickstream catalog diff mine.json",
        "clickstream catalog diff mine.json --json | jq '.changes[] | select(.instead != \"\")'",
    )
)
def diff(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The catalog to apply.")],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Say what applying a catalog would do to old and new rows of a deployed lake.

    The file is compared with the tables, their partitions and their files. Nothing is changed. The
    exit status is 1 if it would drop, rename, move or retype a column.
    """
    from clickstream_lake.lake.aws.clients import open_lake
    from clickstream_lake.lake.catalog_file import read_catalog
    from clickstream_lake.lake.errors import CatalogError, Problem
    from clickstream_lake.operate import evolution

    wanted = read_catalog(file.read_bytes(), str(file))
    connection.connect(profile, region)
    config, deployed = connection.deployed(stream)
    lake = open_lake(config, deployed)
    today = datetime.now(UTC).date().isoformat()
    found = evolution.compare(lake, deployed, wanted, today=today)
    if as_json:
        print_json(asdict(found))
    elif found.changes:
        print_table(_changes(found))
    else:
        stdout.print("The tables would stay as they are.", markup=False)
    for each in found.behind:
        if each.partitions and not as_json:
            stdout.print(
                f"{each.partitions:,} of {counted(each.of, f'{each.format} partition')} would be "
                f"rewritten by and by, newest first: {counted(each.files, 'file')}, "
                f"{size(each.bytes)}. `clickstream compact --stale-schema` does it at once.",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
    if found.breaking:
        raise CatalogError.of(
            [
                Problem(f"{file}: {change.table} {change.column}, {change.what}: {change.instead}")
                for change in found.breaking
            ]
        )


def _changes(found: "Difference") -> "Table":
    table = new_table("Changes")
    for heading in ("table", "column", "what", "old rows", "new rows"):
        table.add_column(heading, overflow="fold")
    for each in found.changes:
        style = "red" if each.instead else "default"
        cells = (each.table, each.column, each.what, each.old_rows, each.new_rows)
        table.add_row(*map(escape, cells), style=style)
    return table


@app.command(
    epilog=examples(
        "clickstream catalog schema > catalog.schema.json",
        "clickstream catalog schema | jq '.properties | keys'",
    )
)
def schema() -> None:
    """Print the JSON Schema of catalogs, which editors complete and check by.

    A catalog names it in its first line: "$schema": "./catalog.schema.json".
    """
    from clickstream_lake.lake.catalogs import SCHEMA_PATH

    typer.echo(SCHEMA_PATH.read_text(encoding="utf-8"), nl=False)


def _account(file: Path, catalog: "Catalog") -> dict[str, object]:
    return {
        "file": str(file),
        "sha256": catalog.sha256,
        "columns": {column.name: column.type for column in catalog.columns},
        "personal": sorted(catalog.pii_keys),
        "partition_keys": list(catalog.partition_keys),
        "tables": {fmt: table.name for fmt, table in catalog.tables.items()},
    }
