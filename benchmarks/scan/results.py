"""Everything that one run of the benchmark found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.scan.costs import BreakEven, CompactionCost
    from benchmarks.scan.layouts import Layout, Spec
    from benchmarks.scan.run import Measurement
    from benchmarks.scan.suite import Query


@dataclass(frozen=True)
class Results:
    """One run.

    Attributes:
        target: `sandbox` or `aws`.
        command: that repeats it.
        statements: query name -> its text on the clustered zstd table.
    """

    spec: Spec
    target: str
    command: str
    layouts: list[Layout]
    suite: list[Query]
    statements: dict[str, str]
    measurements: list[Measurement]
    compaction: list[CompactionCost]
    break_even: list[BreakEven]

    @property
    def queries(self) -> list[str]:
        """The names of all queries."""
        return [query.name for query in self.suite]

    @property
    def differing(self) -> list[tuple[str, str]]:
        """(query, layout) pairs whose rows are not those of the JSON layout."""
        return [
            (one.query, one.layout)
            for one in self.measurements
            if one.digest != self.of(one.query, "json").digest
        ]

    @property
    def worst_prediction(self) -> float:
        """The largest deviation of predicted from independently measured bytes, as a share."""
        return max(
            abs(one.predicted - one.measured) / one.measured
            for one in self.measurements
            if one.measured
        )

    def of(self, query: str, layout: str) -> Measurement:
        """Find one measurement."""
        return next(one for one in self.measurements if one.query == query and one.layout == layout)

    def ratio(self, query: str, large: str, small: str) -> float:
        """Say how many times fewer bytes one layout's query scans than another's."""
        return self.of(query, large).scanned / max(1, self.of(query, small).scanned)

    def as_json(self) -> dict[str, Any]:
        """All figures, for other programs."""
        return {
            "target": self.target,
            "command": self.command,
            "events": self.spec.events,
            "days": self.spec.days,
            "layouts": [
                {
                    "name": layout.name,
                    "title": layout.title,
                    "files": len(layout.files),
                    "bytes": layout.bytes,
                    "merge_cpu_seconds": round(layout.seconds, 3),
                }
                for layout in self.layouts
            ],
            "measurements": [one.as_json() for one in self.measurements],
            "rows_equal": not self.differing,
            "worst_prediction": self.worst_prediction,
        }
