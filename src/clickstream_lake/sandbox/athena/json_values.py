"""A JSON value as Trino's `json_parse` makes it of a text: sorted, and with each key once."""

import json
from dataclasses import dataclass
from operator import itemgetter

from clickstream_lake.sandbox.athena.translate.printing import java_double


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    text: str


@dataclass(frozen=True, slots=True)
class Members:
    """An object's members as they are written, equal keys included."""

    pairs: list[tuple[str, object]]


DECODER = json.JSONDecoder(parse_int=Number, parse_float=Number, strict=False)
STREAM = json.JSONDecoder(
    parse_int=Number, parse_float=Number, strict=False, object_pairs_hook=Members
)


def written(value: object) -> str:
    """Write a decoded value without spaces: a dict in order, fractions as Java has them."""
    return _written(value).encode("utf-8", "replace").decode()


def _written(value: object) -> str:
    match value:
        case dict():
            return _object(sorted(value.items(), key=itemgetter(0)))
        case Members():
            return _object(value.pairs)
        case list():
            return f"[{','.join(map(_written, value))}]"
        case Number():
            return _number(value.text)
        case _:
            return _text(value)


def _object(pairs: list[tuple[str, object]]) -> str:
    return "{" + ",".join(f"{_text(key)}:{_written(each)}" for key, each in pairs) + "}"


def _number(text: str) -> str:
    if text.lstrip("-").isdigit():
        return "0" if text == "-0" else text
    shown = java_double(float(text))
    return f'"{shown}"' if "Infinity" in shown else shown


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
