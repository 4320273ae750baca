"""What another catalog would make of a lake: of its tables, and of the rows that are there."""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Final

from clickstream_lake.lake.accounts import accounts, partitions_between
from clickstream_lake.lake.catalog import RETIRED, Catalog, Column, ColumnType, TableFormatName
from clickstream_lake.lake.formats import FORMATS, lake_tables
from clickstream_lake.lake.lake import Lake
from clickstream_lake.lake.layout import Slot
from clickstream_lake.lake.undeclared import Kind, Undeclared, total

_AT_A_TIME: Final = 16
_TEXTS: Final[frozenset[Kind]] = frozenset(("iso", "sql", "text"))
_PARTS: Final[frozenset[Kind]] = frozenset(("object", "array"))
FAIL: Final[Mapping[ColumnType, frozenset[Kind]]] = {
    "string": _PARTS,
    "timestamp": _PARTS,
    "boolean": _PARTS,
    "double": _PARTS | _TEXTS | {"boolean"},
    # Of numbers with a point readers take the whole part; of those beyond 64 bits nothing.
    "bigint": _PARTS | _TEXTS | {"boolean", "number"},
    "json": frozenset(),
}
"""Values on which a query of the JSON table fails, or may, where a line has them in a column."""


@dataclass(frozen=True, slots=True)
class Change:
    """What would become of one column of one table.

    Attributes:
        what: added, retired, …
        old_rows: what queries say of rows that are there.
        new_rows: what they say of rows to come.
        instead: what to do instead, where the change would break queries; empty where it would not.
    """

    table: str
    column: str
    what: str
    old_rows: str
    new_rows: str
    instead: str = ""


@dataclass(frozen=True, slots=True)
class Behind:
    """Partitions of one format that an apply leaves without some of the columns.

    Attributes:
        files: those that queries read there now, and that compaction will rewrite.
        bytes: their stored size.
        of: how many partitions the format has.
    """

    format: str
    partitions: int
    files: int
    bytes: int
    of: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What applying a catalog comes to."""

    changes: tuple[Change, ...]
    behind: tuple[Behind, ...]

    @property
    def breaking(self) -> list[Change]:
        """The changes that no apply may make."""
        return [change for change in self.changes if change.instead]


def compare(lake: Lake, deployed: Catalog, catalog: Catalog, *, today: str) -> Difference:
    """Compare a catalog with a deployed lake: tables, partitions and files. Nothing is changed.

    Args:
        lake: the lake, by the settings that it was deployed with.
        deployed: its catalog.
        catalog: what would be applied.
        today: a day for advice, as 2026-11-27.

    Raises:
        LakeError: S3 or Glue failed.
    """
    changes = [
        change
        for fmt in lake_tables()
        for change in _changes_of_table(lake, fmt, deployed, catalog, today)
    ]
    return Difference(
        tuple(_with_what_was_sent(lake, catalog, changes)), tuple(_behind(lake, catalog))
    )


def _changes_of_table(
    lake: Lake, fmt: TableFormatName, deployed: Catalog, catalog: Catalog, today: str
) -> Iterator[Change]:
    name = lake.tables[fmt]
    old, new = deployed.tables[fmt].name, catalog.tables[fmt].name
    if old != new:
        lost = "go: with the old table Glue forgets its partitions"
        yield Change(name, "", f"renamed: {new}", lost, "in the new table", f"keep the name {old}")
    keys = list(lake.partitions.keys(name))
    if keys[: len(catalog.partition_keys)] != list(catalog.partition_keys):
        yield Change(
            name,
            "",
            "partitioned anew",
            "lost: Glue has no partition of such keys",
            "",
            f"keep the partition keys {', '.join(keys)}: others are another lake",
        )
    yield from changes(name, lake.partitions.columns(name), catalog, fmt, today=today)


def changes(
    table: str,
    deployed: Iterable[Mapping[str, Any]],
    catalog: Catalog,
    fmt: TableFormatName,
    *,
    today: str,
) -> Iterator[Change]:
    """What a catalog makes of the columns of a deployed table.

    Args:
        table: its name.
        deployed: its columns as Glue has them.
        catalog: what would be applied.
        fmt: which of the catalog's tables it is.
        today: a day for advice.
    """
    before = {column["Name"]: column for column in deployed}
    after = {column["Name"]: column for column in catalog.tables[fmt].glue_columns()}
    columns = {column.name: column for column in catalog.tables[fmt].columns}
    for name, column in before.items():
        if name not in after:
            yield _dropped(table, name, today)
        elif column["Type"] != after[name]["Type"]:
            yield _retyped(table, name, column["Type"], after[name]["Type"], today)
        elif _is_retired(after[name]) and not _is_retired(column):
            yield Change(table, name, "retired", "keep their values", "NULL; what is sent: extra")
        elif _is_retired(column) and not _is_retired(after[name]):
            yield Change(table, name, "in use again", "stay as they are", "have their values")
        elif column.get("Comment", "") != after[name]["Comment"]:
            yield Change(table, name, "described anew", "stay as they are", "as before")
    yield from _moved(table, [*before], [*after], columns, today)
    for name in [name for name in after if name not in before]:
        yield _added(table, columns[name], fmt)


def _with_what_was_sent(
    lake: Lake, catalog: Catalog, changes: Iterable[Change]
) -> Iterator[Change]:
    """The changes, where a column is added under a name that old JSON lines have already."""
    columns = {column.name: column for column in catalog.tables["json"].columns}
    sent: Undeclared | None = None
    for change in changes:
        column = columns.get(change.column)
        if change.table != lake.tables["json"] or column is None or change.instead:
            yield change
        elif change.what.startswith("added"):
            sent = sent or _sent(lake)
            yield _as_sent(change, column, sent)
        else:
            yield change


def _as_sent(change: Change, column: Column, sent: Undeclared) -> Change:
    # Readers take a key for a column whatever its case.
    fields = [field for name, field in sent.fields.items() if name.lower() == column.name]
    kinds = sorted(set(chain.from_iterable(field.kinds for field in fields)))
    if failing := sorted(FAIL[column.type] & set(kinds)):
        sources = json.dumps(column.sources or [column.name])
        return replace(
            change,
            old_rows="queries of it fail, until they are rewritten",
            instead=f"producers have sent {', '.join(failing)} as {column.name}: give the column a "
            f'name that no line has, with "from": {sources}',
        )
    if kinds:
        return replace(
            change,
            old_rows=f"as sent, which was {', '.join(kinds)} by a sample; queries of it fail where "
            "that does not fit, until they are rewritten",
        )
    return change


def _sent(lake: Lake) -> Undeclared:
    """The account of what producers have sent, as far as compaction has looked at it."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        found = pool.map(
            lambda each: list(accounts(lake, [each])), partitions_between(lake, None, None)
        )
        return total(chain.from_iterable(found))


