"""CREATE TABLE … AS SELECT into Parquet: how clients write large results.

awswrangler reads queries this way unless it is told otherwise.
"""

import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.storage import TableStorage
    from clickstream_lake.sandbox.athena.tables import GlueCatalog

_CODECS = {"SNAPPY": "snappy", "ZSTD": "zstd", "GZIP": "gzip", "NONE": "none"}
_UNDERSTOOD = {"external_location", "format", "write_compression", "parquet_compression"}
_GLUE_TYPES = (
    (pa.types.is_string, "string"),
    (pa.types.is_boolean, "boolean"),
    (pa.types.is_int8, "tinyint"),
    (pa.types.is_int16, "smallint"),
    (pa.types.is_int32, "int"),
    (pa.types.is_int64, "bigint"),
    (pa.types.is_float32, "float"),
    (pa.types.is_float64, "double"),
    (pa.types.is_date, "date"),
    (pa.types.is_binary, "binary"),
    (pa.types.is_null, "string"),
)


@dataclass(frozen=True)
class NewTable:
    """A table that a statement asks for; `query` gives its rows."""

    database: str
    name: str
    location: str
    codec: str
    query: exp.Expr


def read_create(tree: exp.Expr, database: str, location: str | None) -> NewTable | None:
    """Recognise CREATE TABLE … AS; None means anything else.

    Args:
        tree: the statement.
        database: where the table goes if the statement does not say.
        location: where its files go if the statement does not say.

    Raises:
        QueryError: it asks for more than a Parquet table at a location of its own.
    """
    if not isinstance(tree, exp.Create):
        return None
    query = tree.expression
    if tree.kind != "TABLE" or not isinstance(query, exp.Query):
        raise not_supported(f"CREATE {tree.kind} statements, except CREATE TABLE … AS SELECT")
    options = _options(tree)
    if unknown := options.keys() - _UNDERSTOOD:
        raise not_supported(f"the table properties {', '.join(sorted(unknown))}")
    if options.get("format", "PARQUET").upper() != "PARQUET":
        raise not_supported(f"the format {options['format']} for new tables; PARQUET is supported")
    location = options.get("external_location", location)
    if location is None:
        raise not_supported("CREATE TABLE … AS without WITH (external_location = 's3://…')")
    codec = options.get("write_compression", options.get("parquet_compression", "GZIP")).upper()
    if codec not in _CODECS:
        raise not_supported(f"the compression {codec}; supported are {', '.join(_CODECS)}")
    return NewTable(
        database=(tree.this.db or database).lower(),
        name=tree.this.name.lower(),
        location=location.rstrip("/") + "/",
        codec=_CODECS[codec],
        query=query,
    )


def check_free(new: NewTable, catalog: "GlueCatalog", storage: "TableStorage") -> None:
    """Refuse a name that is taken, and a location that holds something.

    Raises:
        QueryError: one of the two holds.
    """
    if new.name in catalog.tables(new.database):
        raise QueryError("TABLE_ALREADY_EXISTS", f"Table '{new.name}' already exists")
    if next(iter(storage.list(new.location)), None) is not None:
        raise QueryError("HIVE_PATH_ALREADY_EXISTS", f"{new.location} is not empty")


def store(
    new: NewTable, names: list[str], rows: pa.Table, catalog: "GlueCatalog", storage: "TableStorage"
) -> list[str]:
    """Write the rows, register the table, and say which files it has.

    Raises:
        QueryError: a column has no name of its own, or a type that no table can have.
    """
    if len(set(names)) < len(names):
        raise QueryError("DUPLICATE_COLUMN_NAME", "a column is named twice")
    for name in names:
        if name.startswith("_col"):
            raise QueryError("COLUMN_NAME_NOT_SPECIFIED", f"column {name} has no name; use AS")
    columns = [
        {"Name": name, "Type": _glue_type(field.type)}
        for name, field in zip(names, rows.schema, strict=True)
    ]
    target = BytesIO()
    pq.write_table(_storable(rows.rename_columns(names)), target, compression=new.codec)
    uri = f"{new.location}{uuid.uuid4()}.parquet"
    storage.write(uri, target.getvalue())
    catalog.create_parquet_table(new.database, new.name, columns, new.location)
    return [uri]


def _options(tree: exp.Create) -> dict[str, str]:
    properties = tree.args.get("properties")
    options: dict[str, str] = {}
    for one in properties.expressions if properties else []:
        if isinstance(one, exp.FileFormatProperty):
            options["format"] = one.name
        elif isinstance(one, exp.Property) and isinstance(one.args.get("value"), exp.Literal):
            options[one.name.lower()] = one.args["value"].name
        else:
            options[one.key] = ""
    return options


def _glue_type(arrow: pa.DataType) -> str:
    if pa.types.is_timestamp(arrow) and not arrow.tz:
        return "timestamp"
    if pa.types.is_decimal(arrow):
        return f"decimal({arrow.precision},{arrow.scale})"
    for matches, name in _GLUE_TYPES:
        if matches(arrow):
            return name
    raise not_supported(f"a column of type {arrow} in a new table; CAST it first")


def _storable(rows: pa.Table) -> pa.Table:
    """Keep milliseconds of timestamps, as Athena's writer does, and give NULL columns a type."""
    fields: list[Any] = []
    for field in rows.schema:
        kind = field.type
        if pa.types.is_timestamp(kind):
            kind = pa.timestamp("ms")
        fields.append((field.name, pa.string() if pa.types.is_null(kind) else kind))
    return rows.cast(pa.schema(fields), safe=False)
