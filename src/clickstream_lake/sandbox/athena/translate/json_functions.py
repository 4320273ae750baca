"""Trino's functions over JSON, which are Jackson's reading of it."""

import json
import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cache
from typing import Any

from clickstream_lake.sandbox.athena.json_values import DECODER, STREAM, Members, Number, written
from clickstream_lake.sandbox.athena.translate.printing import java_double
from clickstream_lake.sandbox.athena.translate.types import Type, unsupported
from clickstream_lake.sandbox.errors import QueryError

_STEP = re.compile(r"""\.([A-Za-z_][A-Za-z0-9_:-]*)|\[(\d+)\]|\[(?:"([^"\\]*)"|'([^'\\]*)')\]""")
_MISSING = object()
_BITS = {"tinyint": 7, "smallint": 15, "integer": 31, "bigint": 63}
_WHOLE = re.compile(r"[+-]?\d+")


@cache
def steps(path: str) -> tuple[str | int, ...]:
    """Take a path apart; only names and places are understood.

    Raises:
        QueryError: the path is beyond that.
    """
    if path.startswith("$"):
        found: list[str | int] = []
        at = 1
        while match := _STEP.match(path, at):
            at = match.end()
            name, place = match[1] or match[3] or match[4], match[2]
            found.append(int(place) if place else name or "")
        if at == len(path):
            return tuple(found)
    raise unsupported(f"The JSON path {path}")


def _parsed(text: str) -> Any:
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError):
        return _MISSING


def _streamed(text: str) -> Any:
    """Read what a text begins with, as far as it goes."""
    start = text.lstrip(" \t\n\r")
    try:
        return STREAM.raw_decode(start)[0]
    except (ValueError, RecursionError):
        if start[:1] in {"{", "["}:
            raise unsupported("A search in a text that only begins like JSON") from None
        return _MISSING


def _member(members: Members, key: str) -> Any:
    return next((value for name, value in members.pairs if name == key), _MISSING)


def _walk(text: str, path: str) -> Any:
    value = _streamed(text)
    for step in steps(path):
        if isinstance(step, str) and isinstance(value, Members):
            value = _member(value, step)
        elif isinstance(step, str) and isinstance(value, list) and step.isdigit():
            value = value[int(step)] if int(step) < len(value) else _MISSING
        elif isinstance(step, int) and isinstance(value, list):
            value = value[step] if step < len(value) else _MISSING
        elif isinstance(step, int) and isinstance(value, Members):
            value = _member(value, str(step))
        else:
            return _MISSING
    return value


def extract(text: str, path: str) -> str | None:
    """`json_extract`."""
    value = _walk(text, path)
    return None if value is _MISSING else written(value)


def extract_scalar(text: str, path: str) -> str | None:
    """`json_extract_scalar`."""
    return _scalar_text(_walk(text, path))


def _scalar_text(value: Any) -> str | None:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None


def size(text: str, path: str) -> int | None:
    """`json_size`: members of an object or array, 0 of a scalar."""
    value = _walk(text, path)
    if value is _MISSING:
        return None
    if isinstance(value, Members):
        return len(value.pairs)
    return len(value) if isinstance(value, list) else 0


def array_length(text: str) -> int | None:
    """`json_array_length`."""
    value = _streamed(text)
    return len(value) if isinstance(value, list) else None


def array_get(text: str, place: int) -> str | None:
    """`json_array_get`."""
    value = _streamed(text)
    if not isinstance(value, list) or not -len(value) <= place < len(value):
        return None
    found = value[place]
    if isinstance(found, Number):
        return found.text
    return None if found is None else found if isinstance(found, str) else written(found)


def array_contains(text: str, kind: str, wanted: str) -> bool | None:
    """`json_array_contains` of a value that was printed."""
    value = _streamed(text)
    if not isinstance(value, list):
        return None
    for item in value:
        if kind == "varchar" and isinstance(item, str) and item == wanted:
            return True
        if kind == "boolean" and isinstance(item, bool) and item == (wanted == "true"):
            return True
        if kind == "bigint" and isinstance(item, Number) and item.text == wanted:
            return True
    return False


def is_scalar(text: str) -> bool:
    """`is_json_scalar`.

    Raises:
        QueryError: it is no JSON.
    """
    value = _parsed(text)
    if value is _MISSING:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Invalid JSON value: {text}")
    return not isinstance(value, (dict, list))


def parse(text: str) -> str:
    """`json_parse`.

    Raises:
        QueryError: it is no JSON.
    """
    value = _parsed(text)
    if value is _MISSING:
        raise QueryError("INVALID_FUNCTION_ARGUMENT", f"Cannot convert value to JSON: '{text}'")
    return written(value)


def reader(target: Type) -> Callable[[str], Any]:
    """Give the function that casts JSON to a type."""

    def read(text: str) -> Any:
        return _as(_parsed(text), target, text)

    return read


