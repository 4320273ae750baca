"""Write the inputs and outputs into the pages about Terraform: `python -m dev.terraform_docs`.

They are between two markers; the rest of each page is written by hand. A test fails if a page
differs from what this would write.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import hcl2
from hcl2.utils import SerializationOptions

PROJECT: Final = Path(__file__).resolve().parents[1]
TERRAFORM: Final = PROJECT / "terraform"
BEGIN: Final = "<!-- BEGIN_TF_DOCS: python -m dev.terraform_docs -->\n"
END: Final = "<!-- END_TF_DOCS -->\n"

# Each page, and the directory that it is about.
PAGES: Final = {
    PROJECT / "docs" / "terraform.md": TERRAFORM,
    TERRAFORM / "README.md": TERRAFORM,
    **{page: page.parent for page in sorted(TERRAFORM.glob("examples/*/README.md"))},
}

# Headings for the files that hold variables, in the order of the pages.
_GROUPS: Final = {
    "variables.tf": "The lake",
    "variables_ingest.tf": "Firehose",
    "variables_transform.tf": "Transform",
    "variables_compact.tf": "Compaction and clean-up",
    "variables_storage.tf": "Retention",
    "variables_query.tf": "Athena",
    "variables_security.tf": "Security and logs",
    "variables_alarms.tf": "Alarms and dashboard",
}

_AS_WRITTEN: Final = SerializationOptions(
    with_comments=False,
    explicit_blocks=False,
    preserve_heredocs=False,
    wrap_objects=True,
    wrap_tuples=True,
)


@dataclass(frozen=True, slots=True)
class Item:
    """One variable or output.

    Attributes:
        type: a variable's type as it is written; empty if it has none.
        default: likewise; None if a value is required.
        validations: how many the variable has.
    """

    name: str
    description: str
    type: str
    default: str | None
    validations: int


def items(file: Path, kind: str) -> list[Item]:
    """The blocks of this kind (`variable` or `output`) in a file, in its order."""
    found = hcl2.loads(file.read_text(), serialization_options=_AS_WRITTEN).get(kind, [])
    return [_item(name, body) for block in found for name, body in block.items()]


def reference(directory: Path) -> str:
    """The tables of a directory's variables and outputs."""
    files = {file.name: file for file in sorted(directory.glob("*.tf"))}
    unplaced = {name for name in files if name.startswith("variables_")} - _GROUPS.keys()
    if unplaced:
        raise SystemExit(f"give these files a place in _GROUPS: {sorted(unplaced)}")
    groups = {files[name]: title for name, title in _GROUPS.items() if name in files}
    lines = ["## Inputs", ""]
    if len(groups) > 1:
        for file, title in groups.items():
            lines += [f"### {title}", "", *_inputs(items(file, "variable")), ""]
    else:
        lines += [*_inputs(_all(files.values(), "variable")), ""]
    lines += ["## Outputs", "", "| name | what it is |", "|---|---|"]
    lines += [f"| `{item.name}` | {item.description} |" for item in _all(files.values(), "output")]
    return "\n".join(lines) + "\n"


def updated(page: Path) -> str:
    """What the page should be: its own text, with the present reference.

    Raises:
        ValueError: the page lacks a marker.
    """
    before, rest = page.read_text().split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{reference(PAGES[page])}\n{END}{after}"


def _all(files: Iterable[Path], kind: str) -> Iterator[Item]:
    for file in files:
        yield from items(file, kind)


def _inputs(variables: Iterable[Item]) -> Iterator[str]:
    yield "| name | type | default | what it is |"
    yield "|---|---|---|---|"
    for item in variables:
        default = "required" if item.default is None else f"`{item.default}`"
        yield f"| `{item.name}` | `{item.type}` | {default} | {item.description} |"


def _item(name: str, body: dict[str, Any]) -> Item:
    # A string's escapes are the same as JSON's.
    description = " ".join(json.loads(body.get("description", '""')).split())
    return Item(
        name=json.loads(name),
        description=description.replace("|", "\\|"),
        type=_written(body.get("type", "")),
        default=_written(body["default"]) if "default" in body else None,
        validations=len(body.get("validation", [])),
    )


def _written(value: object) -> str:
    """A value as in Terraform: the library gives expressions as `${...}`."""
    if not isinstance(value, str):
        return json.dumps(value)
    return value[2:-1] if value.startswith("${") else value


def main() -> None:
    """Write every page."""
    for page in PAGES:
        page.write_text(updated(page))
        print(f"wrote {page.relative_to(PROJECT)}")


if __name__ == "__main__":
    main()
