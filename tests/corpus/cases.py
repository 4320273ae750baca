# ruff: noqa: E501 - a table of cases
"""The corpus: nasty raw objects by name, and what exactly becomes of each."""

import gzip
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from clickstream_lake.lake.config import Limits

Make = Callable[[], bytes]
Reject = tuple[int, int, str]

GOOD = b'{"event_id":"e1"}\n'
GOOD_JSON = {"event_id": "e1"}
MIB = 1024 * 1024


@dataclass(frozen=True)
class Case:
    """One raw object.

    Attributes:
        make: its decompressed text, or its very bytes if `raw`.
        json: the published JSON lines, decoded, without `processed_ts`.
        extra: `extra` of the Parquet rows as text, if it is to be spelt out.
        rejects: (line, byte offset, reason) of each.
        corrupt: why the object is rejected whole.
    """

    make: Make
    json: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    extra: list[str | None] | None = None
    parquet: list[dict[str, Any]] | None = None
    blank: int = 0
    corrupt: str | None = None
    raw: bool = False
    limits: Limits = field(default_factory=Limits)


CASES: dict[str, Case] = {}


def text(name: str, data: bytes, *json: dict[str, Any], **what: Any) -> None:  # noqa: ANN401
    """A decompressed text and what is published of it."""
    assert name not in CASES, name
    CASES[name] = Case(lambda: data, list(json), **what)


def reject(name: str, line: bytes, reason: str) -> None:
    """A line that is rejected, between two that are not."""
    text(
        f"rejected: {name}",
        GOOD + line + b"\n" + GOOD,
        GOOD_JSON,
        GOOD_JSON,
        rejects=[(2, len(GOOD), reason)],
    )


def raw(name: str, make: Make, *json: dict[str, Any], **what: Any) -> None:  # noqa: ANN401
    """The bytes of a raw object."""
    assert name not in CASES, name
    CASES[name] = Case(make, list(json), raw=True, **what)


def field_of(name: str, value: bytes, json: Any, column: str = "a") -> None:  # noqa: ANN401
    """An event with one more field."""
    text(name, b'{"%s":%s}\n' % (column.encode(), value), {column: json})


def nested(arrays: int, inside: Any) -> Any:  # noqa: ANN401
    """So many arrays around a value."""
    for _ in range(arrays):
        inside = [inside]
    return inside


# --- the gzip stream -------------------------------------------------------------------------

MEMBER = gzip.compress(GOOD * 3, mtime=0)
for cut in range(len(MEMBER)):
    raw(f"truncated at byte {cut}", lambda cut=cut: MEMBER[:cut], corrupt="gzip_truncated")
for cut in range(1, len(MEMBER)):
    raw(
        f"second member truncated at byte {cut}",
        lambda cut=cut: MEMBER + MEMBER[:cut],
        corrupt="gzip_truncated",
    )

