"""`clickstream estimate`: what a query or a whole lake would cost, without running it."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from clickstream_lake.cli import connection
from clickstream_lake.cli.errors import UsageError, sandbox_extra
from clickstream_lake.console import (
    examples,
    new_table,
    print_json,
    print_table,
    size,
    stderr,
)
from clickstream_lake.operate.costs.prices import MOST_RECORD_BYTES, all_prices, athena_dollars

if TYPE_CHECKING:
    from rich.table import Table

    from clickstream_lake.operate.costs.bill import Bill
    from clickstream_lake.operate.costs.traffic import Traffic
    from clickstream_lake.sandbox.athena.engine import Estimate

_SMALL = 10  # under this, a count has two digits
app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(
    epilog=examples(
        'clickstream estimate "SELECT COUNT(*) FROM clickstream_events"',
        'clickstream estimate "SELECT page_url FROM clickstream_events_parquet '
        "WHERE event_type = 'purchase'\"",
        "clickstream estimate --events-per-second 1000",
        "clickstream estimate --events-per-second 50 --events-per-record 10 --buffer-mb 128 --json",
    )
)
def estimate(
    sql: Annotated[str | None, typer.Argument(help="One query in Athena's dialect.")] = None,
    *,
    database: connection.Database = connection.DATABASE,
    events_per_second: Annotated[
        float | None,
        typer.Option(min=0.001, help="Instead of a query: a whole lake with so many events."),
    ] = None,
    event_bytes: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Size of an event as sent.")
    ] = None,
    events_per_record: Annotated[
        int, typer.Option(min=1, help="Events that producers put into one Firehose record.")
    ] = 1,
    buffer_mb: Annotated[int, typer.Option(min=1, max=128, help="Firehose's buffer, MiB.")] = 64,
    buffer_seconds: Annotated[
        int, typer.Option(min=0, max=900, help="Firehose's buffer, seconds.")
    ] = 300,
    json_compression: Annotated[
        Literal["none", "gzip"], typer.Option(help="Of the JSON table.")
    ] = "none",
    architecture: Annotated[
        Literal["arm64", "x86_64"], typer.Option(help="Of both functions.")
    ] = "arm64",
    hour_partition: Annotated[
        bool, typer.Option("--hour-partition", help="Partitions are hours, not days.")
    ] = False,
    kms: Annotated[bool, typer.Option("--kms", help="Encrypt with a KMS key.")] = False,
    months: Annotated[int, typer.Option(min=1, help="Months of events that the lake holds.")] = 1,
    queries_per_day: Annotated[int, typer.Option(min=0, help="Queries through Athena.")] = 100,
    query_mb: Annotated[float, typer.Option(min=0, help="MiB that one of them scans.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Predict what a query, or a whole lake, would cost.

    For a query: reads the tables in Glue, the lists of their files, and the footers and indexes of
    Parquet files; nothing is sent to Athena. Works on AWS as on the sandbox. Bytes are counted as
    Trino 476 reads, of which Athena's engine is a relative. Where only the rows decide what is
    read, the figure is an upper bound.

    With --events-per-second: the bill of a month of 30 days, service by service, at AWS's list
    prices and without its free tiers. It asks nobody; the other options say how events come.
    """
    if (sql is None) == (events_per_second is None):
        raise UsageError("give either a query or --events-per-second")
    if events_per_second is not None:
        from clickstream_lake.operate.costs.measured import measured
        from clickstream_lake.operate.costs.traffic import Traffic

        traffic = Traffic(
            events_per_second,
            event_bytes or round(measured().event_bytes),
            events_per_record=events_per_record,
            buffer_mb=buffer_mb,
            buffer_seconds=buffer_seconds,
            json_compression=json_compression,
            architecture=architecture,
            hour_partition=hour_partition,
            kms=kms,
            months=months,
            queries_per_day=queries_per_day,
            query_bytes=query_mb * 2**20,
        )
        if traffic.event_bytes * events_per_record > MOST_RECORD_BYTES:
            raise UsageError("a Firehose record takes 1,000 KiB at most: put fewer events into one")
        _show_bill(traffic, as_json=as_json)
    else:
        _show_query(str(sql), database, profile, region, as_json=as_json)


