"""Do two outputs hold the same events? Nobody wins by doing less than it says.

Both files are read by DuckDB, which wrote neither of ours, and brought to one form: instants,
numbers, and `properties` by the keys that the generator gives them. What is compared is the number
of rows and two sums over the hashes of all rows, which do not depend on their order.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import duckdb

_TEXT: Final = (
    "event_id",
    "event_type",
    "session_id",
    "page_url",
    "referrer",
    "user_agent",
    "device_type",
    "country",
    "product_id",
)
_KEYS: Final = {
    "experiment": "VARCHAR",
    "scroll": "DOUBLE",
    "step": "BIGINT",
    "results": "BIGINT",
    "coupon": "BOOLEAN",
}


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows of a file and sums over their hashes, without regard to order."""

    rows: int
    xor: int
    total: int


def parquet_digest(path: Path) -> Digest:
    """Digest of a Parquet output.

    Raises:
        duckdb.Error: it lacks a column, or a value does not have the column's type.
        ValueError: it still has the PII column.
    """
    return _digest(f"read_parquet('{path}')")


def json_digest(path: Path) -> Digest:
    """Digest of an NDJSON output, plain or gzip; raises what `parquet_digest` raises."""
    columns = ", ".join(
        f"{name}: 'JSON'"
        for name in (
            *_TEXT,
            "event_ts",
            "processed_ts",
            "price",
            "quantity",
            "properties",
            "user_id",
        )
    )
    texts = ", ".join(f"{name} ->> '$' AS {name}" for name in (*_TEXT, "event_ts", "processed_ts"))
    return _digest(
        f"(SELECT {texts}, price, quantity, properties, user_id FROM read_json('{path}', "  # noqa: S608 - our own paths
        f"format = 'newline_delimited', columns = {{{columns}}}))"
    )


def _digest(relation: str) -> Digest:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        names = {row[0] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()}
        if "user_id" in names:
            found = connection.execute(
                f"SELECT count(user_id) FROM {relation}"  # noqa: S608 - our own paths
            ).fetchone()
            if found and found[0]:
                raise ValueError(f"user_id is still there, {found[0]} times")
        values = [f"CAST({name} AS VARCHAR)" for name in _TEXT]
        values += [
            f"epoch_ms(CAST({name} AS TIMESTAMPTZ))" for name in ("event_ts", "processed_ts")
        ]
        values += ["CAST(price AS DOUBLE)", "CAST(quantity AS BIGINT)"]
        text = _is_text(connection, relation)
        properties = "CAST(properties AS JSON)" if text else "to_json(properties)"
        values += [
            f"TRY_CAST(json_extract_string({properties}, '$.{key}') AS {kind})"
            for key, kind in _KEYS.items()
        ]
        row = connection.execute(
            f"SELECT count(*), bit_xor(h), sum(h) FROM (SELECT hash({', '.join(values)}) AS h "  # noqa: S608 - our own paths
            f"FROM {relation})"
        ).fetchone()
    if row is None or row[0] == 0:
        return Digest(0, 0, 0)
    return Digest(int(row[0]), int(row[1]), int(row[2]))


def _is_text(connection: duckdb.DuckDBPyConnection, relation: str) -> bool:
    """Whether `properties` is JSON text and not a struct."""
    kinds = {row[0]: row[1] for row in connection.execute(f"DESCRIBE FROM {relation}").fetchall()}
    return kinds.get("properties") in {"VARCHAR", "JSON"}
