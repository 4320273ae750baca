"""Shapes of raw objects that cost more than clean events do, all of them found by somebody once."""

import gzip
import json
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import count, product
from random import Random
from typing import Any, Final

from clickstream_lake.generate.events import generate_events

CLEAN: Final = "clean events"
_SIGNS: Final = (string.ascii_letters + string.digits + "!#$%&()*+/:;<=>?@").encode()
_START: Final = datetime(2025, 11, 26, tzinfo=UTC)
_EVENTS: Final = 4_000
# Of whole events a smaller object would show what any object costs, and not what the events do.
_EVENTS_BYTES: Final = 4_000_000
_SHARES: Final = (1, 5, 20, 50, 90, 100)

Unit = Callable[[Random], bytes]
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of raw object.

    Attributes:
        group: which table of the report it is in.
        text: makes decompressed bytes of about a size; it is called with a seeded source.
        members: makes the raw object from that text, where it is not one gzip member.
        smallest: size below which the shape is not itself, bytes.
    """

    name: str
    group: str
    text: Callable[[Random, int], bytes]
    members: Callable[[bytes], bytes] | None = None
    smallest: int = 0

    def raw(self, size: int) -> bytes:
        """The raw object; the larger of its two sizes is about `size` bytes."""
        text = self.text(Random(self.name), max(size, self.smallest))  # noqa: S311 - the same object for everybody
        if self.members is None:
            return gzip.compress(text, 6, mtime=0)
        return self.members(text)


def shapes() -> list[Shape]:
    """All shapes, the clean one first."""
    return [*_short(), *_long(), *_values(), *_mixed(), *_producers(), *_members()]


def _filled(unit: Unit) -> Callable[[Random, int], bytes]:
    def text(rng: Random, size: int) -> bytes:
        made = bytearray()
        while len(made) < size:
            made += unit(rng)
        return bytes(made)

    return text


def _number(template: bytes, below: int = 10) -> Unit:
    return lambda rng: template % rng.randrange(below)


@cache
def _events() -> list[Event]:
    lines = generate_events(7, _EVENTS, _START, 1.0, 0.0)
    return [json.loads(line) for line in lines]


def _line(event: Event) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def _clean(rng: Random) -> bytes:
    return _line(_events()[rng.randrange(_EVENTS)])


def _short() -> Iterator[Shape]:
    """Many events, or many rejects, in few bytes."""

    def sign(rng: Random) -> bytes:
        return bytes([rng.choice(_SIGNS)])

    units: dict[str, Unit] = {
        "{} per line": lambda _: b"{}\n",
        "{}{}{} on one line": lambda _: b"{}",
        "one-byte garbage lines": lambda rng: sign(rng) + b"\n",
        "one-digit lines": _number(b"%d\n"),
        "[][][] on one line": lambda _: b"[]",
        "1 1 1 on one line": _number(b"%d "),
        'lines of "x': lambda rng: b'"' + sign(rng) + b"\n",
        "one byte of invalid UTF-8 per line": lambda rng: bytes([rng.randrange(128, 256), 10]),
        '{"year":1} lines': _number(b'{"year":%d}\n'),
        '{} and {"year":1} in turn': _number(b'{}\n{"year":%d}\n'),
        '{}{"year":1} without delimiter': _number(b'{}{"year":%d}'),
        "{} and garbage in turn": lambda rng: b"{}\n" + sign(rng) + b"\n",
        "{} and garbage without delimiter": lambda _: b"{}x",
        "} alone": lambda _: b"}\n",
        "blank lines": lambda _: b"\n",
        "blank lines of white space": lambda rng: b" \t\r"[: rng.randrange(4)] + b"\n",
        "commas between {}": lambda _: b"{},",
        "a BOM before each {}": lambda _: b"\xef\xbb\xbf{}\n",
        "NUL between {}": lambda _: b"{}\0",
    }
    yield Shape(CLEAN, "short lines", _filled(_clean), smallest=_EVENTS_BYTES)
    for name, unit in units.items():
        yield Shape(name, "short lines", _filled(unit))


def _long() -> Iterator[Shape]:
    """One line of four megabytes."""

    def ended(start: bytes, middle: bytes, end: bytes) -> Callable[[Random, int], bytes]:
        def text(_: Random, size: int) -> bytes:
            return start + middle * ((size - len(start + end)) // len(middle)) + end + b"\n"

        return text

    texts = {
        "[ without end": ended(b"", b"[", b""),
        "{ without end": ended(b"", b"{", b""),
        '{"a": without end': ended(b"", b'{"a":', b""),
        '" without end': ended(b'"', b"x", b""),
        "x without end": ended(b"", b"x", b""),
        "quotes and backslashes": ended(b"{", b'"\\', b""),
        '{"a":[[],[],…]}': ended(b'{"a":[', b"[],", b"[]]}"),
        '{"a":[{},{},…]} with PII': ended(b'{"a":[{"user_id":1},', b"{},", b"{}]}"),
        '{"a":[{},{},…]} not JSON at its end': ended(b'{"a":[', b"{},", b"x]}"),
        '{"a":[{"":1},…]} not JSON at its end': ended(b'{"a":[', b'{"":1},', b"x]}"),
        '{"properties":[1.5,…]}': ended(b'{"properties":[', b"1.5,", b"1.5]}"),
        "a text of escapes": ended(b'{"page_url":"', b"\\u0041\\u00e9\\n", b'"}'),
        "an unclosed { and then events": ended(b'{"a":', b'{"b":1}', b""),
        "} and events in turn": ended(b"", b'}{"b":1}', b""),
    }
    longest = 4_190_000  # an event may have 4 MiB
    return (Shape(name, "one long line", text, smallest=longest) for name, text in texts.items())


def _values() -> Iterator[Shape]:
    """Keys and values that take long to look at."""
    names = ["event_id", "event_type", "session_id", "page_url", "referrer", "user_agent"]
    names += ["device_type", "country", "product_id", "price", "quantity"]

    def digits(bits: int) -> Unit:
        return lambda rng: b"%d" % rng.getrandbits(bits)

    def shuffled(rng: Random) -> bytes:
        event = {name: rng.randrange(10) for name in rng.sample(names, len(names))}
        return _line(event)

    def numbers(rng: Random) -> bytes:
        return b'{"properties":[' + b",".join(digits(1020)(rng) for _ in range(30)) + b"]}\n"

    def surrogate(rng: Random) -> bytes:
        return b'{"a":"\\ud8%02x"}\n' % rng.randrange(255)

    escapes = b"\\u0041\\u00e9\\n" * 3_000
    keys = b"{" + b",".join(b'"k%d":1' % number for number in range(10_000)) + b"}\n"
    units: dict[str, Unit] = {
        "escapes in a declared text": lambda _: b'{"page_url":"' + escapes + b'"}\n',
        "escapes in a nested text": lambda _: b'{"properties":{"x":"' + escapes + b'"}}\n',
        "numbers of 190 digits": lambda rng: b'{"price":' + digits(620)(rng) + b"}\n",
        "numbers of 308 digits, nested": numbers,
        "depth 100": lambda _: b'{"a":' + b"[" * 99 + b"]" * 99 + b"}\n",
        "depth 101": lambda _: b'{"a":' + b"[" * 100 + b"]" * 100 + b"}\n",
        "10,000 keys": lambda _: keys,
        "11 columns in any order": shuffled,
        "a duplicate key": _number(b'{"a":1,"a":%d}\n'),
        "a nested duplicate key": _number(b'{"a":{"b":1,"b":%d}}\n'),
        "half a surrogate pair": surrogate,
        "NaN": lambda _: b'{"a":NaN}\n',
        "a number as text": _number(b'{"price":"%d"}\n'),
        "nested PII": _number(b'{"a":{"user_id":%d}}\n'),
        "JSON with PII in a text": _number(b'{"a":"{\\"user_id\\":%d}"}\n'),
        "a URL with PII in its query": _number(b'{"page_url":"/?user_id=%d"}\n'),
        "a key in capitals, escaped": _number(b'{"\\u0055SER_ID":%d}\n'),
        "a key with long s": lambda _: '{"u\u017fer_id":1}\n'.encode(),
        "a time in the SQL form": _number(b'{"event_ts":"2025-11-26 10:00:0%d"}\n'),
        "a time that is none": _number(b'{"event_ts":"%d"}\n'),
    }
    for name, unit in units.items():
        yield Shape(name, "keys and values", _filled(unit))

    def new_keys(_: Random, size: int) -> bytes:
        numbers = count()
        return _filled(lambda _: b'{"k%d":1}\n' % next(numbers))(Random(0), size)  # noqa: S311

    yield Shape("a new key per line", "keys and values", new_keys)
    yield Shape("keys of one hash", "keys and values", _colliding)


def _colliding(rng: Random, size: int) -> bytes:
    """Events whose keys fall into one slot of a table of FNV-1a hashes, up to 16,384 slots long."""
    keys = list(_keys_of_one_hash())
    lines = [keys[start : start + 100] for start in range(0, len(keys), 100)]
    made = bytearray()
    while len(made) < size:
        made += b"{" + b",".join(key + b":1" for key in lines.pop()) + b"}\n"
        if not lines:
            lines.append(rng.sample(keys[-2_000:], 1_000))
    return bytes(made)


def _keys_of_one_hash() -> Iterator[bytes]:
    """Keys of five signs, in their quotes, whose hashes end in the same 14 bits."""
    signs = frozenset((string.ascii_lowercase + string.digits).encode())
    low, prime = 0x3FFF, 16_777_619  # the low bits of a state depend on low bits alone
    back = pow(prime, -1, low + 1)
    before_quote = (7 * back & low) ^ ord('"')
    wanted = before_quote * back & low
    for start in product(sorted(signs), repeat=4):
        state = 2_166_136_261
        for byte in (ord('"'), *start):
            state = (state ^ byte) * prime & low
        if state ^ wanted in signs:
            yield b'"%s%c"' % (bytes(start), state ^ wanted)


def _mixed() -> Iterator[Shape]:
    """Ordinary traffic, some of whose producers send what costs more."""

    def mixed(share: int, other: Callable[[Event], bytes]) -> Unit:
        def unit(rng: Random) -> bytes:
            event = _events()[rng.randrange(_EVENTS)]
            return other(event) if rng.randrange(100) < share else _line(event)

        return unit

    others: dict[str, Callable[[Event], bytes]] = {
        "price as text": lambda event: _line({**event, "price": "12.50"}),
        "a duplicate key": lambda event: _line(event)[:-2] + b',"country":"US"}\n',
        "cut short": lambda event: _line(event)[:100] + b"\n",
    }
    for name, other in others.items():
        for share in _SHARES:
            text = _filled(mixed(share, other))
            yield Shape(f"{share} % {name}", "mixed producers", text, smallest=_EVENTS_BYTES)


def _producers() -> Iterator[Shape]:
    """Whole events, all of which differ from the generator's in one thing."""

    def put(**values: Any) -> Callable[[Event, int], bytes]:  # noqa: ANN401 - any JSON value
        return lambda event, _: _line({**event, **values})

    def replaced(old: str, new: str, **values: Any) -> Callable[[Event, int], bytes]:  # noqa: ANN401
        return lambda event, _: _line({**event, **values}).replace(old.encode(), new.encode())

    nested = {f"k{number}": {"v": number} for number in range(40)}
    nothing = dict.fromkeys(("referrer", "product_id", "price", "quantity", "properties"))
    url = "https://x.de/m\u00fcller/\u65e5\u672c"
    makers: dict[str, Callable[[Event, int], bytes]] = {
        "plain": put(),
        "blanks after : and ,": lambda event, _: json.dumps(event).encode() + b"\n",
        "UTF-8 in page_url": lambda event, _: (
            json.dumps({**event, "page_url": url}, ensure_ascii=False).encode() + b"\n"
        ),
        "\\u00fc in page_url": put(page_url=url),
        "\\u00fc in properties": put(properties={"q": "m\u00fcller", "n": 1}),
        "an emoji pair in properties": put(properties={"q": "shoes \U0001f600"}),
        "a quote in properties": put(properties={"q": 'say "hi"'}),
        "\\/ everywhere": replaced("/", "\\/"),
        "\\/ in properties": replaced("/", "\\/", properties={"u": "https://a/b"}),
        "\\u0026 in page_url": replaced("&", "\\u0026", page_url="https://a/b?x=1&y=2"),
        "\\u003d in properties": replaced("=", "\\u003d", properties={"q": "a=b"}),
        "unknown keys": put(app_version="1.2.3", ip="1.2.3.4", lang="en"),
        "an unknown object": put(context={"page": {"w": 1, "h": 2}, "os": "ios"}),
        "a new unknown key per line": lambda event, number: _line({**event, f"k{number}": 1}),
        "numbers as ids": lambda event, n: _line({**event, "event_id": n, "session_id": n * 7}),
        "user_id nested": put(properties={"user_id": "u1", "a": 1}),
        "user_id a number": lambda event, number: _line({**event, "user_id": number}),
        "no user_id": lambda event, _: _line({k: v for k, v in event.items() if k != "user_id"}),
        "userId": put(userId="u1"),
        "time: epoch ms": lambda event, n: _line({**event, "event_ts": 1_770_076_800_000 + n}),
        "time: epoch ms as text": lambda event, n: _line({**event, "event_ts": f"17700768{n:05}"}),
        "time: epoch s with a fraction": put(event_ts=1_770_076_800.123),
        "time: micros and offset": put(event_ts="2026-02-03T10:00:00.123456+00:00"),
        "time: no zone": put(event_ts="2026-02-03T10:00:00"),
        "time: a blank for T": put(event_ts="2026-02-03 10:00:00"),
        "time: +02:00": put(event_ts="2026-02-03T10:00:00.123+02:00"),
        "price as text": put(price="12.50"),
        "price whole": put(price=12),
        "quantity as text": put(quantity="2"),
        "quantity 1.0": put(quantity=1.0),
        "properties as JSON in a text": put(properties='{"a":1}'),
        "properties an array": put(properties=[{"key": "a", "value": 1}] * 3),
        "properties with 40 objects": put(properties=nested),
        "a key year": put(year=2026),
        "a key Event_Type": put(Event_Type="x"),
        "keys date and timestamp": put(timestamp=123, date="x"),
        "a key processed_ts": put(processed_ts="x"),
        "a key extra": put(extra={"a": 1}),
        "user_id in a URL's query": put(page_url="https://a/?user_id=5"),
        'a value "user_id"': put(properties={"key": "user_id", "v": 1}),
        "JSON with user_id in a text": put(properties={"raw": '{"user_id":1}'}),
        "true in a text column": put(product_id=True),
        "CRLF": lambda event, _: _line(event)[:-1] + b"\r\n",
        "no delimiter": lambda event, _: _line(event)[:-1],
        "nulls": put(**nothing),
        "a duplicate key at the end": lambda event, _: _line(event)[:-2] + b',"country":"US"}\n',
        "a raw tab in a text": replaced('"page_view"', '"page\tview"', event_type="page_view"),
        "NaN": put(price=float("nan")),
    }

    def shape(make: Callable[[Event, int], bytes]) -> Callable[[Random, int], bytes]:
        def text(rng: Random, size: int) -> bytes:
            numbers = count()
            return _filled(lambda rng: make(_events()[rng.randrange(_EVENTS)], next(numbers)))(
                rng, size
            )

        return text

    for name, make in makers.items():
        yield Shape(name, "producers", shape(make), smallest=_EVENTS_BYTES)


