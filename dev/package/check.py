"""Run by a bare interpreter over unpacked packages: `check.py FUNCTION CODE_DIR LAYER_DIR`.

Imports the handler as Lambda would, makes every client, and takes rows through Parquet and JSON.
Prints one JSON object of what it saw; any error ends it.
"""

import gzip
import importlib
import io
import json
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
    importlib.import_module("os").environ.update(_ENVIRONMENT)
    started = time.perf_counter()
    handler = importlib.import_module("handler")
    import_ms = (time.perf_counter() - started) * 1_000
    if not callable(handler.handler):
        raise SystemExit(f"the handler of {function} is no function")
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
    clients = importlib.import_module("clickstream_lake.lake.aws.clients")
    for make in (clients.s3_client, clients.glue_client, clients.sqs_client):
        make().close()


def transform(workdir: Path) -> dict[str, Any]:
    """Take events through the transform, and read both its files back."""
    core = importlib.import_module("clickstream_lake.transform.core")
    config = importlib.import_module("clickstream_lake.lake.config")
    layout = importlib.import_module("clickstream_lake.lake.layout")
    schema = importlib.import_module("clickstream_lake.lake.catalog")
    parquet = importlib.import_module("pyarrow.parquet")
    job = core.Job(
        source=layout.Layout().source("raw/year=2025/month=11/day=26/check.gz"),
        catalog=schema.load_catalog(),
        limits=config.Limits(),
        output=config.OutputOptions(),
        processed_ts=datetime(2025, 11, 26, tzinfo=UTC),
    )
    lines = [
        {"event_id": f"e{n}", "event_type": "click", "user_id": "u", "price": n / 4}
        for n in range(_EVENTS)
    ]
    raw = "".join(json.dumps(line) + "\n" for line in lines).encode()
    result = core.transform_stream(io.BytesIO(gzip.compress(raw)), job, workdir)
    table = parquet.read_table(result.parquet)
    written = [json.loads(line) for line in result.json.read_bytes().splitlines()]
    _expect(table.num_rows == len(written) == result.stats.published == _EVENTS, "rows")
    _expect("user_id" not in written[0] and "user_id" not in table.column_names, "PII is gone")
    _expect(table["price"].to_pylist() == [line["price"] for line in written], "values")
    # What the kernel declines comes out the same, by Python: that would work, and take long.
    rules = importlib.import_module("clickstream_lake.transform.rules.enrich").Rules(
        catalog=job.catalog,
        limits=job.limits,
        processed_ts=0,
        processed_ts_text="",
        partition_keys=(),
    )
    kernel = importlib.import_module("clickstream_lake.transform.rules.kernel").Kernel(rules)
    taken = [part.batch.num_rows for part in kernel.scan(raw) if not part.declined]
    _expect(sum(taken) == _EVENTS, "the kernel's speed")
    return {"rows": table.num_rows}


def compact(workdir: Path) -> dict[str, Any]:
    """Merge two files of either format, and read the merged ones back."""
    schema = importlib.import_module("clickstream_lake.lake.catalog")
    merging = importlib.import_module("clickstream_lake.compact.merge.merging")
    merge_json = importlib.import_module("clickstream_lake.compact.merge.merge_json").merge_json
    merge_parquet = importlib.import_module(
        "clickstream_lake.compact.merge.merge_parquet"
    ).merge_parquet
    pyarrow = importlib.import_module("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    catalog = schema.load_catalog()
    columns = {"event_id": ["e1", "e2"], "event_type": ["click", "view"]}
    rows = pyarrow.Table.from_pydict(columns)
    inputs: dict[str, list[Any]] = {"json": [], "parquet": []}
    for number in range(2):
        path = workdir / f"in-{number}"
        empty = catalog.arrow_schema().empty_table()
        whole = pyarrow.concat_tables([empty, rows], promote_options="default")
        parquet.write_table(whole, path.with_suffix(".parquet"), compression="zstd")
        path.with_suffix(".json").write_text('{"event_id":"e1"}\n{"event_id":"e2"}\n')
        for kind, found in inputs.items():
            version = catalog.schema_version
            found.append(merging.Input(path.with_suffix(f".{kind}"), schema_version=version))
    out = workdir / "merged"
    out.mkdir()
    (json_file,) = merge_json(inputs["json"], out, catalog=catalog).files
    (parquet_file,) = merge_parquet(inputs["parquet"], out, catalog=catalog).files
    once = sorted(columns["event_id"])
    table = parquet.read_table(parquet_file.path)
    lines = [json.loads(line) for line in json_file.path.read_bytes().splitlines()]
    _expect(sorted(table["event_id"].to_pylist()) == sorted(once + once), "Parquet rows")
    _expect(sorted(line["event_id"] for line in lines) == sorted(once + once), "JSON rows")
    return {"rows": table.num_rows}


def _expect(holds: bool, what: str) -> None:  # noqa: FBT001  # reads as a sentence
    if not holds:
        raise SystemExit(f"the packages do not keep {what}")


if __name__ == "__main__":
    main(*sys.argv[1:])
