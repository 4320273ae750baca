"""Columns are named by the catalog alone: with all others renamed, everything goes on working."""

import copy
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from clickstream_lake.compact.merge.dedupe import find_duplicates
from clickstream_lake.compact.merge.json import merge_json
from clickstream_lake.compact.merge.merging import Input
from clickstream_lake.compact.merge.parquet import merge_parquet
from clickstream_lake.lake.catalog import EXTRA, PROCESSED_TS, Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.lake.formats import FORMATS
from clickstream_lake.lake.layout import Layout
from clickstream_lake.transform.core import Job, TransformResult, transform_stream
from dev.package import check

KEPT = {PROCESSED_TS, EXTRA}


@pytest.fixture(scope="module")
def renamed() -> Catalog:
    document = copy.deepcopy(json.loads(CATALOG_PATH.read_text(encoding="utf-8")))
    for column in document["columns"]:
        if column["name"] not in KEPT:
            column["name"] = f"my_{column['name']}"
    document["cluster_by"] = ["hour(my_event_ts)", "my_event_type", "my_event_ts"]
    document["bloom"] = ["my_event_id"]
    document["dedupe_on"] = "my_event_id"
    document["dedupe_ignore"] = ["my_event_ts"]
    return parse_catalog(document)


def landed(catalog: Catalog, folder: Path, name: str, *ids: str) -> TransformResult:
    """Landing files of one raw object; an id's events differ in time."""
    events = [
        {
            "my_event_id": found,
            "my_event_type": "b" if at % 2 else "a",
            "my_event_ts": f"2025-11-26T{23 - at:02}:00:00Z",
            "event_id": "no column",
        }
        for at, found in enumerate(ids)
    ]
    text = "".join(json.dumps(event) + "\n" for event in events).encode()
    source = Layout().source(f"raw/year=2025/month=11/day=26/{name}.gz")
    now = datetime(2025, 11, 26, tzinfo=UTC)
    job = Job(source, catalog, Limits(), OutputOptions(), now)
    return transform_stream(io.BytesIO(gzip.compress(text)), job, folder)


def test_renamed_columns_go_through_transform_and_compaction(
    renamed: Catalog, tmp_path: Path
) -> None:
    results = [landed(renamed, tmp_path, "one", "x", "y", "x"), landed(renamed, tmp_path, "two")]
    for fmt in FORMATS:
        inputs = [Input(result.files[fmt], renamed.sha256) for result in results]
        drops = find_duplicates(fmt, inputs, catalog=renamed, workdir=tmp_path).drops
        merge = merge_json if fmt == "json" else merge_parquet
        kept = [
            Input(entry.source, entry.catalog, drop)
            for entry, drop in zip(inputs, drops, strict=True)
        ]
        (merged,) = merge(kept, tmp_path, catalog=renamed, stem="m").files
        if fmt == "json":
            rows = [json.loads(line) for line in merged.path.read_bytes().splitlines()]
            # Of the two with one id the earlier stays, which came last.
            assert [(row["my_event_id"], row["my_event_ts"][11:13]) for row in rows] == [
                ("y", "22"),
                ("x", "21"),
            ]
        else:
            table = pq.read_table(merged.path)
            assert table["my_event_id"].to_pylist() == ["x", "y"]  # clustered: "a" before "b"
            assert [json.loads(text) for text in table["extra"].to_pylist()] == [
                {"event_id": "no column"}
            ] * 2


def test_the_packages_check_needs_no_column_by_its_name(renamed: Catalog, tmp_path: Path) -> None:
    assert check.transform(tmp_path, renamed)["rows"] == 1_000
    assert check.compact(tmp_path, renamed)["rows"] == 4
