"""What pyarrow does not show of a Parquet file: page indexes, bloom filters, encodings of pages.

Footers and indexes are Thrift structures in the compact protocol. One reader takes them all apart,
by field numbers; the few fields that matter get names here.
"""

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import pyarrow as pa

ByteRange = tuple[int, int]
"""The bytes [start, end) of a file."""
Reader = Callable[[int, int], bytes]
"""Gives the bytes [start, end) of a file."""
Value = int | float | bytes | bool
"""A value as comparisons need it: text as UTF-8, dates and timestamps as microseconds."""

_STOP, _TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(
    13
)
_MICROSECONDS_A_DAY: Final = 86_400_000_000
_BYTES_A_BLOCK: Final = 32  # of a bloom filter
_DICTIONARY_PAGE, _DATA_PAGES = 2, (0, 3)
_DICTIONARY_ENCODINGS: Final = {2, 8}  # PLAIN_DICTIONARY, RLE_DICTIONARY
_CODECS: Final = {1: "snappy", 2: "gzip", 4: "brotli", 6: "zstd", 7: "lz4_raw"}
_BOOLEAN, _INT32, _INT64, _INT96, _FLOAT, _DOUBLES, _BYTE_ARRAY, _FIXED = range(8)
_NUMBERS: Final = {_INT32: "<i", _INT64: "<q", _FLOAT: "<f", _DOUBLES: "<d"}


