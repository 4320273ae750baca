"""`clickstream compact`: plan and run compaction, in AWS or the sandbox."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from clickstream_lake.cli import choice, connection
from clickstream_lake.cli.errors import CliError
from clickstream_lake.console import (
    counted,
    examples,
    new_table,
    print_json,
    print_table,
    progress,
    size,
    stderr,
)

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.compact.operations import Operations, PlannedPartition
    from clickstream_lake.lake.catalog import Catalog
    from clickstream_lake.lake.config import Config

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_LOOK_SECONDS = 0.5
_EMPTY_LOOKS = 4


@app.command(
    epilog=examples(
        "clickstream compact --dry-run",
        "clickstream compact --dry-run --json | jq '.partitions[] | select(.queued)'",
        "clickstream compact --watch",
        "clickstream compact --stale-schema --dry-run",
        "clickstream compact --partition year=2025/month=11/day=26 --format json",
    )
)
def compact(
    *,
    partition: choice.Paths = None,
    fmt: Annotated[list[str] | None, typer.Option("--format", help="Only json or parquet.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Compact even if there is little to gain.")
    ] = False,
    stale_schema: Annotated[
        bool,
        typer.Option(
            "--stale-schema",
            help="All partitions that lack columns of the catalog, of any age, and no others.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the plan and do nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Wait for the queued work and show what it came to.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object with plan and result instead.")
    ] = False,
    catalog: connection.Catalog = None,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Merge small files: show the plan, and queue the work.

    One message is queued for each partition that is worth it, as the schedule does. The queue
    keeps two compactors off one partition, however they were started.
    """
    connection.connect(profile, region)
    config, found = connection.deployed(stream, catalog)
    operations = _operations(config, found)
    partitions = choice.partitions_of(partition)
    formats = choice.formats_of(fmt)
    plan = operations.plan(
        partitions=partitions,
        formats=formats,
        force=force,
        stale_schema=stale_schema,
        dry_run=True,
    )
    todo = [planned for planned in plan.partitions if planned.queued]
    account: dict[str, Any] = {
        "partitions": [asdict(planned) for planned in plan.partitions],
        "behind": plan.behind,
        "queued": 0 if dry_run else len(todo),
    }
    if not as_json:
        print_table(_plan_table(plan.partitions))
    if plan.behind:
        here = sum(planned.behind for planned in plan.partitions)
        behind = counted(plan.behind, "partition")
        text = f"{behind} without columns of the catalog, {here} of them looked at here"
        stderr.print(text, style="dim")
    if dry_run or not todo:
        worth = f"{len(todo)} of {len(plan.partitions)} are worth compacting"
        stderr.print(worth, style="dim")
    else:
        operations.plan(
            partitions=partitions,
            formats=formats,
            force=force,
            stale_schema=stale_schema,
            occasion=f"by hand {time.time_ns()}",
        )
        stderr.print(f"queued {len(todo)}", style="dim")
        if watch:
            before = [_Visible.of(operations, planned) for planned in todo]
            _wait_until_empty(config.compact.queue_url, len(todo))
            after = [_Visible.of(operations, planned) for planned in todo]
            account["result"] = _plain_result(todo, before, after)
            if not as_json:
                print_table(_result_table(todo, before, after))
    if as_json:
        print_json(account)


@dataclass(frozen=True, slots=True)
class _Visible:
    """What queries see of a partition: its data files and their bytes."""

    files: int
    bytes: int

    @classmethod
    def of(cls, operations: "Operations", planned: "PlannedPartition") -> "_Visible":
        from clickstream_lake.lake.layout import Partition, Slot

        slot = Slot(planned.format, Partition.parse(planned.partition))
        found = operations.lake.shown_files(slot)
        return cls(len(found), sum(info.size for info in found))


def _operations(config: "Config", catalog: "Catalog") -> "Operations":
    from clickstream_lake.compact.queue import CompactQueue
    from clickstream_lake.compact.wiring import wire
    from clickstream_lake.lake.aws.clients import open_lake, sqs_client

    if not config.compact.queue_url:
        raise CliError("the lake's compact function has no LAKE_COMPACT_QUEUE_URL")
    queue = CompactQueue(sqs_client(), config.compact.queue_url)
    return wire(config, catalog, open_lake(config, catalog), queue=queue)


def _wait_until_empty(
    queue_url: str, total: int, pause: Callable[[float], None] = time.sleep
) -> None:
    """Wait until the compact queue has been empty for a while: its counts are approximate."""
    from clickstream_lake.lake.aws.clients import sqs_client

    sqs = sqs_client()
    empty_looks = 0
    with progress() as bars:
        task = bars.add_task("partitions", total=total, note="Ctrl-C leaves the work to the queue")
        while empty_looks < _EMPTY_LOOKS:
            pause(_LOOK_SECONDS)
            counts = sqs.get_queue_attributes(
                QueueUrl=queue_url,
                AttributeNames=[
                    "ApproximateNumberOfMessages",
                    "ApproximateNumberOfMessagesNotVisible",
                ],
            )["Attributes"]
            waiting = sum(map(int, counts.values()))
            empty_looks = 0 if waiting else empty_looks + 1
            bars.update(task, completed=max(0, total - waiting))


def _plan_table(partitions: "tuple[PlannedPartition, ...]") -> "Table":
    table = new_table("Plan")
    table.add_column("partition", overflow="fold")
    table.add_column("small files", justify="right", no_wrap=True)
    table.add_column("merged", justify="right", no_wrap=True)
    table.add_column("to do")
    for each in partitions:
        style = "green" if each.queued else "dim"
        table.add_row(
            escape(f"{each.format} {each.partition}"),
            f"{each.landing_files:,} ({size(each.landing_bytes)})",
            f"{each.merged_files:,} → {each.expected_files:,}",
            f"[{style}]{escape(each.reason)}[/{style}]",
        )
    return table


def _plain_result(
    todo: "list[PlannedPartition]", before: list[_Visible], after: list[_Visible]
) -> list[dict[str, Any]]:
    return [
        {
            "format": planned.format,
            "partition": planned.partition,
            "before": asdict(old),
            "after": asdict(new),
        }
        for planned, old, new in zip(todo, before, after, strict=True)
    ]


def _result_table(
    todo: "list[PlannedPartition]", before: list[_Visible], after: list[_Visible]
) -> "Table":
    table = new_table("Result")
    table.add_column("partition", overflow="fold")
    table.add_column("files", justify="right", no_wrap=True)
    table.add_column("bytes", justify="right", no_wrap=True)
    for planned, old, new in zip(todo, before, after, strict=True):
        table.add_row(
            escape(f"{planned.format} {planned.partition}"),
            f"{old.files:,} → {new.files:,}",
            f"{size(old.bytes)} → {size(new.bytes)}",
        )
    return table
