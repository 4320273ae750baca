"""What `WITH (…)` says of files to write: Athena's properties, checked, for both engines."""

from collections.abc import Mapping
from dataclasses import dataclass

from clickstream_lake.sandbox.athena.statements.model import Value
from clickstream_lake.sandbox.errors import QueryError

_TEXT_CODECS = ("GZIP", "NONE", "BZIP2", "DEFLATE", "LZ4", "SNAPPY", "ZSTD")
# The first is what Athena takes by default.
CODECS = {
    "PARQUET": ("GZIP", "SNAPPY", "ZSTD", "LZ4", "NONE"),
    "ORC": ("ZLIB", "SNAPPY", "ZSTD", "LZ4", "NONE"),
    "AVRO": ("GZIP", "DEFLATE", "SNAPPY", "ZSTD", "BZIP2", "NONE"),
    "JSON": _TEXT_CODECS,
    "TEXTFILE": _TEXT_CODECS,
}
_ALIKE = {"UNCOMPRESSED": "NONE", "TEXT": "TEXTFILE"}
_COMPRESSIONS = ("write_compression", "compression", "parquet_compression", "orc_compression")
_OTHER_KEYS = frozenset(
    {
        "format",
        "external_location",
        "location",
        "partitioned_by",
        "bucketed_by",
        "bucket_count",
        "field_delimiter",
        "table_type",
        "is_external",
        "partitioning",
        "compression_level",
        "vacuum_min_snapshots_to_keep",
        "vacuum_max_snapshot_age_seconds",
        "vacuum_max_metadata_files_to_keep",
        "optimize_rewrite_min_data_file_size_bytes",
        "optimize_rewrite_max_data_file_size_bytes",
        "optimize_rewrite_data_file_threshold",
        "optimize_rewrite_delete_file_threshold",
    }
)


@dataclass(frozen=True)
class Layout:
    """How rows are to lie in S3.

    Attributes:
        format: upper case, as in `STORED AS`.
        codec: upper case.
        location: as given, or None.
        keys: partition columns; `transforms` are those of an Iceberg table.
        delimiter: between the fields of a text file.
    """

    format: str
    codec: str
    location: str | None
    keys: tuple[str, ...]
    buckets: tuple[str, ...]
    bucket_count: int
    delimiter: str | None
    iceberg: bool
    transforms: tuple[str, ...]


def read_layout(properties: Mapping[str, Value]) -> Layout:
    """Check the properties of a statement that writes.

    Raises:
        QueryError: one is unknown, or does not fit.
    """
    for key in properties:
        if key not in _OTHER_KEYS and key not in _COMPRESSIONS:
            raise QueryError(
                "INVALID_TABLE_PROPERTY",
                f"line 1:1: Catalog 'awsdatacatalog' table property '{key}' does not exist",
            )
    fmt = _text(properties, "format", "PARQUET").upper()
    fmt = _ALIKE.get(fmt, fmt)
    if fmt not in CODECS:
        raise _invalid("format", fmt)
    codec = next((_text(properties, key, "") for key in _COMPRESSIONS if key in properties), "")
    codec = _ALIKE.get(codec.upper(), codec.upper()) or CODECS[fmt][0]
    if codec not in CODECS[fmt]:
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            f"compression {codec} is not one of {fmt}: {', '.join(CODECS[fmt])}",
        )
    iceberg = _text(properties, "table_type", "HIVE").upper() == "ICEBERG"
    buckets = _names(properties, "bucketed_by")
    count = properties.get("bucket_count", 0)
    if isinstance(count, str) or bool(buckets) != bool(count):
        raise QueryError(
            "INVALID_TABLE_PROPERTY",
            "Bucketing columns (bucketed_by) and bucket count (bucket_count) go together",
        )
    location = _text(properties, "external_location", _text(properties, "location", ""))
    if location and not location.startswith("s3://"):
        raise _invalid("external_location", location)
    return Layout(
        format=fmt,
        codec=codec,
        location=location or None,
        keys=_names(properties, "partitioned_by"),
        buckets=buckets,
        bucket_count=int(str(count)),
        delimiter=_text(properties, "field_delimiter", "") or None,
        iceberg=iceberg,
        transforms=_names(properties, "partitioning"),
    )


def _text(properties: Mapping[str, Value], key: str, default: str) -> str:
    value = properties.get(key, default)
    if not isinstance(value, str):
        raise _invalid(key, value)
    return value


def _names(properties: Mapping[str, Value], key: str) -> tuple[str, ...]:
    value = properties.get(key, ())
    if not isinstance(value, tuple):
        raise _invalid(key, value)
    return value if key == "partitioning" else tuple(name.lower() for name in value)


def _invalid(key: str, value: object) -> QueryError:
    return QueryError(
        "INVALID_TABLE_PROPERTY", f"Unable to set table property '{key}' to [{value}]"
    )
