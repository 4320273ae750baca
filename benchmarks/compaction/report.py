"""The results of compaction as a page."""

from pathlib import Path

from benchmarks import report
from benchmarks.compaction.run import QUERIES, Compaction
from benchmarks.report import MB
from benchmarks.results import Results


def page(results: Results[Compaction], _images: str) -> str:
    """The whole report."""
    header = ["", "files", "MB stored", "s", "CPU s", "MB/s", "peak RSS MB", "requests"]
    rows = [
        [
            row.format,
            f"{row.files_before:,} -> {row.files_after}",
            f"{row.bytes_before / MB:.1f} -> {row.bytes_after / MB:.1f}",
            f"{row.seconds:.1f}",
            f"{row.cpu:.1f}",
            f"{row.bytes_before / row.seconds / MB:.1f}",
            f"{row.rss / MB:.0f}",
            f"{sum(row.requests.values()):,}",
            "yes" if row.same_rows else "NO",
        ]
        for row in results.measurements
    ]
    scanned = [
        [
            name,
            *(f"{size / MB:.2f}" for row in results.measurements for size in row.scanned[name]),
        ]
        for name in QUERIES
    ]
    return report.page(
        "# Compaction benchmark",
        f"{results.settings['files']:,} small files of each format, "
        f"{results.settings['files'] * results.settings['rows']:,} rows, a local S3 stand-in, "
        "one CPU.",
        report.table([*header, "same rows"], rows),
        report.table(["MB scanned", "JSON before", "after", "Parquet before", "after"], scanned),
    )


def draw(_results: Results[Compaction], _directory: Path) -> list[Path]:
    """No plots."""
    return []
