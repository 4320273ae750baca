"""`python -m benchmarks scan`: measure the lake's layouts, on the laptop or on AWS."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import boto3
import typer
from rich.table import Table

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import CliError
from clickstream_lake.console import examples, progress, size, stderr, stdout

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from benchmarks.scan.results import Results

app = typer.Typer(help="Measure the lake.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure the lake."""


@app.command(
    epilog=examples(
        "python -m benchmarks scan --events 200000 --days 3",
        "python -m benchmarks scan --target aws --bucket my-scratch-bucket --workgroup primary",
    )
)
def scan(
    *,
    target: Annotated[
        Literal["sandbox", "aws"], typer.Option(help="Where the queries run.")
    ] = "sandbox",
    events: Annotated[int, typer.Option(min=1000, help="Click events to generate.")] = 1_000_000,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days, one partition each.")] = 7,
    file_events: Annotated[int, typer.Option(min=10, help="Events of one landing file.")] = 2_000,
    row_group_rows: Annotated[
        int | None,
        typer.Option(min=100, help="Rows of a compacted row group; the lake's own by default."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the generated events.")] = 7,
    bucket: Annotated[
        str | None, typer.Option(help="AWS: takes the files under bytes-scanned/, for a while.")
    ] = None,
    workgroup: Annotated[str, typer.Option(help="AWS: the Athena workgroup.")] = "primary",
    out: Annotated[Path, typer.Option(help="Directory for report, plots and figures.")] = Path(
        "build/bytes-scanned"
    ),
    docs: Annotated[
        Path | None, typer.Option(help="Also write this Markdown page, beside its plots.")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="AWS: spend the money without asking.")
    ] = False,
) -> None:
    """Compare what Athena scans and charges for the same events in every layout.

    Twelve questions, asked of JSON, gzip JSON, small Parquet as it lands, and compacted Parquet.
    Rows have to be equal everywhere. On AWS it says what it will cost, and asks, before the first
    query; everything that it made there is deleted at the end.
    """
    try:
        from benchmarks.scan.command import Target, bench, write  # noqa: PLC0415 - needs an extra
        from benchmarks.scan.docs import page  # noqa: PLC0415 - the same
        from benchmarks.scan.layouts import Spec  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise CliError(
            f"{error.name} is missing: install the benchmarks with "
            "`pip install 'clickstream-lake[bench]'`, from a checkout of the project"
        ) from None
    spec = Spec(events, days, file_events, row_group_rows, seed)
    with ExitStack() as stack:
        if target == "aws":
            bucket, made = _on_aws(bucket), boto3.client
        else:
            bucket, made = _BUCKET, stack.enter_context(_sandbox())
        where = Target(target, made("s3"), made("glue"), made("athena"), bucket, workgroup)
        bars = _Bars(stack.enter_context(progress()))
        free = yes or target == "sandbox"
        results = bench(
            spec,
            where,
            command=_command(),
            progress=bars.step,
            confirm=lambda dollars, queries: free or bars.ask(dollars, queries),
        )
    written = write(results, out)
    if docs is not None:
        written += page(results, docs)
    stdout.print(_table(results))
    stderr.print("\n".join(f"wrote {path}" for path in written), highlight=False)


_BUCKET = "clickstream-bench"
_SHOWN = ("json", "json_gzip", "small_zstd", "clustered_zstd")


class _Bars:
    """One bar for each step, made when the step begins."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def step(self, name: str, total: int, done: int) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, note="")
        self._progress.advance(self._tasks[name], done)

    def ask(self, dollars: float, queries: int) -> bool:
        self._progress.stop()
        stderr.print(f"{queries} queries will be billed about ${dollars:.4f} by Athena.")
        answer = typer.confirm("Run them?")
        self._progress.start()
        return answer


def _on_aws(bucket: str | None) -> str:
    if bucket is None:
        raise CliError("on AWS the benchmark needs --bucket for its files")
    if connection.on_sandbox():
        raise CliError("AWS_ENDPOINT_URL points at the sandbox: unset it for --target aws")
    return bucket


def _table(results: "Results") -> Table:
    table = Table()
    table.add_column("query")
    for name in _SHOWN:
        table.add_column(name, justify="right")
    table.add_column("json : clustered", justify="right")
    for query in results.queries:
        cells = (size(results.of(query, name).scanned) for name in _SHOWN)
        ratio = f"{results.ratio(query, 'json', 'clustered_zstd'):,.0f}x"
        table.add_row(query, *cells, ratio)
    return table


def _sandbox() -> Any:  # noqa: ANN401 - a context manager of boto3's overloaded client function
    from benchmarks.scan.local import local_athena  # noqa: PLC0415 - needs an extra

    return local_athena(_BUCKET)


def _command() -> str:
    """The command that repeats this run, however it was started."""
    options = sys.argv[sys.argv.index("scan") + 1 :] if "scan" in sys.argv else []
    return shlex.join(["python", "-m", "benchmarks", "scan", *options])


def main(arguments: list[str]) -> int:
    """Run the benchmark."""
    app(["scan", *arguments], standalone_mode=False)
    return 0
