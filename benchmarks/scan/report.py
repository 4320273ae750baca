# ruff: noqa: E501  # the style sheet
"""The report for people: one HTML file that asks the network for nothing, and Markdown tables."""

from __future__ import annotations

import base64
import html as markup
import math
from typing import TYPE_CHECKING

from benchmarks.scan.costs import GET_DOLLARS, query_dollars, scale_dollars
from benchmarks.scan.suite import ONE_COLUMN, PRUNED
from clickstream_lake.sandbox.athena import billing

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from benchmarks.scan.results import Results

Rows = list[list[str]]

_KIB = 1024
_CAPTIONS = {
    "bytes-by-query": "What each query scans in each layout. Below the dashed line everything is "
    "billed as 10 MB.",
    "ratio-to-json": "How many times fewer bytes than on plain JSON.",
    "prediction": "Bytes predicted from footers against the byte ranges that pyarrow's scanner "
    "asked for; one dot for each query and Parquet layout.",
    "break-even": "Running costs after one compaction of all partitions, as billed: with the 10 MB "
    "minimum and S3 requests.",
}


def html(results: Results, directory: Path, plots: Sequence[str]) -> str:
    """Write the whole page; plots come from `directory` and are put into it."""
    sections = [
        f"<h1>Bytes scanned</h1><p class=lead>{_lead(results)}</p>",
        _cards(results),
        "<h2>The layouts</h2>" + _table(*layout_rows(results)),
        "<h2>Bytes scanned</h2>" + _table(*bytes_rows(results)) + _figure(directory, plots[0]),
        "<h2>Against JSON</h2>" + _table(*ratio_rows(results)) + _figure(directory, plots[1]),
        "<h2>Dollars</h2>" + _paragraph(_DOLLARS) + _table(*dollar_rows(results)),
        "<h2>When compaction has paid for itself</h2>"
        + _paragraph(break_even_text(results))
        + _table(*break_even_rows(results))
        + _figure(directory, plots[3]),
        "<h2>Time</h2>" + _paragraph(TIME) + _table(*time_rows(results)),
        "<h2>Is the prediction right?</h2>"
        + _paragraph(prediction_text(results))
        + _figure(directory, plots[2]),
        "<h2>The queries</h2>" + _queries(results),
        f"<footer>Made by <code>{markup.escape(results.command)}</code></footer>",
    ]
    return _PAGE.format(
        style=_STYLE, body="\n".join(f"<section>{one}</section>" for one in sections)
    )


def size(count: float) -> str:
    """Bytes for people: `12.3 MiB`."""
    value, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < _KIB:
            break
        value, unit = value / _KIB, larger
    return f"{value:,.0f} B" if unit == "B" else f"{value:,.1f} {unit}"


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Write a table; the first column is text, the others are numbers."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def layout_rows(results: Results) -> tuple[list[str], Rows]:
    """Show what each layout keeps."""
    json_bytes = results.layouts[0].bytes
    header = ["layout", "files", "bytes", "of JSON", "merged in"]
    rows = [
        [
            layout.title,
            f"{len(layout.files):,}",
            size(layout.bytes),
            f"{layout.bytes / json_bytes:.1%}",
            f"{layout.seconds:.1f} s" if layout.compacted_from else "",
        ]
        for layout in results.layouts
    ]
    return header, rows


def bytes_rows(results: Results) -> tuple[list[str], Rows]:
    """Show the bytes that every query scans in every layout."""
    header = ["query", *(layout.title for layout in results.layouts)]
    rows = [
        [query, *(size(results.of(query, layout.name).scanned) for layout in results.layouts)]
        for query in results.queries
    ]
    return header, rows


def ratio_rows(results: Results) -> tuple[list[str], Rows]:
    """Show JSON : small Parquet : compacted Parquet."""
    header = ["query", "JSON : gzip", "JSON : small", "JSON : compacted", "JSON : clustered",
              "small : clustered"]  # fmt: skip
    pairs = [("json", "json_gzip"), ("json", "small_zstd"), ("json", "unclustered_zstd"),
             ("json", "clustered_zstd"), ("small_zstd", "clustered_zstd")]  # fmt: skip
    rows = [
        [query, *(_times(results.ratio(query, large, little)) for large, little in pairs)]
        for query in results.queries
    ]
    return header, rows


