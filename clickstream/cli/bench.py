"""`clickstream bench`: measure the lake's layouts, on the laptop or on AWS."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import boto3
import typer
from rich.progress import TaskID
from rich.table import Table

from clickstream.cli import connection
from clickstream.cli.console import examples, progress, size, stderr, stdout
from clickstream.cli.errors import CliError

app = typer.Typer(help="Measure the lake.", no_args_is_help=True)


@app.callback()
def _bench() -> None:
    """Measure the lake."""


@app.command(
    epilog=examples(
        "clickstream bench scan --events 200000 --days 3",
        "clickstream bench scan --target aws --bucket my-scratch-bucket --workgroup primary",
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
            if bucket is None:
                raise CliError("on AWS the benchmark needs --bucket for its files")
            if connection.on_sandbox():
                raise CliError("AWS_ENDPOINT_URL points at the sandbox: unset it for --target aws")
            made: Any = boto3.client
        else:
            made = stack.enter_context(_sandbox())
            bucket = _BUCKET
        where = Target(target, made("s3"), made("glue"), made("athena"), bucket, workgroup)
        bars = stack.enter_context(progress())
        tasks: dict[str, TaskID] = {}

        def step(name: str, total: int, done: int) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=total, note="")
            bars.advance(tasks[name], done)

        def confirm(dollars: float, queries: int) -> bool:
            if target == "sandbox" or yes:
                return True
            bars.stop()
            stderr.print(f"{queries} queries will be billed about ${dollars:.4f} by Athena.")
            answer = typer.confirm("Run them?")
            bars.start()
            return answer

        results = bench(spec, where, command=_command(), progress=step, confirm=confirm)
    written = write(results, out)
    if docs is not None:
        written += page(results, docs)
    table = Table()
    table.add_column("query")
    names = ("json", "json_gzip", "small_zstd", "clustered_zstd")
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("json : clustered", justify="right")
    for query in results.queries:
        cells = (size(results.of(query, name).scanned) for name in names)
        ratio = f"{results.ratio(query, 'json', 'clustered_zstd'):,.0f}x"
        table.add_row(query, *cells, ratio)
    stdout.print(table)
    stderr.print("\n".join(f"wrote {path}" for path in written), highlight=False)


_BUCKET = "clickstream-bench"


def _sandbox() -> Any:  # noqa: ANN401 - a context manager of boto3's overloaded client function
    from benchmarks.scan.local import local_athena  # noqa: PLC0415 - needs an extra

    return local_athena(_BUCKET)


def _command() -> str:
    return shlex.join(["clickstream", *sys.argv[1:]])
