# ruff: noqa: E501 - one sentence a line
"""The results as a page, which `docs/bytes-scanned.md` is."""

import math
from collections.abc import Callable
from typing import Final

from benchmarks import prices, report
from benchmarks.report import times
from benchmarks.results import Results
from benchmarks.scan.figures import (
    QUERIES,
    Figures,
    billed_dollars,
    break_even,
    scale_dollars,
)
from benchmarks.scan.layouts import TITLES
from benchmarks.scan.plots import draw
from benchmarks.scan.run import Measurement
from benchmarks.scan.suite import ONE_COLUMN, PRUNED, SUITE
from clickstream_lake.console import size
from clickstream_lake.sandbox.athena import billing

__all__ = ["draw", "page"]

_PRICED: Final = ("json", "json_gzip", "small_zstd", "clustered_zstd")
_RATIOS: Final = {
    "JSON : gzip": ("json", "json_gzip"),
    "JSON : small": ("json", "small_zstd"),
    "JSON : compacted": ("json", "unclustered_zstd"),
    "JSON : clustered": ("json", "clustered_zstd"),
    "small : clustered": ("small_zstd", "clustered_zstd"),
}


def page(results: Results[Measurement], images: str) -> str:
    """Write the page; its plots are in the folder `images` beside it."""
    found = Figures(results)
    settings = results.settings
    where = "the local sandbox" if settings["target"] == "sandbox" else "Amazon Athena"
    one = found.ratio(ONE_COLUMN, "json", "clustered_zstd")
    pruned = found.ratio(PRUNED, "json", "clustered_zstd")
    return f"""# Bytes scanned

What Athena reads, and charges, for the same {settings["events"]:,} click events over
{settings["days"]} days in {len(found.layouts)} layouts. Measured on {where} by

```
{results.command}
```

which writes this page, its plots and all figures; `--target aws` asks real Athena the same questions.
{results.facts.get("note", "")}

- One column over compacted, clustered Parquet scans **1/{one:,.0f}** of JSON.
- The query that statistics prune scans **1/{pruned:,.0f}** of JSON.
- All {len(SUITE)} queries gave equal rows in all layouts.
- Prediction and independently counted byte ranges differ by at most {found.worst_prediction:.2%}.

## The layouts

{_layouts(found)}

"As landed" is one file for each raw object of {settings["file_events"]:,} events.
"Unclustered" is what merging without a care gives: rows in the order of arrival, pyarrow's own encodings. "Clustered" is what the compact function writes.
"Merged in" is CPU time.

## Bytes scanned

{_by_layout(found, lambda one: size(one.scanned))}

![Bytes that each query scans in JSON, landing files and compacted files]({images}/bytes-by-query.png)

## Ratios

{report.table(["query", *_RATIOS], [[query, *(times(found.ratio(query, *pair)) for pair in _RATIOS.values())] for query in QUERIES])}

![How many times fewer bytes than JSON]({images}/ratio-to-json.png)

## Dollars

Athena takes ${billing.DOLLARS_PER_TERABYTE:g} for a terabyte, rounds up to a megabyte and bills {billing.MINIMUM_BYTES // billing.MEGABYTE} MB at the least.
On small data that minimum is all one sees, so the price by bytes alone stands beside it: that is what large tables pay.

{_dollars(found)}

## Break-even of compaction

{_break_even_text(found)}

{_break_even(found)}

Prices: S3 GET ${prices.S3_GET * 1000:g} and PUT or LIST ${prices.S3_PUT * 1000:g} for 1,000; Glue ${prices.GLUE_REQUEST * 1e6:g} for a million; Lambda arm64 ${prices.LAMBDA_GB_SECOND["arm64"]:.10f} for a GB-second at {prices.VCPU_GB * 1024:,.0f} MB.
Athena's own GETs are on the user's S3 bill; they are counted as one for each footer and one for each run of neighbouring chunks.

![Dollars for a number of queries, with and without compaction]({images}/break-even.png)

## How bytes are counted

- JSON: every file of the partitions that are left, whole, as it is stored.
- Parquet: the footer of every file of the partitions that are left, and the chunks of the needed columns in the row groups that statistics cannot rule out.
- A table that a statement names twice, also through `WITH`, counts twice.

{_prediction_text(found)}

Where real Athena may differ:

- It may read less: pages that the column index rules out, columns of rows that a filter has already dropped, and a `LIMIT` that is satisfied early.
- It may read more of small files: open-source Trino reads a Parquet file below 3 MB whole, and 48 KB at the end of any other. On landing files that would raise the figures for small Parquet towards their full size.

![Predicted bytes against bytes that another reader asked for]({images}/prediction.png)

## Time

The engine's time, once, in the order of the tables; in the sandbox it is that of one process on whatever else the machine did meanwhile, and says little about Athena's. JSON is decoded line by line there, by the SerDe's rules; the first query on a layout fetches its objects.

{_by_layout(found, lambda one: f"{one.milliseconds:,} ms")}

## The queries

{_queries(results)}
"""


