"""`catalog.json` as typed objects: columns, Glue tables, the Arrow schema of the Parquet files."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.layout import FORMATS, Layout, uri
from clickstream_lake.lake.names import fold_name
from clickstream_lake.lake.quality import ENTRIES, NO_RULES, Quality, quality_of

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
SCHEMA_VERSION_KEY: Final = b"lake.schema_version"
"""Key-value metadata of every Parquet file the lake writes."""
JSON_COLUMNS_KEY: Final = b"lake.json_columns"
"""Another: the names of its columns whose text is JSON, which Parquet's types cannot tell."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
_TERM: Final = re.compile(r"(?:(hour|day)\(([a-z][a-z0-9_]*)\)|([a-z][a-z0-9_]*))", re.ASCII)
_MOST_NAME_BYTES: Final = 255
_ROW_GROUP_ROWS: Final = (1_000, 10_000_000)
_PAGE_ROWS: Final = (100, 1_000_000)
# The Hive JSON SerDe reads a key `_colN` as column N, whatever that column is called.
_POSITIONAL: Final = re.compile(r"_col[0-9]+")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the catalog.

    Attributes:
        formats: the tables that have it.
        dictionary: false for texts that hardly repeat: a dictionary would be built, found too
            large and thrown away.
        url: its texts are URLs, whose parameters are looked at for PII names.
        time_formats: what a timestamp may be sent as.
        quality: what its values have to be besides their type.
    """

    name: str
    type: ColumnType
    comment: str
    formats: tuple[str, ...] = (*FORMATS, "rejects")
    dictionary: bool = True
    url: bool = False
    time_formats: tuple[TimeFormat, ...] = ("iso",)
    quality: Quality = NO_RULES


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
        columns: all event columns, including `processed_ts` and `extra`, in Parquet's order.
        pii_keys: keys that no published event carries, in lower case.
        fold_names: other ways of writing a PII key are that key too: `userId`, `USER-ID`.
        scrub_text: texts that start like JSON are looked into for PII keys.
        dedupe_on: column whose value tells events apart: compaction drops rows that repeat
            another with all they hold; None drops none.
        dedupe_ignore: fields, besides `processed_ts`, that repeated rows may differ in.
        cluster_by: what compaction orders rows by, so that statistics prune.
        bloom: columns that merged Parquet files have Bloom filters of.
        row_group_rows: rows of a full row group of merged Parquet files.
        page_rows: rows of one page of them, at most.
        partition_keys: names of the partition columns, in order, unless a lake's settings say
            otherwise.
        tables: the Glue tables by "json", "parquet" and "rejects".
    """

    schema_version: int
    columns: tuple[Column, ...]
    pii_keys: frozenset[str]
    fold_names: bool
    scrub_text: bool
    dedupe_on: str | None
    dedupe_ignore: frozenset[str]
    cluster_by: tuple[ClusterTerm, ...]
    bloom: tuple[str, ...]
    row_group_rows: int
    page_rows: int
    partition_keys: tuple[str, ...]
    tables: Mapping[str, TableFormat]

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
                SCHEMA_VERSION_KEY: str(self.schema_version),
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


@cache
def load_catalog(path: Path = CATALOG_PATH) -> Catalog:
    """Read and check a catalog; the packaged one by default.

    Raises:
        CatalogError: says which entry is wrong.
    """
    return parse_catalog(json.loads(path.read_text(encoding="utf-8")))


def parse_catalog(document: Mapping[str, Any]) -> Catalog:
    """Check the content of a `catalog.json` and give it types.

    Raises:
        CatalogError: says which entry is wrong.
    """
    try:
        columns, of_rejects = (_columns(document[name]) for name in ("columns", "reject_columns"))
        if ruled := [column.name for column in of_rejects if column.quality != NO_RULES]:
            raise CatalogError(f"reject_columns have rules: {ruled}; the lake itself writes them")
        lists = {"columns": columns, "reject_columns": of_rejects}
        tables = {
            fmt: _table(fmt, entry, lists[entry["columns"]])
            for fmt, entry in document["tables"].items()
        }
        catalog = Catalog(
            schema_version=int(document["schema_version"]),
            columns=columns,
            pii_keys=frozenset(str(key).lower() for key in document["pii_keys"]),
            fold_names=bool(document.get("fold_names", True)),
            scrub_text=bool(document.get("scrub_text", True)),
            dedupe_on=document.get("dedupe_on"),
            dedupe_ignore=_dedupe_ignore(document.get("dedupe_ignore", [])),
            cluster_by=tuple(ClusterTerm.parse(str(term)) for term in document["cluster_by"]),
            bloom=tuple(document.get("bloom", ())),
            row_group_rows=_number(document, "row_group_rows", 262_144, _ROW_GROUP_ROWS),
            page_rows=_number(document, "page_rows", 20_000, _PAGE_ROWS),
            partition_keys=tuple(document["partition_keys"]),
            tables=tables,
        )
    except KeyError as error:
        raise CatalogError(f"catalog.json lacks {error}") from error
    _check(catalog)
    return catalog


def _dedupe_ignore(names: object) -> frozenset[str]:
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise CatalogError(f"dedupe_ignore is {names!r}; it has to be a list of names of fields")
    if len(set(names)) < len(names):
        raise CatalogError(f"dedupe_ignore names a field twice: {names}")
    return frozenset(names)


def _number(document: Mapping[str, Any], name: str, default: int, limits: tuple[int, int]) -> int:
    number, (least, most) = document.get(name, default), limits
    if type(number) is not int or not least <= number <= most:
        raise CatalogError(f"{name} is {number!r}; it has to be a number from {least} to {most}")
    return number


