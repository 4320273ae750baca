"""Put the commands together, and turn known errors into one clear line."""

import sys

import typer
from botocore.exceptions import BotoCoreError, ClientError

from clickstream_lake.cli import (
    audit,
    compact,
    demo,
    estimate,
    generate,
    query,
    replay,
    sandbox,
    transform,
)
from clickstream_lake.cli.errors import explain
from clickstream_lake.console import stderr
from clickstream_lake.errors import ToolkitError
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.sandbox.errors import QueryError, SandboxError

app = typer.Typer(
    name="clickstream",
    help="The operator's toolkit of the clickstream lake: try it, feed it, query it, compact it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
for command in (demo, generate, transform, query, estimate, compact, audit, replay):
    command.register(app)
app.add_typer(sandbox.app, name="sandbox")

_KNOWN = (
    BotoCoreError,
    ClientError,
    ToolkitError,
    LakeError,
    QueryError,
    SandboxError,
)


def main() -> None:
    """Run the command line; an error that we know ends it with status 1 and without a traceback."""
    try:
        app()
    except _KNOWN as error:
        stderr.print(f"[red]Error:[/red] {explain(error)}", highlight=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
