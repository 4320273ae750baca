"""Files of a table or of UNLOAD, written from rows that the embedded engine holds.

A row's partition is in its path, `key=value`, as Hive spells it, and not in the file.
"""

import datetime as dt
import gzip
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import orc

from clickstream_lake.sandbox.athena.results import as_text
from clickstream_lake.sandbox.athena.tables import DEFAULT_PARTITION, ELSEWHERE
from clickstream_lake.sandbox.errors import QueryError, not_supported

if TYPE_CHECKING:
    from clickstream_lake.sandbox.athena.statements.layout import Layout
    from clickstream_lake.sandbox.athena.storage import TableStorage

_MOST_PARTITIONS = 100  # of one statement, in Athena
_ESCAPED = re.compile(r"[\x00-\x1f\x7f\"#%'*/:=?\\{\[\]^]")
_ARROW_CODECS = {"NONE": "none"}
_TEXT_SUFFIXES = {"GZIP": ".gz", "NONE": ""}
_FIELD_DELIMITER = "\x01"
_NULL_TEXT = r"\N"

Values = tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """The files of one statement: their URIs, and the partitions that they are in."""

    files: list[str] = field(default_factory=list)
    partitions: dict[Values, str] = field(default_factory=dict)


def check_writable(layout: "Layout") -> None:
    """Refuse what the embedded engine cannot write although Athena can.

    Raises:
        QueryError: it is so.
    """
    if layout.iceberg:
        raise not_supported(f"Iceberg {ELSEWHERE}")
    if layout.buckets:
        raise not_supported(f"writing bucketed tables {ELSEWHERE}")
    if layout.format == "AVRO":
        raise not_supported(f"writing {layout.format} {ELSEWHERE}")
    if layout.format in {"JSON", "TEXTFILE"} and layout.codec not in _TEXT_SUFFIXES:
        raise not_supported(f"{layout.codec} of {layout.format} files {ELSEWHERE}")


def write_rows(
    rows: pa.Table,
    layout: "Layout",
    location: str,
    storage: "TableStorage",
    known: Mapping[Values, str] | None = None,
) -> Written:
    """Write rows, partition by partition.

    Args:
        rows: with columns named as in the table, partition columns last.
        layout: what `check_writable` has seen.
        location: the directory, with a `/` at its end.
        storage: takes the files.
        known: where partitions are that do not lie at the usual place.

    Raises:
        QueryError: they cannot be written so, or there are too many partitions.
    """
    written = Written()
    encode = _ENCODERS[layout.format]
    suffix = _TEXT_SUFFIXES[layout.codec] if layout.format in {"JSON", "TEXTFILE"} else ""
    for values, part in _partitions(rows, layout.keys):
        place = location
        if values:
            names = zip(layout.keys, values, strict=True)
            usual = location + "/".join(f"{key}={_escape(value)}" for key, value in names)
            place = (known or {}).get(values, usual).rstrip("/") + "/"
            written.partitions[values] = place.rstrip("/")
        uri = f"{place}{uuid.uuid4()}{suffix}"
        storage.write(uri, encode(part, layout))
        written.files.append(uri)
    return written


def _partitions(rows: pa.Table, keys: Sequence[str]) -> Iterator[tuple[Values, pa.Table]]:
    if not keys:
        if rows.num_rows:
            yield (), rows
        return
    text = as_text(rows.select(list(keys)))
    text = pa.table([pc.fill_null(one, "") for one in text.columns], names=list(keys))
    found = text.group_by(list(keys), use_threads=False).aggregate([]).to_pylist()
    if len(found) > _MOST_PARTITIONS:
        raise QueryError(
            "HIVE_TOO_MANY_OPEN_PARTITIONS",
            f"Exceeded limit of {_MOST_PARTITIONS} open writers for partitions/buckets",
        )
    data = rows.drop_columns(list(keys))
    for one in found:
        here = pa.scalar(value=True)
        for key in keys:
            here = pc.and_(here, pc.equal(text[key], one[key]))
        yield tuple(one[key] or DEFAULT_PARTITION for key in keys), data.filter(here)


def _escape(value: str) -> str:
    return _ESCAPED.sub(lambda match: f"%{ord(match[0]):02X}", value)


def _parquet(rows: pa.Table, layout: "Layout") -> bytes:
    target = io.BytesIO()
    codec = _ARROW_CODECS.get(layout.codec, layout.codec.lower())
    pq.write_table(rows, target, compression=codec)
    return target.getvalue()


def _orc(rows: pa.Table, layout: "Layout") -> bytes:
    target = io.BytesIO()
    codec = "uncompressed" if layout.codec == "NONE" else layout.codec.lower()
    orc.write_table(rows, target, compression=codec)
    return target.getvalue()


def _json(rows: pa.Table, layout: "Layout") -> bytes:
    lines = (json.dumps(_object(row), ensure_ascii=False) for row in rows.to_pylist())
    return _compressed("".join(f"{line}\n" for line in lines).encode(), layout)


def _object(value: Any) -> Any:  # noqa: ANN401, PLR0911 - of any type, and one return for each
    """Turn a value into what Hive's JSON SerDe reads back."""
    if isinstance(value, dict):
        return {key: _object(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):  # a map
            return {str(key): _object(item) for key, item in value}
        return [_object(item) for item in value]
    if isinstance(value, dt.datetime):
        return value.isoformat(" ", "milliseconds")
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _textfile(rows: pa.Table, layout: "Layout") -> bytes:
    for one in rows.schema:
        if pa.types.is_nested(one.type):
            raise not_supported(f"column {one.name} of type {one.type} in a text file {ELSEWHERE}")
    delimiter = layout.delimiter or _FIELD_DELIMITER
    columns = [column.to_pylist() for column in as_text(rows).columns]
    lines = (
        delimiter.join(_NULL_TEXT if value is None else value for value in row)
        for row in zip(*columns, strict=True)
    )
    return _compressed("".join(f"{line}\n" for line in lines).encode(), layout)


def _compressed(body: bytes, layout: "Layout") -> bytes:
    return gzip.compress(body) if layout.codec == "GZIP" else body


_ENCODERS: dict[str, Callable[[pa.Table, "Layout"], bytes]] = {
    "PARQUET": _parquet,
    "ORC": _orc,
    "JSON": _json,
    "TEXTFILE": _textfile,
}
