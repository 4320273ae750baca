"""`clickstream replay`: raw objects through the transform once more, in AWS or the sandbox."""

from typing import Annotated

import boto3
import typer

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import CliError
from clickstream_lake.console import examples, progress, size, stderr, stdout
from clickstream_lake.operate.replay import raw_objects, replay

_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="replay",
        epilog=examples(
            "clickstream replay --prefix raw/year=2025/month=11/day=26/ --dry-run",
            "clickstream replay --prefix raw/year=2025/month=11/",
        ),
    )(replay_command)


def replay_command(
    *,
    prefix: Annotated[str, typer.Option(help="Raw objects whose keys start like this.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be queued, and queue nothing.")
    ] = False,
    stream: Annotated[
        str, typer.Option(help="The lake's Firehose stream; its functions are named after it.")
    ] = "clickstream-events",
) -> None:
    """Send raw objects through the transform again, one message each.

    Nothing is doubled: what is in the tables already stays as it is.
    """
    config = connection.lake_config(stream)
    raw_prefix = config.layout.raw_prefix
    if not prefix.startswith(raw_prefix):
        raise CliError(f"--prefix must lie under {raw_prefix}, where this stream's raw objects are")
    found = list(raw_objects(boto3.client("s3"), config.bucket, prefix))
    total = size(sum(raw.size for raw in found))
    if dry_run:
        for raw in found[:_SHOWN]:
            stdout.print(f"{size(raw.size):>12}  {raw.key}", highlight=False, soft_wrap=True)
        if len(found) > _SHOWN:
            stdout.print(f"{'…':>12}  and {len(found) - _SHOWN:,} more")
        stderr.print(f"{len(found):,} objects, {total}; nothing was queued", style="dim")
        return
    sqs = boto3.client("sqs")
    queue_url = transform_queue(stream)
    with progress() as bars:
        task = bars.add_task("queueing", total=len(found), note="")
        replay(sqs, queue_url, config.bucket, found, sent=lambda count: bars.advance(task, count))
    stderr.print(f"queued {len(found):,} objects, {total}", style="dim")


def transform_queue(stream: str) -> str:
    """The queue that invokes the transform function, by its event source mapping."""
    function = f"{stream}-transform"
    mappings = boto3.client("lambda").list_event_source_mappings(FunctionName=function)
    for mapping in mappings["EventSourceMappings"]:
        name = mapping.get("EventSourceArn", "").rsplit(":", 1)[-1]
        if name:
            return boto3.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    raise CliError(f"no queue invokes the function {function}: was the lake deployed whole?")