raw("empty object", lambda: b"", corrupt="gzip_truncated")
raw("bad checksum", lambda: MEMBER[:-8] + b"\1\2\3\4" + MEMBER[-4:], corrupt="gzip_corrupt")
raw("bad length", lambda: MEMBER[:-4] + struct.pack("<I", 99), corrupt="gzip_corrupt")
raw(
    "bad checksum of the second member",
    lambda: MEMBER + MEMBER[:-8] + bytes(4) + MEMBER[-4:],
    corrupt="gzip_corrupt",
)
raw("trailing garbage", lambda: MEMBER + b"garbage", corrupt="gzip_trailing_garbage")
raw("trailing byte", lambda: MEMBER + b"x", corrupt="gzip_trailing_garbage")
raw(
    "trailing garbage after zeros",
    lambda: MEMBER + bytes(600) + b"x",
    corrupt="gzip_trailing_garbage",
)
raw("a member after zeros", lambda: MEMBER + bytes(9) + MEMBER, corrupt="gzip_trailing_garbage")
raw("zeros alone", lambda: bytes(512), corrupt="not_gzip")
raw("padded with a zero", lambda: MEMBER + b"\0", *[GOOD_JSON] * 3)
raw("padded with 1 MiB of zeros", lambda: MEMBER + bytes(MIB), *[GOOD_JSON] * 3)
raw("an empty member", lambda: gzip.compress(b"", mtime=0))
raw(
    "empty members around one",
    lambda: gzip.compress(b"") + MEMBER + gzip.compress(b""),
    *[GOOD_JSON] * 3,
)
raw("1,000 members", lambda: gzip.compress(GOOD, mtime=0) * 1000, *[GOOD_JSON] * 1000)
raw(
    "a line over two members",
    lambda: gzip.compress(b'{"event_id') + gzip.compress(b'":"e1"}\n'),
    GOOD_JSON,
)
raw("plain text", lambda: GOOD, corrupt="not_gzip")
raw("zlib by mistake", lambda: zlib.compress(GOOD), corrupt="not_gzip")
raw("zstd by mistake", lambda: b"\x28\xb5\x2f\xfd\x04\x00" + GOOD, corrupt="not_gzip")
raw("unknown method", lambda: MEMBER[:2] + b"\x07" + MEMBER[3:], corrupt="gzip_corrupt")
raw("broken deflate", lambda: MEMBER[:10] + b"\xff" * 20 + MEMBER[30:], corrupt="gzip_corrupt")
raw("gzip of gzip", lambda: gzip.compress(MEMBER, mtime=0), rejects=[(1, 0, "invalid_utf8")])
raw(
    "named member",
    lambda: b"\x1f\x8b\x08\x08" + bytes(6) + b"f.json\0" + MEMBER[10:],
    *[GOOD_JSON] * 3,
)
raw("bomb of 1000:1", lambda: gzip.compress(bytes(8 * MIB), 9), corrupt="ratio_too_high")
raw(
    "bomb of events",
    lambda: gzip.compress((b'{"a":"' + b"x" * MIB + b'"}\n') * 8, 9),
    corrupt="ratio_too_high",
)
BOMB = gzip.compress(bytes(64 * MIB), 9, mtime=0)
raw(
    "nested bomb",
    lambda: gzip.compress(BOMB.replace(b"\n", b"\r"), 9, mtime=0),
    rejects=[(1, 0, "invalid_utf8")],
)
raw(
    "over the size cap",
    lambda: gzip.compress(GOOD * 1000),
    corrupt="object_too_large",
    limits=Limits(max_object_bytes=17_999),
)
raw(
    "at the size cap",
    lambda: gzip.compress(GOOD * 1000),
    *[GOOD_JSON] * 1000,
    limits=Limits(max_object_bytes=18_000),
)

# --- framing ---------------------------------------------------------------------------------

