"""`clickstream audit`: does every raw object show exactly once in both tables?"""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from clickstream_lake.cli import choice, connection
from clickstream_lake.cli.replay import transform_queue
from clickstream_lake.console import (
    counted,
    examples,
    new_table,
    print_json,
    print_table,
    progress,
    stderr,
    stdout,
)

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import Config
    from clickstream_lake.lake.lake import Lake
    from clickstream_lake.operate.audit import Breach, Repairs, Verdict

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "clickstream audit --since 2025-11-20",
        "clickstream audit --partition year=2025/month=11/day=26 --deep",
        "clickstream audit --repair",
    )
)
def audit(
    *,
    partition: choice.Paths = None,
    since: choice.Since = None,
    settle_minutes: Annotated[
        int, typer.Option(min=0, help="How long a raw object may take to show.")
    ] = 15,
    deep: Annotated[
        bool, typer.Option("--deep", help="Count the rows in every file; reads all of them.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Queue gaps once more, heal pointers; says what it did."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    catalog: connection.Catalog = None,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Compare raw objects with what both tables show.

    Every raw object has to show exactly once in each table, or among the rejects.
    Exits with status 1 on any breach, even on one that --repair has repaired: audit again.
    """
    from clickstream_lake.lake.aws.clients import open_lake, routed_to
    from clickstream_lake.operate.audit import AuditReader, judge

    connection.connect(profile, region)
    config, found = connection.deployed(stream, catalog)
    lake = open_lake(config, found)
    reader = AuditReader(lake, found, routed=routed_to(config, lake), deep=deep)
    chosen = choice.partitions_of(partition) or reader.partitions(since=choice.day_of(since))
    verdicts = []
    with progress(quiet=as_json) as bars:
        task = bars.add_task("partitions", total=len(chosen), note="")
        for each in chosen:
            view = reader.read(each)
            settle = timedelta(minutes=settle_minutes)
            verdicts.append(judge(view, now=datetime.now(UTC), settle=settle))
            bars.advance(task)
    breaches = [breach for verdict in verdicts for breach in verdict.breaches]
    repairs = _repair(lake, found, config, stream, breaches) if repair and breaches else None
    if as_json:
        print_json(_plain(verdicts, repairs))
    else:
        _show(verdicts, breaches, repairs)
    if breaches:
        raise typer.Exit(1)


def _repair(
    lake: "Lake", catalog: "Catalog", config: "Config", stream: str, breaches: "list[Breach]"
) -> "Repairs":
    from clickstream_lake.operate.audit import Repairer

    queue = transform_queue(connection.source_of(config, stream), config.bucket)
    return Repairer(lake, catalog, queue.send).repair(breaches)


def _plain(verdicts: "list[Verdict]", repairs: "Repairs | None") -> dict[str, object]:
    return {
        "clean": not any(verdict.breaches for verdict in verdicts),
        "partitions": [asdict(verdict) for verdict in verdicts],
        "repaired": list(repairs.done) if repairs else [],
    }


def _show(verdicts: "list[Verdict]", breaches: "list[Breach]", repairs: "Repairs | None") -> None:
    print_table(_verdict_table(verdicts))
    if breaches:
        print_table(_breach_table(breaches))
    for line in repairs.done if repairs else ():
        stdout.print("[green]repaired[/green]", end=" ")
        stdout.print(line, markup=False, highlight=False, soft_wrap=True)
    found = f"{len(breaches):,} {'breach' if len(breaches) == 1 else 'breaches'}"
    stderr.print(f"{found} in {counted(len(verdicts), 'partition')}", style="dim")


def _verdict_table(verdicts: "list[Verdict]") -> "Table":
    table = new_table("Audit")
    table.add_column("partition", overflow="fold", min_width=len("partition"))
    for name in ("raw\nobjects", "rows", "rejected", "pending", "breaches"):
        table.add_column(name, justify="right", no_wrap=True)
    for each in verdicts:
        style = "red" if each.breaches else "green"
        table.add_row(
            escape(each.partition),
            *(f"{count:,}" for count in (each.sources, each.rows, each.rejected, each.pending)),
            f"[{style}]{len(each.breaches):,}[/{style}]",
        )
    return table


def _breach_table(breaches: "list[Breach]") -> "Table":
    table = new_table("Breaches")
    table.add_column("what", min_width=12)
    table.add_column("table", no_wrap=True)
    table.add_column("where", overflow="fold")
    table.add_column("detail", overflow="fold")
    for breach in breaches:
        where = breach.subject or breach.partition
        table.add_row(
            f"[red]{breach.kind}[/red]", breach.format or "", escape(where), escape(breach.detail)
        )
    return table
