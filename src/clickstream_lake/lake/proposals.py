"""From what is known of undeclared fields to columns for them, and into the catalog's file."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog, ColumnType
from clickstream_lake.lake.catalog_file import read_catalog
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.json_file import JsonFile
from clickstream_lake.lake.shapes import sounds_personal
from clickstream_lake.lake.undeclared import Field, Undeclared

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,254}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proposal:
    """What could become of one undeclared field.

    Attributes:
        name: the field's, or the pattern of names that are none.
        type: the narrowest type that takes all values that were seen.
        time_formats: of a timestamp.
        share: of all events that have it.
        nullable: share of all events in which the column would be NULL.
        kinds: share of its values by what they are.
        longest: characters of the longest text seen, bytes of other JSON.
        since: when the first of them was merged.
        suspicions: why it may tell who somebody is.
        obstacle: why it cannot be a column under this name; empty if it can.
    """

    name: str
    type: ColumnType
    time_formats: tuple[str, ...]
    share: float
    nullable: float
    kinds: dict[str, float]
    longest: int
    since: str
    suspicions: tuple[str, ...]
    obstacle: str

    def entry(self, day: date) -> dict[str, Any]:
        """The column as a catalog's file has it that is deployed on a day."""
        comment = f"Seen in {self.share:.2%} of events since {self.since[:10]}"
        entry: dict[str, Any] = {"name": self.name, "type": self.type, "comment": comment}
        entry["added"] = day.isoformat()
        if self.time_formats:
            entry["time_formats"] = list(self.time_formats)
        return entry


def propose(account: Undeclared, catalog: Catalog, partition_keys: Sequence[str]) -> list[Proposal]:
    """A proposal for each field that is no column, the most frequent first.

    Args:
        account: what was seen, of all rows that matter.
        catalog: the lake's.
        partition_keys: the lake's, which its settings may say otherwise than the catalog.
    """
    columns = {column.name for column in catalog.columns}
    found = [
        _proposal(name, field, account, catalog, partition_keys)
        for name, field in account.fields.items()
        if name not in columns
    ]
    return sorted(found, key=lambda each: (-each.share, each.name))


def _proposal(
    name: str,
    field: Field,
    account: Undeclared,
    catalog: Catalog,
    partition_keys: Sequence[str],
) -> Proposal:
    kind, time_formats = narrowest(field.kinds)
    valued = sum(field.kinds.values())
    present = valued - field.kinds.get("null", 0)
    share = min(1.0, field.events / max(1, account.rows))
    suspicions = [
        f"{count / max(1, valued):.0%} of its values look like {_A[shape]}"
        for shape, count in sorted(field.shapes.items())
    ]
    if sounds_personal(name, catalog.pii_names):
        suspicions.insert(0, "its name is one of personal data")
    return Proposal(
        name=name,
        type=kind,
        time_formats=time_formats,
        share=share,
        nullable=1 - share * present / max(1, valued),
        kinds={kind: count / max(1, valued) for kind, count in field.kinds.items()},
        longest=field.longest,
        since=field.since,
        suspicions=tuple(suspicions),
        obstacle=obstacle(name, catalog, partition_keys),
    )


_A: Final = {
    "e-mail": "an e-mail address",
    "ip": "an address of a machine",
    "phone": "a phone number",
    "address": "an address, or hold personal fields",
}


def narrowest(kinds: Iterable[str]) -> tuple[ColumnType, tuple[str, ...]]:
    """The narrowest type for values of these kinds, and the formats of a timestamp."""
    kinds = set(kinds) - {"null"}
    if kinds and kinds <= {"iso", "sql"}:
        return "timestamp", tuple(sorted(kinds))
    for wanted, kind in _NARROW:
        if kinds and kinds <= wanted:
            return kind, ()
    return ("json" if kinds & {"object", "array"} else "string"), ()


_NARROW: Final[tuple[tuple[frozenset[str], ColumnType], ...]] = (
    (frozenset({"boolean"}), "boolean"),
    (frozenset({"whole"}), "bigint"),
    (frozenset({"whole", "number"}), "double"),
)


def obstacle(name: str, catalog: Catalog, partition_keys: Sequence[str]) -> str:
    """Why a field cannot be a column under its name; empty if it can."""
    if "<" in name:
        return "these are no names: ids, addresses or texts that a producer uses as names"
    if name.lower() in {EXTRA, PROCESSED_TS, *partition_keys}:
        return "the lake itself has a column or a partition key of this name"
    if catalog.taken_for_column(name, partition_keys):
        return "the JSON table would take it for another column"
    if catalog.is_pii(name):
        return "it is a PII key"
    if not _NAME.fullmatch(name):
        return "a column's name is lower-case letters, digits and _"
    return ""


def with_columns(
    content: bytes, name: str, entries: Sequence[dict[str, Any]], partition_keys: Sequence[str]
) -> bytes:
    """A catalog's file with more columns after its events', and everything else as it was.

    Args:
        content: the file.
        name: what errors call it.
        entries: the columns.
        partition_keys: the lake's.

    Raises:
        CatalogError: a name is reserved, or is a column; or the file was no catalog.
    """
    catalog = read_catalog(content, name)
    columns = [column.name for column in catalog.columns]
    for entry in entries:
        why = (
            "it is a column"
            if entry["name"] in columns
            else obstacle(entry["name"], catalog, partition_keys)
        )
        if why:
            raise CatalogError(f"{name}: {entry['name']!r} cannot be a column: {why}")
    file = JsonFile(name, content)
    # In the file's own order; what is added on one day is stored in that.
    sent = [entry["name"] not in {PROCESSED_TS, EXTRA} for entry in file.document["columns"]]
    last = max((place for place, is_sent in enumerate(sent) if is_sent), default=0)
    text = content.decode()
    start = file.start("columns", last)
    end = json.JSONDecoder().raw_decode(text, start)[1]
    # What parts two columns here: a line's end and so many spaces, or nothing but a space.
    gap = _GAP.search(text[:start])
    between = gap[0] if gap else " "
    deep = "\n" in text[file.start("columns", 0) :].partition("}")[0]
    pad = between.rpartition("\n")[2]
    ending = "\r\n" if "\r\n" in between else "\n"
    written = [_written(entry, pad, ending) if deep else _line(entry) for entry in entries]
    added = "".join(f",{between}{each}" for each in written)
    result = (text[:end] + added + text[end:]).encode()
    read_catalog(result, name)
    return result


_GAP: Final = re.compile(r"\s*\Z")


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _written(entry: dict[str, Any], pad: str, ending: str) -> str:
    # An entry stands two levels deep.
    unit = pad[: len(pad) // 2]
    lines = json.dumps(entry, ensure_ascii=False, indent=unit).split("\n")
    return (ending + pad).join(lines)