def _columns(entries: Sequence[Mapping[str, Any]]) -> tuple[Column, ...]:
    columns = []
    for entry in entries:
        name, kind = str(entry["name"]), str(entry["type"])
        if not _NAME.fullmatch(name):
            raise CatalogError(f"column {name!r}: a name is lower case letters, digits and _")
        if kind not in COLUMN_TYPES:
            raise CatalogError(f"column {name!r}: {kind!r} is none of {', '.join(COLUMN_TYPES)}")
        formats = tuple(entry.get("formats", (*FORMATS, "rejects")))
        url = bool(entry.get("url", False))
        if url and kind != "string":
            raise CatalogError(f"column {name!r}: only a string column can hold URLs")
        columns.append(
            Column(
                name,
                kind,
                str(entry.get("comment", "")),
                formats,
                dictionary=bool(entry.get("dictionary", True)),
                url=url,
                time_formats=_time_formats(name, kind, entry.get("time_formats")),
                quality=_quality(name, kind, entry),
            )
        )
    names = [column.name for column in columns]
    if len(set(names)) != len(names):
        raise CatalogError(f"a column appears twice in {names}")
    return tuple(columns)


def _time_formats(name: str, kind: str, entry: Sequence[Any] | None) -> tuple[TimeFormat, ...]:
    if entry is None:
        return ("iso",)
    if kind != "timestamp" or name == PROCESSED_TS:
        raise CatalogError(f"column {name!r}: time_formats are for timestamps that producers send")
    formats = tuple(known for known in TIME_FORMATS if known in entry)
    if isinstance(entry, str) or not formats or len(formats) < len(entry):
        raise CatalogError(
            f"column {name!r}: time_formats is a list of some of {', '.join(TIME_FORMATS)}, "
            "each once"
        )
    if len(set(formats) - {"iso", "sql"}) > 1:
        raise CatalogError(
            f"column {name!r}: a number has one meaning, so time_formats names at most one of "
            "epoch_s, epoch_ms, epoch_us, epoch_ns and auto_epoch"
        )
    return formats


def _quality(name: str, kind: str, entry: Mapping[str, Any]) -> Quality:
    if name in {EXTRA, PROCESSED_TS} and any(rule in entry for rule in ENTRIES):
        raise CatalogError(f"column {name!r}: rules are for what producers send")
    try:
        return quality_of(entry, kind, _instant)
    except CatalogError as error:
        raise CatalogError(f"column {name!r}: {error}") from None


def _instant(text: str) -> int | None:
    from clickstream_lake.lake.instants import instant_of  # noqa: PLC0415 - it needs this module

    found = instant_of(("iso",), text, is_text=True)
    return None if found is None else found[0]


def _table(fmt: str, entry: Mapping[str, Any], columns: tuple[Column, ...]) -> TableFormat:
    types: dict[str, str | None] = dict(entry["types"])
    if missing := set(COLUMN_TYPES) - set(types):
        raise CatalogError(f"table {fmt!r} says nothing about the types {sorted(missing)}")
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


def _check(catalog: Catalog) -> None:
    kinds = {column.name: column for column in catalog.columns}
    if kinds.get(PROCESSED_TS) is None or kinds[PROCESSED_TS].type != "timestamp":
        raise CatalogError(f"the catalog needs a timestamp column {PROCESSED_TS!r}")
    extra = kinds.get(EXTRA)
    if extra is None or extra.type != "string" or extra.formats != ("parquet",):
        raise CatalogError(f'the catalog needs a string column {EXTRA!r} with formats ["parquet"]')
    if "" in catalog.pii_names:
        raise CatalogError("a PII key needs a letter or digit")
    if long := [key for key in catalog.pii_names if len(key.encode()) > _MOST_NAME_BYTES]:
        raise CatalogError(f"PII keys over {_MOST_NAME_BYTES} bytes: {sorted(long)}")
    for name in kinds:
        if catalog.is_pii(name):
            raise CatalogError(f"{name!r} is a PII key and a column: it can be one of them")
        if name in catalog.partition_keys:
            raise CatalogError(f"{name!r} is a partition key and a column: it can be one of them")
    if missing := {*FORMATS, "rejects"} - set(catalog.tables):
        raise CatalogError(f"the catalog lacks the tables {sorted(missing)}")
    _check_merging(catalog)


def _check_merging(catalog: Catalog) -> None:
    """Check the column names that steer compaction."""
    types = {column.name: column.type for column in catalog.tables["parquet"].columns}
    if catalog.dedupe_on is not None and catalog.dedupe_on not in types:
        raise CatalogError(f"dedupe_on names {catalog.dedupe_on!r}, which is not a column")
    if named := catalog.dedupe_ignore & {catalog.dedupe_on, EXTRA, PROCESSED_TS}:
        raise CatalogError(
            f"dedupe_ignore names {sorted(map(str, named))}: what tells events apart is never "
            f"ignored, {PROCESSED_TS} always is, and of {EXTRA} the fields in it are named"
        )
    if not catalog.cluster_by:
        raise CatalogError("cluster_by has to name a column")
    for name, found in (("cluster_by", catalog.cluster_columns), ("bloom", catalog.bloom)):
        if missing := set(found) - types.keys():
            raise CatalogError(f"{name} names {sorted(missing)}, which are not columns")
    timed = {term.column for term in catalog.cluster_by if term.unit is not None}
    if odd := [name for name in timed if types[name] != "timestamp"]:
        raise CatalogError(f"cluster_by names hours or days of {odd}, which are no timestamps")
    if odd := [name for name in catalog.bloom if types[name] not in {"string", "bigint"}]:
        raise CatalogError(f"bloom names {odd}; only texts and whole numbers are looked up")
