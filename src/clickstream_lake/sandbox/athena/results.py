"""Result files, at the places and in the formats where Athena's clients look for them."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from pyarrow import csv

from clickstream_lake.sandbox.athena.errors import QueryError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from clickstream_lake.sandbox.athena.executions import Execution


def publish(execution: Execution, s3: S3Client) -> None:
    """Write the result file, and the file that describes its columns.

    Raises:
        QueryError: the output location does not take it.
    """
    bucket, _, key = execution.location.removeprefix("s3://").partition("/")
    assert execution.result is not None  # noqa: S101  # a result is what is published
    if execution.result.written:
        execution.manifest = f"{execution.output}{execution.id}-manifest.csv"
        key = execution.manifest.removeprefix(f"s3://{bucket}/")
        _put(s3, execution, bucket, {key: "\n".join(execution.result.written).encode()})
        return
    body = _csv(execution) if execution.kind == "DML" else _plain(execution)
    metadata = json.dumps({"ColumnInfo": execution.columns()}).encode()
    _put(s3, execution, bucket, {key: body, f"{key}.metadata": metadata})


def _put(s3: S3Client, execution: Execution, bucket: str, files: dict[str, bytes]) -> None:
    try:
        for key, body in files.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
    except s3.exceptions.ClientError as error:
        raise QueryError(
            "INVALID_OUTPUT_LOCATION", f"cannot write {execution.location}: {error}"
        ) from error


def page(execution: Execution, start: int, count: int) -> tuple[dict[str, Any], int | None]:
    """Cut one page out of a result, and say where the next one starts.

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


def _csv(execution: Execution) -> bytes:
    """Quote every value, and leave NULL empty without quotes."""
    target = io.BytesIO()
    names = (column["Name"].replace('"', '""') for column in execution.columns())
    target.write((",".join(f'"{name}"' for name in names) + "\n").encode())
    options = csv.WriteOptions(include_header=False, quoting_style="all_valid")
    csv.write_csv(execution.text, target, options)
    return target.getvalue()


def _plain(execution: Execution) -> bytes:
    values = [column.to_pylist() for column in execution.text.columns]
    lines = ("\t".join(value or "" for value in row) for row in zip(*values, strict=True))
    return "".join(f"{line}\n" for line in lines).encode()
