import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pyarrow as pa
import pytest

from clickstream_lake.lake.catalog import CATALOG_PATH, ClusterTerm, load_catalog, parse_catalog
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.layout import Layout

Document = dict[str, Any]
DOCUMENT: Document = json.loads(CATALOG_PATH.read_text())


def column(document: Document, name: str) -> Document:
    return next(entry for entry in document["columns"] if entry["name"] == name)


BAD: dict[str, tuple[Callable[[Document], Any], str]] = {
    "upper case": (lambda d: column(d, "price").update(name="Price"), "'Price'"),
    "a dash": (lambda d: column(d, "price").update(name="unit-price"), "unit-price"),
    "an unknown type": (lambda d: column(d, "price").update(type="decimal"), "'decimal'"),
    "a column twice": (lambda d: d["columns"].append(column(d, "price")), "twice"),
    "no processed_ts": (lambda d: d["columns"].remove(column(d, "processed_ts")), "processed_ts"),
    "processed_ts as text": (
        lambda d: column(d, "processed_ts").update(type="string"),
        "processed_ts",
    ),
    "no extra": (lambda d: d["columns"].remove(column(d, "extra")), "extra"),
    "extra in JSON": (lambda d: column(d, "extra").pop("formats"), "extra"),
    "a PII column": (lambda d: column(d, "price").update(name="user_id"), "user_id"),
    "a PII column in other case": (lambda d: d["pii_keys"].append("PRICE"), "price"),
    "a PII column in another spelling": (
        lambda d: d["pii_keys"].append("Event-Type"),
        "event_type",
    ),
    "a PII key of dashes": (lambda d: d["pii_keys"].append("_-"), "a letter or digit"),
    "a long PII key": (lambda d: d["pii_keys"].append("é" * 128), "255 bytes"),
    "URLs that are numbers": (lambda d: column(d, "price").update(url=True), "'price'"),
    "a column like a partition": (lambda d: column(d, "price").update(name="year"), "year"),
    "unknown dedupe_on": (lambda d: d.update(dedupe_on="nothing"), "nothing"),
    "cluster_by of nothing": (lambda d: d.update(cluster_by=[]), "cluster_by"),
    "unknown cluster_by": (lambda d: d.update(cluster_by=["event_type", "nothing"]), "nothing"),
    "cluster_by of a formula": (lambda d: d.update(cluster_by=["week(event_ts)"]), "hour(column)"),
    "the hour of a text": (lambda d: d.update(cluster_by=["hour(country)"]), "no timestamps"),
    "the day of nothing": (lambda d: d.update(cluster_by=["day(nothing)"]), "nothing"),
    "unknown bloom": (lambda d: d.update(bloom=["nothing"]), "nothing"),
    "a Bloom filter of prices": (lambda d: d.update(bloom=["price"]), "price"),
    "tiny row groups": (lambda d: d.update(row_group_rows=10), "row_group_rows"),
    "pages as a text": (lambda d: d.update(page_rows="20000"), "page_rows"),
    "no cluster_by": (lambda d: d.pop("cluster_by"), "cluster_by"),
    "no JSON table": (lambda d: d["tables"].pop("json"), "json"),
    "a type left out": (lambda d: d["tables"]["json"]["types"].pop("json"), "json"),
    "no columns": (lambda d: d.pop("columns"), "columns"),
    "no PII keys": (lambda d: d.pop("pii_keys"), "pii_keys"),
    "no version": (lambda d: d.pop("schema_version"), "schema_version"),
    "a column without type": (lambda d: column(d, "price").pop("type"), "type"),
    "formats of a text": (lambda d: column(d, "price").update(time_formats=["iso"]), "timestamps"),
    "formats of ours": (
        lambda d: column(d, "processed_ts").update(time_formats=["iso"]),
        "'processed_ts'",
    ),
    "no format": (lambda d: column(d, "event_ts").update(time_formats=[]), "a list of some of iso"),
    "a format as a text": (
        lambda d: column(d, "event_ts").update(time_formats="iso"),
        "a list of some of iso",
    ),
    "an unknown format": (
        lambda d: column(d, "event_ts").update(time_formats=["iso", "rfc"]),
        "a list of some of iso",
    ),
    "a format twice": (
        lambda d: column(d, "event_ts").update(time_formats=["iso", "iso"]),
        "each once",
    ),
    "two units": (
        lambda d: column(d, "event_ts").update(time_formats=["epoch_s", "epoch_ms"]),
        "at most one",
    ),
    "a guess beside a unit": (
        lambda d: column(d, "event_ts").update(time_formats=["epoch_ms", "auto_epoch"]),
        "at most one",
    ),
    "required JSON": (
        lambda d: column(d, "properties").update(required=True),
        "column 'properties': required is for",
    ),
    "a rule of ours": (
        lambda d: column(d, "processed_ts").update(min="2020-01-01"),
        "column 'processed_ts': rules",
    ),
    "a rule of extra": (lambda d: column(d, "extra").update(max_length=9), "column 'extra': rules"),
    "a rule of rejects": (
        lambda d: d["reject_columns"][0].update(required=True),
        "reject_columns have rules: ['raw_key']",
    ),
    "a time that is none": (lambda d: column(d, "event_ts").update(min="26/11"), "'event_ts': min"),
    "ignoring a text": (lambda d: d.update(dedupe_ignore="price"), "a list of names"),
    "ignoring a field twice": (lambda d: d.update(dedupe_ignore=["a", "a"]), "twice"),
    "ignoring the id": (
        lambda d: d.update(dedupe_on="event_id", dedupe_ignore=["event_id"]),
        "['event_id']",
    ),
    "ignoring extra": (lambda d: d.update(dedupe_ignore=["extra"]), "['extra']"),
    "a table of unknown columns": (lambda d: d["tables"]["json"].update(columns="x"), "x"),
    "a table without SerDe": (lambda d: d["tables"]["json"].pop("serde"), "serde"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_entry_is_named(name: str) -> None:
    spoil, words = BAD[name]
    document = deepcopy(DOCUMENT)
    spoil(document)
    with pytest.raises(CatalogError) as caught:
        parse_catalog(document)
    assert words in str(caught.value)


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
    assert schema.metadata[b"lake.schema_version"] == b"1"


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


def test_a_catalog_that_says_nothing_of_filters_and_sizes_has_good_ones() -> None:
    document = {
        name: value
        for name, value in DOCUMENT.items()
        if name not in {"bloom", "row_group_rows", "page_rows"}
    }
    catalog = parse_catalog(document)
    assert (catalog.bloom, catalog.row_group_rows, catalog.page_rows) == ((), 262_144, 20_000)


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