class _Thrift:
    """Reads Thrift's compact protocol: structures as dictionaries from field number to value."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def struct(self) -> dict[int, Any]:
        found: dict[int, Any] = {}
        field = 0
        while (head := self._byte()) != _STOP:
            kind, step = head & 15, head >> 4
            field = field + step if step else self._signed()
            found[field] = kind == _TRUE if kind in {_TRUE, _FALSE} else self._value(kind)
        return found

    def _value(self, kind: int) -> Any:  # noqa: ANN401 - of whatever type the field has
        readers: dict[int, Callable[[], Any]] = {
            _TRUE: lambda: self._byte() == _TRUE,  # inside a list, a boolean takes a byte
            _FALSE: lambda: self._byte() == _TRUE,
            _BYTE: self._byte,
            _I16: self._signed,
            _I32: self._signed,
            _I64: self._signed,
            _DOUBLE: lambda: struct.unpack("<d", self._take(8))[0],
            _BINARY: lambda: self._take(self._unsigned()),
            _LIST: self._list,
            _SET: self._list,
            _MAP: self._map,
            _STRUCT: self.struct,
        }
        return readers[kind]()

    def _list(self) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 < 15 else self._unsigned()  # noqa: PLR2004 - 15: a long one
        return [self._value(head & 15) for _ in range(count)]

    def _map(self) -> dict[Any, Any]:
        count = self._unsigned()
        kinds = self._byte() if count else 0
        return {self._value(kinds >> 4): self._value(kinds & 15) for _ in range(count)}

    def _byte(self) -> int:
        self.at += 1
        return self.body[self.at - 1]

    def _take(self, size: int) -> bytes:
        self.at += size
        return self.body[self.at - size : self.at]

    def _unsigned(self) -> int:
        value = shift = 0
        while (byte := self._byte()) & 0x80:
            value |= (byte & 0x7F) << shift
            shift += 7
        return value | byte << shift

    def _signed(self) -> int:
        value = self._unsigned()
        return value >> 1 ^ -(value & 1)


@dataclass(frozen=True)
class Kind:
    """The type of a column's stored values.

    Attributes:
        physical: its number in the format.
        microseconds: how many a stored unit has; 0 for what is neither date nor timestamp.
        comparable: whether stored bounds order values as SQL does.
    """

    physical: int
    microseconds: float
    comparable: bool

    @property
    def is_whole_number(self) -> bool:
        """Whether values are numbers that have a next one."""
        return self.physical in {_INT32, _INT64} and self.comparable and not self.microseconds

    def value(self, raw: bytes) -> Value | None:
        """Read a value as statistics and dictionaries store it; None if it has no order here."""
        if not self.comparable or not raw:
            return raw if self.physical == _BYTE_ARRAY and self.comparable else None
        if self.physical == _BOOLEAN:
            return raw[0] != 0
        if self.physical == _BYTE_ARRAY:
            return raw
        number: int | float = struct.unpack(_NUMBERS[self.physical], raw)[0]
        return round(number * self.microseconds) if self.microseconds else number


def _kind(element: dict[int, Any]) -> Kind:
    physical = element.get(1, -1)
    logical, converted = element.get(10, {}), element.get(6)
    units = {9: 1000, 10: 1}  # TIMESTAMP_MILLIS, TIMESTAMP_MICROS
    microseconds: float = units.get(converted, 0) if converted is not None else 0
    if 8 in logical:  # noqa: PLR2004 - TIMESTAMP
        microseconds = {1: 1000, 2: 1, 3: 0.001}[next(iter(logical[8][2]))]
    elif converted == 6:  # noqa: PLR2004 - DATE
        microseconds = _MICROSECONDS_A_DAY
    decimal = converted == 5 or 5 in logical  # noqa: PLR2004 - DECIMAL
    known = physical in {_BOOLEAN, _BYTE_ARRAY, *_NUMBERS}
    return Kind(physical, microseconds, known and not decimal)


@dataclass(frozen=True)
class Statistics:
    """Bounds of a set of values, as far as they are known.

    Attributes:
        nulls: how many values are NULL; None if nobody noted it.
    """

    low: Value | None
    high: Value | None
    nulls: int | None


@dataclass(frozen=True)
class Page:
    """Where one data page of a column lies, and its first row within the row group."""

    start: int
    end: int
    first_row: int


class Chunk:
    """One column of one row group."""

    def __init__(self, described: dict[int, Any], kind: Kind) -> None:
        self._described = described
        self._meta: dict[int, Any] = described[3]
        self.kind = kind

    @property
    def start(self) -> int:
        """Where its first page is, dictionary or data."""
        dictionary, data = self._meta.get(11, 0), self._meta[9]
        return int(dictionary if 0 < dictionary < data else data)

    @property
    def range(self) -> ByteRange:
        """All its pages."""
        return self.start, self.start + int(self._meta[7])

    @property
    def values(self) -> int:
        """How many values it has, NULLs included."""
        return int(self._meta[5])

    @property
    def column_index(self) -> ByteRange | None:
        """Where the bounds of its pages are."""
        return _range(self._described.get(6), self._described.get(7))

    @property
    def offset_index(self) -> ByteRange | None:
        """Where the places of its pages are."""
        return _range(self._described.get(4), self._described.get(5))

    @property
    def bloom_filter(self) -> int | None:
        """Where its bloom filter starts."""
        return self._meta.get(14) or None

    @property
    def dictionary(self) -> ByteRange | None:
        """Where its dictionary is, if all its data pages refer to it."""
        encodings = self._meta.get(13, [])
        pages = {entry[2] for entry in encodings if entry[1] in _DATA_PAGES}
        has_one = any(entry[1] == _DICTIONARY_PAGE for entry in encodings)
        if not has_one or not pages <= _DICTIONARY_ENCODINGS or self.start >= self._meta[9]:
            return None
        return self.start, int(self._meta[9])

    @cached_property
    def statistics(self) -> Statistics | None:
        """Those of all its values."""
        noted = self._meta.get(12)
        if not noted:
            return None
        low, high = noted.get(6, noted.get(2)), noted.get(5, noted.get(1))
        nulls = noted.get(3)
        if low is None or high is None:
            return Statistics(None, None, nulls) if nulls is not None else None
        return Statistics(self.kind.value(low), self.kind.value(high), nulls)

    def pages(self, index: bytes) -> list[Page]:
        """Take an offset index apart."""
        return [
            Page(place[1], place[1] + place[2], place[3]) for place in _Thrift(index).struct()[1]
        ]

    def page_statistics(self, index: bytes) -> list[Statistics]:
        """Take a column index apart; a page without values has no bounds."""
        found = _Thrift(index).struct()
        counts = found.get(5) or [None] * len(found[1])
        return [
            Statistics(
                None if empty else self.kind.value(low), None if empty else self.kind.value(high), n
            )
            for empty, low, high, n in zip(found[1], found[2], found[3], counts, strict=True)
        ]

    def dictionary_values(self, page: bytes, limit: int) -> list[Value] | None:
        """Decode a dictionary page; None if it has more than `limit` values, or cannot be read."""
        thrift = _Thrift(page)
        header = thrift.struct()
        if header[1] != _DICTIONARY_PAGE or header[7][1] > limit or not self.kind.comparable:
            return None
        body = page[thrift.at : thrift.at + header[3]]
        codec = self._meta[4]
        if codec:
            if codec not in _CODECS:
                return None
            body = pa.decompress(body, header[2], _CODECS[codec], asbytes=True)
        return [value for raw in self._plain(body) if (value := self.kind.value(raw)) is not None]

    def _plain(self, body: bytes) -> list[bytes]:
        if self.kind.physical != _BYTE_ARRAY:
            width = struct.calcsize(_NUMBERS[self.kind.physical])
            return [body[at : at + width] for at in range(0, len(body), width)]
        found, at = [], 0
        while at < len(body):
            size = int.from_bytes(body[at : at + 4], "little")
            found.append(body[at + 4 : at + 4 + size])
            at += 4 + size
        return found


def _range(start: int | None, length: int | None) -> ByteRange | None:
    return (start, start + length) if start and length else None


@dataclass(frozen=True)
class RowGroup:
    """One row group; the names of its columns are lower case, those of nested ones have dots.

    Attributes:
        start: where its first column starts, by which it belongs to a split.
    """

    index: int
    rows: int
    start: int
    chunks: dict[str, Chunk]

    def of(self, columns: Sequence[str]) -> dict[str, Chunk]:
        """Give the chunks of some columns, leaf by leaf; what the file lacks is left out."""
        wanted = set(columns)
        return {
            path: chunk for path, chunk in self.chunks.items() if path.split(".", 1)[0] in wanted
        }


def row_groups(footer: bytes) -> list[RowGroup]:
    """Take a file's metadata apart.

    Args:
        footer: the bytes before its own length and the magic number.
    """
    described = _Thrift(footer).struct()
    kinds = [_kind(element) for element in described[2] if 1 in element]
    found = []
    for index, group in enumerate(described.get(4, [])):
        chunks: dict[str, Chunk] = {}
        for column, kind in zip(group[1], kinds, strict=True):
            path = b".".join(column[3][3]).decode().lower()
            chunks.setdefault(path, Chunk(column, kind))
        first = next(iter(chunks.values()))
        found.append(RowGroup(index, group[3], first.start, chunks))
    return found


@dataclass(frozen=True)
class BloomFilter:
    """A split-block bloom filter over XXH64.

    Attributes:
        header: bytes that its header takes.
        size: bytes of the filter itself.
    """

    header: int
    size: int

    def may_hold(self, bits: bytes, value: Value, kind: Kind) -> bool:
        """Tell whether a value can be among those that went in."""
        raw = value if isinstance(value, bytes) else _plain_number(value, kind)
        if raw is None:
            return True
        hashed = xxh64(raw)
        block = ((hashed >> 32) * (len(bits) // _BYTES_A_BLOCK)) >> 32
        words = struct.unpack_from("<8I", bits, block * _BYTES_A_BLOCK)
        key = hashed & 0xFFFFFFFF
        return all(
            word >> (((key * salt) & 0xFFFFFFFF) >> 27) & 1
            for word, salt in zip(words, _SALTS, strict=True)
        )


def bloom_filter(header: bytes) -> BloomFilter | None:
    """Read a filter's header; None if it is of a kind that nobody writes yet."""
    thrift = _Thrift(header)
    found = thrift.struct()
    if 1 not in found[2] or 1 not in found[3] or 1 not in found[4]:
        return None
    return BloomFilter(thrift.at, found[1])


