"""Quality rules of a column: what the catalog asks of its values, and which of them breaks what.

A rule judges what the column would hold, after its type has taken the value: decoded text, the
whole number, the double, the instant. So both formats, and every query, agree with it. The
kernel's `native/quality.c` says the same in C.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from clickstream_lake.lake.errors import CatalogError
from clickstream_lake.lake.patterns import Automaton, automaton_of, automaton_of_texts

ENTRIES: Final = ("required", "enum", "pattern", "min", "max", "max_length", "on_breach")
"""What a column of the catalog may say about quality."""

MOST_VALUES: Final = 1_000
"""Of an `enum`."""
MOST_LENGTH: Final = 2**31 - 1
_INT64: Final = range(-(2**63), 2**63)
_KINDS: Final[dict[str, frozenset[str]]] = {
    "required": frozenset({"string", "bigint", "double", "boolean", "timestamp"}),
    "enum": frozenset({"string", "bigint", "double"}),
    "pattern": frozenset({"string"}),
    "min": frozenset({"bigint", "double", "timestamp"}),
    "max": frozenset({"bigint", "double", "timestamp"}),
    "max_length": frozenset({"string"}),
}


class Breach(StrEnum):
    """Which rule a value breaks, in the order in which they are looked at."""

    NOT_IN_ENUM = "not_in_enum"
    NOT_LIKE_PATTERN = "not_like_pattern"
    BELOW_MIN = "below_min"
    ABOVE_MAX = "above_max"
    OVER_MAX_LENGTH = "over_max_length"
    MISSING_REQUIRED = "missing_required"


Number = int | float
Check = Callable[[Any], Breach | None]
"""Which rule a value of a column breaks; NULL never gets here."""


@dataclass(frozen=True, slots=True)
class Quality:
    """The rules of one column.

    Attributes:
        required: no event is without a value.
        enum: the only values, in order; None for any.
        pattern: what a whole text is like.
        least: smallest number, or UTC milliseconds.
        most: the largest.
        max_length: characters (code points) of the longest text.
        rejects: an event that breaks one is rejected; else the value moves into `extra`.
    """

    required: bool = False
    enum: tuple[str, ...] | tuple[Number, ...] | None = None
    pattern: str | None = None
    least: Number | None = None
    most: Number | None = None
    max_length: int | None = None
    rejects: bool = False

    @property
    def judges_values(self) -> bool:
        """Whether there is a rule besides `required`."""
        limits = (self.enum, self.pattern, self.least, self.most, self.max_length)
        return any(limit is not None for limit in limits)

    @property
    def words(self) -> Automaton | None:
        """The texts of `enum` for the kernel."""
        if self.enum is None or type(self.enum[0]) is not str:
            return None
        return automaton_of_texts(map(str, self.enum))

    def check(self) -> Check | None:
        """Make the check of the column's values; None where all are good."""
        if not self.judges_values:
            return None
        enum = None if self.enum is None else frozenset(self.enum)
        automaton = None if self.pattern is None else automaton_of(self.pattern)
        least, most, longest = self.least, self.most, self.max_length

        def check(value: Any) -> Breach | None:  # noqa: ANN401 - by the column
            if enum is not None and value not in enum:
                return Breach.NOT_IN_ENUM
            if automaton is not None and not automaton.matches(value):
                return Breach.NOT_LIKE_PATTERN
            if least is not None and value < least:
                return Breach.BELOW_MIN
            if most is not None and value > most:
                return Breach.ABOVE_MAX
            if longest is not None and len(value) > longest:
                return Breach.OVER_MAX_LENGTH
            return None

        return check


NO_RULES: Final = Quality()


