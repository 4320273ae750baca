"""The transform function, with its calls marked and its pauses in the test's scale."""

import os

from clickstream_lake.transform.function import TransformFunction
from tests.soak.handlers.marked import mark

mark("transform")
handler = TransformFunction(os.environ, first_pause_seconds=2.0)
