"""The formats of processed data: each is one `FormatSpec`, which holds all that sets it apart.

What writes, merges and reads its files is named here and not imported: it stands in packages that
this one knows nothing of, and nobody loads more than is needed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from clickstream_lake.lake.errors import LayoutError

Format = str
"""The name of a format, a key of `FORMATS`."""
REJECTS: Final = "rejects"
"""The table beside those of the formats: of what was not published."""
NDJSON: Final = "application/x-ndjson"
"""Content type of lines of JSON."""


@dataclass(frozen=True, slots=True)
class Storage:
    """How engines read files of a format: the classes that a Glue table names."""

    input_format: str
    output_format: str
    serde: str


@dataclass(frozen=True, slots=True)
class FormatSpec:
    """One format.

    Attributes:
        name: of its table in catalogs, of its directory, and the ending of its files.
        title: how people write it.
        content_type: of its files.
        storage: what its table has to name.
        typed: its files hold the catalog's columns in their types, and other fields as one JSON
            text, `extra`; a column that a file lacks reads as NULL. Files of another format hold
            lines of JSON with every field under its own name, fit or not.
        gzip: its files may be gzip as a whole, with `.gz` after the ending.
        writer: writes landing files: a `transform.write.output.Writer`, as `module:name`.
        merger: merges files: a `compact.merge.merging.Merger`.
        reader: reads ids, rows and their number: a `compact.merge.rows.Reader`'s class.
    """

    name: Format
    title: str
    content_type: str
    storage: Storage
    typed: bool
    writer: str
    merger: str
    reader: str
    gzip: bool = False

    @property
    def endings(self) -> tuple[str, ...]:
        """How names of its files may end."""
        return (f".{self.name}", f".{self.name}.gz") if self.gzip else (f".{self.name}",)


_JSON: Final = FormatSpec(
    name="json",
    title="JSON",
    content_type=NDJSON,
    storage=Storage(
        input_format="org.apache.hadoop.mapred.TextInputFormat",
        output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
        serde="org.apache.hive.hcatalog.data.JsonSerDe",
    ),
    typed=False,
    gzip=True,
    writer="clickstream_lake.transform.write.json:JsonOutput",
    merger="clickstream_lake.compact.merge.json:json_merge",
    reader="clickstream_lake.compact.merge.json:JsonReader",
)
_PARQUET: Final = FormatSpec(
    name="parquet",
    title="Parquet",
    content_type="application/vnd.apache.parquet",
    storage=Storage(
        input_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
        output_format="org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
        serde="org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
    ),
    typed=True,
    writer="clickstream_lake.transform.write.parquet:ParquetOutput",
    merger="clickstream_lake.compact.merge.parquet:parquet_merge",
    reader="clickstream_lake.compact.merge.parquet:ParquetReader",
)
FORMATS: Final[dict[Format, FormatSpec]] = {spec.name: spec for spec in (_JSON, _PARQUET)}
"""Every format, in the order in which a source is published: the first landing file decides."""


def first_format() -> Format:
    """The format whose landing file decides, and which the others are compared with."""
    return next(iter(FORMATS))


def typed_formats() -> tuple[Format, ...]:
    """The formats whose files have the catalog's columns in their types."""
    return tuple(fmt for fmt, spec in FORMATS.items() if spec.typed)


def lake_tables() -> tuple[str, ...]:
    """The tables of a lake: one of each format, and that of the rejects."""
    return (*FORMATS, REJECTS)


def storage_of(table: str) -> Storage:
    """What a table of a lake has to name; rejects are lines of JSON."""
    return (_JSON if table == REJECTS else FORMATS[table]).storage


def check_formats(names: Iterable[str]) -> None:
    """Make sure that names are those of formats.

    Raises:
        LayoutError: says which one is not, and what would do.
    """
    for name in names:
        if name not in FORMATS:
            raise LayoutError(f"{name!r} is not a format: use {' or '.join(FORMATS)}")