def dollar_rows(results: Results) -> tuple[list[str], Rows]:
    """Show dollars for 1,000 queries: as billed, and by bytes alone."""
    chosen = ("json", "json_gzip", "small_zstd", "clustered_zstd")
    titles = {layout.name: layout.title for layout in results.layouts}
    header = ["query, 1,000 times", *(f"{titles[name]}: billed" for name in chosen),
              *(f"{titles[name]}: by bytes" for name in chosen)]  # fmt: skip
    rows = []
    for query in results.queries:
        found = [results.of(query, name) for name in chosen]
        billed = [
            f"${(query_dollars(one) - one.requests * GET_DOLLARS) * 1000:,.4f}" for one in found
        ]
        plain = [f"${scale_dollars(one) * 1000:,.4f}" for one in found]
        rows.append([query, *billed, *plain])
    return header, rows


def break_even_rows(results: Results) -> tuple[list[str], Rows]:
    """Show after how many queries compaction has paid for itself."""
    header = ["query", "requests before", "requests after", "saved a query", "of it Athena's bytes",
              "paid for after"]  # fmt: skip
    rows = []
    for one in results.break_even:
        before, after = results.of(one.query, "small_zstd"), results.of(one.query, "clustered_zstd")
        athena = billing.dollars(before.billed) - billing.dollars(after.billed)
        count = "never" if math.isinf(one.queries) else _queries_of(one.queries)
        rows.append(
            [
                one.query,
                f"{before.requests:,}",
                f"{after.requests:,}",
                f"${one.billed_saving:.6f}",
                f"${athena:.6f}",
                count,
            ]
        )
    return header, rows


def time_rows(results: Results) -> tuple[list[str], Rows]:
    """Show the engine's time."""
    header = ["query", *(layout.title for layout in results.layouts)]
    rows = [
        [
            query,
            *(f"{results.of(query, layout.name).milliseconds:,} ms" for layout in results.layouts),
        ]
        for query in results.queries
    ]
    return header, rows


def break_even_text(results: Results) -> str:
    """Say what compaction cost, and when it is earned back."""
    cost = next(one for one in results.compaction if one.layout == "clustered_zstd")
    small = next(one for one in results.layouts if one.name == "small_zstd")
    finite = [one.queries for one in results.break_even if not math.isinf(one.queries)]
    mean = sum(one.billed_saving for one in results.break_even) / len(results.break_even)
    scale = sum(one.scale_saving for one in results.break_even) / len(results.break_even)
    return (
        f"Merging the {len(small.files):,} landing files cost ${cost.total:.5f}: "
        f"${cost.requests:.5f} for requests to S3 and Glue, ${cost.compute:.5f} for Lambda. "
        f"The suite's mean query is ${mean:.6f} cheaper afterwards, so compaction has paid for "
        f"itself after {math.ceil(cost.total / mean):,} queries of this mix "
        f"({min(finite):,.0f} to {max(finite):,.0f} by query). While everything is billed as 10 MB, "
        "nearly all of it is S3 requests saved; once tables are large, the bytes saved come on "
        f"top: ${scale:.7f} for a mean query at this size, growing with the data."
    )


def prediction_text(results: Results) -> str:
    """Say how close prediction, Athena's figure and measurement are."""
    equal = all(one.predicted == one.scanned for one in results.measurements)
    said = "equals" if equal else "was compared with"
    return (
        f"For all {len(results.measurements)} runs the prediction {said} the DataScannedInBytes "
        "that the execution reported. Counted independently, the byte ranges that pyarrow's "
        "scanner asked for over the same files differ from the prediction by at most "
        f"{results.worst_prediction:.2%}. Rows were equal in all layouts for all queries. "
        "The second count takes no part of this project's planning: columns and filter of each "
        "query are written down by hand, pyarrow prunes and reads, and a file object notes the "
        "ranges."
    )


