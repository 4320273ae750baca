"""A catalog as typed objects: columns, Glue tables, the Arrow schema of the Parquet files."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.json_file import (
    JsonFile,
    Place,
    Problems,
    check_keys,
    flag_of,
    object_of,
    texts_of,
)
from clickstream_lake.lake.layout import FORMATS, Layout, uri
from clickstream_lake.lake.names import fold_name

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["string", "bigint", "double", "boolean", "timestamp", "json"]
COLUMN_TYPES: Final[tuple[ColumnType, ...]] = (
    "string",
    "bigint",
    "double",
    "boolean",
    "timestamp",
    "json",
)
TimeFormat = Literal["iso", "sql", "epoch_s", "epoch_ms", "epoch_us", "epoch_ns", "auto_epoch"]
TIME_FORMATS: Final[tuple[TimeFormat, ...]] = (
    "iso",
    "sql",
    "epoch_s",
    "epoch_ms",
    "epoch_us",
    "epoch_ns",
    "auto_epoch",
)
TableFormatName = Literal["json", "parquet", "rejects"]
TimeUnit = Literal["hour", "day"]

EXTRA: Final = "extra"
PROCESSED_TS: Final = "processed_ts"
CATALOG_KEY: Final = b"lake.catalog"
"""Key-value metadata of every Parquet file the lake writes: the SHA-256 of its catalog."""
JSON_COLUMNS_KEY: Final = b"lake.json_columns"
"""Another: the names of its columns whose text is JSON, which Parquet's types cannot tell."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_TERM: Final = re.compile(r"(?:(hour|day)\(([a-z][a-z0-9_]*)\)|([a-z][a-z0-9_]*))", re.ASCII)
_MOST_NAME_BYTES: Final = 255
_ROW_GROUP_ROWS: Final = (1_000, 10_000_000)
_PAGE_ROWS: Final = (100, 1_000_000)
# The Hive JSON SerDe reads a key `_colN` as column N, whatever that column is called.
_POSITIONAL: Final = re.compile(r"_col[0-9]+")
# `schema_version` was what catalogs had before their hash told them apart: it says nothing now.
_KEYS: Final = frozenset(
    {"$schema", "schema_version", "pii_keys", "fold_names", "scrub_text", "dedupe_on"}
    | {"cluster_by", "bloom", "row_group_rows", "page_rows", "partition_keys"}
    | {"columns", "reject_columns", "tables"}
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the catalog.

    Attributes:
        formats: the tables that have it.
        dictionary: false for texts that hardly repeat: a dictionary would be built, found too
            large and thrown away.
        url: its texts are URLs, whose parameters are looked at for PII names.
        time_formats: what a timestamp may be sent as.
    """

    name: str
    type: ColumnType
    comment: str
    formats: tuple[str, ...] = (*FORMATS, "rejects")
    dictionary: bool = True
    url: bool = False
    time_formats: tuple[TimeFormat, ...] = ("iso",)


@dataclass(frozen=True, slots=True)
class ClusterTerm:
    """One term of the order of merged rows: a column, or the UTC hour or day of a timestamp."""

    column: str
    unit: TimeUnit | None = None

    @classmethod
    def parse(cls, text: str) -> "ClusterTerm":
        """Read `event_type`, `hour(event_ts)` or `day(event_ts)`.

        Raises:
            CatalogError: it is none of them.
        """
        match = _TERM.fullmatch(text)
        if match is None:
            raise CatalogError(
                f"cluster_by names {text!r}; a term is a column, hour(column) or day(column)"
            )
        unit, timed, plain = match.groups()
        return cls(timed or plain, cast("TimeUnit | None", unit))


@dataclass(frozen=True, slots=True)
class TableFormat:
    """How one Glue table stores the catalog's columns.

    Attributes:
        types: catalog type -> Glue type; None where the table does not declare such columns.
        columns: the catalog's columns of this table, in order, undeclared ones left out.
    """

    name: str
    types: Mapping[str, str | None]
    columns: tuple[Column, ...]
    input_format: str
    output_format: str
    serde: str
    serde_parameters: Mapping[str, str]
    parameters: Mapping[str, str]

    def glue_columns(self) -> list[dict[str, str]]:
        """The columns as Glue's API takes them."""
        return [
            {"Name": column.name, "Type": str(self.types[column.type]), "Comment": column.comment}
            for column in self.columns
        ]


@dataclass(frozen=True)
class Catalog:
    """The schema of the lake.

    Attributes:
        content: the file, whose SHA-256 is the catalog's name and version.
        columns: all event columns, including `processed_ts` and `extra`, in Parquet's order.
        pii_keys: keys that no published event carries, in lower case.
        fold_names: other ways of writing a PII key are that key too: `userId`, `USER-ID`.
        scrub_text: texts that start like JSON are looked into for PII keys.
        dedupe_on: column whose repeated values compaction drops, or None.
        cluster_by: what compaction orders rows by, so that statistics prune.
        bloom: columns that merged Parquet files have Bloom filters of.
        row_group_rows: rows of a full row group of merged Parquet files.
        page_rows: rows of one page of them, at most.
        partition_keys: names of the partition columns, in order, unless a lake's settings say
            otherwise.
        tables: the Glue tables by "json", "parquet" and "rejects".
    """

    content: bytes = field(repr=False)
    columns: tuple[Column, ...]
    pii_keys: frozenset[str]
    fold_names: bool
    scrub_text: bool
    dedupe_on: str | None
    cluster_by: tuple[ClusterTerm, ...]
    bloom: tuple[str, ...]
    row_group_rows: int
    page_rows: int
    partition_keys: tuple[str, ...]
    tables: Mapping[str, TableFormat]

    @cached_property
    def sha256(self) -> str:
        """What the catalog is called, in hexadecimal digits."""
        return sha256(self.content).hexdigest()

    @property
    def sent(self) -> list[Column]:
        """The columns whose values come from producers."""
        return [column for column in self.columns if column.name not in {PROCESSED_TS, EXTRA}]

    @property
    def kind(self) -> str:
        """The column that tells kinds of events apart: the first one that rows cluster by whole."""
        whole = (term.column for term in self.cluster_by if term.unit is None)
        return next(whole, self.event_time)

    @property
    def event_time(self) -> str:
        """The time that orders events: the first timestamp column that rows cluster by."""
        times = {column.name for column in self.columns if column.type == "timestamp"}
        return next((name for name in self.cluster_columns if name in times), PROCESSED_TS)

    @cached_property
    def cluster_columns(self) -> tuple[str, ...]:
        """The columns that rows are ordered by, each once, in the order of their first terms."""
        return tuple(dict.fromkeys(term.column for term in self.cluster_by))

    def glue_table_input(
        self, fmt: TableFormatName, bucket: str, layout: Layout | None = None
    ) -> dict[str, Any]:
        """`TableInput` of Glue's CreateTable, for a lake of that layout."""
        layout = layout or Layout(partition_keys=self.partition_keys)
        table = self.tables[fmt]
        return {
            "Name": table.name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": dict(table.parameters),
            "PartitionKeys": [{"Name": name, "Type": "string"} for name in layout.partition_keys],
            "StorageDescriptor": {
                "Columns": table.glue_columns(),
                "Location": uri(bucket, layout.table_dir(fmt)),
                "InputFormat": table.input_format,
                "OutputFormat": table.output_format,
                "SerdeInfo": {
                    "SerializationLibrary": table.serde,
                    "Parameters": dict(table.serde_parameters),
                },
            },
        }

    def arrow_schema(self) -> "pa.Schema":
        """The schema of every Parquet file: the catalog's columns in order, all nullable."""
        import pyarrow as pa  # noqa: PLC0415 - planning and clean-up never need it

        types = {
            "string": pa.string(),
            "json": pa.string(),
            "bigint": pa.int64(),
            "double": pa.float64(),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp("ms", tz="UTC"),
        }
        columns = self.tables["parquet"].columns
        return pa.schema(
            [(column.name, types[column.type]) for column in columns],
            metadata={
                CATALOG_KEY: self.sha256,
                JSON_COLUMNS_KEY: ",".join(c.name for c in columns if c.type == "json"),
            },
        )

    def is_pii(self, key: str) -> bool:
        """Tell whether a key, at any depth, is removed from every published event."""
        return self._compared(key) in self.pii_names

    @cached_property
    def pii_names(self) -> frozenset[str]:
        """The PII keys as keys are compared with them."""
        return frozenset(map(self._compared, self.pii_keys))

    def _compared(self, key: str) -> str:
        return fold_name(key) if self.fold_names else key.lower()

    def taken_for_column(self, key: str, partition_keys: Sequence[str]) -> bool:
        """Tell whether a key that is not a column would be read as one by the JSON SerDe.

        The SerDe ignores the case of keys and reads `_colN` as column N. The lake's
        own names (`extra`, `processed_ts`) and the partition keys count as columns too.
        """
        lowered = key.lower()
        return (
            lowered in self._column_names
            or lowered in partition_keys
            or _POSITIONAL.fullmatch(lowered) is not None
        )

    @cached_property
    def _column_names(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns)


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
    _check(catalog, problems)
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
    "cluster_by": _terms,
    "bloom": lambda d, name: texts_of({name: [], **d}, name),
    "row_group_rows": lambda d, name: _number(d, name, 262_144, _ROW_GROUP_ROWS),
    "page_rows": lambda d, name: _number(d, name, 20_000, _PAGE_ROWS),
    "partition_keys": _partition_keys,
}
"""What a catalog says beside columns and tables, and how it is read."""


