"""`clickstream catalog`: the file that says what a lake's events are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.console import counted, examples, print_json, stdout

if TYPE_CHECKING:
    from clickstream_lake.lake.catalog import Catalog

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _catalog() -> None:
    """Check a catalog, the file that says the columns."""


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
    if problems:
        raise CatalogError.of(problems)


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
