"""Columns that a simulated catalog gets, and what queries see in them by a partition's list.

The reader here goes by the list that a partition declares, as Athena does where it reads JSON by
AWS's documents: it takes a column that is not on it for NULL, and fails on a value that does not
fit one that is.
"""

import gzip
import json
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, Final
from zlib import crc32

import pyarrow as pa
import pyarrow.parquet as pq

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog

MARKS: Final = ("mark_a", "mark_b", "mark_c")
"""Fields that a catalog may take for personal, so that files show which one made them."""

# In the middle of the file, and at the end of the tables. Producers send the first all along under
# the column's own name, and not always as a number; the second under another one.
_ADDED: Final[tuple[dict[str, Any], ...]] = (
    {"name": "coupon", "type": "bigint", "added": "2025-11-26"},
    {"name": "score", "type": "string", "from": ["points"], "added": "2025-11-27"},
)
ADDED: Final = frozenset(entry["name"] for entry in _ADDED)
STAGES: Final = len(_ADDED) + 1
"""How many lists of columns there are: each has one column more than the last."""


@cache
def catalog_of(mark: str, stage: int) -> Catalog:
    """A catalog that takes a mark for personal, and has so many columns more than the first."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    document["pii_keys"] = [*document["pii_keys"], mark]
    document["columns"][2:2] = _ADDED[:stage]
    return parse_catalog(document)


def stage_of(catalog: Catalog) -> int:
    """How many columns more than the first catalog one has."""
    return len(ADDED & {column.name for column in catalog.columns})


def sent(row: str) -> dict[str, Any]:
    """What a producer sends in the fields of the columns that come later."""
    return {"coupon": _coupon(row) or {"code": row}, "points": row}


def due(row: str) -> dict[str, Any]:
    """What the columns have to show in the end."""
    return {"coupon": _coupon(row), "score": row}


def _coupon(row: str) -> int | None:
    return crc32(row.encode()) % 100 + 1 if crc32(row.encode()) % 3 else None


def misread(key: str, content: bytes, declared: Collection[str]) -> Iterator[str]:
    """What a query shows wrong, or fails on, in a file that is read by such a list."""
    for row, values in _rows(key, content):
        for name in sorted(ADDED & set(declared)):
            value = values[name]
            if value is not None and value != due(row)[name]:
                yield f"{name} of {row} is {value!r} in {key}"


def lacking(key: str, content: bytes, declared: Collection[str]) -> Iterator[str]:
    """What is not in its column yet, in a file that is read by such a list."""
    for row, values in _rows(key, content):
        for name in sorted(ADDED & set(declared)):
            if values[name] != due(row)[name]:
                yield f"{name} of {row} is {values[name]!r} in {key}"


def _rows(key: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    if key.endswith(".parquet"):
        names = {"event_id", *ADDED} & set(pq.read_schema(pa.BufferReader(content)).names)
        rows = pq.read_table(pa.BufferReader(content), columns=sorted(names)).to_pylist()
    else:
        text = gzip.decompress(content) if key.endswith(".gz") else content
        rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        yield row["event_id"], {name: row.get(name) for name in ADDED}
