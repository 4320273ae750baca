"""Which files of a partition to merge together: sizes and a target in, bins out. Pure.

A bin holds neighbours in time, because events that arrived together happened together, and a file
that covers few hours is skipped by more queries. A file's time is in its name: Firehose writes when
the oldest record arrived, a compaction when it began. Files of other producers come last, by name.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

NEAR_TARGET: Final = 0.75
"""A merged file of at least this share of the target is left alone: rewriting it gains nothing."""

_TIME: Final = re.compile(r"-(\d{4})-(\d\d)-(\d\d)-(\d\d)-(\d\d)-(\d\d)-|-(\d{8})T(\d{6})Z-")


@dataclass(frozen=True, slots=True, order=True)
class File:
    """One input of a compaction.

    Attributes:
        name: what orders the files, by the time in it first; unique within one plan.
        size: bytes as stored.
        merged: an earlier compaction wrote it, so its rows are already clustered.
        stale: it has to be rewritten at any size: it has an old schema, or rows to drop.
    """

    name: str
    size: int
    merged: bool = False
    stale: bool = False

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands among the files of its partition."""
        match = _TIME.search(self.name)
        return "".join(part or "" for part in match.groups()) if match else "later", self.name


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the files of a partition: each is in exactly one place.

    Attributes:
        carried: merged files to copy unchanged.
        bins: files to merge, one bin at a time; each makes about one file of the target size.
    """

    carried: tuple[File, ...]
    bins: tuple[tuple[File, ...], ...]

    @property
    def files_merged(self) -> int:
        """How many files the bins hold."""
        return sum(len(group) for group in self.bins)


def plan(files: Iterable[File], *, target_bytes: int, near: float = NEAR_TARGET) -> Plan:
    """Choose what to carry over and what to merge.

    A merged file is carried when it is near the target, or when nothing would join it in its bin.
    A landing file is always merged: merging is what clusters its rows.

    Args:
        files: the partition's files, in any order.
        target_bytes: size that merged files aim at, above 0.
        near: share of the target at which a merged file is big enough.

    Raises:
        ValueError: the target is not above 0, or two files have the same name.
    """
    if target_bytes <= 0:
        raise ValueError(f"target_bytes is {target_bytes}; it has to be above 0")
    ordered = sorted(files, key=lambda file: file.place)
    names = {file.name for file in ordered}
    if len(names) != len(ordered):
        raise ValueError("two files have the same name")
    settled = [file for file in ordered if _settled(file, near * target_bytes)]
    carried, bins = list(settled), []
    kept = {file.name for file in settled}
    for group in pack([file for file in ordered if file.name not in kept], target_bytes):
        if len(group) == 1 and group[0].merged and not group[0].stale:
            carried.extend(group)
        else:
            bins.append(tuple(group))
    return Plan(tuple(sorted(carried)), tuple(bins))


def _settled(file: File, big_enough: float) -> bool:
    return file.merged and not file.stale and file.size >= big_enough


def pack(files: Sequence[File], target_bytes: int) -> list[list[File]]:
    """Put files into bins of at most the target, in their order.

    A file above the target gets a bin of its own.
    """
    bins: list[list[File]] = []
    filled = 0
    for file in files:
        if bins and filled + file.size <= target_bytes:
            bins[-1].append(file)
            filled += file.size
        else:
            bins.append([file])
            filled = file.size
    return bins
