"""Sizes in bytes."""

from typing import Final

MIB: Final = 1024 * 1024
GIB: Final = 1024 * MIB
