"""Patterns of texts as finite automata: one step for each byte, whatever the pattern and the text.

A search that goes back, as Python's `re` does, can take for ever on a text of a producer's choice.
An automaton cannot, and its table is all that the kernel's `native/quality.c` needs to say exactly
what is said here. Hence the subset: what can be told from left to right without memory.
"""

import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NoReturn

from clickstream_lake.lake.errors import CatalogError

MOST_STATES: Final = 5_000
"""Of a pattern's automaton: `.{1,600}` has as many, which take a tenth of a second."""
MOST_PREFIXES: Final = 20_000
"""The same of a list of texts."""
_MOST_SIZE: Final = 20_000  # of a pattern, with its repeats written out
_MOST_WORK: Final = 200_000  # states of all sets of states: half a second
_MOST_REPEATS: Final = 1_000
_MOST_DEPTH: Final = 50
_DEAD: Final = 0
_BYTES: Final = 256

Ranges = tuple[tuple[int, int], ...]
"""Code points, first and last of each range."""
_LAST: Final = 0x10FFFF
_ANY: Final[Ranges] = ((0, 9), (11, _LAST))
_CLASSES: Final[dict[str, Ranges]] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS: Final = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_SPECIAL: Final = frozenset(r"\^$.[](){}*+?|")
# The first and last code point of one, two, three and four bytes of UTF-8, surrogates left out.
_SIZES: Final = (
    (0, 0x7F),
    (0x80, 0x7FF),
    (0x800, 0xD7FF),
    (0xE000, 0xFFFF),
    (0x10000, _LAST),
)


@dataclass(frozen=True, slots=True)
class Automaton:
    """A table that says by a text's UTF-8 whether the text is one of those that are meant.

    Attributes:
        kinds: of each byte, the column of the table.
        steps: row by row, one for each state and kind: the place of the next state's row. The
            first row is of texts that are none.
        start: the place of the row of the state in front of the text.
        first_end: from this place on are the states in which a text may end.
    """

    kinds: bytes
    steps: tuple[int, ...]
    start: int
    first_end: int

    def matches(self, text: str) -> bool:
        """Whether a text, from its first to its last character, is one of those that are meant."""
        state, steps, kinds = self.start, self.steps, self.kinds
        for byte in text.encode():
            state = steps[state + kinds[byte]]
        return state >= self.first_end


@cache
def automaton_of(pattern: str) -> Automaton:
    r"""The automaton of a pattern that a whole text has to match.

    A pattern has characters, `.`, `[a-z]`, `[^a-z]`, `\d`, `\w`, `\s` (ASCII) and their opposites,
    groups, `|`, and `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, which all mean what they mean to
    Python's `re.fullmatch` with `re.ASCII`.

    Raises:
        CatalogError: it has something else, or needs too many states.
    """
    states = _States()
    end = states.new()
    return _determined(states, _Parser(pattern, states).parse()(end), end)


def automaton_of_texts(texts: Iterable[str]) -> Automaton:
    """The automaton of a list of texts.

    Raises:
        CatalogError: it needs too many states.
    """
    rows: list[dict[int, int]] = [{}, {}]
    ends = set()
    for text in texts:
        state = 1
        for byte in text.encode():
            if byte not in rows[state]:
                rows[state][byte] = len(rows)
                rows.append({})
                if len(rows) > MOST_PREFIXES:
                    raise CatalogError(
                        f"its texts have over {MOST_PREFIXES:,} different beginnings: use a pattern"
                    )
            state = rows[state][byte]
        ends.add(state)
    # The first kind are the bytes that no text has; not all 256 can be in UTF-8.
    used = sorted({byte for row in rows for byte in row})
    kinds = bytes(used.index(byte) + 1 if byte in used else 0 for byte in range(_BYTES))
    table = [[_DEAD, *(row.get(byte, _DEAD) for byte in used)] for row in rows]
    return _table(kinds, table, ends)


def _table(kinds: bytes, rows: list[list[int]], ends: set[int]) -> Automaton:
    width = len(rows[0])
    order = sorted(range(len(rows)), key=lambda state: (state in ends, state))
    places = {state: width * number for number, state in enumerate(order)}
    steps = tuple(places[state] for number in order for state in rows[number])
    return Automaton(kinds, steps, places[1], width * (len(rows) - len(ends)))


