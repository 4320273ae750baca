import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from functions.lake.errors import CatalogError
from functions.lake.schema import CATALOG_PATH, load_catalog, parse_catalog

DOCUMENT = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
Change = Callable[[dict[str, Any]], object]


def test_the_packaged_catalog_has_the_columns_of_the_readme() -> None:
    catalog = load_catalog()
    assert [column.name for column in catalog.columns] == [
        *("event_id", "event_type", "event_ts", "session_id", "page_url", "referrer"),
        *("user_agent", "device_type", "country", "product_id", "price", "quantity"),
        *("properties", "processed_ts", "extra"),
    ]
    assert catalog.pii_keys == {"user_id"}


def test_the_arrow_schema_has_utc_milliseconds_and_its_version() -> None:
    schema = load_catalog().arrow_schema()
    assert schema.field("event_ts").type == pa.timestamp("ms", tz="UTC")
    assert schema.field("quantity").type == pa.int64()
    assert schema.field("extra").type == pa.string()
    assert schema.metadata[b"lake.schema_version"] == b"1"


def test_the_json_table_declares_neither_json_columns_nor_extra() -> None:
    catalog = load_catalog()
    json_types = {c["Name"]: c["Type"] for c in catalog.glue_columns("json")}
    parquet_types = {c["Name"]: c["Type"] for c in catalog.glue_columns("parquet")}
    assert set(parquet_types) - set(json_types) == {"properties", "extra"}
    assert (json_types["event_ts"], parquet_types["event_ts"]) == ("string", "timestamp")


def test_a_table_input_names_location_serde_and_partition_keys() -> None:
    table = load_catalog().glue_table_input("json", "my-lake", partition_keys=["year", "hour"])
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "hour"]
    descriptor = table["StorageDescriptor"]
    assert descriptor["Location"] == "s3://my-lake/processed/json/"
    serde = descriptor["SerdeInfo"]["SerializationLibrary"]
    assert serde == "org.apache.hive.hcatalog.data.JsonSerDe"


@pytest.mark.parametrize("key", ["Event_Type", "_col0", "_COL12", "EXTRA", "year", "Processed_TS"])
def test_a_key_that_would_be_taken_for_a_column(key: str) -> None:
    assert load_catalog().taken_for_column(key, ("year",))


@pytest.mark.parametrize("key", ["other", "_col", "_colx", "col3", "hour", ""])
def test_a_key_that_would_not(key: str) -> None:
    assert not load_catalog().taken_for_column(key, ("year",))


def test_pii_keys_are_matched_without_regard_to_case() -> None:
    assert load_catalog().is_pii("User_ID")
    assert not load_catalog().is_pii("user_ids")


def add(**column: object) -> Change:
    return lambda document: document["columns"].append({"comment": "", **column})


def drop(name: str) -> Change:
    return lambda document: document.update(
        columns=[c for c in document["columns"] if c["name"] != name]
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (add(name="Upper", type="string"), "lower case"),
        (add(name="_col3", type="string"), "lower case"),
        (add(name="x", type="varchar"), "varchar"),
        (add(name="price", type="string"), "twice"),
        (add(name="user_id", type="string"), "PII key and a column"),
        (add(name="year", type="string"), "partition key and a column"),
        (drop("processed_ts"), "processed_ts"),
        (drop("extra"), "extra"),
        (lambda d: d.update(dedupe_on="nope"), "nope"),
        (lambda d: d["pii_keys"].append("e/mail"), "e/mail"),
        (lambda d: d["tables"].pop("rejects"), "rejects"),
        (lambda d: d["tables"]["json"]["types"].pop("json"), "json"),
        (lambda d: d.pop("columns"), "columns"),
    ],
)
def test_a_catalog_that_contradicts_itself_is_refused(change: Change, complaint: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    change(document)
    with pytest.raises(CatalogError, match=complaint):
        parse_catalog(document)


def test_a_catalog_is_read_from_any_path(tmp_path: Path) -> None:
    path = tmp_path / "catalog.json"
    path.write_text(json.dumps(DOCUMENT | {"schema_version": 9}))
    assert load_catalog(path).schema_version == 9
