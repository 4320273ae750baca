"""`clickstream sandbox`: a local AWS with the lake in it."""

import re
import signal
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from clickstream_lake.cli import connection, routes
from clickstream_lake.cli.engine import install_engine
from clickstream_lake.cli.errors import UsageError, complain, sandbox_extra, warn_without_kernel
from clickstream_lake.console import (
    command_name,
    examples,
    new_table,
    print_json,
    print_table,
    stderr,
    stdout,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from clickstream_lake.demo.provision import LakeSettings, Route, Stream
    from clickstream_lake.sandbox.sandbox import Sandbox

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

DEFAULT_PORT = 4577
DEFAULT_STREAM = "events"
_KEY = re.compile(r"[a-z][a-z0-9-]{0,14}[a-z0-9]")
SAVE_SECONDS = 30


@app.callback()
def _sandbox() -> None:
    """A local AWS with the lake in it."""


@app.command(
    epilog=examples(
        "clickstream sandbox up",
        "clickstream sandbox up --port 0 --json",
        "clickstream sandbox up --dir .clickstream/lake",
        "clickstream sandbox up --catalog orders.json",
        "clickstream sandbox up --stream web --stream orders=orders.json",
        "clickstream sandbox up --route orders=orders.json:order_placed,order_refunded",
        "clickstream sandbox up --athena trino",
    )
)
def up(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 takes a free one.")
    ] = DEFAULT_PORT,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line with endpoint and names.")
    ] = False,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep the lake's files here from one run to the next."),
    ] = None,
    catalog: connection.CatalogFile = None,
    streams: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="KEY[=FILE]",
            help="A stream of the lake, with a catalog of its own; once for each family of events. "
            "All but the first have their key before prefixes and tables, as by Terraform.",
        ),
    ] = None,
    given_routes: routes.Routes = None,
    route_by: routes.RouteBy = routes.ROUTE_BY,
    buffer_mib: Annotated[
        int, typer.Option(min=1, max=128, help="Firehose delivers after this many MiB …")
    ] = 5,
    buffer_seconds: Annotated[
        int, typer.Option(min=0, max=900, help="… or after this many seconds.")
    ] = 5,
    workers: Annotated[
        int, typer.Option(min=1, help="Invocations of each function at the same time.")
    ] = 2,
    athena: Annotated[
        Literal["embedded", "trino"],
        typer.Option(
            help="What answers Athena's queries: the embedded engine, or a real Trino, which "
            "`clickstream engine install` brings."
        ),
    ] = "embedded",
) -> None:
    """Run the local AWS until Ctrl-C: S3, SQS, Firehose, Lambda, Glue, Athena, schedules."""
    stderr.print("Starting the local AWS …", style="dim")
    with sandbox_extra():
        from clickstream_lake.demo.provision import LakeSettings, by_catalog, lake_sandbox
        from clickstream_lake.sandbox.state import held, restore

    if athena == "trino":
        install_engine()
    warn_without_kernel()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    found = _streams(streams or [DEFAULT_STREAM], catalog)
    settings = LakeSettings(
        buffer_mib=buffer_mib,
        buffer_seconds=buffer_seconds,
        streams=found,
        routes=_routes(given_routes or [], found),
        route_by=route_by,
    )
    with (
        held(directory) if directory else nullcontext(),
        lake_sandbox(
            provision=by_catalog(settings),
            port=port,
            directory=directory,
            concurrency=workers,
            athena=athena,
        ) as sandbox,
    ):
        kept = restore(sandbox.clients, sandbox.resources, directory) if directory else 0
        _announce(sandbox, settings, as_json=as_json, kept=kept)
        if directory:
            _run_and_save(sandbox, directory, stop)
        else:
            stop.wait()


