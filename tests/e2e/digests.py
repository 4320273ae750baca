# ruff: noqa: PLC0415 - the packages are imported once their paths are known
"""Run by a bare interpreter: `digests.py RAW_DIRECTORY [PATH…]`, with paths to import from.

Transforms every raw object and prints, as JSON, the digest of each file that came of it.
"""

import hashlib
import json
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path


def main(raws: str, *paths: str) -> None:
    sys.path[:0] = paths
    import pyarrow as pa

    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import Limits, OutputOptions
    from clickstream_lake.lake.layout import Layout
    from clickstream_lake.transform.core import Job, transform_stream
    from clickstream_lake.transform.rules.native import library

    found = {}
    for raw in sorted(Path(raws).iterdir()):
        source = Layout().source(f"raw/year=2025/month=11/day=26/{raw.stem}.gz")
        now = datetime(2025, 11, 26, tzinfo=UTC)
        job = Job(source, load_catalog(), Limits(), OutputOptions(), now)
        with tempfile.TemporaryDirectory() as directory, raw.open("rb") as stream:
            made = transform_stream(stream, job, Path(directory))
            found[raw.stem] = {
                kind: hashlib.sha256(path.read_bytes()).hexdigest() if path else None
                for kind, path in (
                    *((fmt, made.files.get(fmt)) for fmt in ("json", "parquet")),
                    ("rejects", made.rejects),
                )
            }
    seen = {
        "machine": platform.machine(),
        "python": platform.python_version(),
        "pyarrow": pa.__version__,
        "kernel": not library.missing(),
        "digests": found,
    }
    print(json.dumps(seen))  # noqa: T201 - the answer


if __name__ == "__main__":
    main(*sys.argv[1:])
