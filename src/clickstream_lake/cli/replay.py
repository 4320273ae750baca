"""`clickstream replay`: raw objects through the transform again, in AWS or the sandbox."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import CliError
from clickstream_lake.console import counted, examples, print_json, progress, size, stderr, stdout

if TYPE_CHECKING:
    from clickstream_lake.lake.requeue import TransformQueue

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_SHOWN = 10


@app.command(
    epilog=examples(
        "clickstream replay --prefix raw/year=2025/month=11/day=26/ --dry-run",
        "clickstream replay --prefix raw/year=2025/month=11/",
    ),
)
def replay(
    *,
    prefix: Annotated[str, typer.Option(help="Raw objects whose keys start like this.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be queued, and queue nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object with every raw object instead.")
    ] = False,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Send raw objects through the transform again.

    Nothing is doubled: what is in the tables already stays as it is.
    """
    import boto3

    from clickstream_lake.operate.replay import raw_objects

    connection.connect(profile, region)
    config, _ = connection.deployed(stream)
    raw_prefix = config.layout.raw_prefix
    if not prefix.startswith(raw_prefix):
        raise CliError(f"--prefix must lie under {raw_prefix}, where this stream's raw objects are")
    found = list(raw_objects(boto3.client("s3"), config.bucket, prefix))
    if not dry_run:
        queue = transform_queue(connection.source_of(config, stream), config.bucket)
        with progress(quiet=as_json) as bars:
            task = bars.add_task("queueing", total=len(found), note="")
            queue.send((raw.key for raw in found), sent=lambda count: bars.advance(task, count))
    total = sum(raw.size for raw in found)
    if as_json:
        queued = 0 if dry_run else len(found)
        print_json({"objects": [asdict(raw) for raw in found], "bytes": total, "queued": queued})
        return
    if dry_run:
        for raw in found[:_SHOWN]:
            line = f"{size(raw.size):>12}  {raw.key}"
            stdout.print(line, markup=False, highlight=False, soft_wrap=True)
        if len(found) > _SHOWN:
            stdout.print(f"{'…':>12}  and {len(found) - _SHOWN:,} more")
        objects = counted(len(found), "object")
        stderr.print(f"{objects}, {size(total)}; nothing was queued", style="dim")
    else:
        stderr.print(f"queued {counted(len(found), 'object')}, {size(total)}", style="dim")


def transform_queue(stream: str, bucket: str) -> "TransformQueue":
    """The queue that invokes the transform function, by its event source mapping."""
    import boto3

    from clickstream_lake.lake.requeue import TransformQueue

    function = f"{stream}-transform"
    mappings = boto3.client("lambda").list_event_source_mappings(FunctionName=function)
    for mapping in mappings["EventSourceMappings"]:
        name = mapping.get("EventSourceArn", "").rsplit(":", 1)[-1]
        if name:
            sqs = boto3.client("sqs")
            return TransformQueue(sqs, sqs.get_queue_url(QueueName=name)["QueueUrl"], bucket)
    raise CliError(f"no queue invokes the function {function}: was the lake deployed whole?")
