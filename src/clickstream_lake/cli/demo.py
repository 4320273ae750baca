"""`clickstream demo`: the whole pipeline on this machine, from producer to SQL."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from clickstream_lake.console import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "clickstream demo",
            "clickstream demo --events 1000000 --malformed 0.01",
            "clickstream demo --terraform",
        )
    )(demo)


def demo(
    *,
    events: Annotated[int, typer.Option(min=1, help="How many events to send.")] = 300_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 7,
    malformed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of lines that are no valid event.")
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
) -> None:
    """Send events through the whole pipeline in a local AWS, and show what became of them.

    Producer, Firehose, raw zone, transform, JSON and Parquet, compaction, SQL.
    """
    # The sandbox is heavy, and the other commands do without it.
    from clickstream_lake.demo.run import DemoSettings, run  # noqa: PLC0415 - see above

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
        )
    )
    raise typer.Exit(0 if report.adds_up else 1)
