"""What `docs/data-rules.md` says of a decompressed raw object.

Written from the document and slow on purpose. An event is its text and edits of it: what is cut out
of the text, what is put in its place. So what comes out is predicted to the byte.
"""

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, AnyStr
from urllib.parse import unquote_plus

from clickstream_lake.lake.catalog import Catalog, Column
from clickstream_lake.lake.config import Limits
from tests.fuzz.times import EPOCH, moment

LONGEST_KEY = 10_000
NAMED_REJECTS = 1_000
MOST_JOINED = 1_024
TEXTS_DEEP = 3
MILLISECOND = timedelta(milliseconds=1)
DROPPED = {"Cc", "Cf", "Zs", "Zl", "Zp", "Pc", "Pd"}

Edit = tuple[int, int, str]
Reject = tuple[int, int, str, int, int | None, int, int]
"""(line, byte offset, reason, texts, events, last line, last byte offset)"""


class UnfitError(Exception):
    """A text is rejected, or a value does not fit."""


class NotJsonError(Exception):
    """The reading of a JSON text ends here."""


class JsonText(str):
    """A text of a JSON string, however that is escaped."""

    __slots__ = ()


@dataclass
class Expected:
    """What is to come out.

    Attributes:
        json: each published event as the JSON line has it: name -> JSON text, the fields of `extra`
            likewise, in order, without `processed_ts`.
        parquet: the same as the Parquet row has it, `extra` as name -> compact JSON text.
        rejects: the rows, in any order.
        rejected: rejected texts.
        repaired: halves of surrogate pairs.
        breaches: `column.rule` -> events that broke it, whether they are rejected or not.
        sure: no part of a broken event is further from its end than the rules promise to look.
    """

    json: list[dict[str, Any]] = field(default_factory=list)
    parquet: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    blank: int = 0
    rejected: int = 0
    repaired: int = 0
    mismatched: dict[str, int] = field(default_factory=dict)
    breaches: dict[str, int] = field(default_factory=dict)
    sure: bool = True


def expect(data: bytes, catalog: Catalog, limits: Limits) -> Expected:
    """Predict what becomes of a decompressed raw object."""
    expected = Expected()
    found: list[tuple[int, int, str, int | None]] = []
    offset = 0
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for number, line in enumerate(lines, 1):
        texts = texts_of(line, limits.max_line_bytes)
        expected.blank += not texts
        expected.sure &= all(text.reach <= limits.max_line_bytes for text in texts)
        for text in texts:
            sent = line[text.start : text.end]
            try:
                publish(judge(sent, limits), catalog, limits, expected)
            except UnfitError as unfit:
                events = 1 if text.whole else max(1, sent.count(b"{"))
                known = None if text.skipped else events
                found.append((number, offset + text.start, str(unfit), known))
        offset += len(line) + 1
    expected.rejected = len(found)
    expected.rejects = list(rows_of(found))
    return expected


def rows_of(rejects: list[tuple[int, int, str, int | None]]) -> Iterator[Reject]:
    """The first thousand by name, the others by reason."""
    for line, offset, reason, events in rejects[:NAMED_REJECTS]:
        yield line, offset, reason, 1, events, line, offset
    rest = rejects[NAMED_REJECTS:]
    for reason in {reject[2] for reject in rest}:
        same = [reject for reject in rest if reject[2] == reason]
        counts = [events for *_, events in same]
        total = None if None in counts else sum(count or 0 for count in counts)
        yield *same[0][:3], len(same), total, *same[-1][:2]


# --- framing ---------------------------------------------------------------------------------

SEPARATORS = re.compile(rb"(?:[ \t\r,\0\x1e]|\xef\xbb\xbf|\\[nrt])*+")
TRAILING = re.compile(rb"(?:[ \t\r,\0\x1e]|\xef\xbb\xbf|\\[nrt])+\Z")
STRING = re.compile(rb'"(?:[^"\\]|\\.|\\\Z)*+("|\Z)', re.DOTALL)


