"""Just enough of the ELF format to shrink shared objects and to check that none is missing.

`strip` cannot work on the other architecture's files, so this does the same, by the
program headers alone: the dynamic loader reads nothing else.
"""

import struct
from dataclasses import dataclass
from typing import Final

MACHINES: Final = {"arm64": 183, "x86_64": 62}

_MAGIC_64_LITTLE: Final = b"\x7fELF\x02\x01"
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_NULL, _DT_NEEDED, _DT_STRTAB = 0, 1, 5


class ElfError(ValueError):
    """The bytes are not a 64-bit little-endian shared object."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One program header: where a part of the file goes in memory."""

    kind: int
    offset: int
    address: int
    size: int


def is_elf(data: bytes) -> bool:
    """Whether these bytes are a shared object or program."""
    return data.startswith(b"\x7fELF")


def machine(data: bytes) -> int:
    """The architecture's number, as in `MACHINES`."""
    _check(data)
    return int(struct.unpack_from("<H", data, 18)[0])


def strip(data: bytes) -> bytes:
    """Drop what the loader never reads: symbols for debuggers, and the section table.

    Raises:
        ElfError: the bytes are not a shared object of either architecture.
    """
    end = max(segment.offset + segment.size for segment in _segments(data))
    header = bytearray(data[:64])
    struct.pack_into("<Q", header, 40, 0)  # e_shoff: no section table
    struct.pack_into("<HHH", header, 58, 0, 0, 0)  # e_shentsize, e_shnum, e_shstrndx
    return bytes(header) + data[64:end]


def needed(data: bytes) -> list[str]:
    """The file names of the shared objects that this one is linked to."""
    segments = _segments(data)
    entries: list[tuple[int, int]] = []
    for dynamic in (segment for segment in segments if segment.kind == _PT_DYNAMIC):
        for offset in range(dynamic.offset, dynamic.offset + dynamic.size, 16):
            tag, value = struct.unpack_from("<QQ", data, offset)
            if tag == _DT_NULL:
                break
            entries.append((tag, value))
    tables = [_file_offset(segments, value) for tag, value in entries if tag == _DT_STRTAB]
    return [
        _text(data, tables[0] + value) for tag, value in entries if tag == _DT_NEEDED and tables
    ]


def _check(data: bytes) -> None:
    if not data.startswith(_MAGIC_64_LITTLE):
        raise ElfError("not a 64-bit little-endian ELF file")


def _segments(data: bytes) -> list[Segment]:
    _check(data)
    (table,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    segments = []
    for index in range(count):
        kind, _, offset, address, _, length = struct.unpack_from(
            "<IIQQQQ", data, table + index * size
        )
        segments.append(Segment(kind, offset, address, length))
    if not segments:
        raise ElfError("an ELF file without program headers")
    return segments


def _file_offset(segments: list[Segment], address: int) -> int:
    for segment in segments:
        inside = segment.address <= address < segment.address + segment.size
        if segment.kind == _PT_LOAD and inside:
            return address - segment.address + segment.offset
    raise ElfError(f"address {address:#x} is in no segment")


def _text(data: bytes, offset: int) -> str:
    return data[offset : data.index(b"\0", offset)].decode()
