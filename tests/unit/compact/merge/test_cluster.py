from collections.abc import Iterator

import pyarrow as pa
import pytest

from clickstream_lake.compact.merge.cluster import Buffer
from clickstream_lake.lake.catalog import ClusterTerm

HOUR = 3_600_000
TEXT = "x" * 1_000


@pytest.fixture
def pool() -> Iterator[pa.MemoryPool]:
    """What Arrow allocates while the test runs, counted from nothing."""
    usual = pa.default_memory_pool()
    counted = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(counted)
    yield counted
    pa.set_memory_pool(usual)


def test_hours_that_are_torn_apart_are_in_memory_once(pool: pa.MemoryPool) -> None:
    buffer = Buffer([ClusterTerm("at", "hour")], 1_000, 1 << 30)
    for _ in range(20):  # each has rows of two hours
        times = pa.array([row % 2 * HOUR for row in range(100)], pa.timestamp("ms", "UTC"))
        texts = {f"text_{number}": pa.array([TEXT] * 100) for number in range(8)}
        buffer.add(pa.table({"at": times, **texts}))
    del times, texts
    held = pool.bytes_allocated()
    group = next(buffer.groups(to_the_end=False))
    assert len(group) == buffer.rows == 1_000
    assert held > 16_000_000
    # A copy of the hour that is taken out, or of what is left, would be half of it more.
    assert pool.max_memory() < 1.4 * held
