"""The import directions of the design, held against the code."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    path.relative_to(ROOT)
    for package in ("functions", "clickstream", "benchmarks")
    for path in (ROOT / package).rglob("*.py")
)

# package -> packages of this project that it may import
ALLOWED = {
    "functions.lake": {"functions.lake"},
    "functions.transform": {"functions.lake", "functions.transform"},
    "functions.compact": {"functions.lake", "functions.compact"},
    "functions.package": {"functions.packaging"},
    # What a shared object is called, and so where the transform loads it from.
    "functions.packaging": {"functions.packaging", "functions.transform.native"},
    "clickstream": {"clickstream", "functions", "benchmarks"},
    "benchmarks": {"benchmarks", "clickstream", "functions"},
}
# The edges: everything else takes file objects, bytes, lists and records.
MAY_TALK_TO_AWS = {
    "functions/lake/objects.py",
    "functions/lake/partitions.py",
    "functions/lake/clients.py",
    "functions/transform/handler.py",
    "functions/compact/handler.py",
}
LARGEST_MODULE = 400


def imports_of(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def package_of(module: str) -> str | None:
    for name in sorted(ALLOWED, key=len, reverse=True):
        if module == name or module.startswith(name + "."):
            return name
    return "functions" if module == "functions" else None


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 20


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_run_one_way(path: Path) -> None:
    home = package_of(".".join(path.with_suffix("").parts))
    if home is None or path == Path("functions/__init__.py"):
        return
    own = {
        name
        for name in imports_of(path)
        if name.split(".")[0] in {"functions", "clickstream", "benchmarks", "tests"}
    }
    strangers = {
        name
        for name in own
        if not any(name == good or name.startswith(good + ".") for good in ALLOWED[home])
    }
    assert not strangers, f"{path} imports {sorted(strangers)}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parts[0] == "functions"], ids=str)
def test_only_the_edges_talk_to_aws(path: Path) -> None:
    sdk = {
        name
        for name in imports_of(path)
        if name.split(".")[0] in {"boto3", "botocore", "s3transfer"}
    }
    assert not sdk or path.as_posix() in MAY_TALK_TO_AWS, f"{path} imports {sorted(sdk)}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_modules_are_small_rooms(path: Path) -> None:
    lines = len((ROOT / path).read_text(encoding="utf-8").splitlines())
    assert lines <= LARGEST_MODULE, f"{path} has {lines} lines: is it still one idea?"
