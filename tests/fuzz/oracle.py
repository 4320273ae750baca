"""What `docs/data-rules.md` says of a decompressed raw object, by the plain `json` module.

Written from the document and slow on purpose. Numbers stay the texts they were sent as, objects
stay lists of pairs, so that nothing is lost before a rule has looked at it.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from clickstream_lake.lake.catalog import Catalog
from clickstream_lake.lake.config import Limits
from tests.fuzz.times import moment

SPACE = b" \t\r\n"
LONGEST_KEY = 10_000


class Number(str):
    """A JSON number as it was sent."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it was sent, duplicates included."""


@dataclass(frozen=True)
class JsonText:
    """A text that holds this JSON value."""

    value: Any


@dataclass
class Expected:
    """What is to come out.

    Attributes:
        json: each published event as the JSON line has it, without `processed_ts`.
        parquet: the same as the Parquet row has it.
        rejects: (line number, byte offset, reason).
    """

    json: list[dict[str, Any]] = field(default_factory=list)
    parquet: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[tuple[int, int, str]] = field(default_factory=list)
    blank: int = 0
    mismatched: dict[str, int] = field(default_factory=dict)


class UnfitError(Exception):
    """A text is rejected, or a value does not fit."""


def expect(data: bytes, catalog: Catalog, limits: Limits) -> Expected:
    """Predict what becomes of a decompressed raw object."""
    expected = Expected()
    offset = 3 if data.startswith(b"\xef\xbb\xbf") else 0
    lines = data[offset:].split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        if not line.strip(SPACE):
            expected.blank += 1
        for start, text in values(line):
            try:
                event = judge(text, limits)
            except UnfitError as unfit:
                expected.rejects.append((number, offset + start, str(unfit)))
            else:
                publish(event, catalog, expected)
        offset += len(line) + 1
    return expected


def values(line: bytes) -> Iterator[tuple[int, bytes]]:
    """The JSON values of a line, cut byte by byte."""
    position = 0
    while True:
        while position < len(line) and line[position] in SPACE:
            position += 1
        if position == len(line):
            return
        end = end_of(line, position)
        yield position, line[position:end].strip(SPACE)
        position = end


def end_of(line: bytes, start: int) -> int:
    """End of one value, or of the line."""
    rest = line[start:]
    scalar = re.match(rb"-?[0-9][0-9.eE+-]*|true|false|null|NaN|-?Infinity", rest)
    if scalar:
        return start + scalar.end()
    if rest[:1] not in (b"{", b"[", b'"'):
        return len(line)
    depth, quoted, escaped = 0, False, -1
    for match in re.finditer(rb'[\\"{}\[\]]', rest):
        token, position = match[0], match.start()
        if position == escaped:
            continue
        if quoted:
            escaped = position + 1 if token == b"\\" else -1
            quoted = token != b'"'
        elif token == b'"':
            quoted = True
        elif token != b"\\":
            depth += 1 if token in b"{[" else -1
        if depth == 0 and not quoted:
            return start + match.end()
    return len(line)


def judge(text: bytes, limits: Limits) -> Pairs:  # noqa: C901 - one rule after the other
    """Parse one text, or raise the reason why it is rejected."""
    if len(text) > limits.max_line_bytes:
        raise UnfitError("line_too_long")
    if depth_of(text) > limits.max_depth:
        raise UnfitError("too_deep")
    try:
        decoded = text.decode()
    except UnicodeDecodeError:
        raise UnfitError("invalid_utf8") from None
    try:
        event = load(decoded)
    except (ValueError, RecursionError):
        raise UnfitError("not_json") from None
    if not isinstance(event, Pairs):
        raise UnfitError("not_object")
    texts: list[str] = []
    numbers: list[str] = []
    keys: list[str] = []
    for item in walk(event):
        (numbers if isinstance(item, Number) else texts if isinstance(item, str) else []).append(
            item
        )
        if isinstance(item, Pairs):
            keys += [key for key, _ in item]
    if any("\ud800" <= char <= "\udfff" for text in texts + keys for char in text):
        raise UnfitError("lone_surrogate")
    if any(abs(float(number)) == float("inf") for number in numbers):
        raise UnfitError("number_overflow")
    if sum(len(item) for item in walk(dedupe(event)) if isinstance(item, dict)) > limits.max_keys:
        raise UnfitError("too_many_keys")
    if any(len(json.dumps(key, ensure_ascii=False).encode()) > LONGEST_KEY + 2 for key in keys):
        raise UnfitError("key_too_long")
    return event