@dataclass(slots=True)
class _States:
    """States of an automaton that may be in several at once: what leads on from each.

    Attributes:
        free: without a byte.
        bytes: with one of a range of bytes (first, last).
    """

    free: list[list[int]] = field(default_factory=list)
    bytes: list[list[tuple[int, int, int]]] = field(default_factory=list)

    def new(self, *free: int) -> int:
        if len(self.free) == _MOST_SIZE:
            raise CatalogError("it is too long once its repeats are written out")
        self.free.append([*free])
        self.bytes.append([])
        return len(self.free) - 1

    def one_of(self, ranges: Ranges, end: int) -> int:
        """A state from which one character of some leads to the end."""
        start = self.new()
        known: dict[tuple[int, int, int], int] = {}
        for first, last in ranges:
            for (low, high), *rest in _utf8(first, last):
                target = end
                for step in reversed(rest):
                    if (*step, target) not in known:
                        before = known[*step, target] = self.new()
                        self.bytes[before].append((*step, target))
                    target = known[*step, target]
                self.bytes[start].append((low, high, target))
        return start

    def after(self, state: int) -> frozenset[int]:
        """The states that are reached from one without a byte, itself included."""
        found, left = {state}, [state]
        while left:
            new = set(self.free[left.pop()]) - found
            found |= new
            left += new
        return frozenset(found)


def _utf8(first: int, last: int) -> Iterator[list[tuple[int, int]]]:
    """Sequences of ranges of bytes that are the UTF-8 of a range of code points.

    As in Rust's utf8-ranges: https://docs.rs/utf8-ranges
    """
    for low, high in _SIZES:
        start, end = max(first, low), min(last, high)
        if start <= end:
            yield from _of_one_size(start, end)


def _of_one_size(first: int, last: int) -> Iterator[list[tuple[int, int]]]:
    for bits in range(6, 6 * len(chr(first).encode()), 6):
        mask = (1 << bits) - 1
        if first & ~mask == last & ~mask:
            break
        cut = (first | mask) + 1 if first & mask else last & ~mask if last & mask != mask else 0
        if cut:
            yield from _of_one_size(first, cut - 1)
            yield from _of_one_size(cut, last)
            return
    yield list(zip(chr(first).encode(), chr(last).encode(), strict=True))


def _determined(states: _States, start: int, end: int) -> Automaton:
    """The automaton that is in one state at a time: each is a set of the other's."""
    edges = [edge for some in states.bytes for edge in some]
    cuts = sorted(
        {0, *(low for low, _, _ in edges), *(high + 1 for _, high, _ in edges)} - {_BYTES}
    )
    kinds = bytes(bisect_right(cuts, byte) - 1 for byte in range(_BYTES))
    reached = cache(states.after)
    first = reached(start)
    numbers = {frozenset[int](): _DEAD, first: 1}
    rows: list[list[int]] = [[_DEAD] * len(cuts)]
    left, work = [first], 0
    while left:
        targets: list[set[int]] = [set() for _ in cuts]
        for state in left.pop(0):
            for low, high, target in states.bytes[state]:
                for kind in range(kinds[low], kinds[high] + 1):
                    targets[kind].add(target)
        row = []
        for some in targets:
            found = frozenset[int]().union(*map(reached, some))
            if found not in numbers:
                numbers[found] = len(numbers)
                left.append(found)
                work += len(found)
            row.append(numbers[found])
        rows.append(row)
        if len(numbers) > MOST_STATES or work > _MOST_WORK:
            raise CatalogError(
                f"it needs over {MOST_STATES:,} states, or nearly all of them at once: say less"
            )
    return _table(kinds, rows, {number for found, number in numbers.items() if end in found})


Node = Callable[[int], int]
"""Builds the state in front of what a part of a pattern means, given the one behind it."""


