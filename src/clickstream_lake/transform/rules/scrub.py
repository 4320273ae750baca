"""What is cut out of an event: PII and duplicate keys, at every depth, inside texts and URLs too.

Everything else stays as it was sent, byte for byte.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import pairwise
from typing import Final
from urllib.parse import unquote_to_bytes

from clickstream_lake.lake.catalog import Catalog, Column

Span = tuple[int, int]

MOST_LEVELS: Final = 3
"""JSON in a text in a text in a text is looked into, and no deeper."""

_BLANK: Final = b" \t\r\n"
_BACKSLASH: Final = ord("\\")
_CONTENT: Final = rb'(?:[^"\\]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+'
_TOKEN: Final = re.compile(
    rb"[ \t\r\n]*+(?:"
    rb'(?P<string>"' + _CONTENT + rb'")|(?P<open>"' + _CONTENT + rb")"
    rb'|(?P<mark>[{}\[\]:,])|(?P<scalar>[^ \t\r\n"{}\[\]:,]++))'
)
_SURROGATE_PAIR: Final = rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
# The units of a text's content: an escape, or bytes that stand for themselves.
_UNIT: Final = re.compile(
    rb"(?P<pair>" + _SURROGATE_PAIR + rb")|\\u(?P<code>[0-9a-fA-F]{4})|\\.|[^\\]++", re.DOTALL
)
_ESCAPE: Final = re.compile(
    _SURROGATE_PAIR + rb"|\\(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)
# Where a URL's parameters end.
_DELIMITER: Final = re.compile(rb"[?&#;]")
_IN_BRACKETS: Final = re.compile(r"[\[\]]")


def repair_halves(text: bytes) -> tuple[bytes, int]:
    r"""Write U+FFFD for each escaped half of a surrogate pair: `\ud83d` -> `\ufffd`.

    Returns:
        (the text, how many there were).
    """
    if b"\\ud" not in text and b"\\uD" not in text:
        return text, 0
    halves = 0

    def repaired(match: re.Match[bytes]) -> bytes:
        nonlocal halves
        if match["half"] is None:
            return match[0]
        halves += 1
        return b"\\ufffd"

    return _ESCAPE.sub(repaired, text), halves


class _Wanted(Enum):
    """What a JSON text goes on with."""

    VALUE = auto()
    ITEM_OR_END = auto()
    KEY = auto()
    KEY_OR_END = auto()
    COLON = auto()
    NEXT = auto()  # a comma, or what closes


_MAY_CLOSE: Final = {_Wanted.NEXT, _Wanted.KEY_OR_END, _Wanted.ITEM_OR_END}


@dataclass(slots=True)
class _Member:
    """A field: its key's opening quote, and where its value ends."""

    name: bytes
    start: int
    end: int


@dataclass(slots=True)
class _Frame:
    """An open object or array."""

    is_object: bool
    members: list[_Member] = field(default_factory=list)


def url_names(columns: Iterable[Column]) -> frozenset[str]:
    """The fields whose texts are URLs: what is sent so is looked into, wherever it goes."""
    return frozenset(name for c in columns if c.url for name in (c.name, *c.sources))


