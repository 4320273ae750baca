"""A catalog as people write it: a JSON file, read and checked."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Final

from clickstream_lake.lake.catalog import (
    COLUMN_TYPES,
    EXTRA,
    PROCESSED_TS,
    TIME_FORMATS,
    Catalog,
    ClusterTerm,
    Column,
    TableFormat,
    TimeFormat,
)
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.formats import lake_tables, storage_of, typed_formats
from clickstream_lake.lake.instants import instant_of
from clickstream_lake.lake.json_file import (
    JsonFile,
    Place,
    Problems,
    check_keys,
    flag_of,
    object_of,
    texts_of,
)
from clickstream_lake.lake.quality import ENTRIES, NO_RULES, Quality, quality_of

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SOURCE: Final = re.compile(r'[^"\\\x00-\x1f]{1,60}')
_MOST_NAME_BYTES: Final = 255
_ROW_GROUP_ROWS: Final = (1_000, 10_000_000)
_PAGE_ROWS: Final = (100, 1_000_000)
# `schema_version` was what catalogs had before their hash told them apart: it says nothing now.
_KEYS: Final = frozenset(
    {"$schema", "schema_version", "pii_keys", "fold_names", "scrub_text", "dedupe_on"}
    | {"dedupe_ignore"}
    | {"cluster_by", "bloom", "row_group_rows", "page_rows", "partition_keys"}
    | {"columns", "reject_columns", "tables"}
)

CATALOG_PATH: Final = Path(__file__).parents[1] / "catalogs" / "clickstream.json"


def load_catalog(path: Path = CATALOG_PATH) -> Catalog:
    """Read and check a catalog, once; the packaged one by default.

    Raises:
        CatalogError: says what is wrong with which line, and what to do.
    """
    return _load(path)


@cache
def _load(path: Path) -> Catalog:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CatalogError(f"{path}: there is no catalog to read: {error.strerror}") from error
    return read_catalog(content, str(path))


def read_catalog(content: bytes, name: str) -> Catalog:
    """Check a catalog's text and give it types.

    Args:
        content: the file.
        name: what errors call it.

    Raises:
        CatalogError: says what is wrong with which line, and what to do.
    """
    file = JsonFile(name, content)
    try:
        return parse_catalog(file.document, content)
    except CatalogError as error:
        raise file.located(error) from error


def parse_catalog(document: Mapping[str, Any], content: bytes | None = None) -> Catalog:
    """Check what a catalog says and give it types.

    Args:
        document: what it says.
        content: the file, where it came from one.

    Raises:
        CatalogError: says everything that is wrong.
    """
    if not isinstance(document, Mapping):
        raise CatalogError("a catalog is a JSON object: { … }")
    problems = Problems()
    with problems.at():
        check_keys(document, _KEYS, "a catalog")
    lists = {name: _column_list(document, name, problems) for name in ("columns", "reject_columns")}
    tables: dict[str, TableFormat] = {}
    with problems.at():
        for fmt, entry in object_of(document, "tables").items():
            with problems.at("tables", fmt):
                columns = lists.get(str(entry.get("columns")))
                if columns is None:
                    raise CatalogError(
                        f"its columns are {entry.get('columns')!r}, but can be 'columns' or "
                        "'reject_columns'",
                        "columns",
                    )
                tables[fmt] = _table(fmt, entry, columns)
    parts: dict[str, Any] = {}
    for name, read in _PARTS.items():
        with problems.at():
            parts[name] = read(document, name)
    problems.stop()
    catalog = Catalog(
        content=json.dumps(document).encode() if content is None else content,
        columns=lists["columns"],
        tables=tables,
        **parts,
    )
    places: dict[str, Place] = {
        entry["name"]: ("columns", at) for at, entry in enumerate(document["columns"])
    }
    _check(catalog, places, problems)
    problems.stop()
    return catalog


def _terms(document: Mapping[str, Any], name: str) -> tuple[ClusterTerm, ...]:
    problems, terms = Problems(), []
    for number, text in enumerate(texts_of(document, name)):
        with problems.at(name, number):
            terms.append(ClusterTerm.parse(text))
    problems.stop()
    return tuple(terms)


def _partition_keys(document: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = texts_of(document, name)
    if not found or len(set(found)) != len(found) or not all(map(_NAME.fullmatch, found)):
        raise CatalogError(
            f"{name} is a list of names, each once, of lower case letters, digits and _", name
        )
    return found


def _dedupe_on(document: Mapping[str, Any], name: str) -> str | None:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise CatalogError(f"{name} is a column's name, or null", name)
    return value


def _dedupe_ignore(document: Mapping[str, Any], name: str) -> frozenset[str]:
    found = texts_of({name: [], **document}, name)
    if len(set(found)) < len(found):
        raise CatalogError(f"{name} names a field twice: {list(found)}", name)
    return frozenset(found)


def _number(document: Mapping[str, Any], name: str, default: int, limits: tuple[int, int]) -> int:
    number, (least, most) = document.get(name, default), limits
    if type(number) is not int or not least <= number <= most:
        raise CatalogError(
            f"{name} is {number!r}; it has to be a number from {least} to {most}", name
        )
    return number


_PARTS: Final[Mapping[str, Callable[[Mapping[str, Any], str], Any]]] = {
    "pii_keys": lambda d, name: frozenset(key.lower() for key in texts_of(d, name)),
    "fold_names": flag_of,
    "scrub_text": flag_of,
    "dedupe_on": _dedupe_on,
    "dedupe_ignore": _dedupe_ignore,
    "cluster_by": _terms,
    "bloom": lambda d, name: texts_of({name: [], **d}, name),
    "row_group_rows": lambda d, name: _number(d, name, 262_144, _ROW_GROUP_ROWS),
    "page_rows": lambda d, name: _number(d, name, 20_000, _PAGE_ROWS),
    "partition_keys": _partition_keys,
}
"""What a catalog says beside columns and tables, and how it is read."""


def _column_list(document: Mapping[str, Any], name: str, problems: Problems) -> tuple[Column, ...]:
    known = {each.name for each in fields(Column)} - {"quality", "sources"} | {*ENTRIES, "from"}
    columns: dict[str, Column] = {}
    entries: list[Any] = []
    with problems.at():
        if not isinstance(document[name], list):
            raise CatalogError(f"{name} is a list of columns: [{{ … }}, …]", name)
        entries = document[name]
    for number, entry in enumerate(entries):
        with problems.at(name, number):
            if not isinstance(entry, Mapping):
                raise CatalogError("a column is an object: { … }")
            with problems.at(name, number):
                check_keys(entry, frozenset(known), "a column")
            (column,) = _columns([entry])
            if name == "reject_columns" and (column.retired or column.sources):
                raise CatalogError(
                    f"column {column.name!r}: the lake itself writes rejects: none is retired, and "
                    "no field has its values"
                )
            if column.retired and column.quality != NO_RULES:
                raise CatalogError(
                    f"column {column.name!r}: it is retired, so no value is judged by a rule",
                    "retired",
                )
            if name == "reject_columns" and column.quality != NO_RULES:
                raise CatalogError(
                    f"column {column.name!r}: the lake itself writes rejects: it has no rules"
                )
            if column.name in columns:
                raise CatalogError(
                    f"column {column.name!r} appears twice: drop one, or give it another name",
                    "name",
                )
            columns[column.name] = column
    # Readers that go by a column's place need the older ones where they have always been.
    return tuple(sorted(columns.values(), key=lambda column: column.added))


def _columns(entries: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    columns = []
    for entry in entries:
        name, kind = str(entry["name"]), str(entry["type"])
        if not _NAME.fullmatch(name):
            raise CatalogError(
                f"column {name!r}: a name is lower case letters, digits and _", "name"
            )
        if kind not in COLUMN_TYPES:
            raise CatalogError(
                f"column {name!r}: {kind!r} is none of {', '.join(COLUMN_TYPES)}", "type"
            )
        formats = tuple(entry.get("formats", lake_tables()))
        url = bool(entry.get("url", False))
        if url and kind != "string":
            raise CatalogError(f"column {name!r}: only a string column can hold URLs", "url")
        columns.append(
            Column(
                name,
                kind,
                str(entry.get("comment", "")),
                formats,
                dictionary=bool(entry.get("dictionary", True)),
                url=url,
                time_formats=_time_formats(name, kind, entry.get("time_formats")),
                added=_day(name, entry, "added"),
                retired=_day(name, entry, "retired"),
                sources=_sources(name, entry),
                quality=_quality(name, kind, entry),
            )
        )
    return tuple(columns)


def _sources(name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    if "from" not in entry:
        return ()
    if name in {EXTRA, PROCESSED_TS}:
        raise CatalogError(f"column {name!r}: the lake itself writes it", "from")
    if entry.get("retired"):
        raise CatalogError(f"column {name!r}: it is retired: no field has its values", "from")
    found = texts_of(entry, "from")
    if not found or len(set(found)) < len(found) or not all(map(_SOURCE.fullmatch, found)):
        raise CatalogError(
            f"column {name!r}: from is a list of names of fields, each once, without quotes, "
            "backslashes and control characters",
            "from",
        )
    return found


def _day(name: str, entry: Mapping[str, Any], key: str) -> str:
    """A day as ISO 8601 writes it; empty if the entry has none."""
    text = entry.get(key, "")
    if text == "":
        return ""
    if name in {EXTRA, PROCESSED_TS}:
        raise CatalogError(f"column {name!r}: every table has it from the first day on", key)
    if not (isinstance(text, str) and _DAY.fullmatch(text) and _is_day(text)):
        raise CatalogError(f"column {name!r}: {key} is a day, such as 2026-11-27", key)
    return text


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _time_formats(name: str, kind: str, entry: Sequence[Any] | None) -> tuple[TimeFormat, ...]:
    if entry is None:
        return ("iso",)
    if kind != "timestamp" or name == PROCESSED_TS:
        raise CatalogError(
            f"column {name!r}: time_formats are for timestamps that producers send", "time_formats"
        )
    formats = tuple(known for known in TIME_FORMATS if known in entry)
    if isinstance(entry, str) or not formats or len(formats) < len(entry):
        raise CatalogError(
            f"column {name!r}: time_formats is a list of some of {', '.join(TIME_FORMATS)}, "
            "each once",
            "time_formats",
        )
    if len(set(formats) - {"iso", "sql"}) > 1:
        raise CatalogError(
            f"column {name!r}: a number has one meaning, so time_formats names at most one of "
            "epoch_s, epoch_ms, epoch_us, epoch_ns and auto_epoch",
            "time_formats",
        )
    return formats


def _quality(name: str, kind: str, entry: Mapping[str, Any]) -> Quality:
    said = [rule for rule in ENTRIES if rule in entry]
    if said and name in {EXTRA, PROCESSED_TS}:
        raise CatalogError(f"column {name!r}: rules are for what producers send", said[0])
    try:
        return quality_of(entry, kind, _instant)
    except CatalogError as error:
        (problem,) = error.problems
        raise CatalogError(f"column {name!r}: {problem.message}", *problem.place) from None


def _instant(text: str) -> int | None:
    found = instant_of(("iso",), text, is_text=True)
    return None if found is None else found[0]


_TABLE_KEYS: Final = frozenset(each.name for each in fields(TableFormat))


def _table(fmt: str, entry: Mapping[str, Any], columns: tuple[Column, ...]) -> TableFormat:
    check_keys(entry, _TABLE_KEYS, "a table")
    types: dict[str, str | None] = dict(entry["types"])
    if missing := set(COLUMN_TYPES) - set(types):
        raise CatalogError(f"table {fmt!r} says nothing about the types {sorted(missing)}", "types")
    return TableFormat(
        name=str(entry["name"]),
        types=types,
        columns=tuple(
            column for column in columns if types[column.type] is not None and fmt in column.formats
        ),
        input_format=str(entry["input_format"]),
        output_format=str(entry["output_format"]),
        serde=str(entry["serde"]),
        serde_parameters=dict(entry["serde_parameters"]),
        parameters=dict(entry["parameters"]),
    )


def _check(catalog: Catalog, places: Mapping[str, Place], problems: Problems) -> None:
    """Note what single entries cannot show: names that do not fit each other.

    Args:
        catalog: whose entries are right one by one.
        places: where the file has each column.
        problems: takes what is wrong.
    """
    columns = {column.name: column for column in catalog.columns}
    processed, extra = columns.get(PROCESSED_TS), columns.get(EXTRA)
    with problems.at(*places.get(PROCESSED_TS, ("columns",))):
        if processed is None or processed.type != "timestamp":
            raise CatalogError(f"the catalog needs a timestamp column {PROCESSED_TS!r}")
    with problems.at(*places.get(EXTRA, ("columns",))):
        if extra is None or extra.type != "string" or extra.formats != typed_formats():
            raise CatalogError(
                f"the catalog needs a string column {EXTRA!r} with formats "
                f"{json.dumps(typed_formats())}"
            )
    with problems.at("pii_keys"):
        if "" in catalog.pii_names:
            raise CatalogError("a PII key needs a letter or digit")
        if long := [key for key in catalog.pii_names if len(key.encode()) > _MOST_NAME_BYTES]:
            raise CatalogError(f"PII keys over {_MOST_NAME_BYTES} bytes: {sorted(long)}")
    for name in columns:
        with problems.at(*places[name], "name"):
            if catalog.is_pii(name):
                raise CatalogError(f"{name!r} is a PII key and a column: it can be one of them")
            if name in catalog.partition_keys:
                raise CatalogError(
                    f"{name!r} is a partition key and a column: it can be one of them"
                )
    with problems.at("tables"):
        if missing := set(lake_tables()) - set(catalog.tables):
            raise CatalogError(f"the catalog lacks the tables {sorted(missing)}")
        _check_storage(catalog, problems)
        _check_merging(catalog, problems)
    _check_sources(catalog, places, problems)
    with problems.at("columns"):
        named = {catalog.dedupe_on, *catalog.cluster_columns, *catalog.bloom}
        if steering := [name for name in columns if columns[name].retired and name in named]:
            raise CatalogError(
                f"{steering} are retired: dedupe_on, cluster_by and bloom have to do without them"
            )


def _check_storage(catalog: Catalog, problems: Problems) -> None:
    """Check that engines read tables' files as what they are, and find their columns."""
    for fmt in lake_tables():
        table = catalog.tables[fmt]
        for key, wanted in asdict(storage_of(fmt)).items():
            with problems.at("tables", fmt, key):
                if (found := getattr(table, key)) != wanted:
                    raise CatalogError(
                        f"table {fmt!r}: its {key} is {found!r}, but {wanted} reads its files"
                    )
        with problems.at("tables", fmt):
            if fmt in typed_formats() and table.columns != catalog.typed_columns:
                raise CatalogError(
                    f"tables {fmt!r} and {typed_formats()[0]!r} have to have the same columns"
                )


