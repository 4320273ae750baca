"""What a producer's events look like: their keys in order, and a parser made for them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec

from functions.lake.coercion import INT64_MAX, INT64_MIN
from functions.lake.schema import EXTRA, PROCESSED_TS, Catalog

ABSENT: Final = msgspec.UNSET
"""Stands for a field that an event does not have."""
ABSENT_RAW: Final = msgspec.Raw(b"null")
"""The same, for fields whose values the parse passes over: that they are joined needs no look."""

# Numbers with a fraction keep their text: what is written again has to be what was sent.
_TYPES: Final[dict[str, Any]] = {
    "string": str | None,
    "timestamp": str | None,
    "double": msgspec.Raw,
    "boolean": bool | None,
    "bigint": Annotated[int, msgspec.Meta(ge=INT64_MIN, le=INT64_MAX)] | None,
    "json": msgspec.Raw,
}
_PII: Final = str | int | None
# Only we write it: no value that is sent is a text shorter than its shortest.
_NEVER_SENT: Final = Annotated[str, msgspec.Meta(min_length=1, max_length=0)]

# A parser is compiled for each shape (0.3 ms), and its events carry all of its keys.
_MOST_LESSONS: Final = 64
_MOST_UNDECLARED: Final = 64
_PLAIN_KEY: Final = re.compile(r'[^"\\\x00-\x1f\x7f]{1,256}')

_parse_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys of some producer's events.

    Attributes:
        keys: each key an event may have, in the order in which events have them, and
            `processed_ts` at its place.
        undeclared: those that are neither column nor PII, in that order.
        raw: those whose values the parse passes over; `ABSENT_RAW` where an event lacks them.
        parse: lines -> events, whose attribute `processed_ts` is to be set; refuses other keys, and
            values that do not fit their columns. Fields that are absent are `ABSENT`.
        pii: attributes of an event that are to go: `pii0`, and so on.
    """

    keys: tuple[str, ...]
    undeclared: tuple[str, ...]
    raw: tuple[str, ...]
    parse: Callable[[bytes], list[Any]]
    pii: tuple[str, ...]


class Shapes:
    """The shape of the events so far; learns from those that have another."""

    def __init__(self, catalog: Catalog, partition_keys: Sequence[str]) -> None:
        """Start with the catalog's columns, PII keys first.

        Args:
            catalog: columns and PII keys.
            partition_keys: names that would be read as a partition column.
        """
        self._catalog = catalog
        self._partition_keys = partition_keys
        self._types = {
            column.name: _TYPES[column.type]
            for column in catalog.table("parquet").columns
            if column.name not in {EXTRA, PROCESSED_TS}
        }
        pii = sorted(catalog.pii_keys)
        self._types.update(dict.fromkeys(pii, _PII))
        self._declared = frozenset(self._types)
        self._pii = frozenset(pii)
        self._keys = [*pii, *(key for key in self._types if key not in self._pii)]
        self._lessons = 0
        self.now = self._shape()

    def learn(self, line: bytes) -> bool:
        """Take up the keys of one event, in its order.

        Returns:
            Whether the shape is another one now. Keys that may not stay at their place in the JSON
            line, and more keys or orders than producers have, are not learnt.
        """
        try:
            keys = list(_parse_keys(line))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return False
        new = [key for key in keys if key not in self._types]
        undeclared = len(self._types) - len(self._declared)
        if len(new) + undeclared > _MOST_UNDECLARED or not all(map(self._may_stay, new)):
            return False
        merged = _merged(self._keys, keys)
        if merged == self._keys or self._lessons == _MOST_LESSONS:
            return False
        self._lessons += 1
        self._types.update(dict.fromkeys(new, msgspec.Raw))
        self._keys = merged
        self.now = self._shape()
        return True

    def _may_stay(self, key: str) -> bool:
        return not (
            _PLAIN_KEY.fullmatch(key) is None
            or self._catalog.is_pii(key)
            or self._catalog.taken_for_column(key, self._partition_keys)
        )

    def _shape(self) -> Shape:
        first_pii = next((i for i, key in enumerate(self._keys) if key in self._pii), None)
        keys = list(self._keys)
        keys.insert(len(keys) if first_pii is None else first_pii, PROCESSED_TS)
        pii = [key for key in keys if key in self._pii]
        attributes = {PROCESSED_TS: PROCESSED_TS, **{key: f"pii{n}" for n, key in enumerate(pii)}}
        names = [attributes.get(key, f"f{n}") for n, key in enumerate(keys)]
        kinds = [self._types.get(key, _NEVER_SENT) for key in keys]
        event = msgspec.defstruct(
            "Event",
            [
                (name, kind, ABSENT_RAW if kind is msgspec.Raw else ABSENT)
                for name, kind in zip(names, kinds, strict=True)
            ],
            rename=dict(zip(names, keys, strict=True)),
            forbid_unknown_fields=True,
            omit_defaults=True,
            gc=False,
        )
        return Shape(
            keys=tuple(keys),
            undeclared=tuple(key for key in self._keys if key not in self._declared),
            raw=tuple(key for key in self._keys if self._types[key] is msgspec.Raw),
            parse=msgspec.json.Decoder(event).decode_lines,
            pii=tuple(attributes[key] for key in pii),
        )


def _merged(order: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Put `keys` in their own order at the places they have in `order`; new ones behind the last.

    The others stay where they are.
    """
    wanted = set(keys)
    known = set(order)
    in_order = iter([key for key in keys if key in known])
    merged = [next(in_order) if key in wanted else key for key in order]
    for before, key in zip(["", *keys], keys, strict=False):
        if key not in known:
            merged.insert(merged.index(before) + 1 if before else 0, key)
    return merged
