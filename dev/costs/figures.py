"""What is measured, from the results of the benchmarks and the count of calls."""

import gzip
import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from clickstream_lake.generate.events import generate_events
from clickstream_lake.operate.costs.measured import Measured
from dev.costs.calls import Counted

RESULTS: Final = Path(__file__).parents[2] / "benchmarks" / "results"
OURS: Final = "clickstream-lake"
ALARM_METRICS: Final = 24
"""Metrics that the alarms of one stream look at; a test compares it with what Terraform makes."""

_EVENTS: Final = 20_000
_LOG_STEP: Final = 100  # bytes: what is logged holds times and durations


def figures(counted: Counted) -> Measured:
    """What `measured.json` has to hold."""
    transform, compaction = _results("transform"), _results("compaction")
    rows = {row["scenario"]: row for row in transform["measurements"] if row["candidate"] == OURS}
    clean, zipped = rows["clean"], rows["gzip JSON"]
    merged = {row["format"]: row for row in compaction["measurements"]}
    return Measured(
        sources=[_source(transform), _source(compaction)],
        event_bytes=_each(clean, "raw_bytes"),
        raw_bytes=_raw_bytes() * _each(clean, "raw_bytes"),
        transform_cpu={"none": _each(clean, "cpu"), "gzip": _each(zipped, "cpu")},
        json_bytes={"none": _each(clean, "json_bytes"), "gzip": _each(zipped, "json_bytes")},
        parquet_bytes=_each(clean, "parquet_bytes"),
        compact_cpu={fmt: _rounded(row["cpu"] / row["rows"]) for fmt, row in merged.items()},
        compact_size={
            fmt: _rounded(row["bytes_after"] / row["bytes_before"]) for fmt, row in merged.items()
        },
        calls=counted.steps,
        log_bytes={
            step: math.ceil(size / _LOG_STEP) * _LOG_STEP
            for step, size in sorted(counted.log_bytes.items())
        },
        metrics={name: len(found) for name, found in counted.metrics.items()},
        alarm_metrics=ALARM_METRICS,
    )


def text(measured: Measured) -> str:
    """As JSON for people."""
    return msgspec.json.format(msgspec.json.encode(measured), indent=2).decode() + "\n"


def _results(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def _source(results: dict[str, Any]) -> str:
    return f"benchmarks/results/{results['benchmark']}.json of {results['date']}"


def _each(row: dict[str, Any], name: str) -> float:
    return _rounded(row[name] / row["events"])


def _rounded(value: float) -> float:
    return float(f"{value:.4g}")


def _raw_bytes() -> float:
    """Stored bytes for each byte of events, as gzip writes them that Firehose uses, too."""
    events = b"".join(generate_events(7, _EVENTS, datetime(2025, 11, 26, tzinfo=UTC)))
    return _rounded(len(gzip.compress(events, 6, mtime=0)) / len(events))