def _check_sources(catalog: Catalog, places: Mapping[str, Place], problems: Problems) -> None:
    """Check that each field has one column at most, and may have one."""
    taken = {c.name: c.name for c in catalog.sent if not c.sources} | {EXTRA: EXTRA}
    taken[PROCESSED_TS] = PROCESSED_TS
    for column in catalog.columns:
        for at, source in enumerate(column.sources):
            with problems.at(*places[column.name], "from", at):
                other = taken.setdefault(source, column.name)
                if other != column.name:
                    raise CatalogError(f"{source!r} has the values of {other!r} already")
                if catalog.is_pii(source):
                    raise CatalogError(f"{source!r} is a PII key: no column has its values")
    _check_circles(catalog, places, problems)


def _check_circles(catalog: Catalog, places: Mapping[str, Place], problems: Problems) -> None:
    """Check that columns do not take each other's fields in a circle.

    Files of before have each value in the column of its own name, and nobody could say any more
    which of both a value is.
    """
    names = {column.name for column in catalog.columns}
    takers = {s: c.name for c in catalog.columns for s in c.sources if s != c.name and s in names}
    for first in takers:
        circle = [first]
        while (taker := takers.get(circle[-1])) and taker not in circle:
            circle.append(taker)
        if taker == first == min(circle):
            with problems.at(*places[first], "from"):
                raise CatalogError(f"{' and '.join(map(repr, circle))} take each other's fields")