def _members() -> Iterator[Shape]:
    """Gzip members of few bytes."""

    def member(text: bytes) -> bytes:
        return gzip.compress(text, 6, mtime=0)

    empty = member(b"")

    def lines(text: bytes) -> bytes:
        return b"".join(map(member, text.splitlines(keepends=True)))

    def single(text: bytes) -> bytes:
        each = [member(bytes([byte])) for byte in range(256)]
        return member(b'{"a":"') + b"".join(each[byte] for byte in text) + member(b'"}\n')

    def less(part: int, unit: Unit) -> Callable[[Random, int], bytes]:
        """Text that takes so many times its size in members of its own."""
        return lambda rng, size: _filled(unit)(rng, size // part)

    padded = member(b"{}\n")
    named = b"\x1f\x8b\x08\x08" + empty[4:10] + b"n" * 200 + b"\0" + empty[10:]
    yield Shape("a member per clean event", "gzip members", _filled(_clean), lines)
    yield Shape("a member per {}", "gzip members", less(8, lambda _: b"{}\n"), lines)
    yield Shape("a member per byte of an event", "gzip members", less(21, lambda _: b"x"), single)
    repeated: dict[str, Unit] = {
        "empty members": lambda _: empty,
        "named empty members": lambda _: named,
        "zero padding": lambda _: b"\0",
    }
    for name, unit in repeated.items():
        yield Shape(name, "gzip members", _filled(unit), padded.__add__)
