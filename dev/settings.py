"""Write `docs/settings.md`: every `LAKE_*` setting of the functions, from the code that reads them.

Run it after a change of a setting: `python -m dev.settings`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from clickstream_lake.lake.config import CompactSettings, Config, Limits, OutputOptions
from clickstream_lake.lake.layout import Layout
from clickstream_lake.lake.room import (
    BASE_MEMORY_BYTES,
    DISK_PER_OBJECT_BYTE,
    DISK_PER_TARGET_BYTE,
    MEMORY_PER_LINE_BYTE,
)
from clickstream_lake.lake.settings import Settings, group_of, meaning, wanted
from clickstream_lake.lake.units import MIB

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

# What has to be, why, and who sees to it. Names in lower case are variables of Terraform.
_AGREEMENTS = (
    (
        (
            f"`transform_memory_mb` >= {BASE_MEMORY_BYTES // MIB} + {MEMORY_PER_LINE_BYTE} x "
            "`LAKE_MAX_LINE_BYTES` in MiB"
        ),
        (
            f"libraries and one row group take 200 MiB; {MEMORY_PER_LINE_BYTE} bytes for each of "
            "its own is what a line full of empty objects takes"
        ),
        "Terraform, start",
    ),
    (
        f"`transform_tmp_mb` >= {DISK_PER_OBJECT_BYTE} x `LAKE_MAX_OBJECT_BYTES`",
        (
            "both outputs of an object lie in `/tmp`: 1.1 times click events, 3 "
            "times events of 20 bytes, 22 times where all are `{}`. What fills `/tmp` fails with "
            "`NoRoomError`"
        ),
        "Terraform, start",
    ),
    (
        "`LAKE_MAX_OBJECT_BYTES` >= 2 x the largest Firehose buffer",
        "Firehose exceeds it when it catches up, and a larger object is rejected whole",
        "Terraform",
    ),
    (
        "`LAKE_MAX_LINE_BYTES` <= `LAKE_MAX_OBJECT_BYTES`",
        "no line is longer than its object",
        "Terraform, start",
    ),
    (
        "`LAKE_ROW_GROUP_ROWS`: anything",
        "a row group ends at 64 MiB of memory, however many rows that is",
        "the writer",
    ),
    (
        (
            "`transform_timeout_seconds`, less a tenth (30 s at most), >= 0.5 s for each MB of the "
            "largest Firehose buffer, times 1769 / `transform_memory_mb` where that is over 1"
        ),
        "the worst input takes that, with the kernel; the tenth is kept for handing back",
        "Terraform; an object's deadline",
    ),
    (
        "`transform_visibility_seconds` >= 6 timeouts + the batch window",
        "AWS asks for it: Lambda may have to wait before it starts the function",
        "Terraform",
    ),
    (
        "`transform_max_receives`, `compact_max_receives`: 10 tries last 61 to 76 minutes",
        (
            "a message that failed comes back after 15, 30, 60, 120, 240, 480, 900, 900 and 900 s, "
            "and up to a quarter more; five tries would be over in four minutes. Only a function "
            "that was killed leaves them for the queue's own timeout"
        ),
        "the default",
    ),
    (
        f"`compact_tmp_mb` >= {DISK_PER_TARGET_BYTE} x `LAKE_TARGET_FILE_BYTES`",
        "inputs and outputs of a merge lie in `/tmp` together",
        "Terraform, start",
    ),
    (
        "`LAKE_TIME_BUDGET_SECONDS` = `compact_timeout_seconds` - 120",
        "a merge that was begun has to end, and its generation to become current",
        "Terraform",
    ),
    (
        "`compact_grace_seconds` >= 3600 + the longer of the two timeouts",
        "a query or a function may still read what was replaced",
        "Terraform",
    ),
)


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
    yield ""
    yield "## Limits that have to agree"
    yield ""
    yield "Names in lower case are variables of [Terraform](terraform.md). A plan fails, and a"
    yield "function does not start, while what they check does not hold; the defaults all agree."
    yield ""
    yield "| what has to be | why | who sees to it |"
    yield "|---|---|---|"
    for what, why, who in _AGREEMENTS:
        yield f"| {what} | {why} | {who} |"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "has to be set"
    value = ",".join(field.default) if isinstance(field.default, tuple) else field.default
    return f"`{value}`" if value not in {None, ""} else "none"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")