_DOLLARS = (
    "Athena takes $5 for a terabyte, rounds up to a megabyte and bills 10 MB at the least. On "
    "small data the minimum is all that is seen, so the bytes alone stand beside it."
)
TIME = (
    "The engine's time, once, in the order of the tables; in the sandbox it is that of one process "
    "on whatever else the machine did meanwhile, and says little about Athena's. JSON is decoded "
    "line by line there, by the SerDe's rules; the first query on a layout fetches its objects."
)


def _lead(results: Results) -> str:
    place = "the local sandbox" if results.target == "sandbox" else "Amazon Athena"
    return (
        f"{results.spec.events:,} click events over {results.spec.days} days, in "
        f"{len(results.layouts)} layouts, asked {len(results.suite)} questions on {place}."
    )


def _cards(results: Results) -> str:
    one = _times(results.ratio(ONE_COLUMN, "json", "clustered_zstd"))
    pruned = _times(results.ratio(PRUNED, "json", "clustered_zstd"))
    cards = {
        "fewer bytes for one column, JSON against clustered Parquet": one,
        "fewer bytes where statistics prune": pruned,
        "largest deviation of predicted from measured bytes": f"{results.worst_prediction:.2%}",
        "rows of every query in every layout": "equal",
    }
    boxes = (f"<div class=card><b>{b}</b><span>{text}</span></div>" for text, b in cards.items())
    return f"<div class=cards>{''.join(boxes)}</div>"


def _queries(results: Results) -> str:
    return "".join(
        f"<details><summary>{markup.escape(query.name)} <span>{markup.escape(query.title)}</span>"
        f"</summary><pre>{markup.escape(results.statements[query.name])}</pre></details>"
        for query in results.suite
    )


def _paragraph(text: str) -> str:
    return f"<p>{markup.escape(text)}</p>"


def _figure(directory: Path, name: str) -> str:
    data = base64.b64encode((directory / f"{name}.svg").read_bytes()).decode()
    caption = markup.escape(_CAPTIONS[name])
    return (
        f'<figure><img alt="{caption}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _table(header: Iterable[str], rows: Rows) -> str:
    head = "".join(f"<th>{markup.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{markup.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f"<div class=wide><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _queries_of(count: float) -> str:
    return f"{count:,.0f} {'query' if count == 1 else 'queries'}"


def _times(ratio: float) -> str:
    return f"{ratio:,.1f}x" if ratio < 10 else f"{ratio:,.0f}x"  # noqa: PLR2004  # one digit less


_STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #f7f7f5; color: #24292f;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 64px; }
section { margin-bottom: 36px; }
h1 { font-size: 34px; margin: 0 0 4px; } h2 { font-size: 21px; margin: 0 0 10px; }
.lead { font-size: 18px; color: #57606a; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(210px, 1fr)); gap: 14px; }
.card { background: #fff; border: 1px solid #e3e3df; border-radius: 10px; padding: 16px 18px; }
.card b { display: block; font-size: 28px; color: #1f5130; } .card span { color: #57606a; font-size: 14px; }
.wide { overflow-x: auto; background: #fff; border: 1px solid #e3e3df; border-radius: 10px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 10px; text-align: right; border-bottom: 1px solid #efefec; white-space: nowrap; }
th { font-weight: 600; color: #57606a; white-space: normal; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; font-weight: 600; }
tbody tr:last-child td { border-bottom: 0; }
figure { margin: 18px 0 0; background: #fff; border: 1px solid #e3e3df; border-radius: 10px; padding: 14px; }
figure img { display: block; max-width: 100%; margin: 0 auto; }
figcaption { color: #57606a; font-size: 13px; margin-top: 8px; text-align: center; }
details { background: #fff; border: 1px solid #e3e3df; border-radius: 8px; margin-bottom: 8px; padding: 8px 14px; }
summary { cursor: pointer; font-weight: 600; } summary span { font-weight: 400; color: #57606a; }
pre { overflow-x: auto; font-size: 13px; } footer { color: #57606a; font-size: 14px; }
"""
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Bytes scanned</title>
<style>{style}</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""
