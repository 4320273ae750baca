"""The kernel's C interface: see `kernel.c` and `kernel.h`.

`make setup` compiles the shared object for this machine, `make package` for Lambda. Without it the
transform works line by line.
"""

import ctypes
import os
import platform
from functools import cache
from pathlib import Path
from typing import Any, Final

from clickstream_lake.transform.rules.reasons import LineReason

ABI: Final = 5
"""Version of this interface, as `KERNEL_ABI` in kernel.h: raise it when a declaration changes."""

SETTING: Final = "CLICKSTREAM_KERNEL"
"""Environment variable: `off` makes the transform work without the kernel."""

_MACHINES: Final = {"AMD64": "x86_64", "arm64": "aarch64", "ARM64": "aarch64"}


class KernelMissingError(ImportError):
    """There is no kernel that fits this machine and this version; the message says what to do."""


class Reject(ctypes.Structure):
    """`Reject` of kernel.h."""

    _fields_ = (
        ("offset", ctypes.c_uint64),
        ("line", ctypes.c_uint32),
        ("events", ctypes.c_uint32),
        ("reason", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
    )


class Tally(ctypes.Structure):
    """`Tally` of kernel.h."""

    _fields_ = (
        ("texts", ctypes.c_uint64),
        ("events", ctypes.c_uint64),
        ("first", ctypes.c_uint64),
        ("last", ctypes.c_uint64),
        ("first_line", ctypes.c_uint32),
        ("last_line", ctypes.c_uint32),
    )


REASONS: Final = tuple(LineReason)
"""Why a text is rejected, in the order of kernel.h."""


class Scanned(ctypes.Structure):
    """`Scanned` of kernel.h."""

    _fields_ = (
        ("consumed", ctypes.c_uint64),
        ("json", ctypes.c_uint64),
        ("arrow", ctypes.c_uint64),
        ("rows", ctypes.c_uint32),
        ("blank", ctypes.c_uint32),
        ("lines", ctypes.c_uint32),
        ("rejects", ctypes.c_uint32),
        ("mismatches", ctypes.c_uint32),
        ("repaired", ctypes.c_uint32),
        ("careful", ctypes.c_uint32),
        ("unused", ctypes.c_uint32),
        ("tallies", Tally * len(REASONS)),
    )


class Layout(ctypes.Structure):
    """`Layout` of kernel.h."""

    _fields_ = (
        ("start", ctypes.c_uint64 * 3),
        ("size", ctypes.c_uint64 * 3),
        ("nulls", ctypes.c_uint64),
    )


class Automaton(ctypes.Structure):
    """`Automaton` of kernel.h."""

    _fields_ = (
        ("steps", ctypes.c_void_p),
        ("kinds", ctypes.c_char_p),
        ("start", ctypes.c_uint32),
        ("first_end", ctypes.c_uint32),
    )


class Cell(ctypes.Union):
    """`Cell` of kernel.h."""

    _fields_ = (("whole", ctypes.c_int64), ("number", ctypes.c_double))


class Rules(ctypes.Structure):
    """`Rules` of kernel.h."""

    _fields_ = (
        ("texts", Automaton),
        ("pattern", Automaton),
        ("numbers", ctypes.c_void_p),
        ("least", Cell),
        ("most", Cell),
        ("number_count", ctypes.c_uint32),
        ("max_length", ctypes.c_uint32),
        ("column", ctypes.c_uint32),
        ("required", ctypes.c_uint8),
        ("rejects", ctypes.c_uint8),
        ("unused", ctypes.c_uint8 * 2),
    )


class RoutedRun(ctypes.Structure):
    """`RoutedRun` of kernel.h."""

    _fields_ = (
        ("start", ctypes.c_uint64),
        ("end", ctypes.c_uint64),
        ("from_", ctypes.c_uint64),
        ("line", ctypes.c_uint64),
    )


class RoutedPart(ctypes.Structure):
    """`RoutedPart` of kernel.h."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("all", ctypes.c_uint64),
        ("size", ctypes.c_uint64),
        ("count", ctypes.c_uint64),
        ("runs", ctypes.POINTER(RoutedRun)),
    )


Ask = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint32)
"""Says what becomes of a field by its name: the address and the bytes of its UTF-8."""

_KERNEL, _TEXT = ctypes.c_void_p, ctypes.c_char_p
_U32, _U64 = ctypes.c_uint32, ctypes.c_uint64
# Name -> result and arguments.
_FUNCTIONS: Final[dict[str, tuple[Any, ...]]] = {
    "kernel_abi": (_U32,),
    "kernel_new": (_KERNEL, _U32, _TEXT, _TEXT, _U32, _U64),
    "kernel_free": (None, _KERNEL),
    "kernel_limit": (None, _KERNEL, _U64, _U32, _U32, _U32),
    "kernel_stamp": (ctypes.c_int, _KERNEL, ctypes.c_int64, _TEXT, _U32),
    "kernel_names": (ctypes.c_int, _KERNEL, _U32, _TEXT, _TEXT, _TEXT, Ask),
    "kernel_taken": (ctypes.c_int, _KERNEL, _U32, _TEXT, _TEXT),
    "kernel_texts": (None, _KERNEL, ctypes.c_int, _TEXT),
    "kernel_rules": (ctypes.c_int, _KERNEL, _U32, ctypes.POINTER(Rules)),
    "kernel_learn": (ctypes.c_int, _KERNEL, _TEXT, _U32, ctypes.c_int32, ctypes.c_int),
    "kernel_source": (ctypes.c_int, _KERNEL, _TEXT, _U32, _U32, ctypes.c_int, _TEXT, _U32),
    "kernel_scan": (ctypes.c_int, _KERNEL, _TEXT, _U64, _U64, ctypes.c_void_p),
    "kernel_scan_part": (
        ctypes.c_int,
        _KERNEL,
        ctypes.POINTER(RoutedPart),
        ctypes.c_int,
        ctypes.c_void_p,
    ),
    "kernel_scanned": (ctypes.POINTER(Scanned), _KERNEL),
    "kernel_rejects": (ctypes.POINTER(Reject), _KERNEL),
    "kernel_mismatched": (ctypes.POINTER(_U64), _KERNEL),
    "kernel_breaches": (ctypes.POINTER(_U64), _KERNEL),
    "kernel_layouts": (ctypes.POINTER(Layout), _KERNEL),
    "kernel_fill": (None, _KERNEL, ctypes.c_void_p),
    "kernel_count_lines": (_U64, ctypes.c_void_p, _U64),
    "kernel_bracket_end": (_U64, _TEXT, _U64, _U64),
    "kernel_pass_texts": (_U64, _TEXT, _U64, _U64, _U64, _U64, _U64),
    "router_new": (_KERNEL, _TEXT, _U32, _U32),
    "router_value": (ctypes.c_int, _KERNEL, _TEXT, _U32, _U32),
    "router_split": (ctypes.POINTER(RoutedPart), _KERNEL, _TEXT, _U64),
    "router_lines": (_U64, _KERNEL),
    "router_free": (None, _KERNEL),
}


def file_name(system: str, machine: str) -> str:
    """The shared object's name for a system and machine, as `platform` names them."""
    return f"kernel-{system.lower()}-{_MACHINES.get(machine, machine)}.so"


def path() -> Path:
    """Where this machine's shared object is, or would be."""
    return Path(__file__).with_name(file_name(platform.system(), platform.machine()))


@cache
def load() -> ctypes.CDLL:
    """The kernel's functions, typed.

    Raises:
        KernelMissingError: says what to do.
    """
    place = path()
    try:
        library = ctypes.CDLL(str(place))
    except OSError as error:
        raise _missing(f"{place.name} cannot be loaded ({error})") from None
    abi = library.kernel_abi() if hasattr(library, "kernel_abi") else 0
    if abi != ABI:
        raise _missing(f"{place.name} is of another version (its ABI is {abi}, not {ABI})")
    for name, (result, *arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


def missing() -> str | None:
    """Why there is no kernel, and what to do about it; None if there is one."""
    if os.environ.get(SETTING) == "off":
        return f"{SETTING}=off: events are transformed line by line, in ten times as much CPU time"
    try:
        load()
    except KernelMissingError as error:
        return str(error)
    return None


def _missing(why: str) -> KernelMissingError:
    return KernelMissingError(
        f"{why}: events are transformed line by line, in ten times as much CPU time. In a "
        "checkout, `make setup` compiles it; wheels and Lambda packages hold it for their platform"
    )


def count_lines(data: bytes | memoryview) -> int:
    """Count line ends in some bytes; a memory view has to be of a bytearray.

    Takes a seventh of the time of `bytes.count`, which stops at each.
    """
    if isinstance(data, bytes):
        return data.count(b"\n")
    at = ctypes.byref(ctypes.c_char.from_buffer(data)) if data else None
    return int(load().kernel_count_lines(at, len(data)))


def bracket_end(data: bytes, start: int, end: int) -> int | None:
    """As that of `clickstream_lake.transform.read.lines`, in a fiftieth of the time."""
    return load().kernel_bracket_end(data, start, end) or None


def pass_texts(  # noqa: PLR0917 - positions
    data: bytes, start: int, position: int, end: int, most: int, longest: int
) -> int:
    """The same, for more kinds of texts."""
    return int(load().kernel_pass_texts(data, start, position, end, most, longest))