@app.command(
    epilog=examples("clickstream sandbox alarms", "clickstream sandbox alarms --json"),
)
def alarms(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON list instead.")] = False,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Show each alarm, whether it rings, and what it last saw; of AWS, too.

    The sandbox judges its alarms once a minute, by CloudWatch's rules. Exits with status 1 if one
    rings.
    """
    import boto3

    connection.connect(profile, region)
    pages = boto3.client("cloudwatch").get_paginator("describe_alarms").paginate()
    found = [alarm for page in pages for alarm in page["MetricAlarms"]]
    # What rings comes first.
    found.sort(key=lambda alarm: (alarm["StateValue"] != "ALARM", alarm["AlarmName"]))
    rows = [
        {
            "alarm": alarm["AlarmName"],
            "state": alarm["StateValue"],
            "since": alarm["StateUpdatedTimestamp"].isoformat(timespec="seconds"),
            "why": alarm["StateReason"],
        }
        for alarm in found
    ]
    if as_json:
        print_json(rows)
    else:
        table = new_table("Alarms")
        for name in ("alarm", "state", "since", "why"):
            table.add_column(name)
        for row in rows:
            style = "bold red" if row["state"] == "ALARM" else None
            table.add_row(*(escape(text) for text in row.values()), style=style)
        print_table(table)
    raise typer.Exit(any(row["state"] == "ALARM" for row in rows))


def _streams(texts: list[str], default: Path | None) -> "tuple[Stream, ...]":
    """Read `web` and `orders=orders.json`.

    Raises:
        UsageError: a key is none that Terraform takes, or is there twice.
    """
    from clickstream_lake.demo.provision import Stream
    from clickstream_lake.lake.catalog_file import CATALOG_PATH

    found: dict[str, Stream] = {}
    for text in texts:
        key, _, file = text.partition("=")
        if not _KEY.fullmatch(key):
            raise UsageError(
                f"--stream {text}: a key has 2 to 16 lower-case letters, digits and hyphens, and "
                "starts with a letter"
            )
        if key in found:
            raise UsageError(f"--stream {key} is there twice: each stream has a key of its own")
        path = Path(file) if file else default or CATALOG_PATH
        found[key] = Stream(key, path.resolve(), is_first=not found)
    return tuple(found.values())


def _routes(texts: list[str], streams: "Sequence[Stream]") -> "tuple[Route, ...]":
    """Read `orders=orders.json:order_placed,order_refunded`.

    Raises:
        UsageError: there is no such stream, or the family has the key of another one.
    """
    from clickstream_lake.demo.provision import Route

    catalogs = {stream.key: stream.catalog for stream in streams}
    taken = set(catalogs)
    found = []
    for option in routes.parse(texts):
        stream = option.stream or streams[0].key
        if stream not in catalogs:
            raise UsageError(f"--route {option.key}: there is no stream {stream}")
        if option.key in taken or not _KEY.fullmatch(option.key):
            raise UsageError(
                f"--route {option.key}: a family needs a key that no stream and no other family "
                "has, of 2 to 16 lower-case letters, digits and hyphens"
            )
        taken.add(option.key)
        catalog = option.catalog or catalogs[stream]
        found.append(Route(stream, option.key, option.event_types, catalog))
    return tuple(found)


def _run_and_save(sandbox: "Sandbox", directory: Path, stop: threading.Event) -> None:
    """Wait for the end; save the lake then, and now and then before, as it is at that moment."""
    from botocore.exceptions import BotoCoreError, ClientError

    from clickstream_lake.sandbox.state import save

    while not stop.wait(SAVE_SECONDS):
        try:
            save(sandbox.clients, sandbox.resources, directory, still=sandbox.still())
        except (OSError, BotoCoreError, ClientError) as error:
            complain(f"the lake was not saved, and is as it was saved before: {error}")
    stderr.print("Finishing what is under way …", style="dim")
    try:
        sandbox.wait_idle()
    finally:  # what does not come to rest is kept with its messages
        save(sandbox.clients, sandbox.resources, directory, still=sandbox.still())


def _announce(sandbox: "Sandbox", settings: "LakeSettings", *, as_json: bool, kept: int) -> None:
    names = sandbox.resources.as_dict()
    logs = str(sandbox.log_dir)
    if as_json:
        ready = {"endpoint": sandbox.endpoint, **names, **sandbox.credentials(), "logs": logs}
        print_json(ready, indent=None)
        return
    stdout.print("[bold]The sandbox is ready.[/bold] Ctrl-C stops it.\n")
    stdout.print("Point any AWS client at it:\n")
    for name, value in ({"AWS_ENDPOINT_URL": sandbox.endpoint} | sandbox.credentials()).items():
        stdout.print(f"  export {name}={value}", highlight=False, soft_wrap=True)
    stdout.print("\nThe lake in it:\n")
    others = names.pop("further", {})
    for name, value in (names | {"logs": logs}).items():
        stdout.print(f"  {name:<18} {escape(value)}", highlight=False, soft_wrap=True)
    for key, other in others.items():
        said = f"  and {key:<14} {escape(other['stream'])}"
        stdout.print(said, highlight=False, soft_wrap=True)
    if kept:
        stdout.print(f"\n{kept:,} objects are back from the last run.")
    stdout.print("\nTry, in another terminal with these variables set:\n")
    for line in _next_lines(sandbox, settings):
        # A line that is wrapped cannot be copied.
        text = f"  {command_name()} {line}"
        stdout.print(text, markup=False, highlight=False, soft_wrap=True)


def _next_lines(sandbox: "Sandbox", settings: "LakeSettings") -> "Iterator[str]":
    """Commands to go on with: events for each stream, and a question to the first."""
    from clickstream_lake.demo.provision import table_prefix
    from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog

    resources = sandbox.resources
    for stream in settings.streams:
        name = resources.further[stream.key].stream if not stream.is_first else resources.stream
        catalog = "" if stream.catalog == CATALOG_PATH else f" --catalog {stream.catalog}"
        yield f"generate --stream {name}{catalog} --count 10000"
    every: Sequence[Stream | Route] = (*settings.streams, *settings.routes)
    for each in every:
        found = load_catalog(each.catalog)
        table = f"{table_prefix(each)}{found.tables['json'].name}"
        yield f'query "SELECT {found.kind}, COUNT(*) FROM {table} GROUP BY 1"'  # noqa: S608 - the catalog's own names
