"""JSON texts inside events, which the block's parse passes over: shown to be harmless, or not."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from functions.lake.coercion import compact
from functions.lake.config import Limits
from functions.lake.schema import Catalog
from functions.transform.declined import Declined
from functions.transform.strict import MAX_KEY_BYTES

# Names are made of letters, digits and `_ . $ -`; the Kelvin sign is a k in lower case.
ESCAPED_NAME: Final = re.compile(
    rb"\\u(?:00(?:2[4dDeE]|3[0-9]|4[1-9a-fA-F]|5[0-9aAfF]|6[1-9a-fA-F]|7[0-9aA])|212[aA])"
)
"""A letter, digit or mark of a name, spelt as an escape: a name could be hidden behind it."""

# A number overflows with an exponent of three digits, or with more than 200 digits before a
# smaller one. With digits, signs and both letters made alike, two quick searches find candidates;
# the first also finds such letters in names and hashes, which the expression tells from numbers.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789+E", b"0000000000e")
_EXPONENT: Final = b"0e000"
_LARGE_NUMBER: Final = re.compile(r"(?:^|[:,\[\s])-?[0-9][0-9.]*[eE]\+?[0-9]{3}", re.MULTILINE)
_MANY_DIGITS: Final = 200
# A character is four bytes at most, so no key in a shorter text is over its limit.
_LONGEST_TEXT: Final = MAX_KEY_BYTES // 4
# A key with its value takes so many characters at least: `"":1,`
_KEY_LENGTH: Final = 5


class NestedTexts:
    """Shows of JSON texts that no rule is broken in them, or declines them."""

    def __init__(self, catalog: Catalog, limits: Limits) -> None:
        """Take PII keys and limits."""
        self._needles = [f'"{key}"' for key in sorted(catalog.pii_keys)]
        self._max_depth = limits.max_depth
        self._max_keys = limits.max_keys

    def compact_texts(self, texts: Iterable[bytes]) -> list[str]:
        """Decode harmless JSON texts and take out the white space between their tokens.

        Raises:
            Declined: one of them may hold a PII key, a number that overflows, or more levels than
                allowed, or has a line end between its tokens.
        """
        found = list(texts)
        joined = b"\n".join(found)
        try:
            text = joined.decode()
            parts = text.split("\n")
            harmless = self._is_harmless(len(found), joined, text, parts)
        except UnicodeDecodeError:
            harmless = False
        if not harmless:
            raise Declined(self._harmful(found))
        if " " in text or "\t" in text:
            return [compact(part.encode()).decode() for part in parts]
        return parts

    def show_few_keys(self, fields: int, columns: Sequence[Sequence[str | None]]) -> None:
        """Decline events with `fields` fields, and such texts in them, that may have too many keys.

        Raises:
            Declined: some event may have more keys than allowed, over all its depths.
        """
        if fields + len(columns) * _LONGEST_TEXT // _KEY_LENGTH <= self._max_keys:
            return
        longest = sum(max((len(text) for text in texts if text), default=0) for texts in columns)
        if fields + longest // _KEY_LENGTH > self._max_keys:
            raise Declined

    def _harmful(self, texts: Sequence[bytes]) -> tuple[int, ...]:
        """Indexes of those that are not harmless, by halves; at least one is not."""
        if len(texts) == 1:
            return (0,)
        middle = len(texts) // 2
        found: list[int] = []
        for half, start in ((texts[:middle], 0), (texts[middle:], middle)):
            try:
                self.compact_texts(half)
            except Declined as declined:
                found += [start + place for place in declined.places]
        return tuple(found)

    def _is_harmless(self, count: int, joined: bytes, text: str, parts: Sequence[str]) -> bool:
        if len(parts) != count or "\r" in text:
            return False
        if b"\\" in joined and ESCAPED_NAME.search(joined):
            return False
        longest = max(map(len, parts))
        lowered = text.lower()
        if longest > _LONGEST_TEXT or any(needle in lowered for needle in self._needles):
            return False
        alike = joined.translate(_DIGITS_ALIKE)
        if _EXPONENT in alike and _LARGE_NUMBER.search(text):
            return False
        if longest >= _MANY_DIGITS and b"0" * _MANY_DIGITS in alike:
            return False
        # A level takes two characters at least.
        return longest < 2 * self._max_depth or _deepest(parts) < self._max_depth


def _deepest(parts: Sequence[str]) -> int:
    return max(part.count("{") + part.count("[") for part in parts)
