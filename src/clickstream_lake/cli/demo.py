"""`clickstream demo`: the whole pipeline on this machine, from producer to SQL."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import sandbox_extra, warn_without_kernel
from clickstream_lake.console import examples, print_json, stderr, stdout

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        "clickstream demo",
        "clickstream demo --events 1000000 --malformed 0.01",
        "clickstream demo --catalog orders.json",
        "clickstream demo --terraform",
    )
)
def demo(
    *,
    events: Annotated[int, typer.Option(min=1, help="How many events to send.")] = 300_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 7,
    malformed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of lines that are not valid events.")
    ] = 0.002,
    terraform: Annotated[
        bool,
        typer.Option(
            "--terraform",
            help="Provision by the project's Terraform instead of by the catalog. Takes minutes.",
        ),
    ] = False,
    directory: Annotated[
        Path, typer.Option("--dir", help="Where the lake's files are kept afterwards.")
    ] = Path(".clickstream/demo"),
    catalog: connection.CatalogFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Run the whole pipeline on this machine, from producer to SQL.

    Sends events through Firehose, raw zone, transform, JSON and Parquet, compaction and SQL, and
    shows what became of them. The exit status is 0 only if both tables agree and every event is
    in them or among the rejects.
    """
    stderr.print("Loading the local AWS …", style="dim")
    with sandbox_extra():
        from clickstream_lake.demo.report import show
        from clickstream_lake.demo.run import DemoSettings, run
        from clickstream_lake.lake.catalog_file import CATALOG_PATH

    warn_without_kernel()
    # Whole days, so that a seed gives the same counts on every day.
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    report = run(
        DemoSettings(
            events=events,
            seed=seed,
            malformed=malformed,
            start=today - timedelta(days=1),
            terraform=terraform,
            directory=directory,
            catalog=catalog or CATALOG_PATH,
        )
    )
    if as_json:
        print_json(asdict(report) | {"adds_up": report.adds_up})
    else:
        show(report, stdout)
    raise typer.Exit(0 if report.adds_up else 1)
