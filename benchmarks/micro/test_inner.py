"""The cost of the transform's inner functions: `pytest benchmarks/micro`, never in the suite.

Compare with an earlier run: `pytest benchmarks/micro --benchmark-autosave --benchmark-compare`.
"""

import io
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from isal import igzip

from clickstream_lake.generate.events import generate_events
from clickstream_lake.lake.catalog_file import load_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.transform.read.gunzip import gunzip
from clickstream_lake.transform.read.lines import blocks
from clickstream_lake.transform.rules.enrich import Enriched, Enricher, Rules
from clickstream_lake.transform.rules.kernel import Kernel
from clickstream_lake.transform.write.json import JsonOutput
from clickstream_lake.transform.write.parquet import ParquetOutput

EVENTS: Final = 20_000
_RULES: Final = Rules(
    catalog=load_catalog(),
    limits=Limits(),
    processed_ts=1_764_158_400_000,
    processed_ts_text="2025-11-26T12:00:00.000Z",
    partition_keys=("year", "month", "day"),
)


@pytest.fixture(scope="module")
def text() -> bytes:
    return b"".join(generate_events(1, EVENTS, datetime(2025, 11, 26, tzinfo=UTC)))


@pytest.fixture(scope="module")
def pieces(text: bytes) -> list[bytes]:
    """The text as the kernel gets it."""
    limits = Limits()
    found = blocks(gunzip(io.BytesIO(igzip.compress(text)), limits), limits.max_line_bytes)
    return [block.data for block in found]


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(_RULES)


def test_decompress(benchmark: Any, text: bytes) -> None:
    raw = igzip.compress(text)
    size = benchmark(lambda: sum(map(len, gunzip(io.BytesIO(raw), Limits()))))
    assert size == len(text)


def test_enrich_by_the_kernel(benchmark: Any, kernel: Kernel, pieces: list[bytes]) -> None:
    """Parse, enrich and columnarise, which the kernel does at once."""

    def enrich() -> int:
        parts = (part for piece in pieces for part in kernel.scan(piece, 1, 0))
        return sum(batch.num_rows for part in parts for batch in part.batches)

    assert benchmark(enrich) == EVENTS


def test_enrich_line_by_line(benchmark: Any, text: bytes) -> None:
    enricher = Enricher(_RULES)
    lines = text.split(b"\n")[:2_000]

    def enrich() -> int:
        done = Enriched()
        return sum(len(enricher.line(line, n, 0, done)) for n, line in enumerate(lines))

    assert benchmark(enrich) == len(lines)


def test_encode_parquet(
    benchmark: Any, kernel: Kernel, pieces: list[bytes], tmp_path: Path
) -> None:
    parts = (part for piece in pieces for part in kernel.scan(piece, 1, 0))
    batches = [batch for part in parts for batch in part.batches]

    def encode() -> int:
        path = tmp_path / "events.parquet"
        with closing(ParquetOutput(path, load_catalog(), OutputOptions())) as output:
            for batch in batches:
                output.write_batch(batch)
            output.finish()
        return path.stat().st_size

    assert benchmark(encode) > EVENTS


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_encode_json(
    benchmark: Any, kernel: Kernel, pieces: list[bytes], tmp_path: Path, compression: Any
) -> None:
    parts = (part for piece in pieces for part in kernel.scan(piece, 1, 0))
    written = [bytes(lines) for part in parts for lines in part.json]

    def encode() -> int:
        path = tmp_path / "events.json"
        options = OutputOptions(json_compression=compression)
        with closing(JsonOutput(path, load_catalog(), options)) as output:
            for lines in written:
                output.write(lines)
        return path.stat().st_size

    assert benchmark(encode) > EVENTS