def _column_list(document: Mapping[str, Any], name: str, problems: Problems) -> tuple[Column, ...]:
    known = frozenset(each.name for each in fields(Column))
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
                check_keys(entry, known, "a column")
            (column,) = _columns([entry])
            if column.name in columns:
                raise CatalogError(
                    f"column {column.name!r} appears twice: drop one, or give it another name",
                    "name",
                )
            columns[column.name] = column
    return tuple(columns.values())


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
        formats = tuple(entry.get("formats", (*FORMATS, "rejects")))
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
            )
        )
    return tuple(columns)


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


def _check(catalog: Catalog, problems: Problems) -> None:
    """Note what single entries cannot show: names that do not fit each other."""
    columns = {column.name: column for column in catalog.columns}
    places: dict[str, Place] = {name: ("columns", at) for at, name in enumerate(columns)}
    processed, extra = columns.get(PROCESSED_TS), columns.get(EXTRA)
    with problems.at(*places.get(PROCESSED_TS, ("columns",))):
        if processed is None or processed.type != "timestamp":
            raise CatalogError(f"the catalog needs a timestamp column {PROCESSED_TS!r}")
    with problems.at(*places.get(EXTRA, ("columns",))):
        if extra is None or extra.type != "string" or extra.formats != ("parquet",):
            raise CatalogError(
                f'the catalog needs a string column {EXTRA!r} with formats ["parquet"]'
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
        if missing := {*FORMATS, "rejects"} - set(catalog.tables):
            raise CatalogError(f"the catalog lacks the tables {sorted(missing)}")
        _check_merging(catalog, problems)


def _check_merging(catalog: Catalog, problems: Problems) -> None:
    """Check the column names that steer compaction."""
    types = {column.name: column.type for column in catalog.tables["parquet"].columns}
    with problems.at("dedupe_on"):
        if catalog.dedupe_on is not None and catalog.dedupe_on not in types:
            raise CatalogError(f"dedupe_on names {catalog.dedupe_on!r}, which is not a column")
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