def _layouts(found: Figures) -> str:
    rows = [
        [
            layout.title,
            f"{sum(layout.files):,}",
            size(layout.bytes),
            f"{layout.bytes / found.layouts[0].bytes:.1%}",
            f"{layout.merge_cpu_seconds:.1f} s" if layout.merge_cpu_seconds else "",
        ]
        for layout in found.layouts
    ]
    return report.table(["layout", "files", "bytes", "of JSON", "merged in"], rows)


def _by_layout(found: Figures, cell: Callable[[Measurement], str]) -> str:
    rows = [[query, *(cell(found.of(query, name)) for name in TITLES)] for query in QUERIES]
    return report.table(["query", *TITLES.values()], rows)


def _dollars(found: Figures) -> str:
    """Dollars for 1,000 queries: as billed, and by bytes alone."""
    header = [f"{TITLES[name]}: {how}" for how in ("billed", "by bytes") for name in _PRICED]
    rows = [
        [
            query,
            *(
                f"${price(found.of(query, name)) * 1000:,.4f}"
                for price in (billed_dollars, scale_dollars)
                for name in _PRICED
            ),
        ]
        for query in QUERIES
    ]
    return report.table(["query, 1,000 times", *header], rows)


def _break_even(found: Figures) -> str:
    header = ["query", "requests before", "requests after", "saved a query", "of it Athena's bytes"]
    rows = []
    for query in QUERIES:
        before, after = found.of(query, "small_zstd"), found.of(query, "clustered_zstd")
        count = break_even(found.compaction.total, found.saving(query))
        rows.append(
            [
                query,
                f"{before.requests:,}",
                f"{after.requests:,}",
                f"${found.saving(query):.6f}",
                f"${billed_dollars(before) - billed_dollars(after):.6f}",
                "never"
                if math.isinf(count)
                else f"{count:,.0f} {'query' if count == 1 else 'queries'}",
            ]
        )
    return report.table([*header, "paid for after"], rows)


def _break_even_text(found: Figures) -> str:
    cost = found.compaction
    counts = [break_even(cost.total, found.saving(query)) for query in QUERIES]
    finite = [count for count in counts if not math.isinf(count)]
    mean = sum(map(found.saving, QUERIES)) / len(QUERIES)
    scale = sum(
        scale_dollars(found.of(query, "small_zstd"))
        - scale_dollars(found.of(query, "clustered_zstd"))
        for query in QUERIES
    ) / len(QUERIES)
    small = next(layout for layout in found.layouts if layout.name == "small_zstd")
    return (
        f"Merging the {sum(small.files):,} landing files cost ${cost.total:.5f}: "
        f"${cost.requests:.5f} for requests to S3 and Glue, ${cost.compute:.5f} for Lambda. "
        f"The suite's mean query is ${mean:.6f} cheaper afterwards, so compaction has paid for "
        f"itself after {break_even(cost.total, mean):,.0f} queries of this mix "
        f"({min(finite):,.0f} to {max(finite):,.0f} by query). While everything is billed as 10 MB, "
        "nearly all of it is S3 requests saved; once tables are large, the bytes saved come on "
        f"top: ${scale:.7f} for a mean query at this size, growing with the data."
    )


def _prediction_text(found: Figures) -> str:
    equal = all(one.predicted == one.scanned for one in found.measurements)
    said = "equals" if equal else "was compared with"
    return (
        f"For all {len(found.measurements)} runs the prediction {said} the DataScannedInBytes "
        "that the execution reported. Counted independently, the byte ranges that pyarrow's "
        "scanner asked for over the same files differ from the prediction by at most "
        f"{found.worst_prediction:.2%}. Rows were equal in all layouts for all queries. "
        "The second count takes no part of this project's planning: columns and filter of each "
        "query are written down by hand, pyarrow prunes and reads, and a file object notes the "
        "ranges."
    )


def _queries(results: Results[Measurement]) -> str:
    statements = results.facts["statements"]
    return "\n\n".join(
        f"**{query.name}**: {query.title}\n\n```sql\n{statements[query.name]}\n```"
        for query in SUITE
    )
