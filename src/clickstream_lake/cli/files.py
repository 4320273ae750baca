"""`clickstream files`: the data files of one snapshot of a table."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clickstream_lake.cli import choice, connection
from clickstream_lake.cli.errors import UsageError
from clickstream_lake.console import counted, examples, print_json, size, stderr

if TYPE_CHECKING:
    from clickstream_lake.operate.files import Snapshot

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "clickstream files --since 2025-11-20",
        "clickstream files --partition year=2025/month=11/day=26 --format json",
        "clickstream files --rejects --json | jq '.files[].uri'",
        "clickstream files > files.txt",
    )
)
def files(
    *,
    fmt: Annotated[
        str | None,
        typer.Option("--format", help="Which table of events, such as json; by default parquet."),
    ] = None,
    rejects: Annotated[bool, typer.Option("--rejects", help="The table of rejects.")] = False,
    table: Annotated[
        str | None, typer.Option(help="The Glue table, where it has another name.")
    ] = None,
    partition: choice.Paths = None,
    since: choice.Since = None,
    until: choice.Until = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object with sizes and partitions instead.")
    ] = False,
    catalog: connection.Catalog = None,
    database: connection.Database = connection.DATABASE,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Print the files of a table, for readers that are no SQL engine.

    They are one consistent snapshot: every row once, whatever compaction does. They stay for the
    grace period (24 hours by default). Listing a table's prefix instead finds rows twice, or none.
    """
    from clickstream_lake.operate.files import snapshot

    connection.connect(profile, region)
    taken = snapshot(
        _table(fmt, table, catalog, rejects=rejects),
        database=database,
        partitions=choice.partitions_of(partition),
        since=choice.day_of(since),
        until=choice.day_of(until),
    )
    if as_json:
        print_json(_plain(taken))
    else:
        sys.stdout.writelines(f"{file.uri}\n" for file in taken.files)
    total = size(sum(file.bytes for file in taken.files))
    stderr.print(
        f"{counted(len(taken.files), 'file')} of {taken.table}, {total}, "
        f"as of {taken.taken_at:%Y-%m-%d %H:%M:%S} UTC",
        style="dim",
        highlight=False,
    )


def _table(fmt: str | None, table: str | None, catalog: str | None, *, rejects: bool) -> str:
    if sum((fmt is not None, table is not None, rejects)) > 1:
        raise UsageError("choose one of --format, --rejects and --table")
    if table is not None:
        return table
    from clickstream_lake.lake.formats import REJECTS, typed_formats

    (named,) = choice.formats_of([fmt or typed_formats()[0]])
    return connection.catalog_at(catalog).tables[REJECTS if rejects else named].name


def _plain(taken: "Snapshot") -> dict[str, Any]:
    return {
        "database": taken.database,
        "table": taken.table,
        "taken_at": taken.taken_at.isoformat(),
        "files": [
            {"uri": file.uri, "partition": dict(file.partition.keys), "bytes": file.bytes}
            for file in taken.files
        ],
    }
