"""A JSON value as Trino's `json_parse` makes it of a text: sorted, and with each key once."""

import json
from dataclasses import dataclass
from operator import itemgetter


@dataclass(frozen=True, slots=True)
class _Number:
    text: str


_DECODER = json.JSONDecoder(parse_int=_Number, parse_float=_Number, strict=False)


def normalized(text: str) -> str:
    """The same value with the keys of every object in order, the last of equal keys, and no space.

    Numbers stay as they are written. What is no JSON is the caller's to refuse.
    """
    return _written(_DECODER.decode(text)).encode("utf-8", "replace").decode()


def _written(value: object) -> str:
    match value:
        case dict():
            pairs = sorted(value.items(), key=itemgetter(0))
            return f"{{{','.join(f'{_text(key)}:{_written(each)}' for key, each in pairs)}}}"
        case list():
            return f"[{','.join(map(_written, value))}]"
        case _Number():
            return value.text
        case _:
            return _text(value)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
