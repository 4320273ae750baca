import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.errors import CatalogError

Document = dict[str, Any]
DOCUMENT: Document = json.loads(CATALOG_PATH.read_text())


def column(document: Document, name: str) -> Document:
    return next(entry for entry in document["columns"] if entry["name"] == name)


def in_a_circle(document: Document, *names: str) -> None:
    """Have each column take the field of the next one's name, and the last that of the first."""
    for name, source in zip(names, (*names[1:], names[0]), strict=True):
        column(document, name)["from"] = [source]


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
    "the hour of a text": (lambda d: d.update(cluster_by=["hour(country)"]), "no timestamp"),
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
    "a misspelt key": (lambda d: d.update(dedup_on="event_id"), "is it 'dedupe_on'?"),
    "a misspelt key of a column": (
        lambda d: column(d, "price").update(time_format=["iso"]),
        "is it 'time_formats'?",
    ),
    "a key of nothing": (lambda d: d.update(xyz=1), "drop it"),
    "a switch as a text": (lambda d: d.update(fold_names="no"), "true or false"),
    "columns as an object": (lambda d: d.update(columns={}), "a list of columns"),
    "a column as a text": (lambda d: d["columns"].append("price"), "a column is an object"),
    "tables as a list": (lambda d: d.update(tables=[]), "tables is an object"),
    "PII keys as a text": (lambda d: d.update(pii_keys="user_id"), "a list of texts"),
    "no partition keys": (lambda d: d.update(partition_keys=[]), "partition_keys"),
    "a partition key twice": (lambda d: d.update(partition_keys=["day", "day"]), "each once"),
    "types as a list": (lambda d: d["tables"]["json"].update(types=[1]), "catalog.schema.json"),
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
        "'raw_key': the lake itself",
    ),
    "a day that is none": (
        lambda d: column(d, "price").update(added="2026-02-30"),
        "'price': added is a day",
    ),
    "a day without dashes": (
        lambda d: column(d, "price").update(added="20261127"),
        "'price': added is a day",
    ),
    "a day in other words": (
        lambda d: column(d, "price").update(retired="27/11/2026"),
        "'price': retired is a day",
    ),
    "a column of ours that is new": (
        lambda d: column(d, "extra").update(added="2026-11-27"),
        "'extra': every table has it",
    ),
    "a column of ours from elsewhere": (
        lambda d: column(d, "extra").update({"from": ["rest"]}),
        "'extra': the lake itself",
    ),
    "what is retired from elsewhere": (
        lambda d: column(d, "price").update({"from": ["cost"], "retired": "2026-11-27"}),
        "'price': it is retired",
    ),
    "from nowhere": (lambda d: column(d, "price").update({"from": []}), "'price': from is a list"),
    "from one field twice": (
        lambda d: column(d, "price").update({"from": ["a", "a"]}),
        "'price': from is a list",
    ),
    "from a quoted field": (
        lambda d: column(d, "price").update({"from": ['a"b']}),
        "'price': from is a list",
    ),
    "from a text": (lambda d: column(d, "price").update({"from": "cost"}), "a list of texts"),
    "a field of two columns": (
        lambda d: [column(d, name).update({"from": ["cost"]}) for name in ("price", "quantity")],
        "'cost' has the values of 'price' already",
    ),
    "a field that is a column": (
        lambda d: column(d, "price").update({"from": ["quantity"]}),
        "'quantity' has the values of 'quantity' already",
    ),
    "two columns that take each other's fields": (
        lambda d: in_a_circle(d, "price", "quantity"),
        "'price' and 'quantity' take each other's fields",
    ),
    "three columns that take each other's fields": (
        lambda d: in_a_circle(d, "quantity", "price", "country"),
        "'country' and 'price' and 'quantity' take each other's fields",
    ),
    "a PII field": (
        lambda d: column(d, "price").update({"from": ["UserId"]}),
        "'UserId' is a PII key",
    ),
    "rejects from elsewhere": (
        lambda d: d["reject_columns"][0].update({"from": ["key"]}),
        "'raw_key': the lake itself",
    ),
    "a retired reject": (
        lambda d: d["reject_columns"][0].update(retired="2026-11-27"),
        "'raw_key': the lake itself",
    ),
    "rules of what is retired": (
        lambda d: column(d, "price").update(retired="2026-11-27", min=1),
        "'price': it is retired",
    ),
    "rows in the order of what is retired": (
        lambda d: column(d, "event_type").update(retired="2026-11-27"),
        "['event_type'] are retired",
    ),
    "a time that is none": (lambda d: column(d, "event_ts").update(min="26/11"), "'event_ts': min"),
    "ignoring a text": (lambda d: d.update(dedupe_ignore="price"), "a list of texts"),
    "ignoring a field twice": (lambda d: d.update(dedupe_ignore=["a", "a"]), "twice"),
    "ignoring the id": (
        lambda d: d.update(dedupe_on="event_id", dedupe_ignore=["event_id"]),
        "['event_id']",
    ),
    "ignoring extra": (lambda d: d.update(dedupe_ignore=["extra"]), "['extra']"),
    "a table of unknown columns": (lambda d: d["tables"]["json"].update(columns="x"), "'x'"),
    "another format's SerDe": (
        lambda d: d["tables"]["parquet"].update(serde=d["tables"]["json"]["serde"]),
        "table 'parquet': its serde is",
    ),
    "rejects as what they are not": (
        lambda d: d["tables"]["rejects"].update(serde="org.openx.data.jsonserde.JsonSerDe"),
        "table 'rejects': its serde is",
    ),
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


def test_a_catalog_that_says_nothing_of_filters_and_sizes_has_good_ones() -> None:
    document = {
        name: value
        for name, value in DOCUMENT.items()
        if name not in {"bloom", "row_group_rows", "page_rows"}
    }
    catalog = parse_catalog(document)
    assert (catalog.bloom, catalog.row_group_rows, catalog.page_rows) == ((), 262_144, 20_000)
