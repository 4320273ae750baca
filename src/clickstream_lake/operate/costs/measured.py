"""What a bill is reckoned from besides prices: figures that were measured, none typed by hand.

`measured.json` is written by `python -m dev.costs` from the results of the benchmarks and from a
count of the calls that the functions make; a test compares it with both.
"""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec

MEASURED_PATH: Final = Path(__file__).with_name("measured.json")

Calls = dict[str, float]
"""Calls by service and operation, such as `s3:PutObject`."""


class Steps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The calls of each step, for both formats together.

    Attributes:
        first: transforming the first object of a partition.
        before: another one, before the partition is first compacted.
        after: another one, after it; by a function that has not read the manifests yet.
        plan: a tick of the schedule over no partition.
        plan_partition: what each partition adds that it looks at.
        merge: a merge of no file into what was merged before, from the plan's message on.
        merge_file: what each landing file adds (one of each format).
        cleanup: a clean-up over no partition.
        cleanup_partition: what each partition adds that it looks at.
        cleanup_generation: what each deleted generation adds (one of each format).
        audit: an audit of the raw zone over no partition.
        audit_partition: what each partition adds that it looks at.
    """

    first: Calls
    before: Calls
    after: Calls
    plan: Calls
    plan_partition: Calls
    merge: Calls
    merge_file: Calls
    cleanup: Calls
    cleanup_partition: Calls
    cleanup_generation: Calls
    audit: Calls
    audit_partition: Calls


class Measured(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of them. Sizes and times are those of one event, in bytes and CPU seconds.

    Attributes:
        sources: the benchmarks' results that these come from.
        event_bytes: as sent, with its newline.
        raw_bytes: as Firehose's gzip stores it.
        transform_cpu: by compression of the JSON.
        json_bytes: of the JSON table, by compression.
        parquet_bytes: of the Parquet table.
        compact_cpu: of merging, by format.
        compact_size: stored bytes after merging for each byte before, by format.
        calls: of each step.
        log_bytes: of one invocation, by step: transform, plan, merge, cleanup, audit.
        metrics: different metrics that a healthy lake sends, by function.
        alarm_metrics: metrics that the alarms of a lake with one stream look at.
    """

    sources: list[str]
    event_bytes: float
    raw_bytes: float
    transform_cpu: dict[str, float]
    json_bytes: dict[str, float]
    parquet_bytes: float
    compact_cpu: dict[str, float]
    compact_size: dict[str, float]
    calls: Steps
    log_bytes: dict[str, int]
    metrics: dict[str, int]
    alarm_metrics: int


@cache
def measured() -> Measured:
    """What `measured.json` holds."""
    return msgspec.json.decode(MEASURED_PATH.read_bytes(), type=Measured)
