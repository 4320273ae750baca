"""Compare, source by source, what came in with what the tables show. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from clickstream_lake.lake.formats import FORMATS, Format, first_format
from clickstream_lake.operate.audit.views import PartitionView, Shown, TableView


class Kind(StrEnum):
    """What can be wrong with a partition."""

    GAP = "gap"
    HIDDEN = "hidden"
    DOUBLED = "doubled"
    STALE = "stale"
    ORPHAN = "orphan"
    CONSERVATION = "conservation"
    DISPARITY = "disparity"
    FOREIGN_FILE = "foreign file"
    BROKEN_FILE = "broken file"
    MISSING_PARTITION = "missing partition"
    DAMAGED_PARTITION = "damaged partition"
    SCHEMA_DRIFT = "schema drift"


@dataclass(frozen=True, slots=True)
class Breach:
    """One broken promise.

    Attributes:
        format: the table it is about; None if it is about all, or the rejects.
        subject: the raw key, source id or file it is about; may be empty.
    """

    kind: Kind
    partition: str
    format: Format | None
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an audit of one partition came to.

    Attributes:
        sources: raw objects looked at.
        rows: their rows in the table of the first format.
        rejected: their reject rows.
        pending: raw objects too young to be judged.
    """

    partition: str
    sources: int
    rows: int
    rejected: int
    pending: int
    breaches: tuple[Breach, ...]


def judge(view: PartitionView, *, now: datetime, settle: timedelta) -> Verdict:
    """Judge one partition.

    Args:
        view: what was seen of it.
        now: the time of the audit.
        settle: how long a raw object may take to show; younger ones are pending.
    """
    young = {
        source
        for source, raw in view.raws.items()
        if now - raw.last_modified < settle and not _is_settled(view, source)
    }
    breaches = [
        *(breach for fmt in FORMATS for breach in _table(view, fmt)),
        *_rejects_table(view),
        *(
            breach
            for source in sorted(view.raws.keys() - young)
            for breach in _source(view, source)
        ),
        *_orphans(view),
    ]
    rows = view.tables[first_format()].shown
    return Verdict(
        partition=view.partition,
        sources=len(view.raws),
        rows=sum(each.rows or 0 for shown in rows.values() for each in shown[:1]),
        rejected=sum(view.rejects.values()),
        pending=len(young),
        breaches=tuple(breaches),
    )


def _is_settled(view: PartitionView, source: str) -> bool:
    shown = all(source in view.tables[fmt].shown for fmt in FORMATS)
    return shown or source in view.empty


def _table(view: PartitionView, fmt: Format) -> Iterator[Breach]:
    table = view.tables[fmt]

    def breach(kind: Kind, subject: str, detail: str) -> Breach:
        return Breach(kind, view.partition, fmt, subject, detail)

    if table.damage:
        yield breach(Kind.DAMAGED_PARTITION, "", table.damage)
    if not table.registered and (table.hidden or _expected(view)):
        detail = f"Glue has no such partition, so {len(table.hidden)} landed sources are not shown"
        yield breach(Kind.MISSING_PARTITION, "", detail)
    if table.drift:
        yield breach(Kind.SCHEMA_DRIFT, "", table.drift)
    for file in table.foreign:
        detail = (
            "queries read it, but no transform wrote it: move it away, from the landing directory "
            "too; if its events belong here, send them through Firehose"
        )
        yield breach(Kind.FOREIGN_FILE, file, detail)
    for broken in table.broken:
        yield breach(Kind.BROKEN_FILE, broken.split(": ")[0], broken.split(": ", 1)[1])


def _expected(view: PartitionView) -> bool:
    return bool(view.raws.keys() - view.empty)


def _rejects_table(view: PartitionView) -> Iterator[Breach]:
    if any(view.rejects.values()) and not view.rejects_registered:
        yield Breach(
            Kind.MISSING_PARTITION, view.partition, None, "", "Glue has no partition of the rejects"
        )