def _show_query(
    sql: str, database: str, profile: str | None, region: str | None, *, as_json: bool
) -> None:
    import boto3

    with sandbox_extra():
        from clickstream_lake.sandbox.athena.engine import QueryEngine

    connection.connect(profile, region)
    engine = QueryEngine(s3=boto3.client("s3"), glue=boto3.client("glue"))
    try:
        predicted = engine.estimate(sql, database)
    finally:
        engine.close()
    dollars = athena_dollars(predicted.billed_bytes)
    if as_json:
        print_json({**_plain(predicted), "dollars": dollars})
        return
    print_table(_table(predicted))
    stderr.print(
        f"{'' if predicted.is_exact else 'at most '}"
        f"{size(predicted.bytes_scanned)} scanned, {size(predicted.billed_bytes)} billed: "
        f"${dollars:.6f}, ${dollars * 1000:,.3f} for 1,000 such queries",
        highlight=False,
    )


def _show_bill(traffic: "Traffic", *, as_json: bool) -> None:
    from clickstream_lake.operate.costs.bill import bill

    found, prices = bill(traffic), all_prices()
    if as_json:
        print_json(_plain_bill(traffic, found))
        return
    table = new_table()
    table.add_column("step", overflow="fold")
    table.add_column("service", overflow="fold")
    table.add_column("for", overflow="fold")
    for name in ("a month", "$ a day", "$ a month", "$ per billion events"):
        table.add_column(name, justify="right", overflow="fold")
    for line in found.lines:
        table.add_row(
            line.step,
            line.service,
            line.what,
            f"{_count(line.count)} {line.unit}",
            *_three(found, line.dollars),
        )
    for step, dollars in found.by("step").items():
        table.add_row(step, "", "", "", *_three(found, dollars), style="dim")
    table.add_row("all", "", "", "", *_three(found, found.dollars), style="bold")
    print_table(table)
    known = sorted({service.as_of for service in prices.services.values()})
    stderr.print(
        f"{found.events:,.0f} events a month in {traffic.objects_per_day:,.0f} raw objects a day; "
        f"list prices of {prices.region}, known as of {known[0]} to {known[-1]}, no free tier "
        "taken off. What they are and what is assumed: docs/costs.md",
        highlight=False,
        soft_wrap=True,
    )


def _count(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or value > _SMALL else f"{value:.2g}"


def _three(found: "Bill", dollars: float) -> tuple[str, str, str]:
    amounts = found.per_day(dollars), dollars, found.per_billion(dollars)
    return (_dollars(amounts[0]), _dollars(amounts[1]), _dollars(amounts[2]))


def _dollars(value: float) -> str:
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"


def _plain_bill(traffic: "Traffic", found: "Bill") -> dict[str, object]:
    prices = all_prices()
    return {
        "region": prices.region,
        "prices_as_of": {name: service.as_of for name, service in prices.services.items()},
        "events": found.events,
        "raw_objects_per_day": traffic.objects_per_day,
        "lines": [
            {
                **asdict(line),
                "dollars_per_day": found.per_day(line.dollars),
                "dollars_per_billion_events": found.per_billion(line.dollars),
            }
            for line in found.lines
        ],
        "by_step": found.by("step"),
        "by_service": found.by("service"),
        "dollars": found.dollars,
        "dollars_per_day": found.per_day(found.dollars),
        "dollars_per_billion_events": found.per_billion(found.dollars),
    }


def _scans(predicted: "Estimate") -> list[dict[str, Any]]:
    return [
        {
            "table": f"{plan.scan.table.database}.{plan.scan.table.name}",
            "format": plan.scan.table.format,
            "partitions": plan.partitions,
            "files": len(plan.files),
            "row_groups": sum(len(file.row_groups) for file in plan.files),
            "row_groups_in_all": sum(file.row_group_count for file in plan.files),
            "columns": len(plan.scan.columns),
            "columns_in_all": len(plan.scan.table.columns),
            "bytes": plan.bytes_scanned,
        }
        for plan in predicted.scans
    ]


def _plain(predicted: "Estimate") -> dict[str, object]:
    return {
        "scans": _scans(predicted),
        "bytes_scanned": predicted.bytes_scanned,
        "exact": predicted.is_exact,
        "rules": predicted.rules,
        "bytes_billed": predicted.billed_bytes,
    }


def _table(predicted: "Estimate") -> "Table":
    table = new_table()
    table.add_column("table", overflow="fold")
    for name in ("partitions", "files", "row groups", "columns", "bytes"):
        table.add_column(name, justify="right", no_wrap=True)
    for scan in _scans(predicted):
        groups = f"{scan['row_groups']:,} of {scan['row_groups_in_all']:,}"
        table.add_row(
            escape(scan["table"]),
            f"{scan['partitions']:,}",
            f"{scan['files']:,}",
            groups if scan["format"] == "parquet" else "",
            f"{scan['columns']} of {scan['columns_in_all']}",
            size(scan["bytes"]),
        )
    return table
