from pathlib import Path

import pytest

from clickstream_lake.operate.release import SUMS, ReleaseError, fetch, packages
from tests.released import ALL, Release, digest


@pytest.fixture
def release(tmp_path: Path) -> Release:
    return Release(tmp_path / "v1", ALL)


def test_a_release_fills_the_directory(release: Release, tmp_path: Path) -> None:
    out = tmp_path / "packages"
    assert release.fetch(out) == [f"{name} fetched" for name in ALL]
    assert sorted(path.name for path in out.iterdir()) == sorted([*ALL, SUMS])
    assert all(digest(out / name) == digest(release.directory / name) for name in ALL)


def test_what_is_right_already_is_not_fetched_again(release: Release, tmp_path: Path) -> None:
    release.fetch(tmp_path / "packages")
    (tmp_path / "packages" / "compact.zip").write_bytes(b"of yesterday")
    assert [line for line in release.fetch(tmp_path / "packages") if "fetched" in line] == [
        "compact.zip fetched"
    ]


def test_one_layer_is_enough(tmp_path: Path) -> None:
    small = Release(tmp_path / "v1", packages(["arm64"]))
    small.fetch(tmp_path / "out", architectures=["arm64"])
    with pytest.raises(ReleaseError, match=r"does not name layer-x86_64\.zip"):
        small.fetch(tmp_path / "out")


@pytest.mark.parametrize("name", [SUMS, *ALL])
def test_of_another_file_nothing_is_kept(release: Release, tmp_path: Path, name: str) -> None:
    with (release.directory / name).open("ab") as file:
        file.write(b"!")
    with pytest.raises(ReleaseError, match=f"{name} is not the release's"):
        release.fetch(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("location", ["ftp://example.com/v1", "/tmp/v1", "s3://releases/v1"])  # noqa: S108 - never opened
def test_other_kinds_of_places_are_refused(location: str, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="no file:, http: or https: URL"):
        fetch(location, "0" * 64, tmp_path)


def test_a_release_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="SHA256SUMS: "):
        fetch((tmp_path / "nothing").as_uri(), "0" * 64, tmp_path / "out")
