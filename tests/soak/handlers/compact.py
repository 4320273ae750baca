"""The compact function, with its calls marked and its reserve of time in the test's scale."""

from functions.compact import handler as module
from tests.soak.handlers.marked import mark

handler = module.handler

# Announcing, copying and swapping take a second here, not a minute.
vars(module)["_RESERVE_SECONDS"] = 5.0
mark("compact")