text(
    "the seed case",
    b'{"event_id":"e1","event_type":"click","event_ts":"2025-11-26T10:00:00Z",'
    b'"page_url":"/p","user_id":"c4n4ry"}',
    {
        "event_id": "e1",
        "event_type": "click",
        "event_ts": "2025-11-26T10:00:00Z",
        "page_url": "/p",
    },
)
text("no events", b"")
text("no delimiters", b'{"a":1}{"a":2}{"a":3}', {"a": 1}, {"a": 2}, {"a": 3})
text("no delimiters, 100,000 events", b'{"a":1}' * 100_000, *[{"a": 1}] * 100_000)
text("delimited by spaces", b' {"a":1}\t{"a":2} ', {"a": 1}, {"a": 2})
text("windows line ends", b'{"a":1}\r\n{"a":2}\r\n', {"a": 1}, {"a": 2})
text("old macintosh line ends", b'{"a":1}\r{"a":2}\r', {"a": 1}, {"a": 2})
text("blank lines", b'\n \n{"a":1}\n\r\n\t\n\n', {"a": 1}, blank=5)
text("only blank lines", b"\n\n \n", blank=3)
text("only a space", b" ", blank=1)
text("byte order mark", b'\xef\xbb\xbf{"a":1}\n', {"a": 1})
text("byte order mark alone", b"\xef\xbb\xbf")
reject("byte order mark in the middle", b'\xef\xbb\xbf{"a":1}', "not_json")
reject("byte order mark of UTF-16", b"\xff\xfe{\0}\0", "invalid_utf8")
text(
    "two byte order marks",
    b"\xef\xbb\xbf\xef\xbb\xbf{}\n",
    rejects=[(1, 3, "not_json")],
)
reject("NUL byte", b"\0", "not_json")
reject("NUL byte in a text", b'{"a":"\0"}', "not_json")
text(
    "NUL byte between events",
    b'{"a":1}\0{"a":2}\n',
    {"a": 1},
    rejects=[(1, 7, "not_json")],
)
field_of("line separator in a text", '"\u2028\u2029\u0085"'.encode(), "\u2028\u2029\u0085")
reject("line separator as white space", '{\u2028"a":1}'.encode(), "not_json")
reject("form feed as white space", b'{"a":\x0c1}', "not_json")
reject("no-break space", b'{"a":\xc2\xa01}', "not_json")
text(
    "carriage returns between tokens",
    b'{"a":[1,\r2],\r"b":\r{"c"\r:1}\r}\n',
    {"a": [1, 2], "b": {"c": 1}},
    extra=['{"a":[1,2],"b":{"c":1}}'],
)
text(
    "garbage after an event",
    b'{"a":1} oops {"a":2}\n{"a":3}\n',
    {"a": 1},
    {"a": 3},
    rejects=[(1, 8, "not_json")],
)
text(
    "an open string swallows its line",
    b'{"a":1}{"b":"x}{"a":2}\n{"a":3}',
    {"a": 1},
    {"a": 3},
    rejects=[(1, 7, "not_json")],
)
text(
    "a broken object does not harm its neighbours",
    b'{"a":1}{"b":}{"a":2}',
    {"a": 1},
    {"a": 2},
    rejects=[(1, 7, "not_json")],
)

# --- what is not an event ------------------------------------------------------------------------

for name, line in {
    "empty array": b"[]",
    "array of objects": b'[{"a":1}]',
    "number": b"42",
    "text": b'"text"',
    "true": b"true",
    "null": b"null",
    "overflow in an array": b"[1e400]",
}.items():
    reject(name, line, "not_object")
for name, line in {
    "plain text": b"GET / 200",
    "CSV": b"event_id,price",
    "truncated object": b'{"a":1',
    "trailing comma": b'{"a":1,}',
    "missing colon": b'{"a" 1}',
    "single quotes": b"{'a':1}",
    "bare key": b"{a:1}",
    "comment": b'{"a":1/**/}',
    "leading zero": b'{"a":01}',
    "no digit after the point": b'{"a":1.}',
    "no digit before the point": b'{"a":.5}',
    "plus sign": b'{"a":+1}',
    "minus alone": b'{"a":-}',
    "hexadecimal": b'{"a":0x10}',
    "unknown escape": b'{"a":"\\x41"}',
    "short escape": b'{"a":"\\u12"}',
    "raw tab in a text": b'{"a":"\t"}',
    "wrong case of true": b'{"a":True}',
    "mixed brackets": b'{"a":[1}',
    "only a brace": b"{",
    "only a closing brace": b"}",
    "undefined": b'{"a":undefined}',
}.items():
    reject(name, line, "not_json")
for name, line in {
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"price":Infinity}',
    "-Infinity": b'{"a":[-Infinity]}',
    "NaN alone": b"NaN",
}.items():
    reject(name, line, "non_finite_number")
for name, line in {
    "1e400": b'{"a":1e400}',
    "-1e400 in a column": b'{"price":-1e400}',
    "1e400 deep down": b'{"a":[{"b":1e400}]}',
    "1e400 under a duplicate key": b'{"a":1e400,"a":1}',
    "whole number of 310 digits": b'{"a":1' + b"0" * 309 + b"}",
    "whole number of 5,000 digits": b'{"a":' + b"9" * 5000 + b"}",
    "5,000 digits in a column": b'{"quantity":' + b"9" * 5000 + b"}",
    "5,000 digits deep down": b'{"properties":{"a":[-' + b"9" * 5000 + b"]}}",
}.items():
    reject(name, line, "number_overflow")
