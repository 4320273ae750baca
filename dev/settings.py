"""Write `docs/settings.md`: every `LAKE_*` setting of the functions, from the code that reads them.

Run it after a change of a setting: `python -m dev.settings`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from clickstream_lake.lake.config import CompactSettings, Config, Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.settings import Settings, group_of, meaning, wanted

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
_GROUPS: dict[type[Settings], tuple[str, str]] = {
    Config: ("The lake", "Both functions read these."),
    Layout: ("Where everything is", "Both functions read these."),
    Limits: ("Limits of a raw object", "The transform reads these."),
    OutputOptions: (
        "How files are written",
        "The transform reads these; compaction reads both compressions and the level.",
    ),
    CompactSettings: ("Compaction and clean-up", "The compact function reads these."),
}


def page() -> str:
    """The page's text."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Settings of the functions"
    yield ""
    yield "Environment variables of the transform and the compact function. Terraform sets"
    yield "those that its variables choose. A function with a bad value does not start: it names"
    yield "every bad one at once. This page is written by `python -m dev.settings`."
    for group, (title, readers) in _GROUPS.items():
        yield ""
        yield f"## {title}"
        yield ""
        yield readers
        yield ""
        yield "| variable | default | takes | meaning |"
        yield "|---|---|---|---|"
        for field in msgspec.structs.fields(group):
            if group_of(field) is None:
                takes = re.sub(r"(?<= matches )(.+)$", r"`\1`", wanted(field))
                yield f"| `{field.encode_name}` | {_default(field)} | {takes} | {meaning(field)} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "has to be set"
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{value}`" if value not in {None, ""} else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
