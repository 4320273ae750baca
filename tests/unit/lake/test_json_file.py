import pytest

from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog, read_catalog
from clickstream_lake.lake.errors import CatalogError

SHIPPED = CATALOG_PATH.read_text(encoding="utf-8")


def refused(text: str | bytes) -> list[str]:
    content = text.encode() if isinstance(text, str) else text
    with pytest.raises(CatalogError) as caught:
        read_catalog(content, "c.json")
    assert str(caught.value) == "\n".join(problem.message for problem in caught.value.problems)
    return str(caught.value).splitlines()


def edited(*changes: tuple[str, str]) -> str:
    text = SHIPPED
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


def place(text: str, of: str) -> str:
    """Line and column of a piece of text."""
    lines = text[: text.index(of)].split("\n")
    return f"c.json:{len(lines)}:{len(lines[-1]) + 1}: "


@pytest.mark.parametrize(
    ("before", "after", "points_at", "words"),
    [
        ('"price", "type": "double"', '"price", "type": "decimal"', '"type": "decimal"', "decimal"),
        ('{"name": "price"', '{"name": "country"', '"name": "country", "type": "d', "twice"),
        ('{"name": "price"', '{"name": "user_id"', '"name": "user_id"', "PII key and a column"),
        ('{"name": "price"', '{"name": "month"', '"name": "month"', "partition key and a column"),
        ('{"name": "price"', '{"name": "extra"', '"name": "extra", "type": "string"', "twice"),
        ('"comment": "Number of units"', '"coment": "x"', '"coment"', "is it 'comment'?"),
        ('"dedupe_on": null', '"dedupe_on": "nothing"', '"dedupe_on"', "not a column"),
        ('["event_id", "session_id"]', '["event_id", "price"]', '"price"],', "looked up"),
        ('"hour(event_ts)"', '"week(event_ts)"', '"week(event_ts)"', "hour(column)"),
        (
            '  "columns": "reject_columns",',
            '  "columns": "rejects",',
            '"columns": "rej',
            "'rejects'",
        ),
        (
            '{"name": "quantity", "type": "bigint"',
            '{"name": "quantity"',
            '{"name": "quantity"',
            "'type'",
        ),
    ],
)
def test_an_error_points_at_its_line(before: str, after: str, points_at: str, words: str) -> None:
    text = edited((before, after))
    (said,) = refused(text)
    assert said.startswith(place(text, points_at))
    assert words in said


def test_all_errors_are_told_at_once_in_the_order_of_their_lines() -> None:
    text = edited(
        ('"page_rows": 20000', '"page_rows": 1'),
        ('"price", "type": "double"', '"price", "type": "decimal"'),
        ('"quantity", "type": "bigint"', '"Quantity", "type": "bigint"'),
    )
    said = refused(text)
    assert [line.split(":")[1] for line in said] == sorted(line.split(":")[1] for line in said)
    words = ("page_rows", "decimal", "'Quantity'")
    assert all(word in line for word, line in zip(words, said, strict=True))


def test_what_is_missing_is_missing_in_what_should_hold_it() -> None:
    (said,) = refused(SHIPPED.replace('"pii_keys": ["user_id"],', ""))
    assert said == "c.json:1:1: 'pii_keys' is missing here: add it"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "c.json:1:1: this is no JSON: expecting value"),
        ('{\n  "columns": [,]\n}', "c.json:2:15: this is no JSON: expecting value"),
        ('{"a": 1}\n{"b": 2}', "c.json:2:1: this is no JSON: extra data"),
        (b'{\n"a": "\xff"}', "c.json:2: this is no UTF-8; save it as UTF-8"),
        ("[]", "c.json:1:1: a catalog is a JSON object: { … }"),
        ('{"a": 1,\n "b": {"c": [{"d": 1, "d": 2}]}}', "c.json:2:23: 'd' stands here for a second"),
    ],
)
def test_what_is_no_json_object_is_refused(text: str | bytes, said: str) -> None:
    assert refused(text)[0].startswith(said)


def test_escaped_names_and_odd_spaces_are_found_too() -> None:
    text = '\t{ "\\u0061" : [ 1 , { } , "]" ] ,\r\n\n "\\u0061":1}'
    assert refused(text)[0].startswith("c.json:3:2: 'a' stands here")


def test_a_catalog_from_before_hashes_is_read_as_it_is() -> None:
    text = SHIPPED.replace('"$schema": "./catalog.schema.json"', '"schema_version": 7')
    assert (
        read_catalog(text.encode(), "c.json").columns
        == read_catalog(SHIPPED.encode(), "c.json").columns
    )


def test_a_catalog_that_is_no_file_has_no_lines() -> None:
    with pytest.raises(CatalogError, match=r"^a catalog is a JSON object"):
        parse_catalog([])  # type: ignore[arg-type]  # what a caller may have read
