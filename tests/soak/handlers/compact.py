"""The compact function, with its calls marked, its reserve and pauses in the test's scale."""

import os

from clickstream_lake.compact.function import CompactFunction
from tests.soak.handlers.marked import mark

mark("compact")
# Announcing, copying and swapping take a second here, not a minute.
handler = CompactFunction(os.environ, reserve_seconds=5.0, first_pause_seconds=2.0)
