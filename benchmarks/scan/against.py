"""Prediction against engine, as a table; and how far apart they may be."""

from typing import Final

from benchmarks import report
from benchmarks.results import Results
from benchmarks.scan.figures import QUERIES, Figures
from benchmarks.scan.layouts import TITLES
from benchmarks.scan.run import Measurement

NEAR: Final = 0.01
FAR: Final = 0.1
MAY_MISS: Final = 5
"""Of the queries on all layouts so many may be off by more than `NEAR`; none by over `FAR`."""


def missed(results: Results[Measurement]) -> list[Measurement]:
    """The cells that are off by more than they may be: none, if few are, and not far."""
    off = [one for one in results.measurements if abs(one.deviation) >= NEAR]
    far = [one for one in off if abs(one.deviation) > FAR]
    return off if len(off) > MAY_MISS else far


def against(results: Results[Measurement]) -> str:
    """Show every cell: what the engine counted, and how far the prediction is from it."""
    found = Figures(results)
    rows = [[query, *(_cell(found.of(query, name)) for name in TITLES)] for query in QUERIES]
    off = [one for one in results.measurements if abs(one.deviation) >= NEAR]
    exact = sum(one.predicted == one.scanned for one in results.measurements)
    return report.page(
        report.table(["query", *TITLES.values()], rows),
        f"{len(results.measurements)} cells: {exact} equal to the byte, {len(off)} off by "
        f"{NEAR:.0%} or more, the worst by {found.worst_prediction:.2%}.",
    )


def _cell(one: Measurement) -> str:
    return f"{one.scanned:,}" + (f" ({one.deviation:+.2%})" if one.predicted != one.scanned else "")
