r"""No part of a broken value is ever published.

Small events that hold events are broken at every byte, in every way, alone on their line and beside
good events on the same line. Between them stand good events on lines of their own: what is
published between two of those comes from the line between them.

What keeps the promise: after garbage, reading goes on at the next bracket that no open one reaches;
and where the garbage closes what nothing opened, or holds a text without end, the value before it
was a part of it. So was each value before that one, as long as a comma stands between them.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.transform.conftest import Transform

Event = dict[str, Any]

EVENTS = {
    "object in object": b'{"event_id":"o","properties":{"event_id":"i"},"z":"t"}',
    "objects in array": b'{"event_id":"o","items":[{"event_id":"i"},{"event_id":"j"}]}',
    "JSON in text": rb'{"event_id":"o","t":"{\"event_id\":\"i\"}","u":{"event_id":"k"}}',
    "brackets in text": b'{"event_id":"}","t":"]{[","u":{"event_id":"]"},"v":"}"}',
    "quotes and backslashes": rb'{"event_id":"a\"b","t":"\\","u":[{"event_id":"\\\""}],"v":"\n"}',
    "deep": b'{"event_id":"o","u":{"v":[[{"w":{"event_id":"i"}}],{"event_id":"j"}]}}',
    "array of events": b'[{"event_id":"o"},{"event_id":"i","u":[{}]}]',
    "blanks between": b'{ "event_id" : "o" , "u" : [ { "event_id" : "i" } , { } ] } ',
}
SIGNS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b"x",
    b" ",
    b"\0",
    b"\x1e",
    b"\xef\xbb\xbf",
]
SEPARATORS = re.compile(rb"(?:\xef\xbb\xbf|[\x1e\0,\t \r]|\\n)*")
BEFORE, AFTER = b'{"event_id":"before"}', b'{"event_id":"after","u":{"event_id":"part"}}'


@dataclass(frozen=True)
class Line:
    """One line with a broken event, and the good ones on it."""

    broken: bytes
    before: bytes = b""
    after: bytes = b""

    @property
    def text(self) -> bytes:
        return self.before + self.broken + self.after


def broken(event: bytes) -> Iterator[bytes]:
    """Every single change of an event."""
    for at in range(len(event) + 1):
        yield event[:at]
        yield event[at:]
        yield event[:at] + event[at + 1 :]
        for sign in SIGNS:
            yield event[:at] + sign + event[at:]
            yield event[:at] + sign + event[at + 1 :]


def values(text: bytes) -> tuple[list[Any], bytes]:
    """The JSON values that a line begins with, with separators between them, and what follows."""
    found = []
    decoder = json.JSONDecoder(parse_constant=lambda _: 1 / 0)
    position = 0
    while (position := _passed(text, position)) < len(text):
        try:
            value, length = decoder.raw_decode(text[position:].decode())
        except (ValueError, ZeroDivisionError):
            break
        found.append(value)
        position += len(text[position:].decode()[:length].encode())
    return found, text[position:]


def _passed(text: bytes, position: int) -> int:
    match = SEPARATORS.match(text, position)
    assert match
    return match.end()


def is_clear(text: bytes) -> bool:
    """Whether what stands beside a broken text cannot be taken for a part of it.

    Its brackets are closed and its texts are ended, so nothing reaches out of it; no colon makes
    the next object a member's value; and nothing looks like JSON in a text that lost its start.
    """
    rest = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", text, flags=re.DOTALL)
    if b'"' in rest or b"{\\" in rest or rest.rstrip(b" \t\r").endswith((b":", b"\\")):
        return False
    depth = 0
    for byte in rest:
        depth += (byte in b"{[") - (byte in b"}]")
        if depth < 0:
            return False
    return depth == 0


def published(transform: Transform, lines: list[Line]) -> list[list[Event]]:
    """What each line published; good events on lines of their own come out whatever happens."""
    markers = [b'{"event_id":"line %d"}' % number for number in range(len(lines) + 1)]
    text = b"".join(
        marker + b"\n" + line.text + b"\n" for marker, line in zip(markers, lines, strict=False)
    )
    outcome = transform(text + markers[-1])
    assert outcome.stats.published == len(outcome.json) == len(outcome.parquet)
    stats = outcome.stats
    assert stats.lines == stats.blank + stats.published + stats.rejected_lines
    found: list[list[Event]] = []
    for row in outcome.json:
        del row["processed_ts"]
        if row == {"event_id": f"line {len(found)}"}:
            found.append([])
        else:
            found[-1].append(row)
    assert len(found) == len(markers), "each good event is published, at its place"
    assert found.pop() == []
    return found


def wrong(event: bytes, line: Line, rows: list[Event]) -> bool:
    """Whether a line published what it must not, or not what it must."""
    first, rest = values(line.text)
    objects = [value for value in first if isinstance(value, dict)]
    if not rest:  # nothing says that it was anything else but these
        return rows != objects
    good = [json.loads(part) for part in (line.before, line.after) if part]
    allowed = list(good)
    if event.strip() in line.broken and event.startswith(
        b"{"
    ):  # something was added before or behind it
        allowed.append(json.loads(event))
    if is_clear(rest):  # the same for those that something else follows
        allowed += objects
    if is_clear(line.broken) and [row for row in rows if row in good] != good:
        return True
    return any(rows.count(row) > allowed.count(row) for row in rows)


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize(
    ("before", "after"),
    [(b"", b""), (BEFORE, b""), (b"", AFTER), (BEFORE, AFTER)],
    ids=["alone", "after a good one", "before a good one", "between good ones"],
)
def test_no_part_of_a_broken_value_is_published(
    event: bytes, before: bytes, after: bytes, transform: Transform
) -> None:
    texts = dict.fromkeys(broken(event))
    lines = [Line(text, before, after) for text in texts if text != event]
    found = published(transform, lines)
    bad = [
        (line.text, rows)
        for line, rows in zip(lines, found, strict=True)
        if wrong(event, line, rows)
    ]
    lost = Counter(
        name
        for line, rows in zip(lines, found, strict=True)
        for name, good in (("before", line.before), ("after", line.after))
        if good and json.loads(good) not in rows
    )
    print(f"{len(lines)} lines, good events lost: {dict(lost)}")  # noqa: T201 - for the curious
    assert not bad[:3], f"{len(bad)} of {len(lines)}"


def test_the_limit_is_a_text_that_looks_like_the_seam_of_two_events(transform: Transform) -> None:
    """No rule tells a broken `{"a":"}{", …}` from an event and a broken one right behind it."""
    done = transform(b'{"event_id":""}{","t":1}\n')
    assert [row["event_id"] for row in done.json] == [""]
    assert done.reasons == ["not_json"]
