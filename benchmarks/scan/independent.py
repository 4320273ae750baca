"""A second opinion on bytes scanned: count the byte ranges that pyarrow asks for.

The needs of each query are written here by hand, as columns and a filter; pyarrow prunes by
directory names and statistics, and reads through a file object that counts. The project's planning
takes no part.
"""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from benchmarks.scan.layouts import Layout
from benchmarks.scan.suite import Facts

_KEYS = pa.schema([("year", pa.string()), ("month", pa.string()), ("day", pa.string())])
_TAIL_BYTES = 8  # the footer's length, and the magic number


def measure(layout: Layout, query: str, facts: Facts) -> int:
    """Read what a query needs from a Parquet layout's local files, and count the bytes."""
    columns, keep = _needs(query, facts)
    dataset = ds.dataset(
        [str(path) for path in layout.files],
        format="parquet",
        partitioning=ds.partitioning(_KEYS, flavor="hive"),
        partition_base_dir=str(layout.root),
    )
    total = 0
    for fragment in dataset.get_fragments(keep):
        file = _CountingFile(fragment.path)
        with pq.ParquetFile(file, metadata=fragment.metadata, pre_buffer=False) as reader:
            for part in fragment.split_by_row_group(keep, schema=dataset.schema):
                reader.read_row_groups(
                    [group.id for group in part.row_groups], columns, use_threads=False
                )
        total += file.counted() + fragment.metadata.serialized_size + _TAIL_BYTES
    return total


def _needs(query: str, facts: Facts) -> tuple[list[str] | None, pc.Expression | None]:
    """Say which columns (None: all) and which rows a query needs."""
    kind = pc.field("event_type")
    on_day = (
        (pc.field("year") == f"{facts.day:%Y}")
        & (pc.field("month") == f"{facts.day:%m}")
        & (pc.field("day") == f"{facts.day:%d}")
    )
    start = datetime.fromisoformat(facts.hour).replace(tzinfo=UTC)
    end = start + timedelta(hours=1)
    first, last = (pa.scalar(at, pa.timestamp("ms", "UTC")) for at in (start, end))
    in_hour = (pc.field("event_ts") >= first) & (pc.field("event_ts") < last)
    needs: dict[str, tuple[list[str] | None, pc.Expression | None]] = {
        "one column": (["event_type"], None),
        "daily counts": (["event_type"], None),
        "one day": (["event_type"], on_day),
        "session trail": (
            ["event_ts", "event_type", "page_url", "session_id"],
            pc.field("session_id") == facts.session_id,
        ),
        "funnel": (["session_id", "event_type"], on_day),
        "top pages": (["page_url", "event_type"], kind == "page_view"),
        "revenue": (
            ["country", "event_ts", "price", "quantity", "event_type"],
            kind == "purchase",
        ),
        "sessions": (["session_id"], None),
        "point lookup": (
            ["event_type", "event_ts", "session_id", "page_url", "event_id"],
            pc.field("event_id") == facts.event_id,
        ),
        "7-day trend": (["event_ts", "event_type"], kind == "purchase"),
        "one hour": (["product_id", "event_type", "event_ts"], (kind == "purchase") & in_hour),
        "export": (None, on_day),
    }
    return needs[query]


class _CountingFile(io.RawIOBase):
    """A local file that notes which ranges are read."""

    def __init__(self, path: Path | str) -> None:
        super().__init__()
        self._file = open(path, "rb", buffering=0)  # noqa: PTH123, SIM115 - closed with this one
        self._ranges: list[tuple[int, int]] = []

    def counted(self) -> int:
        """Add up the ranges; what was read twice counts once."""
        total, reached = 0, 0
        for start, end in sorted(self._ranges):
            total += max(0, end - max(start, reached))
            reached = max(reached, end)
        return total

    def read(self, size: int | None = -1) -> bytes:
        start = self._file.tell()
        body = self._file.read(-1 if size is None else size) or b""
        self._ranges.append((start, start + len(body)))
        return body

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()
