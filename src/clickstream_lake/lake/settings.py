"""Settings as typed fields: each an environment variable, with default, bounds and meaning."""

from collections.abc import Mapping
from typing import Any, Literal, TypeVar, get_args, get_origin

import msgspec

from clickstream_lake.lake.errors import ConfigError

S = TypeVar("S", bound="Settings")
Field = msgspec.structs.FieldInfo


class Settings(msgspec.Struct, frozen=True, rename=lambda name: f"LAKE_{name.upper()}"):
    """A group of settings: its field `max_depth` is the variable `LAKE_MAX_DEPTH`."""


def read_settings(kind: type[S], environ: Mapping[str, str]) -> S:
    """Read a group of settings and the groups in it.

    Raises:
        ConfigError: names every bad variable, its value, and what is allowed, so that one
            deployment fixes them all.
    """
    complaints: list[str] = []
    values = _read(kind, environ, complaints)
    if complaints:
        raise ConfigError("bad configuration:\n  " + "\n  ".join(complaints))
    return kind(**values)


def group_of(field: Field) -> type[Settings] | None:
    """The group of settings that a field holds, or None if the field is itself a setting."""
    kind = field.type
    return kind if isinstance(kind, type) and issubclass(kind, Settings) else None


def wanted(field: Field) -> str:
    """Which values of a setting are allowed."""
    kind, meta = _described(field.type)
    if meta.ge is not None:
        return f"a whole number from {meta.ge} to {meta.le}"
    if get_origin(kind) is Literal:
        return " or ".join(map(repr, get_args(kind)))
    text = f"text such as {(meta.examples or [''])[0]!r}"
    return f"{text} that matches {meta.pattern}" if meta.pattern else f"{text}, no name twice"


def meaning(field: Field) -> str:
    """What a setting is for."""
    return str(_described(field.type)[1].description)


def _read(kind: type[Settings], environ: Mapping[str, str], complaints: list[str]) -> Any:  # noqa: ANN401 - by field name
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):
        name, group = field.encode_name, group_of(field)
        text = environ.get(name, "").strip()
        if group is not None:
            found = _read(group, environ, complaints)
            # After a complaint nothing is used, and some groups cannot be made.
            values[field.name] = None if complaints else group(**found)
        elif text:
            try:
                values[field.name] = _parse(text, field.type)
            except ValueError:
                complaints.append(f"{name}: {text!r} will not do: expected {wanted(field)}")
        elif field.required:
            complaints.append(f"{name}: it is not set, and has no default")
    return values


def _parse(text: str, kind: Any) -> Any:  # noqa: ANN401 - the field's type, and a value of it
    is_list = get_origin(_described(kind)[0]) is tuple
    value: object = [part.strip() for part in text.split(",")] if is_list else text
    try:
        parsed = msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from error
    # msgspec takes 1e6 for a whole number, and a list for a set of names.
    if (isinstance(parsed, int) and not text.isdecimal()) or (
        isinstance(parsed, tuple) and len(set(parsed)) != len(parsed)
    ):
        raise ValueError(text)
    return parsed


def _described(kind: Any) -> tuple[Any, msgspec.Meta]:  # noqa: ANN401 - a type, whatever its form
    """A setting's type and its description; an optional one is described by its inner type."""
    for each in (kind, *get_args(kind)):
        if hasattr(each, "__metadata__"):
            return each.__origin__, each.__metadata__[0]
    raise TypeError(f"{kind} is not a described setting")
