"""`python -m benchmarks compaction`: small files in, few big ones out, everything counted."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from benchmarks.compaction import content
from benchmarks.compaction.lake import (
    DATABASE,
    SmallFiles,
    as_json,
    download,
    environment,
    small_files,
    visible_directory,
)
from benchmarks.measure import measure
from clickstream_lake.lake.catalog import load_catalog
from clickstream_lake.lake.layout import FORMATS, Format
from clickstream_lake.sandbox.athena.engine import QueryEngine

RESULTS: Final = Path(__file__).resolve().parents[1] / "results"
_DAY: Final = "year = '2025' AND month = '11' AND day = '26'"
# Each counts on one partition; `{table}` is the format's.
QUERIES: Final = {
    "events by type": "SELECT event_type, count(*) FROM {table} WHERE {day} GROUP BY 1",
    "purchases": (
        "SELECT count(*), sum(price * quantity) FROM {table} WHERE {day} "
        "AND event_type = 'purchase'"
    ),
    "searches in one country": (
        "SELECT event_id, event_type, page_url FROM {table} WHERE {day} "
        "AND event_type = 'search' AND country = 'DE'"
    ),
}
_EXAMPLES: Final = """
examples:
  python -m benchmarks compaction
  python -m benchmarks compaction --files 200 --rows 500
"""


def main(arguments: Sequence[str]) -> int:
    """Run it; 1 where rows differ before and after."""
    options = _parser().parse_args(arguments)
    results: dict[str, Any] = {"files": options.files, "rows": options.files * options.rows}
    with small_files(options.files, options.rows, _say) as lake:
        for fmt in FORMATS:
            _say(f"{fmt}: compacting {options.files:,} files")
            results[fmt] = _compact(lake, fmt, options.cpu)
    options.out.mkdir(parents=True, exist_ok=True)
    text = _markdown(results)
    (options.out / "compaction.json").write_text(as_json(results), encoding="utf-8")
    (options.out / "compaction.md").write_text(text, encoding="utf-8")
    print(text)
    return 0 if all(results[fmt]["same_rows"] for fmt in FORMATS) else 1


def _compact(lake: SmallFiles, fmt: Format, cpu: int) -> dict[str, Any]:
    before = _content(lake, fmt)
    scanned_before = _scanned(lake, fmt)
    found = measure(
        "benchmarks.compaction.work:compact",
        {"format": fmt, "environment": environment(lake)},
        cpu=cpu,
    )
    after = _content(lake, fmt)
    result = found.answer["result"]
    stored = lake.bytes[fmt]
    return {
        "seconds": round(found.wall, 2),
        "cpu_seconds": round(found.cpu, 2),
        "megabytes_per_second": round(stored / found.wall / 1e6, 1),
        "peak_rss_megabytes": round(found.rss / 1e6),
        "requests": found.answer["requests"],
        "files_before": result["files_before"],
        "files_after": result["files_after"],
        "bytes_before": result["bytes_before"],
        "bytes_after": result["bytes_after"],
        "rows": after[0],
        "same_rows": before == after and after[0] == lake.rows,
        "scanned": {
            name: {"before": scanned_before[name], "after": bytes_after}
            for name, bytes_after in _scanned(lake, fmt).items()
        },
    }


def _content(lake: SmallFiles, fmt: Format) -> content.Digest:
    with TemporaryDirectory() as folder:
        paths = download(lake, visible_directory(lake, fmt), Path(folder))
        return content.json_rows(paths) if fmt == "json" else content.parquet_rows(paths)


def _scanned(lake: SmallFiles, fmt: Format) -> dict[str, int]:
    """Bytes that Athena would read for each query."""
    engine = QueryEngine(s3=lake.client("s3"), glue=lake.client("glue"))
    try:
        table = load_catalog().tables[fmt].name
        return {
            name: engine.execute(sql.format(table=table, day=_DAY), DATABASE).bytes_scanned
            for name, sql in QUERIES.items()
        }
    finally:
        engine.close()


def _markdown(results: dict[str, Any]) -> str:
    head = (
        f"# Compaction benchmark\n\n{results['files']:,} small files of each format, "
        f"{results['rows']:,} rows, a local S3 stand-in, one CPU.\n"
    )
    lines = [
        head,
        "| | files | MB stored | s | CPU s | MB/s | peak RSS MB | requests | same rows |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for fmt in FORMATS:
        row = results[fmt]
        lines.append(
            f"| {fmt} | {row['files_before']:,} -> {row['files_after']} | "
            f"{row['bytes_before'] / 1e6:.1f} -> {row['bytes_after'] / 1e6:.1f} | "
            f"{row['seconds']:.1f} | {row['cpu_seconds']:.1f} | {row['megabytes_per_second']} | "
            f"{row['peak_rss_megabytes']} | {sum(row['requests'].values()):,} | "
            f"{'yes' if row['same_rows'] else 'NO'} |"
        )
    lines += [
        "",
        "| MB scanned | JSON before | after | Parquet before | after |",
        "|---|---|---|---|---|",
    ]
    for name in QUERIES:
        cells = " | ".join(
            f"{results[fmt]['scanned'][name][when] / 1e6:.2f}"
            for fmt in FORMATS
            for when in ("before", "after")
        )
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks compaction",
        description="Compact thousands of small files of both formats on a local stand-in.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--files", type=int, default=2_000, help="small files of each format")
    parser.add_argument("--rows", type=int, default=1_000, help="events in each of them")
    parser.add_argument("--cpu", type=int, default=0, help="CPU that the compactor is pinned to")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the report")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
