import hashlib
import json
from copy import deepcopy
from typing import Any

import pyarrow as pa
import pytest

from clickstream_lake.lake.catalog import ClusterTerm
from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, parse_catalog
from clickstream_lake.lake.layout import Layout

Document = dict[str, Any]
DOCUMENT: Document = json.loads(CATALOG_PATH.read_text())


def column(document: Document, name: str) -> Document:
    return next(entry for entry in document["columns"] if entry["name"] == name)


def test_the_packaged_catalog_is_as_designed() -> None:
    catalog = load_catalog()
    assert {c.name: c.type for c in catalog.columns} == {
        **dict.fromkeys(
            ["event_id", "event_type", "session_id", "page_url", "referrer", "user_agent"], "string"
        ),
        **dict.fromkeys(["device_type", "country", "product_id", "extra"], "string"),
        "event_ts": "timestamp",
        "processed_ts": "timestamp",
        "price": "double",
        "quantity": "bigint",
        "properties": "json",
    }
    assert catalog.pii_keys == {"user_id"}
    assert catalog.partition_keys == ("year", "month", "day")


def test_a_timestamp_is_iso_8601_unless_the_catalog_says_more() -> None:
    formats = {column.name: column.time_formats for column in load_catalog().columns}
    assert formats["event_ts"] == ("iso", "sql", "auto_epoch")
    assert formats["processed_ts"] == ("iso",)
    document = deepcopy(DOCUMENT)
    column(document, "event_ts").pop("time_formats")
    assert parse_catalog(document).columns[2].time_formats == ("iso",)
    column(document, "event_ts")["time_formats"] = ["epoch_ns", "iso"]
    assert parse_catalog(document).columns[2].time_formats == ("iso", "epoch_ns")


def test_the_json_table_declares_no_json_and_no_extra() -> None:
    catalog = load_catalog()
    in_json = {entry["Name"]: entry["Type"] for entry in catalog.tables["json"].glue_columns()}
    in_parquet = {
        entry["Name"]: entry["Type"] for entry in catalog.tables["parquet"].glue_columns()
    }
    assert in_parquet.keys() - in_json.keys() == {"properties", "extra"}
    assert (in_json["event_ts"], in_parquet["event_ts"]) == ("string", "timestamp")
    assert list(in_parquet) == catalog.arrow_schema().names


def test_parquet_stores_utc_milliseconds() -> None:
    schema = load_catalog().arrow_schema()
    assert schema.field("event_ts").type == pa.timestamp("ms", tz="UTC")
    name = hashlib.sha256(CATALOG_PATH.read_bytes()).hexdigest().encode()
    assert schema.metadata[b"lake.catalog"] == name


def test_the_json_table_reads_by_hives_own_serde() -> None:
    table = load_catalog().glue_table_input("json", "lake")
    storage = table["StorageDescriptor"]
    serde = storage["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.apache.hive.hcatalog.data.JsonSerDe"
    assert storage["Location"] == "s3://lake/processed/json/"
    assert table["PartitionKeys"] == [
        {"Name": name, "Type": "string"} for name in ("year", "month", "day")
    ]


def test_events_are_ordered_in_time_by_the_first_time_that_rows_cluster_by() -> None:
    assert load_catalog().event_time == "event_ts"
    assert parse_catalog(DOCUMENT | {"cluster_by": ["event_type"]}).event_time == "processed_ts"


def test_rows_cluster_by_columns_hours_and_days() -> None:
    catalog = parse_catalog(DOCUMENT | {"cluster_by": ["day(event_ts)", "country"]})
    assert catalog.cluster_by == (ClusterTerm("event_ts", "day"), ClusterTerm("country"))
    assert load_catalog().cluster_columns == ("event_ts", "event_type")


def test_a_lake_may_lie_elsewhere_and_have_other_keys() -> None:
    layout = Layout(processed_prefix="web/out/", rejected_prefix="no/", partition_keys=("day",))
    tables = {
        name: load_catalog().glue_table_input(name, "lake", layout)
        for name in ("json", "parquet", "rejects")
    }
    assert {name: table["StorageDescriptor"]["Location"] for name, table in tables.items()} == {
        "json": "s3://lake/web/out/json/",
        "parquet": "s3://lake/web/out/parquet/",
        "rejects": "s3://lake/no/",
    }
    assert tables["json"]["PartitionKeys"] == [{"Name": "day", "Type": "string"}]


def test_a_layout_has_the_catalogs_keys_unless_told_otherwise() -> None:
    assert Layout().partition_keys == load_catalog().partition_keys


@pytest.mark.parametrize("key", ["user_id", "USER_ID", "User_Id"])
def test_pii_is_matched_without_regard_to_case(key: str) -> None:
    assert load_catalog().is_pii(key)
    assert not load_catalog().is_pii(key + "s")


@pytest.mark.parametrize("key", ["Event_Type", "EXTRA", "Processed_ts", "Year", "_col0", "_COL12"])
def test_what_the_serde_takes_for_a_column(key: str) -> None:
    catalog = load_catalog()
    assert catalog.taken_for_column(key, catalog.partition_keys)
    assert not catalog.taken_for_column(key + "x", catalog.partition_keys)
