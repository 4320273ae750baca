import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from dev.release import PACKAGES, ReleaseError, gather, release_notes

CHANGELOG = """\
# Changelog

## [Unreleased]

- Later

## [1.2.3] - 2026-01-02

### Added

- Something

## [1.2.2] - 2026-01-01

- Before
"""
WHEEL = "clickstream_lake-1.2.3-py3-none-any.whl"
SOURCE = "clickstream_lake-1.2.3.tar.gz"
BUILT = (*PACKAGES, WHEEL, SOURCE)
MODULE = "clickstream-lake-terraform-1.2.3.tar.gz"


def git(project: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(  # noqa: S603 - arguments of this file
        ["git", *identity, *arguments],  # noqa: S607 - the git that the release takes, too
        cwd=project,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file, text in {
        "CHANGELOG.md": CHANGELOG,
        "LICENSE": "licence",
        "src/clickstream_lake/catalogs/clickstream.json": "{}",
        "src/clickstream_lake/other.py": "",
        "terraform/main.tf": "",
    }.items():
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=All")
    for name in BUILT:
        path = tmp_path / "dist" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    return tmp_path


def test_a_release_holds_what_was_built_the_module_and_the_notes(project: Path) -> None:
    release = gather(project, "1.2.3", "v1.2.3")
    assert {path.name for path in release.iterdir()} == {*BUILT, MODULE, "NOTES.md", "SHA256SUMS"}
    assert [(release / name).read_text() for name in BUILT] == list(BUILT)
    assert (release / "NOTES.md").read_text() == "### Added\n\n- Something\n"


def test_the_module_finds_its_catalog_and_brings_nothing_else(project: Path) -> None:
    with tarfile.open(gather(project, "1.2.3") / MODULE) as archive:
        files = {member.name for member in archive if member.isfile()}
    assert files == {
        "clickstream-lake-1.2.3/LICENSE",
        "clickstream-lake-1.2.3/src/clickstream_lake/catalogs/clickstream.json",
        "clickstream-lake-1.2.3/terraform/main.tf",
    }


def test_the_sums_are_those_of_all_other_files(project: Path) -> None:
    release = gather(project, "1.2.3")
    lines = (release / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in release.iterdir()
        if path.name != "SHA256SUMS"
    }


def test_gathering_again_takes_nothing_of_the_release_before(project: Path) -> None:
    release = gather(project, "1.2.3")
    (release / "clickstream_lake-1.2.3-stale.whl").write_text("stale")
    assert not (gather(project, "1.2.3") / "clickstream_lake-1.2.3-stale.whl").exists()


def test_another_tag_than_the_versions_stops_it(project: Path) -> None:
    with pytest.raises(ReleaseError, match=r"the tag is v1\.2\.4, but the version is 1\.2\.3"):
        gather(project, "1.2.3", "v1.2.4")


@pytest.mark.parametrize("name", BUILT)
def test_nothing_may_be_missing(project: Path, name: str) -> None:
    (project / "dist" / name).unlink()
    with pytest.raises(ReleaseError, match=r"dist/ lacks .*: run `make release`"):
        gather(project, "1.2.3")


def test_wheels_of_another_version_are_not_released(project: Path) -> None:
    shutil.move(project / "dist" / WHEEL, project / "dist" / WHEEL.replace("1.2.3", "1.2.2"))
    with pytest.raises(ReleaseError, match="lacks wheels"):
        gather(project, "1.2.3")


def test_the_notes_are_the_versions_part_of_the_changelog() -> None:
    assert release_notes(CHANGELOG, "1.2.3") == "### Added\n\n- Something\n"
    assert release_notes(CHANGELOG, "1.2.2") == "- Before\n"
    with pytest.raises(ReleaseError, match=r"says nothing about 1\.2"):
        release_notes(CHANGELOG, "1.2")
