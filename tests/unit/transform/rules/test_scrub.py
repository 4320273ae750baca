# ruff: noqa: E501 - tables of texts
"""What is cut out of an event, by the kernel and line by line: bytes in, bytes out."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.transform.rules.scrub import MOST_LEVELS, Scrubber

if TYPE_CHECKING:
    from tests.unit.transform.conftest import Transform

TAIL = b',"processed_ts":"2025-11-26T12:00:00.123Z"}\n'


def catalog(**switches: Any) -> Catalog:  # noqa: ANN401 - entries of the document
    return parse_catalog({**json.loads(CATALOG_PATH.read_text()), **switches})


def line_of(transform: "Transform", event: bytes, **switches: Any) -> bytes:  # noqa: ANN401
    """The JSON line of one event, without `processed_ts`; in Parquet the same is left."""
    done = transform(event + b"\n", catalog=catalog(**switches))
    assert done.stats.published == 1, done.reasons
    assert b"CANARY" not in done.json_bytes or "CANARY" in repr(done.parquet)
    return done.json_bytes.removesuffix(TAIL) + b"}"


def text(value: object) -> bytes:
    """A text that is JSON, as a JSON text."""
    return json.dumps(json.dumps(value)).encode()


@pytest.mark.parametrize(
    "key",
    [
        *(
            "user_id",
            "userId",
            "USER-ID",
            "User Id",
            "user_id\\u0000",
            "\\u0075ser_id",
            "u\\u017fer_id",
        ),
        *("user_\uff49d", "us\u200ber_id", "\uff35\uff33\uff25\uff32\uff3f\uff29\uff24"),
    ],
)
def test_pii_goes_in_every_spelling(transform: "Transform", key: str) -> None:
    field = f'"{key}":"CANARY"'.encode()
    event = b'{%s,"event_id":"a","properties":{"b":1,%s},"zz":[{%s}]}' % (field, field, field)
    assert line_of(transform, event) == b'{"event_id":"a","properties":{"b":1},"zz":[{}]}'


def test_spellings_are_a_switch(transform: "Transform") -> None:
    event = b'{"userId":1,"USER_ID":2,"user-id":3,"properties":{"User_Id":4,"userid":5}}'
    left = b'{"userId":1,"user-id":3,"properties":{"userid":5}}'
    assert line_of(transform, event, fold_names=False) == left


@pytest.mark.parametrize("name", ["größe", "e mail", "имя", "$x.y"])
def test_a_pii_key_may_be_any_name(transform: "Transform", name: str) -> None:
    event = json.dumps({name: "CANARY", "zz": {name.upper(): "CANARY"}}).encode()
    assert line_of(transform, event, pii_keys=[name]) == b'{"zz": {}}'.replace(b" ", b"")


@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b'{"user_id":1}', b"{}"),
        (b'{ "user_id":1 , "b":[ ] }', b'{ "b":[ ] }'),
        (b'{"b":1.50 , "user_id":{"c":1}}', b'{"b":1.50}'),
        (b'{"a":1,"user_id":2,"userId":3,"b":4}', b'{"a":1,"b":4}'),
        (b'[{"user_id":1},{"user_id":2, "x" : "\\u00e9"}]', b'[{},{"x" : "\\u00e9"}]'),
    ],
)
def test_only_the_field_and_one_comma_are_cut(
    transform: "Transform", value: bytes, left: bytes
) -> None:
    event = b'{"properties":%s,"zz":%s}'
    assert line_of(transform, event % (value, value)) == event % (left, left)


@pytest.mark.parametrize("where", [b'{"properties":%s}', b'{"event_id":%s}', b'{"zz":[{"k":%s}]}'])
@pytest.mark.parametrize(
    ("sent", "left"),
    [
        (b'"{\\"user_id\\":\\"CANARY\\"}"', b'"{}"'),
        (b'" \\n[{\\"b\\" : 1, \\"userId\\":[\\"CANARY\\"]}]"', b'" \\n[{\\"b\\" : 1}]"'),
        (b'"\\u007b\\u0022user_id\\u0022:\\"CANARY\\",\\u0022b\\":1.50}"', b'"\\u007b\\u0022b\\":1.50}"'),
        (b'"{\\"a\\":\\"\\u00e9\\uD83D\\ude00\\",\\"user_id\\":\\"CANARY\\"}"', b'"{\\"a\\":\\"\\u00e9\\uD83D\\ude00\\"}"'),
        ('"{\\"é😀\\":1,\\"user_id\\":\\"CANARY\\"}"'.encode(), '"{\\"é😀\\":1}"'.encode()),
        (b'"{\\"a\\":1}{\\"user_id\\":\\"CANARY\\"},[{\\"user_id\\":\\"CANARY\\"}]"', b'"{\\"a\\":1}{},[{}]"'),
        (b'"{\\"a\\":1,\\"user_id\\":\\"CANARY"', b'"{\\"a\\":1"'),
        (b'"{\\"a\\":[{\\"user_id\\":{\\"b\\":[\\"CANARY\\",x y"', b'"{\\"a\\":[{"'),
        (b'"{\\"user_id\\""', b'"{"'),
    ],
)  # fmt: skip
def test_texts_that_are_json_are_scrubbed(
    transform: "Transform", sent: bytes, left: bytes, where: bytes
) -> None:
    assert line_of(transform, where % sent) == where % left


@pytest.mark.parametrize("levels", range(1, MOST_LEVELS + 2))
def test_texts_in_texts_are_looked_into_three_deep(transform: "Transform", levels: int) -> None:
    sent: object = {"a": 1, "user_id": "CANARY"}
    left: object = {"a": 1, "user_id": "CANARY"} if levels > MOST_LEVELS else {"a": 1}
    for _ in range(levels):
        sent, left = json.dumps({"t": sent}), json.dumps({"t": left})
    assert json.loads(line_of(transform, b'{"properties":%s}' % json.dumps(sent).encode())) == {
        "properties": left
    }


@pytest.mark.parametrize(
    "value",
    [
        b'"\\"user_id\\":1"',
        b'"user_id=1"',
        b'"x{\\"user_id\\":1}"',
        b'"{user_id:1}"',
        b'"{\\"a\\":\\"user_id\\",\\"b\\":[\\"user_id\\",1]}"',
        b'"{\\"a\\":1,\\"a\\":2}"',
        b'"[1,2,{\\"a\\" \\"user_id\\":1}]"',
    ],
)
def test_other_texts_stay_as_they_are(transform: "Transform", value: bytes) -> None:
    event = b'{"properties":%s}' % value
    assert line_of(transform, event) == event


def test_looking_into_texts_is_a_switch(transform: "Transform") -> None:
    event = b'{"properties":%s}' % text({"user_id": 1})
    assert line_of(transform, event, scrub_text=False) == event


@pytest.mark.parametrize("column", ["page_url", "referrer"])
@pytest.mark.parametrize(
    ("url", "left"),
    [
        ("/p?user_id=CANARY", "/p"),
        ("/p?user_id=CANARY&b=2#x", "/p?b=2#x"),
        ("/p?a=1&userId=CANARY#x", "/p?a=1#x"),
        ("/p?a=1;USER-ID=CANARY;b=2", "/p?a=1;b=2"),
        ("/p#/r?user%5fid=CANARY&a=1", "/p#/r?a=1"),
        ("/p#user+id=CANARY", "/p"),
        ("/p?e[user_id]=CANARY&e%5Buser_id%5D=CANARY&a=1", "/p?a=1"),
        ("/p?%EF%BD%95ser_id=CANARY", "/p"),
        ("/p?u%C5%BFer_id=CANARY&q=%", "/p?q=%"),
        ("/p?user_id=CANARY&user_id=CANARY", "/p?"),
        ("/p?user_id", "/p?user_id"),
        ("/p?xuser_id=1&user_id2=1&a=user_id=1", "/p?xuser_id=1&user_id2=1&a=user_id=1"),
        ("/user_id=1/p;user_id=2?a=1", "/user_id=1/p;user_id=2?a=1"),
    ],
)
@pytest.mark.parametrize("escape", [{}, {b"&": b"\\u0026", b"/": b"\\/"}], ids=["plain", "escaped"])
def test_parameters_of_urls_are_scrubbed(
    transform: "Transform", column: str, url: str, left: str, escape: dict[bytes, bytes]
) -> None:
    event = json.dumps({column: url}, separators=(",", ":")).encode()
    expected = json.dumps({column: left}, separators=(",", ":")).encode()
    for letter, written in escape.items():
        event, expected = event.replace(letter, written), expected.replace(letter, written)
    assert line_of(transform, event) == expected
    assert transform(event + b"\n").parquet[0][column] == left


def test_urls_are_a_mark_of_their_columns(transform: "Transform") -> None:
    columns = json.loads(CATALOG_PATH.read_text())["columns"]
    for column in columns:
        column.pop("url", None)
    event = b'{"page_url":"/p?user_id=1"}'
    assert line_of(transform, event, columns=columns) == event
    other = (
        b'{"event_id":"/p?user_id=1","zz":"/p?user_id=1","properties":{"page_url":"?user_id=1"}}'
    )
    assert line_of(transform, other) == other


def test_a_text_that_says_user_id_costs_nothing_and_stays(transform: "Transform") -> None:
    event = b'{"properties":{"key":"user_id","b":["user_id"]},"event_type":"user_id"}'
    assert line_of(transform, event) == event


def test_nothing_to_cut_gives_the_same_object() -> None:
    event = b'{"a": [1, {"b":"{}"}]}'
    assert Scrubber(catalog(), max_depth=100).scrub(event) is event
