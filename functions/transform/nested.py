"""JSON texts inside events, which the block's parse passes over: shown to be harmless, or not."""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from functions.lake.coercion import compact
from functions.lake.config import Limits
from functions.lake.schema import Catalog

# A number overflows with an exponent of three digits, or with more than 200 digits before a
# smaller one. With all digits made alike, and `E+` made `e`, two quick searches find candidates;
# the first also finds such letters in names and hashes, which the expression tells from numbers.
_DIGITS_ALIKE: Final = bytes.maketrans(b"123456789E", b"000000000e")
_EXPONENT: Final = b"0e000"
_LARGE_NUMBER: Final = re.compile(r"(?:^|[:,\[\s])-?[0-9][0-9.]*[eE]\+?[0-9]{3}", re.MULTILINE)
_MANY_DIGITS: Final = 200
# Long enough for a key that is over its limit.
_LONGEST_TEXT: Final = 10_000


class Declined(Exception):  # noqa: N818 - no error: the block takes the other way
    """Something about a block was not shown."""


class NestedTexts:
    """Shows of JSON texts that no rule is broken in them, or declines them."""

    def __init__(self, catalog: Catalog, limits: Limits) -> None:
        """Take PII keys and limits; the latter count the event around the texts, too."""
        self._needles = [f'"{key}"' for key in sorted(catalog.pii_keys)]
        self._max_depth = limits.max_depth
        self._max_keys = limits.max_keys - len(catalog.columns) - len(catalog.pii_keys)

    def compact_texts(self, texts: Iterable[bytes]) -> list[str]:
        """Decode harmless JSON texts and take out the white space between their tokens.

        The texts have no newline in them, and names in them no escaped letters.

        Raises:
            Declined: one of them may hold a PII key, a number that overflows, or more levels or
                keys than allowed.
            UnicodeDecodeError: one of them is no UTF-8.
        """
        joined = b"\n".join(texts)
        text = joined.decode()
        parts = text.split("\n")
        self._show_harmless(joined, text, parts)
        if " " in text or "\t" in text:
            return [compact(part.encode()).decode() for part in parts]
        return parts

    def _show_harmless(self, joined: bytes, text: str, parts: Sequence[str]) -> None:
        longest = max(map(len, parts))
        lowered = text.lower()
        if longest > _LONGEST_TEXT or any(needle in lowered for needle in self._needles):
            raise Declined
        alike = joined.translate(_DIGITS_ALIKE, b"+")
        if _EXPONENT in alike and _LARGE_NUMBER.search(text):
            raise Declined
        if longest >= _MANY_DIGITS and b"0" * _MANY_DIGITS in alike:
            raise Declined
        # A level takes two characters at least, a key with its value five.
        if longest >= 2 * self._max_depth and _deepest(parts) >= self._max_depth:
            raise Declined
        if longest // 5 > self._max_keys:
            raise Declined


def _deepest(parts: Sequence[str]) -> int:
    return max(part.count("{") + part.count("[") for part in parts)
