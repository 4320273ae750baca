"""Hive's words: what its DDL says when it fails, and what its file formats are called in Glue."""

from dataclasses import dataclass

from clickstream_lake.sandbox.athena.statements.model import Name
from clickstream_lake.sandbox.errors import QueryError

_DDL_TASK = "Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask."


def semantic(number: int, message: str) -> QueryError:
    """Say that a statement makes no sense, with Hive's number for it."""
    return QueryError("FAILED", f"SemanticException [Error {number}]: {message}")


def table_not_found(name: Name) -> QueryError:
    """Say that there is no such table."""
    return semantic(10001, f"Table not found {name}")


def database_not_found(database: str) -> QueryError:
    """Say that there is no such database."""
    return semantic(10072, f"Database does not exist: {database}")


def partition_not_found(spec: object) -> QueryError:
    """Say that there is no such partition."""
    return semantic(10006, f"Partition not found {spec}")


def task_failed(message: str) -> QueryError:
    """Say that a statement could not be carried out."""
    return QueryError("FAILED", f"{_DDL_TASK} {message}")


@dataclass(frozen=True)
class FileFormat:
    """A file format as Glue describes it."""

    input: str
    output: str
    serde: str


_IO = "org.apache.hadoop.hive.ql.io"
_TEXT_IN = "org.apache.hadoop.mapred.TextInputFormat"
_TEXT_OUT = f"{_IO}.HiveIgnoreKeyTextOutputFormat"
LAZY_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"

FORMATS = {
    "PARQUET": FileFormat(
        f"{_IO}.parquet.MapredParquetInputFormat",
        f"{_IO}.parquet.MapredParquetOutputFormat",
        f"{_IO}.parquet.serde.ParquetHiveSerDe",
    ),
    "ORC": FileFormat(
        f"{_IO}.orc.OrcInputFormat", f"{_IO}.orc.OrcOutputFormat", f"{_IO}.orc.OrcSerde"
    ),
    "AVRO": FileFormat(
        f"{_IO}.avro.AvroContainerInputFormat",
        f"{_IO}.avro.AvroContainerOutputFormat",
        "org.apache.hadoop.hive.serde2.avro.AvroSerDe",
    ),
    "JSON": FileFormat(_TEXT_IN, _TEXT_OUT, "org.apache.hive.hcatalog.data.JsonSerDe"),
    "TEXTFILE": FileFormat(_TEXT_IN, _TEXT_OUT, LAZY_SERDE),
    "SEQUENCEFILE": FileFormat(
        "org.apache.hadoop.mapred.SequenceFileInputFormat",
        f"{_IO}.HiveSequenceFileOutputFormat",
        LAZY_SERDE,
    ),
    "RCFILE": FileFormat(
        f"{_IO}.RCFileInputFormat",
        f"{_IO}.RCFileOutputFormat",
        "org.apache.hadoop.hive.serde2.columnar.LazyBinaryColumnarSerDe",
    ),
}
