"""Gather the parts of a release: `make release`, after packages, wheels and the bill are built.

Writes to `dist/release/`: wheels and source distribution, the functions' zips and layers, the bill
of materials of a layer, the Terraform module, the version's part of the changelog and SHA256SUMS.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from clickstream_lake import __version__

PROJECT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = (
    *("transform.zip", "compact.zip", "layer-arm64.zip", "layer-x86_64.zip"),
    "layer.cdx.json",  # the bill: what is in both layers, by CycloneDX
)
# What `terraform apply` reads, laid out as in the repository: the module finds the catalog by path.
_MODULE: Final = ("terraform", "src/clickstream_lake/catalogs", "LICENSE")


class ReleaseError(RuntimeError):
    """The release is not complete; the message says what is missing."""


def gather(project: Path, version: str, tag: str | None = None) -> Path:
    """Refill `dist/release/` of a project, and return its path.

    Raises:
        ReleaseError: the tag is not the version's, or something is not written or built yet.
    """
    if tag is not None and tag != f"v{version}":
        raise ReleaseError(f"the tag is {tag}, but the version is {version}")
    dist = project / "dist"
    notes = release_notes((project / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    files = [*_packages(dist), *_distributions(dist, version)]
    release = dist / "release"
    shutil.rmtree(release, ignore_errors=True)
    release.mkdir(parents=True)
    for file in files:
        shutil.copy2(file, release)
    _archive_module(project, release / f"clickstream-lake-terraform-{version}.tar.gz", version)
    (release / "NOTES.md").write_text(notes, encoding="utf-8")
    sums = [f"{_digest(path)}  {path.name}\n" for path in sorted(release.iterdir())]
    (release / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return release


def release_notes(changelog: str, version: str) -> str:
    """What the changelog says about a version.

    Raises:
        ReleaseError: it has no section of that version, or an empty one.
    """
    section = rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |\Z)"
    found = re.search(section, changelog, re.DOTALL | re.MULTILINE)
    if found is None or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md says nothing about {version}")
    return found[1].strip() + "\n"


def _packages(dist: Path) -> list[Path]:
    missing = [name for name in PACKAGES if not (dist / name).is_file()]
    if missing:
        raise ReleaseError(f"dist/ lacks {', '.join(missing)}: run `make release`")
    return [dist / name for name in PACKAGES]


def _distributions(dist: Path, version: str) -> list[Path]:
    stem = f"clickstream_lake-{version}"
    outside = [path for path in dist.rglob(f"{stem}*") if dist / "release" not in path.parents]
    wheels = [path for path in outside if path.suffix == ".whl"]
    sources = [path for path in outside if path.name == f"{stem}.tar.gz"]
    if not wheels or len(sources) != 1:
        raise ReleaseError(f"dist/ lacks wheels or the source of {version}: run `make release`")
    return sorted(wheels) + sources


def _archive_module(project: Path, target: Path, version: str) -> None:
    # Of the commit, not of the working tree; the same commit gives the same bytes.
    git = shutil.which("git")
    if git is None:
        raise ReleaseError("git is not installed: the Terraform module is archived by it")
    options = ["--format=tar.gz", f"--prefix=clickstream-lake-{version}/", f"--output={target}"]
    done = subprocess.run(  # noqa: S603 - the program and its arguments are ours
        [git, "archive", *options, "HEAD", *_MODULE],
        check=False,
        capture_output=True,
        text=True,
        cwd=project,
    )
    if done.returncode != 0:
        raise ReleaseError(f"the Terraform module cannot be archived:\n{done.stderr}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main(arguments: Sequence[str] | None = None) -> int:
    """Gather the release; 0 if it is complete."""
    parser = argparse.ArgumentParser(prog="python -m dev.release", description=__doc__)
    parser.add_argument("--tag", help="the release's tag, which has to be the version's")
    options = parser.parse_args(arguments)
    try:
        release = gather(PROJECT, __version__, options.tag)
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    for path in sorted(release.iterdir()):
        print(f"{path.stat().st_size:>12,}  {path.relative_to(PROJECT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
