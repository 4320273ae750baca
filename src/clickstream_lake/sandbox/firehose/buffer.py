"""Firehose's buffering: records wait until there are enough of them, or until they waited enough.

Pure bookkeeping with the time passed in; delivery is somebody else's business.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Chunk:
    """Records that become one object: their bytes, how many, and when the oldest arrived."""

    records: list[bytes]
    size: int
    arrived: datetime


@dataclass(slots=True)
class Buffer:
    """One stream's waiting records.

    Attributes:
        size_bytes: deliver when this many bytes wait, before compression.
        interval: deliver when the oldest record has waited this long.
    """

    size_bytes: int
    interval: timedelta
    _records: list[bytes] = field(default_factory=list, init=False)
    _size: int = field(default=0, init=False)
    _arrived: datetime | None = field(default=None, init=False)

    def add(self, records: Sequence[bytes], now: datetime) -> list[Chunk]:
        """Take records in and return the chunks that are full now."""
        full: list[Chunk] = []
        for record in records:
            if self._arrived is None:
                self._arrived = now
            self._records.append(record)
            self._size += len(record)
            if self._size >= self.size_bytes:
                full += self.flush()
        return full

    def due(self, now: datetime) -> list[Chunk]:
        """The waiting records, if the oldest of them has waited long enough."""
        if self._arrived is not None and now - self._arrived >= self.interval:
            return self.flush()
        return []

    def flush(self) -> list[Chunk]:
        """The waiting records, whatever their number; an empty list when there are none."""
        if self._arrived is None:
            return []
        chunk = Chunk(self._records, self._size, self._arrived)
        self._records, self._size, self._arrived = [], 0, None
        return [chunk]

    @property
    def waiting(self) -> int:
        """How many records wait."""
        return len(self._records)
