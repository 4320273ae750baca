"""What rows come to, said by whoever has read them: equal digests are equal rows."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

Row = Sequence[Any]


def digest(columns: Sequence[tuple[str, str]], rows: Sequence[Row]) -> dict[str, Any]:
    """The number of rows, and of each column and of the whole rows a hash of all values.

    Args:
        columns: name and type of each.
        rows: in any order; times are milliseconds since 1970.
    """
    return {
        "rows": len(rows),
        "types": [list(column) for column in columns],
        "columns": {name: _hash([row[at] for row in rows]) for at, (name, _) in enumerate(columns)},
        "together": _hash([list(row) for row in rows]),
    }


def _hash(values: Sequence[Any]) -> str:
    texts = sorted(json.dumps(value) for value in values)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()