def _check_merging(catalog: Catalog, problems: Problems) -> None:
    """Check the column names that steer compaction."""
    types = {column.name: column.type for column in catalog.typed_columns}
    with problems.at("dedupe_on"):
        if catalog.dedupe_on is not None and catalog.dedupe_on not in types:
            raise CatalogError(f"dedupe_on names {catalog.dedupe_on!r}, which is not a column")
    with problems.at("dedupe_ignore"):
        if named := catalog.dedupe_ignore & {catalog.dedupe_on, EXTRA, PROCESSED_TS}:
            raise CatalogError(
                f"dedupe_ignore names {sorted(map(str, named))}: what tells events apart is never "
                f"ignored, {PROCESSED_TS} always is, and of {EXTRA} the fields in it are named"
            )
    with problems.at("cluster_by"):
        if not catalog.cluster_by:
            raise CatalogError("cluster_by has to name a column")
    for at, term in enumerate(catalog.cluster_by):
        with problems.at("cluster_by", at):
            if term.column not in types:
                raise CatalogError(f"cluster_by names {term.column!r}, which is not a column")
            if term.unit is not None and types[term.column] != "timestamp":
                raise CatalogError(
                    f"cluster_by names the {term.unit} of {term.column!r}, which is no timestamp"
                )
    for at, name in enumerate(catalog.bloom):
        with problems.at("bloom", at):
            if name not in types:
                raise CatalogError(f"bloom names {name!r}, which is not a column")
            if types[name] not in {"string", "bigint"}:
                raise CatalogError(
                    f"bloom names {name!r}; only texts and whole numbers are looked up"
                )
