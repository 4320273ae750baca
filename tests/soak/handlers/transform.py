"""The transform function, with its calls marked."""

import os

from clickstream_lake.transform.function import TransformFunction
from tests.soak.handlers.marked import mark

mark("transform")
handler = TransformFunction(os.environ)
