"""Entry point of the compact function: what Lambda imports, at the root of its zip."""

import os

from clickstream_lake.compact.function import CompactFunction

# Once per execution environment, outside the invocation, where Lambda gives a whole CPU.
handler = CompactFunction(os.environ)