class _Parser:
    """Reads a pattern."""

    def __init__(self, pattern: str, states: _States) -> None:
        self._pattern = pattern
        self._states = states

    def parse(self) -> Node:
        """The whole: a sign for the start in front, and one for the end behind, change nothing."""
        place, node = self._either(int(self._pattern.startswith("^")), 0)
        if self._pattern[place:] == "$":
            place += 1
        if place < len(self._pattern):
            self._refuse(place)
        return node

    def _either(self, place: int, depth: int) -> tuple[int, Node]:
        if depth > _MOST_DEPTH:
            raise CatalogError(f"its groups are nested over {_MOST_DEPTH} deep")
        ways: list[Node] = []
        while True:
            place, way = self._row(place, depth)
            ways.append(way)
            if self._at(place) != "|":
                break
            place += 1
        if len(ways) == 1:
            return place, ways[0]
        return place, lambda end: self._states.new(*[way(end) for way in ways])

    def _row(self, place: int, depth: int) -> tuple[int, Node]:
        row: list[Node] = []
        while (sign := self._at(place)) and sign not in "|)":
            if sign == "$" and place == len(self._pattern) - 1:
                break
            place, node = self._atom(place, depth)
            place, node = self._repeated(place, node)
            row.append(node)

        def build(end: int) -> int:
            for node in reversed(row):
                end = node(end)
            return end

        return place, build

    def _atom(self, place: int, depth: int) -> tuple[int, Node]:
        sign = self._at(place)
        if sign == "(":
            place += 1
            if self._at(place) == "?":
                if self._at(place + 1) != ":":
                    self._refuse(place - 1)
                place += 2
            place, node = self._either(place, depth + 1)
            if self._at(place) != ")":
                raise CatalogError("a group of it has no end")
            return place + 1, node
        if sign == "[":
            place, ranges = self._set(place + 1)
        elif sign == "\\":
            place, ranges = self._escape(place + 1)
        elif sign == ".":
            place, ranges = place + 1, _ANY
        elif sign in _SPECIAL:
            self._refuse(place)
        else:
            place, ranges = place + 1, _only(sign)
        return place, lambda end: self._states.one_of(ranges, end)

    def _escape(self, place: int) -> tuple[int, Ranges]:
        sign = self._at(place)
        if ranges := _CLASSES.get(sign.lower()):
            return place + 1, ranges if sign.islower() else _others(ranges)
        if sign in _CONTROLS:
            return place + 1, _only(_CONTROLS[sign])
        if not sign or sign not in string.punctuation:
            self._refuse(place - 1)
        return place + 1, _only(sign)

    def _set(self, place: int) -> tuple[int, Ranges]:
        opposite = self._at(place) == "^"
        place += opposite
        found: list[tuple[int, int]] = []
        while (sign := self._at(place)) != "]" or not found:
            if not sign:
                raise CatalogError("a set of it has no end")
            if sign in "[]":
                self._refuse(place)
            start = place
            place, ranges = self._member(place)
            if self._at(place) == "-" and self._at(place + 1) not in {"]", ""}:
                place, ends = self._member(place + 1)
                (first, same), (last, _) = ranges[0], ends[-1]
                if len(ranges) > 1 or len(ends) > 1 or first != same or first > last:
                    raise CatalogError(f"it has no range {self._pattern[start:place]}")
                ranges = ((first, last),)
            found += ranges
        return place + 1, _others(found) if opposite else tuple(found)

    def _member(self, place: int) -> tuple[int, Ranges]:
        sign = self._at(place)
        return self._escape(place + 1) if sign == "\\" else (place + 1, _only(sign))

    def _repeated(self, place: int, node: Node) -> tuple[int, Node]:
        start, sign = place, self._at(place)
        least, most = int(sign == "+"), 1 if sign == "?" else None
        if sign == "{":
            place = self._pattern.find("}", start)
            first, comma, last = self._pattern[start + 1 : max(place, start)].partition(",")
            if not re.fullmatch("[0-9]+", first) or not re.fullmatch("[0-9]*", last):
                self._refuse(start)
            least, most = int(first), int(last or first) if last or not comma else None
            if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
                raise CatalogError(
                    f"{self._pattern[start : place + 1]} repeats from many to few, or over "
                    f"{_MOST_REPEATS:,} times"
                )
        elif sign not in {"*", "+", "?"}:
            return place, node
        place += 1
        if self._at(place) in {"*", "+", "?", "{"}:
            self._refuse(place)

        def build(end: int) -> int:
            behind = end
            if most is None:
                end = self._states.new(end)
                self._states.free[end].append(node(end))
            for _ in range((most or least) - least):
                end = self._states.new(node(end), behind)
            for _ in range(least):
                end = node(end)
            return end

        return place, build

    def _at(self, place: int) -> str:
        return self._pattern[place : place + 1]

    def _refuse(self, place: int) -> NoReturn:
        raise CatalogError(
            f"{self._pattern[place : place + 3]!r} at {place + 1} is nothing that patterns have: "
            "see docs/data-rules.md"
        )


def _only(sign: str) -> Ranges:
    return ((ord(sign), ord(sign)),)


def _others(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """All other code points."""
    found, start = [], 0
    for first, last in sorted(ranges):
        if start < first:
            found.append((start, first - 1))
        start = max(start, last + 1)
    return (*found, (start, _LAST)) if start <= _LAST else tuple(found)
