"""`clickstream doctor`: is a deployed lake as it has to be?"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from clickstream_lake.cli import connection
from clickstream_lake.console import (
    counted,
    examples,
    new_table,
    print_json,
    print_table,
    stderr,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clickstream_lake.operate.doctor import Finding

app = typer.Typer(add_completion=False, rich_markup_mode=None)

_STYLES = {"right": "green", "wrong": "red", "unknown": "yellow"}


@app.command(
    epilog=examples(
        "clickstream doctor",
        "clickstream doctor --json",
    )
)
def doctor(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
    catalog: connection.Catalog = None,
    stream: connection.Stream = connection.STREAM,
    profile: connection.Profile = None,
    region: connection.Region = None,
) -> None:
    """Say what is wrong with a deployed lake, and what to do.

    It changes nothing and reads no data. Exits with status 1 if anything is wrong; what it is not
    allowed to look at is unknown, and not wrong.
    """
    import boto3

    from clickstream_lake.lake.aws.clients import open_lake
    from clickstream_lake.operate.doctor import Deployment, Status, examine, look

    connection.connect(profile, region)
    config, found = connection.deployed(stream, catalog)
    tables = open_lake(config, found).tables
    deployment = Deployment(stream, config, tables, connection.source_of(config, stream))
    client: Any = boto3.client  # its type names each service
    findings = examine(look(client, deployment))
    wrong = sum(finding.status is Status.WRONG for finding in findings)
    if as_json:
        print_json({"well": not wrong, "findings": [asdict(finding) for finding in findings]})
    else:
        _show(findings)
    if wrong:
        raise typer.Exit(1)


def _show(findings: "Sequence[Finding]") -> None:
    table = new_table("Doctor")
    table.add_column("check", no_wrap=True)
    table.add_column("is", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for finding in findings:
        style = _STYLES[finding.status]
        status = f"[{style}]{finding.status}[/{style}]"
        table.add_row(finding.check, status, escape(finding.found), escape(finding.do))
    print_table(table)
    wrong = [finding for finding in findings if finding.status == "wrong"]
    unknown = [finding for finding in findings if finding.status == "unknown"]
    stderr.print(
        f"{counted(len(wrong), 'problem')}, {counted(len(unknown), 'check')} unknown", style="dim"
    )
