"""The functions that Trino 476 has, with their signatures, as `SHOW FUNCTIONS` lists them.

It tells what Trino lacks from what only this engine lacks, and finds a call's types.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from clickstream_lake.sandbox.athena.translate import types
from clickstream_lake.sandbox.athena.translate.types import Type
from clickstream_lake.sandbox.errors import QueryError

_TYPE_VARIABLES = re.compile(r"[TUVKERSB][0-9]?|[tuvke]")
_NUMBER_VARIABLES = re.compile(r"[a-z_]+|[0-9]+")
# Trino's grammar has them, and not its list.
_OF_THE_GRAMMAR = frozenset(
    {"json_array", "json_exists", "json_object", "json_query", "json_value"}
)
# Their arity is open: the last argument may come again.
_VARIADIC = frozenset({"concat", "greatest", "least", "concat_ws", "map_concat"})


@dataclass(frozen=True, slots=True)
class Pattern:
    """A type in a signature; a name without known meaning is a variable."""

    name: str
    args: "tuple[Pattern, ...]" = ()

    @property
    def is_variable(self) -> bool:
        """Tell a type's variable from a type."""
        return not self.args and _TYPE_VARIABLES.fullmatch(self.name) is not None


@dataclass(frozen=True, slots=True)
class Signature:
    """One way to call a function."""

    returns: Pattern
    arguments: tuple[Pattern, ...]
    kind: str


@cache
def signatures() -> dict[str, list[Signature]]:
    """Load the list, by function name."""
    found: dict[str, list[Signature]] = {}
    text = files(__package__).joinpath("functions.tsv").read_text("utf-8")
    for line in text.splitlines():
        name, returns, arguments, kind = line.split("\t")
        signature = Signature(_pattern(returns), tuple(map(_pattern, _split(arguments))), kind)
        known = found.setdefault(name, [])
        if signature not in known:
            known.append(signature)
    return found


