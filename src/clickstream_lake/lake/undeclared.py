"""Fields that producers send and no catalog declares: a small account of them, without values.

It is made from a sample of the rows, when they are merged for the first time, and stands in the
manifest of their generation. Accounts of several generations can be added up.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

Kind = Literal["null", "boolean", "whole", "number", "iso", "sql", "text", "object", "array"]
"""`whole`: a number within 64 bits that is written without point and exponent, `number`: any other.

`iso` and `sql` are texts that say a day, or a day and a time, in one of these ways.
"""
MOST_NAMES: Final = 500
_Count = Annotated[int, msgspec.Meta(ge=0)]


class Field(msgspec.Struct, frozen=True):
    """What is known of the fields of one name.

    Attributes:
        events: how many events have it, as the sample says.
        kinds: the same by the kind of its value.
        longest: the longest value in the sample: characters of a text, bytes of other JSON.
        shapes: how many events hold something there that looks like a person's; by what it is.
        since: when it was first merged; ISO 8601, UTC.
    """

    events: _Count
    kinds: dict[str, _Count]
    longest: _Count = 0
    shapes: dict[str, _Count] = msgspec.field(default_factory=dict)
    since: str = ""

    def plus(self, other: "Field") -> "Field":
        """Both together."""
        return Field(
            self.events + other.events,
            _sum(self.kinds, other.kinds),
            max(self.longest, other.longest),
            _sum(self.shapes, other.shapes),
            min(filter(None, (self.since, other.since)), default=""),
        )


class Undeclared(msgspec.Struct, frozen=True):
    """What is known of the undeclared fields of some rows.

    Attributes:
        rows: the rows.
        sampled: those of them that were looked at.
        fields: the most frequent ones, by name; one whose name is no name stands under a pattern.
        short: how many more events a field may have than `events` says, because so many names
            came that counts of rare ones were given up.
    """

    rows: _Count
    sampled: _Count
    fields: dict[str, Field]
    short: _Count = 0

    def seen(self, now: datetime) -> "Undeclared":
        """The same, of rows that are merged at that time."""
        since = now.isoformat(timespec="seconds")
        return msgspec.structs.replace(
            self,
            fields={
                name: msgspec.structs.replace(field, since=since)
                for name, field in self.fields.items()
            },
        )


def total(parts: Iterable[Undeclared]) -> Undeclared:
    """The account of all rows of some accounts."""
    rows = sampled = short = 0
    fields: dict[str, Field] = {}
    for part in parts:
        rows, sampled, short = rows + part.rows, sampled + part.sampled, short + part.short
        for name, field in part.fields.items():
            fields[name] = fields[name].plus(field) if name in fields else field
    cut, kept = most_frequent({name: field.events for name, field in fields.items()}, MOST_NAMES)
    return Undeclared(
        rows,
        sampled,
        {
            name: msgspec.structs.replace(fields[name], events=events)
            for name, events in kept.items()
        },
        short + cut,
    )


def most_frequent(counts: dict[str, int], most: int) -> tuple[int, dict[str, int]]:
    """The `most` most frequent names, and what was taken from each count for those given up.

    These are mergeable summaries as of Misra and Gries (Agarwal et al., *Mergeable Summaries*,
    2012): a name that more than one in `most` of all counted has is never lost, and no count is
    too high.
    """
    if len(counts) <= most:
        return 0, dict(sorted(counts.items()))
    cut = sorted(counts.values(), reverse=True)[most]
    return cut, {name: count - cut for name, count in sorted(counts.items()) if count > cut}


def _sum(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}
