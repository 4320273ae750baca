"""Write docs/terraform.md from the variables and outputs of terraform/.

    python docs/generate_terraform.py

A test fails while the page is not what this would write.
"""  # noqa: INP001  # a script beside the page that it writes, not a package

import re
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
TERRAFORM = PROJECT / "terraform"
PAGE = PROJECT / "docs" / "terraform.md"

_INTRODUCTION = """\
# Terraform reference

`terraform/` makes one lake: bucket, Firehose streams, queues, functions, tables, workgroup, roles,
alarms and dashboard. It is a root module, and a module that other configurations call: it has no
provider block of its own. It needs Terraform 1.9 and the AWS provider 5.100 or newer.

```console
$ make package                 # dist/: a zip per function, and the layer
$ export AWS_REGION=eu-central-1 AWS_PROFILE=...
$ make deploy                  # terraform init and apply
$ terraform -chdir=terraform output commands
```

- `terraform/terraform.tfvars.example` shows the settings that most lakes change.
- `terraform/examples/minimal` is a lake to try out; `terraform/examples/production` has two
  streams, hour partitions, a KMS key, alarms and legal retention.
- `terraform/examples/production/backend.tf.example` keeps the state in S3, locked while in use.
- [The runbook](runbook.md) says what to do about each alarm.

This page is written by `python docs/generate_terraform.py`.
"""

# The order of the page; every variables*.tf must be here.
_GROUPS = {
    "variables.tf": "The lake",
    "variables_ingest.tf": "Firehose",
    "variables_transform.tf": "Transform",
    "variables_compact.tf": "Compaction and clean-up",
    "variables_storage.tf": "Retention",
    "variables_query.tf": "Athena",
    "variables_security.tf": "Security and logs",
    "variables_alarms.tf": "Alarms and dashboard",
}

_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.*?)^\}', re.MULTILINE | re.DOTALL)
_HEREDOC = re.compile(r"<<-EOT\n(.*?)\n\s*EOT", re.DOTALL)


@dataclass(frozen=True)
class Item:
    """One variable or output."""

    name: str
    description: str
    type: str
    default: str | None


def items(text: str, kind: str) -> list[Item]:
    """The variables or outputs of a file, in its order."""
    return [_item(name, body) for found, name, body in _BLOCK.findall(text) if found == kind]


def page() -> str:
    """The whole page."""
    files = {file.name: file.read_text() for file in TERRAFORM.glob("*.tf")}
    unknown = {name for name in files if name.startswith("variables")} - _GROUPS.keys()
    if unknown:
        raise SystemExit(f"give these files a place in _GROUPS: {sorted(unknown)}")
    parts = [_INTRODUCTION, "## Inputs\n"]
    for file, title in _GROUPS.items():
        parts.append(f"### {title}\n")
        parts.append(_table(items(files[file], "variable")))
    parts.append("## Outputs\n")
    rows = [
        f"| `{item.name}` | {item.description} |" for item in items(files["outputs.tf"], "output")
    ]
    parts.append("\n".join(["| name | what it is |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _item(name: str, body: str) -> Item:
    attributes = _attributes(body)
    default = attributes.get("default")
    return Item(
        name, _text(attributes["description"]), _one_line(attributes.get("type", "")), default
    )


def _attributes(body: str) -> dict[str, str]:
    """The attributes at the top of a block; nested blocks are passed over."""
    found: dict[str, str] = {}
    lines = iter(body.splitlines())
    for line in lines:
        if start := re.match(r"  (\w+)\s*= (.*)", line):
            name, value = start[1], start[2]
            while _open(value):
                value += "\n" + next(lines)
            found[name] = value
    return found


def _open(value: str) -> bool:
    """Whether a value goes on in the next line."""
    if value.startswith("<<-EOT"):
        return not _HEREDOC.match(value)
    bare = re.sub(r'"(\\.|[^"\\])*"', "", value)
    return any(bare.count(a) > bare.count(b) for a, b in ("()", "[]", "{}"))


def _text(value: str) -> str:
    if heredoc := _HEREDOC.match(value):
        text = " ".join(textwrap.dedent(heredoc[1]).split())
    else:
        text = value.strip('"').replace('\\"', '"')
    return text.replace("|", "\\|")


def _one_line(value: str) -> str:
    flat = re.sub(r"\s+", " ", value)
    return re.sub(r"([\w\")}\]]) (\w+ =)", r"\1, \2", flat).replace("( ", "(").replace(" )", ")")


def _table(found: list[Item]) -> str:
    rows = ["| name | type | default | what it is |", "|---|---|---|---|"]
    for item in found:
        default = "required" if item.default is None else f"`{_one_line(item.default)}`"
        rows.append(f"| `{item.name}` | `{item.type}` | {default} | {item.description} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"wrote {PAGE.relative_to(PROJECT)}\n")
