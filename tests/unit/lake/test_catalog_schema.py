"""The JSON Schema says no more and, where a schema can, no less than the code does."""

import json
from copy import deepcopy
from dataclasses import fields
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it ships no types

from clickstream_lake.lake.catalog import COLUMN_TYPES, TIME_FORMATS, Column, TableFormat
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.catalogs import SCHEMA_PATH
from clickstream_lake.lake.quality import ENTRIES
from tests.catalogs import CATALOGS
from tests.unit.lake.test_catalog_file import BAD, DOCUMENT

SCHEMA: dict[str, Any] = json.loads(SCHEMA_PATH.read_text(encoding="utf-8"))
# What two places say of each other, which a schema cannot see.
BETWEEN_PLACES = {
    "a column twice",
    "no processed_ts",
    "processed_ts as text",
    "no extra",
    "extra in JSON",
    "a PII column",
    "a PII column in other case",
    "a PII column in another spelling",
    "a PII key of dashes",
    "a long PII key",
    "URLs that are numbers",
    "a column like a partition",
    "unknown dedupe_on",
    "unknown cluster_by",
    "the hour of a text",
    "the day of nothing",
    "unknown bloom",
    "a Bloom filter of prices",
    "formats of a text",
    "formats of ours",
    "two units",
    "a guess beside a unit",
    "required JSON",
    "a rule of ours",
    "a rule of extra",
    "a rule of rejects",
    "a time that is none",
    "a day that is none",
    "a column of ours that is new",
    "a retired reject",
    "a column of ours from elsewhere",
    "what is retired from elsewhere",
    "a field of two columns",
    "a field that is a column",
    "two columns that take each other's fields",
    "three columns that take each other's fields",
    "a PII field",
    "rejects from elsewhere",
    "rules of what is retired",
    "rows in the order of what is retired",
    "ignoring the id",
    "ignoring extra",
    "another format's SerDe",
    "rejects as what they are not",
}


def complaints(document: object) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", [CATALOG_PATH, *CATALOGS], ids=lambda path: path.stem)
def test_good_catalogs_name_the_schema_and_keep_it(path: Any) -> None:  # noqa: ANN401 - a Path
    document = json.loads(path.read_text(encoding="utf-8"))
    assert complaints(document) == []
    assert (path.parent / document["$schema"]).resolve() == SCHEMA_PATH


@pytest.mark.parametrize("name", BAD)
def test_what_the_code_refuses_by_itself_the_schema_does(name: str) -> None:
    document = deepcopy(DOCUMENT)
    BAD[name][0](document)
    assert bool(complaints(document)) == (name not in BETWEEN_PLACES)


def test_the_schema_has_the_keys_that_the_code_reads() -> None:
    own, column, table = (
        SCHEMA["properties"],
        *(SCHEMA["$defs"][name]["properties"] for name in ("column", "table")),
    )
    assert set(column) == {field.name for field in fields(Column)} - {"quality", "sources"} | {
        *ENTRIES,
        "from",
    }
    assert set(table) == {field.name for field in fields(TableFormat)}
    assert column["type"]["enum"] == list(COLUMN_TYPES)
    assert column["time_formats"]["items"]["enum"] == list(TIME_FORMATS)
    assert set(table["types"]["properties"]) == set(COLUMN_TYPES)
    for name in own:
        # None of them is unknown, whatever else is wrong with it.
        parse_catalog({name: own[name].get("default", 1), **DOCUMENT})


def test_what_the_schema_lets_out_has_the_default_that_it_says() -> None:
    optional = SCHEMA["properties"].keys() - {*SCHEMA["required"], "$schema", "schema_version"}
    said = {name: SCHEMA["properties"][name]["default"] for name in optional}
    short = {name: value for name, value in DOCUMENT.items() if name not in optional}
    catalog, full = parse_catalog(short), parse_catalog(short | said)
    assert {name: getattr(catalog, name) for name in optional} == {
        name: getattr(full, name) for name in optional
    }
