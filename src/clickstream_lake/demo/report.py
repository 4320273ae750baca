"""What a demo found, and how it is shown."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from clickstream_lake.console import command_name, counted, new_table, size

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Scan:
    """One table as queries see it, and what two of them would scan.

    Attributes:
        files: data files that a query reads; `bytes` is their stored size.
        one_column: bytes that a query on one column scans; `everything` those of SELECT *.
    """

    files: int
    bytes: int
    one_column: int
    everything: int


@dataclass(slots=True)
class Report:
    """The account of one demo.

    Attributes:
        kind: the column that tells kinds of events apart.
        counts: table -> kind of event -> rows, from SQL.
        rejected: reason -> rows, from SQL.
        small: table -> scan before compaction; `compacted` after it.
        alarms: name -> state, as CloudWatch judges them after the run.
    """

    sent: int
    resent: int
    raw_objects: int
    kind: str
    counts: dict[str, Counts]
    rejected: Counts
    small: dict[str, Scan]
    compacted: dict[str, Scan]
    directory: Path
    one_column_sql: str
    alarms: dict[str, str]
    objects: int = 0
    send_seconds: float = 0.0
    pipeline_seconds: float = 0.0
    total_seconds: float = 0.0

    @property
    def published(self) -> dict[str, int]:
        """Rows by table."""
        return {table: sum(counts.values()) for table, counts in self.counts.items()}

    @property
    def was_compacted(self) -> bool:
        """Whether there were enough small files for compaction to merge them."""
        return self.compacted != self.small

    @property
    def ringing(self) -> list[str]:
        """The alarms that ring."""
        return sorted(name for name, state in self.alarms.items() if state == "ALARM")

    @property
    def adds_up(self) -> bool:
        """Whether both tables agree, and every event sent is in them or in the rejects."""
        first, *others = self.counts.values()
        rejected = sum(self.rejected.values())
        return all(first == other for other in others) and all(
            rows + rejected == self.sent for rows in self.published.values()
        )


def show(report: Report, console: Console) -> None:
    """Print the report."""
    console.print()
    console.print(_counts_table(report))
    console.print(_scan_table(report))
    if report.rejected:
        console.print(_rejects_table(report))
    console.print(_verdict(report))
    # Outside the box, whose edges would cut a long command in two.
    again = f"Look around: {command_name()} sandbox up --dir {report.directory}"
    console.print(again, markup=False, highlight=False, soft_wrap=True)


def _counts_table(report: Report) -> Table:
    table = new_table("Events by kind, by SQL")
    table.add_column(report.kind)
    for name in report.counts:
        table.add_column(f"{name} table", justify="right")
    kinds = sorted(
        {kind for counts in report.counts.values() for kind in counts},
        key=lambda kind: -max(counts.get(kind, 0) for counts in report.counts.values()),
    )
    for kind in kinds:
        row = (f"{counts.get(kind, 0):,}" for counts in report.counts.values())
        table.add_row(escape(kind), *row)
    table.add_section()
    table.add_row("all", *(f"{rows:,}" for rows in report.published.values()), style="bold")
    return table


def _scan_table(report: Report) -> Table:
    table = new_table("Files, and the bytes that an engine reads")
    table.add_column("layout", no_wrap=True)
    for name in ("files", "stored", "one column", "SELECT *", "JSON : this"):
        table.add_column(name, justify="right", no_wrap=True)
    base = report.small["JSON"].one_column
    layouts = {"small": report.small}
    if report.was_compacted:
        layouts["merged"] = report.compacted
    for label, scans in layouts.items():
        for name, scan in scans.items():
            table.add_row(
                f"{name}, {label}",
                f"{scan.files:,}",
                size(scan.bytes),
                size(scan.one_column),
                size(scan.everything),
                f"{base / scan.one_column:,.0f}" if scan.one_column else "-",
            )
        table.add_section()
    table.caption = f"one column: {report.one_column_sql}"
    if not report.was_compacted:
        table.caption += "\nToo few small files to be worth compacting; send more events."
    table.caption_justify = "left"
    return table


def _rejects_table(report: Report) -> Table:
    table = new_table("Rejected rows by reason")
    table.add_column("reason")
    table.add_column("rows", justify="right")
    for reason, rows in sorted(report.rejected.items(), key=lambda item: -item[1]):
        table.add_row(escape(reason), f"{rows:,}")
    return table


def _alarms_line(report: Report) -> str:
    if report.ringing:
        return f"[bold red]Alarms ring: {escape(', '.join(report.ringing))}[/bold red]"
    return f"None of {counted(len(report.alarms), 'alarm')} rings."


def _verdict(report: Report) -> Panel:
    rejected = sum(report.rejected.values())
    published = ", ".join(f"{rows:,} in {name}" for name, rows in report.published.items())
    sums = f"{report.sent:,} sent = {published} + {rejected:,} rejected"
    files = report.directory / "bucket"
    verdict = (
        f"[bold green]✓ Nothing lost, nothing doubled:[/bold green] {sums}"
        if report.adds_up
        else f"[bold red]✗ The counts do not add up:[/bold red] {sums}"
    )
    rate = report.sent / report.send_seconds if report.send_seconds else 0
    speed = (
        f"{report.sent:,} events in {counted(report.raw_objects, 'raw object')}, "
        f"{rate:,.0f} events/s through Firehose, queryable {report.pipeline_seconds:.1f} s after "
        f"the last one was sent, {report.total_seconds:.1f} s in all"
    )
    lines = [
        verdict,
        speed,
        _alarms_line(report),
        "",
        f"Files ({report.objects:,} objects): {escape(str(files))}",
        *(
            f"  {escape(str(files / name))}/"
            for name in ("raw", "processed/json", "processed/parquet", "rejected")
        ),
        f"Logs of the functions: {escape(str(report.directory / 'logs'))}",
    ]
    return Panel(Group(*lines), expand=False, border_style="green" if report.adds_up else "red")