def _plain_number(value: float, kind: Kind) -> bytes | None:
    if kind.physical not in _NUMBERS or kind.microseconds:
        return None
    number = float(value) if kind.physical in {_FLOAT, _DOUBLES} else int(value)
    return struct.pack(_NUMBERS[kind.physical], number)


_SALTS: Final = (
    0x47B6137B,
    0x44974D91,
    0x8824AD5B,
    0xA2B7289D,
    0x705495C7,
    0x2DF1424B,
    0x9EFC4947,
    0x5C6BFB31,
)
_P1, _P2, _P3, _P4, _P5 = (
    0x9E3779B185EBCA87,
    0xC2B2AE3D27D4EB4F,
    0x165667B19E3779F9,
    0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)
_MASK: Final = (1 << 64) - 1


def _rotated(value: int, bits: int) -> int:
    return (value << bits | value >> (64 - bits)) & _MASK


def _round(lane: int, word: int) -> int:
    return _rotated((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def xxh64(body: bytes) -> int:
    """Hash with XXH64 and seed 0, as bloom filters do."""
    at = 0
    if len(body) >= _BYTES_A_BLOCK:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while at + _BYTES_A_BLOCK <= len(body):
            words = struct.unpack_from("<4Q", body, at)
            lanes = [_round(lane, word) for lane, word in zip(lanes, words, strict=True)]
            at += _BYTES_A_BLOCK
        hashed = sum(map(_rotated, lanes, (1, 7, 12, 18))) & _MASK
        for lane in lanes:
            hashed = ((hashed ^ _round(0, lane)) * _P1 + _P4) & _MASK
    else:
        hashed = _P5
    hashed = (hashed + len(body)) & _MASK
    while at + 8 <= len(body):
        hashed ^= _round(0, int.from_bytes(body[at : at + 8], "little"))
        hashed = (_rotated(hashed, 27) * _P1 + _P4) & _MASK
        at += 8
    if at + 4 <= len(body):
        hashed ^= int.from_bytes(body[at : at + 4], "little") * _P1 & _MASK
        hashed = (_rotated(hashed, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in body[at:]:
        hashed = _rotated(hashed ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    for shift, factor in ((33, _P2), (29, _P3), (32, 1)):
        hashed = (hashed ^ hashed >> shift) * factor & _MASK
    return hashed
