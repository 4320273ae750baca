"""The transform function, with its calls marked."""

from functions.transform.handler import handler
from tests.soak.handlers.marked import mark

__all__ = ["handler"]

mark("transform")
