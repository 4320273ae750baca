"""One test per data rule of `docs/data-rules.md`, bytes in and bytes out, both formats."""

import gzip
import itertools
import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from msgspec.structs import fields

from clickstream_lake.lake.catalog_file import CATALOG_PATH, parse_catalog
from clickstream_lake.lake.config import Limits, OutputOptions
from clickstream_lake.transform.rules.reasons import LineReason, ObjectReason

if TYPE_CHECKING:
    from tests.unit.transform.conftest import Transform

DOCS = Path(__file__).parents[4] / "docs" / "data-rules.md"
INCOMPRESSIBLE = Random(1).randbytes(2_097_152).hex().encode()  # noqa: S311 - test data
STAMP = "2025-11-26T12:00:00.123Z"
MOMENT = datetime(2025, 11, 26, 12, 0, 0, 123000, tzinfo=UTC)


def one(transform: "Transform", event: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON line and the Parquet row of a single event."""
    done = transform(event + b"\n")
    assert done.stats.published == 1, done.reasons
    return done.json[0], done.parquet[0]


def test_the_seed_case(transform: "Transform") -> None:
    done = transform(
        b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
        b'"page_url":"/p","user_id":"u1"}\n'
    )
    assert done.json_bytes == (
        b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
        b'"page_url":"/p","processed_ts":"2025-11-26T12:00:00.123Z"}\n'
    )
    row = {key: value for key, value in done.parquet[0].items() if value is not None}
    assert row == {
        "event_id": "e1",
        "event_type": "click",
        "event_ts": datetime(2025, 11, 26, 10, tzinfo=UTC),
        "page_url": "/p",
        "processed_ts": MOMENT,
    }


def test_lines_are_split_at_newlines_only(transform: "Transform") -> None:
    text = '{"event_id":"a\u2028b\u0085c"}\n'.encode()
    assert transform(text).json[0]["event_id"] == "a\u2028b\u0085c"


def test_blank_lines_are_counted_and_passed_over(transform: "Transform") -> None:
    done = transform(b'\n \t\r\n{"event_id":"a"}\n\n')
    assert (done.stats.lines, done.stats.blank, done.stats.published) == (4, 3, 1)


def test_crlf_ends_a_line_and_never_reaches_the_json(transform: "Transform") -> None:
    done = transform(b'{"event_id":"a"}\r\n{"event_id":"b","x":{"k":\r1}}\r\n')
    assert b"\r" not in done.json_bytes
    assert [event["event_id"] for event in done.json] == ["a", "b"]


@pytest.mark.parametrize("separator", [b"\xef\xbb\xbf", b"\x1e", b"\0", b",", b"\t", b"\\n", b""])
def test_separators_are_passed_over_wherever_an_event_may_start(
    transform: "Transform", separator: bytes
) -> None:
    events = [b'{"event_id":"%s"}' % name for name in (b"a", b"b", b"c")]
    line = separator + separator.join(events) + separator + b"\n"
    done = transform(line * 2)
    assert [event["event_id"] for event in done.json] == ["a", "b", "c"] * 2
    assert done.reasons == []


def test_several_gzip_members_and_zero_padding_are_one_object(transform: "Transform") -> None:
    members = gzip.compress(b'{"event_id":"a"}\n{"event') + gzip.compress(b'_id":"b"}\n')
    done = transform(gz=members + b"\0" * 1000)
    assert [event["event_id"] for event in done.json] == ["a", "b"]


def test_several_objects_on_one_line_are_events_each(transform: "Transform") -> None:
    done = transform(b'{"event_id":"a"}{"event_id":"b"} {"event_id":"c"}\n{"event_id":"d"}')
    assert [event["event_id"] for event in done.json] == ["a", "b", "c", "d"]
    assert done.stats.lines == 4


def test_what_is_no_json_behind_objects_of_a_line_is_rejected_alone(
    transform: "Transform",
) -> None:
    done = transform(b'{"event_id":"a"}{"event_id":"b"}oops{"event_id":"c"}\n')
    assert [event["event_id"] for event in done.json] == ["a", "b", "c"]
    assert [(r["reason"], r["byte_offset"]) for r in done.rejects] == [("not_json", 32)]


@pytest.mark.parametrize(
    ("line", "published", "held"),
    [
        (b'{"event_id":"a"}"event_id":"b","properties":{"event_id":"c"}}{"event_id":"d"}', "d", 2),
        (b'{"event_id":"a"} {"event_id":"b"},"properties":{"event_id":"c"}}', "a", 2),
        (b'{"event_id":"a"}{"event_id":"b","properties":[{"event_id":"c"}', "a", 2),
        (b'{"properties":""}{\\"event_id\\":\\"b\\"}"}{"event_id":"c"}', "c", 2),
        (b'{"event_id":"a"}[{"event_id":"b"},{"event_id":"c"}]', "a", 2),
        (b'{"event_id":"a"}:{"event_id":"b"}', "a", 1),
        (b'{"event_id":"a"} x {"event_id":"b"}', "ab", 1),
    ],
)
def test_no_part_of_a_broken_event_is_published(
    transform: "Transform", line: bytes, published: str, held: int
) -> None:
    done = transform(line + b"\n")
    assert [event["event_id"] for event in done.json] == list(published)
    (reject,) = done.rejects
    assert (reject["texts"], reject["events"]) == (1, held)


@pytest.mark.parametrize(
    "event",
    [
        b'{"user_id":"CANARY","a":1}',
        b'{"a":1,"user_id":"CANARY"}',
        b'{"user\\u005fid":"CANARY"}',
        b'{"\\u0075ser_id":"CANARY","a":1}',
        b'{"USER_ID":"CANARY","User_Id":"CANARY"}',
        b'{"user_id":"CANARY","user_id":"CANARY"}',
        b'{"user_id" : {"deep":"CANARY"}}',
        b'{"user_id":["CANARY"]}',
        b'{"properties":{"user_id":"CANARY","k":[{"user_id":"CANARY"}]}}',
        b'{"properties":{"a":{"user_id":"CANARY"},"a":1}}',
        b'{"properties":{"USER_ID":"CANARY"},"properties":1}',
        b'{"other":{"user\\u005Fid":"CANARY"}}',
        b'{"other":{"user_id":"CANARY"},"other":2}',
        b'{"event_type":{"user_id":"CANARY"}}',
        b'{"price":{"user_id":"CANARY"}}',
        b'{"Event_Type":[{"user_id":"CANARY"}]}',
    ],
)
def test_pii_is_dropped_at_any_depth_however_it_is_spelt(
    transform: "Transform", event: bytes
) -> None:
    done = transform((event + b"\n") * 40)
    assert done.stats.published == 40
    assert b"CANARY" not in done.json_bytes
    assert "CANARY" not in repr(done.parquet)


def test_processed_ts_is_one_timestamp_for_all_events(transform: "Transform") -> None:
    done = transform(b'{"event_id":"a"}\n{"event_id":1}\n{"user_id":null}\n')
    assert {event["processed_ts"] for event in done.json} == {STAMP}
    assert {row["processed_ts"] for row in done.parquet} == {MOMENT}


def test_json_keeps_every_other_field_at_its_place_as_it_was_sent(transform: "Transform") -> None:
    done = transform(b'{"z":1.50,"event_id":"\\u00e9","a":{"k":[1e2, 2]},"price":1.10}\n')
    assert done.json_bytes == (
        b'{"z":1.50,"event_id":"\\u00e9","a":{"k":[1e2, 2]},"price":1.10,'
        b'"processed_ts":"2025-11-26T12:00:00.123Z"}\n'
    )


def test_parquet_has_the_catalogs_columns_and_extra(transform: "Transform") -> None:
    _, row = one(transform, b'{"z":1.50,"event_id":"a","n":null,"o":{"k": 1}}')
    assert row["extra"] == '{"z":1.50,"n":null,"o":{"k":1}}'
    _, row = one(transform, b'{"event_id":"a"}')
    assert row["extra"] is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(b"5", "5"), (b"1.50", "1.50"), (b"true", "true"), (b'{"a": [1, 2]}', '{"a":[1,2]}')],
)
def test_a_string_column_takes_any_value_as_text(
    transform: "Transform", value: bytes, text: str
) -> None:
    event, row = one(transform, b'{"country":' + value + b"}")
    assert event["country"] == row["country"] == text


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("price", b'"9.5"'),
        ("price", b"true"),
        ("price", b"[1]"),
        ("quantity", b'"5"'),
        ("quantity", b"5.5"),
        ("quantity", b"4503599627370497.3"),
        ("quantity", b"5.00000000000000000001"),
        ("quantity", b"4.9999999999999999999"),
        ("quantity", b"1e-400"),
        ("quantity", b"1e19"),
        ("quantity", b"9223372036854775808"),
        ("quantity", b"-9223372036854775809"),
        ("quantity", b"false"),
        ("event_ts", b'"yesterday"'),
        ("event_ts", b"-1764151200"),
        ("event_ts", b"1764151200000000"),
        ("event_ts", b'"2025-02-30T00:00:00Z"'),
        ("event_ts", b'{"t":1}'),
    ],
)
def test_a_value_that_does_not_fit_becomes_null_and_moves_into_extra(
    transform: "Transform", column: str, value: bytes
) -> None:
    done = transform(b'{"event_id":"a","%s":%s}\n' % (column.encode(), value))
    event, row = done.json[0], done.parquet[0]
    assert event[column] is None
    assert row[column] is None
    assert event["extra"] == {column: json.loads(value)} == json.loads(row["extra"])
    assert done.stats.mismatched == {column: 1}


def test_null_is_null_and_no_mismatch(transform: "Transform") -> None:
    event, row = one(transform, b'{"price":null,"quantity":null,"event_ts":null,"country":null}')
    assert "extra" not in event
    assert row["extra"] is None
    assert row["price"] is row["quantity"] is row["event_ts"] is row["country"] is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("-0", 0),
        ("-0.0", 0),
        ("0e99999", 0),
        ("5.0", 5),
        ("1e2", 100),
        ("10e-1", 1),
        ("1e18", 10**18),
        ("9007199254740993.0", 2**53 + 1),
        ("9007199254740994.0", 2**53 + 2),
        ("922337203685477580.70e1", 2**63 - 1),
        ("1" + "0" * 300 + "e-290", 10**10),
        ("0." + "0" * 30 + "1e31", 1),
    ],
)
def test_bigint_takes_whole_numbers_within_64_bits_and_writes_their_digits(
    transform: "Transform", text: str, value: int
) -> None:
    done = transform(b'{"quantity":%s}\n' % text.encode())
    assert b'{"quantity":%d,"processed_ts"' % value in done.json_bytes
    assert done.parquet[0]["quantity"] == value


def test_double_takes_any_number(transform: "Transform") -> None:
    for text in (b"1", b"-0.0", b"1e300", b"9007199254740993", b"5e-324"):
        event, row = one(transform, b'{"price":' + text + b"}")
        assert float(event["price"]) == row["price"] == float(text)


def test_a_whole_number_has_no_negative_zero(transform: "Transform") -> None:
    done = transform(b'{"price":-0,"z":-0}\n{"price":-0.0}\n')
    assert done.json_bytes.startswith(b'{"price":0,"z":-0,')
    assert [math.copysign(1, row["price"]) for row in done.parquet] == [1, -1]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2025-11-26T10:00:00Z", datetime(2025, 11, 26, 10, tzinfo=UTC)),
        ("2025-11-26T10:00:00", datetime(2025, 11, 26, 10, tzinfo=UTC)),
        ("2025-11-26T10:00:00.123456Z", datetime(2025, 11, 26, 10, 0, 0, 123000, tzinfo=UTC)),
        ("2025-11-26T10:00:00+02:00", datetime(2025, 11, 26, 8, tzinfo=UTC)),
        ("2025-11-26", datetime(2025, 11, 26, tzinfo=UTC)),
        ("1969-12-31T23:59:59.9999Z", datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    ],
)
def test_a_timestamp_is_iso_8601_and_stored_as_utc_milliseconds(
    transform: "Transform", text: str, instant: datetime
) -> None:
    event, row = one(transform, b'{"event_ts":"%s"}' % text.encode())
    assert event["event_ts"] == text
    assert row["event_ts"] == instant


def test_a_json_column_is_kept_in_json_and_compact_text_in_parquet(transform: "Transform") -> None:
    done = transform(b'{"properties":{"a": 1.50, "b": [1, "x y"]}}\n')
    assert b'"properties":{"a": 1.50, "b": [1, "x y"]}' in done.json_bytes
    assert done.parquet[0]["properties"] == '{"a":1.50,"b":[1,"x y"]}'


@pytest.mark.parametrize(
    "key", ["Event_Type", "_col3", "_COL3", "EXTRA", "extra", "processed_ts", "year", "Month"]
)
def test_a_field_that_would_be_taken_for_a_column_moves_into_extra(
    transform: "Transform", key: str
) -> None:
    event, row = one(transform, b'{"event_id":"a","%s":"v"}' % key.encode())
    assert event["extra"] == {key: "v"} == json.loads(row["extra"])
    assert event["processed_ts"] == STAMP
    assert set(event) == {"event_id", "extra", "processed_ts"}


def test_of_duplicate_keys_the_last_one_wins_in_both_formats(transform: "Transform") -> None:
    event, row = one(
        transform, b'{"event_id":"a","price":1,"zz":1,"event_id":"b","zz":2,"price":3}'
    )
    assert (event["event_id"], event["price"], event["zz"]) == ("b", 3, 2)
    assert (row["event_id"], row["price"], row["extra"]) == ("b", 3.0, '{"zz":2}')


@pytest.mark.parametrize("beside", [b"", b'"user_id":1,', b'"c":"\\u0041",', b'"c":"\xc3\xa9",'])
@pytest.mark.parametrize(
    ("value", "left"),
    [
        (b'{"b":1,%s"b":2}', b'{%s"b":2}'),
        (b'{%s"b":{"x":1},"\\u0062":2}', b'{%s"\\u0062":2}'),
        (b'[{"d":{"b":1,%s"b":2,"b":3}}]', b'[{"d":{%s"b":3}}]'),
    ],
)
def test_of_duplicate_keys_the_last_one_wins_at_every_depth(
    transform: "Transform", value: bytes, left: bytes, beside: bytes
) -> None:
    kept = b"" if beside == b'"user_id":1,' else beside
    done = transform(b'{"properties":%s,"zz":%s}\n' % (value % beside, value % beside))
    assert done.json_bytes.startswith(b'{"properties":%s,"zz":%s,' % (left % kept, left % kept))
    compact = (left % kept).decode()
    assert done.parquet[0]["properties"] == compact
    assert done.parquet[0]["extra"] == f'{{"zz":{compact}}}'


@pytest.mark.parametrize("half", [b"\\ud83d", b"\\uDE00", b"\\ude00\\ud83d"])
def test_half_of_a_surrogate_pair_is_repaired_and_counted(
    transform: "Transform", half: bytes
) -> None:
    event = b'{"page_url":"a%s","%s":1,"properties":["%s\\ud83d\\ude00"]}\n' % (half, half, half)
    done = transform(event * 2)
    mended = half.replace(b"\\ud83d", b"\\ufffd").replace(b"\\ude00", b"\\ufffd")
    mended = mended.replace(b"\\uDE00", b"\\ufffd")
    assert b'"page_url":"a%s"' % mended in done.json_bytes
    count = half.count(b"\\")
    assert done.parquet[0]["page_url"] == "a" + "\ufffd" * count
    assert json.loads(done.parquet[0]["extra"]) == {"\ufffd" * count: 1}
    assert done.stats.repaired == 2 * 3 * count


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"oops", "not_json"),
        (b'{"a":1', "not_json"),
        (b'{"a":01}', "not_json"),
        (b'{"a":"\x01"}', "not_json"),
        (b"[1]", "not_object"),
        (b"null", "not_object"),
        (b'"text"', "not_object"),
        (b'{"a":NaN}', "non_finite_number"),
        (b'{"a":-Infinity}', "non_finite_number"),
        (b'{"a":1e400}', "number_overflow"),
        (b'{"properties":{"a":[1e400]}}', "number_overflow"),
        (b'{"a":1' + b"0" * 309 + b"}", "number_overflow"),
        (b'{"properties":{"a":9' + b"0" * 5000 + b"}}", "number_overflow"),
        (b'{"a":"\xff"}', "invalid_utf8"),
        (b'{"properties":"\xc0\x80"}', "invalid_utf8"),
        (b'{"a":"\xed\xa0\x80"}', "invalid_utf8"),
        (b'{"properties":' + b"[" * 100 + b"]" * 100 + b"}", "too_deep"),
        (b"[" * 10_000 + b"]" * 10_000, "too_deep"),
        (b'{"a":"%s"}' % INCOMPRESSIBLE, "line_too_long"),
        (b'{"p":{' + b",".join(b'"%d":1' % i for i in range(10_000)) + b"}}", "too_many_keys"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_is_rejected_with_its_reason_and_costs_no_other(
    transform: "Transform", line: bytes, reason: str
) -> None:
    good = b'{"event_id":"good","user_id":"u"}\n' * 40
    done = transform(good + line + b"\n" + good)
    assert done.reasons == [reason]
    assert done.stats.published == 80
    assert (done.rejects[0]["line_number"], done.rejects[0]["byte_offset"]) == (41, len(good))


@pytest.mark.parametrize("payload", [b"CANARY", b'{"user_id":"CANARY"', b'["CANARY"]'])
def test_a_reject_points_at_the_line_and_carries_no_payload(
    transform: "Transform", payload: bytes
) -> None:
    reject = transform(b"\n\n  " + payload + b"\n").rejects[0]
    assert reject == {
        "raw_key": "raw/year=2025/month=11/day=26/file.gz",
        "source_id": "file-6c9744dca8ae",
        "line_number": 3,
        "byte_offset": 4,
        "reason": reject["reason"],
        "texts": 1,
        "events": 1,
        "last_line_number": 3,
        "last_byte_offset": 4,
        "processed_ts": STAMP,
    }


def test_rejects_after_the_first_thousand_have_one_row_for_each_reason(
    transform: "Transform",
) -> None:
    text = b"x\n" * 1_200 + b"[{},{}]\n" * 30 + b'{"event_id":"a"}\nx\n' + b"{\n" * 3
    done = transform(text)
    named, tallied = done.rejects[:1_000], done.rejects[1_000:]
    assert [row["line_number"] for row in named] == list(range(1, 1_001))
    assert {row["texts"] for row in named} == {1}
    places = ("line_number", "byte_offset", "last_line_number", "last_byte_offset")
    assert [
        (row["reason"], row["texts"], row["events"], *(row[place] for place in places))
        for row in tallied
    ] == [
        ("not_json", 204, 204, 1_001, 2_000, 1_235, len(text) - 2),
        ("not_object", 30, 60, 1_201, 2_400, 1_230, 2_400 + 29 * 8),
    ]
    assert done.stats.rejected == {"not_json": 1_204, "not_object": 30}
    assert (done.stats.lines, done.stats.published) == (1_235, 1)


WHOLE = gzip.compress(b'{"event_id":"a"}\n' * 3)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "gzip_truncated"),
        (WHOLE[:-1], "gzip_truncated"),
        (WHOLE[:-8] + b"\0\0\0\0" + WHOLE[-4:], "gzip_corrupt"),
        (WHOLE + b"x", "gzip_trailing_garbage"),
        (WHOLE + WHOLE[:-1], "gzip_truncated"),
        (b"plain", "not_gzip"),
        (gzip.compress(bytes(20_000_000)), "ratio_too_high"),
    ],
    # By number: parallel runs must agree on the names, and a gzip header holds the time.
    ids=itertools.count(),
)
def test_an_object_that_is_no_gzip_to_its_end_publishes_nothing(
    transform: "Transform", raw: bytes, reason: str
) -> None:
    done = transform(gz=raw)
    assert (done.json_bytes, done.parquet, done.stats.published) == (b"", [], 0)
    assert done.stats.corrupt == reason
    assert [(r["reason"], r["line_number"]) for r in done.rejects] == [(reason, 0)]


def test_an_object_over_the_size_cap_is_rejected_whole(transform: "Transform") -> None:
    done = transform(b'{"event_id":"a"}\n' * 100, max_object_bytes=1024)
    assert done.stats.corrupt == "object_too_large"


def test_rows_are_conserved(transform: "Transform") -> None:
    done = transform(b'\n{"event_id":"a"}{"event_id":"b"}x\n[1]\n \n{"event_id":"c"}\n{"a":1e999}')
    stats = done.stats
    assert stats.lines == stats.blank + stats.published + stats.rejected_lines
    assert len(done.json) == len(done.parquet) == stats.published == 3
    assert len(done.rejects) == stats.rejected_lines == 3


def test_gzip_json_holds_the_same_lines(transform: "Transform") -> None:
    text = b'{"event_id":"a","user_id":"u"}\n' * 1000
    plain, packed = transform(text), transform(text, output=OutputOptions(json_compression="gzip"))
    assert packed.json_bytes == plain.json_bytes


def test_a_column_is_declared_in_the_catalog_alone(transform: "Transform") -> None:
    document = json.loads(CATALOG_PATH.read_text())
    document["columns"].insert(0, {"name": "is_bot", "type": "boolean", "comment": ""})
    document["pii_keys"].append("email")
    done = transform(
        b'{"is_bot":true,"email":"CANARY","user_id":"CANARY"}\n{"is_bot":"no"}\n' * 20,
        catalog=parse_catalog(document),
    )
    assert [row["is_bot"] for row in done.parquet[:2]] == [True, None]
    assert done.json[0] == {"is_bot": True, "processed_ts": STAMP}
    assert b"CANARY" not in done.json_bytes


def test_the_order_sent_is_the_order_published(transform: "Transform") -> None:
    lines = [
        b'{"event_id":"%d","price":%s}\n' % (i, b'"odd"' if i % 7 == 0 else b"1")
        for i in range(500)
    ]
    done = transform(b"".join(lines))
    expected = [str(i) for i in range(500)]
    assert [event["event_id"] for event in done.json] == expected
    assert [row["event_id"] for row in done.parquet] == expected


def test_the_documented_reasons_are_the_reasons() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \| [^|]+ \|$", DOCS.read_text(), re.MULTILINE))
    assert documented == {*LineReason, *ObjectReason}


def test_the_documented_limits_are_the_defaults() -> None:
    text = DOCS.read_text()
    units = {"MiB": 2**20, "GiB": 2**30}
    for field in fields(Limits):
        found = re.search(rf"`LAKE_{field.name.upper()}` \(([\d,]+)(?: (\w+))?\)", text)
        assert found, field.name
        value = int(found[1].replace(",", "")) * units.get(found[2], 1)
        assert value == getattr(Limits(), field.name)
