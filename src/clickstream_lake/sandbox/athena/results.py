"""Results as Athena shows them: values as text, pages of `GetQueryResults`, and result files."""

import io
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from clickstream_lake.sandbox.athena.translate.printing import java_double, java_real
from clickstream_lake.sandbox.errors import QueryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.athena.executions import Execution


_UNLIMITED = 2**31 - 1
# Precision and scale as Athena's ColumnInfo states them; what is not here has 0 and 0.
_PRECISION = {
    "varchar": _UNLIMITED,
    "tinyint": 3,
    "smallint": 5,
    "integer": 10,
    "bigint": 19,
    "float": 17,
    "double": 17,
    "timestamp": 3,
    "timestamp with time zone": 3,
    "varbinary": 1 << 30,
    "string": 0,
}


def column_info(name: str, kind: str) -> dict[str, Any]:
    """Describe a result column as `ResultSetMetadata.ColumnInfo` does."""
    precision, scale = _PRECISION.get(kind, 0), 0
    if kind.startswith("decimal("):
        precision, scale = map(int, kind[len("decimal(") : -1].split(","))
        kind = "decimal"
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind in {"varchar", "char"},
    }


def as_text(table: pa.Table) -> pa.Table:
    """Turn every column into text; NULL stays NULL. Column names are made unique."""
    return pa.table({f"c{i}": _column(column) for i, column in enumerate(table.columns)})


def _column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_timestamp(kind):
        text = column.cast(pa.timestamp("ms"), safe=False).cast(pa.string())
        return pc.binary_join_element_wise(text, " UTC", "") if kind.tz else text
    if pa.types.is_float32(kind):
        reals = (None if value is None else java_real(value) for value in column.to_pylist())
        return pa.chunked_array([pa.array(reals, pa.string())])
    if pa.types.is_nested(kind) or pa.types.is_floating(kind) or pa.types.is_binary(kind):
        values = (None if value is None else _value(value, kind) for value in column.to_pylist())
        return pa.chunked_array([pa.array(values, pa.string())])
    return column.cast(pa.string())


def _value(value: Any, kind: pa.DataType) -> str:  # noqa: ANN401, PLR0911 - any value of Arrow's
    """Print one value, nested or not."""
    if value is None:
        return "null"
    if pa.types.is_map(kind):
        pairs = ((_value(k, kind.key_type), _value(v, kind.item_type)) for k, v in value)
        return _entries(pairs)
    if pa.types.is_struct(kind):
        return _entries((field.name, _value(value[field.name], field.type)) for field in kind)
    if pa.types.is_nested(kind):
        return "[" + ", ".join(_value(item, kind.value_type) for item in value) + "]"
    if pa.types.is_float32(kind):
        return java_real(value)
    if pa.types.is_floating(kind):
        return java_double(value)
    if pa.types.is_binary(kind):
        return " ".join(f"{byte:02x}" for byte in value)
    return str(_column(pa.chunked_array([pa.array([value], kind)]))[0].as_py())


def _entries(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}={value}" for key, value in pairs) + "}"


def publish(execution: "Execution", s3: "S3Client") -> None:
    """Write the result file, and the file that describes its columns.

    Raises:
        QueryError: the output location does not accept it.
    """
    bucket, _, key = execution.location.removeprefix("s3://").partition("/")
    assert execution.result is not None  # noqa: S101 - a result is what is published
    if execution.result.written is not None:
        execution.manifest = f"{execution.output}{execution.id}-manifest.csv"
        key = execution.manifest.removeprefix(f"s3://{bucket}/")
        _put(s3, execution, bucket, {key: "\n".join(execution.result.written).encode()})
        return
    body = _csv(execution) if execution.kind == "DML" else _plain(execution)
    metadata = json.dumps({"ColumnInfo": execution.columns()}).encode()
    _put(s3, execution, bucket, {key: body, f"{key}.metadata": metadata})


def _put(s3: "S3Client", execution: "Execution", bucket: str, files: dict[str, bytes]) -> None:
    try:
        for key, body in files.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    except s3.exceptions.ClientError as error:
        raise QueryError(
            "INVALID_OUTPUT_LOCATION", f"cannot write {execution.location}: {error}"
        ) from error


def page(execution: "Execution", start: int, count: int) -> tuple[dict[str, Any], int | None]:
    """Cut one page out of a result, and say where the next page starts.

    The header of a query's result is its first row, as it is in Athena.
    """
    header = 1 if execution.kind == "DML" else 0
    table = execution.text
    rows: list[list[str | None]] = []
    if start < header:
        rows.append([column["Name"] for column in execution.columns()])
        count -= 1
    first = max(0, start - header)
    values = [column.to_pylist() for column in table.slice(first, count).columns]
    rows += [list(row) for row in zip(*values, strict=True)]
    end = first + count
    result_set = {
        "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
        "ResultSetMetadata": {"ColumnInfo": execution.columns()},
    }
    return result_set, end + header if end < table.num_rows else None


def _datum(value: str | None) -> dict[str, str]:
    return {} if value is None else {"VarCharValue": value}


def _csv(execution: "Execution") -> bytes:
    """Quote every value, and leave NULL empty without quotes."""
    target = io.BytesIO()
    names = (column["Name"].replace('"', '""') for column in execution.columns())
    target.write((",".join(f'"{name}"' for name in names) + "\n").encode())
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    csv.write_csv(execution.text, target, options)
    return target.getvalue()


def _plain(execution: "Execution") -> bytes:
    values = [column.to_pylist() for column in execution.text.columns]
    lines = ("\t".join(value or "" for value in row) for row in zip(*values, strict=True))
    return "".join(f"{line}\n" for line in lines).encode()
