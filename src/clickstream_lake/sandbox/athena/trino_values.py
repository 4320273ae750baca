"""Trino's values and types as Athena shows them.

A value comes as JSON has it, and its type as a tree, Trino's type signature.
"""

import base64
import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from clickstream_lake.sandbox.athena.translate.printing import java_double

Signature = dict[str, Any]

# Athena's names of types, where they are not Trino's without length and precision.
_NAMES: Final = {"real": "float"}
_TIMES: Final = {"time", "time with time zone", "timestamp", "timestamp with time zone"}
# What no JSON can hold comes in base64.
_BINARY: Final = {
    "varbinary",
    "HyperLogLog",
    "P4HyperLogLog",
    "SetDigest",
    "qdigest",
    "tdigest",
}
_DIGITS: Final = 3
_SECONDS: Final = re.compile(r"(?P<before>(?:.* )?\d+:\d+:\d+)(?:\.(?P<digits>\d+))?")


def shown_type(signature: Signature) -> str:
    """Name a type as `ColumnInfo.Type` does, but for a decimal, whose digits stay with it."""
    name: str = signature["rawType"]
    if name == "decimal":
        precision, scale = (argument["value"] for argument in signature["arguments"])
        return f"decimal({precision},{scale})"
    return _NAMES.get(name, name)


def printed(value: Any, signature: Signature) -> str | None:  # noqa: ANN401 - any value of JSON
    """Print one value as it is in a result file; NULL is None."""
    return None if value is None else _show(value, signature)


def _show(value: Any, signature: Signature) -> str:  # noqa: ANN401 - any value of JSON
    if value is None:
        return "null"
    show = _SHOW.get(signature["rawType"])
    return show(value, signature.get("arguments") or []) if show else str(value)


def _array(value: list[Any], arguments: list[Signature]) -> str:
    return "[" + ", ".join(_show(one, arguments[0]["value"]) for one in value) + "]"


def _map(value: dict[str, Any], arguments: list[Signature]) -> str:
    of_key, of_value = (argument["value"] for argument in arguments)
    return _entries((_show(key, of_key), _show(one, of_value)) for key, one in value.items())


def _row(value: list[Any], arguments: list[Signature]) -> str:
    fields = (argument["value"] for argument in arguments)
    return _entries(
        (_field(field, place), _show(one, field["typeSignature"]))
        for place, (one, field) in enumerate(zip(value, fields, strict=True))
    )


def _entries(pairs: Iterable[tuple[str, str]]) -> str:
    return "{" + ", ".join(f"{key}={value}" for key, value in pairs) + "}"


def _field(described: dict[str, Any], place: int) -> str:
    name = described.get("fieldName")
    return str(name["name"]) if name else f"field{place}"


def _time(text: str) -> str:
    """Give the seconds of a time three digits at least."""
    match = _SECONDS.match(text)
    if match is None:
        return text
    digits = match["digits"] or ""
    return f"{match['before']}.{digits:0<{_DIGITS}}{text[match.end() :]}"


def _double(value: float | str, _: list[Signature]) -> str:
    return java_double(float(value))  # NaN and the infinities are text


def _binary(value: str, _: list[Signature]) -> str:
    return base64.b64decode(value).hex(" ")


_SHOW: Final[dict[str, Callable[[Any, list[Signature]], str]]] = {
    "array": _array,
    "map": _map,
    "row": _row,
    "boolean": lambda value, _: "true" if value else "false",
    "real": _double,
    "double": _double,
    **dict.fromkeys(_TIMES, lambda value, _: _time(value)),
    **dict.fromkeys(_BINARY, _binary),
}
