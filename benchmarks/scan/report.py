"""The results as a page, which `docs/bytes-scanned.md` is."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks import prices, report
from benchmarks.report import times
from benchmarks.results import Results
from benchmarks.scan.against import against
from benchmarks.scan.figures import (
    QUERIES,
    Figures,
    billed_dollars,
    break_even,
    queries,
    scale_dollars,
)
from benchmarks.scan.layouts import TITLES
from benchmarks.scan.plots import draw
from benchmarks.scan.run import Measurement
from benchmarks.scan.suite import EXPORT, ONE_COLUMN, POINT_LOOKUP, PRUNED, SUITE
from clickstream_lake.console import size
from clickstream_lake.sandbox.athena import billing

__all__ = ["draw", "page"]

_PAGE: Final = Path(__file__).with_name("page.md")
_PRICED: Final = ("json", "json_gzip", "small_zstd", "clustered_zstd")
_RATIOS: Final = {
    "JSON : gzip": ("json", "json_gzip"),
    "JSON : small": ("json", "small_zstd"),
    "JSON : compacted": ("json", "unclustered_zstd"),
    "JSON : clustered": ("json", "clustered_zstd"),
    "small : clustered": ("small_zstd", "clustered_zstd"),
}


def page(results: Results[Measurement], images: str) -> str:
    """Fill in `page.md`; the plots are in the folder `images` beside the page."""
    found = Figures(results)
    ratios = [
        [query, *(times(found.ratio(query, *pair)) for pair in _RATIOS.values())]
        for query in QUERIES
    ]
    return _PAGE.read_text(encoding="utf-8").format(
        **results.settings,
        where={
            "sandbox": "the local sandbox",
            "trino": "a Trino 476 over the local sandbox",
            "aws": "Amazon Athena",
        }[results.settings["target"]],
        against=against(results).strip(),
        day_word="day" if results.settings["days"] == 1 else "days",
        load=results.machine["load"],
        cpus=results.machine["cpus"],
        command=results.command,
        note=results.facts.get("note", ""),
        images=images,
        one=found.ratio(ONE_COLUMN, "json", "clustered_zstd"),
        worst=found.worst_prediction,
        layouts_count=len(found.layouts),
        queries_count=len(SUITE),
        layouts=_layouts(found),
        bytes=_by_layout(found, lambda one: size(one.scanned)),
        ratios=report.table(["query", *_RATIOS], ratios),
        dollars=_dollars(found),
        athena_tb=prices.ATHENA_TB,
        athena_minimum=billing.MINIMUM_BYTES // billing.MEGABYTE,
        break_even=_break_even(found),
        **_break_even_sums(found),
        get=prices.S3_GET * 1000,
        put=prices.S3_PUT * 1000,
        glue=prices.GLUE_REQUEST * 1e6,
        gb_second=prices.LAMBDA_GB_SECOND["arm64"],
        vcpu_mb=prices.VCPU_GB * 1024,
        milliseconds=_by_layout(
            found, lambda one: f"{one.milliseconds:,} ms ({one.cold_milliseconds:,})"
        ),
        hour=found.ratio(PRUNED, "json", "clustered_zstd"),
        lookup=found.ratio(POINT_LOOKUP, "json", "clustered_zstd"),
        export=found.ratio(EXPORT, "json", "clustered_zstd"),
        queries=_queries(results),
    )


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
        rows.append(
            [
                query,
                f"{before.requests:,}",
                f"{after.requests:,}",
                f"${found.saving(query):.6f}",
                f"${billed_dollars(before) - billed_dollars(after):.6f}",
                queries(break_even(found.compaction.total, found.saving(query))),
            ]
        )
    return report.table([*header, "paid for after"], rows)


def _break_even_sums(found: Figures) -> dict[str, float | str]:
    cost = found.compaction
    counts = [break_even(cost.total, found.saving(query)) for query in QUERIES]
    finite = [count for count in counts if not math.isinf(count)]
    mean = sum(map(found.saving, QUERIES)) / len(QUERIES)
    before, after = (
        sum(scale_dollars(found.of(query, name)) for query in QUERIES) / len(QUERIES)
        for name in ("small_zstd", "clustered_zstd")
    )
    return {
        "landing_files": sum(found.layout("small_zstd").files),
        "cost": cost.total,
        "cost_requests": cost.requests,
        "cost_compute": cost.compute,
        "mean": mean,
        "mean_count": queries(break_even(cost.total, mean)),
        "first": min(finite),
        "last": max(finite),
        "scale": before - after,
    }


def _queries(results: Results[Measurement]) -> str:
    statements = results.facts["statements"]
    return "\n\n".join(
        f"**{query.name}**: {query.title}\n\n```sql\n{statements[query.name]}\n```"
        for query in SUITE
    )
