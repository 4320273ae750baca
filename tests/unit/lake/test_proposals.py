import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from clickstream_lake.lake.catalog_file import CATALOG_PATH, load_catalog, read_catalog
from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.proposals import Proposal, narrowest, obstacle, propose, with_columns
from clickstream_lake.lake.undeclared import Field, Undeclared
from tests.catalogs import CATALOGS

KEYS = ("year", "month", "day")
TODAY = date(2025, 11, 28)
SINCE = "2025-11-26T10:00:00+00:00"


def proposal(name: str = "coupon", rows: int = 1000, **field: Any) -> Proposal:  # noqa: ANN401 - Field's
    found = Field(**({"events": 250, "kinds": {"text": 250}, "since": SINCE} | field))
    (made,) = propose(Undeclared(rows, rows, {name: found}), load_catalog(), KEYS)
    return made


@pytest.mark.parametrize(
    ("kinds", "type_", "formats"),
    [
        ({"boolean"}, "boolean", ()),
        ({"whole"}, "bigint", ()),
        ({"whole", "null"}, "bigint", ()),
        ({"number"}, "double", ()),
        ({"whole", "number"}, "double", ()),
        ({"iso"}, "timestamp", ("iso",)),
        ({"sql"}, "timestamp", ("sql",)),
        ({"iso", "sql", "null"}, "timestamp", ("iso", "sql")),
        ({"iso", "text"}, "string", ()),
        ({"iso", "whole"}, "string", ()),
        ({"boolean", "whole"}, "string", ()),
        ({"text", "number"}, "string", ()),
        ({"object"}, "json", ()),
        ({"array", "text"}, "json", ()),
        ({"null"}, "string", ()),
        (set(), "string", ()),
    ],
)
def test_the_narrowest_type_takes_all(
    kinds: set[str], type_: str, formats: tuple[str, ...]
) -> None:
    assert narrowest(kinds) == (type_, formats)


def test_a_proposal_says_how_many_events_have_it() -> None:
    made = proposal(kinds={"text": 200, "null": 50}, longest=12)
    assert (made.share, made.nullable, made.longest) == (0.25, 0.8, 12)
    assert made.kinds == {"text": 0.8, "null": 0.2}
    assert (made.suspicions, made.obstacle) == ((), "")
    assert made.entry(TODAY) == {
        "name": "coupon",
        "type": "string",
        "comment": "Seen in 25.00% of events since 2025-11-26",
        "added": "2025-11-28",
    }


def test_an_estimate_is_no_more_than_everything() -> None:
    made = proposal(rows=200)
    assert (made.share, made.nullable) == (1.0, 0.0)


def test_what_is_a_column_by_now_is_not_proposed() -> None:
    account = Undeclared(1, 1, {"price": Field(1, {"text": 1})})
    assert propose(account, load_catalog(), KEYS) == []


def test_the_most_frequent_comes_first() -> None:
    fields = {name: Field(count, {}) for name, count in (("b", 1), ("a", 1), ("c", 2))}
    found = propose(Undeclared(9, 9, fields), load_catalog(), KEYS)
    assert [each.name for each in found] == ["c", "a", "b"]


@pytest.mark.parametrize(
    ("name", "shapes", "words"),
    [
        ("contact_email", {}, "its name is one of personal data"),
        ("old_user_id", {}, "its name is one of personal data"),
        ("note", {"e-mail": 25}, "10% of its values look like an e-mail address"),
        ("note", {"phone": 250}, "100% of its values look like a phone number"),
        ("note", {"address": 1}, "0% of its values look like an address"),
        ("note", {"ip": 250}, "an address of a machine"),
    ],
)
def test_what_may_be_personal_is_suspected(name: str, shapes: dict[str, int], words: str) -> None:
    (suspicion,) = proposal(name, shapes=shapes).suspicions
    assert words in suspicion


@pytest.mark.parametrize(
    "name",
    [
        "extra", "Extra", "processed_ts", "year", "Day", "Event_Type", "_col3", "user_id", "userId",
        "item_<n>", "<id>", "couponCode", "größe", "a b", "_x", "9a", "", "x" * 256,
    ],
)  # fmt: skip
def test_reserved_and_impossible_names_are_refused(name: str) -> None:
    assert obstacle(name, load_catalog(), KEYS)
    with pytest.raises(CatalogError, match="cannot be a column"):
        with_columns(CATALOG_PATH.read_bytes(), "c.json", [{"name": name, "type": "string"}], KEYS)


