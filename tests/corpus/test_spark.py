"""Spark reads the Parquet of everything nasty as pyarrow does; needs the extra `spark`."""

import random
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from isal import igzip

from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, transform_stream
from tests.corpus.cases import CASES
from tests.corpus.lake_files import CATALOG, PROCESSED, RAW_KEY
from tests.fuzz.hostile import Hostile


def _corpus() -> bytes:
    texts = [case.make() for case in CASES.values() if not case.raw]
    plain = [text for text in texts if len(text) < 1_000_000]
    return b"\n".join(plain)


def _fuzz() -> bytes:
    hostile = Hostile(random.Random(7))  # noqa: S311 - test data
    return hostile.mostly_plain(2_000) + hostile.object(2_000)


@pytest.mark.slow
@pytest.mark.parametrize("make", [_corpus, _fuzz], ids=["corpus", "fuzz"])
def test_spark_reads_the_same_rows(
    make: Any,  # noqa: ANN401 - one of the two above
    spark: Any,  # noqa: ANN401 - pyspark is optional
    tmp_path: Path,
) -> None:
    job = Job(Layout().source(RAW_KEY), CATALOG, Limits(), OutputOptions(), PROCESSED)
    result = transform_stream(BytesIO(igzip.compress(make())), job, tmp_path)
    file = result.files["parquet"]
    table = pq.read_table(file)
    times = [f.name for f in table.schema if pa.types.is_timestamp(f.type)]
    for name in times:
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table.column(at).cast(pa.int64()))
    wanted = [tuple(row.values()) for row in table.to_pylist()]
    assert len(wanted) > 100
    columns = [f"unix_millis({n}) AS {n}" if n in times else n for n in table.schema.names]
    found = spark.read.parquet(str(file)).selectExpr(*columns).collect()
    assert sorted(map(repr, map(tuple, found))) == sorted(map(repr, wanted))
