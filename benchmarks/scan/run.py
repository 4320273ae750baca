"""Asks Athena, or what stands in for it, and notes what it scanned and what it answered."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from clickstream_lake.lake.errors import LakeError
from clickstream_lake.sandbox.athena import billing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_s3 import S3Client

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 1.0


class BenchmarkError(LakeError):
    """The benchmark cannot go on; the message says why."""


@dataclass(frozen=True)
class Measurement:
    """One query on one layout.

    Attributes:
        predicted: bytes, told from listings and footers before the query ran.
        scanned: bytes, as Athena reports them.
        measured: bytes, as another engine asked for them; None where nobody measured.
        requests: GETs to S3 that reading takes at the least.
        milliseconds: the engine's time.
        rows: of the answer; `digest` is of all of them in any order.
    """

    query: str
    layout: str
    predicted: int
    scanned: int
    measured: int | None
    requests: int
    milliseconds: int
    rows: int
    digest: str

    @property
    def billed(self) -> int:
        """Bytes that Athena charges for."""
        return billing.billed_bytes(self.scanned)

    def as_json(self) -> dict[str, Any]:
        """All figures, by name."""
        return {**asdict(self), "billed": self.billed, "dollars": billing.dollars(self.billed)}


@dataclass(frozen=True)
class Answer:
    """What a statement came to."""

    scanned: int
    milliseconds: int
    rows: pa.Table


class Runner:
    """Runs statements through the Athena API."""

    def __init__(
        self, athena: AthenaClient, s3: S3Client, *, database: str, workgroup: str, output: str
    ) -> None:
        """Run in one database and workgroup; results go to `output` or where the group says."""
        self._athena = athena
        self._s3 = s3
        self._context = {"Database": database}
        self._workgroup = workgroup
        self._output = output

    def run(self, sql: str) -> Answer:
        """Run one query to its end.

        Raises:
            BenchmarkError: it did not succeed.
        """
        started = self._athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": self._context["Database"]},
            WorkGroup=self._workgroup,
            ResultConfiguration={"OutputLocation": self._output},
        )
        pause = _FIRST_PAUSE_SECONDS
        while True:
            execution = self._athena.get_query_execution(
                QueryExecutionId=started["QueryExecutionId"]
            )["QueryExecution"]
            state = execution["Status"]["State"]
            if state not in {"QUEUED", "RUNNING"}:
                break
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        if state != "SUCCEEDED":
            reason = execution["Status"].get("StateChangeReason", state)
            raise BenchmarkError(f"a query did not succeed: {reason}\n{sql}")
        return Answer(
            scanned=execution["Statistics"].get("DataScannedInBytes", 0),
            milliseconds=execution["Statistics"].get("EngineExecutionTimeInMillis", 0),
            rows=self._rows(execution["ResultConfiguration"]["OutputLocation"]),
        )

    def _rows(self, location: str) -> pa.Table:
        bucket, _, key = location.removeprefix("s3://").partition("/")
        body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        names = csv.open_csv(io.BytesIO(body)).schema.names
        return csv.read_csv(
            io.BytesIO(body),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )


def digest(rows: pa.Table, columns: Iterable[str] | None = None) -> str:
    """Fingerprint rows without regard to their order.

    Args:
        rows: all of them as text.
        columns: the ones to compare; all by default. Times are compared as instants: the JSON
            table holds them as ISO 8601 text, the Parquet table as timestamps.
    """
    table = rows.select(list(columns or rows.column_names))
    arrays = [
        _instants(column) if name.endswith("_ts") else column
        for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    names = table.column_names
    ordered = pa.table(arrays, names).sort_by([(name, "ascending") for name in names])
    target = io.BytesIO()
    csv.write_csv(ordered, target)
    return hashlib.sha256(target.getvalue()).hexdigest()


def _instants(column: pa.ChunkedArray) -> pa.ChunkedArray:
    text = pc.replace_substring(pc.utf8_rtrim(column, "Z"), "T", " ")
    return text.cast(pa.timestamp("ms")).cast(pa.string())
