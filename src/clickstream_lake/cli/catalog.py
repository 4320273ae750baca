"""`clickstream catalog`: the file that says what a lake's events are."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clickstream_lake.cli import choice, connection
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

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import Config
    from clickstream_lake.lake.proposals import Proposal
    from clickstream_lake.lake.undeclared import Undeclared
    from clickstream_lake.operate.evolution import Difference

_DAYS = 30

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _catalog() -> None:
    """Check a catalog, compare it with a lake, find what it lacks."""


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
    wanted = _with_added(config, wanted)
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


@app.command(
    epilog=examples(
        "clickstream catalog propose",
        "clickstream catalog propose orders.json --since 2025-11-20 --json",
        "clickstream catalog propose orders.json --write",
    )
)
def propose(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="The lake's catalog; by default the deployed one."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option("--column", help="Only this field. Can be given again."),
    ] = None,
    min_share: Annotated[
        float, typer.Option(min=0, max=1, help="Only fields of so many of the events.")
    ] = 0.01,
    write: Annotated[
        bool,
        typer.Option(
            "--write",
            help="Add the columns to FILE: those with nothing against them, or each --column.",
        ),
    ] = False,
    partition: choice.Paths = None,
    since: choice.Since = None,
    until: choice.Until = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Propose columns for fields that producers send and the catalog does not declare.

    Compaction keeps an account of them, without values, from a sample of the rows; it is read here
    for the partitions of the last 30 days, unless others are chosen. What may tell who somebody is
    is only written if it is named with --column.
    """
    from clickstream_lake.lake.catalog_file import read_catalog
    from clickstream_lake.lake.proposals import propose as proposals_of

    if write and file is None:
        raise UsageError("--write needs the catalog's FILE")
    connection.connect(profile, region)
    config, deployed = connection.deployed(stream)
    account = _account_of(config, deployed, partition, since, until)
    keys = config.layout.partition_keys
    compared = read_catalog(file.read_bytes(), str(file)) if file else deployed
    live = _with_added(config, compared)
    if write and live is not compared:
        raise UsageError(
            f"{file} lacks columns that compaction has added by itself: "
            f"`clickstream catalog pull {file}` first"
        )
    proposals = proposals_of(account, live, keys)
    chosen = [
        each
        for each in proposals
        if each.name in (column or ()) or (not column and each.share >= min_share)
    ]
    added = _write(file, chosen, column, keys) if write and file else []
    if as_json:
        rows = {"rows": account.rows, "sampled": account.sampled, "short": account.short}
        print_json(rows | {"fields": [asdict(each) for each in chosen], "written": added})
        return
    print_table(_proposals_table(chosen))
    looked = f"{counted(account.rows, 'row')}, of which {account.sampled:,} were looked at"
    stderr.print(looked, style="dim")
    if write:
        names = ", ".join(added) or "nothing"
        stdout.print(f"{file}: added {names}", markup=False, highlight=False, soft_wrap=True)


@app.command(
    epilog=examples(
        "clickstream catalog pull orders.json",
        "clickstream catalog pull orders.json --json | jq '.added'",
    )
)
def pull(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The lake's catalog.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Bring the columns that compaction has added by itself into the catalog's file.

    They stay as they are in the lake. Once the file that has them is applied, they are yours.
    """
    from clickstream_lake.lake.aws.clients import open_lake
    from clickstream_lake.lake.catalog_file import read_catalog
    from clickstream_lake.lake.overlay import Overlay, missing
    from clickstream_lake.lake.proposals import with_columns

    content = file.read_bytes()
    catalog = read_catalog(content, str(file))
    connection.connect(profile, region)
    config, deployed = connection.deployed(stream)
    lake = open_lake(config, deployed)
    new = missing(catalog, Overlay(lake.store, lake.layout).columns(strict=True))
    if new:
        keys = config.layout.partition_keys
        file.write_bytes(with_columns(content, str(file), new, keys))
    names = [entry["name"] for entry in new]
    if as_json:
        print_json({"added": names})
    else:
        text = f"{file}: added {', '.join(names) or 'nothing'}"
        stdout.print(text, markup=False, highlight=False, soft_wrap=True)


def _with_added(config: "Config", catalog: "Catalog") -> "Catalog":
    """A catalog as a lake would take it: with the columns that compaction has added by itself."""
    if config.schema_evolution != "auto":
        return catalog
    from clickstream_lake.lake.aws.clients import s3_client
    from clickstream_lake.lake.aws.objects import ObjectStore
    from clickstream_lake.lake.overlay import Overlay

    return Overlay(ObjectStore(s3_client(), config.bucket), config.layout).over(catalog)


def _account_of(
    config: "Config",
    catalog: "Catalog",
    partitions: choice.Paths,
    since: datetime | None,
    until: datetime | None,
) -> "Undeclared":
    """The account of all chosen partitions together."""
    from clickstream_lake.lake.accounts import accounts, partitions_between
    from clickstream_lake.lake.aws.clients import open_lake
    from clickstream_lake.lake.undeclared import total

    lake = open_lake(config, catalog)
    named = choice.partitions_of(partitions)
    first = choice.day_of(since)
    if first is None and until is None and named is None:
        first = datetime.now(UTC).date() - timedelta(days=_DAYS)
    found = (
        (each, location)
        for each, location in partitions_between(lake, first, choice.day_of(until))
        if named is None or each in named
    )
    return total(accounts(lake, found))


def _write(
    file: Path, chosen: "list[Proposal]", named: list[str] | None, partition_keys: tuple[str, ...]
) -> list[str]:
    """Add columns to a catalog's file; the names of those that were added.

    Raises:
        CatalogError: one that was named cannot be a column.
        UsageError: one that was named was never seen.
    """
    from clickstream_lake.lake.proposals import with_columns

    if missing := set(named or ()) - {each.name for each in chosen}:
        raise UsageError(f"no event had {', '.join(sorted(missing))}: nothing is written")
    good = [each for each in chosen if named or not (each.obstacle or each.suspicions)]
    if good:
        entries = [each.entry(datetime.now(UTC).date()) for each in good]
        file.write_bytes(with_columns(file.read_bytes(), str(file), entries, partition_keys))
    return [each.name for each in good]


def _proposals_table(proposals: "list[Proposal]") -> "Table":
    table = new_table("Undeclared fields")
    table.add_column("field", overflow="fold")
    table.add_column("column's type", no_wrap=True)
    for name in ("events", "NULL in", "longest"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("since", no_wrap=True)
    table.add_column("but", overflow="fold")
    for each in proposals:
        against = [each.obstacle] if each.obstacle else list(each.suspicions)
        table.add_row(
            escape(each.name),
            "" if each.obstacle else each.type,
            f"{each.share:.1%}",
            f"{each.nullable:.1%}",
            f"{each.longest:,}",
            each.since[:10],
            f"[yellow]{escape('; '.join(against))}[/yellow]",
        )
    return table


def _account(file: Path, catalog: "Catalog") -> dict[str, object]:
    return {
        "file": str(file),
        "sha256": catalog.sha256,
        "columns": {column.name: column.type for column in catalog.columns},
        "personal": sorted(catalog.pii_keys),
        "partition_keys": list(catalog.partition_keys),
        "tables": {fmt: table.name for fmt, table in catalog.tables.items()},
    }
