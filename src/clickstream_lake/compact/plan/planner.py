"""Is a partition worth compacting, and how? Pure decisions over what a survey found."""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from clickstream_lake.compact.plan import binpack
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.layout import Partition

OTHER_COLUMNS: Final = "older columns"
"""Why a partition is worth it that does not have today's columns."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one partition of one format.

    Attributes:
        worth: whether to compact it now.
        reason: why, or why not.
        plan: what to carry over and what to merge, by file name.
    """

    worth: bool
    reason: str
    plan: binpack.Plan


def decide(
    found: Survey,
    settings: CompactSettings,
    *,
    fits: Callable[[str], bool],
    behind: bool = False,
    force: bool = False,
    rewrite: Container[str] = (),
) -> Decision:
    """Decide whether and how to compact a partition.

    Args:
        found: the partition.
        settings: what counts as worth it, and the target size.
        fits: whether files by the catalog of a SHA-256 are like today's; merged files by another
            are rewritten with the rest.
        behind: the partition does not have today's columns, which is worth a rewrite.
        force: compact whatever there is to merge.
        rewrite: merged files that have to be rewritten because some of their rows are dropped.
    """
    files = [binpack.File(info.key.rsplit("/", 1)[-1], info.size) for info in found.inputs] + [
        binpack.File(
            file.name,
            file.bytes,
            merged=True,
            stale=not fits(file.catalog) or file.name in rewrite,
        )
        for file in found.merged
    ]
    plan = binpack.plan(files, target_bytes=settings.target_file_bytes)
    worth, reason = judge(
        plan,
        waiting=len(found.inputs),
        waiting_bytes=sum(info.size for info in found.inputs),
        settings=settings,
    )
    if behind and plan.bins:
        worth, reason = True, OTHER_COLUMNS
    if force and plan.bins:
        worth, reason = True, "forced"
    return Decision(worth, reason, plan)


def judge(
    plan: binpack.Plan, *, waiting: int, waiting_bytes: int, settings: CompactSettings
) -> tuple[bool, str]:
    """Whether a plan is worth carrying out, and why; `waiting` landing files are in it."""
    saved = plan.files_merged - len(plan.bins)
    if not plan.bins:
        return False, "nothing to merge"
    if waiting >= settings.min_files:
        return True, f"{waiting} landing files"
    if waiting_bytes >= settings.target_file_bytes:
        return True, f"{waiting_bytes} bytes of landing files"
    if saved >= settings.min_files:
        return True, f"{plan.files_merged} small files"
    return False, f"too little to gain: {waiting} landing files of {waiting_bytes} bytes"


def within(partitions: Iterable[Partition], *, now: datetime, days: int) -> list[Partition]:
    """The partitions of today (UTC) and of the `days` days before, newest first.

    A partition without a readable year, month and day is always among them.
    """
    first = now.date() - timedelta(days=days)
    recent = (each for each in partitions if not each.date or each.date >= first)
    return sorted(recent, key=lambda each: recency(each, now=now), reverse=True)


def recency(partition: Partition, *, now: datetime) -> tuple[date, Partition]:
    """What orders partitions by their day (UTC); those without a readable one count as today's."""
    return partition.date or now.date(), partition
