"""Run by a bare interpreter over unpacked packages: `check.py FUNCTION CODE_DIR LAYER_DIR`.

Imports the handler as Lambda would, makes every client, and takes rows through Parquet and JSON.
Prints one JSON object of what it saw; any error ends it.
"""

import gzip
import io
import json
import os
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_EVENTS = 1_000
_ENVIRONMENT = {
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_EC2_METADATA_DISABLED": "true",
    "LAKE_BUCKET": "lake",
    "LAKE_DATABASE": "lake",
}


def main(function: str, code: str, layer: str) -> None:
    """Check one function's package."""
    # Lambda's order: the function's own code before the layer's.
    sys.path[:0] = [code, layer]
    os.environ.update(_ENVIRONMENT)
    started = time.perf_counter()
    import handler  # type: ignore[import-not-found]  # at the root of the zip

    import_ms = (time.perf_counter() - started) * 1_000
    if not callable(handler.handler):
        raise SystemExit(f"the handler of {function} is not a function")
    make_clients()
    with tempfile.TemporaryDirectory() as directory:
        rows = {"transform": transform, "compact": compact}[function](Path(directory))
    foreign = [
        name
        for name, module in sys.modules.items()
        if "site-packages" in (getattr(module, "__file__", None) or "")
    ]
    if foreign:
        raise SystemExit(f"these modules came from outside the packages: {foreign}")
    print(json.dumps({"import_ms": round(import_ms), **rows}))  # the answer


def make_clients() -> None:
    """Make every client that the functions make: botocore's descriptions are there."""
    from clickstream_lake.lake.aws import clients

    for make in (clients.s3_client, clients.glue_client, clients.sqs_client):
        make().close()


def transform(workdir: Path, catalog: Any = None) -> dict[str, Any]:  # noqa: ANN401 - see `_fields`
    """Take events through the transform, and read back both its files."""
    import pyarrow.parquet as pq

    from clickstream_lake.lake.catalog_file import load_catalog
    from clickstream_lake.lake.config import Limits, OutputOptions
    from clickstream_lake.lake.layout import Layout
    from clickstream_lake.transform.core import Job, transform_stream
    from clickstream_lake.transform.rules.enrich import Rules
    from clickstream_lake.transform.rules.kernel import Kernel
    from clickstream_lake.transform.rules.native import library

    job = Job(
        source=Layout().source("raw/year=2025/month=11/day=26/check.gz"),
        catalog=catalog or load_catalog(),
        limits=Limits(),
        output=OutputOptions(),
        processed_ts=datetime(2025, 11, 26, tzinfo=UTC),
    )
    personal = dict.fromkeys(job.catalog.pii_keys, "u")
    lines = [_fields(job.catalog, n) | personal for n in range(_EVENTS)]
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    result = transform_stream(io.BytesIO(gzip.compress(raw)), job, workdir)
    if not result.files:
        raise SystemExit("the packages write no file")
    table = pq.read_table(result.files["parquet"])
    written = [json.loads(line) for line in result.files["json"].read_bytes().splitlines()]
    _expect(table.num_rows == len(written) == result.stats.published == _EVENTS, "rows")
    _expect(not personal.keys() & {*written[0], *table.column_names}, "PII out")
    sent = [_fields(job.catalog, n) for n in range(_EVENTS)]
    _expect(table.select(list(sent[0])).to_pylist() == sent, "Parquet values")
    _expect([{name: line[name] for name in sent[0]} for line in written] == sent, "JSON values")
    # Python gives the same without a kernel: that would work, but slowly.
    rules = Rules(
        catalog=job.catalog,
        limits=job.limits,
        processed_ts=0,
        processed_ts_text="",
        partition_keys=(),
    )
    parts = Kernel(rules).scan(raw, 1, 0)
    taken = sum(batch.num_rows for part in parts for batch in part.batches)
    _expect(taken == _EVENTS and not library.missing(), "the kernel's speed")
    return {"rows": table.num_rows}


def compact(workdir: Path, catalog: Any = None) -> dict[str, Any]:  # noqa: ANN401 - see `_fields`
    """Merge two files of either format, and read the merged ones back."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from clickstream_lake.compact.merge.json import merge_json
    from clickstream_lake.compact.merge.merging import Input
    from clickstream_lake.compact.merge.parquet import merge_parquet
    from clickstream_lake.lake.catalog_file import load_catalog

    catalog = catalog or load_catalog()
    sent = [_fields(catalog, n) for n in range(2)]
    rows = pa.Table.from_pylist(sent, schema=catalog.arrow_schema())
    inputs: dict[str, list[Any]] = {"json": [], "parquet": []}
    for number in range(2):
        path = workdir / f"in-{number}"
        pq.write_table(rows, path.with_suffix(".parquet"), compression="zstd")
        path.with_suffix(".json").write_text("".join(json.dumps(line) + "\n" for line in sent))
        for kind, found in inputs.items():
            found.append(Input(path.with_suffix(f".{kind}"), catalog=catalog.sha256))
    out = workdir / "merged"
    out.mkdir()
    (json_file,) = merge_json(inputs["json"], out, catalog=catalog).files
    (parquet_file,) = merge_parquet(inputs["parquet"], out, catalog=catalog).files
    twice = [sent[0], sent[0], sent[1], sent[1]]
    table = pq.read_table(parquet_file.path)
    lines = [json.loads(line) for line in json_file.path.read_bytes().splitlines()]
    # Every text names its row.
    _expect(sorted(table.select(list(sent[0])).to_pylist(), key=str) == twice, "Parquet rows")
    _expect(sorted(lines, key=str) == twice, "JSON rows")
    return {"rows": table.num_rows}


def _fields(catalog: Any, number: int) -> dict[str, Any]:  # noqa: ANN401 - the package's, not ours
    """An event by the catalog: a value for each column that Parquet and JSON write alike."""
    values = {
        "string": f"text {number}",
        "bigint": number,
        "double": number / 4,
        "boolean": number % 2 == 0,
    }
    return {
        column.name: values[column.type]
        for column in catalog.tables["json"].columns
        if column.type in values
    }


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not holds:
        raise SystemExit(f"the packages do not keep {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
