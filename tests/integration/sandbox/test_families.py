"""One sandbox with several families of events: each has its columns, partitions, PII and tables."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from clickstream_lake.demo.provision import LakeSettings, Stream, by_catalog, lake_sandbox
from clickstream_lake.generate.by_columns import generate_by_columns
from clickstream_lake.generate.firehose import FirehoseSink
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog
from clickstream_lake.sandbox.sandbox import Sandbox
from tests.catalogs import CATALOGS

FILES = {path.stem: path for path in CATALOGS}
FAMILIES = (
    Stream("web", CATALOG_PATH),
    Stream("orders", FILES["orders"], is_first=False),
    Stream("kiosk-app", FILES["app"], is_first=False),
)
PREFIXES = {"web": "", "orders": "orders/", "kiosk-app": "kiosk-app/"}
EVENTS = 40


@pytest.fixture(scope="module")
def lake() -> Iterator[Sandbox]:
    with lake_sandbox(provision=by_catalog(LakeSettings(streams=FAMILIES))) as sandbox:
        for number, family in enumerate(FAMILIES):
            send(sandbox, family, number)
        sandbox.flush()
        sandbox.wait_idle(timeout=120)
        yield sandbox


def send(sandbox: Sandbox, family: Stream, seed: int) -> None:
    catalog = load_catalog(family.catalog)
    now = datetime.now(UTC)
    lines = generate_by_columns(
        seed, EVENTS, now, 0.001, 0.0, columns=catalog.sent, personal=sorted(catalog.pii_keys)
    )
    records = (line.rstrip(b"\n") for line in lines)
    FirehoseSink(sandbox.client("firehose"), f"clickstream-{family.key}").send(records)


def tables(family: Stream) -> list[str]:
    before = "" if family.is_first else f"{family.key.replace('-', '_')}_"
    catalog = load_catalog(family.catalog)
    return [f"{before}{catalog.tables[fmt].name}" for fmt in ("json", "parquet")]


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_every_event_of_a_family_is_in_both_of_its_tables_by_its_columns(
    lake: Sandbox, family: Stream
) -> None:
    catalog = load_catalog(family.catalog)
    for table in tables(family):
        sql = f"SELECT COUNT(*), COUNT({catalog.event_time}) FROM {table}"  # noqa: S608 - ours
        assert [tuple(row) for row in lake.engine.execute(sql, lake.database).rows] == [
            (EVENTS, EVENTS)
        ]
        found = lake.client("glue").get_table(DatabaseName=lake.database, Name=table)["Table"]
        assert [key["Name"] for key in found["PartitionKeys"]] == list(catalog.partition_keys)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.key)
def test_a_familys_personal_data_is_removed_under_its_own_prefix(
    lake: Sandbox, family: Stream
) -> None:
    s3, prefix = lake.client("s3"), f"{PREFIXES[family.key]}processed/json/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=lake.bucket, Prefix=prefix)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    bodies = [
        s3.get_object(Bucket=lake.bucket, Key=key)["Body"].read()
        for key in keys
        if "READ-BY" not in key
    ]
    events = [json.loads(line) for body in bodies for line in body.splitlines()]
    assert len(events) == EVENTS
    catalog = load_catalog(family.catalog)
    assert not [name for event in events for name in event if catalog.is_pii(name)]


def test_each_family_has_alarms_and_saved_queries_of_its_own(lake: Sandbox) -> None:
    names = set(lake.alarms())
    for family in FAMILIES:
        assert f"clickstream-{family.key}-transform-dead-letters" in names
    assert len(names) == len(FAMILIES) * (len(names) - 1) // len(FAMILIES) + 1
    athena = lake.client("athena")
    ids = athena.list_named_queries(WorkGroup=lake.workgroup)["NamedQueryIds"]
    saved = athena.batch_get_named_query(NamedQueryIds=ids)["NamedQueries"]
    assert "clickstream-web: events per type" in {query["Name"] for query in saved}
    for query in saved:
        # Each can be run as it is, on columns that its family has.
        lake.engine.execute(query["QueryString"], lake.database)


def test_a_familys_partitions_are_compacted_by_its_own_function(lake: Sandbox) -> None:
    ticks = lake.tick("-compact")
    lake.wait_idle(timeout=120)
    assert len(ticks) == len(FAMILIES)
    assert all(stats.failures == 0 for stats in lake.functions.stats.values())