class Scrubber:
    """Finds what has to be cut out, by one catalog."""

    def __init__(self, catalog: Catalog, *, max_depth: int) -> None:
        self._is_pii = catalog.is_pii
        self._levels = MOST_LEVELS if catalog.scrub_text else 0
        self._urls = frozenset(name.encode() for name in url_names(catalog.columns))
        self._max_depth = max_depth

    def scrub(self, event: bytes) -> bytes:
        """An event's text without what is cut out; the same object if that is nothing.

        Args:
            event: a JSON object, well-formed and without halves of surrogate pairs.
        """
        cuts = self._walk(event, 0)
        if not cuts:
            return event
        starts = [0, *(end for _, end in cuts)]
        ends = [*(start for start, _ in cuts), len(event)]
        return b"".join(event[start:end] for start, end in zip(starts, ends, strict=True))

    def _walk(self, text: bytes, level: int) -> list[Span]:  # noqa: C901, PLR0912 - one grammar
        """What to cut, in order and apart. A text that is not JSON to its end is read so far.

        Args:
            text: the event, or the content of a text in it.
            level: how many texts it is inside of.
        """
        cuts: list[Span] = []
        frames: list[_Frame] = []
        wanted, position = _Wanted.VALUE, 0
        while token := _TOKEN.match(text, position):
            kind = str(token.lastgroup)
            start, position = token.span(kind)
            byte = text[start : start + 1]
            if kind == "open":
                if wanted in {_Wanted.VALUE, _Wanted.ITEM_OR_END}:
                    cuts += self._inside_open(text, start + 1, position, level)
                break
            opens_another = wanted is _Wanted.NEXT and not frames and byte in b"{["
            if byte in b"{[" and (wanted in {_Wanted.VALUE, _Wanted.ITEM_OR_END} or opens_another):
                if len(frames) == self._max_depth:
                    break
                frames.append(_Frame(byte == b"{"))
                wanted = _Wanted.KEY_OR_END if byte == b"{" else _Wanted.ITEM_OR_END
                continue
            if wanted in {_Wanted.KEY, _Wanted.KEY_OR_END} and kind == "string":
                name = _decoded(text[start + 1 : position - 1])
                frames[-1].members.append(_Member(name, start, len(text)))
                wanted = _Wanted.COLON
                continue
            if wanted is _Wanted.COLON and byte == b":":
                wanted = _Wanted.VALUE
                continue
            if wanted is _Wanted.NEXT and byte == b",":
                if frames:
                    wanted = _Wanted.KEY if frames[-1].is_object else _Wanted.VALUE
                continue
            if wanted in {_Wanted.VALUE, _Wanted.ITEM_OR_END} and kind != "mark":
                if kind == "string":
                    content = text[start + 1 : position - 1]
                    is_url = self._is_url(frames, level)
                    cuts += self._inside(content, start + 1, level, is_url=is_url)
            elif (
                frames and wanted in _MAY_CLOSE and byte == (b"}" if frames[-1].is_object else b"]")
            ):
                cuts += self._of_frame(frames.pop(), level)
            else:
                break
            wanted = _Wanted.NEXT
            if frames and frames[-1].is_object:
                frames[-1].members[-1].end = position
            if not frames and level == 0:
                break
        if wanted is _Wanted.NEXT and frames and frames[-1].is_object:
            # What follows its value is neither a comma nor a brace: the value may go on there.
            frames[-1].members[-1].end = len(text)
        for frame in frames:
            cuts += self._of_frame(frame, level)
        return _merged(cuts)

    def _is_url(self, frames: list[_Frame], level: int) -> bool:
        """Whether a text is the value of a column that holds URLs."""
        top = level == 0 and len(frames) == 1 and frames[0].is_object
        return top and frames[0].members[-1].name in self._urls

    def _inside(self, content: bytes, offset: int, level: int, *, is_url: bool) -> Iterator[Span]:
        """What to cut of a text whose content is at `offset`."""
        if not is_url and content[:1] not in (b"{", b"[", b" ", b"\t", b"\r", b"\n", b"\\"):
            return
        text = _decoded(content)
        if level < self._levels and text.lstrip(_BLANK)[:1] in (b"{", b"["):
            cuts = self._walk(text, level + 1)
        elif is_url:
            cuts = _merged(self._of_url(text))
        else:
            return
        if cuts:
            yield from _in_content(cuts, content, offset)

    def _inside_open(self, text: bytes, start: int, stop: int, level: int) -> Iterator[Span]:
        """What to cut of a text in a text that has no end: it can be read up to `stop`."""
        for begin, end in self._inside(text[start:stop], start, level, is_url=False):
            yield begin, len(text) if end == stop else end

    def _of_frame(self, frame: _Frame, level: int) -> Iterator[Span]:
        """The fields of one object that go, each with a comma."""
        members = frame.members
        last_with = {member.name: index for index, member in enumerate(members)}
        kept = False
        for index, member in enumerate(members):
            doubled = level == 0 and last_with[member.name] != index
            if not doubled and not self._is_pii(_text(member.name)):
                kept = True
            elif kept:
                yield members[index - 1].end, member.end
            else:
                following = index + 1 < len(members)
                yield member.start, members[index + 1].start if following else member.end

    def _of_url(self, url: bytes) -> Iterator[Span]:
        """The parameters of query and fragment that go."""
        places = [match.start() for match in _DELIMITER.finditer(url)]
        first = next((n for n, place in enumerate(places) if url[place] in b"?#"), len(places))
        places = [*places[first:], len(url)]
        for place, end in pairwise(places):
            name, equals, _ = url[place + 1 : end].partition(b"=")
            if not equals or not self._names_pii(name):
                continue
            if url[end : end + 1] in (b"&", b";"):
                yield place + 1, end + 1
            else:
                yield place, end

    def _names_pii(self, parameter: bytes) -> bool:
        """Whether a parameter is PII: `user_id`, `user%5Fid`, `event[user_id]`."""
        name = unquote_to_bytes(parameter.replace(b"+", b" ")).decode(errors="replace")
        return any(self._is_pii(part) for part in _IN_BRACKETS.split(name))


def _merged(cuts: Iterable[Span]) -> list[Span]:
    """The same cuts in order, none within or beside another."""
    merged: list[Span] = []
    for start, end in sorted(cuts):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        elif start < end:
            merged.append((start, end))
    return merged


def _decoded(content: bytes) -> bytes:
    """What a text's content stands for; a half of a surrogate pair becomes three bytes."""
    if b"\\" not in content:
        return content
    text = json.loads('"' + _text(content) + '"', strict=False)
    return str(text).encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _in_content(cuts: list[Span], content: bytes, offset: int) -> Iterator[Span]:
    """Places in what some content stands for, as places in the content."""
    if b"\\" not in content:
        yield from ((offset + start, offset + end) for start, end in cuts)
        return
    boundaries = [place for cut in cuts for place in cut]
    found: list[int] = []
    decoded = 0
    for unit in _UNIT.finditer(content):
        size = _size(unit)
        plain = content[unit.start()] != _BACKSLASH
        while len(found) < len(boundaries) and boundaries[len(found)] < decoded + size:
            inside = boundaries[len(found)] - decoded if plain else 0
            found.append(offset + unit.start() + inside)
        decoded += size
    found += [offset + len(content)] * (len(boundaries) - len(found))
    yield from zip(found[::2], found[1::2], strict=True)


def _size(unit: re.Match[bytes]) -> int:
    """Bytes that a unit of a text's content stands for."""
    if unit["pair"]:
        return 4
    if unit["code"]:
        code = int(unit["code"], 16)
        return 1 if code < 0x80 else 2 if code < 0x800 else 3  # noqa: PLR2004 - UTF-8
    return 1 if unit[0][0] == _BACKSLASH else len(unit[0])
