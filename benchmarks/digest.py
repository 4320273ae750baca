"""Do two sets of rows hold the same? No candidate may win by doing less than it claims.

DuckDB, which wrote none of our files, reads them all. It compares the number of rows and two
sums over the hashes of all rows, which do not depend on their order.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from clickstream_lake.lake.catalog import EXTRA
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.formats import Format

# Only what the catalog declares: no other candidate keeps the rest.
_COLUMNS: Final = {one.name: one.type for one in load_catalog().columns if one.name != EXTRA}
_TEXT: Final = [name for name, kind in _COLUMNS.items() if kind == "string"]
_INSTANTS: Final = [name for name, kind in _COLUMNS.items() if kind == "timestamp"]
# The keys that the generator gives `properties`.
_KEYS: Final = {
    "experiment": "VARCHAR",
    "scroll": "DOUBLE",
    "step": "BIGINT",
    "results": "BIGINT",
    "coupon": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows, and two sums over their hashes."""

    rows: int
    xor: int
    total: int


def whole_rows(fmt: Format, paths: Iterable[Path]) -> Digest:
    """Digest of files of one format: every column of Parquet, every byte of JSON lines.

    Columns are taken by name: merged files have them in an order of their own.
    """
    reader = {"json": "read_ndjson_objects", "parquet": "read_parquet"}[fmt]
    relation = f"{reader}({[str(path) for path in paths]})"
    with duckdb.connect() as connection:
        if fmt == "json":
            return _digest(connection, relation, ["t"])
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        return _digest(
            connection, relation, [f'"{name}"' for name in sorted(row[0] for row in described)]
        )


def answer(rows: pa.Table, columns: Sequence[str] | None = None) -> Digest:
    """Digest of a query's answer, as text.

    Args:
        rows: all of them.
        columns: the ones to compare; all by default. Times are compared as instants: the JSON
            table holds them as ISO 8601 text, the Parquet table as timestamps.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("answer", rows)
        return _digest(
            connection,
            "answer",
            [
                _instant(name) if name.endswith("_ts") else f'"{name}"'
                for name in columns or rows.column_names
            ],
        )


def events(path: Path) -> Digest:
    """Digest of any candidate's output, `.json`, `.json.gz` or `.parquet`, brought to one form.

    Raises:
        duckdb.Error: it lacks a column, or a value does not have the column's type.
        ValueError: it still has the PII column.
    """
    relation = f"read_parquet('{path}')"
    if path.suffix != ".parquet":
        names = (*_TEXT, *_INSTANTS, "price", "quantity", "properties", "user_id")
        texts = ", ".join(f"{name} ->> '$' AS {name}" for name in (*_TEXT, *_INSTANTS))
        relation = (
            f"(SELECT {texts}, price, quantity, properties, user_id FROM read_json('{path}', "  # noqa: S608 - our own paths
            f"format = 'newline_delimited', columns = {dict.fromkeys(names, 'JSON')}))"
        )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        described = connection.execute(f"DESCRIBE FROM {relation}").fetchall()
        columns = {name: kind for name, kind, *_ in described}
        if "user_id" in columns:
            found = connection.execute(
                f"SELECT count(user_id) FROM {relation}"  # noqa: S608 - our own paths
            ).fetchone()
            if found and found[0]:
                raise ValueError(f"user_id is still there, {found[0]} times")
        text = columns.get("properties") in {"VARCHAR", "JSON"}  # and not a struct
        properties = "CAST(properties AS JSON)" if text else "to_json(properties)"
        values = [f"CAST({name} AS VARCHAR)" for name in _TEXT]
        values += [_instant(name) for name in _INSTANTS]
        values += ["CAST(price AS DOUBLE)", "CAST(quantity AS BIGINT)"]
        values += [
            f"TRY_CAST(json_extract_string({properties}, '$.{key}') AS {kind})"
            for key, kind in _KEYS.items()
        ]
        return _digest(connection, relation, values)


def _instant(name: str) -> str:
    return f'epoch_ms(CAST("{name}" AS TIMESTAMPTZ))'


def _digest(connection: duckdb.DuckDBPyConnection, relation: str, values: Sequence[str]) -> Digest:
    row = connection.execute(
        f"SELECT count(*), bit_xor(h), sum(h) FROM (SELECT hash({', '.join(values)}) AS h "  # noqa: S608 - our own paths
        f"FROM {relation} AS t)"
    ).fetchone()
    if row is None or row[0] == 0:
        return Digest(0, 0, 0)
    return Digest(*map(int, row))