def quality_of(
    entry: Mapping[str, Any], kind: str, instant: Callable[[str], int | None]
) -> Quality:
    """Read the rules of a column.

    Args:
        entry: the column as the catalog has it.
        kind: its type.
        instant: UTC milliseconds of an ISO 8601 text.

    Raises:
        CatalogError: says what is wrong, but for the column's name.
    """
    said = [name for name in ENTRIES if name in entry]
    if not said:
        return NO_RULES
    for name in said:
        kinds = _KINDS.get(name)
        if kinds is not None and kind not in kinds:
            raise CatalogError(f"{name} is for {_either(sorted(kinds))}, not for a {kind}", name)
    required, on_breach = entry.get("required", False), entry.get("on_breach", "mismatch")
    if type(required) is not bool:
        raise CatalogError(f"required is {required!r}; it has to be true or false", "required")
    if on_breach not in {"mismatch", "reject"}:
        raise CatalogError(
            f"on_breach is {on_breach!r}; it has to be 'mismatch' or 'reject'", "on_breach"
        )
    if said == ["on_breach"]:
        raise CatalogError("on_breach without a rule changes nothing: leave it away", "on_breach")
    quality = Quality(
        required=required,
        enum=_read(entry, "enum", lambda value: _enum(value, kind)),
        pattern=_read(entry, "pattern", _pattern),
        least=_read(entry, "min", lambda value: _limit("min", value, kind, instant)),
        most=_read(entry, "max", lambda value: _limit("max", value, kind, instant)),
        max_length=_read(entry, "max_length", _length),
        rejects=on_breach == "reject",
    )
    if quality.least is not None and quality.most is not None and quality.least > quality.most:
        raise CatalogError(f"no value is from min {entry['min']!r} to max {entry['max']!r}", "max")
    _check_enum(quality)
    return quality


def _read(entry: Mapping[str, Any], name: str, read: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - by the rule
    """What a rule says, if it is there; errors know its place."""
    try:
        return read(entry[name]) if name in entry else None
    except CatalogError as error:
        raise CatalogError(str(error), name) from None


def _enum(values: object, kind: str) -> tuple[Any, ...]:
    if not isinstance(values, list) or not 0 < len(values) <= MOST_VALUES:
        raise CatalogError(f"enum is a list of 1 to {MOST_VALUES:,} values")
    if kind == "string":
        texts = [_text(value) for value in values]
        try:
            automaton_of_texts(texts)
        except CatalogError as error:
            raise CatalogError(f"enum: {error}") from None
        return _each_once(texts)
    return _each_once([_number("enum", value, kind) for value in values])


def _each_once(values: list[Any]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise CatalogError("enum names a value twice")
    return tuple(sorted(values))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise CatalogError(f"enum of a string column has {value!r}, which is no text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise CatalogError(f"enum has {value!r}: no text has half of a surrogate pair") from None
    return value


def _pattern(value: object) -> str:
    if not isinstance(value, str):
        raise CatalogError(f"pattern is {value!r}, which is no text")
    try:
        automaton_of(value)
    except CatalogError as error:
        raise CatalogError(f"pattern {value!r}: {error}") from None
    return value


def _limit(name: str, value: object, kind: str, instant: Callable[[str], int | None]) -> Number:
    if kind != "timestamp":
        return _number(name, value, kind)
    millis = instant(value) if isinstance(value, str) else None
    if millis is None:
        raise CatalogError(f"{name} is {value!r}; of a timestamp it is ISO 8601 text")
    return millis


def _number(name: str, value: object, kind: str) -> Number:
    """A number of the catalog as the column would hold it."""
    if kind == "bigint":
        if type(value) is not int or value not in _INT64:
            raise CatalogError(f"{name} has {value!r}; of a bigint it is a whole number of 64 bits")
        return value
    if type(value) is int or type(value) is float:
        try:
            found = float(value)
        except OverflowError:
            found = float("inf")
        if abs(found) < float("inf"):
            return found
    raise CatalogError(f"{name} has {value!r}; of a double it is a number")


def _length(value: object) -> int:
    if type(value) is not int or not 0 < value <= MOST_LENGTH:
        raise CatalogError(f"max_length is {value!r}; it has to be a number of characters")
    return value


def _check_enum(quality: Quality) -> None:
    """Make sure that the other rules let every value of `enum` pass."""
    others = Quality(
        pattern=quality.pattern,
        least=quality.least,
        most=quality.most,
        max_length=quality.max_length,
    ).check()
    for value in quality.enum or ():
        if others is not None and (breach := others(value)):
            raise CatalogError(f"enum has {value!r}, which is {breach.replace('_', ' ')}", "enum")


def _either(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