@dataclass
class Text:
    """A text of a line.

    Attributes:
        whole: it is an object that ends where it should.
        skipped: it is too long by itself, and nothing of it was kept.
        reach: bytes of the run that was put together.
    """

    start: int
    end: int
    whole: bool
    skipped: bool = False
    reach: int = 0


def texts_of(line: bytes, longest: int) -> list[Text]:
    """The texts of a line, parts of broken events put together."""
    texts: list[Text] = []
    run = 0  # the first of those that commas join to the last
    end = 0
    while (start := end_of(SEPARATORS, line, end)) < len(line):
        comma = b"," in line[end:start]
        torn = closed = False
        if line[start] in b"{[" and not line.startswith(b"{\\", start):
            end, closed = closing(line, start)
            seen = end
        else:
            end, torn = garbage(line, start)
            seen = end_of(SEPARATORS, line, end)
        if seen - start > longest:
            end = end if closed else len(line)
            texts.append(Text(start, end, whole=False, skipped=True))
            run = len(texts)
            continue
        if torn and run < len(texts):
            first = texts[run]
            reach = max(first.reach, end - first.start)
            texts[run:] = [Text(first.start, end, whole=False, reach=reach)]
            continue
        if not comma or len(texts) - run >= MOST_JOINED:
            run = len(texts)
        texts.append(Text(start, end, closed and line[start] in b"{"))
    return texts


def end_of(pattern: re.Pattern[AnyStr], text: AnyStr, start: int) -> int:
    """End of what matches there."""
    match = pattern.match(text, start)
    assert match is not None
    return match.end()


def closing(line: bytes, start: int) -> tuple[int, bool]:
    """End of an object or array, and whether its bracket is closed."""
    depth, position = 0, start
    while position < len(line):
        if line[position] in b'"':
            position = end_of(STRING, line, position)
            continue
        depth += (line[position] in b"{[") - (line[position] in b"]}")
        position += 1
        if depth == 0:
            return position, True
    return len(line), False


def garbage(line: bytes, start: int) -> tuple[int, bool]:
    """End of garbage, and whether something in front of it is a part of it."""
    position, colon, torn = start, False, False
    while position < len(line):
        byte = line[position]
        if byte in b'"':
            string = STRING.match(line, position)
            assert string is not None
            if not string[1]:
                return len(line), True
            position, colon = string.end(), False
        elif byte in b"{[":
            inside = line.startswith(b"{\\", position)
            if not colon and not inside:
                break
            position, closed = closing(line, position)
            if inside or not closed:
                return position, True
            colon = False
        elif byte in b"]}":
            return position + 1, True
        elif (after := end_of(SEPARATORS, line, position)) > position:
            position = after
        else:
            position, colon = position + 1, byte in b":"
    trailing = TRAILING.search(line, start, position)
    return trailing.start() if trailing else position, torn


# --- reading JSON ----------------------------------------------------------------------------


@dataclass
class Field:
    """A field of an object; `end` is -1 until what follows its value shows that it ends there."""

    start: int
    name: str
    name_end: int
    end: int = -1


@dataclass
class Node:
    """A JSON value: its place, and what is in it; values of fields are items."""

    kind: str
    start: int
    end: int = -1
    fields: list[Field] = field(default_factory=list)
    items: list["Node"] = field(default_factory=list)


SPACE = re.compile(r"[ \t\r\n]*+")
STRICT_STRING = re.compile(r'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+)"')
LENIENT_STRING = re.compile(r'"((?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+)"')
CONTENT = re.compile(r'"(?:[^"\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+')
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
WORD = re.compile(r"true|false|null")
NON_FINITE = re.compile(r"NaN|-?Infinity")
LENIENT_WORD = re.compile(r'[^ \t\r\n,:"\[\]{}]+')
ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|.", re.DOTALL
)
PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}


