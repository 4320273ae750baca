from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from clickstream_lake.cli import app
from tests.released import ALL, Release


def run(*options: str) -> Result:
    return CliRunner().invoke(app, ["package", *options])


def test_a_release_is_fetched_by_its_version(tmp_path: Path) -> None:
    release = Release(tmp_path / "v1.2.3", ALL)
    out = tmp_path / "packages"
    for version in ("1.2.3", "v1.2.3"):
        options = ["--release", version, "--sha256", release.sha256.upper(), "--out", str(out)]
        done = run(*options, "--from", tmp_path.as_uri(), "--architecture", "arm64")
        assert done.exit_code == 0, done.output
    assert (out / "layer-arm64.zip").exists()
    assert not (out / "layer-x86_64.zip").exists()
    assert "transform.zip is there" in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        ("--release", "1.2.3"),
        ("--release", "1.2.3", "--from", "https://example.com"),
        ("--release", "1.2.3", "--sha256", "0" * 64),
        ("--sha256", "0" * 64),
    ],
)
def test_a_release_comes_with_its_checksum_and_its_place(options: tuple[str, ...]) -> None:
    assert "--sha256" in str(run(*options).exception)


def test_outside_a_checkout_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "in a checkout" in str(run().exception)
