"""What a second plan would change: nothing, if the provider and AWS agree on everything."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from clickstream_lake.demo import terraform

_PLAN_FILE: Final = "sandbox.tfplan"


@dataclass(frozen=True, slots=True)
class Drift:
    """One resource that a plan would change although nothing was changed.

    Attributes:
        address: the resource, such as `aws_sqs_queue.transform["events"]`.
        actions: what Terraform would do: `["update"]`, `["delete", "create"]`, ...
        attributes: top-level attributes whose values differ.
    """

    address: str
    actions: tuple[str, ...]
    attributes: tuple[str, ...]


def plan_drift(workdir: Path, *, root: str = "terraform") -> list[Drift]:
    """Plan again after an `apply` in this working directory."""
    directory = terraform._directory(workdir, root)
    terraform._run(directory, ["plan", "-input=false", f"-out={_PLAN_FILE}"])
    plan = json.loads(terraform._run(directory, ["show", "-json", _PLAN_FILE]))
    return list(drifts(plan))


def drifts(plan: dict[str, Any]) -> Iterator[Drift]:
    for change in plan.get("resource_changes", []):
        actions = tuple(change["change"]["actions"])
        if actions in {("no-op",), ("read",)}:
            continue
        before, after = change["change"]["before"] or {}, change["change"]["after"] or {}
        unknown = change["change"].get("after_unknown") or {}
        differing = {
            name
            for name in before.keys() | after.keys()
            if unknown.get(name) is True or before.get(name) != after.get(name)
        }
        yield Drift(change["address"], actions, tuple(sorted(differing)))
