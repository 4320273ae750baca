"""What becomes of events that break their columns' rules."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog

if TYPE_CHECKING:
    from tests.unit.transform.conftest import Transform

STAMP = "2025-11-26T12:00:00.123Z"


def ruled(column: str, **rules: object) -> Catalog:
    """The packaged catalog with rules of one column."""
    document = json.loads(CATALOG_PATH.read_text())
    (entry,) = (entry for entry in document["columns"] if entry["name"] == column)
    entry |= rules
    return parse_catalog(document)


@pytest.mark.parametrize(
    ("column", "rules", "good", "bad", "reason"),
    [
        ("country", {"enum": ["DE", "é"]}, '"\\u00e9"', '"de"', "not_in_enum"),
        ("country", {"enum": ["1.50"]}, "1.50", "1.5", "not_in_enum"),
        ("quantity", {"enum": [5, 2**53]}, "50e-1", "9007199254740993", "not_in_enum"),
        ("price", {"enum": [0, 1.5]}, "-0.0", "1", "not_in_enum"),
        ("country", {"pattern": "[A-Z]{2}"}, '"\\u0044E"', '"DEU"', "not_like_pattern"),
        ("country", {"pattern": "..?"}, '"日本"', '"日本語"', "not_like_pattern"),
        ("quantity", {"min": 2**53 + 1}, "9007199254740993", "9007199254740992", "below_min"),
        ("price", {"min": 0}, "-0.0", "-1e-300", "below_min"),
        ("price", {"max": 0.3}, "0.30", "0.30000000000000004", "above_max"),
        (
            "event_ts",
            {"min": "2020-01-01T00:00:00Z"},
            '"2020-01-01T01:00:00+01:00"',
            "1577836799999",
            "below_min",
        ),
        (
            "event_ts",
            {"max": "2020-01-01"},
            '"2020-01-01"',
            '"2020-01-01 00:00:00.001"',
            "above_max",
        ),
        ("country", {"max_length": 2}, '"\\ud83d\\ude00é"', '"abc"', "over_max_length"),
        ("country", {"max_length": 7}, '{ "a" : 1 }', '{"a":10}', "over_max_length"),
    ],
)
def test_a_value_that_breaks_a_rule_moves_or_rejects_its_event(  # noqa: PLR0917 - a table
    transform: "Transform", column: str, rules: dict[str, Any], good: str, bad: str, reason: str
) -> None:
    lines = "".join(
        f'{{"{column}":{value},"n":{n}}}\n' for n, value in enumerate((good, bad, "null"))
    ).encode()
    done = transform(lines, catalog=ruled(column, **rules))
    assert [row[column] is None for row in done.parquet] == [False, True, True]
    assert done.json_bytes.splitlines()[1] == (
        f'{{"{column}":null,"n":1,"extra":{{"{column}":{bad}}},"processed_ts":"{STAMP}"}}'.encode()
    )
    assert json.loads(done.parquet[1]["extra"]) == {column: json.loads(bad), "n": 1}
    assert done.stats.mismatched == {column: 1}
    assert done.stats.breaches == {f"{column}.{reason}": 1}
    strict = transform(lines, catalog=ruled(column, **rules, on_breach="reject"))
    assert [event["n"] for event in strict.json] == [0, 2]
    assert strict.reasons == [reason]
    assert strict.stats.mismatched == {}
    assert strict.stats.breaches == {f"{column}.{reason}": 1}


def test_a_required_column_lacks_where_it_is_null_absent_or_does_not_fit(
    transform: "Transform",
) -> None:
    lines = b'{"quantity":1}\n{"n":1}\n{"quantity":null}\n{"quantity":"x"}\n{"quantity":9}\n'
    done = transform(lines, catalog=ruled("quantity", required=True, max=5))
    assert (done.stats.published, done.stats.mismatched) == (5, {"quantity": 4})
    assert done.stats.breaches == {"quantity.missing_required": 2, "quantity.above_max": 1}
    assert done.json_bytes.splitlines()[1] == b'{"n":1,"processed_ts":"%s"}' % STAMP.encode()
    strict = transform(lines, catalog=ruled("quantity", required=True, max=5, on_breach="reject"))
    assert strict.reasons == [*["missing_required"] * 3, "above_max"]
    assert (strict.stats.published, strict.stats.mismatched) == (1, {})


def test_a_type_that_does_not_fit_rejects_no_event_by_a_rule(transform: "Transform") -> None:
    catalog = ruled("quantity", max=5, on_breach="reject")
    done = transform(b'{"quantity":"x"}\n', catalog=catalog)
    assert (done.stats.mismatched, done.stats.breaches) == ({"quantity": 1}, {})


def test_the_first_breach_of_an_event_is_its_reason(transform: "Transform") -> None:
    document = json.loads(CATALOG_PATH.read_text())
    for entry in document["columns"]:
        if entry["name"] in {"price", "quantity"}:
            entry |= {"max": 5, "on_breach": "reject"}
        if entry["name"] == "event_id":
            entry |= {"required": True, "on_breach": "reject"}
        if entry["name"] == "country":
            entry["enum"] = ["DE"]
    done = transform(
        b'{"country":"x","quantity":9,"price":-9}\n{"price":9,"quantity":9}\n{"price":1}\n'
        b'{"quantity":9,"zz":NaN}\n',
        catalog=parse_catalog(document),
    )
    assert done.reasons == ["above_max", "above_max", "missing_required", "non_finite_number"]
    assert done.stats.breaches == {
        "quantity.above_max": 1,
        "price.above_max": 1,
        "event_id.missing_required": 1,
    }
    assert done.stats.mismatched == {}, "what an event that is rejected holds is not counted"