for name, line in {
    "lone byte": b"\xff",
    "continuation alone": b'{"a":"\x80"}',
    "cut sequence": b'{"a":"\xe2\x82"}',
    "overlong slash": b'{"a":"\xc0\xaf"}',
    "overlong NUL": b'{"a":"\xe0\x80\x80"}',
    "surrogate": b'{"a":"\xed\xa0\x80"}',
    "CESU-8 pair": b'{"a":"\xed\xa0\xbd\xed\xb8\x80"}',
    "beyond Unicode": b'{"a":"\xf4\x90\x80\x80"}',
    "five bytes": b'{"a":"\xf8\x88\x80\x80\x80"}',
    "Latin-1": b'{"a":"caf\xe9"}',
    "in a key": b'{"\xff":1}',
    "in a column": b'{"page_url":"\xff"}',
    "in PII": b'{"user_id":"\xff"}',
    "in a nested value": b'{"properties":{"a":["\xff"]}}',
    "UTF-16": '{"a":"é"}'.encode("utf-16-be"),
}.items():
    reject(f"invalid UTF-8, {name}", line, "invalid_utf8")
for name, line in {
    "high": b'{"a":"\\ud800"}',
    "low": b'{"a":"\\udfff"}',
    "wrong order": b'{"a":"\\ude00\\ud83d"}',
    "in a key": b'{"\\ud800":1}',
    "in a column": b'{"page_url":"x\\ud83dx"}',
    "in PII": b'{"user_id":"\\ud800"}',
    "deep down": b'{"properties":{"a":["\\ud800"]}}',
    "under a duplicate key": b'{"a":"\\ud800","a":1}',
}.items():
    reject(f"lone surrogate, {name}", line, "lone_surrogate")
