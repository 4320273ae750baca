# ruff: noqa: E501 - a table of cases
"""The corpus: nasty raw objects by name, and what exactly becomes of each."""

import gzip
import json
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
        stored: the Parquet rows as Python writes their values, where zeros and their signs matter.
        sent: the published JSON lines as name -> JSON text, if they are to be spelt out.
        rejects: (line, byte offset, reason) of each row.
        rows: (texts, events, last line, last byte offset) of each, if they are to be spelt out.
        corrupt: why the object is rejected whole.
    """

    make: Make
    json: list[dict[str, Any]] = field(default_factory=list)
    stored: list[dict[str, str]] | None = None
    sent: list[dict[str, str]] | None = None
    rejects: list[Reject] = field(default_factory=list)
    rows: list[tuple[int, int | None, int, int]] | None = None
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


def reject(name: str, line: bytes, reason: str, *, at: int = 0, events: int | None = 1) -> None:
    """A line that is rejected from a byte on, between two that are not."""
    place = (2, len(GOOD) + at)
    text(
        f"rejected: {name}",
        GOOD + line + b"\n" + GOOD,
        GOOD_JSON,
        GOOD_JSON,
        rejects=[(*place, reason)],
        rows=[(1, events, *place)],
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
SEPARATORS = {
    "spaces": b"  ", "a tab": b"\t", "a carriage return": b"\r", "a comma": b",", "commas": b", ,,", "NUL": b"\0",
    "padding": b"\0" * 100, "a record separator": b"\x1e", "a byte order mark": b"\xef\xbb\xbf",
    "byte order marks": b"\xef\xbb\xbf\xef\xbb\xbf", "an escaped line feed": b"\\n", "an escaped line end": b"\\r\\n",
    "an escaped tab": b"\\t", "all of them": b" \t\r,\0\x1e\xef\xbb\xbf\\n\\r\\t",
}  # fmt: skip
for name, separator in SEPARATORS.items():
    text(f"{name} between events", b'{"a":1}%s{"a":2}' % separator, {"a": 1}, {"a": 2})
    text(f"{name} around events", b'%s{"a":1}%s\n' % (separator, separator) * 2, *[{"a": 1}] * 2)
    text(f"{name} alone", separator + b"\n" + separator, blank=2)
    text(
        f"{name} around garbage",
        b'%soops%s{"a":1}\n' % (separator, separator),
        {"a": 1},
        rejects=[(1, len(separator), "not_json")],
    )
reject("half a byte order mark", b"\xef\xbb", "invalid_utf8")
text(
    "half a byte order mark before an event",
    b'\xef\xbb{"a":1}',
    {"a": 1},
    rejects=[(1, 0, "invalid_utf8")],
)
text(
    "byte order mark of UTF-16",
    b"\xff\xfe{\0}\0",
    rejects=[(1, 0, "invalid_utf8"), (1, 2, "not_json")],
)
text("JSON text sequence of RFC 7464", b'\x1e{"a":1}\n\x1e{"a":2}\n', {"a": 1}, {"a": 2})
reject("NUL byte in a text", b'{"a":"\0"}', "not_json")
reject("NUL byte in an object", b'{\0"a":1}', "not_json")
reject("byte order mark in an object", b'{\xef\xbb\xbf"a":1}', "not_json")
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
    {"a": 2},
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
for name, line, left, at, events in [
    ("garbage between events", b'{"a":1}oops{"a":2}', [1, 2], 7, 1),
    ("numbers between events", b'{"a":1}1,2,{"a":2}', [1, 2], 7, 1),
    ("a key without an object", b'{"a":1},"b":1 {"a":2}', [1, 2], 8, 1),
    ("an object behind a colon", b'{"a":1}"b" : {"a":2} {"a":3}', [1, 3], 7, 1),
    ("an array behind a colon", b'"b":[{"a":1},{"a":2}],{"a":3}', [3], 0, 2),
    ("a bracket too many", b'{"a":1}}{"a":2}', [2], 0, 1),
    ("brackets too many", b'{"a":1} ] } ]{"a":2}', [2], 0, 1),
    ("brackets too many at first", b'}]{"a":2}', [2], 0, 1),
    ("an end without its start", b'{"a":1},"b":{"c":2},"d":3}{"a":4}', [4], 0, 2),
    ("an end of several objects", b'{"a":1},{"a":2},{"a":3}]}{"a":4}', [4], 0, 3),
    ("an end behind an event without a comma", b'{"a":1} {"a":2},{"a":3}]}', [1], 8, 2),
    ("an end with garbage in it", b'{"a":1},oops,{"a":2}}{"a":3}', [3], 0, 2),
    ("an end in a text", b'{"a":1}oops","b":{"a":2}}{"a":3}', [], 0, 3),
    ("a start in an event", b'{"a":1}{"b":{"c":1{"a":2}', [1], 7, 3),
    ("a text without its start", b'{"a":1}{\\"b\\":2}{"a":3}', [], 0, 3),
    ("a text without its start that is closed", b'{"a":1}{\\b:2}{"a":3}', [3], 0, 2),
    ("an object behind a colon that does not end", b'{"a":1}"b":{"c":[{"a":2}', [], 0, 3),
    ("brackets in texts", b'{"a":1}"}",x"{"{"a":2}', [1, 2], 7, 1),
    ("mixed brackets", b'{"b":[1}{"a":2}]{"a":3}', [3], 0, 1),
]:  # fmt: skip
    text(
        f"torn: {name}",
        line,
        *[{"a": number} for number in left],
        rejects=[(1, at, "not_json")],
        rows=[(1, events, 1, at)],
    )
text(
    "torn: 1,024 objects that commas join",
    b",".join([b"{}"] * 1_024) + b"}{}",
    {},
    rejects=[(1, 0, "not_json")],
    rows=[(1, 1_024, 1, 0)],
)
text(
    "torn: 1,500 objects that commas join",
    b",".join([b"{}"] * 1_500) + b"}{}",
    *[{}] * 1_025,
    rejects=[(1, 3 * 1_024, "not_json")],
    rows=[(1, 476, 1, 3 * 1_024)],
)
ITEM = b'{"a":"%s"}' % (b"x" * 400)
text(
    "torn: a long line of objects that commas join",
    b",".join([ITEM] * 1_000) + b"]}{}\n{}",
    {},
    {},
    rejects=[(1, 0, "not_json")],
    rows=[(1, 1_000, 1, 0)],
)
text(
    "more than 1,000 rejected texts",
    b"x\n" * 999 + b"[]\n" + b"x\n" + b'[{},{}]{"a":NaN}\n' * 2 + b"y",
    rejects=[
        *((line, 2 * line - 2, "not_json") for line in range(1, 1_000)),
        (1_000, 1_998, "not_object"),
        (1_001, 2_001, "not_json"),
        (1_002, 2_003, "not_object"),
        (1_002, 2_010, "non_finite_number"),
    ],
    rows=[
        *((1, 1, line, 2 * line - 2) for line in range(1, 1_000)),
        (1, 1, 1_000, 1_998),
        (2, 2, 1_004, 2_037),
        (2, 4, 1_003, 2_020),
        (2, 2, 1_003, 2_027),
    ],
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
reject("array of two objects", b'[{"a":1},{"b":[{}]}]', "not_object", events=3)
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
    "numbers": b"1 2",
    "texts": b'"a","b"',
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
}.items():
    reject(f"invalid UTF-8, {name}", line, "invalid_utf8")
reject("UTF-16", '{"a":"é"}'.encode("utf-16-be"), "invalid_utf8", at=1)
for name, line, sent in [
    ("high", b'{"a":"\\ud800"}', {"a": r'"\ufffd"'}),
    ("low in upper case", b'{"a":"\\uDFFF"}', {"a": r'"\ufffd"'}),
    ("wrong order", b'{"a":"\\ude00\\ud83d"}', {"a": r'"\ufffd\ufffd"'}),
    ("before a pair", b'{"a":"\\ud83d\\ud83d\\ude00"}', {"a": r'"\ufffd\ud83d\ude00"'}),
    ("after a pair", b'{"a":"\\ud83d\\ude00\\ude00x"}', {"a": r'"\ud83d\ude00\ufffdx"'}),
    ("in a key", b'{"\\ud800":1}', {"\ufffd": "1"}),
    ("in keys that become one", b'{"\\ud800":1,"\\udc00":2,"\\ufffd":3}', {"\ufffd": "3"}),
    ("in a column", b'{"page_url":"x\\ud83dx"}', {"page_url": r'"x\ufffdx"'}),
    ("in a number's column", b'{"price":"\\ud83d"}', {"price": "null", "extra": r'{"price":"\ufffd"}'}),
    ("in PII", b'{"user_id":"\\ud800"}', {}),
    ("in a name like PII", b'{"user\\ud800_id":1}', {"user\ufffd_id": "1"}),
    ("deep down", b'{"properties":{"a":[ "\\ud800" ]}}', {"properties": r'{"a":[ "\ufffd" ]}'}),
    ("in a key deep down", b'{"a":{"\\ud800":1 }}', {"a": r'{"\ufffd":1 }'}),
    ("under a duplicate key", b'{"a":"\\ud800","a":1}', {"a": "1"}),
    ("of an escaped backslash", b'{"a":"\\\\ud800"}', {"a": r'"\\ud800"'}),
    ("in JSON in a text", b'{"a":"{\\"b\\":\\"\\\\ud800\\"}"}', {"a": r'"{\"b\":\"\\ud800\"}"'}),
]:  # fmt: skip
    text(
        f"half a surrogate pair, {name}",
        line,
        {key: json.loads(value, parse_int=str) for key, value in sent.items()},
        sent=[sent],
    )
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
    events=None,
)
reject("10,001 keys of one name", b"{" + b",".join([b'"k":0'] * 10_001) + b"}", "too_many_keys")
reject("key of 10,001 bytes", b'{"' + b"k" * 10_001 + b'":1}', "key_too_long")
reject(
    "nested key of 60,000 bytes", b'{"properties":{"' + b"k" * 60_000 + b'" :1}}', "key_too_long"
)
reject(
    "long key under a duplicate",
    b'{"a":{"b":{"' + b"k" * 60_000 + b'":1},"b":2}}',
    "key_too_long",
)
reject("key of 10,002 bytes in escapes", b'{"' + b"\\u006b" * 1_667 + b'":1}', "key_too_long")
text("key of 10,000 bytes", b'{"' + b"k" * 10_000 + b'":1}', {"k" * 10_000: 1})
reject("line of 20 MB", b'{"a":"' + b"x" * 20_000_000 + b'"}', "line_too_long", events=None)
reject(
    "line a byte over the limit",
    b'{"a":"' + b"x" * (4 * MIB - 7) + b'"}',
    "line_too_long",
    events=None,
)
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
    "-0": ("-0", "0", 0),
    "5.0": ("5.0", "5", 5),
    "1e3": ("1e3", "1000", 1000),
    "-0.0": ("-0.0", "0", 0),
    "2^53 + 1": ("9007199254740993", "9007199254740993", 2**53 + 1),
    "2^63 - 1": ("9223372036854775807", "9223372036854775807", 2**63 - 1),
    "-2^63": ("-9223372036854775808", "-9223372036854775808", -(2**63)),
    "2^53 as a fraction": ("9007199254740992.0", "9007199254740992", 2**53),
    "2^53 + 1 as a fraction": ("9007199254740993.0", "9007199254740993", 2**53 + 1),
    "2^53 + 2 as a fraction": ("9007199254740994.0", "9007199254740994", 2**53 + 2),
    "1e18": ("1e18", "1" + "0" * 18, 10**18),
    "10e-1": ("10e-1", "1", 1),
    "2^63 - 1 with an exponent": ("9.223372036854775807E+18", "9223372036854775807", 2**63 - 1),
    "-2^63 shifted": ("-92233720368547758080.00e-1", "-9223372036854775808", -(2**63)),
    "300 zeros taken back": ("7" + "0" * 300 + "e-300", "7", 7),
    "zero with a large exponent": ("0.00e400", "0", 0),
    "-0e5": ("-0e5", "0", 0),
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
    "2^63 as a fraction": "9223372036854775808.0",
    "2^63 - 1 and a tenth": "9223372036854775807.1",
    "a fraction near 2^52": "4503599627370497.3",
    "a fraction near 5": "5.00000000000000000001",
    "a fraction under 5": "4.9999999999999999999",
    "1e-400": "1e-400",
    "an exponent of 400 digits": "1e-" + "9" * 400,
    "15e-1": "15e-1",
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
for column, number, kept, stored in [
    ("price", "-0", "0", "0.0"),
    ("price", "-0.0", "-0.0", "-0.0"),
    ("price", "-0e5", "-0e5", "-0.0"),
    ("quantity", "-0", "0", "0"),
    ("properties", "-0", "-0", "'-0'"),
    ("event_type", "-0", '"-0"', "'-0'"),
]:
    text(
        f"{number} in {column}",
        b'{"%s":%s}' % (column.encode(), number.encode()),
        {column: json.loads(kept, parse_int=str, parse_float=str)},
        sent=[{column: kept}],
        stored=[{column: stored}],
    )

# --- duplicate keys --------------------------------------------------------------------------

text("duplicate key", b'{"a":1,"b":0,"a":2}', {"a": 2, "b": 0}, extra=['{"b":0,"a":2}'])
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
for name, line, sent in [
    ("in an object", b'{"a":{"b":1 , "c":2,"b" : 3}}', {"a": '{"c":2,"b" : 3}'}),
    ("in the middle", b'{"a":{ "x":0 , "b":1 , "c":2, "b":3 }}', {"a": '{ "x":0 , "c":2, "b":3 }'}),
    ("three times", b'{"a":[{"b":1,"b":2,"b":3}]}', {"a": '[{"b":3}]'}),
    ("beside PII", b'{"properties":{"b":1,"b":2,"user_id":"c4n4ry"}}', {"properties": '{"b":2}'}),
    ("of objects", b'{"a":{"b":{"c":1,"c":2},"b":{"c":3,"c":{"d":4,"d":5}}}}', {"a": '{"b":{"c":{"d":5}}}'}),
    ("by an escape", b'{"a":{"b":1,"\\u0062":2}}', {"a": r'{"\u0062":2}'}),
    ("in a string column", b'{"page_url":{"b":1,"b":[ 2 ]}}', {"page_url": r'"{\"b\":[2]}"'}),
    ("in an unfit value", b'{"price":{"b":1,"b":2}}', {"price": "null", "extra": '{"price":{"b":2}}'}),
    ("of an own name", b'{"extra":1,"Extra":2,"extra":3}', {"extra": '{"Extra":2,"extra":3}'}),
    ("in JSON in a text stays", b'{"a":"{\\"b\\":1,\\"b\\":2}"}', {"a": r'"{\"b\":1,\"b\":2}"'}),
]:  # fmt: skip
    text(
        f"duplicate, {name}",
        line,
        {key: json.loads(value, parse_int=str) for key, value in sent.items()},
        sent=[sent],
    )
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
    ("camel case", b'{"userId":"c4n4ry","a":1}', {"a": 1}),
    ("dashes and spaces", b'{"USER-ID":"c4n4ry","user id":"c4n4ry","_user__id_":"c4n4ry","a":1}', {"a": 1}),
    ("full-width", '{"\uff55\uff53\uff45\uff52\uff3f\uff49\uff44":"c4n4ry","a":1}'.encode(), {"a": 1}),
    ("a long s", '{"u\u017fer_id":"c4n4ry","a":1}'.encode(), {"a": 1}),
    ("circled letters and a roman number", '{"\u24e4ser_\u2170d":"c4n4ry","a":1}'.encode(), {"a": 1}),
    ("mathematical letters", '{"\U0001d4ca\U0001d4c8er_id":"c4n4ry","a":1}'.encode(), {"a": 1}),
    ("mathematical letters as pairs", b'{"\\ud835\\udcca\\ud835\\udcc8er_id":"c4n4ry","a":1}', {"a": 1}),
    ("a soft hyphen", '{"user\u00adid":"c4n4ry","a":1}'.encode(), {"a": 1}),
    ("a joiner and a mark of direction", '{"user\u200did":"c4n4ry","\u202euser_id":"c4n4ry"}'.encode(), {}),
    ("other dashes, spaces, connectors", '{"user\u2013id":"c4n4ry","user\u00a0id":"c4n4ry","user\u203fid":"c4n4ry"}'.encode(), {}),
    ("control characters", b'{"user\\u0000id":"c4n4ry","user\\tid":"c4n4ry"}', {}),
    ("camel case in an object", b'{"a":{"userId":"c4n4ry","b":[{"user-id":1}]}}', {"a": {"b": [{}]}}),
    ("no dotless i, no dot above, no Cyrillic, no full stop",
     '{"user_\u0131d":1,"USER_\u0130D":2,"us\u0435r_id":3,"user.id":4}'.encode(),
     {"user_\u0131d": 1, "USER_\u0130D": 2, "us\u0435r_id": 3, "user.id": 4}),
    ("key in a text", b'{"page_url":"\\"user_id\\":1","user_id":"c4n4ry"}', {"page_url": '"user_id":1'}),
    ("name as a value", b'{"event_type":"user_id","user_id":"c4n4ry"}', {"event_type": "user_id"}),
    ("only part of a name", b'{"user_id2":1,"xuser_id":2,"user_id":"c4n4ry"}', {"user_id2": 1, "xuser_id": 2}),
]:  # fmt: skip
    for copies in (1, 40):
        text(f"PII, {name}, {copies} times", (line + b"\n") * copies, *[left] * copies)
for name, inside, left in [
    ("all of it", r'{"user_id":"c4n4ry"}', "{}"),
    ("first", '{"user_id":"c4n4ry" , "a":1}', '{"a":1}'),
    ("last", '{"a":1 , "user_id":"c4n4ry" }', '{"a":1 }'),
    ("in the middle", '{ "a":1 , "userId":"c4n4ry" , "b":2 }', '{ "a":1 , "b":2 }'),
    ("twice", '{"user_id":"c4n4ry","USER-ID":["c4n4ry"],"a":1}', '{"a":1}'),
    ("deep in it", '{"a":[{"b":{"user_id":{"c":"c4n4ry"}}}]}', '{"a":[{"b":{}}]}'),
    ("after white space", '\r\n\t [{"user_id":"c4n4ry"}]', "\r\n\t [{}]"),
    ("escaped", r'{"us\u0065r_i\u0064":"c4n4ry"}', "{}"),
    ("a pair in a key", r'{"\ud835\udccaser_id":"c4n4ry","\ud83d\ude00":1}', r'{"\ud83d\ude00":1}'),
    ("duplicates stay", '{"a":1,"user_id":"c4n4ry","a":2}', '{"a":1,"a":2}'),
    ("several in a row", '{"user_id":"c4n4ry"} {"user_id":"c4n4ry"},[{"userId":"c4n4ry"}]', "{} {},[{}]"),
    ("on lines", '{"user_id":"c4n4ry"}\n{"user_id":"c4n4ry"}\n', "{}\n{}\n"),
    ("with NaN and words", '{"a":NaN,"b":01,"c":x,"user_id":"c4n4ry"}', '{"a":NaN,"b":01,"c":x}'),
    ("with a line feed in a text", '{"a":"\n","user_id":"c4n4ry\n"}', '{"a":"\n"}'),
    ("garbage after it", '{"user_id":"c4n4ry"}oops', "{}oops"),
    ("cut in its value", '{"a":1,"user_id":"c4n4', '{"a":1'),
    ("cut after its value", '{"a":1,"user_id":"c4n4ry"', '{"a":1'),
    ("cut in an object", '{"a":1,"user_id":{"b":["c4n4ry', '{"a":1'),
    ("cut after it", '{"user_id":"c4n4ry","a":[1', '{"a":[1'),
    ("cut in a key", '{"user_id":"c4n4ry","user_', '{,"user_'),
    ("cut in an escape", r'{"user_id":"c4n4ry\u00', "{"),
    ("cut in the middle of an object around it", '{"a":{"user_id":"c4n4ry","b":{"userId":["c4n4ry"', '{"a":{"b":{'),
    ("value goes on", '{"user_id":"c4n" "4ry c4n4ry","b":1}', "{"),
    ("value of words", '{"a":0,"user_id":c4n4ry c4n4ry,"b":1}', '{"a":0'),
    ("wrong bracket", '{"user_id":["c4n4ry"}]}', "{"),
    ("no colon", '{"user_id" "c4n4ry"}', "{"),
    ("two deep", json.dumps({"a": '{"user_id":"c4n4ry","b":1}'}), json.dumps({"a": '{"b":1}'})),
    ("three deep", json.dumps({"a": json.dumps(['{"user_id":"c4n4ry"}'])}), json.dumps({"a": json.dumps(["{}"])})),
    ("two deep, cut", r'{"a":"{\"b\":1,\"user_id\":\"c4n4', r'{"a":"{\"b\":1'),
    ("two deep, cut in an escape", r'{"a":"{\"user_id\":\"c4n4\u00', r'{"a":"{'),
    ("two deep, with an escape that is none", r'{"a":"{\"user_id\":\"c4n4ry\x c4n4ry\"}"}', r'{"a":"{'),
    ("three deep, cut", r'["[\"[{\\\"user_id\\\":\\\"c4n4', r'["[\"[{'),
]:  # fmt: skip
    text(f"PII, in a text, {name}", json.dumps({"a": inside}).encode(), {"a": left})
    text(
        f"PII, in a text in a column, {name}",
        json.dumps({"properties": {"b": [inside]}, "page_url": inside, "price": inside}).encode(),
        {"properties": {"b": [left]}, "page_url": left, "price": None, "extra": {"price": left}},
        parquet=[{"page_url": left}],
    )
for name, inside in {
    "four deep": json.dumps([json.dumps([json.dumps(['{"user_id":1}'])])]),
    "101 deep": "[" * 100 + '{"user_id":1}' + "]" * 100,
    "after garbage": '{"a":1}oops{"user_id":1}',
    "not at its start": 'x{"user_id":1}',
    "after a byte order mark": '\ufeff{"user_id":1}',
    "without quotes": "{user_id:1}",
    "in single quotes": "{'user_id':1}",
    "no value": "user_id",
}.items():
    text(f"not looked into, {name}", json.dumps({"a": inside}).encode(), {"a": inside})
text("not looked into, a key", b'{"{\\"user_id\\":1}":1}', {'{"user_id":1}': 1})
for name, url, left in [
    ("alone", "/p?user_id=c4n4ry", "/p"),
    ("first", "/p?user_id=c4n4ry&a=1", "/p?a=1"),
    ("last", "/p?a=1&user_id=c4n4ry", "/p?a=1"),
    ("in the middle", "/p?a=1;userId=c4n4ry;b=2", "/p?a=1;b=2"),
    ("twice", "/p?user_id=c4n4ry&a&user_id=c4n4ry", "/p?a"),
    ("of the fragment", "/p#user_id=c4n4ry&a=1", "/p#a=1"),
    ("before the fragment", "/p?user_id=c4n4ry#top", "/p#top"),
    ("in a route", "/p#/q?user_id=c4n4ry&a=1", "/p#/q?a=1"),
    ("after another question mark", "/p?a=/q?user_id=c4n4ry", "/p?a=/q"),
    ("percent-encoded", "/p?%75ser%5fid=c4n4ry&a=1", "/p?a=1"),
    ("with a plus sign", "/p?user+id=c4n4ry&a=1", "/p?a=1"),
    ("in brackets", "/p?event[user_id]=c4n4ry&a=1", "/p?a=1"),
    ("in encoded brackets", "/p?event%5Buser_id%5D=c4n4ry&a=1", "/p?a=1"),
    ("with brackets", "/p?user_id[]=c4n4ry&a=1", "/p?a=1"),
    ("in other letters", "/p?u\u017fer_id=c4n4ry&u%C5%BFer_id=c4n4ry", "/p?"),
    ("encoded for HTML", "/p?a=1&amp;user_id=c4n4ry&amp;b=2", "/p?a=1&amp;amp;b=2"),
    ("without a path", "?user_id=c4n4ry", ""),
    ("with signs of its own", "/p?user_id==c4n4ry=/:@&a", "/p?a"),
]:  # fmt: skip
    sent = json.dumps(url).encode()
    for how, line in {
        "as it is": sent,
        "in escapes": sent.replace(b"&", b"\\u0026").replace(b"/", b"\\/"),
        "with escaped marks": sent.replace(b"?", b"\\u003f").replace(b"#", b"\\u0023"),
    }.items():
        text(
            f"PII, URL parameter {name}, {how}",
            b'{"page_url":%s,"referrer":%s}' % (line, line),
            {"page_url": left, "referrer": left},
            parquet=[{"page_url": left}],
        )
for url in (
    "/p?user_id", "/user_id=1/p", "user_id=1", "/p&user_id=1", "/p?a=user_id=1", "/p?user.id=1", "/p?user%255Fid=1",
    "/p?user%ZZ_id=1", "/p?user%FF_id=1", "/p?=user_id", '/p?q={"user_id":1}',
):  # fmt: skip
    text(f"not looked into, URL {url}", json.dumps({"page_url": url}).encode(), {"page_url": url})
text(
    "not looked into, a URL elsewhere",
    b'{"zz":"/p?user_id=1","event_type":"/p?user_id=1","Page_Url":"/p?user_id=1","page_url":["/p?user_id=1"]}',
    {
        "zz": "/p?user_id=1",
        "event_type": "/p?user_id=1",
        "page_url": '["/p?user_id=1"]',
        "extra": {"Page_Url": "/p?user_id=1"},
    },
)
for name, line, reason in [
    ("rejected line", b'{"user_id":"c4n4ry"', "not_json"),
    ("rejected array", b'[{"user_id":"c4n4ry"}]', "not_object"),
    ("rejected number", b'{"user_id":"c4n4ry","a":NaN}', "non_finite_number"),
    ("rejected UTF-8", b'{"user_id":"c4n4ry\xff"}', "invalid_utf8"),
    ("rejected key", b'{"c4n4ry\\x":1}', "not_json"),
    ("rejected with its end", b'{"name":"c4n4ry"},"b":1}', "not_json"),
    ("rejected behind a colon", b'"user_id":{"name":"c4n4ry"},"b":{"name":"c4n4ry"}', "not_json"),
]:
    reject(f"PII, {name}", line, reason, events=max(1, line.count(b"{")))

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
