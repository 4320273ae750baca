"""The commands by name, and what becomes of errors, closed pipes and Ctrl-C.

A command's module is loaded only when it is invoked: help and completion need only the table.
"""

import os
import sys
from importlib import import_module
from itertools import dropwhile, pairwise
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from clickstream_lake import __version__

COMMANDS: Final = {
    "demo": "Run the whole pipeline on this machine, from producer to SQL.",
    "generate": "Generate realistic click events, to a file, a pipe or Firehose.",
    "transform": "Transform raw files here, as the function in AWS would.",
    "query": "Run SQL over the lake's tables, through Athena.",
    "estimate": "Predict what a query, or a whole lake, would cost.",
    "compact": "Merge small files: show the plan, and queue the work.",
    "files": "Print the files of a table, for readers that are no SQL engine.",
    "audit": "Compare raw objects with what both tables show.",
    "doctor": "Say what is wrong with a deployed lake, and what to do.",
    "replay": "Send raw objects through the transform again.",
    "package": "Fill a directory with what Terraform deploys.",
    "catalog": "Check a catalog, the file of columns; compare it with a lake.",
    "sandbox": "A local AWS with the lake in it.",
    "engine": "A Trino of your own over the lake.",
}
"""Each is the `app` of the module of its name; a test holds the line to its help."""

_COMPLETION: Final = ("--install-completion", "--show-completion")

BROKEN_PIPE: Final = 141
"""What a shell reports of a process that SIGPIPE ended."""


class _Commands(TyperGroup):
    """Lists the commands by the table, and loads the one that is invoked."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - typer's own
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=text) for name, text in COMMANDS.items()}

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's, or typer's copy of it
        """Read the options before the command, unless they are only to be completed.

        Reading a value loads pydantic, and no option here decides what can follow it.
        """
        if not ctx.resilient_parsing:
            return super().parse_args(ctx, args)
        rest = list(dropwhile(lambda arg: arg.startswith("-"), args))
        ctx.args = rest
        return rest

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:  # noqa: ANN401 - click's, or typer's copy of it
        name, found, rest = super().resolve_command(ctx, args)
        if found is None:
            return name, found, rest
        return name, load(str(name)), rest

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - the same
        """Run the command; a reader that closes our output has seen enough."""
        try:
            done = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # The interpreter must have nothing left to write when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        return done


def load(name: str) -> Any:  # noqa: ANN401 - click's command, or typer's copy of it
    """Load one command of the table."""
    command = typer.main.get_command(import_module(f"clickstream_lake.cli.{name}").app)
    command.name = name
    return command


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False)
# Plain help: with Rich's boxes it takes twice as long.
app.rich_markup_mode = None


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it
    if wanted:
        typer.echo(f"clickstream {__version__}")
        raise typer.Exit


@app.callback()
def _clickstream(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """The operator's toolkit of the clickstream lake: try it, feed it, query it, compact it."""


def _names_a_shell(arguments: list[str]) -> bool:
    """Whether the words ask for completion of a shell by its name."""
    words = [part for word in arguments for part in word.split("=", 1)]
    return any(word in _COMPLETION and not name.startswith("-") for word, name in pairwise(words))


def main() -> None:
    """Run the command line; a known error is one line, without a traceback."""
    if _names_a_shell(sys.argv[1:]):
        # Or typer takes no name, and looks for a shell among the processes that started this one:
        # there is none in a container's build.
        os.environ["_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"] = "1"
    try:
        app(prog_name="clickstream")
    except Exception as error:
        from clickstream_lake.cli.errors import report

        status = report(error)
        if status is None:
            raise
        sys.exit(status)
    except KeyboardInterrupt:
        sys.exit(130)
