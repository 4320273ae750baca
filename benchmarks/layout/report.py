"""What an engine reads of each layout, as a page."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.layout.receiving import Received
from benchmarks.layout.run import LANDED, SETTINGS, Measurement
from benchmarks.layout.suite import QUERIES
from benchmarks.report import MB
from benchmarks.results import Results
from benchmarks.scan.layouts import LayoutFigures


def page(results: Results[Measurement], _images: str) -> str:
    """The whole report."""
    titles = {LANDED: "as landed", **{setting.name: setting.title for setting in SETTINGS}}
    asked = {(one.query, one.hour): None for one in results.measurements}
    scanned = {(one.layout, one.query, one.hour): one.scanned for one in results.measurements}
    json_bytes = results.facts["json_bytes"]
    layouts = msgspec.convert(results.facts["layouts"], list[LayoutFigures])
    header = ["", *(titles[layout.name] for layout in layouts)]
    stored = ["stored, MB", *(f"{layout.bytes / MB:.1f}" for layout in layouts)]
    cpu = ["merged in, CPU s", *(f"{one.merge_cpu_seconds:.1f}" for one in layouts)]
    shares, sizes = [], []
    for query, hour in asked:
        read = [scanned[layout.name, query, hour] for layout in layouts]
        name = _title(query, hour)
        # With no row group left in a part of a file, the engine may count nothing at all.
        shares.append([name, *(f"1/{json_bytes / one:,.0f}" if one else "0" for one in read)])
        sizes.append([name, *(f"{one:,}" for one in read)])
    events, file_events = results.settings["events"], results.settings["file_events"]
    return report.page(
        "# Layout benchmark",
        f"{events:,} events of one day, {json_bytes / MB:,.0f} MB of uncompressed JSON: in landing "
        f"files of {file_events:,} events, and merged in several settings. What a setting does not "
        "say is as in the catalog. The table says what a Trino read (its physical input) as a "
        f"share of that JSON; the busiest hour of purchases is {results.facts['busiest'][11:16]}.",
        f"`{results.command}`, pyarrow {results.versions['pyarrow']}",
        report.table(header, [stored, cpu, *shares]),
        "In bytes:",
        report.table(header, sizes),
        *_receiving(msgspec.convert(results.facts.get("receiving", []), list[Received])),
    )


def _receiving(found: Sequence[Received]) -> Iterator[str]:
    """A table for each kind of buffers: a row for each question, a column for each moment."""
    if not found:
        return
    yield "## A day that still receives"
    yield (
        "What a Trino read of the day so far, as a share of what it read of the landing files "
        "alone: the planner ticks each hour on the hour, and what has landed since lies beside the "
        "merged files."
    )
    for buffers in dict.fromkeys(one.buffers for one in found):
        mine = [one for one in found if one.buffers == buffers]
        moments = {one.at: f"{one.merged} + {one.loose} / {one.landing}" for one in mine}
        shares = {(one.query, one.hour, one.at): _share(one) for one in mine}
        rows = [
            [_title(query, hour), *(shares[query, hour, at] for at in moments)]
            for query, hour in dict.fromkeys((one.query, one.hour) for one in mine)
        ]
        yield f"Firehose's buffers: {buffers}."
        yield report.table(
            ["", *moments], [["files: merged + loose / landing", *moments.values()], *rows]
        )


def _share(one: Received) -> str:
    """Of the landing files' bytes; bytes, where of those none were read."""
    if not one.scanned_landing:
        return f"{one.scanned:,} B / 0 B"
    return f"{one.scanned / one.scanned_landing:.1%}"


def draw(_results: Results[Measurement], _directory: Path) -> list[Path]:
    """No plots."""
    return []


def _title(query: str, hour: str) -> str:
    title = next(one.title for one in QUERIES if one.name == query)
    return title + (f": {hour}" if hour else "")
