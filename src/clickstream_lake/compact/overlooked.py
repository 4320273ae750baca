"""Find the raw objects that no transform took, and have them transformed after all.

Nothing else would notice a notification that never came: no queue is longer for it, and no function
fails.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Final

from clickstream_lake.compact.plan.planner import within
from clickstream_lake.lake.aws.objects import ObjectInfo
from clickstream_lake.lake.errors import LakeError, PartitionMovedError
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Partition, Source
from clickstream_lake.lake.requeue import TransformQueue
from clickstream_lake.lake.untaken import RoutedTo, raw_objects, untaken

_Raw = tuple[Source, ObjectInfo]
# A log line and an answer of Lambda have an end.
_NAMED: Final = 100


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What an audit came to.

    Attributes:
        objects: raw objects looked at.
        untaken: how many of them no transform took in time.
        keys: the first hundred of these, in the order of their partitions.
        coming: younger ones that no transform took yet.
        waiting: messages that the queue holds, those that are worked on included.
        dead: its dead letters.
        requeued: how many of the untaken were queued once more.
        failed: partitions that could not be looked at, each with its error.
        complete: whether there was time for all; the next tick begins at the same end.
    """

    objects: int
    untaken: int
    keys: tuple[str, ...]
    coming: int
    waiting: int
    dead: int
    requeued: int
    failed: tuple[str, ...]
    complete: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Auditor:
    """Audits the raw zone of one lake.

    Attributes:
        queue: where untaken raw objects go; None only counts them.
        lookback_days: how far back it looks.
        grace: how long the transform may take with one, retries included.
        routed: what the stream says, if this is the lake of a family that it routes events to.
    """

    lake: Lake
    queue: TransformQueue | None
    lookback_days: int
    grace: timedelta
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    routed: RoutedTo | None = None

    def audit(
        self, *, dry_run: bool, out_of_time: Callable[[], bool] = lambda: False
    ) -> AuditReport:
        """Look through the look-back window, oldest first, and queue what no transform took.

        Nothing is queued while the untaken may be among the dead letters and the messages that
        wait, so that a queue that lags does not get longer by it, and a dead letter does not come
        back every hour. A message that waits is of a raw object that is coming, if there are any:
        else a stream that never rests would hide what was overlooked. SQS counts about, and what is
        coming may have been overlooked, too. So each message beyond these counts twice.

        Args:
            dry_run: only report.
            out_of_time: asked before each partition.

        Raises:
            LakeError: S3 failed, or SQS refused messages.
        """
        now = self.now()
        objects, found, coming, failed, complete = 0, list[str](), 0, list[str](), True
        for partition, raws in self._recent(now):
            if out_of_time():
                complete = False
                break
            objects += len(raws)
            try:
                absent = untaken(self.lake, partition, raws, self.routed)
            except PartitionMovedError:
                continue  # being compacted at this moment
            except LakeError as error:
                failed.append(f"{partition.path}: {error}")
            else:
                old = [key for key, written in absent if written <= now - self.grace]
                found += old
                coming += len(absent) - len(old)
        waiting, dead = self.queue.held() if self.queue and found else (0, 0)
        send = not dry_run and len(found) > dead + 2 * max(0, waiting - coming)
        return AuditReport(
            objects=objects,
            untaken=len(found),
            keys=tuple(found[:_NAMED]),
            coming=coming,
            waiting=waiting,
            dead=dead,
            requeued=self.queue.send(found) if self.queue and send else 0,
            failed=tuple(failed),
            complete=complete,
            dry_run=dry_run,
        )

    def _recent(self, now: datetime) -> Iterator[tuple[Partition, list[_Raw]]]:
        """The partitions of the look-back window with their raw objects, in key order."""
        layout = self.lake.layout
        after = layout.raw_before(now.date() - timedelta(days=self.lookback_days))
        raws = raw_objects(self.lake, layout.raw_prefix, after=after)
        for partition, group in groupby(raws, key=lambda raw: raw[0].partition):
            if within([partition], now=now, days=self.lookback_days):
                yield partition, list(group)