def load(text: str) -> Any:  # noqa: ANN401 - any JSON value
    """A strict parse that keeps what was sent."""

    def constant(_name: str) -> None:
        raise UnfitError("non_finite_number")

    return json.loads(
        text, parse_int=Number, parse_float=Number, parse_constant=constant, object_pairs_hook=Pairs
    )


def depth_of(text: bytes) -> int:
    """Deepest nesting, brackets in strings aside."""
    outside = re.sub(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', b"", text, flags=re.DOTALL)
    depth = deepest = 0
    for byte in outside:
        depth += (byte in b"{[") - (byte in b"}]")
        deepest = max(deepest, depth)
    return deepest


def walk(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON value
    """A value and all values in it."""
    stack = [value]
    while stack:
        item = stack.pop()
        yield item
        if isinstance(item, Pairs):
            stack += [inner for _, inner in item]
        elif isinstance(item, dict):
            stack += item.values()
        elif isinstance(item, list):
            stack += item


def dedupe(value: Any, drop: frozenset[str] = frozenset()) -> Any:  # noqa: ANN401 - any JSON value
    """Objects as dicts, the last of duplicate keys winning; keys of `drop` left out."""
    if isinstance(value, Pairs):
        return {key: dedupe(item, drop) for key, item in value if key.lower() not in drop}
    if isinstance(value, list):
        return [dedupe(item, drop) for item in value]
    # Integers in an object that is written anew lose the sign of their zero.
    return Number("0") if isinstance(value, Number) and value == "-0" else value


def publish(event: Pairs, catalog: Catalog, expected: Expected) -> None:
    """Type the columns of one event."""
    types = {c.name: c.type for c in catalog.columns if c.name not in ("extra", "processed_ts")}
    line: dict[str, Any] = {}
    row: dict[str, Any] = dict.fromkeys(types)
    moved: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for key, value in dedupe(event, catalog.pii_keys).items():
        if key in types:
            try:
                row[key], line[key] = fit(types[key], value)
            except UnfitError:
                line[key] = None
                moved[key] = extra[key] = value
                expected.mismatched[key] = expected.mismatched.get(key, 0) + 1
        elif taken(key.lower(), catalog):
            moved[key] = extra[key] = value
        else:
            line[key] = extra[key] = value
    if moved:
        line["extra"] = moved
    row["extra"] = JsonText(extra) if extra else None
    expected.json.append(line)
    expected.parquet.append(row)


def taken(lowered: str, catalog: Catalog) -> bool:
    """Whether the SerDe would take a key that is not a column for one."""
    names = {column.name for column in catalog.columns} | set(catalog.partition_keys)
    return lowered in names or re.fullmatch("_col[0-9]+", lowered) is not None


def fit(kind: str, value: Any) -> tuple[Any, Any]:  # noqa: ANN401, PLR0911 - a value of any type
    """(in the Parquet column, in the JSON line) of a value that fits its column."""
    text = isinstance(value, str) and not isinstance(value, Number)
    if value is None:
        return None, None
    if kind == "string":
        return (value, value) if text else (JsonText(value), JsonText(value))
    if kind == "json":
        return JsonText(value), value
    if kind == "boolean" and isinstance(value, bool):
        return value, value
    if kind == "double" and isinstance(value, Number):
        return float(value), value
    if kind == "bigint" and isinstance(value, Number):
        whole = int(value) if re.fullmatch("-?[0-9]+", value) else None
        if whole is None and float(value).is_integer() and abs(float(value)) <= 2**53:
            return int(float(value)), Number(str(int(float(value))))
        if whole is not None and -(2**63) <= whole < 2**63:
            return whole, value
    if kind == "timestamp" and isinstance(value, str):
        return timestamp(value, text=text)
    raise UnfitError


def timestamp(value: str, *, text: bool) -> tuple[Any, Any]:
    """The same for a text or number that may be an instant."""
    try:
        return moment(value, text=text)
    except (ValueError, OverflowError):
        raise UnfitError from None
