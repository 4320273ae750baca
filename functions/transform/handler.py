"""Entry point of the transform function: what Lambda imports, at the root of its zip."""

import os

from clickstream_lake.transform.function import TransformFunction

# Once per execution environment, outside the invocation, where Lambda gives a whole CPU.
handler = TransformFunction(os.environ)
