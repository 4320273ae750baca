"""`clickstream compact`: plan and run compaction, in AWS or the sandbox."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from clickstream.cli import connection
from clickstream.cli.console import examples, progress, size, stderr, stdout
from clickstream.cli.errors import CliError
from functions.compact.messages import CompactQueue
from functions.compact.operations import Operations, PlannedPartition
from functions.compact.wiring import wire
from functions.lake.clients import open_lake, sqs_client
from functions.lake.layout import FORMATS, Format, Partition
from functions.lake.schema import load_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOOK_SECONDS = 1.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "clickstream compact --dry-run",
            "clickstream compact --partition year=2025/month=11/day=26 --format parquet --watch",
        )
    )(compact)


def compact(
    *,
    partition: Annotated[
        list[str] | None,
        typer.Option(help="Only this one, as year=2025/month=11/day=26. Can be given again."),
    ] = None,
    fmt: Annotated[list[str] | None, typer.Option("--format", help="Only json or parquet.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compact even if there is little to gain.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and do nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait for the queued work and show what it came to.")
    ] = False,
    stream: Annotated[
        str, typer.Option(help="The lake's Firehose stream; its functions are named after it.")
    ] = "clickstream-events",
) -> None:
    """Merge small files: show what is worth it, and queue one message per partition.

    The queue keeps two compactors off one partition, whoever asks for them.
    """
    operations = _operations(stream)
    partitions = [Partition.parse(path) for path in partition] if partition else None
    formats = _formats(fmt)
    plan = operations.plan(partitions=partitions, formats=formats, force=force, dry_run=True)
    stdout.print(_plan_table(plan.partitions))
    todo = [planned for planned in plan.partitions if planned.queued]
    if dry_run or not todo:
        stderr.print(f"{len(todo)} of {len(plan.partitions)} are worth compacting", style="dim")
        return
    operations.plan(
        partitions=partitions, formats=formats, force=force, occasion=f"by hand {time.time_ns()}"
    )
    stderr.print(f"queued {len(todo)}", style="dim")
    if watch:
        before = {_name(planned): _Visible.of(operations, planned) for planned in todo}
        after = _watch(operations, todo, before)
        stdout.print(_result_table(before, after))


@dataclass(frozen=True, slots=True)
class _Visible:
    """What queries see of a partition: where it is, and its files."""

    location: str
    files: int
    bytes: int

    @classmethod
    def of(cls, operations: Operations, planned: PlannedPartition) -> "_Visible":
        lake = operations.lake
        partition, fmt = Partition.parse(planned.partition), _format(planned.format)
        state = lake.partitions.get(lake.tables[fmt], partition)
        if state is None:
            return cls("", 0, 0)
        key = state.location.split("/", 3)[3]
        found = [
            info
            for info in lake.store.list(key.rstrip("/") + "/")
            if not info.key.rsplit("/", 1)[-1].startswith(("_", "."))
        ]
        return cls(state.location, len(found), sum(info.size for info in found))


def _operations(stream: str) -> Operations:
    config = connection.lake_config(stream)
    catalog = load_catalog()
    if not config.compact.queue_url:
        raise CliError(f"the compact function of {stream} has no LAKE_COMPACT_QUEUE_URL")
    queue = CompactQueue(sqs_client(), config.compact.queue_url)
    return wire(config, catalog, open_lake(config, catalog).generations, queue=queue)


def _formats(names: list[str] | None) -> "Sequence[Format]":
    return [_format(name) for name in names] if names else FORMATS


def _format(name: str) -> Format:
    for fmt in FORMATS:
        if fmt == name:
            return fmt
    raise CliError(f"{name!r} is no format: use {' or '.join(FORMATS)}")


def _watch(
    operations: Operations,
    todo: list[PlannedPartition],
    before: dict[str, _Visible],
    pause: Callable[[float], None] = time.sleep,
) -> dict[str, _Visible]:
    """Wait until each partition has moved to a new generation; what they look like then."""
    after: dict[str, _Visible] = {}
    with progress() as bars:
        task = bars.add_task("partitions", total=len(todo), note="")
        while len(after) < len(todo):
            for planned in todo:
                name = _name(planned)
                now = _Visible.of(operations, planned)
                if name not in after and now.location != before[name].location:
                    after[name] = now
                    bars.update(task, advance=1, note=name)
            if len(after) < len(todo):
                pause(_LOOK_SECONDS)
    return after


def _name(planned: PlannedPartition) -> str:
    return f"{planned.format} {planned.partition}"


def _plan_table(partitions: tuple[PlannedPartition, ...]) -> Table:
    table = Table(title="Plan", title_justify="left")
    table.add_column("format")
    table.add_column("partition", no_wrap=True)
    for name in ("landing files", "size", "merged files", "after"):
        table.add_column(name, justify="right")
    table.add_column("")
    for each in partitions:
        table.add_row(
            each.format,
            each.partition,
            f"{each.landing_files:,}",
            size(each.landing_bytes),
            f"{each.merged_files:,}",
            f"{each.expected_files:,}",
            f"[green]compact[/green]: {each.reason}"
            if each.queued
            else f"[dim]{each.reason}[/dim]",
        )
    return table


def _result_table(before: dict[str, _Visible], after: dict[str, _Visible]) -> Table:
    table = Table(title="Result", title_justify="left")
    table.add_column("partition", no_wrap=True)
    for name in ("files before", "after", "bytes before", "after"):
        table.add_column(name, justify="right")
    for name, old in before.items():
        new = after[name]
        table.add_row(name, f"{old.files:,}", f"{new.files:,}", size(old.bytes), size(new.bytes))
    return table