class Reader:
    """Reads JSON, or as far as something is JSON.

    Attributes:
        lenient: words stand for scalars, and control characters stand in strings.
    """

    def __init__(self, text: str, *, lenient: bool = False, max_depth: int = 10**6) -> None:
        self.text = text
        self.lenient = lenient
        self.max_depth = max_depth

    def space(self, position: int) -> int:
        return end_of(SPACE, self.text, position)

    def whole(self) -> Node:
        """The value that the text is."""
        found: list[Node] = []
        if self.space(self.value(self.space(0), 1, found)) < len(self.text):
            raise NotJsonError
        return found[0]

    def value(self, position: int, depth: int, into: list[Node]) -> int:
        """Read a value, which is in a list from its start on; return its end."""
        here = self.text[position : position + 1]
        kind = {"{": "object", "[": "array", '"': "text"}.get(here, "scalar")
        node = Node(kind, position)
        if kind == "text":
            try:
                node.end = self.string(position)[1]
            except NotJsonError:
                node.kind, node.end = "open text", end_of(CONTENT, self.text, position)
                into.append(node)
                raise
        elif kind == "scalar":
            node.end = self.scalar(position)
        into.append(node)
        if kind == "object":
            node.end = self.inside(position, depth, node, "}")
        elif kind == "array":
            node.end = self.inside(position, depth, node, "]")
        return node.end

    def inside(self, position: int, depth: int, node: Node, close: str) -> int:
        """What is between brackets."""
        if depth > self.max_depth:
            raise NotJsonError
        position = self.space(position + 1)
        if self.text[position : position + 1] == close:
            return position + 1
        while True:
            if close == "}":
                position = self.key(position, node)
            end = self.value(position, depth + 1, node.items)
            position = self.space(end)
            here = self.text[position : position + 1]
            if here not in (",", close):
                raise NotJsonError
            if node.fields:
                node.fields[-1].end = end
            if here == close:
                return position + 1
            position = self.space(position + 1)

    def key(self, position: int, node: Node) -> int:
        """A field's key and colon; where its value starts."""
        name, end = self.string(position)
        node.fields.append(Field(position, name, end))
        position = self.space(end)
        if self.text[position : position + 1] != ":":
            raise NotJsonError
        return self.space(position + 1)

    def string(self, position: int) -> tuple[str, int]:
        """(what it stands for, its end)"""
        match = (LENIENT_STRING if self.lenient else STRICT_STRING).match(self.text, position)
        if match is None:
            raise NotJsonError
        return decoded(match[1]), match.end()

    def scalar(self, position: int) -> int:
        if self.lenient:
            match = LENIENT_WORD.match(self.text, position)
        elif NON_FINITE.match(self.text, position):
            raise UnfitError("non_finite_number")
        else:
            match = WORD.match(self.text, position) or NUMBER.match(self.text, position)
        if match is None:
            raise NotJsonError
        return match.end()


def decoded(sent: str) -> str:
    """What the inside of a JSON string stands for, halves of surrogate pairs being U+FFFD."""
    return "".join(map(letter, ESCAPE.findall(sent))) if "\\" in sent else sent


def letter(sent: str) -> str:
    """One character as it may stand in a JSON string."""
    if sent[0] != "\\":
        return sent
    if is_half(sent):
        return "\ufffd"
    if sent[1] == "u":
        return bytes.fromhex(sent.replace("\\u", "")).decode("utf-16-be")
    return PLAIN.get(sent[1], sent[1])


def is_half(sent: str) -> bool:
    """Whether an escape is half of a surrogate pair."""
    return len(sent) == 6 and sent[2] in "dD" and sent[3] in "89abcdefABCDEF"


def halves(text: str, start: int, end: int) -> Iterator[Edit]:
    """Halves of surrogate pairs become U+FFFD."""
    if "\\u" in text[start:end]:
        for match in ESCAPE.finditer(text, start, end):
            if is_half(match[0]):
                yield match.start(), match.end(), "\\ufffd"


def walk(node: Node) -> Iterator[Node]:
    """A value and all values in it."""
    yield node
    for inner in node.items:
        yield from walk(inner)


def compact(text: str) -> str:
    """A JSON text without white space."""
    return re.sub(r'("(?:[^"\\]|\\.)*+")|[ \t\r\n]++', r"\1", text)


# --- judging events --------------------------------------------------------------------------


@dataclass
class Event:
    """A text that is published, and its value."""

    text: str
    node: Node


