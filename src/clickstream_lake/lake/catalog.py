"""A catalog as typed objects: columns, Glue tables, the Arrow schema of the Parquet files."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.formats import lake_tables, typed_formats
from clickstream_lake.lake.layout import Layout, uri
from clickstream_lake.lake.names import fold_name
from clickstream_lake.lake.quality import NO_RULES, Quality

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
TableFormatName = str
"""A table of a lake, by the name of its format or `rejects`."""
TimeUnit = Literal["hour", "day"]

EXTRA: Final = "extra"
PROCESSED_TS: Final = "processed_ts"
RETIRED: Final = "Retired"
"""How the comment of a column begins that takes no values any more."""
CATALOG_KEY: Final = b"lake.catalog"
"""Key-value metadata of every Parquet file the lake writes: the SHA-256 of its catalog."""
JSON_COLUMNS_KEY: Final = b"lake.json_columns"
"""Another: the names of its columns whose text is JSON, which Parquet's types cannot tell."""

_TERM: Final = re.compile(r"(?:(hour|day)\(([a-z][a-z0-9_]*)\)|([a-z][a-z0-9_]*))", re.ASCII)
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
        added: day of the deployment that first had it, as `2026-11-27`; empty for the columns that
            the table was made with. Tables have their columns in the order of these days.
        retired: day of the deployment since which it takes no values: it stays where it is, NULL in
            every row from then on.
        sources: top-level names under which its values come; the first that has one counts. Empty
            where only its own name does.
    """

    name: str
    type: ColumnType
    comment: str
    formats: tuple[str, ...] = field(default_factory=lake_tables)
    dictionary: bool = True
    url: bool = False
    time_formats: tuple[TimeFormat, ...] = ("iso",)
    quality: Quality = NO_RULES
    added: str = ""
    retired: str = ""
    sources: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[object, ...]:
        """All that files depend on: two catalogs whose columns have one shape write alike."""
        return self.name, self.type, self.formats, self.time_formats, self.sources


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


Declared = tuple[tuple[str, str], ...]
"""Names and Glue types of the columns that a table or a partition declares, in its order."""


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

    @property
    def declared(self) -> "Declared":
        """The names and Glue types of the columns, in the table's order."""
        return tuple((column.name, str(self.types[column.type])) for column in self.columns)

    def glue_columns(self) -> list[dict[str, str]]:
        """The columns as Glue's API takes them."""
        return [
            {
                "Name": column.name,
                "Type": str(self.types[column.type]),
                "Comment": f"{RETIRED} {column.retired}: {column.comment}"
                if column.retired
                else column.comment,
            }
            for column in self.columns
        ]


@dataclass(frozen=True)
class Catalog:
    """The schema of the lake.

    Attributes:
        content: the file, whose SHA-256 is the catalog's name and version.
        columns: all event columns, including `processed_ts` and `extra`, in the order of tables:
            a column that was added later comes last, wherever the file has it.
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
        tables: the Glue tables, each by its format's name, and "rejects".
    """

    content: bytes = field(repr=False)
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

    @cached_property
    def sha256(self) -> str:
        """What the catalog is called, in hexadecimal digits."""
        return sha256(self.content).hexdigest()

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """All that files depend on: what is said of another catalog's files, a comment apart."""
        return tuple(column.shape for column in self.columns)

    @property
    def sent(self) -> list[Column]:
        """The columns whose values come from producers."""
        own = {PROCESSED_TS, EXTRA}
        return [column for column in self.columns if column.name not in own and not column.retired]

    @property
    def typed_columns(self) -> tuple[Column, ...]:
        """The columns of files that have types, which are the same in all such formats."""
        return self.tables[typed_formats()[0]].columns

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
        """The schema of every file with types: the catalog's columns in order, all nullable."""
        import pyarrow as pa  # noqa: PLC0415 - planning and clean-up never need it

        types = {
            "string": pa.string(),
            "json": pa.string(),
            "bigint": pa.int64(),
            "double": pa.float64(),
            "boolean": pa.bool_(),
            "timestamp": pa.timestamp("ms", tz="UTC"),
        }
        columns = self.typed_columns
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
