"""Is a partition worth compacting, and how? Pure decisions over what a survey found."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from clickstream_lake.compact.plan import binpack
from clickstream_lake.compact.protocol.survey import Survey
from clickstream_lake.lake.config import CompactSettings
from clickstream_lake.lake.layout import Partition


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
    catalog: str,
    force: bool = False,
    rewrite: Container[str] = (),
) -> Decision:
    """Decide whether and how to compact a partition.

    Args:
        found: the partition.
        settings: what counts as worth it, and the target size.
        catalog: SHA-256 of the catalog; merged files by another are rewritten with the rest.
        force: compact whatever there is to merge.
        rewrite: merged files that have to be rewritten because some of their rows are dropped.
    """
    files = [binpack.File(info.key.rsplit("/", 1)[-1], info.size) for info in found.inputs] + [
        binpack.File(
            file.name,
            file.bytes,
            merged=True,
            stale=file.catalog != catalog or file.name in rewrite,
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
    dated = [(partition.date, partition) for partition in partitions]
    recent = [(day or now.date(), partition) for day, partition in dated if not day or day >= first]
    return [partition for _, partition in sorted(recent, reverse=True)]
