"""`clickstream engine`: a Trino of one's own over the lake."""

import re
import signal
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import CliError, UsageError
from clickstream_lake.console import examples, print_json, progress, stderr, stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import TaskID

    from clickstream_lake.engine.configuration import Storage
    from clickstream_lake.engine.distribution import Report
    from clickstream_lake.engine.server import Trino

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

DEFAULT_PORT = 8080
_MIB = 1 << 20

Archive = Annotated[
    Path | None,
    typer.Option(
        help="The server's archive, trino-server-476.tar.gz; by default Maven gets it.",
        exists=True,
        dir_okay=False,
    ),
]


@app.callback()
def _engine() -> None:
    """A Trino of your own over the lake.

    Athena is a relative of it. The server is brought once, 820 MB, and 500 MB of it are kept in
    ~/.cache/clickstream-lake.
    """


@app.command(
    epilog=examples(
        "clickstream engine install",
        "clickstream engine install --archive trino-server-476.tar.gz",
    )
)
def install(
    *,
    archive: Archive = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line with the server's place.")
    ] = False,
) -> None:
    """Bring the server, if it is not here yet, and unpack what is needed of it.

    It comes from Maven Central, by Maven, or from a file that you have; its checksum is known. It
    needs Java 24 or newer, from this machine or from the extra `engine` of this package.
    """
    from clickstream_lake.engine.java import find_java

    home = install_engine(archive)
    java = find_java()
    if as_json:
        print_json({"server": str(home), "java": str(java)}, indent=None)
    else:
        stdout.print(f"The server is in {home}", markup=False, highlight=False, soft_wrap=True)
        stdout.print(f"and runs on {java}", markup=False, highlight=False, soft_wrap=True)


@app.command(
    epilog=examples(
        "clickstream engine up",
        "clickstream engine up --port 0 --json",
        "clickstream engine up --heap 8G --profile analyst --region eu-west-1",
        "clickstream engine up --endpoint-url http://127.0.0.1:4577",
    )
)
def up(
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Port of 127.0.0.1; 0 takes a free one.")
    ] = DEFAULT_PORT,
    heap: Annotated[
        str, typer.Option(help="Java's heap at most, as in its option -Xmx.", metavar="SIZE")
    ] = "2G",
    archive: Archive = None,
    endpoint_url: Annotated[
        str | None,
        typer.Option(
            help="Endpoint of a stand-in for AWS; by default AWS_ENDPOINT_URL, or AWS itself.",
            envvar="AWS_ENDPOINT_URL",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line with how to reach it.")
    ] = False,
    database: connection.Database = connection.DATABASE,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Run a Trino over the tables of Glue until Ctrl-C: AWS's, or the sandbox's.

    Only this machine reaches it, without a password: who can, reads and writes with your
    credentials. What it reads of S3 costs what S3 charges for requests and traffic.
    """
    from clickstream_lake.engine.server import Trino

    if not re.fullmatch(r"\d+[kmg]?", heap, re.IGNORECASE):
        raise UsageError(f"--heap {heap} is no size: give for instance 4G, or 1500M")
    storage = _storage(profile, region, endpoint_url)
    install_engine(archive)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    stderr.print("Starting Trino …", style="dim")
    with Trino(storage, port=port, heap=heap) as trino:
        _announce(trino, storage, database, as_json=as_json)
        while not stop.wait(1):
            trino.check()


def install_engine(archive: Path | None = None) -> Path:
    """Bring the server with a bar for each step, if it is not here yet; where it is.

    Raises:
        EngineError: it cannot be had.
    """
    from clickstream_lake.engine import distribution

    with _shown() as report:
        return distribution.install(archive, report)


@contextmanager
def _shown() -> "Iterator[Report]":
    """A bar for each step, which counts in MiB."""
    with progress(lines=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(step: str, done: int, total: int) -> None:
            mib = -(-total // _MIB) or None
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=mib, note="MiB")
            bars.update(tasks[step], completed=-(-done // _MIB), total=mib)

        yield report


def _storage(profile: str | None, region: str | None, endpoint: str | None) -> "Storage":
    """What AWS's own command would take: options, then the environment, then its files."""
    import boto3

    from clickstream_lake.engine.configuration import Storage

    found: str | None = region or boto3.Session(profile_name=profile).region_name
    if found is None:
        raise CliError("there is no AWS region: give --region, or set AWS_DEFAULT_REGION")
    environment = {"AWS_PROFILE": profile} if profile else {}
    return Storage(found, endpoint.rstrip("/") if endpoint else None, environment)


def _announce(trino: "Trino", storage: "Storage", database: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "endpoint": trino.endpoint,
                "catalog": "awsdatacatalog",
                "schema": database,
                "user": "clickstream",
                "aws": storage.endpoint or storage.region,
                "log": str(trino.log),
            },
            indent=None,
        )
        return
    place = f"127.0.0.1:{trino.port}"
    lines = [
        f"Trino is ready over {storage.endpoint or f'AWS in {storage.region}'}. Ctrl-C stops it.",
        "",
        "Its tables are those of Glue, as awsdatacatalog.database.table. Reach it by",
        "",
        f"  its command  trino {trino.endpoint}/awsdatacatalog/{database}",
        f"  JDBC         jdbc:trino://{place}/awsdatacatalog/{database}    user: any, no password",
        f"  Python       trino.dbapi.connect(host='127.0.0.1', port={trino.port}, user='me',",
        f"                                   catalog='awsdatacatalog', schema='{database}')",
        f"  a browser    {trino.endpoint}/ui    user: any",
        "",
        f"  its log      {trino.log}",
    ]
    for line in lines:
        # A line that is wrapped cannot be copied.
        stdout.print(line, markup=False, highlight=False, soft_wrap=True)