def judge(sent: bytes, limits: Limits) -> Event:
    """Read one text, or raise the first reason why it is rejected."""
    if len(sent) > limits.max_line_bytes:
        raise UnfitError("line_too_long")
    if depth_of(sent) > limits.max_depth:
        raise UnfitError("too_deep")
    try:
        text = sent.decode()
    except UnicodeDecodeError:
        raise UnfitError("invalid_utf8") from None
    try:
        node = Reader(text).whole()
    except NotJsonError:
        raise UnfitError("not_json") from None
    if node.kind != "object":
        raise UnfitError("not_object")
    scalars = [text[n.start : n.end] for n in walk(node) if n.kind == "scalar"]
    if any(n[0] in "-0123456789" and abs(float(n)) == float("inf") for n in scalars):
        raise UnfitError("number_overflow")
    keys = [text[f.start + 1 : f.name_end - 1] for n in walk(node) for f in n.fields]
    if len(keys) > limits.max_keys:
        raise UnfitError("too_many_keys")
    if any(len(key.encode()) > LONGEST_KEY for key in keys):
        raise UnfitError("key_too_long")
    return Event(text, node)


def depth_of(text: bytes) -> int:
    """Deepest nesting, brackets in strings aside."""
    outside = STRING.sub(b"", text)
    depth = deepest = 0
    for byte in re.findall(rb"[{}\[\]]", outside):
        depth += 1 if byte in b"{[" else -1
        deepest = max(deepest, depth)
    return deepest


# --- what is cut out -------------------------------------------------------------------------

Find = Callable[[str], list[tuple[int, int]]]


class Cutter:
    """Finds what goes from an event."""

    def __init__(self, catalog: Catalog, limits: Limits) -> None:
        self.catalog = catalog
        self.max_depth = limits.max_depth
        self.personal = {self.fold(key) for key in catalog.pii_keys}

    def fold(self, name: str) -> str:
        """A name as it is compared with those of personal data."""
        if not self.catalog.fold_names:
            return name.lower()
        plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        return "".join(char for char in plain if unicodedata.category(char) not in DROPPED)

    def is_personal(self, name: str) -> bool:
        return self.fold(name) in self.personal

    def gone(self, fields: list[Field]) -> list[bool]:
        """Which fields of an object of an event go."""
        last = {f.name: number for number, f in enumerate(fields)}
        return [last[f.name] != n or self.is_personal(f.name) for n, f in enumerate(fields)]

    def edits(self, text: str, node: Node, *, url: bool = False) -> Iterator[Edit]:
        """What is cut out of a value of an event, or put in its place."""
        if node.kind == "text":
            find = self.in_url if url else self.in_text
            for start, end in in_string(text, node.start + 1, node.end - 1, find):
                yield start, end, ""
            yield from halves(text, node.start, node.end)
        gone = self.gone(node.fields)
        yield from ((start, end, "") for start, end in cuts(node.fields, gone, node.end))
        for number, inner in enumerate(node.items):
            if node.fields:
                if gone[number]:
                    continue
                yield from halves(text, node.fields[number].start, node.fields[number].name_end)
            yield from self.edits(text, inner)

    def in_text(self, text: str, level: int = 1) -> list[tuple[int, int]]:
        """What is cut out of a text that is JSON, or starts like it."""
        if not self.catalog.scrub_text or level > TEXTS_DEEP:
            return []
        reader = Reader(text, lenient=True, max_depth=self.max_depth)
        position, found = reader.space(0), list[Node]()
        try:
            while text[position : position + 1] in ("{", "["):
                position = reader.value(position, 1, found)
                while text[position : position + 1] in (" ", "\t", "\r", "\n", ","):
                    position += 1
        except NotJsonError:
            pass
        return [cut for node in found for cut in self.in_value(text, node, level)]

    def in_value(self, text: str, node: Node, level: int) -> Iterator[tuple[int, int]]:
        """What is cut out of a JSON value in a text."""

        def deeper(inner: str) -> list[tuple[int, int]]:
            return self.in_text(inner, level + 1)

        if node.kind == "text":
            yield from in_string(text, node.start + 1, node.end - 1, deeper)
        if node.kind == "open text":
            for start, end in in_string(text, node.start + 1, node.end, deeper):
                yield start, len(text) if end == node.end else end
        gone = [self.is_personal(f.name) for f in node.fields]
        yield from cuts(node.fields, gone, len(text))
        for number, inner in enumerate(node.items):
            if not (node.fields and gone[number]):
                yield from self.in_value(text, inner, level)

    def in_url(self, text: str) -> list[tuple[int, int]]:
        """Parameters of a URL go with the separator behind them, or else with that in front."""
        if self.catalog.scrub_text and re.match(r"[ \t\r\n]*+[{\[]", text):
            return self.in_text(text)
        found = []
        query = re.search("[?#]", text)
        for match in re.finditer("[?#&;]", text[query.start() :] if query else ""):
            start = query.start() + match.end()  # type: ignore[union-attr]  # there is one
            parameter = re.split("[?#&;]", text[start:])[0]
            name, equals, _ = parameter.partition("=")
            names = re.split(r"[\[\]]", unquote_plus(name))
            if equals and any(self.is_personal(part) for part in names):
                end = start + len(parameter)
                behind = text[end : end + 1] in ("&", ";")
                found.append((start, end + 1) if behind else (start - 1, end))
        return found


