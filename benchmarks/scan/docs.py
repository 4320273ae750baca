# ruff: noqa: E501  # one sentence a line
"""`docs/bytes-scanned.md`: the same figures as a page of the documentation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.scan import figures, report
from benchmarks.scan.suite import ONE_COLUMN, PRUNED

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.scan.results import Results


def page(results: Results, target: Path) -> list[Path]:
    """Write the page, and its plots into a directory of its name, and say which files these are."""
    directory = target.with_suffix("")
    plots = figures.draw(results, directory)
    images = [f"![{name}]({directory.name}/{name}.png)" for name in plots]
    target.write_text(_text(results, images), encoding="utf-8")
    return [target, *(directory / f"{name}.{kind}" for name in plots for kind in ("png", "svg"))]


def _text(results: Results, images: list[str]) -> str:
    one = results.ratio(ONE_COLUMN, "json", "clustered_zstd")
    pruned = results.ratio(PRUNED, "json", "clustered_zstd")
    where = "the local sandbox" if results.target == "sandbox" else "Amazon Athena"
    return f"""# Bytes scanned

What Athena reads, and charges, for the same {results.spec.events:,} click events over
{results.spec.days} days in {len(results.layouts)} layouts. Measured on {where} by

```
{results.command}
```

which writes this page, its plots, and a report in one HTML file; `--target aws` asks real Athena the same questions.

- One column over compacted, clustered Parquet scans **1/{one:,.0f}** of JSON.
- The query that statistics prune scans **1/{pruned:,.0f}** of JSON.
- All {len(results.suite)} queries gave equal rows in all layouts.
- Prediction and independently counted byte ranges differ by at most {results.worst_prediction:.2%}.

## The layouts

{report.markdown(*report.layout_rows(results))}

"As landed" is one file for each raw object of {results.spec.file_events:,} events.
"Unclustered" is what merging without a care gives: rows in the order of arrival, pyarrow's own encodings. "Clustered" is what the compact function writes.
"Merged in" is CPU time.

## Bytes scanned

{report.markdown(*report.bytes_rows(results))}

{images[0]}

## Ratios

{report.markdown(*report.ratio_rows(results))}

{images[1]}

## Dollars

Athena takes $5 for a terabyte, rounds up to a megabyte and bills 10 MB at the least.
On small data that minimum is all one sees, so the price by bytes alone stands beside it: that is what large tables pay.

{report.markdown(*report.dollar_rows(results))}

## Break-even of compaction

{report.break_even_text(results)}

{report.markdown(*report.break_even_rows(results))}

Prices: S3 GET $0.0004 and PUT or LIST $0.005 for 1,000; Glue $1 for a million; Lambda arm64 $0.0000133334 for a GB-second at 1,769 MB.
Athena's own GETs are on the user's S3 bill; they are counted as one for each footer and one for each run of neighbouring chunks.

{images[3]}

## How bytes are counted

- JSON: every file of the partitions that are left, whole, as it is stored.
- Parquet: the footer of every file of the partitions that are left, and the chunks of the needed columns in the row groups that statistics cannot rule out.
- A table that a statement names twice, also through `WITH`, counts twice.

{report.prediction_text(results)}

Where real Athena may differ:

- It may read less: pages that the column index rules out, columns of rows that a filter has already dropped, and a `LIMIT` that is satisfied early.
- It may read more of small files: open-source Trino reads a Parquet file below 3 MB whole, and 48 KB at the end of any other. On landing files that would raise the figures for small Parquet towards their full size.

{images[2]}

## Time

{report.TIME}

{report.markdown(*report.time_rows(results))}
"""
