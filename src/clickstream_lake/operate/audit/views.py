"""What an audit has seen of one partition: plain records, so that judging needs no AWS."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from clickstream_lake.lake.formats import Format
from clickstream_lake.lake.recipe import UNKNOWN, Recipe


@dataclass(frozen=True, slots=True)
class Raw:
    """One raw object."""

    key: str
    etag: str
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Shown:
    """One place in which a table shows a source.

    Attributes:
        file: the landing file or loose copy; empty where the source is merged.
        raw_etag: the content it was made from; this and the figures are None in a foreign file.
        routed: events of other families.
        recipe: what it was made by.
    """

    file: str = ""
    raw_etag: str | None = None
    processed_ts: str | None = None
    rows: int | None = None
    lines: int | None = None
    blank: int | None = None
    rejected: int | None = None
    routed: int = 0
    recipe: Recipe = UNKNOWN

    @property
    def figures(self) -> tuple[int, int, int, int] | None:
        """Lines of the family, blank, rejected, rows; None if any is not known."""
        lines = None if self.lines is None else self.lines - self.routed
        found = (lines, self.blank, self.rejected, self.rows)
        known = tuple(value for value in found if value is not None)
        return (known[0], known[1], known[2], known[3]) if len(known) == len(found) else None


@dataclass(frozen=True, slots=True)
class TableView:
    """One partition of one table.

    Attributes:
        registered: whether Glue knows the partition.
        damage: why it cannot be read as a partition of this lake, or an empty text.
        shown: by source id; more than one entry is a doubled source.
        hidden: sources whose landing file the current generation neither merged nor holds.
        foreign: data files shown that belong to no source and no manifest.
        broken: merged or landing files that are not what they are said to be, and why.
        drift: how the partition's columns differ from the table's, or the table's from the
            catalog's; empty if they agree.
    """

    format: Format
    registered: bool
    damage: str = ""
    shown: Mapping[str, tuple[Shown, ...]] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()
    foreign: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    drift: str = ""


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition as the raw zone, both tables and the rejects show it.

    Attributes:
        raws: by source id.
        rejects: texts that the reject rows stand for, by source id.
        rejected_whole: sources without a single published line, because the raw object is damaged.
        rejects_registered: whether Glue knows the partition of the rejects table.
        events: of a family that events are routed to, how many its stream has sent there, by source
            id, as far as it took them; None of any other.
    """

    partition: str
    raws: Mapping[str, Raw]
    tables: Mapping[Format, TableView]
    rejects: Mapping[str, int] = field(default_factory=dict)
    rejected_whole: frozenset[str] = frozenset()
    rejects_registered: bool = True
    events: Mapping[str, int] | None = None

    @property
    def empty(self) -> frozenset[str]:
        """Sources that no table has to show: rejected whole, or without events of the family."""
        nothing = (source for source, count in (self.events or {}).items() if not count)
        return self.rejected_whole.union(nothing)