def in_string(text: str, start: int, end: int, find: Find) -> Iterator[tuple[int, int]]:
    """What is cut out of the inside of a string, by what is cut out of what it stands for."""
    inside = text[start:end]
    if spans := find(decoded(inside)):
        # A character beyond the BMP is one letter, whether it is sent as itself or as a pair.
        places = [start, *(start + match.end() for match in ESCAPE.finditer(inside))]
        yield from ((places[first], places[last]) for first, last in spans)


def cuts(fields: list[Field], gone: list[bool], end_of_text: int) -> Iterator[tuple[int, int]]:
    """Fields go with the comma in front where one is left in front, else with the one behind."""
    left = False
    for number, f in enumerate(fields):
        end = end_of_text if f.end < 0 else f.end
        if not gone[number]:
            left = True
        elif left:
            yield fields[number - 1].end, end
        elif number + 1 < len(fields):
            yield f.start, fields[number + 1].start
        else:
            yield f.start, end


def apply(text: str, start: int, end: int, edits: list[Edit]) -> str:
    """A part of a text after the edits in it."""
    parts, position = [], start
    for begin, stop, new in edits[bisect_left(edits, (start, -1, "")) :]:
        if begin >= end:
            break
        if begin >= position:
            parts += [text[position:begin], new]
        position = max(position, stop)
    # A carriage return stands outside strings; in them it is not JSON.
    return "".join([*parts, text[position:end]]).replace("\r", "")


# --- columns ---------------------------------------------------------------------------------


def publish(event: Event, catalog: Catalog, limits: Limits, expected: Expected) -> None:
    """Type the columns of one event, or raise why it is rejected."""
    cutter = Cutter(catalog, limits)
    columns = {c.name: c for c in catalog.columns if c.name not in ("extra", "processed_ts")}
    line: dict[str, Any] = {}
    row: dict[str, Any] = dict.fromkeys(columns)
    moved: dict[str, str] = {}
    extra: dict[str, str] = {}
    unfit: dict[str, str] = {}
    gone = cutter.gone(event.node.fields)
    for number, node in enumerate(event.node.items):
        if gone[number]:
            continue
        name = event.node.fields[number].name
        column = columns.get(name)
        url = column is not None and column.url
        edits = sorted(cutter.edits(event.text, node, url=url))
        sent = apply(event.text, node.start, node.end, edits)
        if column is not None:
            try:
                value, line[name] = fit(column.type, node.kind, sent)
                obey(column, value)
                row[name] = value
            except UnfitError as error:
                line[name], unfit[name] = "null", str(error)
                moved[name], extra[name] = sent, compact(sent)
        elif taken(name.lower(), catalog):
            moved[name], extra[name] = sent, compact(sent)
        else:
            line[name], extra[name] = sent, compact(sent)
    account(columns, row, unfit, expected)
    expected.repaired += len(list(halves(event.text, 0, len(event.text))))
    if moved:
        line["extra"] = moved
    row["extra"] = extra or None
    expected.json.append(line)
    expected.parquet.append(row)


