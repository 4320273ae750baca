"""What an engine reads of each layout, as a page."""

from pathlib import Path

import msgspec

from benchmarks import report
from benchmarks.layout.run import LANDED, QUERIES, SETTINGS, Measurement
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
    )


def draw(_results: Results[Measurement], _directory: Path) -> list[Path]:
    """No plots."""
    return []


def _title(query: str, hour: str) -> str:
    title = next(one.title for one in QUERIES if one.name == query)
    return title + (f": {hour}" if hour else "")