def _is_retired(column: Mapping[str, Any]) -> bool:
    return str(column.get("Comment", "")).startswith(f"{RETIRED} ")


def _added(table: str, column: Column, fmt: TableFormatName) -> Change:
    if fmt not in FORMATS:
        old = "NULL"
    elif FORMATS[fmt].typed or column.name not in (column.sources or (column.name,)):
        old = "NULL until they are rewritten, then what was sent and fits"
    else:
        old = "as sent; queries of it fail where that does not fit, until they are rewritten"
    return Change(table, column.name, f"added: {column.type}", old, "have their values")


def _dropped(table: str, name: str, today: str) -> Change:
    return Change(
        table,
        name,
        "dropped",
        "queries of it fail",
        "queries of it fail",
        f'keep it, with "retired": "{today}"; if it has another name now, keep the old one',
    )


def _retyped(table: str, name: str, before: str, after: str, today: str) -> Change:
    return Change(
        table,
        name,
        f"{before} → {after}",
        "queries of it fail",
        "have their values",
        f"keep its type, and add a column of another name and the other type, "
        f'with "added": "{today}"',
    )


def _moved(
    table: str,
    before: list[str],
    after: list[str],
    columns: Mapping[str, Column],
    today: str,
) -> Iterator[Change]:
    """Columns that stand before older ones: readers that go by places would mix them up."""
    kept = [name for name in after if name in before]
    old, new = "take other columns' values, by place", "as the old ones"
    for name, place in zip(kept, [name for name in before if name in after], strict=True):
        if name != place:
            instead = f"put it where the table has it, and others where it was: {', '.join(before)}"
            yield Change(table, name, "moved", old, new, instead)
            return
    last = max((after.index(name) for name in kept), default=-1)
    for name in after[:last]:
        if name not in before:
            says = f', not "{columns[name].added}"' if columns[name].added else ""
            instead = f'say "added": "{today}"{says}, which stores it at the end'
            yield Change(table, name, "added before others", old, new, instead)


def _behind(lake: Lake, catalog: Catalog) -> Iterator[Behind]:
    for fmt in FORMATS:
        wanted = catalog.tables[fmt].declared
        listed = list(lake.partitions.list(lake.tables[fmt], with_columns=True))
        slots = [Slot(fmt, partition) for partition, state in listed if state.columns != wanted]

        def look(slot: Slot) -> list[int]:
            return [file.size for file in lake.shown_files(slot)]

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            sizes = [size for found in pool.map(look, slots) for size in found]
        yield Behind(fmt, len(slots), len(sizes), sum(sizes), len(listed))
