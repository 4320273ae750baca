"""Regular expressions: those that mean the same to Java's syntax, as Trino reads it, and to Python."""

import re
from functools import lru_cache
from typing import Final

from clickstream_lake.sandbox.athena.translate.types import unsupported
from clickstream_lake.sandbox.errors import QueryError

# One piece of a pattern at a time; what no piece takes is refused.
_PIECE: Final = re.compile(
    r"""\\[dDwWsSbBAzZ] | \\[tnrf] | \\[^A-Za-z0-9]
      | \[\^?\]?(?:\\[dDwWsSntrf] | \\[^A-Za-z0-9] | [^\]\[\\&])*\]
      | \(\?: | \(\?=| \(\?! | \(\?<= | \(\?<! | \(\?[is]\) | \((?!\?)
      | [|)^$.] | [*+?]\?? | \{\d+(?:,\d*)?\}\??
      | [^\\\[\]{}()|^$.*+?]
      | [\]}]""",
    re.VERBOSE | re.DOTALL,
)


def checked(pattern: str) -> str:
    """Give the pattern as Python reads it.

    Raises:
        QueryError: it is no pattern, or its meaning here is not known to be the same.
    """
    at, parts = 0, []
    while at < len(pattern):
        piece = _PIECE.match(pattern, at)
        if piece is None or (piece[0] in {"(?i)", "(?s)"} and at):
            raise unsupported(f"The regular expression {pattern}")
        parts.append(_spelt(piece[0], pattern))
        at = piece.end()
    spelt = "".join(parts)
    try:
        re.compile(spelt)
    except re.error as error:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"{error}: {pattern}") from None
    if "[]" in pattern or "[^]" in pattern or re.search(r"[*+?}][+]", pattern) or "--" in pattern:
        raise unsupported(f"The regular expression {pattern}")
    return spelt


_CLASSES: Final = {"\\d": "0-9", "\\w": "A-Za-z0-9_", "\\s": " \\t\\n\\x0b\\f\\r"}


def _spelt(piece: str, pattern: str) -> str:
    """Spell a piece for Python: letters, digits and spaces of classes are ASCII, word edges are not."""
    if piece in {"$", "\\A", "\\z", "\\Z"}:
        return {"$": r"(?=\n?\Z)", "\\A": r"\A", "\\z": r"\Z", "\\Z": r"(?=\n?\Z)"}[piece]
    if piece.lower() in _CLASSES:
        return f"[{'^' if piece[1].isupper() else ''}{_CLASSES[piece.lower()]}]"
    if piece.startswith("["):
        if re.search(r"\\[DWS]", piece):
            raise unsupported(f"The regular expression {pattern}")
        return re.sub(r"\\[dws]", lambda match: _CLASSES[match[0]], piece)
    return piece


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _group(pattern: str, group: int) -> re.Pattern[str]:
    compiled = _compiled(pattern)
    if not 0 <= group <= compiled.groups:
        raise QueryError(
            "INVALID_FUNCTION_ARGUMENT",
            f"Pattern has {compiled.groups} groups. Cannot access group {group}",
        )
    return compiled


def _like(text: str, pattern: str) -> bool:
    return _compiled(pattern).search(text) is not None


def _extract(text: str, pattern: str, group: int) -> str | None:
    match = _group(pattern, group).search(text)
    return match[group] if match else None


def _extract_all(text: str, pattern: str, group: int) -> list[str | None]:
    return [match[group] for match in _group(pattern, group).finditer(text)]


def _count(text: str, pattern: str) -> int:
    return sum(1 for _ in _compiled(pattern).finditer(text))


def _position(text: str, pattern: str) -> int:
    match = _compiled(pattern).search(text) if text else None
    return match.start() + 1 if match else -1


def _split(text: str, pattern: str) -> list[str]:
    parts, at = [], 0
    for match in _compiled(pattern).finditer(text):
        parts.append(text[at : match.start()])
        at = match.end()
    return [*parts, text[at:]]


def _replace(text: str, pattern: str, replacement: str) -> str:
    compiled = _compiled(pattern)

    def one(match: re.Match[str]) -> str:
        return _expanded(match, replacement)

    return compiled.sub(one, text)


def _expanded(match: re.Match[str], replacement: str) -> str:
    """Fill `$1` and `${name}` of a replacement; a backslash takes the next letter as it is."""
    made, at = "", 0
    while at < len(replacement):
        letter = replacement[at]
        at += 1
        if letter == "\\":
            if at == len(replacement):
                raise QueryError("INVALID_FUNCTION_ARGUMENT", "character to be escaped is missing")
            made += replacement[at]
            at += 1
        elif letter == "$":
            number = re.compile(r"\d+").match(replacement, at)
            if number is None:
                raise QueryError(
                    "INVALID_FUNCTION_ARGUMENT", f"Illegal group reference: {replacement}"
                )
            group = int(number[0])
            while group > match.re.groups and group >= 10:
                group //= 10
            if group > match.re.groups:
                raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Pattern has no group {group}")
            made += match[group] or ""
            at += len(str(group)) if number[0][0] != "0" else 1
        else:
            made += letter
    return made


FUNCTIONS: Final = (
    ("trino_regexp_like", _like, ["VARCHAR"] * 2, "BOOLEAN"),
    ("trino_regexp_extract", _extract, ["VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR"),
    ("trino_regexp_extract_all", _extract_all, ["VARCHAR", "VARCHAR", "BIGINT"], "VARCHAR[]"),
    ("trino_regexp_count", _count, ["VARCHAR"] * 2, "BIGINT"),
    ("trino_regexp_position", _position, ["VARCHAR"] * 2, "INTEGER"),
    ("trino_regexp_split", _split, ["VARCHAR"] * 2, "VARCHAR[]"),
    ("trino_regexp_replace", _replace, ["VARCHAR"] * 3, "VARCHAR"),
)