def test_a_key_of_this_lake_alone_is_refused() -> None:
    assert not obstacle("hour", load_catalog(), KEYS)
    assert obstacle("hour", load_catalog(), (*KEYS, "hour"))


def test_a_column_that_is_there_is_refused() -> None:
    entry = {"name": "price", "type": "double"}
    with pytest.raises(CatalogError, match="'price' cannot be a column: it is a column"):
        with_columns(CATALOG_PATH.read_bytes(), "c.json", [entry], KEYS)


def test_new_columns_are_lines_after_the_events_and_nothing_else_changes() -> None:
    entries = [
        proposal().entry(TODAY),
        proposal("seen_at", kinds={"iso": 1, "sql": 1}).entry(TODAY),
    ]
    before = CATALOG_PATH.read_text(encoding="utf-8")
    after = with_columns(before.encode(), "c.json", entries, KEYS).decode()
    added = [line for line in after.splitlines() if line not in before.splitlines()]
    seen = '"comment": "Seen in 25.00% of events since 2025-11-26", "added": "2025-11-28"'
    formats = '"time_formats": ["iso", "sql"]'
    assert added == [
        f'    {{"name": "coupon", "type": "string", {seen}}},',
        f'    {{"name": "seen_at", "type": "timestamp", {seen}, {formats}}},',
    ]
    assert [line for line in after.splitlines() if line not in added] == before.splitlines()
    names = [column.name for column in read_catalog(after.encode(), "c.json").columns]
    assert names[-4:] == ["processed_ts", "extra", "coupon", "seen_at"]


@pytest.mark.parametrize("last", [False, True])
def test_a_new_column_comes_after_those_of_the_same_day_wherever_these_are(*, last: bool) -> None:
    """Within a day the file's order is the tables'."""
    document = json.loads(CATALOG_PATH.read_text(encoding="utf-8"))
    older = {"name": "older", "type": "string", "added": f"{TODAY}"}
    document["columns"].insert(len(document["columns"]) if last else 3, older)
    content = json.dumps(document).encode()
    for name in ("first", "second"):
        content = with_columns(content, "c.json", [proposal(name).entry(TODAY)], KEYS)
    names = [column.name for column in read_catalog(content, "c.json").columns]
    assert names[-3:] == ["older", "first", "second"]


def styles(path: Path) -> dict[str, str]:
    document = json.loads(path.read_text(encoding="utf-8"))
    lines = json.dumps(document, indent=2)
    return {
        "as it is": path.read_text(encoding="utf-8"),
        "indented": lines,
        "by four": json.dumps(document, indent=4),
        "by tabs": json.dumps(document, indent="\t"),
        "Windows": lines.replace("\n", "\r\n"),
        "one line": json.dumps(document),
        "dense": json.dumps(document, separators=(",", ":")),
    }


@pytest.mark.parametrize("path", [CATALOG_PATH, *CATALOGS], ids=lambda path: path.stem)
def test_a_file_keeps_its_style_whatever_it_is(path: Path) -> None:
    for style, text in styles(path).items():
        entry = {"name": "quite_new", "type": "bigint", "comment": "ä"}
        after = with_columns(text.encode(), style, [entry], ("hour",)).decode()
        at = next(n for n, (a, b) in enumerate(zip(text, after, strict=False)) if a != b)
        rest = text[at:]
        assert after.endswith(rest), style
        document = json.loads(after)
        names = [column["name"] for column in document["columns"]]
        assert names[names.index("quite_new") + 1] in {"processed_ts", "extra"}
        if style in {"indented", "by four", "by tabs", "Windows"}:
            indent: Any = {"by four": 4, "by tabs": "\t"}.get(style, 2)
            expected = json.dumps(document, indent=indent, ensure_ascii=False)
            assert after.replace("\r\n", "\n") == expected
            assert after.count("\r") == (after.count("\n") if style == "Windows" else 0)


def test_a_broken_catalog_is_one_error_and_no_file() -> None:
    with pytest.raises(CatalogError, match=r"c\.json:1:2: this is no JSON"):
        with_columns(b"{", "c.json", [], KEYS)