def obey(column: Column, value: Any) -> None:  # noqa: ANN401 - as its column has it
    """Raise the first rule that a value breaks."""
    rules = column.quality
    if value is None:
        return
    if rules.enum is not None and value not in rules.enum:
        raise UnfitError("not_in_enum")
    if rules.pattern is not None and not re.fullmatch(rules.pattern, value, re.ASCII):
        raise UnfitError("not_like_pattern")
    number = (value - EPOCH) // MILLISECOND if isinstance(value, datetime) else value
    if rules.least is not None and number < rules.least:
        raise UnfitError("below_min")
    if rules.most is not None and number > rules.most:
        raise UnfitError("above_max")
    if rules.max_length is not None and len(value) > rules.max_length:
        raise UnfitError("over_max_length")


def account(
    columns: dict[str, Column], row: dict[str, Any], unfit: dict[str, str], expected: Expected
) -> None:
    """Count what breaks rules, or raise the first of them that rejects the event."""
    lacking = [n for n, c in columns.items() if c.quality.required and row[n] is None]
    rejecting = {n: why for n, why in unfit.items() if why and columns[n].quality.rejects}
    rejecting |= {
        n: "missing_required" for n in lacking if columns[n].quality.rejects and n not in rejecting
    }
    found = {**dict.fromkeys(lacking, "missing_required"), **unfit}
    if rejecting:
        found = dict(list(rejecting.items())[:1])
    for name, why in found.items():
        if not rejecting:
            expected.mismatched[name] = expected.mismatched.get(name, 0) + 1
        if why:
            rule = f"{name}.{why}"
            expected.breaches[rule] = expected.breaches.get(rule, 0) + 1
    if rejecting:
        raise UnfitError(*found.values())


def taken(lowered: str, catalog: Catalog) -> bool:
    """Whether the SerDe would take a key that is not a column for one."""
    names = {column.name for column in catalog.columns} | set(catalog.partition_keys)
    return lowered in names or re.fullmatch("_col[0-9]+", lowered) is not None


def fit(kind: str, sort: str, sent: str) -> tuple[Any, str]:  # noqa: PLR0911 - one type after the other
    """(in the Parquet column, in the JSON line) of a value that fits its column."""
    if sent == "null":
        return None, sent
    if kind == "string" and sort == "text":
        return decoded(sent[1:-1]), sent
    if kind == "string":
        return compact(sent), JsonText(compact(sent))
    if kind == "json":
        return compact(sent), sent
    number = NUMBER.fullmatch(sent) is not None
    if kind == "boolean" and sent in ("true", "false"):
        return sent == "true", sent
    if kind == "double" and number:
        return (0.0, "0") if sent == "-0" else (float(sent), sent)
    if kind == "bigint" and number:
        return digits(sent), str(digits(sent))
    if kind == "timestamp" and (sort == "text" or number):
        return timestamp(sort, sent)
    raise UnfitError


def digits(number: str) -> int:
    """A number that is whole within 64 bits as it is written."""
    sign, whole, fraction, exponent = re.fullmatch(  # type: ignore[union-attr]  # it is a number
        r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?", number
    ).groups("")
    figures = (whole + fraction).lstrip("0")
    if not figures:
        return 0
    if len(exponent.lstrip("+-0")) > 9:
        raise UnfitError
    power = int(exponent or 0) - len(fraction)
    zeros = len(figures) - len(figures.rstrip("0"))
    if power + zeros < 0 or len(figures) + power > 19:
        raise UnfitError
    found = int(figures.rstrip("0")) * 10 ** (power + zeros) * (-1 if sign else 1)
    if not -(2**63) <= found < 2**63:
        raise UnfitError
    return found


def timestamp(sort: str, sent: str) -> tuple[Any, str]:
    """The same for a text or number that may be an instant."""
    value = decoded(sent[1:-1]) if sort == "text" else sent
    try:
        found, written = moment(value, text=sort == "text")
    except (ValueError, OverflowError):
        raise UnfitError from None
    return found, sent if written == value else f'"{written}"'