def _bad(text: str, target: Type) -> QueryError:
    return QueryError("INVALID_CAST_ARGUMENT", f"Cannot cast to {target}.\n{text}")


def _as(value: Any, target: Type, text: str) -> Any:
    if target.name == "json":
        return written(value)
    if value is None:
        return None
    match target.name:
        case "array" if isinstance(value, list):
            return [_as(item, target.args[0], text) for item in value]
        case "map" if isinstance(value, dict):
            keys = [_as(key, target.args[0], text) for key in value]
            return dict(
                zip(keys, (_as(v, target.args[1], text) for v in value.values()), strict=True)
            )
        case "row" if isinstance(value, list):
            if len(value) != len(target.args):
                raise _bad(text, target)
            pairs = zip(value, target.args, strict=True)
            return {f"f{i}": _as(v, of, text) for i, (v, (_, of)) in enumerate(pairs)}
        case "row" if isinstance(value, dict):
            folded = {key.lower(): item for key, item in value.items()}
            return {
                f"f{i}": _as(folded.get((name or "").lower()), of, text)
                for i, (name, of) in enumerate(target.args)
            }
        case "array" | "map" | "row":
            raise _bad(text, target)
    if isinstance(value, (dict, list)):
        raise _bad(text, target)
    return _scalar(value, target, text)


def _scalar(value: Any, target: Type, text: str) -> Any:
    plain = value.text if isinstance(value, Number) else value
    fraction = isinstance(value, Number) and not _WHOLE.fullmatch(value.text)
    match target.name:
        case "varchar" if not target.args:
            if isinstance(value, bool):
                return "true" if value else "false"
            return java_double(float(plain)) if fraction else plain
        case "boolean":
            if isinstance(value, bool):
                return value
            if isinstance(value, Number):
                return float(plain) != 0
            if plain.lower() in {"true", "t", "1", "false", "f", "0"}:
                return plain.lower() in {"true", "t", "1"}
            raise _bad(text, target)
        case "tinyint" | "smallint" | "integer" | "bigint":
            return _integer(value, plain, fraction, target, text)
        case "double":
            if isinstance(value, bool):
                return float(value)
            try:
                return float(plain)
            except ValueError:
                raise _bad(text, target) from None
        case "decimal":
            return _decimal(value, plain, target, text)
    raise unsupported(f"A cast from json to {target}")


def _integer(value: Any, plain: str, fraction: bool, target: Type, text: str) -> int:  # noqa: FBT001 - internal
    if isinstance(value, bool):
        return int(value)
    try:
        number = math.floor(float(plain) + 0.5) if fraction else int(plain)
    except (ValueError, OverflowError):
        raise _bad(text, target) from None
    if not -(2 ** _BITS[target.name]) <= number < 2 ** _BITS[target.name]:
        raise _bad(text, target)
    return number


def _decimal(value: Any, plain: str, target: Type, text: str) -> Decimal:
    precision, scale = target.args
    try:
        number = Decimal(int(value)) if isinstance(value, bool) else Decimal(plain)
        rounded = number.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    except InvalidOperation:
        raise _bad(text, target) from None
    if abs(rounded) >= Decimal(10) ** (precision - scale):
        raise _bad(text, target)
    return rounded


def writer(source: Type) -> Callable[[Any], str]:
    """Give the function that casts a type's values to JSON."""

    def write(value: Any) -> str:
        return _to_json(value, source)

    _check(source)
    return write


def _check(source: Type) -> None:
    if source.name in {"array", "map"}:
        if source.name == "map" and source.args[0].name != "varchar":
            raise unsupported(f"A cast from {source} to json")
        for part in source.args:
            _check(part)
    elif source.name == "row":
        for _, part in source.args:
            _check(part)
    elif source.name not in {
        "varchar", "boolean", "tinyint", "smallint", "integer", "bigint", "double", "json", "unknown",
    }:  # fmt: skip
        raise unsupported(f"A cast from {source} to json")


def _to_json(value: Any, source: Type) -> str:
    if value is None:
        return "null"
    match source.name:
        case "array":
            return f"[{','.join(_to_json(item, source.args[0]) for item in value)}]"
        case "map":
            pairs = sorted((key, _to_json(item, source.args[1])) for key, item in value.items())
            return (
                "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{v}" for k, v in pairs) + "}"
            )
        case "row":
            named = zip(source.args, value.values(), strict=True)
            parts = [
                f"{json.dumps(name or '', ensure_ascii=False)}:{_to_json(item, of)}"
                for (name, of), item in named
            ]
            return "{" + ",".join(parts) + "}"
        case "json":
            return str(value)
        case "double":
            shown = java_double(value)
            return f'"{shown}"' if shown.strip("-") in {"NaN", "Infinity"} else shown
        case "boolean":
            return "true" if value else "false"
        case "varchar":
            return json.dumps(value, ensure_ascii=False)
    return str(value)
