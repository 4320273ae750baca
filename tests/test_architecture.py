"""The import directions of the design, held against the code. Each test lists its offenders."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = (ROOT / "src", ROOT)
PACKAGE = "clickstream_lake"
OWN = {PACKAGE, "benchmarks", "dev", "tests"}

# package -> what of this project it may import; the longest name that fits decides
ALLOWED = {
    f"{PACKAGE}.lake": {f"{PACKAGE}.lake"},
    f"{PACKAGE}.transform": {f"{PACKAGE}.lake", f"{PACKAGE}.transform"},
    f"{PACKAGE}.compact": {f"{PACKAGE}.lake", f"{PACKAGE}.compact"},
    f"{PACKAGE}.engine": {f"{PACKAGE}.engine"},
    f"{PACKAGE}.sandbox": {f"{PACKAGE}.sandbox", f"{PACKAGE}.engine"},
    f"{PACKAGE}.generate": {f"{PACKAGE}.generate", f"{PACKAGE}.errors"},
    f"{PACKAGE}.operate": {
        f"{PACKAGE}.{name}" for name in ("operate", "errors", "lake", "transform", "compact")
    },
    f"{PACKAGE}.demo": {
        f"{PACKAGE}.{name}"
        for name in ("demo", "operate", "generate", "sandbox", "console", "errors", "lake")
    },
    f"{PACKAGE}.cli": {PACKAGE},
    f"{PACKAGE}.errors": set(),
    f"{PACKAGE}.console": set(),
    PACKAGE: {f"{PACKAGE}.cli"},
    "benchmarks": {"benchmarks", "dev", PACKAGE},
    # What is shipped is tried by the packages' own code.
    "dev": {"dev", PACKAGE},
}
# A constant, which everybody may tell.
VERSION = f"{PACKAGE}.__version__"
# The edges: everything else takes file objects, bytes, lists and records.
MAY_TALK_TO_AWS = {f"src/{PACKAGE}/lake/aws/"}
LARGEST_MODULE = 600


def modules() -> list[Path]:
    roots = [ROOT / "src" / PACKAGE, ROOT / "benchmarks", ROOT / "dev", ROOT / "functions"]
    found = sorted(path for root in roots for path in root.rglob("*.py"))
    assert len(found) > 100
    return found


def name_of(path: Path) -> str:
    relative = path.relative_to(next(root for root in SOURCES if path.is_relative_to(root)))
    return ".".join(relative.with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_imports_run_one_way() -> None:
    offenders = []
    for path in modules():
        name = name_of(path)
        homes = [home for home in ALLOWED if is_in(name, home)]
        # A function's handler is in no package: it imports its adapter.
        adapter = {f"{PACKAGE}.{path.parent.name}"}
        allowed = ALLOWED[max(homes, key=len)] if homes else adapter
        offenders += [
            f"{name} imports {found}"
            for found in imports_of(path)
            if found.split(".")[0] in OWN and not any(is_in(found, good) for good in allowed)
            if found != VERSION
        ]
    assert offenders == []


def test_only_the_edges_of_the_lake_talk_to_aws() -> None:
    lake = [ROOT / "src" / PACKAGE / name for name in ("lake", "transform", "compact")]
    offenders = [
        f"{path.relative_to(ROOT)} imports {found}"
        for path in modules()
        if any(path.is_relative_to(part) for part in lake)
        and not any(path.relative_to(ROOT).as_posix().startswith(edge) for edge in MAY_TALK_TO_AWS)
        for found in imports_of(path)
        if found.split(".")[0] in {"boto3", "botocore", "s3transfer"}
    ]
    assert offenders == []


def test_modules_are_whole_ideas_and_no_larger() -> None:
    sizes = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules()
    }
    assert {path: lines for path, lines in sizes.items() if lines > LARGEST_MODULE} == {}


def test_handlers_only_name_their_entry_point() -> None:
    handlers = sorted((ROOT / "functions").glob("*/handler.py"))
    assert [path.parent.name for path in handlers] == ["compact", "transform"]
    assert [len(path.read_text().splitlines()) <= 30 for path in handlers] == [True, True]