reject("depth 101", b'{"a":' + b"[" * 100 + b"]" * 100 + b"}", "too_deep")
reject("depth 10,000", b'{"a":' + b"[" * 9_999 + b"]" * 9_999 + b"}", "too_deep")
reject("depth 10,000 in objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "too_deep")
reject("depth 10,000, not closed", b"[" * 10_000, "too_deep")
reject("depth 101 in a column", b'{"page_url":' + b"[" * 100 + b"]" * 100 + b"}", "too_deep")
text("depth 100", b'{"a":' + b"[" * 99 + b"]" * 99 + b"}", {"a": nested(98, [])})
reject(
    "10,001 keys", b"{" + b",".join(b'"k%d":0' % n for n in range(10_001)) + b"}", "too_many_keys"
)
reject(
    "10,001 keys in objects",
    b'{"a":[' + b",".join(b'{"k":0,"l":1}' for _ in range(5_000)) + b"]}",
    "too_many_keys",
)
text(
    "10,000 keys",
    b"{" + b",".join(b'"k%d":0' % n for n in range(10_000)) + b"}",
    {f"k{n}": 0 for n in range(10_000)},
)
reject(
    "a million keys",
    b"{" + b",".join(b'"k%d":0' % n for n in range(1_000_000)) + b"}",
    "line_too_long",
)
reject("key of 10,001 bytes", b'{"' + b"k" * 10_001 + b'":1}', "key_too_long")
reject(
    "nested key of 60,000 bytes", b'{"properties":{"' + b"k" * 60_000 + b'" :1}}', "key_too_long"
)
reject(
    "long key under a duplicate",
    b'{"a":{"b":{"' + b"k" * 60_000 + b'":1},"b":2}}',
    "key_too_long",
)
text("key of 10,000 bytes", b'{"' + b"k" * 10_000 + b'":1}', {"k" * 10_000: 1})
reject("line of 20 MB", b'{"a":"' + b"x" * 20_000_000 + b'"}', "line_too_long")
reject("line a byte over the limit", b'{"a":"' + b"x" * (4 * MIB - 7) + b'"}', "line_too_long")
text("line at the limit", b'{"a":"' + b"x" * (4 * MIB - 8) + b'"}', {"a": "x" * (4 * MIB - 8)})
text(
    "a long event among short ones on one line",
    b'{"a":1}{"b":"' + b"x" * 5 * MIB + b'"}{"a":2}',
    {"a": 1},
    {"a": 2},
    rejects=[(1, 7, "line_too_long")],
)

# --- numbers ---------------------------------------------------------------------------------

for name, number in {
    "minus zero": "-0.0",
    "zero with an exponent": "0e400",
    "2^53 + 1": "9007199254740993",
    "2^63": "9223372036854775808",
    "2^64": "18446744073709551616",
    "smallest double": "5e-324",
    "underflow": "1e-400",
    "309 digits that fit": "1" + "0" * 308,
    "5,000 digits of a fraction": "0." + "9" * 5000,
    "400 digits with an exponent": "9" * 400 + "e-399",
    "an exponent of 400 digits": "1e-" + "9" * 400,
}.items():
    text(
        f"number, {name}", b'{"a":%s}' % number.encode(), {"a": number}, extra=[f'{{"a":{number}}}']
    )
for name, (number, kept, stored) in {
    "whole": ("7", "7", 7),
    "-0": ("-0", "-0", 0),
    "5.0": ("5.0", "5", 5),
    "1e3": ("1e3", "1000", 1000),
    "-0.0": ("-0.0", "0", 0),
    "2^53 + 1": ("9007199254740993", "9007199254740993", 2**53 + 1),
    "2^63 - 1": ("9223372036854775807", "9223372036854775807", 2**63 - 1),
    "-2^63": ("-9223372036854775808", "-9223372036854775808", -(2**63)),
    "2^53 as a fraction": ("9007199254740992.0", "9007199254740992", 2**53),
}.items():
    text(
        f"bigint takes {name}",
        b'{"quantity":%s}' % number.encode(),
        {"quantity": kept},
        parquet=[{"quantity": stored}],
    )
for name, number in {
    "5.5": "5.5",
    "2^63": "9223372036854775808",
    "-2^63 - 1": "-9223372036854775809",
    "2^64": "18446744073709551616",
    "1e19": "1e19",
    "2^53 + 2 as a fraction": "9007199254740994.0",
}.items():
    text(
        f"bigint does not take {name}",
        b'{"quantity":%s}' % number.encode(),
        {"quantity": None, "extra": {"quantity": number}},
        extra=[f'{{"quantity":{number}}}'],
    )
for name, (number, real) in {
    "whole": ("7", 7.0),
    "2^53 + 1": ("9007199254740993", float(2**53)),
    "2^64": ("18446744073709551616", float(2**64)),
    "309 digits": ("1" + "0" * 308, 1e308),
    "minus zero": ("-0.0", -0.0),
    "the largest": ("1.7976931348623157e308", 1.7976931348623157e308),
    "underflow": ("1e-400", 0.0),
}.items():
    text(
        f"double takes {name}",
        b'{"price":%s}' % number.encode(),
        {"price": number},
        parquet=[{"price": real}],
    )

# --- duplicate keys --------------------------------------------------------------------------

text("duplicate key", b'{"a":1,"b":0,"a":2}', {"a": 2, "b": 0}, extra=['{"a":2,"b":0}'])
text(
    "duplicate column",
    b'{"event_id":"x","event_id":"y"}',
    {"event_id": "y"},
    parquet=[{"event_id": "y"}],
)
text(
    "duplicate column, the first unfit",
    b'{"price":[],"price":2}',
    {"price": 2},
    parquet=[{"price": 2.0}],
)
text(
    "duplicate column, the last unfit",
    b'{"price":2,"price":[]}',
    {"price": None, "extra": {"price": []}},
    extra=['{"price":[]}'],
)
text("duplicate column, the last null", b'{"price":2,"price":null}', {"price": None})
text("nested duplicate", b'{"a":{"b":1,"b":2}}', {"a": {"b": 2}})
text("duplicate by an escape", b'{"a":1,"\\u0061":2}', {"a": 2}, extra=['{"a":2}'])

# --- own names -------------------------------------------------------------------------------

for key in (
    "Event_Type", "EVENT_TS", "Price", "Properties", "IS_BOT", "processed_ts", "Processed_Ts", "extra",
    "EXTRA", "year", "MONTH", "Day", "_col0", "_col3", "_COL3", "_col00", "_col99999999999999999999",
):  # fmt: skip
    text(
        f"own name {key}",
        b'{"event_id":"e1","%s":{"b":1}}' % key.encode(),
        {"event_id": "e1", "extra": {key: {"b": 1}}},
        extra=[f'{{"{key}":{{"b":1}}}}'],
    )
for key in (
    "_col",
    "_colx",
    "x_col3",
    "hour",
    "years",
    "",
    " price",
    "price ",
    "\u0130",
    "pric\u0435",
):
    text(
        f"not an own name {key!r}",
        b'{"%s":1}' % key.encode(),
        {key: 1},
        extra=[f'{{"{key}":1}}'],
    )
text(
    "an extra of the producer beside a value that does not fit",
    b'{"extra":{"a":1},"price":"x","b":2}',
    {"price": None, "b": 2, "extra": {"extra": {"a": 1}, "price": "x"}},
    extra=['{"extra":{"a":1},"price":"x","b":2}'],
)
text(
    "keys that differ in case only",
    b'{"event_type":"a","Event_Type":"b","EVENT_TYPE":"c","a":1,"A":2}',
    {"event_type": "a", "a": 1, "A": 2, "extra": {"Event_Type": "b", "EVENT_TYPE": "c"}},
    parquet=[{"event_type": "a"}],
)
text(
    "escaped column",
    b'{"event\\u005ftype":"a"}',
    {"event_type": "a"},
    parquet=[{"event_type": "a"}],
)
text("escapes of a text are kept", b'{"page_url":"\\u0041\\/"}', {"page_url": "A/"})
text(
    "NUL in a text",
    b'{"page_url":"a\\u0000b"}',
    {"page_url": "a\0b"},
    parquet=[{"page_url": "a\0b"}],
)

# --- personal data ---------------------------------------------------------------------------

for name, line, left in [
    ("text", b'{"user_id":"c4n4ry"}', {}),
    ("number beside a column", b'{"user_id":7,"event_id":"e1"}', {"event_id": "e1"}),
    ("object", b'{"user_id":{"name":"c4n4ry"},"a":1}', {"a": 1}),
    ("array", b'{"a":1,"user_id":["c4n4ry",["c4n4ry"]]}', {"a": 1}),
    ("null", b'{"user_id":null,"a":1}', {"a": 1}),
    ("boolean", b'{"user_id":true,"a":1}', {"a": 1}),
    ("escaped key", b'{"user\\u005fid":"c4n4ry","a":1}', {"a": 1}),
    ("key all in escapes", b'{"\\u0075\\u0073\\u0065\\u0072\\u005f\\u0069\\u0064":"c4n4ry"}', {}),
    ("upper case", b'{"USER_ID":"c4n4ry","User_Id":"c4n4ry","a":1}', {"a": 1}),
    ("escaped in upper case", b'{"\\u0055SER_\\u0049D":"c4n4ry"}', {}),
    ("twice", b'{"user_id":"c4n4ry-1","a":1,"user_id":"c4n4ry-2"}', {"a": 1}),
    ("twice, plain and escaped", b'{"user_id":"c4n4ry-1","user_i\\u0064":"c4n4ry-2"}', {}),
    ("in an object", b'{"properties":{"user_id":"c4n4ry","b":1}}', {"properties": {"b": 1}}),
    ("in an array", b'{"a":[{"user_id":"c4n4ry"},[{"user_id":"c4n4ry","b":[]}]]}', {"a": [{}, [{"b": []}]]}),
    ("in a string column", b'{"page_url":{"user_id":"c4n4ry","b":1}}', {"page_url": '{"b":1}'}),
    ("in an unfit value", b'{"price":{"user_id":"c4n4ry"}}', {"price": None, "extra": {"price": {}}}),
    ("in an own name", b'{"Extra":{"user_id":"c4n4ry"}}', {"extra": {"Extra": {}}}),
    ("escaped in an object", b'{"a":{"\\u0075ser_id":"c4n4ry"}}', {"a": {}}),
    ("upper case in an object", b'{"a":{"uSeR_iD":"c4n4ry"}}', {"a": {}}),
    (
        "under a nested duplicate",
        b'{"a":{"b":{"user_id":"c4n4ry"},"b":1,"user_id":"c4n4ry"}}',
        {"a": {"b": 1}},
    ),
    ("under a duplicate", b'{"a":{"user_id":"c4n4ry"},"a":1}', {"a": 1}),
    ("in PII", b'{"user_id":{"user_id":"c4n4ry"},"a":1}', {"a": 1}),
    ("98 deep", b'{"a":' + b"[" * 98 + b'{"user_id":"c4n4ry"}' + b"]" * 98 + b"}",
     {"a": nested(98, {})}),
    ("with space around", b' { "user_id" : "c4n4ry" ,\t"a" : 1 } \r', {"a": 1}),
    ("last", b'{"a":1,"user_id":"c4n4ry"}', {"a": 1}),
    ("with braces in it", b'{"user_id":"c4n4ry\\"},{\\"a\\":1","a":1}', {"a": 1}),
    ("key in a text", b'{"page_url":"\\"user_id\\":1","user_id":"c4n4ry"}', {"page_url": '"user_id":1'}),
    ("name as a value", b'{"event_type":"user_id","user_id":"c4n4ry"}', {"event_type": "user_id"}),
    ("only part of a name", b'{"user_id2":1,"xuser_id":2,"user_id":"c4n4ry"}', {"user_id2": 1, "xuser_id": 2}),
]:  # fmt: skip
    for copies in (1, 40):
        text(f"PII, {name}, {copies} times", (line + b"\n") * copies, *[left] * copies)
for name, line, reason in [
    ("rejected line", b'{"user_id":"c4n4ry"', "not_json"),
    ("rejected array", b'[{"user_id":"c4n4ry"}]', "not_object"),
    ("rejected number", b'{"user_id":"c4n4ry","a":NaN}', "non_finite_number"),
    ("rejected UTF-8", b'{"user_id":"c4n4ry\xff"}', "invalid_utf8"),
    ("rejected key", b'{"c4n4ry\\ud800":1}', "lone_surrogate"),
]:
    reject(f"PII, {name}", line, reason)

# --- every column with every type ------------------------------------------------------------

VALUES: dict[str, tuple[bytes, Any, set[str]]] = {
    "null": (b"null", None, {"string", "bigint", "double", "boolean", "timestamp", "json"}),
    "text": (b'"x"', "x", {"string", "json"}),
    "empty text": (b'""', "", {"string", "json"}),
    "digits": (b'"12"', "12", {"string", "json", "timestamp"}),  # the year 12
    "time": (
        b'"2025-11-26T10:00:00+01:00"',
        "2025-11-26T10:00:00+01:00",
        {"string", "json", "timestamp"},
    ),
    "whole": (b"12", 12, {"string", "json", "bigint", "double", "timestamp"}),
    "fraction": (b"5.5", "5.5", {"string", "json", "double", "timestamp"}),
    "true": (b"true", True, {"string", "json", "boolean"}),
    "false": (b"false", False, {"string", "json", "boolean"}),
    "object": (b'{"b": [1]}', {"b": [1]}, {"string", "json"}),
    "array": (b"[ 1 , {}]", [1, {}], {"string", "json"}),
}
EPOCH = {"whole": "1970-01-01T00:00:12.000Z", "fraction": "1970-01-01T00:00:05.500Z"}
COMPACT = {"object": '{"b":[1]}', "array": "[1,{}]"}


def typed_cases(columns: dict[str, str]) -> Iterator[tuple[str, Case]]:
    """Every declared column with every JSON type."""
    for column, kind in columns.items():
        for name, (sent, value, fits) in VALUES.items():
            shown: Any = value
            expected: dict[str, Any] = {column: shown}
            if kind not in fits:
                expected = {column: None, "extra": {column: shown}}
            elif kind == "string" and value is not None and not isinstance(value, str):
                expected = {column: COMPACT.get(name, sent.decode())}
            elif kind == "string" and name == "fraction":
                expected = {column: "5.5"}
            elif kind == "timestamp" and name in EPOCH:
                expected = {column: EPOCH[name]}
            data = b'{"%s":%s}\n' % (column.encode(), sent)
            yield f"{column} ({kind}) with {name}", Case(lambda data=data: data, [expected])
