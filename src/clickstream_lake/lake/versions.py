"""What a function says of itself when asked for its versions: that it loads, and sees Glue."""

import platform
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from clickstream_lake import __version__
from clickstream_lake.lake.errors import LakeError
from clickstream_lake.lake.lake import Lake


def versions(lake: Lake, tables: Iterable[str]) -> dict[str, Any]:
    """The versions of a function's parts, and what keeps it from reading each table's definition.

    No data are touched.

    Args:
        lake: the function's.
        tables: those that it uses: formats, and "rejects".
    """
    return {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "pyarrow": pa.__version__,
        "tables": {table: _obstacle(lake, table) for table in tables},
    }


def _obstacle(lake: Lake, table: str) -> str:
    try:
        lake.partitions.keys(lake.tables[table])
    except LakeError as error:
        return str(error)
    return ""
