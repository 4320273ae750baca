"""`clickstream generate`: seeded click events to a file or a Firehose stream."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import UsageError
from clickstream_lake.console import examples, progress, size, stderr
from clickstream_lake.generate import (
    FirehoseSink,
    generate_by_columns,
    generate_events,
    pass_on,
    write_gzip,
    write_ndjson,
)

if TYPE_CHECKING:
    from mypy_boto3_firehose import FirehoseClient

    from clickstream_lake.generate.sinks import Progress

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_STANDARD = Path("-")
# Concurrent calls to Firehose: enough to hide its latency.
_IN_FLIGHT = 4


@app.command(
    epilog=examples(
        "clickstream generate events.json --count 100000",
        "clickstream generate events.gz --start 2025-11-26 --days 7",
        "clickstream generate orders.gz --catalog orders.json",
        "clickstream generate - --count 5 | jq .event_type",
        "clickstream generate --stream clickstream-events --malformed 0.01",
    )
)
def generate(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="File to write; gzipped if it ends in .gz; - is standard output.",
            metavar="FILE",
            allow_dash=True,
        ),
    ] = None,
    *,
    stream: Annotated[
        str | None,
        typer.Option(help="Firehose stream to send to, in AWS or the sandbox, instead of a file."),
    ] = None,
    count: Annotated[int, typer.Option(min=0, help="How many events.")] = 100_000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.")] = 1,
    start: Annotated[
        datetime | None,
        typer.Option(
            help="First instant of the events, UTC; as many days before now if not given.",
            formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"],
        ),
    ] = None,
    days: Annotated[float, typer.Option(help="Span of the events' times.")] = 1.0,
    malformed: Annotated[
        float, typer.Option(min=0, max=1, help="Share of lines that are not valid events.")
    ] = 0.0,
    undeclared: Annotated[
        bool, typer.Option("--undeclared", help="Add fields that the catalog does not declare.")
    ] = False,
    catalog: connection.Catalog = None,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Generate realistic click events, to a file, a pipe or Firehose.

    Visits that walk a funnel, a long tail of pages, nulls: what the packaged catalog declares. By
    another catalog, a value for each of its columns. The same options give the same bytes.
    """
    if (path is None) == (stream is None):
        raise UsageError("give either a file to write or --stream")
    first = start or datetime.fromtimestamp(datetime.now(UTC).timestamp() - days * 86_400, UTC)
    lines = _generator(catalog)(seed, count, first, days, malformed, undeclared=undeclared)
    # Bars and lines on one terminal would be a mess.
    with progress(quiet=path == _STANDARD and sys.stdout.isatty()) as bars:
        task = bars.add_task("events", total=count, note="")

        def advance(done: int) -> None:
            bars.advance(task, done)

        if path == _STANDARD:
            said = f"({size(pass_on(lines, sys.stdout.buffer.write, advance))} of text)"
        elif path is not None:
            said = _to_file(path, lines, advance)
        else:
            import boto3

            connection.connect(profile, region)
            said = _to_stream(boto3.client("firehose"), str(stream), lines, advance)
    stderr.print(f"{count:,} events {said}", markup=False, highlight=False, soft_wrap=True)


def _generator(catalog: str | None) -> Callable[..., Iterator[bytes]]:
    if catalog is None:
        return generate_events
    found = connection.catalog_at(catalog)
    return partial(generate_by_columns, columns=found.sent, personal=sorted(found.pii_keys))


def _to_file(path: Path, lines: Iterator[bytes], advance: "Progress") -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    write = write_gzip if path.suffix == ".gz" else write_ndjson
    total = write(path, lines, advance)
    return f"in {path}: {size(path.stat().st_size)} ({size(total)} of text)"


def _to_stream(
    client: "FirehoseClient", stream: str, lines: Iterator[bytes], advance: "Progress"
) -> str:
    sink = FirehoseSink(client, stream, in_flight=_IN_FLIGHT)
    records = lines
    if _appends_delimiter(client, stream):
        # Firehose itself ends each record with a newline; a second one would make a blank line.
        records = (line.rstrip(b"\n") for line in lines)
    sink.send(records, advance)
    again = f", {sink.resent:,} of them sent again after a refusal" if sink.resent else ""
    return f"sent to the stream {stream}{again}"


def _appends_delimiter(client: "FirehoseClient", stream: str) -> bool:
    description = client.describe_delivery_stream(DeliveryStreamName=stream)
    (destination,) = description["DeliveryStreamDescription"]["Destinations"]
    s3 = destination.get("ExtendedS3DestinationDescription", {})
    processing = s3.get("ProcessingConfiguration", {})
    kinds = {processor["Type"] for processor in processing.get("Processors", [])}
    return bool(processing.get("Enabled")) and "AppendDelimiterToRecord" in kinds
