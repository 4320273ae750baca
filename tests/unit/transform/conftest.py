import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, Stats, transform_stream
from clickstream_lake.transform.rules.native import library

RAW_KEY = "raw/year=2025/month=11/day=26/file.gz"
PROCESSED_TS = datetime(2025, 11, 26, 12, 0, 0, 123000, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """One raw object's outputs, as bytes and as rows."""

    json_bytes: bytes
    parquet: list[dict[str, Any]]
    rejects: list[dict[str, Any]]
    stats: Stats

    @property
    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.json_bytes.splitlines()]

    @property
    def reasons(self) -> list[str]:
        return [reject["reason"] for reject in self.rejects]


Transform = Callable[..., Outcome]


@pytest.fixture(params=["on", "off"], ids=["kernel", "line by line"])
def transform(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Transform:
    """Transform bytes of NDJSON (or, with `gz`, of a raw object), with a kernel and without."""
    monkeypatch.setenv(library.SETTING, request.param)

    def run(
        text: bytes = b"",
        *,
        gz: bytes | None = None,
        catalog: Catalog | None = None,
        output: OutputOptions | None = None,
        **limits: int,
    ) -> Outcome:
        job = Job(
            Layout().source(RAW_KEY),
            catalog or load_catalog(),
            Limits(**limits),
            output or OutputOptions(),
            PROCESSED_TS,
        )
        raw = io.BytesIO(gzip.compress(text) if gz is None else gz)
        result = transform_stream(raw, job, tmp_path)
        lines, table = result.files.get("json"), result.files.get("parquet")
        body = lines.read_bytes() if lines else b""
        if lines is not None and lines.suffix == ".gz":
            body = gzip.decompress(body)
        return Outcome(
            body,
            pq.read_table(table).to_pylist() if table else [],
            [json.loads(line) for line in result.rejects.read_bytes().splitlines()],
            result.stats,
        )

    return run