def _source(view: PartitionView, source: str) -> Iterator[Breach]:
    """Everything that is wrong with one raw object."""
    key = view.raws[source].key
    present = []
    for fmt in FORMATS:
        table = view.tables[fmt]
        shown = table.shown.get(source, ())

        def breach(kind: Kind, detail: str, fmt: Format = fmt) -> Breach:
            return Breach(kind, view.partition, fmt, key, detail)

        if not shown:
            yield from _absence(view, table, source, key)
            continue
        present.append((fmt, shown[0]))
        if len(shown) > 1:
            places = ", ".join(each.file or "merged" for each in shown)
            yield breach(Kind.DOUBLED, f"its rows are shown {len(shown)} times: {places}")
        if source in view.rejected_whole:
            yield breach(Kind.CONSERVATION, "it is rejected whole but still shown")
        for each in shown:
            if each.raw_etag != view.raws[source].etag:
                yield breach(Kind.STALE, "the raw object was replaced; its earlier content shows")
            yield from _conservation(view, source, each, fmt)
    for other in present[1:]:
        yield from _disparity(view, key, present[0], other)


def _absence(view: PartitionView, table: TableView, source: str, key: str) -> Iterator[Breach]:
    if source in view.empty:
        return
    hidden = source in table.hidden
    detail = (
        "its landing file is there, but queries do not read it" if hidden else "it shows nowhere"
    )
    kind = Kind.HIDDEN if hidden else Kind.GAP
    yield Breach(kind, view.partition, table.format, key, detail)


def _conservation(view: PartitionView, source: str, shown: Shown, fmt: Format) -> Iterator[Breach]:
    key = view.raws[source].key
    if shown.figures is None:
        detail = "its file carries no figures"
        yield Breach(Kind.CONSERVATION, view.partition, fmt, key, detail)
        return
    lines, blank, rejected, rows = shown.figures
    if lines != blank + rejected + rows:
        detail = f"{lines} lines, but {blank} blank + {rejected} rejected + {rows} published"
        yield Breach(Kind.CONSERVATION, view.partition, fmt, key, detail)
    sent = lines if view.events is None else view.events.get(source, lines)
    if sent != lines:
        detail = f"its stream has sent {sent} events of this family, and {lines} are accounted for"
        yield Breach(Kind.CONSERVATION, view.partition, fmt, key, detail)
    named = view.rejects.get(source, 0)
    if named != rejected:
        detail = f"{rejected} lines were rejected, but {named} are named in the rejects"
        yield Breach(Kind.CONSERVATION, view.partition, fmt, key, detail)


def _disparity(
    view: PartitionView, key: str, one: tuple[Format, Shown], other: tuple[Format, Shown]
) -> Iterator[Breach]:
    (a, first), (b, second) = ((FORMATS[fmt].title, shown) for fmt, shown in (one, other))
    for what in ("rows", "processed_ts"):
        x, y = getattr(first, what), getattr(second, what)
        if x != y:
            detail = f"{what} is {x} in {a} and {y} in {b}"
            yield Breach(Kind.DISPARITY, view.partition, None, key, detail)
    # Files from before there were recipes do not say theirs.
    if first.recipe.is_known and second.recipe.is_known and first.recipe != second.recipe:
        detail = f"{a} was made by {first.recipe.words}, {b} by {second.recipe.words}"
        yield Breach(Kind.DISPARITY, view.partition, None, key, detail)


def _orphans(view: PartitionView) -> Iterator[Breach]:
    """Sources without a raw object; fine if retention deleted all raw objects of a partition."""
    if not view.raws:
        return
    for fmt in FORMATS:
        for source in sorted(view.tables[fmt].shown.keys() - view.raws.keys()):
            detail = "it shows, but its raw object is gone"
            yield Breach(Kind.ORPHAN, view.partition, fmt, source, detail)