def _split(text: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts, depth, start = [], 0, 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == "," and not depth:
            parts.append(text[start:place].strip())
            start = place + 1
    last = text[start:].strip()
    return [*parts, last] if last else parts


@cache
def _pattern(text: str) -> Pattern:
    text = text.strip()
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Pattern(text)
    inside, _, tail = rest.rpartition(")")
    return Pattern(name.strip() + tail, tuple(map(_pattern, _split(inside))))


@dataclass(frozen=True, slots=True)
class Resolved:
    """A call's types.

    Attributes:
        arguments: to which the arguments are to be cast; None for a lambda.
        returns: None where it depends on a lambda.
        bindings: of type variables.
    """

    signature: Signature
    arguments: tuple[Type | None, ...]
    bindings: dict[str, Any]


def resolve(name: str, given: Sequence[Type | None]) -> Resolved:
    """Find the signature of a call; a lambda's type is None.

    Raises:
        QueryError: there is no such function, or none for these types.
    """
    known = signatures().get(name)
    if name in _OF_THE_GRAMMAR:
        raise types.unsupported(f"Function {name}")
    if known is None:
        raise QueryError("FUNCTION_NOT_FOUND", f"Function '{name}' not registered")
    found = []
    for signature in known:
        resolved = _apply(name, signature, given)
        if resolved is not None:
            found.append(resolved)
    if (not found or len(found) > 1) and any(of and _has_unknown(of) for of in given):
        raise types.unsupported(f"{name} of NULL without a type")
    if not found:
        spelt = ", ".join("function" if of is None else str(of) for of in given)
        raise QueryError(
            "FUNCTION_NOT_FOUND", f"Unexpected parameters ({spelt}) for function {name}"
        )
    exact = [one for one in found if one.arguments == tuple(given)]
    if exact:
        return exact[0]
    return max(found, key=lambda one: (sum(_fits(one, other) for other in found), _exactness(one)))


def _has_unknown(of: Type) -> bool:
    parts = (part[1] if isinstance(part, tuple) else part for part in of.args)
    return of == types.UNKNOWN or any(_has_unknown(one) for one in parts if isinstance(one, Type))


def _exactness(one: Resolved) -> int:
    """Prefer whole numbers to decimals where a number is as well taken as either."""
    return -sum(of is not None and of.name == "decimal" for of in one.arguments)


def _fits(one: Resolved, other: Resolved) -> bool:
    return all(
        a is None or b is None or types.can_coerce(a, b)
        for a, b in zip(one.arguments, other.arguments, strict=True)
    )


def _apply(name: str, signature: Signature, given: Sequence[Type | None]) -> Resolved | None:
    patterns = signature.arguments
    if name in _VARIADIC and len(given) > len(patterns) > 0:
        patterns = (*patterns, *[patterns[-1]] * (len(given) - len(patterns)))
    if len(given) != len(patterns):
        return None
    bindings: dict[str, Any] = {}
    for _ in range(2):  # a variable that gets wider has to reach the arguments before it
        for pattern, of in zip(patterns, given, strict=True):
            if (pattern.name == "function") != (of is None):
                return None
            if of is not None and not _bind(pattern, of, bindings):
                return None
    arguments = []
    for pattern, of in zip(patterns, given, strict=True):
        target = None if of is None else fill(pattern, bindings, of)
        if of is not None and (target is None or not types.can_coerce(of, target)):
            return None
        arguments.append(target)
    return Resolved(signature, tuple(arguments), bindings)


def _bind(pattern: Pattern, of: Type, bindings: dict[str, Any]) -> bool:
    if pattern.is_variable:
        bound = bindings.get(pattern.name)
        wider = of if bound is None else types.common(bound, of)
        if wider is None:
            return False
        bindings[pattern.name] = wider
        return True
    if of.name == "unknown":
        return True
    if pattern.name == "decimal":
        own = types.as_decimal(of)
        return own is not None and _bind_numbers(pattern, own, bindings)
    if pattern.name == of.name:
        if pattern.name in {"array", "map"}:
            return all(_bind(p, t, bindings) for p, t in zip(pattern.args, of.args, strict=True))
        if pattern.name == "row":
            if len(pattern.args) != len(of.args):
                return False
            return all(
                _bind(p, t, bindings) for p, (_, t) in zip(pattern.args, of.args, strict=True)
            )
        return _bind_numbers(pattern, of, bindings)
    if pattern.name.startswith("timestamp"):
        if of.name == "date":
            bindings.setdefault(pattern.args[0].name, 0)
            return True
        if of.name == "timestamp":
            return _bind_numbers(pattern, of, bindings)
        return False
    target = Type(pattern.name)
    return types.can_coerce(of, target)


def _bind_numbers(pattern: Pattern, of: Type, bindings: dict[str, Any]) -> bool:
    if pattern.name == "varchar" and not of.args and pattern.args:
        bindings[pattern.args[0].name] = None
        return True
    for part, number in zip(pattern.args, of.args, strict=False):
        if part.name.isdigit():
            if pattern.name == "varchar" and number > int(part.name):
                return False
            continue
        bound = bindings.get(part.name, number)
        if bound is None:
            continue
        bindings[part.name] = max(bound, number)
    if of.zone is not None:
        bindings["zone"] = of.zone if bindings.get("zone", of.zone) == of.zone else None
    return True


def fill(pattern: Pattern, bindings: dict[str, Any], given: Type | None = None) -> Type | None:
    """Put bound variables into a pattern; None where one of them is not bound."""
    if pattern.is_variable:
        return bindings.get(pattern.name)
    match pattern.name:
        case "array" | "map":
            parts = [fill(part, bindings) for part in pattern.args]
            return None if None in parts else Type(pattern.name, tuple(parts))
        case "row":
            fields = [(None, fill(part, bindings)) for part in pattern.args]
            if given is not None and given.name == "row":
                fields = [(n, t) for (n, _), (_, t) in zip(given.args, fields, strict=True)]
            return None if any(of is None for _, of in fields) else Type("row", tuple(fields))
        case "varchar" if pattern.args:
            part = pattern.args[0].name
            if part.isdigit():
                return Type("varchar", (int(part),))
            if part not in bindings:
                return Type("varchar", (types.ANY_LENGTH,))
            return types.VARCHAR if bindings[part] is None else Type("varchar", (bindings[part],))
        case "timestamp with time zone":
            zone = bindings.get("zone", "UTC")
            if given is not None and given.name == pattern.name:
                zone = given.zone
            return Type(pattern.name, _numbers(pattern, bindings), zone)
    return Type(pattern.name, _numbers(pattern, bindings))


def _numbers(pattern: Pattern, bindings: dict[str, Any]) -> tuple[int, ...]:
    default = 3 if pattern.name.startswith("time") else 0
    return tuple(
        int(part.name) if part.name.isdigit() else bindings.get(part.name, default)
        for part in pattern.args
    )
